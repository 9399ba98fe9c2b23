"""The release contract: which trigger may do what, where. Everything else is refused.

Pure: a contract and a trigger in, a decision out. The whole ref is compared, case counts, and a
refusal says for each entry why it did not apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shipway.errors import RefusedError
from shipway.policy.events import NEVER
from shipway.policy.pattern import BRANCHES, TAGS, matches, quoted, ref_flaw
from shipway.policy.requirements import GITHUB_ISSUER, EnvironmentPolicy, Freeze, Rules, Source
from shipway.policy.trigger import BY_HAND, Trigger

__all__ = [
    "GITHUB_ISSUER",
    "PRUNE",
    "ROLLBACK",
    "TASKS",
    "Contract",
    "ContractEntry",
    "Decision",
    "EnvironmentPolicy",
    "Freeze",
    "Grant",
    "Reason",
    "Refused",
    "Rules",
    "Source",
    "Task",
    "decide",
]

Task = Literal["build", "publish", "deploy", "verify", "run", "rollback", "prune"]

TASKS: tuple[Task, ...] = ("build", "publish", "deploy", "verify", "run")
"""An entry's tasks are a beginning of this row; the first four in the order in which they run.

``run`` is a job by hand: whoever may run one may release, for it runs with the release's rights.
"""
ROLLBACK: Task = "rollback"
"""Stands alone, by hand: whoever may do nothing but go back to a release that was good."""
PRUNE: Task = "prune"
"""By hand, alone or behind any other tasks: whoever may take away what no release needs.

