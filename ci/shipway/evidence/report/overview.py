"""The page of all deliveries: what runs where, the four keys, time lines, and every record.

Pure: records in, one file out. Records are what others wrote: all of it is text here, and leads
nowhere but to web pages, to files beside the page, and to places in the page itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from shipway.evidence import dora
from shipway.evidence.dora import Period, Timed
from shipway.evidence.history import RecordedDelivery, short
from shipway.evidence.report import keys, listing
from shipway.evidence.report.amounts import counted, day_and_time, span
from shipway.evidence.report.calendar import Lane, Moment, Stay, calendar
from shipway.evidence.report.html import Child, Html, tag
from shipway.evidence.report.listing import Listed
from shipway.evidence.report.page import STYLE, page
from shipway.evidence.report.parts import code, section, table
from shipway.evidence.report.queries import query
from shipway.evidence.rollouts import Outcome, Rollout, moment, outcome, rollouts
from shipway.evidence.standing import RecordedRelease, last_release
from shipway.evidence.verify import ChainFinding

_STYLE: Final = f"""{STYLE}{keys.STYLE}{listing.STYLE}
main{{max-width:1180px}}
#running td:not(.w){{white-space:nowrap}}#running code{{overflow-wrap:normal}}
.c-held{{fill:var(--new)}}.c-failed{{fill:var(--bad)}}.c-other{{fill:var(--old);fill-opacity:.6}}
.c-run{{fill:var(--info);fill-opacity:.22}}.c-run.odd{{fill-opacity:.42}}
svg a:hover rect{{fill-opacity:1}}svg a:focus{{outline:2px solid var(--info)}}
"""
_KINDS: Final[Mapping[Outcome, str]] = {"held": "held", "failed": "failed"}
_LEGEND: Final = (("c-held", "held"), ("c-failed", "failed"), ("c-other", "everything else"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where records were found.

    Attributes:
        name: The folder, ``s3://…``, or a repository.
        records: How many it has, those included that another place has, too.
        checked: What a check of its chain said; empty where none was made.
    """

    name: str
    records: int
    checked: str = ""


def overview(
    deliveries: Sequence[RecordedDelivery],
    places: Sequence[Place],
    *,
    files: Mapping[str, tuple[tuple[str, str], ...]],
    findings: Sequence[ChainFinding] = (),
) -> bytes:
    """The page.

    Args:
        deliveries: Every record that can be read.
        places: Where they were found.
        files: For each record's path the names and addresses of what the page can lead to.
        findings: What does not hold, where that was checked.
    """
    history = _History(deliveries)
    body = (
        *_head(history, places, findings),
        section("What runs where", _running(history)),
        section("The four keys", *_keys(history)),
        section("Time lines", *_time_lines(history)),
        section(
            "Deliveries", *listing.listing([_listed(history, row, files) for row in history.rows])
        ),
    )
    parts = tuple(part for part in body if part is not None)
    return page("shipway: deliveries", parts, style=_STYLE, script=listing.SCRIPT)


class _History:
    """The records in their order, and what follows from them."""

    def __init__(self, deliveries: Sequence[RecordedDelivery]) -> None:
        self.rows = sorted(deliveries, key=lambda row: (row.started, row.sequence, row.record))
        self.numbers = {row.record: number for number, row in enumerate(self.rows, 1)}
        self.outcomes = {row.record: outcome(row) for row in self.rows}

    @cached_property
    def environments(self) -> Mapping[str, list[RecordedDelivery]]:
        """The deliveries to each environment, in order; the one with the newest comes first."""
        every: dict[str, list[RecordedDelivery]] = {}
        for row in reversed(self.rows):
            if row.environment:
                every.setdefault(row.environment, []).append(row)
        return {name: rows[::-1] for name, rows in every.items()}

    @cached_property
    def rollouts(self) -> Mapping[str, tuple[Rollout, ...]]:
        """The rollouts of each environment that has any."""
        every = {name: tuple(rollouts(rows)) for name, rows in self.environments.items()}
        return {name: rows for name, rows in every.items() if rows}

    @cached_property
    def four_keys(self) -> Mapping[str, dora.FourKeys]:
        """Of each environment with rollouts: from its first one until the newest record of all."""
        if not self.rollouts:
            return {}
        ends = [rollout.ended for rows in self.rollouts.values() for rollout in rows]
        ends += [at for row in self.rows if (at := moment(row.delivery.finished_on))]
        end = max(ends)
        return {
            name: dora.four_keys(rows, Period(begin=min(r.ended for r in rows), end=end))
            for name, rows in self.rollouts.items()
        }

    @cached_property
    def changes(self) -> Mapping[str, float | None]:
        """Seconds from commit to held, of every record that counts as a change."""
        return _times(keys_.lead_time.changes for keys_ in self.four_keys.values())

    @cached_property
    def failures(self) -> Mapping[str, float | None]:
        """Seconds until each failure was put right; ``None`` where it is not."""
        return _times(keys_.restore.failures for keys_ in self.four_keys.values())

    def link(self, record: str) -> str:
        """A link to a record's row."""
        return f"#r{self.numbers[record]}"


def _times(measured: Iterable[Sequence[Timed]]) -> Mapping[str, float | None]:
    return {each.rollout.recorded.record: each.seconds for timed in measured for each in timed}


