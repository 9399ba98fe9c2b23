"""A job on its way: started, found again, followed, stopped, and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.fake_clock import Clock
from tests.unit.rollout.jobs.fakes import IMAGE, NEW, OLD, Ecs, Tasks, definition, task

from shipway.config.job import Job
from shipway.errors import AccessDeniedError
from shipway.observer import Event, Noticed, Output
from shipway.rollout.jobs.judge import due
from shipway.rollout.jobs.plan import JobStep
from shipway.rollout.jobs.run import JobContext, run_job
from shipway.rollout.jobs.terms import JobOutcome, Placement

JOB = Job(key="migrate", when="before", service="web", command=("migrate",), timeout=60)


class World:
    def __init__(self, **tasks: Any) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.ecs = Ecs({"web:1": definition("web:1", OLD)})
        self.tasks = Tasks(self.clock, **tasks)

    def step(self, job: Job = JOB) -> JobStep:
        live = self.ecs.task_definition("web:1")
        earlier = self.tasks.started_by("shop", "web", "s")
        return JobStep(
            job=job,
            live=live,
            definition=live.with_image("web", IMAGE),
            container="web",
            placement=Placement(),
            started_by="s",
            due=due(job.when, earlier, "web", moves=True, age=None),
            earlier=earlier,
        )

    def run(self, job: Job = JOB, again: str = "") -> JobOutcome:
        context = JobContext(
            ecs=self.ecs,
            tasks=self.tasks,
            cluster="shop",
            clock=self.clock,
            observer=self.events.append,
        )
        return run_job(self.step(job), context, again=again)

    @property
    def told(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Noticed)]

    @property
    def shown(self) -> list[str]:
        return [event.line for event in self.events if isinstance(event, Output)]


def test_a_revision_with_the_image_is_registered_and_run_to_its_end() -> None:
    world = World()
    outcome = world.run()
    assert (outcome.end, outcome.exit_code, outcome.task_definition) == ("succeeded", 0, "web:2")
    assert world.ecs.task_definition("web:2").pins("web", IMAGE)
    [request] = world.tasks.requests
    assert (request.started_by, request.command) == ("s", ("migrate",))
    assert 3 <= outcome.seconds < 10


def test_an_identical_revision_is_used_again() -> None:
    world = World()
    world.ecs.definitions["web:2"] = definition("web:2", NEW)
    assert world.run().task_definition == "web:2"
    assert world.ecs.registered == []


def test_its_log_is_told_line_by_line_while_it_runs_without_secrets() -> None:
    world = World(lines=["begins", "password canary-secret", "done"])
    world.run()
    assert world.shown == ["begins", "password ***", "done"]


def test_a_log_that_may_not_be_read_is_told_once_and_ends_nothing() -> None:
    world = World(log_fails=AccessDeniedError("logs:GetLogEvents is not allowed"))
    assert world.run().good
    assert len([text for text in world.told if "log cannot be read" in text]) == 1


def test_a_failure_is_told_as_that_of_a_rollout() -> None:
    world = World(exits=[3], lines=["KeyError: 'DATABASE_URL'"])
    outcome = world.run()
    assert (outcome.end, outcome.exit_code) == ("failed", 3)
    assert outcome.text.startswith("exited with 3 after")
    [block] = outcome.diagnosis
    details = {detail.label: detail.lines for detail in block.details}
    assert "DATABASE_URL" in details["log"][-1]
    assert "DATABASE_URL" in details["next"][0]


def test_a_task_that_never_ran_has_no_exit_code() -> None:
    outcome = World(exits=[None]).run()
    assert (outcome.end, outcome.exit_code) == ("failed", None)
    assert "image" in outcome.text
    assert outcome.diagnosis


def test_a_delivery_that_is_tried_again_runs_a_failed_job_again() -> None:
    world = World(exits=[3, 0])
    assert not world.run().good
    assert world.run().good
    first, second = (request.client_token for request in world.tasks.requests)
    assert first != second
    assert world.ecs.registered == ["web:2"]


def test_a_request_that_is_sent_twice_starts_one_task() -> None:
    """Killed between the request and its answer: the next delivery sends the same again."""
    world = World()
    world.run()
    started, world.tasks.known = world.tasks.known, []
    world.tasks.known = [replace(started[0], last_status="RUNNING", started_by="unlisted")]
    world.tasks.remembered[world.tasks.requests[0].client_token] = world.tasks.known[0]
    world.tasks.exits = [0]
    assert world.run().good
    first, second = (request.client_token for request in world.tasks.requests)
    assert first == second
    assert len(world.tasks.known) == 1


def test_an_attempt_that_ecs_remembers_but_lists_no_more_is_not_taken_for_a_new_one() -> None:
    world = World(exits=[3, 0])
    world.run()
    world.tasks.remembered = dict.fromkeys(world.tasks.remembered, world.tasks.known[0])
    world.tasks.known[0] = replace(world.tasks.known[0], started_by="unlisted")
    assert world.run().good
    assert len(world.tasks.known) == 2


def test_a_task_that_runs_already_is_followed() -> None:
    world = World(known=[task("t0", status="RUNNING")])
    outcome = world.run()
    assert outcome.good
    assert outcome.began_before
    assert world.tasks.requests == []


def test_two_by_hand_are_two() -> None:
    world = World(exits=[0, 0])
    by_hand = replace(JOB, when="by-hand")
    assert world.run(by_hand, "12:00").good
    assert world.run(by_hand, "12:05").good
    assert len(world.tasks.known) == 2


def test_at_its_time_out_it_is_stopped_and_has_failed() -> None:
    world = World(lasts=1000.0, lines=["waits for a lock"])
    outcome = world.run()
    assert (outcome.end, outcome.exit_code) == ("timed-out", 143)
    assert 60 <= outcome.seconds < 75
    assert world.tasks.stopped == [world.tasks.known[0].arn]
    assert outcome.text == "did not end within 60 s, and was stopped"
    assert "timeout" in outcome.remedy


def test_a_place_is_looked_for_until_the_time_is_over() -> None:
    world = World(refusals=["RESOURCE:MEMORY"])
    assert world.run().good
    assert "no place to run it yet: RESOURCE:MEMORY" in world.told
    full = World(refusals=["RESOURCE:CPU"] * 20)
    outcome = full.run()
    assert (outcome.end, outcome.task) == ("not-placed", None)
    assert "RESOURCE:CPU" in outcome.text


def test_a_task_that_ecs_forgets_is_told() -> None:
    outcome = World(lasts=1000.0, forgets=True).run()
    assert outcome.end == "lost"
    assert outcome.seconds <= 35


@pytest.mark.parametrize("mode", ["awsvpc", "bridge", ""])
def test_subnets_are_for_tasks_with_an_address_of_their_own(mode: str) -> None:
    world = World()
    world.ecs.definitions["web:1"] = replace(definition("web:1"), network_mode=mode)
    world.run()
    assert world.tasks.requests[0].has_own_address is (mode == "awsvpc")
