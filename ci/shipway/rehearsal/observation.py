"""What a walk was seen to do from outside: ``walk.json``, beside the delivery's record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shipway.evidence import codec
from shipway.evidence.canonical_json import to_json
from shipway.evidence.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedTokenFact(Fact):
    """A token that must be refused, whether it was, and what STS said."""

    what: str
    refused: bool
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcFact(Fact):
    """How a walk came by its credentials; all blank where no role trusts it."""

    role: str = ""
    access_key_id: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    refused: tuple[RefusedTokenFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficFact(Fact):
    """Requests to the service while it was released to, and the answers, counted by status."""

    asked: int
    lost: int
    answers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFact(Fact):
    """A scenario of the rehearsal; every one of them names all, so that none can be left out.

    Attributes:
        name: Its folder.
        role: ``publish``, ``deploy``, ``refused``, ``failing`` or ``blocked``.
        criterion: The row of the acceptance table that it stands for alone.
        entry: The contract's entry, and ``push`` or ``tag``: ``main-push``.
        environment: Where it must go.
        asked: Whether its service is asked all the while.
        cause: The failure that its record must name; empty where any may be named.
    """

    name: str
    role: str
    criterion: str = ""
    entry: str = ""
    environment: str = ""
    asked: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Fact):
    """One walk, as it was and as it should be."""

    name: str
    title: str = ""
    event: str = ""
    ref: str = ""
    exit_code: int | None
    expected_exit_code: int | None
    expected_kind: str
    planned: tuple[PlannedFact, ...] = ()
    oidc: OidcFact = field(default_factory=OidcFact)
    traffic: TrafficFact | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the command ended with the code that is right."""
        return self.exit_code == self.expected_exit_code

    def written(self) -> bytes:
        """The file."""
        return json.dumps(to_json(self), indent=1).encode() + b"\n"


def read(content: bytes) -> Observation | None:
    """An observation, where the bytes are one: a JSON object with the walk's name."""
    try:
        observation = codec.read(Observation, json.loads(content))
    except (ValueError, RecursionError):
        return None
    return observation if observation.name else None
