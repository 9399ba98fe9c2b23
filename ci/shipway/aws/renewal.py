"""Credentials of a GitHub job that are renewed before they end, for as long as the job may ask.

The OIDC step of a workflow leaves three variables behind and no word of when they end. So they are
renewed a few minutes after they were found good, and from then on well before the end that STS
names. A token of GitHub's is traded for the very role and session that the step had; STS gives
nothing else for it, and whatever it gave instead is not used.

The renewal runs beside whoever asks for a signature meanwhile: a token service that does not
answer holds up no watch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.credentials import Credentials, ReadOnlyCredentials

from shipway.errors import CancelledError, ShipwayError, TerminatedError

FIRST: Final = timedelta(minutes=5)
"""When the step's own credentials are renewed: a session lasts 15 minutes at least (STS API
Reference, AssumeRoleWithWebIdentity, DurationSeconds), and nobody says how old this one is."""
BEFORE_THE_END: Final = timedelta(minutes=15)
"""How long before their end later ones are renewed; a shorter session at its half."""
AGAIN: Final = timedelta(minutes=1)
"""After how long a renewal that failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """What STS gave for a token; the secrets are never shown."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    ends: datetime


def due(now: datetime, ends: datetime) -> datetime:
    """When credentials are renewed that were given now."""
    return ends - min(BEFORE_THE_END, (ends - now) / 2)


def beside(work: Callable[[], object]) -> None:
    """Do something in a thread of its own, which keeps nobody from leaving."""
    threading.Thread(target=work, name="renew-credentials", daemon=True).start()


class RenewedCredentials(Credentials):
    """What botocore asks for the keys of each request.

    Safe to be asked from several threads.

    Args:
        keys: The step's own, as the SDK found them.
        fetch: Asks GitHub and STS for new ones.
        tell: Takes a line for the person who watches, and its level.
        hide: Takes values that must appear nowhere.
        renewed: Takes the end of each renewal's keys, once they are signed with.
        now: The time in UTC.
        start: How a renewal is begun, where nobody waits for it.
    """

    def __init__(
        self,
        keys: ReadOnlyCredentials,
        fetch: Callable[[], Renewed],
        *,
        tell: Callable[[str, str], None],
        hide: Callable[[Iterable[str]], None],
        renewed: Callable[[datetime], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        start: Callable[[Callable[[], object]], None] = beside,
    ) -> None:
        super().__init__(
            str(keys.access_key), str(keys.secret_key), keys.token, method="github-oidc"
        )
        self._keys = super().get_frozen_credentials()
        self._fetch, self._now, self._start = fetch, now, start
        self._tell, self._hide, self._renewed = tell, hide, renewed
        self._due = now() + FIRST
        self._ends: datetime | None = None
        self._told = ""
        self._busy = threading.Lock()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys to sign a request with; a renewal that is due is begun.

        Whoever comes when they have ended waits for it: nothing is signed with what AWS refuses.
        """
        now = self._now()
        if now >= self._due:
            if self._ends is not None and now >= self._ends:
                self.renew()
            elif self._busy.acquire(blocking=False):
                self._start(self._renew_and_release)
        return self._keys

    def renew(self) -> bool:
        """Renew them now, and give whether there are new ones."""
        before = self._keys
        with self._busy:
            if self._keys is before:  # else another thread was faster
                self._renew()
        return self._keys is not before

    def _renew_and_release(self) -> None:
        try:
            self._renew()
        finally:
            self._busy.release()

    def _renew(self) -> None:
        try:
            given = self._fetch()
        except (CancelledError, TerminatedError):
            raise
        except ShipwayError as error:
            self._due = self._now() + AGAIN
            self._tell_once(error)
            return
        self._hide((given.access_key_id, given.secret_access_key, given.session_token))
        self.access_key, self.secret_key = given.access_key_id, given.secret_access_key
        self.token = given.session_token
        self._keys = super().get_frozen_credentials()  # all three at once, for whoever signs
        self._due, self._ends, self._told = due(self._now(), given.ends), given.ends, ""
        self._renewed(given.ends)
        self._tell(f"credentials renewed from GitHub's token until {_clock(given.ends)}", "info")

    def _tell_once(self, error: ShipwayError) -> None:
        if error.what == self._told:
            return
        self._told = error.what
        until = f"until {_clock(self._ends)}" if self._ends else "for as long as their step asked"
        text = f"the credentials hold {until} and could not be renewed: {error.what}"
        self._tell(text, "warning")


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M} UTC"
