"""The command: some thousands of simulated rollouts, watched by shipway and by its peers."""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

from benchmarks.pacing import table
from benchmarks.pacing.generate import generate, group
from benchmarks.pacing.peers import PEERS, Peer, follow
from benchmarks.pacing.run import Result, run

_GROUPED = 0.1
_GROUP_OF = 10
_CHUNK = 25


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 0 where every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="benchmarks/pace.py", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=5000, help="how many (default: 5000)")
    parser.add_argument("--peers", type=int, default=1000, help="how many of them peers watch too")
    parser.add_argument("--processes", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst to show")
    given = parser.parse_args(argv)
    begun = time.monotonic()
    with ProcessPoolExecutor(given.processes) as pool:
        ours = [
            result
            for results in pool.map(_deliver, units(given.first, given.rollouts), chunksize=_CHUNK)
            for result in results
        ]
        seeds = range(given.first, given.first + given.peers)
        rows: list[tuple[str, Sequence[Result]]] = [("shipway", ours)]
        for peer in PEERS if given.peers else ():
            watched = pool.map(_follow, [(peer, seed) for seed in seeds], chunksize=_CHUNK)
            rows.append((peer.name, list(watched)))
    took = time.monotonic() - begun
    print(
        f"`python benchmarks/pace.py --rollouts {given.rollouts} --first {given.first}`, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores: {took:.0f} s.\n"
    )
    print("\n".join(table.summary(rows)), end="\n\n")
    print("\n".join(table.kinds(ours)), end="\n\n")
    print("The worst:\n")
    print("\n".join(table.worst(ours, given.worst)), end="\n\n")
    kept = table.goals(ours)
    for met, text in kept:
        print(f"- {'met' if met else '**not met**'}: {text}")
    for text in table.facts(ours):
        print(f"- measured: {text}")
    return 0 if all(met for met, _ in kept) else 1


def units(first: int, rollouts: int) -> list[tuple[int, int]]:
    """Deliveries as seed and number of services: a tenth of the rollouts come in groups."""
    grouped = int(rollouts * _GROUPED) // _GROUP_OF * _GROUP_OF
    singles = [(seed, 1) for seed in range(first, first + rollouts - grouped)]
    sizes = (10, 2, 5, 3)
    left = grouped
    groups: list[tuple[int, int]] = []
    while left > 0:
        size = min(left, sizes[len(groups) % len(sizes)])
        groups.append((first + 100_000 + len(groups), size))
        left -= size
    return groups + singles


def _deliver(unit: tuple[int, int]) -> list[Result]:
    seed, services = unit
    return run([generate(seed)] if services == 1 else group(seed, services))


def _follow(pair: tuple[Peer, int]) -> Result:
    peer, seed = pair
    return follow(peer, generate(seed))
