"""What must appear nowhere: not in a record, not in a log, not in a summary, not in a report.

Every event and every fact of a delivery goes through one :class:`Mask` on its way to the record
and to the console. Stages redact what they quote from containers; this is the net below them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from shipway.redact import looks_secret, redact

# Shorter values occur in ordinary words; no credential of AWS or GitHub is so short.
_LONG: Final = 8


# Named after a token, and only the address of one: every token names its issuer.
_ADDRESSES: Final = frozenset({"SHIPWAY_TOKEN_ISSUER", "ACTIONS_ID_TOKEN_REQUEST_URL"})


class Mask:
    """Hides known values, and what has the shape of a credential.

    Args:
        secrets: Values that must not appear.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(value for value in secrets if len(value) >= _LONG)
        self._shown: frozenset[str] = frozenset()

    def hide(self, values: Iterable[str]) -> None:
        """Hide these from now on; values shorter than eight characters are left alone."""
        self._secrets |= {value for value in values if len(value) >= _LONG} - self._shown

    def show(self, values: Iterable[str]) -> None:
        """Never hide these: facts of the delivery, though a variable called TOKEN may hold one."""
        self._shown |= frozenset(values)
        self._secrets -= self._shown

    def text(self, text: str, *, assignments: bool = False) -> str:
        """``text`` without secrets.

        Args:
            text: What is about to be shown or kept.
            assignments: Whether ``TOKEN=…`` is hidden by its name too: for foreign programs' words.
        """
        return redact(text, self._secrets, assignments=assignments)

    def deep(self, value: Any) -> Any:
        """A value with every text in it hidden where it must be; frozen values stay frozen."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.deep(key): self.deep(part) for key, part in value.items()}
        if isinstance(value, tuple):
            return tuple(self.deep(part) for part in value)
        if isinstance(value, list):
            return [self.deep(part) for part in value]
        if is_dataclass(value) and not isinstance(value, type):
            return replace(
                value, **{each.name: self.deep(getattr(value, each.name)) for each in fields(value)}
            )
        return value


def secret_variables(variables: Mapping[str, str]) -> frozenset[str]:
    """Values of environment variables whose names look secret; a path is only where one lies."""
    return frozenset(
        value
        for name, value in variables.items()
        if name not in _ADDRESSES
        and looks_secret(name)
        and not (value.startswith("/") and "/" in value[1:])
    ) | frozenset(
        # An AWS secret key may begin with a slash: no path is 40 characters of base64 by chance.
        value
        for name, value in variables.items()
        if name in {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    )
