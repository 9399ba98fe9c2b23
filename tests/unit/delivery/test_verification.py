from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from tests.unit.fake_clock import Clock

from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.delivery.verification import VerifiedService, verify
from shipway.errors import VerificationError
from shipway.observer import Event, Finished, Noticed, Started
from shipway.rollout.images import ReleaseImages
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import LogLines, Updated
from shipway.rollout.snapshot import Container, Snapshot, Task, Trouble
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition
from shipway.values import Digest, HttpAnswer, ImageReference

INDEX, PLATFORM, OTHER = (Digest(f"sha256:{digit * 64}") for digit in "123")
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"
IMAGE = ImageReference(URI, INDEX)
URL = "https://staging.shop.example/health"
DEFINITION = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:42"
WEB = Service(key="web", service="shop-web", container="web", url=URL, consecutive=3)


def place(*services: Service) -> Environment:
    return Environment(
        name="staging",
        account="111122223333",
        region="eu-west-1",
        registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
        repository="shop",
        cluster="shop",
        role="",
        image=ImageSettings(
            name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
        ),
        services=services or (WEB,),
    )


def task(name: str, digest: Digest | None = INDEX, status: str = "RUNNING") -> Task:
    value = digest.value if digest else None
    return Task(
        arn=f"arn:aws:ecs:eu-west-1:111122223333:task/shop/{name}",
        task_definition=DEFINITION,
        last_status=status,
        containers=(
            Container(name="log-router", image_digest=OTHER.value),
            Container(name="web", image_digest=value),
        ),
    )


GLANCE = Snapshot(task_definition=DEFINITION, desired=2)


@dataclass
class Ecs:
    """One service, as it is told to be; nothing here may change anything."""

    glance: Snapshot = GLANCE
    tasks: tuple[Task, ...] = (task("a"), task("b", PLATFORM))
    image: str = str(IMAGE)
    troubles: tuple[Trouble, ...] = ()
    stopped: tuple[Task, ...] = ()
    late: tuple[Trouble, ...] = ()
    looks: list[FetchPlan] = field(default_factory=list)

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert cluster == "shop"
        return dict.fromkeys(names, self.glance)

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert (cluster, name[:5], glance) == ("shop", "shop-", self.glance)
        self.looks.append(fetch)
        if fetch.stopped:
            return replace(glance, stopped=self.stopped, troubles=self.late)
        return replace(glance, tasks=self.tasks, troubles=self.troubles)

    def task_definition(self, arn: str) -> TaskDefinition:
        assert arn == DEFINITION
        containers = [ContainerDefinition(name="log-router", image="fluent-bit:2")]
        if self.image:
            containers.append(ContainerDefinition(name="web", image=self.image))
        return TaskDefinition(arn=arn, containers=tuple(containers))

    def service_names(self, cluster: str) -> tuple[str, ...]:
        raise AssertionError(cluster)

    def register(self, definition: TaskDefinition) -> str:
        raise AssertionError(definition)

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        raise AssertionError(cluster, service, task_definition)

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError(arn, hook, action)

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        raise AssertionError(arn, stop_type)


class Images:
    def platforms(self, digest: Digest) -> frozenset[Digest]:
        return frozenset({PLATFORM}) if digest == INDEX else frozenset()


class Prober:
    """Answers as told, the last answer again and again."""

    def __init__(self, *answers: int | str) -> None:
        self.answers = [
            HttpAnswer(status=answer)
            if isinstance(answer, int)
            else HttpAnswer(status=None, trouble=answer)
            for answer in answers
        ]
        self.requests: list[tuple[str, float]] = []

    def get(self, url: str, seconds: float) -> HttpAnswer:
        self.requests.append((url, seconds))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def run(
    ecs: Ecs | None = None,
    prober: Prober | None = None,
    *,
    service: Service = WEB,
    shipped: ImageReference | None = IMAGE,
    events: list[Event] | None = None,
    clock: Clock | None = None,
) -> tuple[VerifiedService, ...]:
    return verify(
        place(service),
        ecs=ecs or Ecs(),
        images=lambda _: Images(),
        prober=prober or Prober(200),
        clock=clock or Clock(),
        observer=events.append if events is not None else lambda _: None,
        shipped=ReleaseImages.alone(shipped) if shipped else None,
    )


