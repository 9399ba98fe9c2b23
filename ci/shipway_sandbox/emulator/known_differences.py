"""Every known difference between MiniStack and AWS, and every private name that we depend on.

One list, so that who moves to another version of MiniStack sees all that can break. At the start
:mod:`.corrections` looks for each place in the pinned version, and for a function of ours for each
one that is replaced. The entries stand in :mod:`.known`, a file for each part of AWS.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

from shipway_sandbox.emulator.difference import KnownDifference
from shipway_sandbox.emulator.known import (
    answers,
    balancers,
    containers,
    identity,
    refusals,
    registry,
    stacks,
    task_starts,
)
from shipway_sandbox.emulator.known.reaches import REACHES
from shipway_sandbox.emulator.known.unsupported import UNSUPPORTED

__all__ = ["DIFFERENCES", "REACHES", "UNSUPPORTED"]

DIFFERENCES: Final[tuple[KnownDifference, ...]] = tuple(
    sorted(
        chain.from_iterable(
            part.DIFFERENCES
            for part in (
                answers,
                balancers,
                containers,
                identity,
                refusals,
                registry,
                stacks,
                task_starts,
            )
        ),
        key=lambda difference: difference.name,
    )
)
"""What is corrected, in order of name."""
