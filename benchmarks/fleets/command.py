"""The command: releases of one service and of many, stage by stage, and what each takes."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.fleets.ecs import (
    ACCOUNT,
    CLUSTER,
    REGION,
    REPOSITORY,
    Call,
    MemoryEcs,
    reference,
)

from shipway.aws.ecs import AwsEcs
from shipway.aws.logs import CloudWatchLogs
from shipway.aws.quotas import Turns
from shipway.aws.session import Session
from shipway.config.environment import Environment, Service
from shipway.config.images import EnvironmentImage, ImageSettings
from shipway.delivery.verification import verify
from shipway.observer import Event
from shipway.rollout.execute import roll
from shipway.rollout.images import ReleaseImage, ReleaseImages
from shipway.rollout.plan import plan
from shipway.util.clock import Clock, SystemClock
from shipway.values import Digest, HttpAnswer, ImageReference

STAGES = ("plan", "register and update", "watch", "verify")
_CHANGES = frozenset({"RegisterTaskDefinition", "UpdateService"})
_FASTER = 50.0
_CHAIN = 10
"""How much longer than one service's the longest chain of round trips may be for a hundred."""
_A_SERVICE, _A_FAMILY = 3, 4
"""Calls that a further service may add, its UpdateService among them, and a further family."""
_LATE = 8
"""Seconds after the last rollout's end by which a watch must be over."""


@dataclass(kw_only=True)
class Run:
    """One release as it was measured: the calls and seconds of each stage."""

    services: int
    families: int
    images: int
    rollout: float
    calls: dict[str, list[Call]] = field(default_factory=dict)
    chains: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    right: bool = False

    @property
    def all_calls(self) -> int:
        """Every call."""
        return sum(map(len, self.calls.values()))

    @property
    def throttled(self) -> int:
        """Calls that ECS refused for now."""
        return sum(call.throttled for calls in self.calls.values() for call in calls)


def chain(calls: Sequence[Call]) -> int:
    """The most calls of which each begins when the one before it has ended."""
    length, end = 0, 0.0
    for call in sorted(calls, key=lambda call: call.end):
        if call.begin >= end:
            length, end = length + 1, call.end
    return length


class _Prober:
    """Addresses that answer well."""

    def __init__(self, latency: float) -> None:
        self._latency = latency

    def get(self, url: str, seconds: float) -> HttpAnswer:
        time.sleep(min(self._latency, seconds))
        assert url
        return HttpAnswer(status=200)


class _FastClock:
    """A clock that runs faster, so that a watch is over before long."""

    def __init__(self) -> None:
        self._began, self._from = time.monotonic(), datetime.now(UTC)

    def now(self) -> datetime:
        return self._from + timedelta(seconds=_FASTER * (time.monotonic() - self._began))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / _FASTER)


def measure(services: int, families: int, images: int, *, latency: float, rollout: float) -> Run:
    """Release images to so many services; the adapter of the SDK and the stages are our own.

    The chains are those of a second release, to an ECS that takes any number of calls: where calls
    wait for their turn, one comes after another and needs no other all the same.
    """
    sized = partial(MemoryEcs, services=services, families=families, images=images, latency=latency)
    run = _release(sized(rollout=rollout), Turns(), SystemClock())
    free = sized(rollout=0.2, throttles=False)
    unbounded = _release(free, Turns(sleep=_at_once), _FastClock())
    run.chains = {name: chain(calls) for name, calls in unbounded.calls.items()}
    run.right = run.right and unbounded.right
    return run


def _at_once(_: float) -> None:
    """Nothing is waited for."""


def _release(ecs: MemoryEcs, turns: Turns, clock: Clock) -> Run:
    session = Session(REGION, turns=turns)
    for attempts in (1, 5):
        events = session.client("ecs", attempts=attempts).meta.events
        events.register("before-send", ecs.answer)
    adapter = AwsEcs(session)
    environment = _environment(ecs)
    shipped = _shipped(ecs)
    began, first = time.monotonic(), len(ecs.calls)
    steps = plan(adapter, environment, shipped)
    planned, second = time.monotonic(), len(ecs.calls)
    rolled = roll(
        steps,
        ecs=adapter,
        logs=CloudWatchLogs(session),
        cluster=CLUSTER,
        clock=clock,
        observer=_silent,
        began=[],
        refused={},
    )
    watched, third = time.monotonic(), len(ecs.calls)
    verified = verify(
        environment,
        ecs=adapter,
        images=lambda _: _Images(),
        prober=_Prober(ecs.latency),
        clock=clock,
        observer=_silent,
        shipped=shipped,
    )
    rollout = ecs.calls[second:third]
    changes = [call for call in rollout if call.operation in _CHANGES]
    updated = max(call.end for call in changes)
    good = all(rollout.outcome.verdict.good for rollout in rolled)
    once = ecs.registered == ecs.families and ecs.delivered()
    return Run(
        services=ecs.services,
        families=ecs.families,
        images=ecs.images,
        rollout=ecs.rollout,
        calls={
            "plan": ecs.calls[first:second],
            "register and update": changes,
            "watch": [call for call in rollout if call.operation not in _CHANGES],
            "verify": ecs.calls[third:],
        },
        seconds={
            "plan": planned - began,
            "register and update": updated - planned,
            "watch": watched - updated,
            "verify": time.monotonic() - watched,
        },
        right=good and once and len(verified) == ecs.services,
    )


class _Images:
    """A repository whose images have one platform."""

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        return frozenset({digest})


def _silent(_: Event) -> None:
    """Nothing is shown."""


