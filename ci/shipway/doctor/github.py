"""The locks that only GitHub holds: tag rulesets, and the environment's protection. Pure.

"Get all repository rulesets", "Get an environment" and "List deployment branch policies" (GitHub
REST API, https://docs.github.com/en/rest/repos/rules,
https://docs.github.com/en/rest/deployments/environments and …/branch-policies).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from shipway.doctor.finding import Finding, Looked, Unseen, not_checked, ok, optional, wrong
from shipway.doctor.ref_patterns import covers, overlaps
from shipway.policy.requirements import EnvironmentPolicy, Source

_TAGS: Final = "refs/tags/"
_HEADS: Final = "refs/heads/"
_ALL: Final = "~ALL"
_REVIEWERS: Final = "required_reviewers"
_EVERY_NAME: Final = frozenset({"*", "**", "**/*"})
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
class RefPolicy:
    """A pattern of refs that may deploy to an environment.

    Attributes:
        kind: ``branch`` or ``tag``.
        name: The pattern of a branch's or a tag's name.
    """

    kind: str
    name: str

    @property
    def ref(self) -> str:
        """The pattern of full refs."""
        return f"{_TAGS if self.kind == 'tag' else _HEADS}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """How a GitHub environment is protected.

    Attributes:
        rules: Types of its rules: ``required_reviewers``, ``wait_timer``, ``branch_policy``.
        refs: Which refs may deploy to it: ``any``, ``protected`` branches, or those that
            ``policies`` name.
        policies: The patterns, where there are such.
    """

    rules: tuple[str, ...]
    refs: Literal["any", "protected", "named"]
    policies: Looked[tuple[RefPolicy, ...]] = ()


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
    yield _environment(facts.environment, environment_policy, tuple(dict.fromkeys(refs)))


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
    """Whether every tag of a pattern is one of the ruleset's, and none is left out."""
    included = any(pattern == _ALL or covers(pattern, ref) for pattern in ruleset.include)
    left_out = any(pattern == _ALL or overlaps(pattern, ref) for pattern in ruleset.exclude)
    return included and not left_out


def _environment(
    protection: Looked[Protection | None],
    environment_policy: EnvironmentPolicy,
    refs: tuple[str, ...],
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
    what, remedy = _weakness(protection, refs)
    if what:
        return wrong(label, what, f"{remedy}: {settings}")
    if isinstance(protection.policies, Unseen):
        return optional(f"refs of {label}", protection.policies)
    wider = [f"{each.kind} {each.name}" for each in protection.policies if _is_wider(each, refs)]
    asked = "reviewers must approve" if _REVIEWERS in protection.rules else "no reviewer is asked"
    more = f"; more than the contract: {', '.join(wider)}" if wider else ""
    return ok(label, f"some refs only, {asked}{more}")


def _weakness(protection: Protection, refs: tuple[str, ...]) -> tuple[str, str]:
    """What is wrong with the refs that it lets in, and the remedy; empty for nothing."""
    remedy = "name the refs of the contract as its deployment branches and tags"
    if protection.refs == "any":
        return "every branch and tag may deploy to it", remedy
    if isinstance(protection.policies, Unseen):
        return "", ""
    everything = [each.kind for each in protection.policies if each.name in _EVERY_NAME]
    if everything:
        return f"every {' and every '.join(everything)} may deploy to it", remedy
    if shut_out := _shut_out(protection, protection.policies, refs):
        names = " and ".join(shut_out)
        return f"it keeps runs of {names} out, which the contract lets in", remedy
    return "", ""


def _shut_out(
    protection: Protection, policies: tuple[RefPolicy, ...], refs: tuple[str, ...]
) -> tuple[str, ...]:
    """Refs of the contract that GitHub would keep out of the environment.

    Which branches are protected GitHub alone knows; a tag is never one.
    """
    if protection.refs == "protected":
        return tuple(ref for ref in refs if ref.startswith(_TAGS))
    return tuple(ref for ref in refs if not any(covers(each.ref, ref) for each in policies))


def _is_wider(policy: RefPolicy, refs: tuple[str, ...]) -> bool:
    """Whether a policy lets in refs of which the contract says nothing."""
    return not any(covers(ref, policy.ref) for ref in refs)
