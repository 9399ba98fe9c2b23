"""What the doctor says of one thing, and what was looked at or why it could not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

from shipway.errors import AccessDeniedError, ShipwayError

State = Literal["ok", "wrong", "not checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the tree.

    Attributes:
        name: What was checked.
        state: How it is.
        text: What is there, what is wrong, or why nobody looked.
        remedy: What to do; empty where nothing is to be done.
        details: Further lines.
    """

    name: str
    state: State
    text: str
    remedy: str = ""
    details: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """The same as a JSON object."""
        return {
            "name": self.name,
            "state": self.state,
            "text": self.text,
            "remedy": self.remedy,
            "details": list(self.details),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A branch of the tree."""

    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Why something could not be looked at.

    Attributes:
        why: In one line.
        remedy: What to do.
        details: Further lines.
        denied: Whether a permission is what lacks.
    """

    why: str
    remedy: str = ""
    details: tuple[str, ...] = ()
    denied: bool = False


T = TypeVar("T")
Looked: TypeAlias = T | Unseen
"""What was seen, or why it was not."""

NOT_RESOLVED: Final = Unseen(why="the reference that names it is not resolved: see references")


def unseen(error: ShipwayError) -> Unseen:
    """An error as the reason why something was not seen."""
    return Unseen(
        why=error.what,
        remedy=error.remedy,
        details=error.details,
        denied=isinstance(error, AccessDeniedError),
    )


def looked(look: Callable[[], T]) -> Looked[T]:
    """What a look gives, or why it gave nothing."""
    try:
        return look()
    except ShipwayError as error:
        return unseen(error)


def ok(name: str, text: str) -> Finding:
    """It is as it must be."""
    return Finding(name=name, state="ok", text=text)


def wrong(name: str, text: str, remedy: str, *details: str) -> Finding:
    """A delivery would fail, or go past what the contract says."""
    return Finding(name=name, state="wrong", text=text, remedy=remedy, details=details)


def not_checked(name: str, why: str, remedy: str = "") -> Finding:
    """Nobody could look."""
    return Finding(name=name, state="not checked", text=why, remedy=remedy)


def needed(name: str, reason: Unseen) -> Finding:
    """What a delivery itself must see, and could not be seen: it would fail there.

    But for what waits for a reference, which is said to be wrong already.
    """
    if reason is NOT_RESOLVED:
        return not_checked(name, reason.why)
    return wrong(name, reason.why, reason.remedy, *reason.details)


def optional(name: str, reason: Unseen) -> Finding:
    """What no delivery reads, and whoever looks may not see."""
    if reason.denied:  # the action alone: what no delivery needs is nothing to be allowed
        return not_checked(name, reason.why.partition(": ")[0])
    return not_checked(name, reason.why, reason.remedy)
