"""A refusal of ECS, as a value, and the first of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import error_response_json

Record = dict[str, Any]
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not carried out.

    Attributes:
        message: In ECS's words.
        code: The error's name in ECS's API.
    """

    message: str
    code: str = "ClientException"

    def answer(self) -> Any:
        """As MiniStack sends it."""
        return error_response_json(self.code, self.message, _BAD_REQUEST)


def invalid(message: str) -> Refusal:
    """One of the kind that most calls on services and tasks give."""
    return Refusal(message, "InvalidParameterException")


Rules = tuple[tuple[Callable[[], bool], Callable[[Record], Iterator[Refusal]]], ...]
"""Whether a rule is in force, and what it refuses of a request."""


def first(rules: Rules, request: Record) -> Refusal | None:
    """The first thing that a request is refused for; ``None`` where it is carried out."""
    for in_force, refusals in rules:
        if in_force():
            refusal = next(refusals(request), None)
            if refusal is not None:
                return refusal
    return None
