from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from shipway.errors import RolloutError
from shipway.reference.exit_codes import exit_codes, page
from shipway.rollout.judge.verdict import FAILING, SUPERSEDED, VERDICTS

PAGE = Path(__file__).parents[3] / "docs" / "exit-codes.md"


def test_the_committed_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: nox -s generate"


def test_a_code_means_one_thing() -> None:
    names = defaultdict(set)
    for row in exit_codes():
        names[row.code].add(row.kind)
    good = {"succeeded", "succeeded-no-tasks", "already-running", "no-change"}
    assert names.pop(0) == good
    assert all(len(kinds) == 1 for kinds in names.values()), names


def test_rollouts_have_the_thirties_and_each_verdict_one_name() -> None:
    assert len({v.name for v in VERDICTS}) == len(VERDICTS)
    codes = [v.exit_code for v in VERDICTS if not v.good]
    assert len(set(codes)) == len(codes)
    # 41 stands beside 40, the verification that comes before the hold.
    assert sorted(code for code in codes if code >= 20) == [*range(30, 40), 41]


def test_a_rollout_error_ends_with_its_verdict() -> None:
    error = RolloutError("superseded by ecs-svc/43", verdict=SUPERSEDED, where="web")
    assert (error.exit_code, error.kind, str(error)) == (
        34,
        "superseded",
        "web: superseded by ecs-svc/43",
    )
    assert RolloutError.exit_code == FAILING.exit_code
