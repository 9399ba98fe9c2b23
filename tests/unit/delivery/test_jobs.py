"""Jobs on the way of a delivery: before anything moves, after the verification, and by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shipway.delivery.order import Order
from shipway.delivery.plan import plan_delivery
from shipway.image.build import REVISION
from shipway.observer import Concluded, Event, Failed, Finished, Skipped, Started

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

JOBS = """
[environments.staging.jobs.migrate]
when = "before"
service = "web"
command = ["migrate"]
[environments.staging.jobs.warm]
when = "after"
service = "web"
"""


@pytest.fixture
def world(world: World) -> World:
    """The same with two jobs, and a contract that lets people run one."""
    delivery, contract = (world.root / "ci" / name for name in ("delivery.toml", "release.toml"))
    delivery.write_text(delivery.read_text() + JOBS)
    by_hand = 'environments = ["staging"]\ntasks = ["build", "publish", "deploy", "verify"'
    contract.write_text(contract.read_text().replace(by_hand, f'{by_hand}, "run"'))
    world.cloud.tasks.exits = [0, 0]
    return world


def last(world: World) -> Concluded:
    event = world.events[-1]
    assert isinstance(event, Concluded)
    return event


def facts(world: World, outcome: Any) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = world.record(outcome)["predicate"]["jobs"]
    return jobs


def moves(world: World) -> list[str]:
    return [arn.rpartition(":")[2] for arn in world.cloud.ecs.updates]


def stages(world: World) -> list[str]:
    """What ended, in order, jobs by their names."""
    return [
        getattr(event, "subject", "") if event.stage == "job" else event.stage
        for event in world.of(Finished, Failed)
        if isinstance(event, (Finished, Failed))
    ]


def test_jobs_run_before_the_rollout_and_after_the_verification(world: World) -> None:
    outcome = world.deliver()
    assert outcome.exit_code == 0
    assert stages(world)[-6:] == ["publish", "migrate", "deploy", "verify", "warm", "hold"]
    migrate, warm = facts(world, outcome)
    assert (migrate["key"], migrate["when"], migrate["end"]) == ("migrate", "before", "succeeded")
    assert (migrate["exitCode"], migrate["command"]) == (0, ["migrate"])
    assert migrate["task"].endswith("task/shop/t0")
    assert migrate["seconds"] > 0
    assert warm["startedBy"] != migrate["startedBy"]
    # One revision for the service and both of its jobs.
    assert migrate["taskDefinition"] == warm["taskDefinition"] == world.cloud.ecs.updates[0]
    assert world.changed == (1, 1, 1)


def test_a_failed_job_before_the_rollout_moves_nothing(world: World) -> None:
    world.cloud.tasks.exits = [3]
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("job-failed", 44)
    assert moves(world) == []
    assert last(world).text == "Release failed: job migrate failed, nothing was rolled out."
    (failed,) = world.of(Failed)
    assert isinstance(failed, Failed)
    assert (failed.stage, failed.subject) == ("job", "migrate")
    assert "exited with 3" in failed.text
    [fact] = facts(world, outcome)
    assert (fact["end"], fact["exitCode"]) == ("failed", 3)
    assert fact["diagnosis"]
    assert "services" not in world.record(outcome)["predicate"]


def test_tried_again_it_runs_again_with_the_same_revision(world: World) -> None:
    world.cloud.tasks.exits = [3, 0, 0]
    world.deliver()
    outcome = world.deliver()
    assert outcome.exit_code == 0
    assert [fact["end"] for fact in facts(world, outcome)] == ["succeeded", "succeeded"]
    assert moves(world) == ["42"]
    assert len(world.cloud.tasks.requests) == 3


def test_delivered_again_no_job_runs(world: World) -> None:
    world.deliver()
    world.events.clear()
    outcome = world.deliver()
    assert outcome.exit_code == 0
    assert len(world.cloud.tasks.requests) == 2
    skipped = [event for event in world.of(Skipped) if getattr(event, "stage", "") == "job"]
    assert len(skipped) == 2
    assert [fact["end"] for fact in facts(world, outcome)] == ["not run", "not run"]


@pytest.mark.parametrize(
    ("lines", "revisions", "text"),
    [
        ("", ["42", "41"], "web put back"),
        ('on_failure = "leave"\n', ["42"], "web left"),
    ],
)
def test_a_failed_job_after_the_rollout_takes_it_back(
    world: World, lines: str, revisions: list[str], text: str
) -> None:
    file = world.root / "ci" / "delivery.toml"
    service = "verify_timeout = 5\n"
    file.write_text(file.read_text().replace(service, service + lines))
    world.cloud.tasks.exits = [0, 1]
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("job-failed", 44)
    assert moves(world) == revisions
    assert last(world).text.startswith("Release failed: job warm exited with 1 after")
    assert last(world).text.endswith(f"{text}.")
    assert [fact["end"] for fact in facts(world, outcome)] == ["succeeded", "failed"]


def test_ctrl_c_leaves_the_task_and_the_next_delivery_follows_it(world: World) -> None:
    tasks = world.cloud.tasks
    tasks.exits, tasks.lasts = [0, 0], 30.0

    def interrupt(event: Event) -> None:
        world.events.append(event)
        if isinstance(event, Started) and event.stage == "job":
            tasks.refusals = ["RESOURCE:CPU"]
        if "no place" in getattr(event, "text", ""):
            raise KeyboardInterrupt

    outcome = world.deliver_to(interrupt)
    assert outcome.exit_code == 130
    assert tasks.stopped == []
    assert moves(world) == []
    again = world.deliver()
    assert again.exit_code == 0


def test_a_plan_shows_what_would_run(world: World) -> None:
    plan = plan_delivery(Order(environment="staging"), world.context, world.events.append)
    document: Any = plan.document()
    assert [(job["key"], job["action"]) for job in document["jobs"]] == [
        ("migrate", "start"),
        ("warm", "start"),
    ]
    assert document["jobs"][0]["new_revision"]
    assert plan.changes == 4
    assert world.cloud.tasks.requests == []
    world.deliver()
    assert world.builder.layout is not None
    world.cloud.store.built_by[world.builder.layout.root] = {REVISION: world.git.commit.sha}
    after = plan_delivery(Order(environment="staging"), world.context, world.events.append)
    assert (after.kind, after.changes) == ("no-change", 0)


def run(world: World, key: str = "migrate", **more: Any) -> Any:
    return world.deliver("run", job=key, **more)


def test_by_hand_one_job_runs_with_what_its_service_runs(world: World) -> None:
    world.deliver()
    world.cloud.tasks.exits = [0]
    outcome = run(world)
    assert outcome.exit_code == 0
    assert last(world).text == "Done."
    [fact] = facts(world, outcome)
    assert (fact["key"], fact["end"], fact["exitCode"]) == ("migrate", "succeeded", 0)
    assert fact["taskDefinition"] == world.cloud.ecs.updates[-1]
    assert moves(world) == ["42"]
    assert len(world.cloud.tasks.requests) == 3


def test_by_hand_a_failed_job_has_the_same_exit_code(world: World) -> None:
    world.deliver()
    world.cloud.tasks.exits = [7]
    outcome = run(world)
    assert (outcome.kind, outcome.exit_code) == ("job-failed", 44)
    assert moves(world) == ["42"]


def test_by_hand_the_contract_must_allow_it(world: World) -> None:
    contract = world.root / "ci" / "release.toml"
    contract.write_text(contract.read_text().replace(', "run"', ""))
    outcome = run(world)
    assert (outcome.kind, outcome.exit_code) == ("refused", 20)
    assert world.cloud.tasks.requests == []


def test_by_hand_a_job_must_be_there(world: World) -> None:
    outcome = run(world, "migrat")
    assert (outcome.kind, outcome.exit_code) == ("configuration", 10)
    (failed,) = world.of(Failed)
    assert isinstance(failed, Failed)
    assert 'there is no job "migrat"' in failed.text


def test_by_hand_a_service_that_runs_no_image_of_ours_needs_one_named(world: World) -> None:
    ecs = world.cloud.ecs
    live = ecs.definitions[ecs.primary]
    ecs.definitions[ecs.primary] = live.with_image("web", "busybox:latest")  # type: ignore[arg-type]
    outcome = run(world)
    assert outcome.exit_code == 10
