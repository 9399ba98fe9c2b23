"""Deliveries as they are, as the matrix judges them: real runs in place of a rehearsal's walks.

Pure. Of each kind the newest delivery counts that went as it should; where none did, the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shipway.evidence.archive import Archive
from shipway.evidence.history import RecordedDelivery, deliveries
from shipway.evidence.verify import Checked
from shipway.policy.contract import Contract
from shipway.rehearsal.criteria import ScenarioResult
from shipway.rehearsal.observation import Observation, PlannedFact
from shipway.rehearsal.scenarios import scenarios

REFUSED = PlannedFact(name="a trigger that was refused", role="refused")
FAILED = PlannedFact(name="a rollout that failed", role="failing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One chain that deliveries are read from.

    Attributes:
        above: What stands before its paths: ``s3://BUCKET/PREFIX/``, or nothing.
        archive: What lies there.
        checked: What a check of it found.
    """

    above: str
    archive: Archive
    checked: Checked


def planned(contract: Contract) -> tuple[PlannedFact, ...]:
    """What the contract allows, entry by entry, and what must be refused or must fail."""
    allowed = scenarios(contract, listens=False).allowed
    entries = zip(allowed, contract.triggers, strict=True)
    return (
        *(
            PlannedFact(
                name=f"{scenario.entry} ({entry.name})",
                role=scenario.role,
                criterion=scenario.criterion,
                entry=scenario.entry,
                environment=scenario.environment,
            )
            for scenario, entry in entries
        ),
        REFUSED,
        FAILED,
    )


def results(contract: Contract, sources: Sequence[Source]) -> Mapping[str, ScenarioResult]:
    """The deliveries that there are, by the names of what is planned."""
    rows = sorted(
        ((source, row) for source in sources for row in deliveries(source.archive)),
        key=lambda pair: pair[1].started,
    )
    by_github = [pair for pair in rows if _by_github(pair[1])]
    chosen: dict[str, ScenarioResult] = {}
    for plan, entry in zip(planned(contract), contract.triggers, strict=False):
        own = [pair for pair in by_github if _entry(pair[1]) == entry.name]
        result = _best(plan.name, own, lambda row: row.kind == "succeeded", expected="succeeded")
        chosen.update(result)
    refused = [pair for pair in by_github if _refused(pair[1])]
    chosen.update(_best(REFUSED.name, refused, lambda _: True, expected="refused"))
    failed = [pair for pair in rows if _failed(pair[1])]
    chosen.update(_best(FAILED.name, failed, lambda _: True))
    return chosen


def _best(
    name: str,
    rows: Sequence[tuple[Source, RecordedDelivery]],
    right: Callable[[RecordedDelivery], bool],
    *,
    expected: str = "",
) -> Iterator[tuple[str, ScenarioResult]]:
    good = [pair for pair in rows if right(pair[1])] or rows
    if not good:
        return
    source, row = good[-1]
    verdict = row.delivery.verdict
    wrong = source.checked.broken(row.record)
    yield (
        name,
        ScenarioResult(
            folder=f"{source.above}{row.record.rpartition('/')[0]}",
            record=row.statement,
            walk=Observation(
                name=name,
                exit_code=verdict.exit_code,
                expected_exit_code=verdict.exit_code,
                expected_kind=expected or row.kind,
            ),
            broken="; ".join(f"{each.path} was {each.kind}: {each.why}" for each in wrong),
        ),
    )


def _by_github(row: RecordedDelivery) -> bool:
    trigger = row.delivery.trigger
    return trigger is not None and trigger.event not in {"", "by-hand"}


def _entry(row: RecordedDelivery) -> str:
    decision = row.delivery.decision
    return decision.entry if decision and decision.allowed else ""


def _refused(row: RecordedDelivery) -> bool:
    """Refused by the contract before anything was built; a later rule is another thing."""
    decision, delivery = row.delivery.decision, row.delivery
    refused = decision is not None and decision.allowed is False
    return refused and not (delivery.build or delivery.image or delivery.services)


def _failed(row: RecordedDelivery) -> bool:
    """A rollout began and did not hold."""
    services = row.delivery.services
    began = any(service.deployment_id or service.verdict for service in services)
    return began and row.kind != "succeeded"
