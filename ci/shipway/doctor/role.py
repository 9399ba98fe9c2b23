"""Whether a role in IAM is the one that the contract compiles to. Pure.

Policies are compared by what they say: a statement's name, the order of a list and a list of one
are no difference ("IAM JSON policy elements reference", IAM User Guide).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shipway.doctor.finding import Finding, Looked, Unseen, not_checked, ok, optional, wrong

Document = Mapping[str, Any]

_LISTS: Final = frozenset({"Action", "NotAction", "Resource", "NotResource"})
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRole:
    """A role as IAM has it.

    Attributes:
        trust: Its trust policy.
        statements: Those of all its policies, inline and attached.
    """

    trust: Document
    statements: tuple[Document, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRole:
    """A role as the contract says it.

    Attributes:
        name: Its name.
        trust: Its trust policy.
        statements: What it must be allowed; why it is not known where values lack.
    """

    name: str
    trust: Document
    statements: Looked[tuple[Document, ...]]


def judge(
    expected: ExpectedRole, live: Looked[LiveRole | None], environment: str
) -> Iterator[Finding]:
    """A role's trust policy, and its permissions.

    Args:
        expected: What the contract compiles to.
        live: What is in IAM; ``None`` where there is no such role.
        environment: Whose role it is.
    """
    trust, permissions = f"trust policy of {expected.name}", f"permissions of {expected.name}"
    make = f"nox -s bootstrap -- --env {environment} --apply"
    if isinstance(live, Unseen):
        yield optional(trust, live)
        yield optional(permissions, live)
        return
    if live is None:
        yield wrong(trust, "there is no such role in the account", f"make it: {make}")
        yield not_checked(permissions, "there is no such role")
        return
    yield _trust(trust, expected.trust, live.trust, make)
    if isinstance(expected.statements, Unseen):
        yield optional(permissions, expected.statements)
        return
    lacking = _differing(expected.statements, live.statements)
    further = len(_differing(live.statements, expected.statements))
    if lacking:
        yield wrong(
            permissions,
            f"{_counted(len(lacking))} of the contract's {'is' if len(lacking) == 1 else 'are'} "
            "not in it as rendered",
            f"see what would change, and make it: {make}",
            *(_short(statement) for statement in lacking[:_SHOWN]),
        )
    elif further:
        yield ok(permissions, f"all of the contract's, and {_counted(further)} of others")
    else:
        yield ok(permissions, "as the contract says")


def _trust(name: str, expected: Document, actual: Document, make: str) -> Finding:
    ours, theirs = expected.get("Statement", ()), actual.get("Statement", ())
    lacking = _differing(_listed(ours), _listed(theirs))
    further = _differing(_listed(theirs), _listed(ours))
    if not lacking and not further:
        return ok(name, "as the contract says")
    return wrong(
        name,
        "it trusts others than the contract does" if further else "it lacks who may come",
        f"see what would change, and make it: {make}",
        *(f"lacks {_short(statement)}" for statement in lacking[:_SHOWN]),
        *(f"holds {_short(statement)}" for statement in further[:_SHOWN]),
    )


def _differing(wanted: Iterable[Document], there: Iterable[Document]) -> tuple[Document, ...]:
    """What is in the first and not in the second, by what it says."""
    known = {normal(statement) for statement in there}
    return tuple(statement for statement in wanted if normal(statement) not in known)


def normal(statement: Document) -> str:
    """What a statement says, in one form."""
    meaning: dict[str, Any] = {}
    for key, value in statement.items():
        if key == "Sid":
            continue
        if key in _LISTS:
            meaning[key] = sorted(map(str, _flat(value)))
        elif isinstance(value, Mapping):
            meaning[key] = {inner: _normal(held) for inner, held in value.items()}
        else:
            meaning[key] = value
    return json.dumps(meaning, sort_keys=True)


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _normal(inner) for key, inner in value.items()}
    return sorted(map(str, _flat(value)))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _listed(statements: Any) -> list[Document]:
    return [statements] if isinstance(statements, Mapping) else list(statements)


def _short(statement: Document) -> str:
    name = statement.get("Sid", "")
    actions = ", ".join(map(str, _flat(statement.get("Action", ()))))
    return f"{name}: {actions}" if name else actions


def _counted(count: int) -> str:
    return "1 statement" if count == 1 else f"{count} statements"
