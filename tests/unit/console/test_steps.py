"""A build in a pipe: silent where it is quick, and where it is long a line for each step."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from shipway.console import open_console
from shipway.console.base import ConsoleClock
from shipway.console.steps import PATIENCE, Steps
from shipway.observer import Finished, Output, Started

QUICK = ("#5 [build 1/3] FROM docker.io/library/python:3.13", "#5 CACHED")
COPY = ("#6 [build 2/3] COPY . .", "#6 DONE 0.1s")
SLOW = "#7 [build 3/3] RUN make all"


def heard(*lines: tuple[float, str]) -> Steps:
    steps = Steps(0.0)
    for at, line in lines:
        steps.hear(line, at)
    return steps


def test_a_quick_build_tells_no_step() -> None:
    steps = heard((0.1, COPY[0]), (0.2, COPY[1]), (0.3, SLOW), (2.9, "#7 DONE 2.6s"))
    assert steps.due(PATIENCE - 0.1) == ()


def test_a_long_one_tells_each_step_once_in_order_and_none_from_the_cache() -> None:
    steps = heard((0.0, QUICK[0]), (0.0, QUICK[1]), (0.1, COPY[0]), (0.2, COPY[1]), (0.3, SLOW))
    assert steps.due(PATIENCE) == ("[build 2/3] COPY . .", "[build 3/3] RUN make all")
    assert steps.due(60.0) == ()
    steps.hear("#7 12.5 compiling", 12.8)
    steps.hear(SLOW, 12.9)  # BuildKit comes back to it
    assert steps.due(70.0) == ()


def test_a_late_step_is_told_once_it_is_sure_that_it_is_no_cached_one() -> None:
    steps = heard((10.0, SLOW))
    assert steps.due(10.0) == ()
    assert steps.due(10.5) == ("[build 3/3] RUN make all",)
    steps.hear("#8 exporting to oci image format", 20.0)
    steps.hear("#8 DONE 0.2s", 20.2)
    assert steps.due(20.2) == ("exporting to oci image format",)


@pytest.mark.parametrize(
    "line",
    [
        "#1 [internal] load build definition from Dockerfile",
        "#7 3.1 [2/4] not a step but what one printed",
        "#9 CANCELED",
        "some other tool: [1/2] fetching",
    ],
)
def test_what_is_no_step_of_the_dockerfile_is_none(line: str) -> None:
    assert heard((10.0, line)).due(60.0) == ()


def test_a_pipe_gets_them_with_the_time_and_nothing_strange() -> None:
    now = 0.0
    clock = ConsoleClock(now=lambda: datetime(2026, 11, 22, 23, 41, tzinfo=UTC), tick=lambda: now)
    stream = io.StringIO()
    with open_console(stream=stream, clock=clock, mode="lines", env={}) as console:
        console(Started(stage="build"))
        console(Output(stage="build", line="#7 [2/2] RUN echo \x1b[31m && make"))
        now = 4.0
        console(Output(stage="build", line="#7 3.9 at work"))
        console(Finished(stage="build", text="9c41"))
        told = stream.getvalue()
        now = 90.0
        console(Started(stage="build"))  # the next of a rehearsal is a build of its own
        console(Output(stage="build", line="#7 [2/2] RUN make again"))
        now = 91.0
        console(Output(stage="build", line="#7 DONE 1.0s"))
        console(Finished(stage="build", text="9c42"))
    (step,) = [line for line in told.splitlines() if "RUN" in line]
    assert step.startswith("23:41:00 ")
    assert "[2/2] RUN echo" in step
    assert "\x1b" not in told
    assert "at work" not in told
    assert "RUN make again" not in stream.getvalue()
