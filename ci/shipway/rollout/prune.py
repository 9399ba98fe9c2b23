"""Which old revisions of a task definition nothing needs any more. Pure.

What is used stays, whoever uses it; what a stack made stays, for a stack that refers to an inactive
revision cannot be updated (https://github.com/aws/aws-cdk/issues/33195); what no delivery of ours
registered stays. Of the rest the newest stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from shipway.rollout.judge.state import label
from shipway.rollout.task_definition import TaskDefinition

MOST: Final = 100
"""Revisions of a family that one run takes away: ECS takes one a second."""
_STACK_TAG: Final = "aws:cloudformation:stack-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A place of a task definition that cannot be sent to ECS.

    Attributes:
        path: Its keys, as the ECS API spells them.
        text: What is wrong, as it follows that path.
        unknown: Whether it is a field that the SDK does not know.
    """

    path: tuple[str | int, ...]
    text: str
    unknown: bool = False


class Revisions(Protocol):
    """The revisions of an account and region, and whatever uses one."""

    def active(self, family: str) -> tuple[str, ...]:
        """ARNs of a family's active revisions, the newest first.

        Raises:
            AccessDeniedError: The role may not list them.
            AwsError: ECS does not answer.
        """
        ...

    def objections(self, request: Mapping[str, object]) -> tuple[Objection, ...]:
        """What RegisterTaskDefinition could not be sent; ECS is not asked."""
        ...

    def uses(self) -> Mapping[str, str]:
        """``family:revision``, or family for its newest, → what uses it; of every cluster.

        Services, tasks that run, and what starts one by a rule or a schedule of EventBridge.

        Raises:
            AccessDeniedError: Something of it may not be seen: then nothing is known to be unused.
            AwsError: AWS does not answer.
        """
        ...

    def deregister(self, arn: str) -> None:
        """DeregisterTaskDefinition: tasks that run go on, and none can be started any more.

        Raises:
            AccessDeniedError: The role may not.
            AwsError: ECS does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of one revision.

    Attributes:
        arn: The revision.
        stays: Why it stays; empty where it goes.
    """

    arn: str
    stays: str = ""

    @property
    def label(self) -> str:
        """``family:revision``."""
        return label(self.arn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """What speaks for revisions, known before any of them is read.

    Attributes:
        newest: How many of the newest of each family stay; at least one.
        uses: ``family:revision``, or family for its newest, → what uses it.
        recorded: ``family:revision`` → the good release that ran it.
    """

    newest: int
    uses: Mapping[str, str]
    recorded: Mapping[str, str]


def candidates(active: Sequence[str], keeps: Keeps) -> tuple[Fate, ...]:
    """The fates of a family's revisions as far as they are known unread, in the same order.

    Args:
        active: ARNs, the newest first.
        keeps: What speaks for them.
    """
    return tuple(Fate(arn=arn, stays=_stays(arn, place, keeps)) for place, arn in enumerate(active))


def _stays(arn: str, place: int, keeps: Keeps) -> str:
    use = keeps.uses.get(label(arn), "")
    if not place:
        use = use or keeps.uses.get(label(arn).rpartition(":")[0], "")
    if use:
        return f"used by {use}"
    if label(arn) in keeps.recorded:
        return f"ran in the good release {keeps.recorded[label(arn)]}"
    if place < keeps.newest:
        return "the newest" if keeps.newest == 1 else f"one of the newest {keeps.newest}"
    return ""


def judged(
    fates: Sequence[Fate], definitions: Mapping[str, TaskDefinition], repository: str
) -> tuple[Fate, ...]:
    """The fates once those that may go were read.

    Args:
        fates: Those of a family, the newest first.
        definitions: ARN → what each of the oldest that may go says; what is not read yet stays.
        repository: The environment's, with its registry: what runs an image of it is ours.
    """
    return tuple(_judged(fate, definitions, repository) for fate in fates)


def _judged(fate: Fate, definitions: Mapping[str, TaskDefinition], repository: str) -> Fate:
    if fate.stays:
        return fate
    definition = definitions.get(fate.arn)
    if definition is None:
        return Fate(arn=fate.arn, stays=f"{MOST} go at a time, the oldest first")
    stack = next(_stack(definition), "")
    if stack:
        return Fate(arn=fate.arn, stays=f"the stack {stack} made it")
    references = (container.reference for container in definition.containers)
    if not any(each is not None and each.repository == repository for each in references):
        return Fate(arn=fate.arn, stays=f"runs no image of {repository} by its digest")
    return fate


def _stack(definition: TaskDefinition) -> Iterator[str]:
    tags = definition.document.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and tag.get("key") == _STACK_TAG:
            yield str(tag.get("value", ""))
