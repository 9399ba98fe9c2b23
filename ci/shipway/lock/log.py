"""The lock of an environment: a log in one parameter, and who holds it by that log. Pure.

Every write to a parameter of Systems Manager is a version of its own: "When you change the value of
the parameter, Parameter Store automatically increments the version number by one" (Systems Manager
User Guide, "Working with parameter versions in Parameter Store"), and PutParameter answers with
that number, a "unique ID" (API Reference). So the versions are a log in which everybody's entries
have one order, and each writer knows its own place in it. An entry names the version that its
writer had seen last, its basis. Where nothing was written in between, what the entry says is so;
otherwise it is judged by those before it, as every reader does with the same result. No reading
needs to be fresh for that, and no two writers can both be first.

Times are AWS's: ``LastModifiedDate`` of each version, and the ``Date`` of the answer it came with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

FORMAT: Final = 1
NEVER: Final = 0
"""The expiry of what a person holds for maintenance."""

State = Literal["claimed", "renewed", "released"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, as its entry says.

    Attributes:
        nonce: What tells this holding from any other.
        owner: GitHub's actor, or the person and the machine.
        run: The run's address, or the process and the machine.
        version: shipway's.
        since: When it was taken, in UTC (RFC 3339).
        expiry: Seconds after the last sign of life from which on it may be taken over; 0 for never.
        reason: What for.
    """

    nonce: str
    owner: str
    run: str
    version: str
    since: str
    expiry: int
    reason: str = ""

    @property
    def described(self) -> str:
        """By whom and since when, in one line."""
        reason = f": {self.reason}" if self.reason else ""
        where = f" ({self.run})" if self.run else ""
        since = f" since {self.since}" if self.since else ""
        return f"{self.owner}{where}{since}{reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an entry says.

    Attributes:
        state: What its writer did.
        basis: The newest version that the writer knew; 0 where there was none.
        holder: Who claims, renews or held.
        by: Who released it, where that was not its holder.
    """

    state: State
    basis: int
    holder: Holder
    by: str = ""

    @property
    def text(self) -> str:
        """The entry as the parameter holds it."""
        return json.dumps(
            {
                "format": FORMAT,
                "state": self.state,
                "basis": self.basis,
                "by": self.by,
                **asdict(self.holder),
            },
            sort_keys=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version of the parameter.

    Attributes:
        version: Its number.
        modified: When it was written, by AWS's clock.
        written: What it says; ``None`` where shipway did not write it.
    """

    version: int
    modified: datetime
    written: Written | None

    @property
    def follows(self) -> bool:
        """Whether nothing was written between what its writer knew and this."""
        return self.written is not None and self.version == self.written.basis + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """How the lock stands at one version.

    Attributes:
        version: The newest version that was looked at; 0 where there is none.
        holder: Who holds it; ``None`` where nobody does.
        seen: The holder's last sign of life, by AWS's clock.
    """

    version: int = 0
    holder: Holder | None = None
    seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether the lock can be had.

    Attributes:
        lock: How it stands.
        free: Whether it can be claimed.
        expired: Who held it until the lease ran out; ``None`` where nobody did.
        left: Seconds until it runs out; ``None`` where it never does, or nobody can tell.
        now: When it stood so, by AWS's clock; ``None`` where the answer did not say it.
    """

    lock: Lock
    free: bool
    now: datetime | None
    expired: Holder | None = None
    left: float | None = None


def parsed(text: str) -> Written | None:
    """An entry; ``None`` where it is none that shipway wrote. What a newer version adds is left."""
    try:
        document = json.loads(text)
        known = {field.name: document[field.name] for field in fields(Holder)}
        holder = Holder(**{**known, "expiry": int(known["expiry"])})
        if document["state"] not in ("claimed", "renewed", "released"):
            return None
        return Written(
            state=document["state"],
            basis=int(document["basis"]),
            holder=holder,
            by=str(document["by"]),
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def judge(entries: Sequence[Entry], start: Lock | None = None) -> Lock:
    """How the lock stands after entries that follow each other without a gap.

    Args:
        entries: From the oldest to the newest.
        start: How it stood before the first of them; ``None`` where that is not known: then the
            first is believed, and taken for held.
    """
    lock = start
    for entry in entries:
        lock = _after(lock, entry)
    return lock or Lock()


def _after(lock: Lock | None, entry: Entry) -> Lock:
    written = entry.written
    if written is None:
        # Somebody wrote there by hand: nobody knows what is meant, so nobody gets in.
        return Lock(version=entry.version, holder=_unknown(entry), seen=entry.modified)
    held = Lock(version=entry.version, holder=written.holder, seen=entry.modified)
    released = Lock(version=entry.version) if written.state == "released" else held
    if entry.follows:
        return released
    if lock is None:
        return held
    holder = lock.holder
    ours = holder is not None and holder.nonce == written.holder.nonce
    vacant = holder is None or expired(lock, entry.modified)
    if ours or (written.state == "claimed" and vacant):
        return released
    return replace(lock, version=entry.version)


def _unknown(entry: Entry) -> Holder:
    return Holder(
        nonce=f"version {entry.version}",
        owner="unknown",
        run="",
        version="",
        since=moment(entry.modified),
        expiry=NEVER,
        reason="the parameter holds what shipway did not write",
    )


def expired(lock: Lock, now: datetime | None) -> bool:
    """Whether the holder's lease has run out; never where AWS did not say what time it is."""
    if lock.holder is None or lock.seen is None or now is None or lock.holder.expiry == NEVER:
        return False
    return now - lock.seen > timedelta(seconds=lock.holder.expiry)


def standing(lock: Lock, now: datetime | None) -> Standing:
    """Whether a lock can be claimed now.

    Args:
        lock: How it stands.
        now: The time by AWS's clock; ``None`` where its answer did not say it.
    """
    if lock.holder is None:
        return Standing(lock=lock, free=True, now=now)
    if expired(lock, now):
        return Standing(lock=lock, free=True, now=now, expired=lock.holder)
    if lock.holder.expiry == NEVER or now is None or lock.seen is None:
        return Standing(lock=lock, free=False, now=now)
    left = lock.seen + timedelta(seconds=lock.holder.expiry) - now
    return Standing(lock=lock, free=False, now=now, left=max(0.0, left.total_seconds()))


def moment(at: datetime) -> str:
    """A time in UTC, to the second, as an entry has it (RFC 3339)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
