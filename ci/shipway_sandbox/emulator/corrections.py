"""Put the corrections of :mod:`.known_differences` in place, after a check that the list is whole.

A correction is one or more functions that take the place of private names in the pinned MiniStack,
or a rule that our own code asks about at the point where MiniStack would have done otherwise. The
list says which there are and why; any of them can be left out when a server starts
(``--without NAME``).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from shipway.errors import SandboxError
from shipway_sandbox.emulator.difference import MINISTACK_VERSION, MODULES, KnownDifference, Reach
from shipway_sandbox.emulator.known_differences import DIFFERENCES, REACHES

_PLACE: Final = re.compile(r"(\w+)((?:\.\w+)+)((?:\[[\w:.]+\])*)")

Function = TypeVar("Function", bound=Callable[..., Any])


class Corrections:
    """The listed differences and the functions that put them right.

    Args:
        differences: What is corrected.
        reaches: What is used of MiniStack as it is.
        load: Gives a module of MiniStack by its full name.
        installed: Gives the installed version of a distribution.
    """

    def __init__(
        self,
        differences: Sequence[KnownDifference],
        reaches: Sequence[Reach] = (),
        *,
        load: Callable[[str], Any] = importlib.import_module,
        installed: Callable[[str], str] = importlib.metadata.version,
    ) -> None:
        self._differences = tuple(sorted(differences, key=lambda difference: difference.name))
        self._reaches = tuple(reaches)
        self._load = load
        self._installed = installed
        self._functions: dict[tuple[str, str], Callable[..., Any]] = {}
        self._rules: set[str] = set()
        self._left_out: frozenset[str] = frozenset()
        self._originals: dict[str, Callable[..., Any]] = {}

    def corrects(self, name: str, place: str) -> Callable[[Function], Function]:
        """Register a function of the correction ``name``, to stand at ``place``.

        Both must be listed; :meth:`apply` sees to that, and not the import of the module.
        """

        def register(function: Function) -> Function:
            self._functions[name, place] = function
            return function

        return register

    def rule(self, name: str) -> Callable[[], bool]:
        """Register a rule that our own code follows; the answer says whether it is in force."""
        self._rules.add(name)
        return lambda: name not in self._left_out

    def original(self, place: str) -> Callable[..., Any]:
        """What MiniStack had at ``place`` before it was corrected."""
        return self._originals[place]

    def leave_out(self, names: Iterable[str]) -> frozenset[str]:
        """Take rules out of force, with whatever needs them; all that is out is the answer.

        Raises:
            SandboxError: No correction is called so.
        """
        left_out = set(names)
        if unknown := left_out - {difference.name for difference in self._differences}:
            raise SandboxError(
                f"no correction is called {', '.join(sorted(unknown))}",
                remedy="python -m shipway_sandbox.serve --corrections lists them",
            )
        while more := {
            difference.name
            for difference in self._differences
            if difference.name not in left_out and left_out & {*difference.needs}
        }:
            left_out |= more
        self._left_out = frozenset(left_out)
        return self._left_out

    def apply(self, without: Iterable[str] = ()) -> tuple[str, ...]:
        """Put every correction in place, save those named; the names in force are the answer.

        Raises:
            SandboxError: MiniStack is not the pinned version or lacks a listed name, list and
                functions do not fit, or ``without`` names a correction that does not exist.
                Nothing is replaced then.
        """
        self._require_version()
        left_out = self.leave_out(without)
        self._require_functions()
        self._require_places()
        in_force = [
            difference for difference in self._differences if difference.name not in left_out
        ]
        for difference in in_force:
            for place in difference.places:
                self._replace(place, self._functions[difference.name, place])
        return tuple(difference.name for difference in in_force)

    def _require_version(self) -> None:
        version = self._installed("ministack")
        if version != MINISTACK_VERSION:
            raise SandboxError(
                f"the corrections fit ministack {MINISTACK_VERSION}, but {version} is installed",
                remedy=f"pip install 'ministack[cryptography,docker]=={MINISTACK_VERSION}'",
            )

    def _require_functions(self) -> None:
        """Every listed place has its function, every rule is asked about, and no other is."""
        listed = {
            (difference.name, place)
            for difference in self._differences
            for place in difference.places
        }
        rules = {difference.name for difference in self._differences if not difference.places}
        faults = [
            *(f"{name} has no function for {place}" for name, place in listed - {*self._functions}),
            *(f"{place} ({name}) is not listed" for name, place in {*self._functions} - listed),
            *(f"nobody asks about the rule {name}" for name in rules - self._rules),
            *(f"the rule {name} is not listed" for name in self._rules - rules),
        ]
        if faults:
            raise SandboxError(
                "the list of known differences does not fit the corrections",
                where="shipway_sandbox/emulator/known/",
                details=tuple(sorted(faults)),
                remedy="list what is corrected, and nothing else",
            )

    def _require_places(self) -> None:
        """MiniStack has every listed name; what is replaced is kept for :meth:`original`."""
        originals = {}
        for difference in self._differences:
            for place in difference.replaces:
                originals[place] = self._content(place, "which a correction replaces")
            for place in difference.adds:
                self._content(place.partition("[")[0], "which a correction adds to")
        for reach in self._reaches:
            for place in reach.places:
                self._content(place, "which the emulator reaches into")
        self._originals = originals | self._originals

    def _content(self, place: str, use: str) -> Any:
        holder, name, is_key = self._slot(place)
        if not (isinstance(holder, dict) and name in holder if is_key else hasattr(holder, name)):
            raise SandboxError(
                f"ministack {MINISTACK_VERSION} has no {place}, {use}",
                remedy="reinstall ministack: its files differ from the published ones",
            )
        return holder[name] if is_key else getattr(holder, name)

    def _replace(self, place: str, function: Callable[..., Any]) -> None:
        holder, name, is_key = self._slot(place, make=True)
        if is_key:
            holder[name] = function
        else:
            setattr(holder, name, function)

    def _slot(self, place: str, *, make: bool = False) -> tuple[Any, str, bool]:
        """Who holds a place, its name there, and whether that is a mapping's key.

        ``make`` has mappings made that a new place needs.
        """
        matched = _PLACE.fullmatch(place)
        if matched is None or matched[1] not in MODULES:
            raise SandboxError(f"{place!r} is no place in MiniStack")
        holder = self._load(MODULES[matched[1]])
        *outer, last = matched[2][1:].split(".")
        for name in outer:
            holder = getattr(holder, name, None)
        keys = re.findall(r"\[([\w:.]+)\]", matched[3])
        if not keys:
            return holder, last, False
        holder = getattr(holder, last, None)
        for key in keys[:-1]:
            if make and isinstance(holder, dict):
                holder.setdefault(key, {})
            holder = holder.get(key) if isinstance(holder, dict) else None
        return holder, keys[-1], True


CORRECTIONS: Final = Corrections(DIFFERENCES, REACHES)
"""Those of this process: MiniStack keeps its state in module globals, so there is one of each."""
corrects = CORRECTIONS.corrects
rule = CORRECTIONS.rule
original = CORRECTIONS.original
