"""References: values of delivery.toml that the infrastructure, or the caller, publishes.

``ssm:/path`` is a parameter of the Systems Manager Parameter Store, ``cfn:Stack.Output`` an output
of a CloudFormation stack, ``env:NAME`` an environment variable of the process. A parameter may be
named as people and the CDK name it: by its path, by a name without a slash, with a version or a
label behind it, or by its ARN.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, Protocol, Self

Scheme = Literal["ssm", "cfn", "env"]

SCHEMES: Mapping[Scheme, str] = {
    "ssm": "ssm:/path of a parameter",
    "cfn": "cfn:Stack.Output",
    "env": "env:NAME of an environment variable",
}
"""How each kind is written, in the words of an error message."""

PARAMETER_NAME: Final = r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){0,14}"
"""AWS Systems Manager API Reference, PutParameter: letters, digits and . - _ in a hierarchy."""
_PARAMETER_ARN: Final = r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:parameter/"
# The same: "name:version" and "name:label" (GetParameters), a label's letters
# (LabelParameterVersion).
_SELECTOR: Final = r"(?::(?:[0-9]{1,18}|[A-Za-z_.-][A-Za-z0-9_.-]{0,99}))?"

_SHAPES: Mapping[Scheme, re.Pattern[str]] = {
    "ssm": re.compile(
        rf"(?:{PARAMETER_NAME}|{_PARAMETER_ARN}[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){{0,14}})"
        rf"{_SELECTOR}"
    ),
    # CloudFormation API Reference, CreateStack: a stack's name; an output's logical id.
    "cfn": re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}\.[A-Za-z0-9]{1,255}"),
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
}


def shape_of(scheme: Scheme) -> str:
    """The regular expression of what follows the colon."""
    return _SHAPES[scheme].pattern


# difflib's own bound for a close match (get_close_matches).
_NEAR = 0.6


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A name to be looked up: ``scheme`` and what follows the colon."""

    scheme: Scheme
    name: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a value; ``None`` where it is a literal.

        Raises:
            ValueError: It begins like a reference and is not a well-formed one; the text says how
                it should be written.
        """
        for scheme, shape in _SHAPES.items():
            if text.startswith(f"{scheme}:"):
                name = text[len(scheme) + 1 :]
                if not shape.fullmatch(name):
                    raise ValueError(SCHEMES[scheme])
                return cls(scheme, name)
        return None

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    @property
    def parameter(self) -> str:
        """The parameter of an ``ssm:`` reference as GetParameters takes it, version or label too.

        A name with more than one level begins with a slash, whether or not people write it; one of
        a single level may have none ("Creating Parameter Store parameters").
        """
        if self.name.startswith("arn:") or "/" not in self.name:
            return self.name
        return f"/{self.name.lstrip('/')}"

    @property
    def unversioned(self) -> str:
        """The same without version or label: a policy knows a parameter by this."""
        colons = 5 if self.name.startswith("arn:") else 0
        parts = self.parameter.split(":")
        return ":".join(parts[: colons + 1])

    @property
    def selector(self) -> str:
        """The version or the label of an ``ssm:`` reference; empty where it names none."""
        return self.parameter[len(self.unversioned) + 1 :]

    @property
    def stack(self) -> str:
        """The stack's name of a ``cfn:`` reference."""
        return self.name.partition(".")[0]

    @property
    def output(self) -> str:
        """The output's name of a ``cfn:`` reference."""
        return self.name.partition(".")[2]

    def suggestion(self, names: Iterable[str]) -> str:
        """The reference that was probably meant, or an empty text where no name is near."""
        likely = next(iter(self.nearest(names)), "")
        near_enough = self._likeness(likely) >= _NEAR
        return f"{self.scheme}:{likely}" if likely and near_enough else ""

    def nearest(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names, the most like this one first."""
        return tuple(sorted(names, key=lambda name: (-self._likeness(name), name)))

    def _likeness(self, name: str) -> float:
        """From 0 to 1, by the last parts alone: names of one folder or stack begin alike.

        Letters are as like as their capitals: ``Url`` is what ``URL`` meant.
        """
        before = "/" if self.scheme == "ssm" else "."
        ours, theirs = self.name.rpartition(before)[2], name.rpartition(before)[2]
        return SequenceMatcher(None, ours.lower(), theirs.lower()).ratio()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The text that is published; ``secret`` keeps it out of every message (SecureString)."""

    text: str
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Nothing is published under that name.

    Attributes:
        published: What is published nearby: parameters below the same path, or outputs of the same
            stack; the nearest first.
        reason: What is missing where it is not the name itself: ``the stack does not exist``.
        there: Whether something of that name is there, and cannot be used for ``reason``.
        more: Why nothing could be listed and what would allow or show it, in lines for a person.
    """

    published: tuple[str, ...] = ()
    reason: str = ""
    there: bool = False
    more: tuple[str, ...] = ()


Resolution = Found | Missing


class References(Protocol):
    """Looks references up where the infrastructure publishes them."""

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Answer every ``ssm:`` and ``cfn:`` reference given, in as few calls as there can be.

        Raises:
            ShipwayError: AWS could not be asked at all; a name that is not there is no error but a
                :class:`Missing`.
        """
