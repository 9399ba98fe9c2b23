"""The environment's lock: taken before the first change of a delivery, given back at its end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from shipway import __version__
from shipway.config.environment import RUNS_WAIT, Environment
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import stage
from shipway.errors import LockedError
from shipway.evidence.facts.gate import LockFact
from shipway.evidence.journal import Journal
from shipway.lock.lease import Claim, Lease, claim
from shipway.lock.log import NEVER, Holder, Standing
from shipway.observer import Noticed
from shipway.policy.trigger import Trigger

STAGE: Final = "lock"
_SHORTEST_POLL: Final = 0.5
_LONGEST_POLL: Final = 5.0
_PART: Final = 5
"""It is looked at again after a fifth of the time that was waited so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a delivery holds; nothing where delivery.toml says that no lock is taken.

    Attributes:
        lease: The lock.
        taken_over: Whether it ran out for a delivery that gave it back to nobody.
    """

    lease: Lease | None = None
    taken_over: bool = False

    def require(self) -> None:
        """See that it is ours just before something is changed; see :meth:`.Lease.renew`."""
        if self.lease is not None:
            self.lease.renew()


def holder(trigger: Trigger, expiry: int, reason: str) -> Holder:
    """Who takes a lock, as everybody else is to read it; ``since`` is AWS's to say.

    Args:
        trigger: Who asks.
        expiry: Seconds after the last sign of life; 0 for what is held until it is released.
        reason: What for.
    """
    return Holder(
        nonce=secrets.token_hex(8),
        owner=trigger.actor,
        run=trigger.url or f"process {os.getpid()} on {socket.gethostname()}",
        version=__version__,
        since="",
        expiry=expiry,
        reason=reason,
    )


@contextmanager
def locked(
    environment: Environment,
    aws: Aws,
    context: DeliveryContext,
    journal: Journal,
    trigger: Trigger,
    *,
    reason: str,
) -> Iterator[Held]:
    """Hold the environment's lock, however this ends: well, with an error, or by a signal.

    Args:
        environment: What is locked.
        aws: Its AWS.
        context: The outside.
        journal: Is told where it must be waited for, and keeps what was held.
        trigger: Who asks: a person is refused at once, a run waits, unless delivery.toml says it.
        reason: What for.

    Raises:
        LockedError: Somebody else holds it; nothing was changed.
        ShipwayError: AWS refused, or does not answer; nothing was changed.
    """
    settings = environment.lock
    if not settings.parameter:
        yield Held()
        return
    wait = settings.wait if settings.wait is not None else 0 if trigger.by_hand else RUNS_WAIT
    us = holder(trigger, settings.expiry, reason)
    waited = 0.0
    with stage(STAGE, journal, context.clock, quiet=True):
        told = ""
        while (claimed := claim(aws.locks, settings.parameter, us, context.clock)).lease is None:
            left = wait - waited
            if left <= 0:
                raise refusal(environment, claimed.standing, waited)
            theirs = claimed.standing.lock.holder
            if theirs is not None and theirs.nonce != told:
                told = theirs.nonce
                text = f"waits up to {left:.0f} s for {theirs.described}"
                journal(Noticed(stage=STAGE, text=text, level="warning"))
            pause = min(left, _LONGEST_POLL, max(_SHORTEST_POLL, waited / _PART))
            context.clock.sleep(pause)
            waited += pause
    lease = claimed.lease
    try:
        _tell_taken_over(claimed, journal)
        lease.keep(lambda text: journal(Noticed(stage=STAGE, text=text, level="warning")))
        journal.note(_fact(environment, claimed, lease, waited, released=None))
        yield Held(lease=lease, taken_over=claimed.standing.expired is not None)
    finally:
        trouble = lease.release()
        if trouble:
            text = (
                f"the lock could not be given back; it runs out in {settings.expiry} s: {trouble}"
            )
            journal(Noticed(stage=STAGE, text=text, level="warning"))
        released = not trouble and not lease.lost
        journal.note(_fact(environment, claimed, lease, waited, released=released))


def refusal(environment: Environment, found: Standing, waited: float = 0.0) -> LockedError:
    """Why a delivery does not begin: by whom the environment is held, since when, and how long."""
    theirs = found.lock.holder
    # Nobody is there where it was given back a moment ago, after somebody else was quicker.
    described = theirs.described if theirs is not None else "somebody who was quicker"
    lines = (sign_of_life(found),) if theirs is not None else ()
    command = f"nox -s lock -- --env {environment.name}"
    after = f" after {waited:.0f} s" if waited else ""
    # Waiting for what never runs out would be waiting for ever.
    until_released = theirs is not None and theirs.expiry == NEVER
    todo = (
        f"ask whether that is done; {command} --release releases it"
        if until_released
        else f"wait for its end; {command} shows it"
    )
    return LockedError(
        f"{environment.name} is held{after} by {described}",
        where=environment.lock.parameter,
        details=lines,
        remedy=f"{todo}. Nothing was changed",
    )


def sign_of_life(found: Standing) -> str:
    """How long ago the holder was heard of, and when the lock may be taken over."""
    lock = found.lock
    if lock.holder is None:
        return ""
    if lock.holder.expiry == NEVER:
        return "held until it is released"
    if lock.seen is None or found.now is None:
        return "AWS did not say what time it is, so nobody takes it over"
    silent = max(0.0, (found.now - lock.seen).total_seconds())
    if found.expired is not None:
        return f"last sign of life {silent:.0f} s ago: it ran out, the next delivery takes it over"
    left = f"{found.left:.0f} s" if found.left is not None else "a while"
    return f"last sign of life {silent:.0f} s ago; it runs out in {left} unless there is another"


def _tell_taken_over(claimed: Claim, journal: Journal) -> None:
    before = claimed.standing.expired
    if before is not None:
        text = f"takes the lock over: it ran out for {before.described}"
        journal(Noticed(stage=STAGE, text=text, level="warning"))


def _fact(
    environment: Environment, claimed: Claim, lease: Lease, waited: float, *, released: bool | None
) -> LockFact:
    before = claimed.standing.expired
    return LockFact(
        parameter=environment.lock.parameter,
        token=lease.token,
        owner=lease.holder.owner,
        run=lease.holder.run,
        since=lease.holder.since,
        expiry=lease.holder.expiry,
        waited=waited,
        taken_over=before.described if before is not None else "",
        signs=lease.signs,
        lost=lease.lost,
        released=released,
    )
