"""What the parts of a release contract say of each other: it must be one thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import combinations

from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, as_key, line_of, nearest
from shipway.config.rules import shown
from shipway.policy.pattern import intersect
from shipway.policy.requirements import ANYBODY, RESERVED
from shipway.policy.semantic_checks import environment_key, environments
from shipway.policy.tables import AllowTable, EnvironmentPolicyTable, FreezeTable
from shipway.policy.trigger import BY_HAND

Allows = Mapping[int, AllowTable]
PolicyTables = Mapping[str, EnvironmentPolicyTable]
Places = Mapping[KeyPath, int]


def between_entries(allows: Allows, lines: Places) -> Iterator[Problem]:
    """Two entries of one name, or two that one trigger could mean."""
    for (i, first), (j, second) in combinations(allows.items(), 2):
        same_name, common = first.name == second.name, _common(first, second)
        if not same_name and not common:
            continue
        described = f'"{first.name}" (line {lines["allow", i]})'
        at: KeyPath = ("allow", j)
        if same_name:
            yield Problem(path=(*at, "name"), text=f"is the name of {described} too")
        key = environment_key(second) if second.event == BY_HAND else "ref"
        for what in common:
            yield Problem(path=(*at, key), text=f"overlaps with {described}: {what}")


def _common(first: AllowTable, second: AllowTable) -> tuple[str, ...]:
    """What one trigger could mean by both; mostly nothing."""
    if first.event != second.event:
        return ()
    if first.event == BY_HAND:
        ours = environments(first)
        shared = [name for name in environments(second) if name and name in ours]
        return tuple(f"both lead to {shown(name)} by hand" for name in shared)
    if first.ref and second.ref and intersect(first.ref, second.ref):
        return (f"one ref can match {shown(first.ref)} and {shown(second.ref)}",)
    return ()


def between_tables(
    allows: Allows, environment_policies: PolicyTables, lines: Places, *, source: bool
) -> Iterator[Problem]:
    """Entries, environments and ``[github]`` against each other.

    Args:
        allows: The entries, each by its index in the file.
        environment_policies: The environments' tables.
        lines: Where everything stands.
        source: Whether there is a ``[github]``.
    """
    events = [index for index, allow in allows.items() if allow.event != BY_HAND]
    if events and not source:
        text = f"{shown(allows[events[0]].event)} comes from GitHub, and there is no [github] "
        yield Problem(
            path=("allow", events[0], "event"), text=f"{text}that says from which repository"
        )
    for index, allow in allows.items():
        for name in environments(allow):
            if name not in environment_policies:
                text = f"there is no [environments.{as_key(name)}] that says its role"
                path = ("allow", index, environment_key(allow))
                yield Problem(path=path, text=f"{text}{nearest(name, environment_policies)}")
    for name, environment_policy in environment_policies.items():
        at: KeyPath = ("environments", name)
        yield from _roles(at, environment_policies, allows, lines)
        yield from _after(at, environment_policy, allows, environment_policies)
        yield from _freezes(at, environment_policy.freeze, lines)


def _roles(
    at: KeyPath, environment_policies: PolicyTables, allows: Allows, lines: Places
) -> Iterator[Problem]:
    name = str(at[-1])
    environment_policy = environment_policies[name]
    leading = [(i, allow) for i, allow in allows.items() if name in environments(allow)]
    events = [(i, allow) for i, allow in leading if allow.event != BY_HAND]
    by_hand = [allow for _, allow in leading if allow.event == BY_HAND]
    if not leading:
        yield Problem(path=at, text="no entry leads here; take it away, or name it in one")
    elif events and not environment_policy.role:
        index, allow = events[0]
        whose = f'"{allow.name}" (line {line_of(("allow", index), lines)})'
        text = f"is missing; it should be the name of the IAM role that {whose} assumes"
        yield Problem(path=(*at, "role"), text=text)
    elif not events and environment_policy.role:
        text = "only GitHub's runs assume it, and no event leads here: write by_hand_role"
        yield Problem(path=(*at, "role"), text=text)
    if leading and by_hand:
        by_github = {table.role for table in environment_policies.values() if table.role}
        yield from _people(at, environment_policy, by_github)
    elif leading:
        for key in ("by_hand_role", "by_hand_principals"):
            if key in environment_policy.model_fields_set:
                yield Problem(path=(*at, key), text="nobody comes here by hand; take it away")


def _people(
    at: KeyPath, environment_policy: EnvironmentPolicyTable, by_github: set[str]
) -> Iterator[Problem]:
    """The role of people: one of their own, for CI's must stay CI's, in whichever environment."""
    role, principals = environment_policy.by_hand_role, environment_policy.by_hand_principals
    if not role:
        text = 'is missing; it should be the role of people, which is not role, or "*"'
        yield Problem(path=(*at, "by_hand_role"), text=text)
    elif role in by_github:
        text = "is the role of GitHub's runs: no person may be that one; name another"
        yield Problem(path=(*at, "by_hand_role"), text=text)
    elif role == ANYBODY and principals:
        text = 'by_hand_role is "*", which nobody assumes; name a role, or take this away'
        yield Problem(path=(*at, "by_hand_principals"), text=text)
    elif principals and role.startswith(RESERVED):
        text = "only IAM Identity Center makes such a role; name another, or take this away"
        yield Problem(path=(*at, "by_hand_principals"), text=text)
    for index, principal in enumerate(principals):
        if principal in principals[:index]:
            path = (*at, "by_hand_principals", index)
            yield Problem(path=path, text=f"{shown(principal)} stands twice")


def _after(
    at: KeyPath,
    environment_policy: EnvironmentPolicyTable,
    allows: Allows,
    environment_policies: PolicyTables,
) -> Iterator[Problem]:
    if "after" not in environment_policy.model_fields_set:
        return
    path, before = (*at, "after"), environment_policy.after
    chain = [str(at[-1])]
    while before in environment_policies and before not in chain:
        chain.append(before)
        before = environment_policies[before].after
    if before in chain:
        circle = ", ".join([*chain, before])
        yield Problem(path=path, text=f"goes round in a circle: {circle}")
    elif environment_policy.after not in environment_policies:
        text = f"there is no environment {shown(environment_policy.after)} in this contract"
        yield Problem(
            path=path, text=f"{text}{nearest(environment_policy.after, environment_policies)}"
        )
    elif not any(
        "verify" in allow.tasks and environment_policy.after in environments(allow)
        for allow in allows.values()
    ):
        text = (
            f"nothing is ever verified in {environment_policy.after}: "
            "no entry that leads there has that task"
        )
        yield Problem(path=path, text=text)


def _freezes(at: KeyPath, freezes: list[FreezeTable], lines: Places) -> Iterator[Problem]:
    sound = []
    for index, freeze in enumerate(freezes):
        path = (*at, "freeze", index)
        not_utc = [
            (key, moment)
            for key, moment in (("from", freeze.start), ("until", freeze.until))
            if moment.utcoffset() != timedelta(0)
        ]
        for key, moment in not_utc:
            text = f"should be in UTC, with a Z at its end, not {moment.isoformat()}"
            yield Problem(path=(*path, key), text=text)
        if not not_utc and freeze.until <= freeze.start:
            text = f"should be later than from, {_time(freeze.start)}"
            yield Problem(path=(*path, "until"), text=text)
        elif not not_utc:
            sound.append((path, freeze))
    for (before, first), (path, second) in combinations(sound, 2):
        described = f'"{first.name}" (line {line_of(before, lines)})'
        if first.name == second.name:
            yield Problem(path=(*path, "name"), text=f"is the name of {described} too")
        if first.start < second.until and second.start < first.until:
            text = f"overlaps with {described}, which is from {_time(first.start)}"
            yield Problem(path=path, text=f"{text} until {_time(first.until)}")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
