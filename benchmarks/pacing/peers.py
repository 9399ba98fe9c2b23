"""How others look at a rollout, in the same simulation: they only look, and say how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

from benchmarks.pacing.ecs import ScriptedEcs, SimClock
from benchmarks.pacing.run import Result, peak
from benchmarks.pacing.script import Script
from benchmarks.pacing.world import OURS, World

from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.snapshot import Snapshot

Word = Literal["success", "failure", ""]
_WAITER_TRIES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One way.

    Attributes:
        every: Seconds between two looks.
        looks: After how many it gives up; with none it waits as long as shipway would.
        bound: Whether it follows the deployment that it began; else it looks at the service.
    """

    name: str
    every: float
    looks: int | None
    bound: bool


PEERS = (
    # botocore's ecs/waiters-2.json: ServicesStable, delay 15, maxAttempts 40.
    Peer(name="services_stable (15 s × 40)", every=15, looks=_WAITER_TRIES, bound=False),
    Peer(name="its deployment every 15 s", every=15, looks=None, bound=True),
    Peer(name="its deployment every 1 s", every=1, looks=None, bound=True),
)


def follow(peer: Peer, script: Script) -> Result:
    """Let ``peer`` watch that rollout from beginning to end."""
    clock = SimClock()
    world = World(script)
    ecs = ScriptedEcs({"web": world}, clock)
    judge: Callable[[Snapshot], Word] = _bound if peer.bound else _stable
    looks, word = 0, ""
    described = script.described and peer.bound
    while not word:
        glance = ecs.services("shop", ["web"])["web"]
        if described:
            fetch = FetchPlan(service_deployment=ecs.views["web"].arn)
            glance = ecs.complete("shop", "web", glance, fetch)
        word = judge(glance)
        looks += 1
        gave_up = looks >= peer.looks if peer.looks else clock.second >= script.timeout
        if not word and gave_up:
            word = "failure"
        if not word:
            clock.sleep(peer.every)
    return _result(world, ecs, word, clock.second)


def _stable(look: Snapshot) -> Word:
    if not look.answered or not look.deployments:
        return ""
    running = sum(entry.running for entry in look.deployments)
    return "success" if len(look.deployments) == 1 and running == look.desired else ""


def _bound(look: Snapshot) -> Word:
    deployment = look.service_deployment
    if deployment is not None:
        if deployment.status == "SUCCESSFUL":
            return "success"
        ended = deployment.status in {"STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
        return "failure" if ended else ""
    if not look.answered or look.current_service_deployment is not None:
        return ""
    mine = next((entry for entry in look.deployments if entry.id == OURS), None)
    states: dict[str | None, Word] = {"COMPLETED": "success", "FAILED": "failure"}
    return states.get(mine.rollout_state, "") if mine is not None else ""


def _result(world: World, ecs: ScriptedEcs, word: str, second: float) -> Result:
    script = world.script
    if word == "success":
        right = world.status == "SUCCESSFUL"
    else:
        alone = World(script)
        alone.run_until(script.timeout)
        right = alone.status != "SUCCESSFUL"
    ended = world.ended if world.ended < inf else None
    return Result(
        seed=script.seed,
        kind=script.kind,
        services=1,
        word=word,
        right=right,
        late=max(0.0, second - ended) if ended is not None and right else None,
        announced_late=None,
        missed=False,
        peak=peak(ecs.calls),
        calls=len(ecs.calls),
        gap=0.0,
    )
