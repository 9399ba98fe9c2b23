"""Whether a job has to run for a release, and how its task ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.rollout.jobs.fakes import NOW, task

from shipway.config.job import Job, When, in_order
from shipway.rollout.jobs.judge import due, ended, exit_code
from shipway.rollout.jobs.terms import client_token, release_of
from shipway.rollout.snapshot import Container, Task
from shipway.values import Digest

RUNS = task("a", status="RUNNING")
GOOD, BAD = task("b", 0), task("c", 3)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("when", "tasks", "moves", "age", "what"),
    [
        ("before", (), True, None, "start"),
        ("before", (), False, None, "idle"),
        ("before", (BAD,), True, None, "start"),
        ("before", (BAD, GOOD), True, None, "done"),
        ("before", (BAD, RUNS), True, None, "follow"),
        ("before", (RUNS,), False, None, "follow"),
        ("after", (), True, None, "start"),
        ("after", (), False, None, "start"),
        ("after", (), False, HOUR - 1, "start"),
        ("after", (), False, HOUR + 1, "idle"),
        ("after", (), True, HOUR + 1, "start"),
        ("after", (GOOD,), False, 10.0, "done"),
        ("by-hand", (), False, None, "start"),
        ("by-hand", (GOOD,), True, None, "start"),
        ("by-hand", (GOOD, RUNS), True, None, "follow"),
    ],
)
def test_a_job_runs_once_for_each_release(
    when: When, tasks: tuple[Task, ...], age: float | None, what: str, *, moves: bool
) -> None:
    decided = due(when, tasks, "web", moves=moves, age=age)
    assert decided.what == what
    assert bool(decided.why) is (what != "start")


def test_only_a_stopped_task_has_an_exit_code() -> None:
    assert exit_code(task("a", 0, status="RUNNING"), "web") is None
    assert exit_code(task("a", 0), "web") == 0
    assert exit_code(task("a", 0), "other") is None


def test_the_end_is_that_of_the_container_that_is_to_blame() -> None:
    assert ended(task("a", 3), "web") == "exited with 3"
    assert "137" in ended(task("a", 137), "web")
    beside = replace(
        task("a", 143),
        containers=(Container(name="web", exit_code=143), Container(name="proxy", exit_code=2)),
    )
    assert ended(beside, "web") == 'container "proxy" exited with code 2'
    never = replace(task("a"), stopped_reason="CannotPullContainerError: not found")
    assert "image" in ended(never, "web")
    silent = replace(task("a"), stopped_reason="")
    assert ended(silent, "web") == "ECS stopped it"


def test_a_release_is_an_image_a_job_and_what_it_runs() -> None:
    one, two = (Digest("sha256:" + digit * 64) for digit in "12")
    job = Job(key="migrate", when="before", service="web")
    name = release_of(job, "staging", "shop", one)
    assert name.startswith("shipway/migrate/")
    assert len(name) <= 128
    assert name == release_of(replace(job, timeout=5), "staging", "shop", one)
    others = {
        release_of(job, "staging", "shop", two),
        release_of(job, "production", "shop", one),
        release_of(replace(job, command=("a",)), "staging", "shop", one),
        release_of(replace(job, key="warm"), "staging", "shop", one),
    }
    assert len({name, *others}) == 5


def test_a_token_is_the_same_until_an_attempt_has_ended() -> None:
    later = NOW + timedelta(minutes=5)
    first = client_token("s", (), NOW)
    assert first == client_token("s", (), later)
    assert len(first) == 64
    assert first.isascii()
    others = {
        client_token("s", (BAD,), NOW),
        client_token("s", (), NOW, "again"),
        client_token("s", (), NOW + timedelta(hours=1)),
    }
    assert len({first, *others}) == 4
    assert client_token("s", (BAD, GOOD), NOW) == client_token("s", (GOOD, BAD), NOW)


def test_jobs_stand_in_the_order_in_which_they_wait_for_each_other() -> None:
    jobs = (
        Job(key="seed", when="before", after=("migrate",)),
        Job(key="warm", when="after"),
        Job(key="migrate", when="before"),
        Job(key="backup", when="before"),
    )
    assert [job.key for job in in_order(jobs, "before")] == ["migrate", "seed", "backup"]
    assert [job.key for job in in_order(jobs, "after")] == ["warm"]
    assert in_order(jobs, "by-hand") == ()