def _shipped(ecs: MemoryEcs) -> ReleaseImages:
    references = (reference(image).partition("@") for image in range(ecs.images))
    pinned = [ImageReference(name, Digest(digest)) for name, _, digest in references]
    return ReleaseImages(
        {f"image-{number}": ReleaseImage(reference=each) for number, each in enumerate(pinned)}
    )


def _environment(ecs: MemoryEcs) -> Environment:
    registry, _, name = REPOSITORY.partition("/")
    images = {
        f"image-{number}": EnvironmentImage(
            settings=ImageSettings(
                name=f"{name}-{number}",
                key=f"image-{number}",
                context=".",
                dockerfile="Dockerfile",
                platforms=(),
                build_args={},
            ),
            registry=registry,
            repository=f"{name}-{number}",
        )
        for number in range(ecs.images)
    }
    first = next(iter(images.values()))
    return Environment(
        name="fleet",
        account=ACCOUNT,
        region=REGION,
        registry=registry,
        repository=first.repository,
        cluster=CLUSTER,
        role="",
        image=first.settings,
        images=images,
        services=tuple(
            Service(
                key=name,
                service=name,
                container="app",
                image=f"image-{ecs.image_of(number)}",
                url=f"http://{name}.fleet.example/",
                consecutive=3,
            )
            for number, name in enumerate(ecs.names)
        ),
    )


def stages_table(runs: Sequence[Run]) -> Iterator[str]:
    """Calls, the longest chain of them, and seconds, for each stage."""
    heads = [f"{stage}: calls, chain, s" for stage in STAGES]
    yield f"| services | families | images | {' | '.join(heads)} | all: calls, s |"
    yield "|---:|---:|---:|" + "---:|" * (len(STAGES) + 1)
    for run in runs:
        cells = [str(run.services), str(run.families), str(run.images)]
        for stage in STAGES:
            # A watch looks again and again: how often is a matter of its budget.
            length = "–" if stage == "watch" else str(run.chains[stage])
            cells.append(f"{len(run.calls[stage])}, {length}, {run.seconds[stage]:.1f}")
        yield f"| {' | '.join(cells)} | {run.all_calls}, {sum(run.seconds.values()):.1f} |"


def _size(run: Run) -> str:
    counts = ((run.services, "services"), (run.families, "families"), (run.images, "images"))
    one = {"services": "service", "families": "family", "images": "image"}
    return ", ".join(f"{count} {one[name] if count == 1 else name}" for count, name in counts)


def operations_table(runs: Sequence[Run]) -> Iterator[str]:
    """Calls by operation."""
    counts = [
        Counter(call.operation for calls in run.calls.values() for call in calls) for run in runs
    ]
    names = sorted(set().union(*counts))
    heads = (_size(run) for run in runs)
    yield f"| operation | {' | '.join(heads)} |"
    yield "|---|" + "---:|" * len(runs)
    for name in names:
        yield f"| {name} | {' | '.join(str(count[name]) for count in counts)} |"
    yield f"| all | {' | '.join(str(count.total()) for count in counts)} |"


def goals(runs: Sequence[Run]) -> Iterator[tuple[bool, str]]:
    """What was promised, and whether it was kept."""
    one, *others = runs
    for run in others:
        name = _size(run)
        of_one, of_all = (sum(each.chains.values()) - each.chains["watch"] for each in (one, run))
        times = of_all / of_one
        text = f"round trips one behind another: {of_all}, {times:.1f} times those of one service"
        yield times <= _CHAIN, f"{name}: {text}; goal {_CHAIN}"
        further, families = run.services - one.services, run.families - one.families
        most = one.all_calls + _A_SERVICE * further + _A_FAMILY * families
        yield run.all_calls <= most, f"{name}: {run.all_calls} calls; goal {most}"
        late = run.seconds["watch"] - run.rollout
        yield late <= _LATE, f"{name}: the end told {late:.1f} s late; goal {_LATE} s"
        yield not run.throttled, f"{name}: {run.throttled} calls throttled; goal 0"
    wrong = [run for run in runs if not run.right]
    yield not wrong, f"{len(wrong)} releases that did not end as they should; goal 0"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 0 where every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks/fleet.py", description=__doc__)
    parser.add_argument("--services", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--latency", type=float, default=0.03, help="of a call (default: 0.03 s)")
    parser.add_argument("--rollout", type=float, default=20.0, help="seconds (default: 20)")
    parser.add_argument("--quick", action="store_true", help="without a family for each service")
    given = parser.parse_args(argv)
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIAFLEET", "AWS_SECRET_ACCESS_KEY": "none"}
    begun = time.monotonic()
    sizes = [(1, 1, 1), (10, 10, 1), (10, 10, 10), (given.services, 10, 10)]
    if not given.quick:
        sizes.append((given.services, given.services, 10))
    runs = [measure(*size, latency=given.latency, rollout=given.rollout) for size in sizes]
    print(
        f"`python benchmarks/fleet.py`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores: "
        f"{time.monotonic() - begun:.0f} s; a call takes {1000 * given.latency:.0f} ms, "
        f"a rollout {given.rollout:.0f} s.\n"
    )
    tables: tuple[Callable[[Sequence[Run]], Any], ...] = (stages_table, operations_table)
    for table in tables:
        print("\n".join(table(runs)), end="\n\n")
    kept = list(goals(runs))
    for met, text in kept:
        print(f"- {'met' if met else '**not met**'}: {text}")
    return 0 if all(met for met, _ in kept) else 1
