"""Several services in one release: where one fails, the others go back or are not begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from tests.unit.fake_clock import Clock

from shipway.config.environment import OnFailure, Service
from shipway.errors import AccessDeniedError, AwsError, RolloutError, ShipwayError
from shipway.observer import Event, Failed, Noticed, PutBack, Skipped
from shipway.rollout.deploy import RolloutContext, release
from shipway.rollout.images import ReleaseImage
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.plan import Step
from shipway.rollout.ports import LogLines, Updated
from shipway.rollout.put_back import Return
from shipway.rollout.report import ServiceReport
from shipway.rollout.snapshot import (
    Container,
    Deployment,
    RevisionSummary,
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
    Task,
    Trouble,
)
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition
from shipway.values import Digest, ImageReference

OLD, NEW = (Digest("sha256:" + digit * 64) for digit in "01")
IMAGE = ImageReference("registry.example/shop", NEW)
How = Literal["good", "bad", "slow"]


@dataclass
class Running:
    """One service, as ECS has it."""

    how: How
    now: str
    before: str = ""
    updates: int = 0
    looks: int = 0
    asked_back: bool = False


@dataclass
class Ecs:
    """Services whose rollouts end after two looks: well, badly, or when they are asked back."""

    running: dict[str, Running]
    refuses: dict[str, ShipwayError] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    described: bool = True
    pressed: frozenset[int] = frozenset()
    looks: int = 0
    deaf: bool = False

    def task_definition(self, arn: str) -> TaskDefinition:
        arn = arn if ":" in arn else f"{arn}:1"  # a family's newest revision
        digest = NEW if arn.endswith(":2") else OLD
        web = ContainerDefinition(name="web", image=f"registry.example/shop@{digest}")
        return TaskDefinition(arn=arn, family=arn.partition(":")[0], containers=(web,))

    def register(self, definition: TaskDefinition) -> str:
        self.done.append(f"register {definition.family}")
        return f"{definition.family}:2"

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        assert cluster == "tests"
        if service in self.refuses:
            raise self.refuses[service]
        self.done.append(f"update {task_definition}")
        existing = self.running[service]
        if existing.updates:
            existing.how = "good"
        existing.before, existing.now = existing.now, task_definition
        existing.updates += 1
        existing.looks = 0
        ours = f"ecs-svc/{service}-{existing.updates}"
        return Updated(
            deployment_id=ours,
            earlier=frozenset({f"ecs-svc/{service}-{existing.updates - 1}"}),
        )

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        assert cluster == "tests"
        self.looks += 1
        if self.looks in self.pressed:
            raise KeyboardInterrupt
        return {name: self._glance(name) for name in names}

    def _glance(self, name: str) -> Snapshot:
        existing = self.running[name]
        existing.looks += 1
        number, revision = existing.updates, existing.now
        new = Deployment(
            id=f"ecs-svc/{name}-{number}",
            status="PRIMARY",
            task_definition=revision,
            rollout_state="COMPLETED",
            desired=1,
            running=1,
        )
        shown: tuple[Deployment, ...] = (new,)
        back = replace(new, id=f"ecs-svc/{name}-{number - 1}", task_definition=existing.before)
        gone = replace(new, status="ACTIVE", rollout_state="FAILED", failed=3, running=0)
        if number and (existing.looks < 3 or (existing.how == "slow" and existing.looks < 40)):
            shown = (
                replace(new, rollout_state="IN_PROGRESS", running=0, pending=1),
                replace(back, status="ACTIVE"),
            )
        elif number and existing.how == "bad":
            shown = (back, gone)
        if existing.asked_back:
            shown = (back,)
        return Snapshot(
            task_definition=shown[0].task_definition,
            desired=1,
            running=1,
            deployments=shown,
            breaker_enabled=True,
            breaker_rollback=True,
            current_service_deployment=f"sd-{name}-{number}" if self.described else None,
        )

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        assert cluster == "tests"
        existing, primary = self.running[name], glance.deployments[0]
        digest = NEW if primary.task_definition.endswith(":2") else OLD
        task = Task(
            arn=f"task/{name}",
            task_definition=primary.task_definition,
            started_by=primary.id,
            last_status="RUNNING",
            desired_status="RUNNING",
            containers=(Container(name="web", image_digest=digest.value),),
        )
        filled = replace(glance, tasks=(task,) if fetch.tasks else (), tasks_listed=fetch.tasks)
        if not (fetch.service_deployment and self.described):
            return filled
        state = "SUCCESSFUL" if primary.rollout_state == "COMPLETED" else "IN_PROGRESS"
        if primary.task_definition != existing.now:
            state = "ROLLBACK_SUCCESSFUL"
        described = ServiceDeployment(
            arn=f"sd-{name}-{existing.updates}",
            status=state,
            target=RevisionSummary(arn=f"rev-{existing.now}"),
        )
        revision = ServiceRevision(arn=f"rev-{existing.now}", task_definition=existing.now)
        return replace(filled, service_deployment=described, revisions=(revision,))

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        assert stop_type == "ROLLBACK"
        service = arn.split("-")[1]
        self.done.append(f"stop {service}")
        if self.deaf:
            return Trouble(kind="conflict", text="the service deployment has finished")
        self.running[service].asked_back = True
        return None

    def service_names(self, cluster: str) -> tuple[str, ...]:
        raise AssertionError(cluster)

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        raise AssertionError((arn, hook, action))


class NoLogs:
    def tail(self, group: str, stream: str, lines: int) -> LogLines:
        assert lines, (group, stream)
        return ()


@dataclass
class Journal:
    events: list[Event] = field(default_factory=list)
    reports: list[ServiceReport] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def keep(self, reports: Sequence[ServiceReport]) -> None:
        self.reports = list(reports)

    def went_back(self, returns: Sequence[Return]) -> None:
        self.returns = list(returns)


@dataclass
class Outcome:
    ecs: Ecs
    journal: Journal
    error: ShipwayError | None


def deliver(
    hows: Mapping[str, How],
    *,
    together: bool = True,
    refuses: Mapping[str, ShipwayError] | None = None,
    described: bool = True,
    leave: frozenset[str] = frozenset(),
    before: Mapping[str, Snapshot] | None = None,
    pressed: frozenset[int] = frozenset(),
    processor: str = "",
    processors: tuple[str, ...] = (),
) -> Outcome:
    """Release one image to these services, each of which takes it in its own way.

    Ctrl-C is pressed at the looks that are named, and ECS has always finished by then.
    """
    running = {name: Running(how=how, now=f"{name}:1") for name, how in hows.items()}
    ecs, journal = Ecs(running, dict(refuses or {}), described=described), Journal()
    image = ReleaseImage(reference=IMAGE, platforms=frozenset({NEW}), processors=processors)
    steps = []
    for name in hows:
        live = replace(ecs.task_definition(f"{name}:1"), processor=processor)
        on_failure: OnFailure = "leave" if name in leave else "rollback"
        service = Service(key=name, service=name, container="web", on_failure=on_failure)
        earlier = (before or {}).get(name) or ecs.services("tests", [name])[name]
        steps.append(Step(service=service, before=earlier, live=live, revision=live, image=image))
    for service_ in running.values():
        service_.looks = 0
    ecs.looks, ecs.pressed, ecs.deaf = 0, pressed, bool(pressed)
    context = RolloutContext(
        ecs=ecs,
        logs=NoLogs(),
        cluster="tests",
        clock=Clock(),
        journal=journal,
        together=together,
    )
    try:
        release(steps, context)
    except ShipwayError as error:
        return Outcome(ecs, journal, error)
    return Outcome(ecs, journal, None)


def ends(outcome: Outcome) -> dict[str, str]:
    return {each.subject: each.end for each in outcome.journal.returns}


@pytest.mark.parametrize("described", [True, False], ids=["described", "listed"])
def test_what_moved_is_put_back_where_another_fails(*, described: bool) -> None:
    outcome = deliver({"web": "bad", "worker": "good"}, described=described)
    assert isinstance(outcome.error, RolloutError)
    assert (outcome.error.kind, outcome.error.exit_code) == ("rolled-back", 31)
    assert outcome.error.aftermath == "web rolled back, worker put back"
    assert ends(outcome) == {"worker": "put back"}
    assert outcome.ecs.running["worker"].now == "worker:1"
    assert [event.subject for event in outcome.journal.events if isinstance(event, PutBack)] == [
        "worker"
    ]
    assert {report.key for report in outcome.journal.reports} == {"web", "worker"}


def test_what_is_under_way_is_taken_back_by_ecs() -> None:
    outcome = deliver({"web": "bad", "worker": "slow"})
    assert outcome.error is not None
    assert outcome.error.aftermath == "web rolled back, worker put back"
    assert "stop worker" in outcome.ecs.done
    assert "update worker:1" not in outcome.ecs.done
    (report,) = [report for report in outcome.journal.reports if report.key == "worker"]
    assert report.outcome is not None
    assert report.outcome.text == "rolled back to worker:1, because web failed"


def test_each_stands_for_itself_where_configured() -> None:
    outcome = deliver({"web": "bad", "worker": "good"}, together=False)
    assert outcome.error is not None
    assert outcome.error.aftermath == ""
    assert outcome.journal.returns == []
    assert outcome.ecs.running["worker"].now == "worker:2"


def test_all_good_is_all_delivered() -> None:
    outcome = deliver({"web": "good", "worker": "good"})
    assert outcome.error is None
    assert outcome.journal.returns == []


def test_what_is_to_be_left_is_left() -> None:
    outcome = deliver({"web": "bad", "worker": "good"}, leave=frozenset({"worker"}))
    assert ends(outcome) == {"worker": "left"}
    assert outcome.ecs.running["worker"].now == "worker:2"


@pytest.mark.parametrize("error", [AccessDeniedError("no"), AwsError("throttled")])
def test_a_service_that_cannot_be_updated_takes_the_others_back(error: ShipwayError) -> None:
    outcome = deliver(
        {"web": "good", "worker": "good", "mailer": "good"}, refuses={"worker": error}
    )
    assert outcome.error is error
    assert error.aftermath == "worker could not be updated, web put back"
    assert "update mailer:2" not in outcome.ecs.done
    assert not any(
        event.subject == "mailer"
        for event in outcome.journal.events
        if isinstance(event, (Failed, PutBack))
    )
    (skipped,) = [event for event in outcome.journal.events if isinstance(event, Skipped)]
    assert (skipped.subject, skipped.text) == ("mailer", "not begun: worker could not be updated")
    assert [report.key for report in outcome.journal.reports] == ["web"]


def test_the_first_that_cannot_be_updated_leaves_all_as_they_were() -> None:
    error = AccessDeniedError("no")
    outcome = deliver({"web": "good", "worker": "good"}, refuses={"web": error})
    assert outcome.error is error
    assert not [done for done in outcome.ecs.done if done.startswith("update")]


def test_a_way_back_that_leads_to_nothing_good_is_said_first() -> None:
    sick = Snapshot(
        task_definition="web:1",
        desired=2,
        running=1,
        deployments=(
            Deployment(
                id="ecs-svc/web-0",
                status="PRIMARY",
                task_definition="web:1",
                rollout_state="COMPLETED",
            ),
        ),
        breaker_enabled=True,
    )
    outcome = deliver({"web": "good"}, before={"web": sick})
    texts = [event.text for event in outcome.journal.events if isinstance(event, Noticed)]
    assert texts[0] == (
        "a roll-back would lead to web:1, which is not well itself: "
        "1 of 2 of its tasks ran before this release"
    )


@pytest.mark.parametrize("described", [True, False], ids=["described", "listed"])
def test_a_wish_to_roll_back_that_comes_too_late_is_met_all_the_same(*, described: bool) -> None:
    outcome = deliver(
        {"web": "good", "worker": "good"},
        described=described,
        leave=frozenset({"worker"}),
        pressed=frozenset({3}),
    )
    assert isinstance(outcome.error, RolloutError)
    assert (outcome.error.kind, outcome.error.exit_code) == ("rolled-back", 31)
    assert outcome.error.what == "put back at your request, which came after ECS had finished"
    assert outcome.error.aftermath == "web and worker put back"
    assert {name: each.now for name, each in outcome.ecs.running.items()} == {
        "web": "web:1",
        "worker": "worker:1",
    }, "a person's wish goes before on_failure"
    texts = [event.text for event in outcome.journal.events if isinstance(event, Noticed)]
    assert "puts web:1 back, because you asked for it" in texts


def test_a_second_ctrl_c_leaves_while_it_is_put_back() -> None:
    outcome = deliver({"web": "good"}, pressed=frozenset({3, 6, 7}))
    assert isinstance(outcome.error, ShipwayError)
    assert outcome.error.exit_code == 130
    assert "interrupted twice" in outcome.error.what


def test_a_wish_that_comes_too_late_is_met_where_each_stands_for_itself() -> None:
    outcome = deliver({"web": "bad", "worker": "good"}, together=False, pressed=frozenset({3}))
    assert isinstance(outcome.error, RolloutError)
    assert ends(outcome) == {"worker": "put back"}
    assert outcome.error.aftermath == "web rolled back, worker put back"


def test_where_nothing_ran_before_the_wish_is_told_to_be_none() -> None:
    first = Snapshot(
        task_definition="web:1",
        desired=1,
        deployments=(
            Deployment(
                id="ecs-svc/web-0",
                status="PRIMARY",
                task_definition="web:1",
                rollout_state="IN_PROGRESS",
            ),
        ),
        breaker_enabled=True,
    )
    outcome = deliver({"web": "good"}, before={"web": first}, pressed=frozenset({2}))
    assert outcome.error is None
    assert ends(outcome) == {"web": "left"}
    texts = [event.text for event in outcome.journal.events if isinstance(event, Noticed)]
    assert texts[-1] == (
        "web:2 stays: no earlier revision ever came up, there is nothing to put back"
    )


@pytest.mark.parametrize(
    ("processor", "processors", "told"),
    [
        ("ARM64", ("linux/amd64",), "asks for ARM64, and the image holds linux/amd64 alone"),
        ("X86_64", ("linux/arm64",), "asks for X86_64, and the image holds linux/arm64 alone"),
        ("ARM64", ("linux/amd64", "linux/arm64"), ""),
        ("ARM64", (), ""),
        ("", ("linux/arm64",), ""),
    ],
)
def test_an_image_of_another_processor_is_told_before_it_is_rolled_out(
    processor: str, processors: tuple[str, ...], told: str
) -> None:
    outcome = deliver({"web": "good"}, processor=processor, processors=processors)
    events = outcome.journal.events
    texts = [event.text for event in events if isinstance(event, Noticed)]
    assert [text for text in texts if "the image holds" in text] == (texts[:1] if told else [])
    assert told in (texts[0] if told else "")
