"""The scan gate: what ECR knows of an image's vulnerabilities, and whether that may be rolled out.

Scanners report on the platform's manifest, never on the index that the tag names, and never on an
attestation. An image that was not scanned is not clean: it is not scanned.
Looking and waiting are :func:`await_scans`; the decision, :func:`decide`, is pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, get_args

from shipway.config.environment import Scanning, Severity, Waiver
from shipway.errors import ScanError
from shipway.util.clock import Clock
from shipway.values import Digest

NOT_AVAILABLE = "not available here"

State = Literal["done", "waiting", "blocked", "absent", "stale"]
# ECR API Reference, ImageScanStatus; IMAGE_SIZE_EXCEEDED is not in every SDK's list yet. A word
# that is in none of these is taken for blocked: what we do not know is not clean.
_DONE: Final = frozenset({"COMPLETE", "ACTIVE"})
_WAITING: Final = frozenset({"PENDING", "IN_PROGRESS"})
_SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
# Scan on push begins some seconds after the push; until then ECR knows of no scan.
_GRACE_SECONDS: Final = 15.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 10.0

COLUMNS: Final = ("severity", "id", "package", "version", "mended in", "counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFinding:
    """One vulnerability of one package.

    Attributes:
        id: Such as ``CVE-2026-1234``.
        severity: In small letters; ``undefined`` where the scanner gave another word.
        package: The package's name.
        version: The version that is in the image.
        fixed_in: The version that mends it, where the scanner says one.
        fixable: Whether some version mends it; ``None`` where the scanner does not say.
        exploitable: Whether an exploit is known; ``None`` where the scanner does not say.
        url: Where to read about it.
    """

    id: str
    severity: Severity
    package: str
    version: str = ""
    fixed_in: str = ""
    fixable: bool | None = None
    exploitable: bool | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One platform's scan.

    Attributes:
        digest: The platform manifest that was asked about.
        status: ECR's own word (``COMPLETE``, ``ACTIVE``, ``PENDING`` …), or ``not available here``.
        findings: Count of findings by severity, as ECR counts; empty unless the scan is done.
        reason: ECR's own words where there is no scan.
        listed: Every finding, of all pages.
        completed: When a basic scan ended; ``None`` for a continuous one.
        kind: ``basic``, ``enhanced``, or empty where there is none.
    """

    digest: Digest
    status: str
    findings: Mapping[str, int]
    reason: str = ""
    listed: tuple[ScanFinding, ...] = ()
    completed: datetime | None = None
    kind: Literal["basic", "enhanced", ""] = ""


class Scans(Protocol):
    """Answers what is known of a manifest's scan."""

    def scan(self, digest: Digest) -> Scan:
        """DescribeImageScanFindings of one platform manifest; never raises for "no scan"."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate says.

    Attributes:
        allowed: Whether the image may be rolled out.
        text: One line for a person; it says clean only of what was scanned.
        reasons: Why not; empty where it may.
        counted: Findings that count, by severity.
        waived: The waivers that were used.
        rows: One row for each finding, most severe first, under :data:`COLUMNS`.
        judged: The same as values: finding, a platform that has it, the waiver that was used.
        unscanned: Whether it is refused for want of a scan that can be judged.
    """

    allowed: bool
    text: str
    reasons: tuple[str, ...]
    counted: Mapping[str, int]
    waived: tuple[Waiver, ...]
    rows: tuple[tuple[str, ...], ...]
    judged: tuple[tuple[ScanFinding, Digest, Waiver | None], ...] = ()
    unscanned: bool = False

    def error(self) -> ScanError:
        """The refusal, with the table."""
        shown = [COLUMNS, *self.rows] if self.rows else []
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        table = (
            "  ".join(map(str.ljust, row, widths)).rstrip()  # one line for each finding
            for row in shown
        )
        return ScanError(
            self.reasons[0] if len(self.reasons) == 1 else f"{len(self.reasons)} objections",
            where="the scan gate",
            details=(*(self.reasons if len(self.reasons) > 1 else ()), *table),
            remedy=_ALLOW
            if self.unscanned
            else "nothing was rolled out; mend the packages, or waive a finding in "
            "ci/waivers.toml with an owner and a reason",
        )


