"""What the newest records say that a service runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shipway.evidence.facts.rollout import ServiceFact
from shipway.evidence.history import RecordedDelivery

_GOES_BACK = "rolled-back"
_STAYS = frozenset(
    {"succeeded", "succeeded-no-tasks", "already-running", "failing", "did-not-hold"}
)
_MOVED_NOTHING = "already-running"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRelease:
    """What a record says of one service.

    Attributes:
        task_definition: What runs by it; empty where the record does not know how it ended.
        image: The image by its digest; empty where a record before it says so.
        commit: The commit that it was built from; empty where the record went back.
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


def _left_by(recorded: RecordedDelivery, fact: ServiceFact) -> RecordedRelease:
    delivery = recorded.delivery
    back = next((each for each in delivery.put_back if each.service == fact.service), None)
    verdict = fact.verdict.name if fact.verdict else ""
    went_back = verdict == _GOES_BACK
    arn = fact.task_definition if verdict in _STAYS else ""
    if went_back:
        arn = fact.previous_task_definition
    if back is not None and back.end == "put back":
        went_back, arn = True, back.task_definition
    elif back is not None and back.end == "not put back":
        arn = ""
    return RecordedRelease(
        task_definition=arn,
        image=fact.previous_image if went_back else fact.image or recorded.what,
        commit="" if went_back or delivery.commit is None else delivery.commit.sha,
        by=f"roll-back ({recorded.who})" if went_back else recorded.who,
        record=recorded.record,
        at=recorded.started,
    )
