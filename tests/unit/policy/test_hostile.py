from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.policy.contract import TASKS, Contract, ContractEntry, Grant, Refused, decide
from shipway.policy.events import NEVER
from shipway.policy.trigger import Trigger, by_hand

CONTRACT = Contract(
    path="ci/release.toml",
    entries=(
        ContractEntry(
            name="main",
            event="push",
            ref="refs/heads/main",
            environments=("staging",),
            tasks=TASKS[:2],
        ),
        ContractEntry(
            name="stable",
            event="push",
            ref="refs/tags/*-stable",
            environments=("production",),
            tasks=TASKS,
        ),
        ContractEntry(
            name="by-hand",
            event="by-hand",
            ref="",
            environments=("local", "sandbox", "staging"),
            tasks=TASKS,
        ),
    ),
)

HERE = Path(__file__).parent


def ref_of(row: dict[str, Any]) -> str:
    """A ref of the table; the longest are told by what is repeated."""
    return str(row["ref"]) + "a" * int(row.get("times", 0)) + str(row.get("then", ""))


ROWS: list[dict[str, Any]] = json.loads((HERE / "hostile-refs.json").read_text(encoding="utf-8"))
"""Refs, each with the words in which "main" and "stable" refuse a push of it."""
HOSTILE = [(ref_of(row), (row["main"], row["stable"])) for row in ROWS]


def test_the_table_is_as_long_as_it_should_be_and_names_no_ref_twice() -> None:
    refs = [ref for ref, _ in HOSTILE]
    assert len(refs) == len(set(refs)) >= 80


@pytest.mark.parametrize(("ref", "why"), HOSTILE, ids=[repr(ref)[:40] for ref, _ in HOSTILE])
def test_a_hostile_ref_is_refused_and_told_why(ref: str, why: tuple[str, str]) -> None:
    decision = decide(CONTRACT, Trigger(event="push", ref=ref), environment=None)
    assert isinstance(decision, Refused)
    assert tuple(reason.why for reason in decision.reasons) == (
        *why,
        "this was started by GitHub",
    )
    for line in (decision.what, decision.remedy, *decision.lines()):
        assert line.isprintable()
        assert line.isascii()
        assert len(line) < 400


@pytest.mark.parametrize("event", sorted(NEVER))
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1-stable"])
def test_an_event_that_anybody_can_cause_is_refused_even_by_a_contract_that_names_it(
    event: str, ref: str
) -> None:
    entry = ContractEntry(
        name="trap", event=event, ref=ref, environments=("production",), tasks=TASKS
    )
    contract = Contract(path="x", entries=(entry, *CONTRACT.entries))
    decision = decide(contract, Trigger(event=event, ref=ref), environment=None)
    assert isinstance(decision, Refused)
    assert decision.reasons[0].why == f"{event} can never release: {NEVER[event]}"


NAMES = st.text(st.sampled_from("main-stblev1./\n$А"), max_size=12)  # noqa: RUF001  # a Cyrillic letter
REFS = st.builds(
    str.__add__, st.sampled_from(["refs/heads/", "refs/tags/", "refs/", "", "x"]), NAMES
) | st.sampled_from(["refs/heads/main", "refs/tags/v1-stable", *(ref for ref, _ in HOSTILE[:90])])
EVENTS = st.sampled_from(["push", "by-hand", "workflow_dispatch", "Push", "", *NEVER])


@given(
    st.builds(Trigger, event=EVENTS, ref=REFS, deleted=st.booleans(), fork=st.booleans()),
    st.none() | st.sampled_from(["local", "sandbox", "staging", "production", "", "x"]),
    st.none() | st.sampled_from(TASKS),
)
def test_nothing_outside_the_contract_is_ever_allowed(
    trigger: Trigger, environment: str | None, task: object
) -> None:
    decision = decide(CONTRACT, trigger, environment=environment, task=task)  # type: ignore[arg-type]
    if isinstance(decision, Refused):
        assert len(decision.reasons) == len(CONTRACT.entries)
        return
    assert task is None or task in decision.tasks
    assert environment in (None, decision.environment)
    if trigger.event == "by-hand":
        assert environment in ("local", "sandbox", "staging")
        assert decision.tasks == TASKS
        return
    assert trigger.event == "push"
    assert not trigger.deleted
    assert not trigger.fork
    if decision.environment == "staging":
        assert trigger.ref == "refs/heads/main"
        assert decision.tasks == ("build", "publish")
    else:
        assert decision.environment == "production"
        assert trigger.ref.isascii()
        assert trigger.ref.startswith("refs/tags/")
        assert trigger.ref.endswith("-stable")
        assert trigger.ref.count("/") == 2
        assert trigger.ref.isprintable()
        assert "$" not in trigger.ref


@pytest.mark.parametrize("environment", ["local", "sandbox", "staging"])
def test_what_the_contract_says_is_allowed(environment: str) -> None:
    hand = decide(CONTRACT, by_hand(), environment=environment)
    assert isinstance(hand, Grant)
    assert hand.text == f"by hand → {environment}: {', '.join(TASKS)}"
