"""The locks that only GitHub holds: tag rulesets, and the environment's protection. Pure.

"Get all repository rulesets" and "Get an environment" (GitHub REST API,
https://docs.github.com/en/rest/repos/rules, https://docs.github.com/en/rest/deployments/environments).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from shipway.doctor.finding import Finding, Looked, Unseen, not_checked, ok, optional, wrong
from shipway.policy.requirements import EnvironmentPolicy, Source

_TAGS: Final = "refs/tags/"
_ALL: Final = "~ALL"
_TAG_RULES: Final = {
    "creation": "who may push such a tag",
    "update": "that none is moved",
    "deletion": "that none is deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """A ruleset about tags.

    Attributes:
        name: What people call it.
        active: Whether it is enforced.
        include: Patterns of full refs, or ``~ALL``.
        exclude: Patterns of refs that it leaves out.
        rules: Types of its rules: ``creation``, ``update``, ``deletion`` …
    """

    name: str
    active: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """How a GitHub environment is protected.

    Attributes:
        rules: Types of its rules: ``required_reviewers``, ``wait_timer``, ``branch_policy``.
        restricts_refs: Whether some refs only may deploy to it.
    """

    rules: tuple[str, ...]
    restricts_refs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubFacts:
    """What GitHub's API says.

    Attributes:
        numbers: The repository's number, and its owner's.
        rulesets: Its rulesets about tags.
        environment: The environment's protection; ``None`` where there is no such environment.
    """

    numbers: Looked[tuple[int, int]]
    rulesets: Looked[tuple[Ruleset, ...]]
    environment: Looked[Protection | None]


def judge(
    facts: GithubFacts, source: Source, environment_policy: EnvironmentPolicy, refs: tuple[str, ...]
) -> Iterator[Finding]:
    """The repository, its tags, and the environment.

    Args:
        facts: What GitHub says.
        source: The repository as the contract names it.
        environment_policy: What the contract asks of the environment.
        refs: The patterns of refs that lead to it.
    """
    yield _repository(facts.numbers, source)
    for ref in dict.fromkeys(refs):
        if ref.startswith(_TAGS):
            yield _tag(ref, facts.rulesets)
    yield _environment(facts.environment, environment_policy)


def _repository(numbers: Looked[tuple[int, int]], source: Source) -> Finding:
    if isinstance(numbers, Unseen):
        return optional("repository", numbers)
    if numbers == (source.repository_id, source.owner_id):
        return ok("repository", f"{source.repository} is {source.repository_id}")
    return wrong(
        "repository",
        f"{source.repository} is {numbers[0]} of owner {numbers[1]}, and the contract says "
        f"{source.repository_id} of {source.owner_id}",
        "correct repository_id and owner_id in [github] of ci/release.toml",
    )


def _tag(ref: str, rulesets: Looked[tuple[Ruleset, ...]]) -> Finding:
    name = f"ruleset for {ref.removeprefix(_TAGS)}"
    if isinstance(rulesets, Unseen):
        return optional(name, rulesets)
    covering = [ruleset for ruleset in rulesets if ruleset.active and _covers(ruleset, ref)]
    rules = {rule for ruleset in covering for rule in ruleset.rules}
    lacking = [f"{what} ({rule})" for rule, what in _TAG_RULES.items() if rule not in rules]
    if not lacking:
        return ok(name, ", ".join(ruleset.name for ruleset in covering))
    return wrong(
        name,
        f"no active tag ruleset says {', '.join(lacking)}",
        f"add a tag ruleset on {ref} with these rules: Settings, Rules, Rulesets",
    )


def _covers(ruleset: Ruleset, ref: str) -> bool:
    """Whether every tag of a pattern is one of the ruleset's, as far as patterns tell it.

    A pattern of the contract is a name of the ruleset's pattern where that is as wide or wider.
    """

    def matches(pattern: str) -> bool:
        return pattern in {_ALL, ref} or fnmatchcase(ref, pattern)

    return any(map(matches, ruleset.include)) and not any(map(matches, ruleset.exclude))


def _environment(
    protection: Looked[Protection | None], environment_policy: EnvironmentPolicy
) -> Finding:
    name = environment_policy.github_environment
    if not name:
        return not_checked(
            "environment",
            "the contract names no GitHub environment for it: none holds reviewers or refs",
            f"say github_environment in [environments.{environment_policy.environment}] of "
            "ci/release.toml",
        )
    label = f"environment {name}"
    settings = "Settings, Environments"
    if isinstance(protection, Unseen):
        return optional(label, protection)
    if protection is None:
        return wrong(label, "there is no such environment at GitHub", f"make it: {settings}")
    if not protection.restricts_refs:
        return wrong(
            label,
            "every branch and tag may deploy to it",
            f"name the refs of the contract as its deployment branches and tags: {settings}",
        )
    if "required_reviewers" in protection.rules:
        return ok(label, "some refs only, and reviewers must approve")
    return ok(label, "some refs only; no reviewer is asked")
