"""Timelines of ECS → verdicts: each file of ``rollouts/`` is a world that changes at given seconds.

``world`` holds what ECS shows from second ``at`` on; each entry changes the one before it, and
troubles last until the next entry. ``expect`` says the verdict, the second at which the judge must
know it when it looks every second, when failure was announced, and what must have happened when.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.rollout.judge import judge
from shipway.rollout.judge.terms import DeploymentRef, FetchPlan, Outcome, Policy, RolloutEvent
from shipway.rollout.judge.verdict import VERDICTS
from shipway.rollout.snapshot import Snapshot, Trouble

T0 = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
DIGEST = "sha256:" + "9c41" * 16
FILES = sorted((Path(__file__).parent / "timelines").glob("*.json"))
NAMES = [file.stem for file in FILES]
TARGET: dict[str, Any] = {
    "subject": "web",
    "service": "shop-web",
    "task_definition": "shop:42",
    "container": "web",
    "digest": DIGEST,
    "deployment_id": "ecs-svc/42",
    "previous_task_definition": "shop:41",
    "previous_deployment": "ecs-svc/41",
    "earlier": ["ecs-svc/41"],
    "replaced_service_deployment": "sd41",
}
CALM = 3


hints_of = functools.cache(typing.get_type_hints)


def build(kind: Any, value: Any) -> Any:
    """A value of the annotated type from JSON; numbers for times are seconds since T0."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return None if value is None else build(next(a for a in args if a is not type(None)), value)
    if origin is tuple:
        return tuple(build(args[0], each) for each in value)
    if origin is frozenset:
        return frozenset(value)
    if kind is datetime:
        return T0 + timedelta(seconds=value)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = hints_of(kind)
        return kind(**{name: build(hints[name], each) for name, each in value.items()})
    return value


@dataclasses.dataclass
class Timeline:
    """One file, read."""

    doc: dict[str, Any]
    world: list[tuple[float, Snapshot]]

    def begin(self) -> judge.State:
        target = build(DeploymentRef, TARGET | self.doc.get("target", {}))
        return judge.begin(target, Policy(**self.doc.get("policy", {})), T0)

    def at(self, second: float) -> Snapshot:
        return [shown for since, shown in self.world if since <= second][-1]

    @property
    def end(self) -> float:
        return float(self.doc.get("until", self.world[-1][0] + CALM))


@functools.cache
def load(file: Path) -> Timeline:
    doc = json.loads(file.read_text(encoding="utf-8"))
    world: list[tuple[float, Snapshot]] = []
    merged: dict[str, Any] = {}
    for look in doc["world"]:
        merged = {**merged, "troubles": [], **look}
        fields = {name: value for name, value in merged.items() if name != "at"}
        world.append((look["at"], build(Snapshot, fields)))
    return Timeline(doc=doc, world=world)


class Hands:
    """Does what the judge asks, as the file's ``do`` says: interrupts and refusals."""

    def __init__(self, timeline: Timeline) -> None:
        todo = timeline.doc.get("do", [])
        self.interrupts = [each["at"] for each in todo if "interrupt" in each]
        self.answers = [each["answer"] for each in todo if "answer" in each]

    def press(self, state: judge.State, second: float) -> tuple[judge.State, list[RolloutEvent]]:
        events: list[RolloutEvent] = []
        while self.interrupts and self.interrupts[0] <= second:
            self.interrupts.pop(0)
            state, happened = judge.interrupt(state, T0 + timedelta(seconds=second))
            events += happened
        return state, events

    def obey(self, state: judge.State, events: list[RolloutEvent], second: float) -> judge.State:
        for event in events:
            if event.action is not None:
                answer = self.answers.pop(0) if self.answers else None
                trouble = Trouble(**answer) if answer else None
                state = judge.answered(state, trouble, T0 + timedelta(seconds=second))
        return state


def watch_each_second(
    timeline: Timeline,
) -> tuple[judge.State, list[RolloutEvent], Outcome | None]:
    state, hands, log = timeline.begin(), Hands(timeline), []
    outcome, second = None, 0.0
    while outcome is None and second <= timeline.end:
        state, events = hands.press(state, second)
        state = hands.obey(state, events, second)
        log += events
        now = T0 + timedelta(seconds=second)
        state, happened, outcome = judge.step(state, timeline.at(second), now)
        state = hands.obey(state, list(happened), second)
        log += happened
        second += 1
    return state, log, outcome