def refused(
    ecs: Ecs | None = None,
    prober: Prober | None = None,
    *,
    service: Service = WEB,
    shipped: ImageReference | None = IMAGE,
) -> tuple[str, str, str]:
    with pytest.raises(VerificationError) as caught:
        run(ecs, prober, service=service, shipped=shipped)
    return caught.value.what, caught.value.where, caught.value.remedy


def test_what_runs_is_what_was_shipped() -> None:
    events: list[Event] = []
    ecs, prober = Ecs(), Prober(200)
    (verified,) = run(ecs, prober, events=events)
    assert verified == VerifiedService(
        service=WEB, image=IMAGE, tasks=2, answers=(HttpAnswer(status=200),) * 3, seconds=2.0
    )
    assert ecs.looks == [FetchPlan(tasks=True), FetchPlan(stopped=True)]
    assert prober.requests == [(URL, 5.0)] * 3
    assert events == [
        Started(stage="verify", subject="web"),
        Finished(
            stage="verify",
            subject="web",
            text=f"2 tasks of the shipped digest; GET {URL} 200, 3 in a row",
            seconds=2.0,
        ),
    ]


def test_a_service_without_an_address_is_not_asked() -> None:
    events: list[Event] = []
    prober = Prober("never asked")
    (verified,) = run(Ecs(tasks=(task("a"),)), prober, service=replace(WEB, url=""), events=events)
    assert (verified.answers, prober.requests) == ((), [])
    assert events[-1] == Finished(
        stage="verify",
        subject="web",
        text="1 task of the shipped digest; no url to ask",
        seconds=0.0,
    )


def test_without_anything_shipped_the_task_definition_says_what_must_run() -> None:
    events: list[Event] = []
    (verified,) = run(shipped=None, events=events)
    assert verified.image == IMAGE
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.text == (
        f"2 tasks of sha256:111111111111…, the service's task definition; GET {URL} 200, 3 in a row"
    )


def test_without_anything_shipped_nothing_is_called_shipped() -> None:
    with pytest.raises(VerificationError) as caught:
        run(Ecs(tasks=(task("a"), task("stray", OTHER))), shipped=None)
    assert caught.value.what == "1 of 2 tasks of web do not run what is pinned"
    assert caught.value.details == (f"task stray runs {OTHER}", f"pinned: {IMAGE}")


def test_a_service_of_no_tasks_is_as_it_should_be() -> None:
    (verified,) = run(Ecs(glance=replace(GLANCE, desired=0), tasks=()))
    assert verified.tasks == 0


def test_an_address_is_not_asked_where_nothing_is_to_run() -> None:
    prober = Prober(503)
    events: list[Event] = []
    (verified,) = run(Ecs(glance=replace(GLANCE, desired=0), tasks=()), prober, events=events)
    assert (verified.tasks, verified.answers, prober.requests) == (0, (), [])
    last = events[-1]
    assert isinstance(last, Finished)
    assert "desired count 0: not asked" in last.text


@pytest.mark.parametrize("image", [f"{URI}:latest", URI, "shop"])
def test_an_image_that_is_not_pinned(image: str) -> None:
    assert refused(Ecs(image=image), shipped=None) == (
        f"web runs {image}, which is not pinned by digest",
        DEFINITION,
        "what runs cannot be proven; deploy it with shipway",
    )


def test_a_container_that_is_not_there() -> None:
    what, *_ = refused(Ecs(image=""))
    assert what == "web runs no image, which is not pinned by digest"