_ALLOW: Final = (
    "nothing was rolled out; scan the image (aws ecr start-image-scan, or scan on push), or let "
    "what was not scanned through on purpose: required = false below [environments.NAME.scan] in "
    "ci/delivery.toml"
)


def state_of(scan: Scan, policy: Scanning, now: datetime) -> State:
    """Where a scan stands; only ``done`` can ever be clean."""
    if scan.status == NOT_AVAILABLE:
        return "absent"
    if scan.status in _WAITING:
        return "waiting"
    if scan.status not in _DONE:
        return "blocked"
    continuous = scan.status == "ACTIVE" or scan.completed is None
    if not continuous and scan.completed and now - scan.completed > timedelta(days=policy.max_age):
        return "stale"
    return "done"


def await_scans(
    store: Scans,
    platforms: Sequence[Digest],
    policy: Scanning,
    clock: Clock,
    tell: Callable[[str], None],
) -> tuple[Scan, ...]:
    """Look at each platform's scan, and wait for those that are not finished.

    Nothing is waited for where nothing depends on it. A scan that is not there may be about to
    begin: where one is required it is waited for, 15 seconds at most.

    Args:
        store: Answers.
        platforms: The platform manifests of the image; neither index nor attestation.
        policy: How long, and whether at all.
        clock: The time.
        tell: Takes a line when waiting begins.
    """
    began = clock.now()
    platform_scans = scans(store, platforms)
    pause, reported = _FIRST_PAUSE, False
    while True:
        gone = (clock.now() - began).total_seconds()
        states = {state_of(scan, policy, clock.now()) for scan in platform_scans}
        pending = "waiting" in states and gone < policy.wait
        coming = policy.required and "absent" in states and gone < min(_GRACE_SECONDS, policy.wait)
        if not (policy.required or policy.most) or not (pending or coming):
            return platform_scans
        if not reported:
            tell(f"waiting for the scan, {policy.wait} s at most")
            reported = True
        clock.sleep(min(pause, max(policy.wait - gone, 0.0)))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        platform_scans = scans(store, platforms)


def scans(store: Scans, platforms: Sequence[Digest]) -> tuple[Scan, ...]:
    """What is known of each platform, in order."""
    return tuple(store.scan(digest) for digest in platforms)