def _head(
    history: _History, places: Sequence[Place], findings: Sequence[ChainFinding]
) -> Iterator[Html | None]:
    yield tag("h1", "Deliveries")
    rows = history.rows
    ends = [at for row in rows if (at := moment(row.started))]
    when = f", {day_and_time(min(ends))} to {day_and_time(max(ends))} UTC" if ends else ""
    count = counted(len(rows), "record")
    yield tag("p", f"{count}{when}. Everything here is computed from them alone.", class_="dim")
    listed = [
        (code(place.name), f"{place.records:,}", place.checked or "not checked: add --verify")
        for place in places
    ]
    yield table(("!found in", "#records", "chain"), listed)
    if findings:
        told = table(
            ("what", "!file", "!why"),
            [(finding.kind, finding.path, finding.why) for finding in findings],
        )
        yield tag("div", tag("h3", "Not all of it is as it was written"), told, class_="cause")


def _running(history: _History) -> Html | None:
    rows: list[tuple[Child, ...]] = []
    for name, deliveries in history.environments.items():
        services = {fact.service: fact.key for row in deliveries for fact in row.delivery.services}
        for service, key in services.items():
            release = last_release(deliveries, service)
            if release is not None:
                rows.append(_release(history, name, key or service, release))
    columns = ("environment", "service", "image", "commit", "since (UTC)", "!by")
    return table(columns, rows, id_="running")


def _release(
    history: _History, environment: str, service: str, release: RecordedRelease
) -> tuple[Child, ...]:
    digest = release.image.rpartition("@")[2]
    brought = _brought(history, environment, digest, release)
    commit = brought.delivery.commit if brought else None
    at = moment(brought.delivery.finished_on if brought else release.at)
    if not release.task_definition:
        unknown = tag("span", "how the last one ended is not known", class_="warn")
        link = tag("a", "its record", href=history.link(release.record))
        return (environment, service, unknown, None, link, release.by)
    since = day_and_time(at) if at else release.at
    if brought is None and not release.commit:
        since = f"before {since}"  # it was put back, and who brought it there is in no record
    record = brought.record if brought else release.record
    image = tag("code", short(digest).removeprefix("sha256:"), title=digest)
    return (
        tag("a", environment, href=query(env=environment)),
        service,
        tag("a", image, href=query(digest.removeprefix("sha256:"))) if digest else "–",
        tag("code", (commit.sha if commit else release.commit)[:7]),
        tag("a", since, href=history.link(record)),
        release.by,
    )


def _brought(
    history: _History, environment: str, digest: str, release: RecordedRelease
) -> RecordedDelivery | None:
    """The delivery that brought there what runs: where one went back, an earlier one did.

    Of the deliveries of one digest in a row it is the first.
    """
    brought: RecordedDelivery | None = None
    for row in reversed(history.environments[environment]):
        if row.started > release.at or history.outcomes[row.record] != "held":
            continue
        if row.what != digest:
            break
        brought = row
    return brought


def _keys(history: _History) -> Iterator[Html]:
    if not history.rollouts:
        yield tag("p", "No rollout is recorded.", class_="dim")
        return
    for name, measured in history.four_keys.items():
        recent = dora.last_days(measured.period, keys.RECENT)
        newest = dora.four_keys(history.rollouts[name], recent) if recent else None
        yield keys.cards(name, measured, newest)
    yield keys.definitions()


def _time_lines(history: _History) -> Iterator[Html | None]:
    drawn = calendar([_lane(history, name) for name in history.environments])
    yield tag("div", drawn, class_="wide") if drawn else None
    swatches = [
        tag(
            "span",
            tag("svg", tag("rect", width=16, height=12, class_=css), width=16, height=12),
            words,
        )
        for css, words in (*_LEGEND, ("c-run", "what ran"))
    ]
    hint = tag("span", "each bar leads to its deliveries")
    yield tag("div", swatches, hint, class_="legend") if drawn else None


def _lane(history: _History, environment: str) -> Lane:
    rows = history.environments[environment]
    ends = [(row, moment(row.delivery.finished_on)) for row in rows]
    held = [each for each in history.rollouts.get(environment, ()) if each.held]
    return Lane(
        environment=environment,
        moments=[
            Moment(at=end, kind=_KINDS.get(history.outcomes[row.record], "other"))
            for row, end in ends
            if end is not None
        ],
        stays=[
            Stay(
                since=each.ended,
                name=_name(each),
                href=history.link(each.recorded.record),
            )
            for each in sorted(held, key=lambda rollout: rollout.ended)
        ],
    )


def _name(rollout: Rollout) -> str:
    commit = rollout.recorded.delivery.commit
    return commit.sha[:7] if commit else short(rollout.recorded.what).removeprefix("sha256:")[:7]


def _listed(
    history: _History, row: RecordedDelivery, files: Mapping[str, tuple[tuple[str, str], ...]]
) -> Listed:
    counts_as: list[str] = []
    remarks: list[str] = []
    lead = history.changes.get(row.record)
    if lead is not None:
        counts_as.append("change")
        remarks.append(f"{span(lead)} after its commit")
    if row.record in history.failures:
        seconds = history.failures[row.record]
        counts_as.append("open" if seconds is None else "restored")
        remarks.append("not restored yet" if seconds is None else f"restored in {span(seconds)}")
    return Listed(
        number=history.numbers[row.record],
        recorded=row,
        outcome=history.outcomes[row.record],
        counts_as=tuple(counts_as),
        remarks=tuple(remarks),
        files=files.get(row.record, ()),
    )
