"""``[notify.NAME]`` as types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from shipway.config.names import Key
from shipway.config.notify import NotifyEvent, NotifyFormat
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, nearest
from shipway.config.references import SCHEMES, Reference
from shipway.config.rules import Rule, Table, one_of

_SECRET = Annotated[
    str,
    Rule(expected=f"{SCHEMES['ssm']} or {SCHEMES['env']}", shape=r"[!-~]+"),
]
_LOOKED_UP = ("url", "secret")


class NotifyTable(Table):
    """Whom a delivery tells how it goes. It never fails or delays one."""

    url: _SECRET = Field(
        description="Where it is posted to, always a reference: whoever knows the address can "
        "write to it. `https://`, reached directly or through the environment's proxy; no address "
        "of a private network, and no redirect is followed."
    )
    format: Annotated[NotifyFormat, one_of("cloudevents", "slack")] = Field(
        default="cloudevents",
        description="`cloudevents`: CloudEvents 1.0 with CDEvents in them. `slack`: the text that "
        "an incoming webhook of Slack takes.",
    )
    events: list[
        Annotated[NotifyEvent, one_of("started", "delivered", "failed", "rolled-back")]
    ] = Field(
        default=["started", "delivered", "failed", "rolled-back"],
        min_length=1,
        description="What is told.",
    )
    environments: list[Key] = Field(
        default=[],
        description="Of which environments; without it of all that are not the embedded sandbox.",
    )
    secret: _SECRET = Field(
        default="",
        description="A reference to what signs each request (`webhook-signature`, "
        "[Standard Webhooks](https://www.standardwebhooks.com)). Without it none is signed.",
    )


def notify_problems(tables: object, environments: object) -> list[Problem]:
    """What is wrong with ``[notify]`` only when it is seen with what is around it. Pure.

    Args:
        tables: The table ``notify``, as the file has it; a wrong kind is told elsewhere.
        environments: The table ``environments``.
    """
    problems: list[Problem] = []
    names = tuple(environments) if isinstance(environments, dict) else ()
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict):
            path: KeyPath = ("notify", name)
            problems += _written_out(table, path)
            problems += _unknown(table.get("environments"), names, (*path, "environments"))
    return problems


def _written_out(table: dict[str, Any], path: KeyPath) -> list[Problem]:
    text = (
        "should be a reference, not written out: whoever reads the file could use it. Put it into "
        "a SecureString and say ssm:/path, or into a variable and say env:NAME"
    )
    return [
        Problem(path=(*path, key), text=text)
        for key in _LOOKED_UP
        if isinstance(value := table.get(key), str) and value and not _is_reference(value)
    ]


def _is_reference(text: str) -> bool:
    try:
        return Reference.parse(text) is not None
    except ValueError:  # malformed, which is told where values are checked
        return True


def _unknown(listed: object, names: tuple[str, ...], path: KeyPath) -> list[Problem]:
    return [
        Problem(
            path=(*path, index),
            text=f"names no environment of this file{nearest(name, names)}",
        )
        for index, name in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(name, str) and name not in names
    ]