def seconds(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - T0).total_seconds()


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_and_its_second(name: str) -> None:
    timeline = load(FILES[NAMES.index(name)])
    expect = timeline.doc["expect"]
    state, log, outcome = watch_each_second(timeline)
    if expect["verdict"] is None:
        assert outcome is None, outcome
        return
    assert outcome is not None, judge.progress(state, timeline.world[-1][1], T0)
    shown = (outcome.verdict.name, seconds(outcome.at), outcome.text)
    assert shown[:2] == (expect["verdict"], expect["second"]), shown
    if "announced" in expect:
        assert seconds(state.announced) == expect["announced"], state.cause
    assert expect.get("text", "") in outcome.text
    assert expect.get("proof", "") in outcome.proof
    assert expect.get("by", "") in outcome.by
    assert expect.get("remedy", "") in outcome.remedy
    assert outcome.rolled_back == expect.get("rolled_back", outcome.rolled_back)
    if "cause" in expect:
        assert outcome.cause is not None
        assert outcome.cause.kind == expect["cause"]
    happened = [[seconds(h.at), h.kind] for h in log]
    for event in expect.get("events", []):
        assert event in happened, happened
    kinds = [kind for _, kind in happened]
    assert kinds.count("announced") <= 1
    expected_kinds = [kind for _, kind in expect.get("events", [])]
    assert kinds.count("ask") <= max(1, expected_kinds.count("ask")), "asked again without a need"
    assert not set(expect.get("never", [])) & set(kinds)
    assert kinds.count("concluded") == 1
    assert kinds[-1] == "concluded"


def glance_of(snapshot: Snapshot) -> Snapshot:
    return dataclasses.replace(
        snapshot,
        service_deployment=None,
        newest=None,
        revisions=(),
        tasks=(),
        stopped=(),
        targets=(),
        troubles=tuple(t for t in snapshot.troubles if t.operation == "DescribeServices"),
    )


