"""DORA's four keys, out of records alone. Pure: the same records always give the same numbers.

Definitions: "DORA's software delivery performance metrics", https://dora.dev/guides/dora-metrics/
(as of 2026-01-05), whose names for the third and the fourth are *change fail rate* and *failed
deployment recovery time*. They are measured for one environment at a time, as that page advises
for one application or service. Each number comes with the rollouts that it was made of.

What records cannot see is not in them: a failure that was noticed after a release had held is one
only where somebody delivered again, and incidents without a delivery are none here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from shipway.evidence.rollouts import Rollout

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From the one moment to the other, both included."""

    begin: datetime
    end: datetime

    @property
    def days(self) -> int:
        """Calendar days in UTC that it touches, the first and the last included."""
        return (self.end.date() - self.begin.date()).days + 1

    def holds(self, at: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.begin <= at <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """Deployment frequency: how often a release came into service and held.

    DORA: the number of deployments over a given period. Counted are the rollouts that held; a day
    is a calendar day in UTC, and the period's first and last count whole.
    """

    rollouts: tuple[Rollout, ...]
    days: int

    @property
    def a_day(self) -> float:
        """How many on a day."""
        return len(self.rollouts) / self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A rollout and the time that it stands for, in seconds; ``None`` where it still goes on."""

    rollout: Rollout
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """Change lead time: from commit to held.

    DORA: the time from a change's commit to version control until it is deployed in production.
    Counted is each commit once, when it held for the first time: to deliver it again, or to go back
    to it, is no change. What had changes that no commit has is not counted.
    """

    changes: tuple[Timed, ...]

    @property
    def median(self) -> float | None:
        """In seconds; ``None`` where there is none."""
        return _median(self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRate:
    """Change failure rate: of the rollouts that began, the share that did not hold.

    DORA: the ratio of deployments that require immediate intervention, such as a roll-back or a
    hotfix. A delivery that was refused or ended before its rollout began is no deployment; one
    that somebody interrupted, that a newer one replaced, or whose end nobody could see says nothing
    about the change.
    """

    failed: tuple[Rollout, ...]
    held: tuple[Rollout, ...]

    @property
    def rate(self) -> float | None:
        """From 0 to 1; ``None`` where nothing was rolled out."""
        count = len(self.failed) + len(self.held)
        return len(self.failed) / count if count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Time to restore: from the begin of a rollout that failed until the service was well again.

    DORA: the time it takes to recover from a deployment that fails and requires immediate
    intervention. Well again is an environment at the end of that same delivery, where its record
    says that every service has what ran before, and else at the end of the next delivery that held.
    """

    failures: tuple[Timed, ...]

    @property
    def median(self) -> float | None:
        """In seconds, of those that are over; ``None`` where there is none."""
        return _median(self.failures)

    @property
    def open(self) -> tuple[Rollout, ...]:
        """What nothing has put right yet, as far as records say."""
        return tuple(each.rollout for each in self.failures if each.seconds is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FourKeys:
    """The four keys of one environment over one period."""

    period: Period
    frequency: Frequency
    lead_time: LeadTime
    failure_rate: FailureRate
    restore: Restore


def four_keys(rollouts: Sequence[Rollout], period: Period) -> FourKeys:
    """The four keys of an environment.

    Args:
        rollouts: Every rollout of the environment, in any order, those outside the period too:
            whether a commit was there before, and what put things right, may lie outside of it.
        period: Rollouts that ended in it are counted.
    """
    ordered = sorted(rollouts, key=lambda rollout: (rollout.ended, rollout.began))
    counted = [rollout for rollout in ordered if period.holds(rollout.ended)]
    held = tuple(rollout for rollout in counted if rollout.held)
    failed = tuple(rollout for rollout in counted if rollout.held is False)
    changes = tuple(each for each in _changes(ordered) if period.holds(each.rollout.ended))
    failures = tuple(each for each in _failures(ordered) if period.holds(each.rollout.ended))
    return FourKeys(
        period=period,
        frequency=Frequency(rollouts=held, days=period.days),
        lead_time=LeadTime(changes=changes),
        failure_rate=FailureRate(failed=failed, held=held),
        restore=Restore(failures=failures),
    )


def last_days(period: Period, days: int) -> Period | None:
    """The last days of a period; ``None`` where it has no more than those."""
    begin = period.end.replace(hour=0, minute=0, second=0, microsecond=0) - (days - 1) * _DAY
    return Period(begin=begin, end=period.end) if begin > period.begin else None


def _changes(ordered: Sequence[Rollout]) -> Iterator[Timed]:
    seen: set[str] = set()
    for rollout in ordered:
        if not rollout.held or not rollout.commit or rollout.commit in seen:
            continue
        seen.add(rollout.commit)
        # A clock that is wrong, or a commit that says so itself, would make a time before zero.
        if rollout.committed is not None and rollout.committed <= rollout.ended:
            took = (rollout.ended - rollout.committed).total_seconds()
            yield Timed(rollout=rollout, seconds=took)


def _failures(ordered: Sequence[Rollout]) -> Iterator[Timed]:
    well_again: datetime | None = None
    timed: list[Timed] = []
    for rollout in reversed(ordered):
        if rollout.held:
            well_again = rollout.ended
        elif rollout.held is False:
            end = rollout.ended if rollout.restored else well_again
            took = (end - rollout.began).total_seconds() if end else None
            timed.append(Timed(rollout=rollout, seconds=took))
    yield from reversed(timed)


def _median(values: Sequence[Timed]) -> float | None:
    seconds = [each.seconds for each in values if each.seconds is not None]
    return median(seconds) if seconds else None
