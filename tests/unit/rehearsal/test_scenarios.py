"""Scenarios are made from the contract, whoever's it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.example import BLUEPRINT

from shipway.policy import load as contract_file
from shipway.policy.contract import Contract, Refused, decide
from shipway.policy.trigger import Trigger
from shipway.rehearsal import variants
from shipway.rehearsal.scenarios import scenarios
from shipway.rehearsal.walks import lanes

HEAD = """
schema = 1

[github]
repository = "acme/tally"
repository_id = 77
owner_id = 7
workflow = ".github/workflows/deploy.yml"
"""
ENTRY = """
[[allow]]
name = "{name}"
event = "push"
ref = "{ref}"
environment = "live"
tasks = {tasks}
"""
ALL = '["build", "publish", "deploy", "verify"]'
TAIL = """
[environments.live]
role = "tally-live"
"""


def contract(folder: Path, *entries: tuple[str, str, str]) -> Contract:
    text = HEAD + "".join(ENTRY.format(name=n, ref=r, tasks=t) for n, r, t in entries) + TAIL
    (folder / "release.toml").write_text(text, encoding="utf-8")
    return contract_file.load(folder / "release.toml")


def allowed(agreement: Contract, ref: str) -> bool:
    trigger = Trigger(event="push", ref=ref, sha="0" * 40, repository="acme/tally")
    return not isinstance(decide(agreement, trigger, environment=None, task=None), Refused)


def test_our_own_contract_gives_the_acceptance_table_its_rows() -> None:
    planned = scenarios(BLUEPRINT.contract, listens=True)
    assert [(scenario.name, scenario.criterion) for scenario in planned.allowed] == [
        ("01-main", "push to main builds, publishes to staging ECR as configured"),
        ("02-stable", "*-stable tags deploy to production"),
    ]
    assert [scenario.ref for scenario in planned.refused] == [
        "refs/heads/feature/main",
        "refs/tags/main",
        "refs/tags/v1.0.1",
        "refs/heads/v1.0.1-stable",
        "refs/pull/7/merge",
    ]
    assert [scenario.variant for scenario in planned.failing] == [
        "crash",
        "crash-later",
        "answers-500",
        "deaf",
        "",
        "",
    ]
    assert [scenario.cause for scenario in planned.failing][-2:] == ["", "secret-denied"]
    assert planned.failing[-1].again == "", "the contract asks for an image of its own commit"


def test_the_good_release_is_walked_again_when_its_scan_has_found_one_too_many() -> None:
    planned = scenarios(BLUEPRINT.contract, listens=True, scan_limits=BLUEPRINT.scan_limits)
    blocked = planned.failing[-1]
    assert (blocked.role, blocked.again, blocked.findings) == (
        "blocked",
        "02-stable",
        {"critical": 1},
    )
    assert (blocked.exit_code, blocked.kind) == (25, "scan-blocked")
    assert allowed(BLUEPRINT.contract, blocked.ref)
    assert lanes(planned, ())[0].scenarios[-1] == blocked


@pytest.mark.parametrize(
    ("limits", "findings"),
    [
        ({}, None),
        ({"staging": {"critical": 0}}, None),
        ({"production": {}}, None),
        ({"production": {"low": 3, "high": 1}}, {"high": 2}),
        ({"production": {"critical": 100_000}}, None),
    ],
)
def test_a_scan_is_blocked_where_the_gate_has_a_limit(
    limits: dict[str, dict[str, int]], findings: dict[str, int] | None
) -> None:
    planned = scenarios(BLUEPRINT.contract, listens=True, scan_limits=limits)
    blocked = [scenario for scenario in planned.all if scenario.role == "blocked"]
    assert [scenario.findings for scenario in blocked] == ([findings] if findings else [])


@pytest.mark.parametrize(
    "entries",
    [
        (("release", "refs/tags/v*", ALL),),
        (("main", "refs/heads/main", ALL),),
        (("trunk", "refs/heads/trunk", '["build"]'), ("go", "refs/tags/release-*-ok", ALL)),
        (("any", "refs/tags/*", ALL), ("main", "refs/heads/main", '["build", "publish"]')),
        (("once", "refs/tags/golden", ALL),),
    ],
)
def test_what_is_allowed_is_allowed_and_every_near_miss_is_refused(
    tmp_path: Path, entries: tuple[tuple[str, str, str], ...]
) -> None:
    agreement = contract(tmp_path, *entries)
    planned = scenarios(agreement, listens=True)
    assert all(allowed(agreement, scenario.ref) for scenario in planned.allowed)
    assert all(allowed(agreement, scenario.ref) for scenario in planned.failing)
    pushes = [scenario for scenario in planned.refused if scenario.event == "push"]
    assert pushes
    assert not [scenario.ref for scenario in pushes if allowed(agreement, scenario.ref)]
    names = [scenario.name for scenario in planned.all]
    assert len(set(names)) == len(names)


def test_a_contract_that_only_builds_has_no_release_that_could_fail(tmp_path: Path) -> None:
    agreement = contract(tmp_path, ("main", "refs/heads/main", '["build", "publish"]'))
    planned = scenarios(agreement, listens=True)
    assert planned.failing == ()
    assert [scenario.traffic for scenario in planned.allowed] == [False]


def test_a_worker_is_asked_by_nobody(tmp_path: Path) -> None:
    agreement = contract(tmp_path, ("main", "refs/heads/main", ALL))
    planned = scenarios(agreement, listens=False)
    assert [scenario.variant for scenario in planned.failing] == ["crash", "crash-later", "", ""]
    assert not any(scenario.traffic for scenario in planned.all)


def test_a_failing_release_is_their_dockerfile_with_another_program_behind() -> None:
    text = 'FROM scratch\nUSER 1000\nCMD ["/app"]'
    changed = variants.dockerfile(text, variants.DEAF)
    assert changed.startswith(text)
    assert 'ENTRYPOINT ["/.shipway-rehearsal/busybox", "sh", "/.shipway-rehearsal/deaf"]' in changed
    assert changed.endswith("CMD []\n")


def test_every_variant_has_its_script_in_the_named_context() -> None:
    contents = variants.files(b"program", 7010)
    assert contents["busybox"] == (b"program", 0o755)
    for name in (variants.CRASH, variants.CRASH_LATER, variants.DEAF, variants.ANSWERS_500):
        assert name in contents
    assert b"-p 7010" in contents[variants.ANSWERS_500][0]
    assert variants.LAST_WORDS.encode() in contents[variants.CRASH][0]
