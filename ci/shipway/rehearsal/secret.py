"""A release that asks for a secret which its execution role may not read.

The secret is made in the sandbox, with a policy of its own that denies everybody: a role that may
read all there is may not read it. The release's delivery.toml asks for it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shipway.config.positions import KeyPath, positions
from shipway.errors import SandboxError
from shipway_sandbox import compute
from shipway_sandbox.plan import Layer

VARIABLE: Final = "SHIPWAY_REHEARSAL_SECRET"
"""The variable that would hold it."""
_NAME: Final = "shipway-rehearsal-nobody"
_SECRETS: Final = "secrets"


def nobodys_secret(state: Mapping[str, Any], layer: Layer) -> str:
    """The ARN of a secret in a layer's account and region that nobody may read.

    Raises:
        SandboxError: The sandbox does not answer.
    """
    body = {"account": layer.account, "region": layer.region, "name": _NAME}
    return str(compute.call(state, "/_shipway/secrets", body)["arn"])


def with_secret(text: str, *, environment: str, services: Sequence[str], source: str) -> str:
    """delivery.toml with one more secret in each service of an environment. Pure.

    Args:
        text: As it is; a document that ``tomllib`` accepts.
        environment: The environment.
        services: Its services, by their keys.
        source: The secret's ARN.

    Raises:
        SandboxError: A service is written so that nothing can be added to it.
    """
    for key in services:
        text = _added(text, ("environments", environment, "services", key), source)
    return text


def _added(text: str, service: KeyPath, source: str) -> str:
    own = str(_at(tomllib.loads(text), service).get("container", ""))
    lines = positions(text)
    inner = (*service, "containers", own, _SECRETS)
    path = inner if inner in lines else (*service, _SECRETS)
    for changed in _candidates(text, path, lines.get(path, 0), source):
        try:
            value = _at(tomllib.loads(changed), path).get(VARIABLE)
        except (tomllib.TOMLDecodeError, KeyError):
            continue
        if value == source:
            return changed
    raise SandboxError(
        "the rehearsal cannot add a secret to a service",
        where=f"ci/delivery.toml  {'.'.join(map(str, path))}",
        remedy="write the service, and its `secrets`, as tables with headers of their own",
    )


def _candidates(text: str, path: KeyPath, line: int, source: str) -> list[str]:
    """The document with the secret in the ways that TOML has; the first that can be read counts."""
    entry = f"{VARIABLE} = {json.dumps(source)}"
    if not line:
        header = ".".join(json.dumps(str(part)) for part in path)
        return [f"{text.rstrip()}\n\n[{header}]\n{entry}\n"]
    lines = text.split("\n")
    written = lines[line - 1]
    dotted = re.sub(rf"\b({_SECRETS}\s*\.).*", rf"\1{entry}", written)
    ways = (
        [written, entry],
        [re.sub(rf"({_SECRETS}\s*=\s*\{{)", rf"\1 {entry}, ", written)],
        [re.sub(rf"({_SECRETS}\s*=\s*\{{)\s*\}}", rf"\1 {entry} }}", written)],
        [dotted, written],
    )
    return ["\n".join((*lines[: line - 1], *way, *lines[line:])) for way in ways]


def _at(document: Mapping[str, Any], path: KeyPath) -> Mapping[str, Any]:
    """The table at a path.

    Raises:
        KeyError: There is none.
    """
    table: Any = document
    for part in path:
        table = table[part]
    return table if isinstance(table, dict) else {}
