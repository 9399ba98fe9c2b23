"""The locks of environments in Systems Manager's Parameter Store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from shipway.aws.session import Session, translated
from shipway.lock.log import Entry, parsed
from shipway.lock.ports import Reading

# GetParameters takes at most ten names (Systems Manager API Reference, GetParameters).
_NAMES_A_CALL: Final = 10


class ParameterLog:
    """Implements :class:`shipway.lock.ports.LockLog`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def newest(self, name: str) -> Reading:
        """The newest version; see the port."""
        return self._read(name, [name])

    def between(self, name: str, first: int, last: int) -> Reading:
        """A span of versions; see the port."""
        names = [f"{name}:{version}" for version in range(first, last + 1)]
        readings = [
            self._read(name, names[begin : begin + _NAMES_A_CALL])
            for begin in range(0, len(names), _NAMES_A_CALL)
        ]
        entries = tuple(entry for reading in readings for entry in reading.entries)
        return Reading(entries=entries, now=readings[-1].now if readings else None)

    def _read(self, name: str, names: Sequence[str]) -> Reading:
        # GetParameters, not GetParameter: what is not there is no error, and a role that reads what
        # its infrastructure publishes may call it already.
        with translated("ssm:GetParameters", name):
            answer = self._session.client("ssm").get_parameters(Names=list(names))
            entries = [_entry(parameter) for parameter in answer["Parameters"]]
            return Reading(
                entries=tuple(sorted(entries, key=lambda entry: entry.version)), now=_now(answer)
            )

    def write(self, name: str, text: str, *, hurry: bool = False) -> int:
        """Write a new version; see the port."""
        with translated("ssm:PutParameter", name):
            client = self._session.client("ssm", attempts=2) if hurry else self._client
            answer = client.put_parameter(
                Name=name,
                Value=text,
                Type="String",
                Overwrite=True,
                Description="The lock of an environment that shipway delivers to; see its "
                "docs/lock-and-rollback.md",
            )
            return int(answer["Version"])

    @property
    def _client(self) -> Any:
        return self._session.client("ssm")


def _entry(parameter: Mapping[str, Any]) -> Entry:
    return Entry(
        version=int(parameter["Version"]),
        modified=parameter["LastModifiedDate"],
        written=parsed(str(parameter["Value"])),
    )


def _now(answer: Mapping[str, Any]) -> datetime | None:
    """When AWS answered, by its own clock; ``None`` where a proxy left it out, or garbled it."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        at = parsedate_to_datetime(headers["date"])
    except (LookupError, ValueError, TypeError):
        return None
    return at if at.tzinfo is not None else None