def decide(
    platform_scans: Sequence[Scan],
    policy: Scanning,
    waivers: Sequence[Waiver],
    now: datetime,
    index: Digest,
) -> Decision:
    """Whether an image with these scans may be rolled out.

    A finding counts once, on however many platforms it is. More findings than ``policy.most``
    allows refuse the image whether a scan is required or not; so does a waiver that ran out, until
    its owner renews or removes it.

    Args:
        platform_scans: One scan for each platform.
        policy: What the environment asks.
        waivers: Those of ``ci/waivers.toml``.
        now: The time, against which waivers run out and scans grow stale.
        index: The digest that the image is known by, which a waiver may name.
    """
    reasons = [
        why
        for scan in platform_scans
        if policy.required and (why := _unfinished(scan, state_of(scan, policy, now), policy))
    ]
    if policy.required and not platform_scans:
        reasons.append("there is no platform that a scan could be about")
    unscanned = bool(reasons)
    counted: Counter[str] = Counter()
    used: dict[Waiver, None] = {}
    expired: dict[Waiver, None] = {}
    rows: list[tuple[str, ...]] = []
    judged: list[tuple[ScanFinding, Digest, Waiver | None]] = []
    distinct = _distinct(platform_scans)
    for finding in sorted(distinct, key=_worst_first):
        platforms = distinct[finding]
        waiver = _waiver_of(finding, waivers, {index, *platforms}, now)
        if waiver is not None and waiver.expires < now.date():
            expired[waiver] = None
            counts = f"yes: the waiver of {waiver.owner} ran out on {waiver.expires}"
        elif waiver is not None:
            used[waiver] = None
            counts = f"waived until {waiver.expires} by {waiver.owner}"
        elif policy.only_fixable and finding.fixable is False:
            counts = "no: nothing mends it yet"
        else:
            counts = "yes"
        counted[finding.severity] += counts.startswith("yes")
        shown = (finding.severity, finding.id, finding.package, finding.version, finding.fixed_in)
        rows.append((*shown, counts))
        judged.append((finding, min(platforms), waiver if waiver in used else None))
    reasons += [
        f"the waiver of {waiver.id} in {waiver.package} ran out on {waiver.expires}; its owner is "
        f"{waiver.owner}"
        for waiver in expired
    ]
    reasons += [
        f"{counted[name]} {name} where at most {limit} may be"
        for name, limit in policy.most.items()
        if counted[name] > limit
    ]
    return Decision(
        allowed=not reasons,
        text=describe(platform_scans, counted, len(used)),
        reasons=tuple(reasons),
        counted={name: counted[name] for name in _SEVERITIES if counted[name]},
        waived=tuple(used),
        rows=tuple(rows),
        judged=tuple(judged),
        unscanned=unscanned,
    )


def describe(
    platform_scans: Sequence[Scan], counted: Mapping[str, int] | None = None, waived: int = 0
) -> str:
    """One line for a person; it never says clean where nothing was scanned."""
    if counted is None:
        counted = Counter()
        for scan in platform_scans:
            counted.update({name.lower(): number for name, number in scan.findings.items()})
    undone = dict.fromkeys(
        f"scan {scan.status}" for scan in platform_scans if scan.status not in _DONE
    )
    parts = [f"{counted[name]} {name}" for name in _SEVERITIES if counted.get(name)]
    if waived:
        parts.append(f"{waived} waived" if waived > 1 else "1 waived")
    if not parts and platform_scans and not undone:
        parts.append("no findings")
    return "; ".join([*([", ".join(parts)] if parts else []), *undone]) or f"scan {NOT_AVAILABLE}"


def _unfinished(scan: Scan, state: State, policy: Scanning) -> str:
    reason = f": {scan.reason}" if scan.reason else ""
    return {
        "done": "",
        "absent": f"a scan is required, and {scan.digest.short} has none{reason}",
        "waiting": f"the scan of {scan.digest.short} is still {scan.status} after {policy.wait} s",
        "blocked": f"{scan.digest.short} cannot be judged: scan {scan.status}{reason}",
        "stale": f"the scan of {scan.digest.short} is older than {policy.max_age} days; "
        "start another (aws ecr start-image-scan)",
    }[state]


def _worst_first(finding: ScanFinding) -> tuple[int, str, str, str]:
    return _SEVERITIES.index(finding.severity), finding.id, finding.package, finding.version


def _distinct(platform_scans: Sequence[Scan]) -> Mapping[ScanFinding, set[Digest]]:
    distinct: dict[ScanFinding, set[Digest]] = {}
    for scan in platform_scans:
        for finding in scan.listed:
            distinct.setdefault(finding, set()).add(scan.digest)
    return distinct


def _waiver_of(
    finding: ScanFinding, waivers: Sequence[Waiver], digests: set[Digest], now: datetime
) -> Waiver | None:
    """The waiver of a finding; one that holds before one that ran out."""
    names = {digest.value for digest in digests} | {"all"}
    matching = [
        waiver
        for waiver in waivers
        if (waiver.id, waiver.package) == (finding.id, finding.package) and waiver.digest in names
    ]
    return max(
        matching, key=lambda waiver: (waiver.expires >= now.date(), waiver.expires), default=None
    )