A right that no other task brings. ECS knows no resource for it: who may deregister one revision may
deregister each of the account.
"""


def every_task(rows: Iterable[Sequence[Task]]) -> tuple[Task, ...]:
    """The tasks of several entries or roles together, each once, in the order they run."""
    tasks = {task for row in rows for task in row}
    return tuple(task for task in (*TASKS, ROLLBACK, PRUNE) if task in tasks)


_NOTHING = "Nothing was built or changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractEntry:
    """One ``[[allow]]`` of release.toml.

    Attributes:
        name: What people call it.
        event: GitHub's event name, or ``by-hand``.
        ref: The pattern of full refs; empty by hand, where no ref is asked for.
        environments: Where it may go: exactly one for an event, one or more by hand.
        tasks: What is run there, in order.
        rules: What is asked of the trigger beyond event and ref.
        line: Where it stands in the file; 0 where it was not read from one.
        environment_line: Where its environments are named; 0 where it was not read from a file.
        lines: Where its keys stand; empty where it was not read from a file.
    """

    name: str
    event: str
    ref: str
    environments: tuple[str, ...]
    tasks: tuple[Task, ...]
    rules: Rules = field(default_factory=Rules)
    line: int = 0
    environment_line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        """Event and pattern in a few words: ``push refs/heads/main``, ``by hand``."""
        return "by hand" if self.event == BY_HAND else f"{self.event} {self.ref}"

    def allows(self, task: Task | None) -> bool:
        """Whether a task is among its tasks; whoever may deploy may go back as well.

        Args:
            task: The task; ``None`` for as much of the row as it allows.
        """
        if task is None:
            return any(mine in TASKS for mine in self.tasks)
        return task in self.tasks or (task == ROLLBACK and "deploy" in self.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Everything that is allowed.

    Attributes:
        path: The file, for messages.
        sha256: Of the bytes it was read from; empty where it was not read from a file.
        entries: What is allowed, in the file's order.
        source: The repository and workflow that GitHub's runs must come from; ``None`` where the
            contract allows nothing but by hand.
        environment_policies: What the environments ask.
        contract_from: The branch whose contract counts; empty for that of the commit itself.
    """

    path: str
    sha256: str = ""
    entries: tuple[ContractEntry, ...]
    source: Source | None = None
    environment_policies: tuple[EnvironmentPolicy, ...] = ()
    contract_from: str = ""

    def environment_policy(self, environment: str) -> EnvironmentPolicy:
        """What an environment asks; nothing where the contract does not speak of it."""
        matching = (
            environment_policy
            for environment_policy in self.environment_policies
            if environment_policy.environment == environment
        )
        return next(matching, EnvironmentPolicy(environment=environment))

    @property
    def triggers(self) -> tuple[ContractEntry, ...]:
        """The entries that are about GitHub's events."""
        return tuple(entry for entry in self.entries if entry.event != BY_HAND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The one entry that allows it, and what it allows."""

    entry: ContractEntry
    environment: str
    tasks: tuple[Task, ...]

    @property
    def text(self) -> str:
        """``by hand → staging: build, publish, deploy, verify``."""
        return f"{self.entry.rule} → {self.environment}: {', '.join(self.tasks)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one entry does not allow it."""

    entry: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No entry allows it, or its rules do not; ``reasons`` names every one that failed.

    ``late`` says that it was found out after the image was built, just before the rollout.
    """

    what: str
    reasons: tuple[Reason, ...]
    remedy: str
    late: bool = False

    def lines(self) -> tuple[str, ...]:
        """The reasons as a table of three aligned columns."""
        names = max((len(reason.entry) for reason in self.reasons), default=0)
        rules = max((len(reason.rule) for reason in self.reasons), default=0)
        return tuple(
            f"{reason.entry:<{names}}   {reason.rule:<{rules}}   no: {reason.why}"
            for reason in self.reasons
        )

    def error(self) -> RefusedError:
        """This refusal, to be raised."""
        return RefusedError(self.what, details=self.lines(), remedy=self.remedy, late=self.late)


Decision = Grant | Refused


def decide(
    contract: Contract, trigger: Trigger, *, environment: str | None, task: Task | None = None
) -> Decision:
    """May this trigger release, and where to?

    Args:
        contract: What is allowed.
        trigger: Who asks.
        environment: What ``--env`` said, or ``None``. For an event it may only repeat what the
            contract says; by hand it is needed.
        task: The one task that was asked for, where it was not the whole row.
    """
    reasons = []
    for entry in contract.entries:
        why = _trigger_differs(entry, trigger) or _environment_differs(entry, environment)
        if not why and not entry.allows(task):
            why = f'"{task or "deploy"}" is not among its tasks: {", ".join(entry.tasks)}'
        if not why:
            target = environment if environment is not None else entry.environments[0]
            return Grant(entry=entry, environment=target, tasks=entry.tasks)
        reasons.append(Reason(entry=entry.name, rule=entry.rule, why=why))
    return Refused(
        what=_headline(contract, trigger, environment, task),
        reasons=tuple(reasons),
        remedy=_remedy(contract, trigger, environment),
    )


def _never_releasable(trigger: Trigger) -> str:
    """Why no entry whatsoever could allow this trigger, or an empty text."""
    if trigger.by_hand:
        return ""
    if trigger.event in NEVER:
        return f"{trigger.event} can never release: {NEVER[trigger.event]}"
    if trigger.fork:
        return "the code comes from a fork"
    if trigger.deleted:
        return "the ref was deleted"
    return ref_flaw(trigger.ref)


def _trigger_differs(entry: ContractEntry, trigger: Trigger) -> str:
    """Why the entry is about other events or refs, or an empty text."""
    if entry.event == BY_HAND or trigger.by_hand:
        started_by = "by hand" if trigger.by_hand else "by GitHub"
        return "" if entry.event == trigger.event else f"this was started {started_by}"
    never = _never_releasable(trigger)
    if never:
        return never
    if entry.event != trigger.event:
        return f"the event is {quoted(trigger.event, plain=True)}, not {entry.event}"
    return "" if matches(entry.ref, trigger.ref) else _ref_differs(entry.ref, trigger.ref)


def _ref_differs(pattern: str, ref: str) -> str:
    prefix = BRANCHES if pattern.startswith(BRANCHES) else TAGS
    if not ref.startswith(prefix):
        kinds = ((BRANCHES, "a branch"), (TAGS, "a tag"))
        kind = next((name for start, name in kinds if ref.startswith(start)), None)
        return f"the ref is {kind}" if kind else "the ref is neither a branch nor a tag"
    return _name_differs(pattern.removeprefix(prefix), ref.removeprefix(prefix))


def _name_differs(pattern: str, name: str) -> str:
    quoted_name = quoted(name)
    if matches(pattern.lower(), name.lower()):
        return f'{quoted_name} differs from "{pattern}" in upper and lower case'
    first, star, last = pattern.partition("*")
    if not star:
        return f'{quoted_name} is not "{pattern}"'
    if "*" not in last and name.startswith(first) and name.endswith(last) and "/" in name:
        return f'{quoted_name} has a "/", where * stops'
    if not first and "*" not in last:
        return f'{quoted_name} does not end in "{last}"'
    if not last:
        return f'{quoted_name} does not begin with "{first}"'
    return f'{quoted_name} does not match "{pattern}"'


def _environment_differs(entry: ContractEntry, environment: str | None) -> str:
    """Why an entry for this very trigger does not lead to that environment, or an empty text."""
    if environment is None:
        by_hand = entry.event == BY_HAND
        return "no environment was named" if by_hand else ""
    if environment in entry.environments:
        return ""
    return (
        f"it leads to {_joined_by_or(entry.environments)}, not to {quoted(environment, plain=True)}"
    )


def _headline(
    contract: Contract, trigger: Trigger, environment: str | None, task: Task | None
) -> str:
    matching = [entry for entry in contract.entries if not _trigger_differs(entry, trigger)]
    if not matching:
        return f"{trigger.described} is not an approved release trigger"
    if any(not _environment_differs(entry, environment) for entry in matching):
        return f"{trigger.described} may not {task or 'deploy'}"
    if environment is None:
        return f"{trigger.described}, but no environment was named"
    return f"{trigger.described} may not release to {quoted(environment, plain=True)}"


def _remedy(contract: Contract, trigger: Trigger, environment: str | None) -> str:
    """The nearest way that the contract leaves open."""
    if trigger.by_hand:
        by_hand = [
            name
            for entry in contract.entries
            if entry.event == BY_HAND
            for name in entry.environments
        ]
        if environment is None and by_hand:
            return f"Name it with --env: {_joined_by_or(by_hand)}. {_NOTHING}"
        alternatives = tuple(_alternatives(contract, trigger, environment))
        if alternatives and environment not in by_hand:
            goal = quoted(environment or "", plain=True)
            return f"To release to {goal}, {_joined_by_or(alternatives)}. {_NOTHING}"
        return f"{contract.path} says what may be done by hand. {_NOTHING}"
    if trigger.deleted or trigger.fork:
        return _NOTHING
    alternatives = tuple(_alternatives(contract, trigger, None))
    if any(not _trigger_differs(entry, trigger) for entry in contract.entries):
        return f"{contract.path} says what this trigger may do. {_NOTHING}"
    return (
        f"To release this commit, {_joined_by_or(alternatives)}. {_NOTHING}"
        if alternatives
        else _NOTHING
    )


def _alternatives(contract: Contract, trigger: Trigger, environment: str | None) -> Iterator[str]:
    """What to push, in words; only tags for whoever pushed a tag and could push another."""
    pushes = [
        entry
        for entry in contract.entries
        if entry.event == "push" and (environment is None or environment in entry.environments)
    ]
    tags = [entry for entry in pushes if entry.ref.startswith(TAGS)]
    for entry in tags:
        kind = "an annotated tag" if entry.rules.tag_kind == "annotated" else "a tag"
        yield f"push {kind} such as {_example(entry.ref, trigger.ref)}"
    if tags and trigger.ref.startswith(TAGS):
        return
    for entry in pushes:
        if entry.ref.startswith(BRANCHES):
            yield f"merge it into {entry.ref.removeprefix(BRANCHES)}"


def _example(pattern: str, ref: str) -> str:
    """A tag that the pattern matches, as near to the refused ref as can be."""
    glob = pattern.removeprefix(TAGS)
    name = ref.removeprefix(TAGS) if ref.startswith(TAGS) and not ref_flaw(ref) else ""
    if matches(glob, name):
        return name
    filled = glob.replace("*", name or "v1.0.0", 1).replace("*", "")
    return filled if matches(glob, filled) else glob.replace("*", "v1.0.0", 1).replace("*", "")


def _joined_by_or(choices: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}" if first else last
