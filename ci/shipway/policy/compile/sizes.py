"""How long IAM takes a policy to be, and how one that is too long is cut.

Pure. "IAM and AWS STS quotas" (IAM User Guide,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html): white space is not
counted. A name that only AWS knows is taken for as long as names mostly are at most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Document = dict[str, Any]

INLINE: Final = 10240
"""Characters of all inline policies of a role together."""
MANAGED: Final = 6144
"""Characters of one managed policy."""
ATTACHED: Final = 10
"""Managed policies that a role may have, unless AWS was asked for more."""

_UNKNOWN: Final = "n" * 48
_PSEUDO: Final = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "1" * 12,
    "AWS::Region": "ap-southeast-1",
    # Two roles: the one that starts a task, and the task's own.
    "TaskRoles": [f"arn:aws:iam::{'1' * 12}:role/{_UNKNOWN}"] * 2,
    "RuleRoles": [f"arn:aws:iam::{'1' * 12}:role/{_UNKNOWN}"],
    "TimerRoles": [f"arn:aws:iam::{'1' * 12}:role/{_UNKNOWN}"],
    "RuleClusters": [f"arn:aws:ecs:ap-southeast-1:{'1' * 12}:cluster/{_UNKNOWN}"],
    "Provider": "",  # as long as the other branch of the condition, which is written out
}
_NAME: Final = re.compile(r"\$\{([A-Za-z0-9:]+)\}")


def length(document: object, values: Mapping[str, str] | None = None) -> int:
    """The characters that IAM counts in a policy of a template.

    Args:
        document: The policy, with the template's functions in it.
        values: What the template's parameters hold, as far as it is known.
    """
    text = json.dumps(_plain(document, {**_PSEUDO, **(values or {})}), separators=(",", ":"))
    return len("".join(text.split()))


def _plain(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return values.get(value["Ref"], _UNKNOWN)
    if set(value) == {"Fn::Sub"}:
        return _NAME.sub(lambda name: str(values.get(name[1], _UNKNOWN)), value["Fn::Sub"])
    if set(value) == {"Fn::If"}:
        return max((_plain(branch, values) for branch in value["Fn::If"][1:]), key=len)
    return {key: _plain(inner, values) for key, inner in value.items()}


def cut(
    statements: Sequence[Document], values: Mapping[str, str] | None = None
) -> tuple[tuple[Document, ...], ...]:
    """Statements as managed policies, in order, each short enough; a long one loses resources."""
    parts: list[list[Document]] = [[]]
    for piece in _pieces(statements, values):
        if parts[-1] and length(_policy([*parts[-1], piece]), values) > MANAGED:
            parts.append([])
        parts[-1].append(piece)
    return tuple(tuple(part) for part in parts)


def _pieces(statements: Sequence[Document], values: Mapping[str, str] | None) -> Iterator[Document]:
    for statement in statements:
        resources = statement["Resource"]
        if isinstance(resources, list) and length(_policy([statement]), values) > MANAGED:
            half = len(resources) // 2
            halves = (("A", resources[:half]), ("B", resources[half:]))
            yield from _pieces(
                [
                    {
                        **statement,
                        "Sid": f"{statement['Sid']}{letter}",
                        "Resource": part if len(part) > 1 else part[0],
                    }
                    for letter, part in halves
                ],
                values,
            )
        else:
            yield statement


def _policy(statements: Sequence[Document]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}
