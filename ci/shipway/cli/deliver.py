"""``inv build``, ``publish``, ``deploy``, ``verify``, ``rollback``, ``resume`` and ``run``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.delivery.deliver import deliver
from shipway.delivery.order import Order
from shipway.delivery.stage import UNCHANGED
from shipway.errors import TerminatedError, UsageError
from shipway.evidence.good import PREVIOUS
from shipway.policy.contract import Task
from shipway.policy.facts import Overrides
from shipway.rollout.resume import HookAction
from shipway.values import ImageReference
from shipway.wiring import delivery_context


def run(
    stage: Task,
    env: str,
    *,
    image: str = "",
    resume: HookAction | None = None,
    job: str = "",
    overrides: Overrides | None = None,
    to: str = PREVIOUS,
    json: bool,
    verbose: bool,
) -> int:
    """Deliver; nothing is raised but what is a bug of ours.

    Args:
        stage: The task.
        env: ``--env``; empty where the release contract is to say it.
        image: ``--image``; empty for a build.
        resume: The answer to the PAUSE hook that a deployment waits at.
        job: The job that ``run`` runs.
        overrides: What the contract's rules are to let through, by name.
        to: What ``rollback`` goes back to.
        json: One JSON object for each event instead of words for a person.
        verbose: Show all of BuildKit's output.
    """

    def work(console: Console) -> int:
        if job.startswith("-"):
            raise UsageError(
                f"{job} is no job's name",
                remedy="name it first: shipway run migrate --env staging; nothing was run",
            )
        with terminable():
            order = Order(
                task=stage,
                environment=env or None,
                image=ImageReference.parse(image) if image else None,
                resume=resume,
                job=job,
                overrides=overrides or Overrides(),
                to=to,
            )
            return _deliver(order, console)

    return run_command(work, interrupted=UNCHANGED, json=json, verbose=verbose)


def _deliver(order: Order, console: Console) -> int:
    outcome = deliver(order, delivery_context(console), console)
    for key, image in outcome.images.items():
        console.output(f"image-{key}" if key else "image", str(image))
    if outcome.url:
        console.output("url", outcome.url)
    return outcome.exit_code


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a delivery as an error of ours: its record is written first.

    Whoever ignores SIGHUP (nohup) goes on when the terminal is gone.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        raise TerminatedError(
            f"ended by {signal.Signals(number).name}",
            remedy="what ECS was doing goes on; see the service in ECS",
        )

    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
