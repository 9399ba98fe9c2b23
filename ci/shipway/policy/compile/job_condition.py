"""The job's ``if:`` in the workflow, which holds by itself where ``on:`` is ignored.

Pure. "Evaluate expressions in workflows and actions" (GitHub Docs) has ``==``, ``startsWith``,
``endsWith`` and ``contains``, all of them blind to case, and nothing that cuts a text apart. What
they cannot say is left to the gate and to AWS, which compare every character: :func:`looser_than`
says where that is so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shipway.policy.contract import Contract, ContractEntry
from shipway.policy.pattern import BRANCHES, TAGS


def condition(entry: ContractEntry) -> str:
    """An expression that is true for the event and the refs of an entry."""
    return " && ".join((f"github.event_name == '{entry.event}'", *_ref(entry.ref)))


def _ref(pattern: str) -> tuple[str, ...]:
    first, star, last = _ends(pattern)
    if not star:
        return (f"github.ref == '{pattern}'",)
    parts = [f"startsWith(github.ref, '{first}')"]
    if last:
        parts.append(f"endsWith(github.ref, '{last}')")
    parts += [f"github.ref != '{text}'" for text in _overlaps(first, last)]
    if "/" not in _short(pattern):
        parts.append("!contains(github.ref_name, '/')")
    return tuple(parts)


def _ends(pattern: str) -> tuple[str, bool, str]:
    """What stands before the first ``*`` and after the last one."""
    first, star, after = pattern.partition("*")
    return first, bool(star), after.rpartition("*")[2] if "*" in after else after


def _short(pattern: str) -> str:
    return pattern.removeprefix(BRANCHES).removeprefix(TAGS)


def _overlaps(first: str, last: str) -> tuple[str, ...]:
    """Texts that begin and end as they must because one end is part of the other."""
    return tuple(
        first + last[size:] for size in range(1, len(last) + 1) if first.endswith(last[:size])
    )


def looser_than(entry: ContractEntry) -> str:
    """What the guard lets through although the contract does not; empty where it is as narrow."""
    if entry.ref.count("*") > 1:
        return "what stands between two * is compared by the gate and by AWS"
    if "*" in entry.ref and "/" in _short(entry.ref):
        return "a further / within * is refused by the gate and by AWS"
    return ""


def job_condition(contract: Contract) -> tuple[str, ...]:
    """The job's ``if:``, one line for each part of it.

    Raises:
        ValueError: The contract does not name the repository.
    """
    if contract.source is None:
        raise ValueError("a workflow needs [github] in the contract")
    of_repository = (
        f"github.repository == '{contract.source.repository}' && !github.event.deleted && ("
    )
    entries = [f"({condition(entry)})" for entry in contract.triggers]
    return (of_repository, entries[0], *(f"|| {entry}" for entry in entries[1:]), ")")


def choice(entries: Sequence[ContractEntry], value: Callable[[ContractEntry], str]) -> str:
    """A text, or the expression that chooses it by the entry that applies.

    The last value stands for every other trigger: the job's guard has let none of those in.
    """
    by_value: dict[str, list[str]] = {}
    for entry in entries:
        by_value.setdefault(value(entry), []).append(condition(entry))
    *choices, last = by_value
    if not choices:
        return last
    parts = []
    for name in choices:
        conditions = by_value[name]
        condition_text = conditions[0] if len(conditions) == 1 else f"({') || ('.join(conditions)})"
        parts.append(
            f"({condition_text}) && '{name}'"
            if len(conditions) > 1
            else f"{condition_text} && '{name}'"
        )
    return f"${{{{ {' || '.join(parts)} || '{last}' }}}}"
