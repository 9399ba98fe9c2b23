"""Rollouts drawn from a seed: what they do is decided here, how it would really end follows."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf
from typing import Any, Literal

from benchmarks.pacing.script import Breaker, Fault, FaultKind, Pause, Script, Weather

KINDS: dict[str, int] = {
    "good": 30,
    "good, first wave fails": 5,
    "good, some fail twice": 4,
    "cannot start": 10,
    "crash loop": 10,
    "crash after healthy": 4,
    "unhealthy": 9,
    "some fail for ever": 5,
    "stuck": 3,
    "no capacity": 3,
    "capacity comes": 2,
    "alarm": 3,
    "stopped by someone": 2,
    "superseded": 3,
    "paused": 4,
    "first deployment fails": 3,
}
"""How many of a hundred."""

_DESCRIBED = frozenset({"alarm", "stopped by someone", "paused"})
_COUNTS = ((1, 2), (2, 4), (4, 12), (12, 60), (60, 200))
_COUNT_WEIGHTS = (20, 45, 20, 10, 5)
_STRATEGIES = ("ROLLING", "BLUE_GREEN", "LINEAR", "CANARY")


def generate(seed: int, kind: str | None = None) -> Script:
    """The rollout of that seed; always the same one."""
    draw = random.Random(seed)  # a simulation, and it must repeat itself
    kind = kind or draw.choices(list(KINDS), weights=list(KINDS.values()))[0]
    return _shaped(draw, replace(_frame(draw, seed, kind), **_of_kind(draw, kind)))


def group(seed: int, services: int) -> list[Script]:
    """Rollouts that are delivered together, through one API and the same weather."""
    scripts = [generate(seed * 100 + number) for number in range(services)]
    lead = scripts[0]
    # One account: and only where it describes service deployments can it tell who ended one.
    described = lead.described or any(script.kind in _DESCRIBED for script in scripts)
    return [
        replace(
            script,
            weather=lead.weather,
            errors=lead.errors,
            described=described,
            latency=lead.latency,
        )
        for script in scripts
    ]


def _frame(draw: random.Random, seed: int, kind: str) -> Script:
    low, high = draw.choices(_COUNTS, weights=_COUNT_WEIGHTS)[0]
    described = draw.random() < 0.9
    strategy = draw.choices(_STRATEGIES, weights=(70, 15, 7, 8))[0] if described else "ROLLING"
    desired = draw.randint(low, high)
    weather = []
    if draw.random() < 0.2:
        start = draw.uniform(0, 240)
        weather.append(
            Weather(
                start=start,
                end=start + draw.uniform(2, 40),
                kind=draw.choice(("throttled", "unreachable", "server-error")),
                every=draw.random() < 0.5,
            )
        )
    return Script(
        seed=seed,
        kind=kind,
        strategy=strategy,  # type: ignore[arg-type]  # one of the four
        desired=desired,
        balanced=strategy != "ROLLING" or draw.random() < 0.8,
        provisioning=draw.uniform(5, 60),
        pull=draw.choice((draw.uniform(2, 20), draw.uniform(20, 120))),
        startup=draw.uniform(1, 40),
        interval=draw.choice((5.0, 10.0, 15.0, 30.0)),
        threshold=draw.randint(2, 5),
        deregistration=draw.choice((0.0, 5.0, 30.0, 60.0, draw.uniform(0, 300), 300.0)),
        batch=draw.randint(20, 50),
        batch_every=draw.uniform(0.5, 1.5),
        counted=draw.random() < 0.5,
        deferred=strategy == "ROLLING" and draw.random() < 0.08,
        bake=60.0 * draw.randint(1, 5) if strategy != "ROLLING" or draw.random() < 0.1 else 0.0,
        steps={"CANARY": 1, "LINEAR": draw.randint(2, 5)}.get(strategy, 0),
        step=draw.uniform(20, 60),
        settle=draw.uniform(0.5, 15),
        lag=draw.uniform(-1.5, 3),
        breaker=_breaker(draw, desired),
        rollback=draw.uniform(10, 300),
        rollback_end=draw.choices(
            ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", ""), weights=(93, 4, 3)
        )[0],
        described=described,
        weather=tuple(weather),
        errors=draw.choice((0.0, 0.0, 0.005, 0.02)),
        stale=draw.choice((0.0, 0.0, 0.05, 0.15)),
        latency=draw.uniform(0.03, 0.15),
        timeout=draw.choice((900.0, 900.0, 1200.0, 1800.0)),
        on_failure=draw.choices(("rollback", "leave"), weights=(85, 15))[0],
        on_pause=draw.choices(("wait", "leave"), weights=(80, 20))[0],
    )


def _breaker(draw: random.Random, desired: int) -> Breaker:
    # "BOUNDED_PERCENT" by default: half of the desired count, from 3 to 200.
    usual = min(200, max(3, -(-desired // 2)))
    return Breaker(
        enabled=draw.random() < 0.85,
        rollback=draw.random() < 0.9,
        threshold=draw.choice((usual, usual, usual, draw.randint(3, 20))),
        counts_exits=draw.random() < 0.6,
        resets=draw.random() < 0.8,
    )


def _of_kind(  # noqa: PLR0911 - one return for each kind
    draw: random.Random, kind: str
) -> dict[str, Any]:
    """What makes the kind: fields of the script that differ from the frame."""
    crash: FaultKind = draw.choice(("exit", "exit", "memory"))
    if kind == "good, first wave fails":
        share = draw.choice((1.0, 1.0, draw.uniform(0.2, 1)))
        after = draw.uniform(1, 20)
        return {"fault": Fault(kind=crash, waves=1, share=share, after=after)}
    if kind == "good, some fail twice":
        fault = Fault(kind=crash, waves=2, share=0.4, after=draw.uniform(1, 6))
        return {"fault": fault, "desired": draw.randint(3, 20), "startup": draw.uniform(1, 5)}
    if kind == "cannot start":
        names: tuple[FaultKind, ...] = (
            "image-missing",
            "secret-missing",
            "command",
            "image-denied",
        )
        return {"fault": Fault(kind=draw.choice(names))}
    if kind == "crash loop":
        return {"fault": Fault(kind=crash, after=draw.choice((1.0, 3.0, draw.uniform(1, 60))))}
    if kind == "crash after healthy":
        fault = Fault(kind=crash, after=draw.uniform(3, 15), heals=True)
        return {"fault": fault, "deregistration": draw.uniform(30, 300), "deferred": False}
    if kind == "unhealthy":
        health: FaultKind = draw.choice(("target-health", "target-health", "container-health"))
        return {"fault": Fault(kind=health), "balanced": True}
    if kind == "some fail for ever":
        failing: FaultKind = draw.choice(("exit", "target-health", "container-health"))
        desired = draw.randint(2, 12)
        share = draw.choice((0.5, draw.uniform(0.1, 0.6)))
        fault = Fault(kind=failing, share=share, after=draw.uniform(2, 20))
        return {"fault": fault, "desired": desired, "balanced": True, "bake": 0.0}
    return _of_other_kind(draw, kind)


def _of_other_kind(  # noqa: PLR0911 - one return for each kind
    draw: random.Random, kind: str
) -> dict[str, Any]:
    if kind == "stuck":
        return {"fault": Fault(kind="stuck", share=draw.choice((1.0, 0.4)))}
    if kind == "no capacity":
        return {"capacity": inf}
    if kind == "capacity comes":
        return {"capacity": draw.uniform(30, 300)}
    if kind == "alarm":
        return {"alarm": draw.uniform(30, 200), "described": True}
    if kind == "stopped by someone":
        return {"person": draw.uniform(5, 150), "described": True}
    if kind == "superseded":
        return {"newer": draw.uniform(3, 200)}
    if kind == "paused":
        wait = draw.choice((draw.uniform(20, 300), draw.uniform(1000, 4000)))
        actions: tuple[Literal["CONTINUE", "ROLLBACK"], ...] = ("CONTINUE", "CONTINUE", "ROLLBACK")
        return {
            "strategy": draw.choice(("BLUE_GREEN", "CANARY")),
            "described": True,
            "balanced": True,
            "deferred": False,
            "pause": Pause(
                answered=draw.choice((wait, inf)),
                expires=draw.choice((wait, draw.uniform(300, 4000))),
                action=draw.choice(actions),
            ),
        }
    if kind == "first deployment fails":
        names: tuple[FaultKind, ...] = ("exit", "image-missing", "target-health", "command")
        return {"first": True, "fault": Fault(kind=draw.choice(names)), "balanced": True}
    return {}


def _shaped(draw: random.Random, script: Script) -> Script:
    """Keep what was drawn within what can be: no load balancer, no load balancer's checks."""
    fault = script.fault
    if fault is not None and fault.lasting and script.desired > 40 and not script.breaker.enabled:
        script = replace(script, desired=draw.randint(2, 40))
    if script.bake and script.strategy == "ROLLING":
        script = replace(script, deferred=False)
    if script.first:
        script = replace(script, strategy="ROLLING", bake=0.0, deferred=False)
    return script
