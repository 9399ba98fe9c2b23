"""What was ordered on the command line, and what of it the release contract lets run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shipway.config.load import Declared
from shipway.config.relevant import without_builds, without_overlays
from shipway.delivery import contract
from shipway.delivery.ports import DeliveryContext
from shipway.evidence.good import PREVIOUS
from shipway.evidence.journal import Journal
from shipway.policy.contract import ROLLBACK, Task
from shipway.policy.facts import Overrides
from shipway.rollout.resume import HookAction
from shipway.values import Commit, ImageReference

_ROWS: Mapping[Task, tuple[Task, ...]] = {
    "build": ("build",),
    "publish": ("build", "publish"),
    "deploy": ("build", "publish", "deploy", "verify"),
    "verify": ("verify",),
    "run": ("run",),
}
_IMAGE_ROW: tuple[Task, ...] = ("deploy", "verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for on the command line.

    Attributes:
        task: The one task; ``deploy`` is everything that the contract allows.
        environment: ``--env``; in GitHub Actions the contract says it.
        image: ``--image``: an image that exists, to be rolled out without a build.
        resume: The answer to a PAUSE hook that a deployment waits at; nothing is built.
        job: The job that ``run`` is to run; nothing is built or rolled out.
        overrides: What the contract's rules are to let through, by name.
        to: ``--to`` of ``rollback``: ``previous``, or a word for a release.
    """

    task: Task = "deploy"
    environment: str | None = None
    image: ImageReference | None = None
    resume: HookAction | None = None
    job: str = ""
    overrides: Overrides = field(default_factory=Overrides)
    to: str = PREVIOUS


def authorize(
    order: Order, context: DeliveryContext, commit: Commit, journal: Journal
) -> contract.Authorization:
    """Ask the release contract for what was ordered; see :func:`.contract.pass_contract`."""
    return contract.pass_contract(
        _required_task(order),
        order.environment,
        context,
        commit,
        journal,
        overrides=order.overrides,
    )


def tasks_of(order: Order, grant: tuple[Task, ...]) -> tuple[Task, ...]:
    """What will run: the order, as far as the contract allows it."""
    if order.resume is not None:
        return ("deploy",)
    if order.task == ROLLBACK:
        return _IMAGE_ROW
    named = order.image is not None and not order.job
    row = _IMAGE_ROW if named else _ROWS[order.task]
    return tuple(task for task in grant if task in row)


def relevant(order: Order, declared: Declared) -> Declared:
    """What of an environment's table the order needs.

    What is registered, or built, already needs no file and no value of the tree that says it anew.
    """
    if order.task == ROLLBACK:
        return without_builds(without_overlays(declared))
    if order.resume is not None or order.task in {"verify", "run"}:
        return without_overlays(declared)
    return declared


def _required_task(order: Order) -> Task | None:
    """The one task that the contract must allow; ``deploy`` is as much of the row as it allows."""
    if order.task == "deploy" and order.image is None and order.resume is None:
        return None
    return order.task


def stages_of(tasks: tuple[Task, ...], *, jobs: bool) -> tuple[tuple[str, str], ...]:
    """The stages that are announced, each with what is done in it.

    Args:
        tasks: What will run.
        jobs: Whether the environment has jobs.
    """
    if tasks == ("run",):
        return (("identity", "who AWS says we are"), ("job", "one task, to its end"))
    words = {
        "build": "one image with BuildKit",
        "publish": "to the environment's ECR repository",
        "deploy": "pinned by digest, watched until it holds",
        "verify": "the running tasks' digests, then the address",
    }
    held = (("hold", "whether it stays good"),) if "deploy" in tasks else ()
    stages = [(str(task), words[task]) for task in tasks]
    if jobs and "deploy" in tasks:
        stages.insert(tasks.index("deploy"), ("job", "tasks before and after the rollout"))
    return (("identity", "who AWS says we are"), *stages, *held)