def test_somebody_else_deployed_in_between() -> None:
    assert refused(Ecs(image=f"{URI}@{OTHER}")) == (
        f"web runs {OTHER} where {INDEX} was shipped",
        DEFINITION,
        "somebody else deployed in between; see the service's deployments in ECS",
    )


@pytest.mark.parametrize(
    ("digest", "described"), [(OTHER, str(OTHER)), (None, "an unknown digest")]
)
def test_a_task_with_another_digest(digest: Digest | None, described: str) -> None:
    stray = replace(task("stray", digest), task_definition=f"{DEFINITION}-before")
    ecs = Ecs(tasks=(task("a"), stray))
    with pytest.raises(VerificationError) as caught:
        run(ecs)
    assert caught.value.what == "1 of 2 tasks of web do not run what was shipped"
    assert caught.value.details == (f"task stray runs {described}", f"shipped: {IMAGE}")
    assert caught.value.where == "shop-web"
    assert caught.value.remedy == (
        "an older deployment may still be draining; verify again, then see the tasks"
    )


@pytest.mark.parametrize(
    "image", ["", f"{URI}@{INDEX}", f"{URI}@{PLATFORM}"], ids=["none", "ours", "its"]
)
def test_a_digest_that_ecs_does_not_report_is_no_failure(image: str) -> None:
    silent = task("silent", None)
    web = replace(silent.containers[1], image=image)
    ecs = Ecs(tasks=(task("a"), replace(silent, containers=(silent.containers[0], web))))
    (verified,) = run(ecs)
    assert verified.tasks == 2


def test_an_image_of_another_digest_is_one_whatever_else_is_not_reported() -> None:
    silent = task("silent", None)
    web = replace(silent.containers[1], image=f"{URI}@{OTHER}")
    ecs = Ecs(tasks=(task("a"), replace(silent, containers=(web,))))
    with pytest.raises(VerificationError, match="1 of 2 tasks of web do not run"):
        run(ecs)


def test_a_task_that_does_not_run_proves_nothing() -> None:
    ecs = Ecs(tasks=(task("a", OTHER, "DEPROVISIONING"), task("b", OTHER, "PENDING")))
    assert refused(ecs) == (
        "no task of web is running where 2 should be",
        "shop-web",
        "see the service's events in ECS",
    )


def test_tasks_that_may_not_be_looked_at() -> None:
    trouble = Trouble(kind="access-denied", text="ecs:ListTasks is not allowed: no")
    assert refused(Ecs(troubles=(trouble,))) == (
        "the tasks of web cannot be looked at: ecs:ListTasks is not allowed: no",
        "shop-web",
        "allow ecs:ListTasks and ecs:DescribeTasks, then verify again",
    )


def test_a_service_that_cannot_be_looked_at() -> None:
    trouble = Trouble(kind="throttled", text="ecs:DescribeServices was throttled by AWS")
    assert refused(Ecs(glance=Snapshot(answered=False, troubles=(trouble,)))) == (
        "web cannot be looked at: ecs:DescribeServices was throttled by AWS",
        "shop-web",
        "mend that, then verify again",
    )


