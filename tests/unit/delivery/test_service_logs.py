"""Log lines of services: which streams, in which order, without secrets, read on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.delivery.fakes.ecs import NoLogs

from shipway.config.environment import Service
from shipway.delivery.service_logs import (
    ServiceLogs,
    chosen,
    chosen_job,
    of_revision,
    seconds_of,
    unreadable,
)
from shipway.delivery.status import open_environment
from shipway.errors import AwsError, UsageError
from shipway.rollout.ports import LogPage
from shipway.rollout.snapshot import Task, Trouble
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

AT = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)


@dataclass
class Streams(NoLogs):
    """One stream, in pages."""

    pages: dict[str, LogPage] = field(default_factory=dict)
    questions: list[tuple[str, str, str]] = field(default_factory=list)

    def page(self, group: str, stream: str, since: datetime | None, token: str) -> LogPage:
        assert since == AT
        self.questions.append((group, stream, token))
        return self.pages.get(token, LogPage(lines=(), token=token))


def lines(*texts: str) -> tuple[tuple[datetime, str], ...]:
    return tuple((AT + timedelta(seconds=at), text) for at, text in enumerate(texts))


def page(behind: str, *texts: str) -> LogPage:
    return LogPage(lines=lines(*texts), token=behind)


def read(world: World, *, revision: int = 0) -> tuple[ServiceLogs, list[str]]:
    environment, aws = open_environment("staging", world.context)
    logs = ServiceLogs(environment, aws, environment.services, revision=revision, since=AT)
    return logs, list(logs.find_tasks())


@pytest.fixture
def streams(world: World) -> Streams:
    ecs = world.cloud.ecs
    live = ecs.definitions[ecs.primary]
    web = replace(
        live.containers[0],
        logs=AwsLogs(group="/shop", stream_prefix="ecs"),
        log_driver="awslogs",
        environment=(("DB_PASSWORD", "hunter2hunter2"),),
    )
    ecs.definitions[ecs.primary] = replace(live, containers=(web,))
    world.cloud.logs = Streams()
    return world.cloud.logs


def test_every_page_is_read_and_secrets_are_hidden(world: World, streams: Streams) -> None:
    key = "-----BEGIN PRIVATE KEY-----"
    streams.pages = {
        "": page("a", "up", "with hunter2hunter2", key),
        "a": page("b", "MIIE"),
    }
    logs, notes = read(world)
    assert notes == []
    assert {line.text for line in logs.read()} == {"up", "with ***", "***"}
    assert streams.questions[0] == ("/shop", "ecs/web/t1", "")
    assert logs.count == 4
    streams.pages["b"] = page("c", "more of the key")
    [further] = logs.read()
    assert further.text == "***", "a key that began in another page is hidden still"
    assert further.document()["service"] == "web"


def test_what_is_read_is_in_order_and_without_secrets(world: World, streams: Streams) -> None:
    streams.pages = {"": page("", "up", "with hunter2hunter2")}
    logs, _ = read(world)
    assert [line.text for line in logs.read()] == ["up", "with ***"]


def test_a_revision_that_no_task_runs(world: World, streams: Streams) -> None:
    logs, notes = read(world, revision=7)
    assert notes == ["web: ECS knows no task of revision 7, running or stopped just now"]
    assert (logs.read(), streams.questions) == ((), [])
    assert of_revision([Task(arn="t", task_definition="td/shop:7")], 7)


JOBS = """
[environments.staging.jobs.migrate]
when = "before"
service = "web"
[environments.staging.jobs.report]
when = "by-hand"
task_definition = "arn:aws:ecs:eu-west-1:111122223333:task-definition/report:3"
"""


def read_job(world: World, key: str) -> tuple[ServiceLogs, list[str]]:
    file = world.root / "ci" / "delivery.toml"
    file.write_text(file.read_text() + JOBS)
    environment, aws = open_environment("staging", world.context)
    jobs = chosen_job(environment, key)
    logs = ServiceLogs(environment, aws, (), jobs=jobs, revision=0, since=AT)
    return logs, list(logs.find_tasks())


def test_a_jobs_log_is_that_of_its_own_tasks(world: World, streams: Streams) -> None:
    """Whatever the release; neither the service's tasks nor another job's."""
    streams.pages = {"": page("", "0042 is applied with hunter2hunter2")}
    ecs, tasks = world.cloud.ecs, world.cloud.tasks
    ran = {
        name: Task(arn=f"task/shop/{name}", task_definition=ecs.primary, started_by=started_by)
        for name, started_by in (
            ("j1", "shipway/migrate/0123"),
            ("j2", "shipway/migrate/4567"),
            ("w1", "shipway/warm/0123"),
            ("s1", "ecs-svc/1"),
        )
    }
    tasks.known.extend(ran.values())
    logs, notes = read_job(world, "migrate")
    assert notes == []
    lines_read = logs.read()
    assert {line.task for line in lines_read} == {"j1", "j2"}
    assert {line.text for line in lines_read} == {"0042 is applied with ***"}
    document = lines_read[0].document()
    assert (document["job"], document["container"]) == ("migrate", "web")
    assert "service" not in document


def test_a_job_that_nobody_ran_just_now(world: World, streams: Streams) -> None:
    logs, notes = read_job(world, "report")
    assert notes == ["report: ECS knows no task, running or stopped just now"]
    assert (logs.read(), streams.questions) == ((), [])


def test_a_job_is_named_by_its_key(world: World) -> None:
    with pytest.raises(UsageError, match='did you mean "migrate"'):
        read_job(world, "migrat")


def test_an_environment_without_jobs(world: World) -> None:
    environment, _ = open_environment("staging", world.context)
    with pytest.raises(UsageError, match='has no job "migrate"') as none:
        chosen_job(environment, "migrate")
    assert none.value.remedy == "it declares no job"


def test_what_has_no_awslogs_is_said() -> None:
    definition = TaskDefinition(
        region="eu-west-1",
        containers=(
            ContainerDefinition(name="fire", log_driver="awsfirelens"),
            ContainerDefinition(name="mute"),
            ContainerDefinition(name="bare", logs=AwsLogs(group="/bare")),
            ContainerDefinition(
                name="far", logs=AwsLogs(group="/far", region="us-east-1", stream_prefix="ecs")
            ),
            ContainerDefinition(name="good", logs=AwsLogs(group="/good", stream_prefix="ecs")),
        ),
    )
    notes = list(unreadable("web", definition))
    assert [note.split('"')[1] for note in notes] == ["fire", "mute", "bare", "far"]
    assert "awsfirelens" in notes[0]


def test_an_ecs_that_does_not_answer(world: World) -> None:
    world.cloud.ecs.trouble = Trouble(kind="throttled", text="Rate exceeded")
    with pytest.raises(AwsError, match="Rate exceeded"):
        read(world)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200)])
def test_spans_of_time(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1w", "1.5h"])
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(UsageError, match="is no span of time"):
        seconds_of(text)


def test_a_service_is_named_by_its_key(world: World) -> None:
    environment, _ = open_environment("staging", world.context)
    assert isinstance(chosen(environment, "web")[0], Service)
    with pytest.raises(UsageError, match='did you mean "web"'):
        chosen(environment, "wep")
