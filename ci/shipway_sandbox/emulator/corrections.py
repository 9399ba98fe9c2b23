"""The register of corrections: what of MiniStack is replaced, by what, and why.

A correction is one or more functions that take the place of private names in the pinned MiniStack,
or a rule that our own code asks about at the point where MiniStack would have done otherwise. Both
carry a name, a reason, and can be left out when a server starts (``--without NAME``).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shipway.errors import SandboxError

MINISTACK_VERSION = "1.5.33"
"""The one version whose private names the corrections know."""

_MODULES = {
    "alb": "ministack.services.alb",
    "app": "ministack.app",
    "ecr": "ministack.services.ecr",
    "ecs": "ministack.services.ecs",
    "iam": "ministack.services.iam",
    "iam_actions": "ministack.core.iam_actions",
    "iam_evaluator": "ministack.core.iam_evaluator",
    "provisioners": "ministack.services.cloudformation.provisioners",
    "sts": "ministack.services.sts",
}
_PLACE = re.compile(r"(\+?)(\w+)\.(\w+)((?:\[[\w:.]+\])*)")

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(slots=True)
class Correction:
    """One difference between MiniStack and AWS, put right.

    Attributes:
        name: How it is called on the command line and in tests, as in ``ecs.task-runtime``.
        because: What AWS does, with the page that says so.
        needs: Other corrections without which this one cannot work.
        parts: ``(place, function)`` for each private name it replaces; empty for a rule.
    """

    name: str
    because: str
    needs: tuple[str, ...] = ()
    parts: list[tuple[str, Callable[..., Any]]] = field(default_factory=list)


_register: dict[str, Correction] = {}
_off: set[str] = set()
_originals: dict[str, Callable[..., Any]] = {}


def correction(
    name: str, *, replaces: str, because: str = "", needs: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Register a function as the replacement of ``module.attribute`` or ``module.map[key]``.

    A ``+`` in front of the place says that MiniStack has nothing there yet. Several functions may
    share a name: they are one correction. The reason is given once, with the first of them.
    """

    def register(function: Function) -> Function:
        known = _register.setdefault(name, Correction(name, because, needs))
        known.because = known.because or because
        known.parts.append((replaces, function))
        return function

    return register


def rule(name: str, *, because: str, needs: tuple[str, ...] = ()) -> Callable[[], bool]:
    """Register a rule that our own code follows; the answer says whether it is in force."""
    _register[name] = Correction(name, because, needs)
    return lambda: name not in _off


def original(place: str) -> Callable[..., Any]:
    """What MiniStack had at ``place`` before it was corrected."""
    return _originals[place]


def listing() -> tuple[Correction, ...]:
    """Every correction that is known, in order of name."""
    return tuple(sorted(_register.values(), key=lambda known: known.name))


def _holder(place: str, *, make: bool = False) -> tuple[Any, str | None, str, bool]:
    """The object that holds a place: ``(holder, attribute, key, may be new)``.

    Exactly one of attribute and key names the place in its holder. ``make`` has mappings made that
    a new place needs.
    """
    matched = _PLACE.fullmatch(place)
    if matched is None or matched[2] not in _MODULES:
        raise SandboxError(f"correction names {place!r}, which is no place in MiniStack")
    module = importlib.import_module(_MODULES[matched[2]])
    may_be_new, attribute = bool(matched[1]), matched[3]
    keys = re.findall(r"\[([\w:.]+)\]", matched[4])
    if not keys:
        return module, attribute, "", may_be_new
    holder = getattr(module, attribute, None)
    for key in keys[:-1]:
        if make and may_be_new and isinstance(holder, dict):
            holder.setdefault(key, {})
        holder = holder.get(key) if isinstance(holder, dict) else None
    return holder, None, keys[-1], may_be_new


def apply(without: Iterable[str] = ()) -> tuple[str, ...]:
    """Put every correction in place, save those named; the names in force are the answer.

    Raises:
        SandboxError: MiniStack is not the pinned version, lacks a private name that is to be
            replaced, or ``without`` names a correction that does not exist.
    """
    _require_version()
    left_out = set(without)
    if unknown := left_out - _register.keys():
        raise SandboxError(
            f"no correction is called {', '.join(sorted(unknown))}",
            remedy="python -m shipway_sandbox.serve --corrections lists them",
        )
    while more := {
        name
        for name, known in _register.items()
        if name not in left_out and left_out & {*known.needs}
    }:
        left_out |= more
    _off.clear()
    _off.update(left_out)
    places = [(place, function) for known in listing() for place, function in known.parts]
    for place, _ in places:
        _require(place)
    for known in listing():
        if known.name not in left_out:
            for place, function in known.parts:
                _replace(place, function)
    return tuple(known.name for known in listing() if known.name not in left_out)


def _require_version() -> None:
    found = importlib.metadata.version("ministack")
    if found != MINISTACK_VERSION:
        raise SandboxError(
            f"the corrections fit ministack {MINISTACK_VERSION}, but {found} is installed",
            remedy=f"pip install 'ministack[cryptography,docker]=={MINISTACK_VERSION}'",
        )


def _require(place: str) -> None:
    holder, attribute, key, may_be_new = _holder(place)
    present = (
        hasattr(holder, attribute) if attribute else isinstance(holder, dict) and key in holder
    )
    if not present and not may_be_new:
        raise SandboxError(
            f"ministack {MINISTACK_VERSION} has no {place}, which a correction replaces",
            remedy="reinstall ministack: its files differ from the published ones",
        )
    if present and place not in _originals:
        _originals[place] = getattr(holder, attribute) if attribute else holder[key]


def _replace(place: str, function: Callable[..., Any]) -> None:
    holder, attribute, key, _ = _holder(place, make=True)
    if attribute:
        setattr(holder, attribute, function)
    else:
        holder[key] = function