class Weather(Ecs):
    """ECS whose first answers are spoilt, one kind of read after the other."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.kinds = list(kinds)

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        if self.kinds:
            trouble = Trouble(kind=self.kinds.pop(0), text="ecs:DescribeServices had no luck")
            return dict.fromkeys(names, Snapshot(answered=False, troubles=(trouble,)))
        return super().services(cluster, names)

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        first = not any(look == fetch for look in self.looks)
        seen = super().complete(cluster, name, glance, fetch)
        trouble = Trouble(kind="throttled", text="ecs:ListTasks was throttled by AWS")
        return replace(glance, troubles=(trouble,)) if first else seen


def test_weather_is_waited_out_and_told_and_never_becomes_a_verdict() -> None:
    events: list[Event] = []
    clock = Clock()
    began = clock.now()
    weather = Weather("throttled", "server-error", "unreachable")
    (verified,) = run(weather, events=events, clock=clock)
    assert verified.tasks == 2
    told = [event.text for event in events if isinstance(event, Noticed)]
    assert told == [
        "ecs:DescribeServices had no luck; looks again in 1 s",
        "ecs:DescribeServices had no luck; looks again in 2 s",
        "ecs:DescribeServices had no luck; looks again in 4 s",
        "ecs:ListTasks was throttled by AWS; looks again in 1 s",
        "ecs:ListTasks was throttled by AWS; looks again in 1 s",
    ]
    assert (clock.now() - began).total_seconds() >= 9


def test_what_does_not_pass_is_not_waited_for() -> None:
    clock = Clock()
    began = clock.now()
    trouble = Trouble(kind="access-denied", text="no")
    with pytest.raises(VerificationError):
        run(Ecs(troubles=(trouble,)), clock=clock)
    assert clock.now() == began


@pytest.mark.parametrize(
    ("glance", "state"),
    [
        (Snapshot(exists=False, status="INACTIVE"), "not in the cluster"),
        (replace(GLANCE, status="DRAINING"), "DRAINING"),
    ],
)
def test_a_service_that_is_not_there(glance: Snapshot, state: str) -> None:
    assert refused(Ecs(glance=glance)) == (
        f"service shop-web is {state}",
        "shop-web",
        "see `cluster` and `service` in ci/delivery.toml",
    )


def test_a_wrong_answer_starts_the_row_anew() -> None:
    events: list[Event] = []
    prober = Prober(503, 503, 200, 200, "TimeoutError: timed out", 200)
    (verified,) = run(prober=prober, events=events)
    assert [str(answer) for answer in verified.answers] == [
        "503",
        "503",
        "200",
        "200",
        "TimeoutError: timed out",
        "200",
        "200",
        "200",
    ]
    assert [event for event in events if isinstance(event, Noticed)] == [
        Noticed(stage="verify", subject="web", text=f"GET {URL} answered {wrong}", level="warning")
        for wrong in ("503", "TimeoutError: timed out")
    ], "the same wrong answer twice in a row is told once"


def test_a_redirect_is_not_the_expected_answer() -> None:
    what, *_ = refused(prober=Prober(301))
    assert what == "web did not answer 200 3 times in a row within 60 s"


def test_another_status_can_be_expected() -> None:
    (verified,) = run(prober=Prober(401), service=replace(WEB, expected_status=401))
    assert len(verified.answers) == 3


def test_an_address_that_never_answers_ends_with_its_time() -> None:
    clock = Clock()
    began = clock.now()
    prober = Prober(200, 502, "ConnectionRefusedError: refused")
    with pytest.raises(VerificationError) as caught:
        run(prober=prober, clock=clock)
    assert caught.value.what == "web did not answer 200 3 times in a row within 60 s"
    assert caught.value.where == URL
    assert caught.value.details == (
        "1 × 200",
        "1 × 502",
        "59 × ConnectionRefusedError: refused",
    )
    assert caught.value.remedy == (
        "the new revision came up and answers wrongly: see its logs; "
        "where the earlier revision is not put back, deploy its image with --image"
    )
    assert clock.now() - began == timedelta(seconds=60)


def test_one_request_never_takes_longer_than_the_whole_time() -> None:
    prober = Prober(200)
    run(prober=prober, service=replace(WEB, verify_timeout=2))
    assert {seconds for _, seconds in prober.requests} == {2.0}


def test_every_service_is_verified_with_one_look() -> None:
    events: list[Event] = []
    worker = replace(WEB, key="worker", service="shop-worker", url="")
    verified = verify(
        place(WEB, worker),
        ecs=Ecs(),
        images=lambda _: Images(),
        prober=Prober(200),
        clock=Clock(),
        observer=events.append,
        shipped=ReleaseImages.alone(IMAGE),
    )
    assert [service.service.key for service in verified] == ["web", "worker"]
    assert [event.subject for event in events if isinstance(event, Finished)] == ["web", "worker"]


def fell(name: str, code: int = 1) -> Task:
    """A task that ended by itself."""
    return replace(
        task(name, status="STOPPED"),
        stop_code="EssentialContainerExited",
        stopped_reason="Essential container in task exited",
        containers=(Container(name="web", image_digest=INDEX.value, exit_code=code),),
    )


def test_a_task_that_fails_while_the_address_answers() -> None:
    ecs = Ecs(stopped=(fell("b", 7), fell("of an earlier day")))
    with pytest.raises(VerificationError) as caught:
        run(ecs, Prober(200))
    assert caught.value.what == "1 of 2 tasks of web failed while it was verified"
    assert caught.value.where == "shop-web"
    [detail] = caught.value.details
    assert detail.startswith("task b: ")
    assert "code 7" in detail
    assert "Essential container in task exited" in detail
    assert caught.value.remedy.startswith("it came up and does not stay up: see its logs; ")


def test_a_task_that_failed_is_a_truer_cause_than_an_address_that_is_silent() -> None:
    what, *_ = refused(Ecs(stopped=(fell("a"), fell("b"))), Prober(503))
    assert what == "2 of 2 tasks of web failed while it was verified"


def test_a_task_that_ecs_replaced_has_not_failed() -> None:
    gone = replace(
        task("a", status="STOPPED"),
        stop_code="ServiceSchedulerInitiated",
        stopped_reason="Scaling activity initiated by (deployment ecs-svc/42)",
    )
    assert run(Ecs(stopped=(gone,)))


def test_without_an_address_no_time_passes_in_which_a_task_could_fail() -> None:
    ecs = Ecs()
    run(ecs, service=replace(WEB, url=""))
    assert ecs.looks == [FetchPlan(tasks=True)]


def test_stopped_tasks_that_may_not_be_looked_at() -> None:
    trouble = Trouble(kind="access-denied", text="ecs:DescribeTasks is not allowed: no")
    what, *_ = refused(Ecs(late=(trouble,)))
    assert what == "the tasks of web cannot be looked at: ecs:DescribeTasks is not allowed: no"


class Logs:
    """The last lines of a task."""

    def tail(self, group: str, stream: str, lines: int) -> LogLines:
        assert (group, lines) == ("/shop", 20)
        return ((datetime(2026, 11, 22, 3, 12, tzinfo=UTC), f"{stream}: no such table"),)


class LoggingEcs(Ecs):
    """Its container has a log."""

    def task_definition(self, arn: str) -> TaskDefinition:
        logs = AwsLogs(group="/shop", stream_prefix="ecs")
        web = ContainerDefinition(name="web", image=self.image, logs=logs)
        return TaskDefinition(arn=arn, containers=(web,))


def test_what_answers_wrongly_is_told_with_its_log_and_is_the_releases_fault() -> None:
    with pytest.raises(VerificationError) as caught:
        verify(
            place(WEB),
            ecs=LoggingEcs(),
            images=lambda _: Images(),
            prober=Prober(500),
            clock=Clock(),
            observer=lambda _: None,
            shipped=ReleaseImages.alone(IMAGE),
            logs=Logs(),
        )
    error = caught.value
    assert (error.subject, error.at_fault) == ("web", True)
    assert error.log == ("2026-11-22 03:12:00  ecs/web/a: no such table",)


@pytest.mark.parametrize(
    "ecs",
    [
        Ecs(troubles=(Trouble(kind="throttled", text="slow down"),)),
        Ecs(glance=Snapshot(answered=False)),
        Ecs(image=f"registry/shop@{OTHER}"),
    ],
    ids=["tasks not shown", "no answer", "somebody else's"],
)
def test_what_is_not_the_releases_fault_does_not_call_for_a_roll_back(ecs: Ecs) -> None:
    with pytest.raises(VerificationError) as caught:
        run(ecs)
    assert not caught.value.at_fault
