"""What must be seen before "succeeded" or "rolled back" may be said.

ECS saying so is the first half. The second is what runs: our digest in our tasks after a success,
the earlier task definition with all its tasks, healthy, after a roll-back.
"""

from __future__ import annotations

from dataclasses import dataclass

from shipway.rollout.judge.state import State, label, running_ours
from shipway.rollout.snapshot import Container, Snapshot
from shipway.values import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One proof attempted: ``holds`` is ``None`` while there is nothing to look at yet."""

    holds: bool | None
    text: str
    name: str = ""


def our_digest(state: State, snapshot: Snapshot) -> Proof:
    """Whether the running tasks of our deployment carry our digest."""
    if not state.lists_tasks:
        return _by_revision(state)
    mine = running_ours(state, snapshot.tasks)
    if not mine:
        return Proof(holds=None, text="no running task of ours was seen")
    count = f"{len(mine)} running task{'' if len(mine) == 1 else 's'}"
    if not state.target.digest:
        return Proof(holds=True, text=f"{count} of {label(state.target.task_definition)}")
    wrong: list[str] = []
    for task in mine:
        of_it = [c for c in task.containers if c.name == state.target.container]
        if not any(_carries(state, container) for container in of_it):
            seen = (of_it[0].image_digest or of_it[0].image) if of_it else "no such container"
            wrong.append(f"task {task.id[:8]} runs {seen}")
    if wrong:
        return Proof(holds=False, text="; ".join(wrong[:3]))
    verb = "carries" if len(mine) == 1 else "carry"
    return Proof(holds=True, text=f"{count} {verb} {_short(state.target.digest)}")


def _short(digest: str) -> str:
    return f"{digest[:19]}…" if len(digest) > len("sha256:") + 12 else digest


def _carries(state: State, container: Container) -> bool:
    accepted = state.target.platforms | {state.target.digest}
    if container.image_digest in accepted:
        return True
    # A multi-platform index is pinned by its own digest, and a task may report the digest of the
    # platform's manifest inside it; what a pinned reference pulls is addressed by its content. The
    # same holds where ECS reports no digest at all.
    pinned = container.image.endswith(f"@{state.target.digest}")
    return pinned and (not container.image_digest or not _alone(state))


def _alone(state: State) -> bool:
    """Whether the caller knows the image to be one manifest, so that no other digest can be it."""
    return state.target.platforms == frozenset({state.target.digest})


def _by_revision(state: State) -> Proof:
    if not state.target.digest:
        return Proof(holds=True, text="its image is not pinned; the tasks may not be listed")
    accepted = state.target.platforms | {state.target.digest}
    pinned = [image for image in state.images if any(image.endswith(digest) for digest in accepted)]
    if state.images and not pinned:
        return Proof(holds=False, text=f"the service revision names {state.images[0]}")
    what = "the service revision" if pinned else "the task definition"
    return Proof(
        holds=True,
        text=f"{what} pins {_short(state.target.digest)}; the tasks may not be listed",
    )


def earlier_serves(state: State, snapshot: Snapshot) -> Proof:
    """Whether the earlier task definition is back with every task, and its targets healthy."""
    name = label(state.target.previous_task_definition) or "the earlier revision"
    back = snapshot.primary
    if back is None or back.id == state.deployment_id:
        return Proof(holds=None, text=f"{name} is not PRIMARY yet")
    # ECS goes back to the last deployment that completed, which need not be the one before ours.
    name = label(back.task_definition)
    running, desired = back.running, snapshot.desired or back.desired
    if running < desired:
        return Proof(holds=False, text=f"{name}: {running} of {desired} running")
    # A look that did not ask for them says nothing of them, also where none was seen before.
    if (state.live or (snapshot.balanced and state.sees_targets)) and not snapshot.targets:
        return Proof(holds=None, text=f"{name}: its targets were not shown")
    live = [t for t in snapshot.targets if "draining" not in t.state and t.state != "unused"]
    bad = [t for t in live if t.state != "healthy"]
    if live and (bad or len(live) < 1):
        healthy = len(live) - len(bad)
        return Proof(holds=False, text=f"{name}: {healthy} of {len(live)} targets healthy")
    words = f"{len(live) or running} of {desired} {'healthy' if live else 'running'}"
    return Proof(holds=True, text=f"{name}, {words}", name=name)


def guarded(state: State, snapshot: Snapshot) -> str:
    """What speaks against success though ECS reports it; empty when nothing does."""
    described = state.described
    if state.policy.require_breaker:
        disabled = described is not None and described.breaker_status == "DISABLED"
        if snapshot.breaker_enabled is False or (disabled and snapshot.breaker_enabled is None):
            return "its deployment circuit breaker is disabled, which the configuration forbids"
    if state.policy.require_alarms and snapshot.alarms and snapshot.alarms_enabled is False:
        return "the alarms it names are disabled, which the configuration forbids"
    return ""


def check_digest(digest: str) -> None:
    """Refuse a malformed digest before anything is changed.

    Raises:
        UsageError: ``digest`` is no ``sha256:…``, and not empty either.
    """
    if digest:
        Digest(digest)
