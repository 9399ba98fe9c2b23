"""Hold releases until each has its outcome: the hands and eyes around the hold's judge.

One loop for all services of a delivery, one DescribeServices for ten of them and one DescribeAlarms
for all alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shipway.errors import AccessDeniedError, AwsError, CancelledError, CredentialsError
from shipway.observer import Holding, Observer
from shipway.rollout.hold import judge
from shipway.rollout.hold.judge import HoldState
from shipway.rollout.hold.terms import TRIES, Alarm, HoldLook, HoldOutcome, HoldTarget
from shipway.rollout.judge.state import label
from shipway.rollout.ports import Alarms, Ecs, Prober
from shipway.rollout.snapshot import Snapshot
from shipway.util.clock import Clock
from shipway.util.side_by_side import look_up
from shipway.values import HttpAnswer

_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldContext:
    """What a hold reaches.

    Attributes:
        ecs: What runs.
        alarms: CloudWatch.
        prober: Asks addresses.
        cluster: The cluster of all services.
        clock: The time.
        observer: Is told of progress.
        together: Whether the first service that does not hold ends the hold of all.
    """

    ecs: Ecs
    alarms: Alarms
    prober: Prober
    cluster: str
    clock: Clock
    observer: Observer
    together: bool = True


def hold(targets: Sequence[HoldTarget], context: HoldContext) -> tuple[HoldState, ...]:
    """Watch every service until its hold has an outcome; in the order of ``targets``.

    Raises:
        CancelledError: Ctrl-C; it says what is in service.
    """
    began = context.clock.now()
    states = {target.service: judge.begin(target, began) for target in targets}
    try:
        while any(state.outcome is None for state in states.values()):
            _round(states, context)
    except KeyboardInterrupt as error:
        raise _interrupted(states, context) from error
    return tuple(states[target.service] for target in targets)


def outcome_of(state: HoldState) -> HoldOutcome:
    """How a hold that is over ended."""
    if state.outcome is None:
        raise AssertionError(f"the hold of {state.target.subject} goes on")
    return state.outcome


def _round(states: dict[str, HoldState], context: HoldContext) -> None:
    clock = context.clock
    open_ = [state for state in states.values() if state.outcome is None]
    wait = min(judge.next_look(state, clock.now()) for state in open_)
    # The first look is taken at once.
    if wait > 0 and all(state.looks for state in open_):
        clock.sleep(wait)
    seen = context.ecs.services(context.cluster, [state.target.service for state in open_])
    wanted = {
        name
        for state in open_
        if judge.asks_alarms(state, clock.now())
        for name in state.target.alarms
    }
    alarms = _alarms(sorted(wanted), context)
    looks = _looks(open_, seen, alarms or {}, context)
    for state in open_:
        service = state.target.service
        states[service] = _judged(state, looks[service], context)
        broken = states[service].outcome
        if broken is not None and broken.end == "broken" and context.together:
            for other in open_:
                name = other.target.service
                states[name] = judge.cut(states[name], state.target.subject, clock.now())
            return


def _looks(
    states: Sequence[HoldState],
    glances: Mapping[str, Snapshot],
    alarms: Mapping[str, Alarm],
    context: HoldContext,
) -> Mapping[str, HoldLook]:
    """What each service's judge wants besides, side by side."""
    now = context.clock.now()
    fetches = {
        state.target.service: judge.fetch(state, glances[state.target.service], now)
        for state in states
    }

    def complete(name: str) -> Snapshot:
        return context.ecs.complete(context.cluster, name, glances[name], fetches[name])

    wanted = [name for name, fetch in fetches.items() if fetch.calls > 1]
    seen = {**glances, **look_up(complete, wanted)}
    answers = _answers([state.target for state in states], glances, context)
    looks = {}
    for target in (state.target for state in states):
        name = target.service
        helpers = target.definition.helpers
        mine = tuple(alarms[alarm] for alarm in target.alarms if alarm in alarms)
        looks[name] = HoldLook(
            snapshot=seen[name].with_helpers(helpers) if name in wanted else seen[name],
            fetch=fetches[name],
            alarms=mine or None,
            answers=answers.get(name, ()),
        )
    return looks


def _judged(state: HoldState, look: HoldLook, context: HoldContext) -> HoldState:
    target, snapshot = state.target, look.snapshot
    state = judge.step(state, look, context.clock.now())
    context.observer(
        Holding(
            subject=target.subject,
            held=state.held,
            seconds=target.seconds,
            running=snapshot.running if snapshot.answered else None,
            desired=snapshot.desired,
            trouble=state.trouble,
        )
    )
    return state


def _alarms(names: Sequence[str], context: HoldContext) -> Mapping[str, Alarm] | None:
    """What CloudWatch says now; ``None`` where it was not asked, or gave no answer."""
    if not names:
        return None
    try:
        return context.alarms.states(names)
    except (AwsError, AccessDeniedError, CredentialsError):
        # The next look asks again; where none is ever answered, the hold's end says so.
        return None


def _answers(
    targets: Sequence[HoldTarget], seen: Mapping[str, Snapshot], context: HoldContext
) -> Mapping[str, tuple[HttpAnswer, ...]]:
    """What the addresses answer, by service; a wrong answer is asked again before it is believed.

    All are asked side by side.
    """
    wrong = {
        target.service: target
        for target in targets
        if target.url and (seen[target.service].desired or not seen[target.service].answered)
    }
    answers: dict[str, tuple[HttpAnswer, ...]] = {}
    for attempt in range(TRIES):
        if attempt and wrong:
            context.clock.sleep(max(target.interval for target in wrong.values()))
        said = look_up(_get(wrong, context), wrong)
        answers |= {name: (*answers.get(name, ()), answer) for name, answer in said.items()}
        wrong = {
            name: target
            for name, target in wrong.items()
            if said[name].status != target.expected_status
        }
    return answers


def _get(targets: Mapping[str, HoldTarget], context: HoldContext) -> Callable[[str], HttpAnswer]:
    return lambda name: context.prober.get(targets[name].url, _ANSWER_SECONDS)


def _interrupted(states: Mapping[str, HoldState], context: HoldContext) -> CancelledError:
    """What is in service, and for how long it was good."""
    now = context.clock.now()
    lines = []
    for state in states.values():
        held = min((now - state.started).total_seconds(), state.target.seconds)
        name = label(state.target.definition.arn)
        lines.append(
            f"{state.target.subject}: {name} is in service; "
            f"held {held:.0f} s of {state.target.seconds:g}"
        )
    return CancelledError(
        "interrupted while the release was held",
        details=tuple(lines),
        remedy="it stays in service; run verify to prove it, or deploy the earlier image with "
        "--image to go back",
    )
