"""Take a lock, keep it by signs of life, and give it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from shipway.errors import AwsError, LockLostError, ShipwayError
from shipway.lock.log import NEVER, Entry, Holder, Lock, Standing, Written, judge, moment, standing
from shipway.lock.ports import LockLog, Monotonic, Reading
from shipway.util.clock import Clock

_AT_ONCE: Final = 10
"""Versions that are read back at a time."""
_TRIES: Final = 8
_PAUSE: Final = 0.25
_BEATS: Final = 4
"""Signs of life within one expiry: three may be missed."""
_JOIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What came of trying to take a lock.

    Attributes:
        standing: How it stood before, or who was quicker.
        lease: What was taken; ``None`` where somebody else holds it.
    """

    standing: Standing
    lease: Lease | None = None


def look(log: LockLog, name: str) -> Standing:
    """How a lock stands now: one call, and further ones only where several wrote at once.

    Raises:
        ShipwayError: AWS refused, or does not answer.
    """
    newest = log.newest(name)
    entries = newest.entries[-1:]
    while entries and _depends(entries[0]):
        first = max(1, entries[0].version - _AT_ONCE)
        earlier = log.between(name, first, entries[0].version - 1).entries
        if not earlier:
            break  # older than what Parameter Store keeps
        entries = _from_the_last_sure(*earlier, *entries)
    return standing(judge(entries), newest.now)


def _depends(entry: Entry) -> bool:
    """Whether what an entry says hangs on those before it."""
    return entry.written is not None and not entry.follows and entry.version > 1


def _from_the_last_sure(*entries: Entry) -> tuple[Entry, ...]:
    sure = [index for index, entry in enumerate(entries) if not _depends(entry)]
    return entries[sure[-1] :] if sure else entries


def claim(log: LockLog, name: str, holder: Holder, clock: Clock) -> Claim:
    """Try once to take a lock: two calls where nobody else does.

    Args:
        log: Where locks are.
        name: The parameter.
        holder: Who takes it; its ``since`` becomes AWS's time.
        clock: Waits until what others wrote meanwhile can be read.

    Raises:
        ShipwayError: AWS refused, or does not answer.
    """
    found = look(log, name)
    if not found.free:
        return Claim(standing=found)
    holder = replace(holder, since=moment(found.now or clock.now()))
    basis = found.lock.version
    version = log.write(name, Written(state="claimed", basis=basis, holder=holder).text)
    if version != basis + 1:
        between = _read(log, name, basis + 1, version, clock)
        lock = judge(between.entries, found.lock)
        if lock.holder is None or lock.holder.nonce != holder.nonce:
            return Claim(standing=standing(lock, between.now))
    return Claim(standing=found, lease=Lease(log, name, holder, version, clock))


def _read(log: LockLog, name: str, first: int, last: int, clock: Clock) -> Reading:
    """Every version of a span; what was written a moment ago may not be readable at once.

    Raises:
        AwsError: One cannot be read.
    """
    for tries_left in reversed(range(_TRIES)):
        reading = log.between(name, first, last)
        if len(reading.entries) == last - first + 1:
            return reading
        if tries_left:
            clock.sleep(_PAUSE)
    raise AwsError(
        f"versions {first} to {last} of the lock cannot be read",
        where=name,
        remedy="nothing was changed; run the same again",
    )


def release(log: LockLog, name: str, found: Standing, by: str) -> None:
    """Give back what somebody holds, in their place; who that is was looked at before.

    Args:
        log: Where locks are.
        name: The parameter.
        found: How it stands.
        by: Who does it.

    Raises:
        ShipwayError: AWS refused, or does not answer.
    """
    if found.lock.holder is not None:
        basis, holder = found.lock.version, found.lock.holder
        written = Written(state="released", basis=basis, holder=holder, by=by)
        log.write(name, written.text)


class Lease:
    """A lock that is held.

    Args:
        log: Where locks are.
        name: The parameter.
        holder: We.
        version: The version that took it.
        clock: Waits until what others wrote meanwhile can be read.
        seconds: Gives seconds that only ever grow.

    Attributes:
        holder: We.
        token: The version that took it: a later holder's is higher.
        lost: Why it is ours no more; empty while it is.
        signs: How often it was renewed.
    """

    def __init__(
        self,
        log: LockLog,
        name: str,
        holder: Holder,
        version: int,
        clock: Clock,
        *,
        seconds: Monotonic = time.monotonic,
    ) -> None:
        self._log = log
        self._name = name
        self._version = version
        self._clock = clock
        self._seconds = seconds
        self._seen = seconds()
        self._writing = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self.holder = holder
        self.token = version
        self.lost = ""
        self.signs = 0

    def renew(self) -> None:
        """Show a sign of life, and see whether the lock is still ours.

        Raises:
            LockLostError: It is not.
            ShipwayError: AWS refused, or does not answer; it is ours until it runs out.
        """
        with self._writing:
            if not self.lost:
                self._renew()
            if self.lost:
                raise self._error()

    def _renew(self) -> None:
        known, holder = self._version, self.holder
        written = Written(state="renewed", basis=known, holder=holder)
        version = self._log.write(self._name, written.text)
        if version <= known:
            self.lost = f"its parameter {self._name} was deleted meanwhile"
            return
        if version != known + 1:
            between = _read(self._log, self._name, known, version, self._clock)
            ours, *others = between.entries
            lock = judge(others, Lock(version=known, holder=holder, seen=ours.modified))
            if lock.holder is None:
                self.lost = _released(others)
                return
            if lock.holder.nonce != holder.nonce:
                self.lost = f"it ran out, and was taken by {lock.holder.described}"
                return
        self._version, self._seen = version, self._seconds()
        self.signs += 1

    def _error(self) -> LockLostError:
        return LockLostError(
            f"the lock is not ours any more: {self.lost}",
            where=self._name,
            remedy="see who delivers now with the task `lock`, then run the same again",
        )

    @property
    def _beat(self) -> float:
        return self.holder.expiry / _BEATS

    def keep(self, tell: Callable[[str], None]) -> None:
        """Show signs of life from a thread of its own until it is given back.

        Args:
            tell: Is told once when it is lost, and each time that AWS does not take a sign of life.
        """
        if self.holder.expiry != NEVER:
            self._thread = threading.Thread(
                target=self._keep, args=(tell,), name="lease", daemon=True
            )
            self._thread.start()

    def _keep(self, tell: Callable[[str], None]) -> None:
        while not self._end.wait(self._beat):
            try:
                self.renew()
            except LockLostError as error:
                tell(f"{error.what}: what is under way goes on, and may meet theirs")
                return
            except ShipwayError as error:
                silent = self._seconds() - self._seen
                runs_out = (
                    "may be taken by others now" if silent > self.holder.expiry else "is ours"
                )
                tell(f"the lock was not renewed for {silent:.0f} s and {runs_out}: {error.what}")

    def release(self) -> str:
        """Give it back; the answer is why it could not be, empty where it was. Never raises."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
        if self.lost:
            return ""
        written = Written(state="released", basis=self._version, holder=self.holder)
        try:
            self._log.write(self._name, written.text, hurry=True)
        except ShipwayError as error:
            return error.what
        return ""


def _released(entries: list[Entry]) -> str:
    """Who gave back what was not theirs."""
    releases = [entry.written for entry in entries if entry.written is not None]
    by = next((written.by for written in reversed(releases) if written.state == "released"), "")
    return f"{by or 'somebody'} released it"