def fetched(full: Snapshot, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
    """What a faithful adapter answers to ``fetch``."""
    described = fetch.service_deployment and full.service_deployment
    denied = {t.operation for t in full.troubles}
    troubles = list(glance.troubles)
    if fetch.service_deployment and "DescribeServiceDeployments" in denied:
        troubles += [t for t in full.troubles if t.operation == "DescribeServiceDeployments"]
        described = None
    if (fetch.tasks or fetch.stopped) and "ListTasks" in denied:
        troubles += [t for t in full.troubles if t.operation == "ListTasks"]
    return dataclasses.replace(
        glance,
        # Where listing finds no task there is none to describe.
        calls=fetch.calls - ((fetch.tasks or fetch.stopped) > _found(full, fetch)),
        service_deployment=described or None,
        newest=full.newest if fetch.newest else None,
        revisions=full.revisions if fetch.revisions else (),
        tasks=full.tasks if fetch.tasks else (),
        stopped=full.stopped if fetch.stopped else (),
        targets=full.targets if fetch.targets else (),
        troubles=tuple(troubles),
    )


def _found(full: Snapshot, fetch: FetchPlan) -> bool:
    return bool((fetch.tasks and full.tasks) or (fetch.stopped and full.stopped))


@pytest.mark.parametrize(
    "name", [n for n, f in zip(NAMES, FILES, strict=True) if load(f).doc.get("loop", True)]
)
def test_the_same_verdict_with_few_calls(name: str) -> None:
    """Looking as seldom and as little as the judge asks: same verdict, soon, within the budget."""
    timeline = load(FILES[NAMES.index(name)])
    expect = timeline.doc["expect"]
    state, hands = timeline.begin(), Hands(timeline)
    outcome, second, budget = None, 0.3, judge.Budget()
    while outcome is None and second <= timeline.end + 20:
        state, events = hands.press(state, second)
        state = hands.obey(state, events, second)
        now = T0 + timedelta(seconds=second)
        full = timeline.at(second)
        glance = glance_of(full)
        budget = budget.after(now, 1)
        fetch = judge.fetch(state, glance, now, budget)
        snapshot = fetched(full, glance, fetch)
        budget = budget.after(now, snapshot.calls - 1)
        assert budget.left(now) >= 0, second
        state, happened, outcome = judge.step(state, snapshot, now)
        state = hands.obey(state, list(happened), second)
        second += max(0.05, judge.next_look(state, now, budget))
    assert (outcome.verdict.name if outcome else None) == expect["verdict"], outcome
    if outcome is not None:
        # Where the counts stay as they are, there is no occasion to list tasks.
        late = (seconds(outcome.at) or 0) - expect.get("counts_show", expect["second"])
        assert late <= 6, late


def test_a_quiet_watch_keeps_what_the_end_needs() -> None:
    timeline = load(FILES[NAMES.index("still-running")])
    state, budget = timeline.begin(), judge.Budget()
    second, spent = 0.0, []
    while second < 600:
        now = T0 + timedelta(seconds=second)
        full = timeline.at(second)
        glance = glance_of(full)
        budget = budget.after(now, 1)
        fetch = judge.fetch(state, glance, now, budget)
        budget = budget.after(now, fetch.calls - 1)
        spent += [second] * fetch.calls
        state, _, outcome = judge.step(state, fetched(full, glance, fetch), now)
        assert outcome is None
        second += judge.next_look(state, now, budget)
    for minute in range(1, 9):
        calls = [s for s in spent if minute * 60 <= s < minute * 60 + 60]
        assert len(calls) <= 56, (minute, len(calls))
    assert len([s for s in spent if s >= 540]) >= 6, "it must not stop looking"


def test_every_verdict_and_strategy_has_a_timeline() -> None:
    docs = [load(file).doc for file in FILES]
    # already-running is decided before UpdateService: there is no rollout to judge. did-not-hold
    # is decided after it: the rollout had succeeded.
    verdicts = {v.name for v in VERDICTS} - {"already-running", "did-not-hold"}
    assert verdicts == {d["expect"]["verdict"] for d in docs} - {None}
    assert {d["strategy"] for d in docs} == {"ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"}
    assert len(docs) >= 40


GOOD = {"SUCCESSFUL"}
ALL_LOOKS = [shown for file in FILES for _, shown in load(file).world]


def succeeded_somewhere(snapshots: list[Snapshot]) -> bool:
    """Whether ECS ever said of our deployment, by ARN or by id, that it succeeded."""
    for shown in snapshots:
        for deployment in (shown.service_deployment, shown.newest):
            if deployment is not None and deployment.arn == "sd42" and deployment.status in GOOD:
                return True
        for entry in shown.deployments:
            if entry.id == "ecs-svc/42" and entry.rollout_state in {"COMPLETED", None}:
                return True
    return False


looks = st.lists(
    st.tuples(st.sampled_from(ALL_LOOKS), st.floats(min_value=-30, max_value=120)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(looks=looks, describes=st.booleans())
def test_success_is_never_said_of_what_did_not_succeed(
    looks: list[tuple[Snapshot, float]], *, describes: bool
) -> None:
    state = judge.begin(build(DeploymentRef, TARGET), Policy(), T0)
    now, seen = T0, []
    first: Outcome | None = None
    for shown, jump in looks:
        now += timedelta(seconds=jump)
        look = shown if describes else dataclasses.replace(shown, current_service_deployment=None)
        seen.append(look)
        state, happened, outcome = judge.step(state, look, now)
        if first is not None:
            assert (outcome, happened) == (first, ()), "a final verdict never changes"
        if outcome is not None and outcome.verdict.good:
            assert succeeded_somewhere(seen)
        first = first or outcome
        assert judge.next_look(state, now) >= 0
        judge.progress(state, look, now)
        judge.fetch(state, look, now)


FAILED_WORLDS = [
    file
    for file in FILES
    if load(file).doc["expect"]["verdict"] in {"rolled-back", "rollback-failed", "stopped", "alarm"}
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_shuffled_failure_is_never_a_success(data: st.DataObject) -> None:
    timeline = load(data.draw(st.sampled_from(FAILED_WORLDS)))
    shown = [snapshot for _, snapshot in timeline.world]
    order = data.draw(st.lists(st.sampled_from(shown), min_size=1, max_size=20))
    state = timeline.begin()
    for number, look in enumerate(order):
        state, _, outcome = judge.step(state, look, T0 + timedelta(seconds=number * 7))
        assert outcome is None or not outcome.verdict.good


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots=st.lists(st.from_type(Snapshot), max_size=4), second=st.floats(-1e6, 1e6))
def test_any_snapshot_at_all_is_taken(snapshots: list[Snapshot], second: float) -> None:
    state = judge.begin(build(DeploymentRef, TARGET), Policy(), T0)
    for look in snapshots:
        now = T0 + timedelta(seconds=second)
        judge.fetch(state, look, now)
        state, _, _ = judge.step(state, look, now)
        judge.progress(state, look, now)
        assert judge.next_look(state, now) >= 0
