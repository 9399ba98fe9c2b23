"""The first failure, told when it is seen: what failed, and what would make it a verdict."""

from __future__ import annotations

from shipway.rollout.judge.certainty import by_failure, cause_of
from shipway.rollout.judge.progress import breaker
from shipway.rollout.judge.state import State, evolve
from shipway.rollout.judge.terms import RolloutEvent

_TOLD = "first failure"
_TWICE = 2


def explain(state: State, events: list[RolloutEvent]) -> State:
    """Add one line to ``events`` where tasks failed for the first time and nothing is certain yet.

    What passes by itself (a lost instance, a throttled pull) is told by its own line alone.
    """
    over = state.announced or state.rolling_back_since or state.succeeded_since or state.failed
    if over or not state.stopped or _TOLD in state.noted:
        return state
    groups = by_failure(state.stopped)
    striking = [group for group in groups if group[1].weight != "transient"]
    if not striking:
        return state
    cause = cause_of(*striking[0], sum(len(tasks) for tasks, _ in groups))
    # "crash loop" and its like are the verdict's words: it is not one yet.
    what = cause.text.partition(": ")[2]
    text = f"{what}; no verdict yet: {_proof(state)}{_breaker(state)}"
    events.append(RolloutEvent(at=state.now, kind="first-failure", text=text, level="warning"))
    return evolve(state, noted=state.noted | {_TOLD})


def _proof(state: State) -> str:
    enough = state.policy.same_failure
    if enough == _TWICE:
        return "it fails once a replacement does the same"
    return f"it fails once replacements did the same {enough - 1} times"


def _breaker(state: State) -> str:
    counted = None
    if state.service is not None:
        counted = breaker(state.described, state.deployment, state.service)
    if counted is None:
        return ""
    return f"; ECS's circuit breaker counts {counted[0]} of {counted[1]}"
