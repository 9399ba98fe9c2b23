"""What the newest records say that a service runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shipway.evidence.facts.rollout import PutBackFact, ServiceFact
from shipway.evidence.history import RecordedDelivery

_GOES_BACK = "rolled-back"
_STAYS = frozenset(
    {"succeeded", "succeeded-no-tasks", "already-running", "failing", "did-not-hold"}
)
_MOVED_NOTHING = "already-running"
_PUT_BACK = "put back"
_NOT_PUT_BACK = "not put back"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRelease:
    """What a record says of one service.

    Attributes:
        task_definition: What runs by it; empty where the record does not know how it ended.
        image: The image by its digest; empty where a record before it says so.
        commit: The commit that it was built from; empty where the record went back.
        changed: Whether the work tree differed from that commit.
        by: Who brought it there.
        record: The record's path.
        at: When its delivery began, in UTC (RFC 3339).
    """

    task_definition: str
    image: str
    commit: str
    by: str
    record: str
    at: str
    changed: bool = False


def last_release(deliveries: Sequence[RecordedDelivery], service: str) -> RecordedRelease | None:
    """What the last delivery that touched a service left there.

    A delivery that found it running already moved nothing: who brought it there is in an earlier
    record, if that lies here. Where it was held all the same, whoever rolled it out left no record.

    Args:
        deliveries: Those of one environment, oldest first.
        service: ECS's name of it.
    """
    newest: RecordedRelease | None = None
    for recorded in reversed(deliveries):
        fact = next((each for each in recorded.delivery.services if each.service == service), None)
        if fact is None:
            continue
        release = _left_by(recorded, fact)
        if newest is not None and newest.task_definition != release.task_definition:
            break
        newest = replace(release, record=newest.record) if newest else release
        moved = fact.verdict is None or fact.verdict.name != _MOVED_NOTHING
        if moved or any(hold.key == fact.key for hold in recorded.delivery.holds):
            break
    return newest


def all_back(services: Sequence[ServiceFact], put_back: Sequence[PutBackFact]) -> bool:
    """Whether every service that a delivery moved runs again what it ran before. Pure.

    Args:
        services: Those that the delivery was about.
        put_back: Those of them that were to be put back, and how that ended.
    """
    ends = {each.service: each.end for each in put_back}
    moved = [
        fact for fact in services if fact.verdict is None or fact.verdict.name != _MOVED_NOTHING
    ]
    return bool(moved) and all(_is_back(fact, ends.get(fact.service, "")) for fact in moved)


def _is_back(fact: ServiceFact, end: str) -> bool:
    if end in {_PUT_BACK, _NOT_PUT_BACK}:
        return end == _PUT_BACK
    return fact.verdict is not None and fact.verdict.name == _GOES_BACK


def _left_by(recorded: RecordedDelivery, fact: ServiceFact) -> RecordedRelease:
    delivery = recorded.delivery
    back = next((each for each in delivery.put_back if each.service == fact.service), None)
    verdict = fact.verdict.name if fact.verdict else ""
    went_back = verdict == _GOES_BACK
    arn = fact.task_definition if verdict in _STAYS else ""
    if went_back:
        arn = fact.previous_task_definition
    if back is not None and back.end == _PUT_BACK:
        went_back, arn = True, back.task_definition
    elif back is not None and back.end == _NOT_PUT_BACK:
        arn = ""
    return RecordedRelease(
        task_definition=arn,
        image=fact.previous_image if went_back else fact.image or recorded.what,
        commit="" if went_back or delivery.commit is None else delivery.commit.sha,
        by=f"roll-back ({recorded.who})" if went_back else recorded.who,
        record=recorded.record,
        at=recorded.started,
        changed=not went_back and delivery.commit is not None and delivery.commit.clean is False,
    )
