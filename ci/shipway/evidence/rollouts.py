"""What became of each delivery, out of its record: held, failed, or no rollout at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from shipway.evidence.facts.rollout import ServiceFact
from shipway.evidence.history import RecordedDelivery
from shipway.observer import Started

Outcome = Literal["held", "failed", "undecided", "unchanged", "published", "refused", "stopped"]
"""``undecided``: a rollout whose end says nothing about the release, because somebody ended it,
a newer one replaced it, or nobody could watch; ``stopped``: an error before a rollout began."""

# Verdicts of rollout/judge/verdict.py and kinds of errors.py, as records have them.
_HELD: Final = frozenset({"succeeded", "image-parameter"})
_FAILED: Final = frozenset(
    {
        *("failing", "rolled-back", "rollback-failed", "stopped", "timed-out", "alarm"),
        *("no-capacity", "service-missing", "did-not-hold", "verification-failed"),
    }
)
_AFTER_THE_ROLLOUT: Final = frozenset({"did-not-hold", "verification-failed"})
_IN_SERVICE: Final = frozenset({"succeeded", "succeeded-no-tasks"})
_MOVED_NOTHING: Final = "already-running"
_OUR_DAYS: Final = range(2000, 2200)
_WENT_BACK: Final = frozenset({"put back", "left"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A delivery whose rollout began.

    Attributes:
        recorded: Its record.
        held: Whether the release stayed in service; ``None`` where its end does not say.
        began: When the rollout began.
        ended: When the delivery ended: what holds has been held by then.
        commit: The commit; empty where more than a commit was delivered.
        committed: When it was committed; ``None`` where no record says.
        restored: Whether a release that failed left every service with what ran there before.
    """

    recorded: RecordedDelivery
    held: bool | None
    began: datetime
    ended: datetime
    commit: str
    committed: datetime | None
    restored: bool


def outcome(recorded: RecordedDelivery) -> Outcome:
    """What became of a delivery."""
    delivery = recorded.delivery
    decision = delivery.decision
    if _began(recorded):
        if recorded.kind in _HELD:
            return "held"
        return "failed" if recorded.kind in _FAILED else "undecided"
    if recorded.kind == "refused" or (decision is not None and decision.allowed is False):
        return "refused"
    if recorded.kind != "succeeded":
        return "stopped"
    return "unchanged" if delivery.services else "published"


def rollouts(deliveries: Iterable[RecordedDelivery]) -> Iterator[Rollout]:
    """Every delivery whose rollout began, as far as its record says when that was."""
    for recorded in deliveries:
        began, ended = moment(recorded.started), moment(recorded.delivery.finished_on)
        if not _began(recorded) or began is None or ended is None:
            continue
        ended = max(began, ended)
        commit = recorded.delivery.commit
        whole = commit is not None and commit.clean is not False
        verdict = outcome(recorded)
        yield Rollout(
            recorded=recorded,
            held=None if verdict == "undecided" else verdict == "held",
            began=min(max(_deploying(recorded) or began, began), ended),
            ended=ended,
            commit=commit.sha if commit and whole else "",
            committed=moment(commit.time) if commit and whole else None,
            restored=verdict == "failed" and _restored(recorded),
        )


@lru_cache(maxsize=1 << 16)
def moment(text: str) -> datetime | None:
    """A moment that a record names, in UTC; ``None`` where it names none of our days."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _OUR_DAYS else None


def _began(recorded: RecordedDelivery) -> bool:
    """Whether ECS was given something to roll out: what ran already was left alone.

    What ran already and was held is the rollout of a delivery that died before it had a record.
    """
    delivery = recorded.delivery
    return bool(delivery.resumed or delivery.holds) or any(map(_moved, delivery.services))


def _moved(service: ServiceFact) -> bool:
    if service.verdict is not None and service.verdict.name == _MOVED_NOTHING:
        return False
    return bool(service.deployment_id or service.verdict)


def _deploying(recorded: RecordedDelivery) -> datetime | None:
    for entry in recorded.delivery.timeline:
        if isinstance(entry.event, Started) and entry.event.stage == "deploy":
            return moment(entry.at)
    return None


def _restored(recorded: RecordedDelivery) -> bool:
    """Whether what ran before runs again, by this record alone."""
    returned = {each.key: each.end for each in recorded.delivery.put_back}
    moved = [service for service in recorded.delivery.services if _moved(service)]
    return bool(moved) and all(
        _is_back(service, returned.get(service.key), recorded.kind) for service in moved
    )


def _is_back(service: ServiceFact, put_back: str | None, kind: str) -> bool:
    if put_back is not None:
        return put_back in _WENT_BACK
    verdict = service.verdict.name if service.verdict else ""
    if verdict in _IN_SERVICE:
        return kind not in _AFTER_THE_ROLLOUT  # another service failed; this one is well
    rolled_back = service.conclusion is not None and service.conclusion.rolled_back
    return verdict == "rolled-back" or rolled_back
