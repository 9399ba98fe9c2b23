"""The watch loop against a scripted ECS over real HTTP, with a clock that sleeps for nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest

from shipway.aws.logs import CloudWatchLogs
from shipway.rollout.judge.terms import DeploymentRef, Policy
from shipway.rollout.task_definition import TaskDefinition
from shipway.rollout.watch import Watch, Watched, begin

if TYPE_CHECKING:
    from tests.sandbox.http.conftest import Aws, Clock

    from shipway.aws.ecs import AwsEcs
    from shipway.aws.session import Session
    from shipway.observer import Event

ARN = "arn:aws:ecs:eu-west-1:111122223333"
OLD, NEW = f"{ARN}:task-definition/shop:41", f"{ARN}:task-definition/shop:42"
DIGEST = f"sha256:{'1' * 64}"
DONE = 30.0


@dataclass
class Cluster:
    """Services whose new revision comes into service after ``done`` seconds of the clock."""

    clock: Clock
    done: float = DONE
    stale: float = -1.0
    looks: Counter[str] = field(default_factory=Counter)
    names: dict[str, None] = field(default_factory=dict)

    def finished(self) -> bool:
        return self.clock.seconds >= self.done

    def deployments(self) -> list[dict[str, Any]]:
        old = {
            "id": "ecs-svc/1",
            "taskDefinition": OLD,
            "status": "PRIMARY",
            "rolloutState": "COMPLETED",
            "desiredCount": 1,
            "runningCount": 1,
        }
        if self.clock.seconds <= self.stale:
            return [old]
        new = {
            "id": "ecs-svc/2",
            "taskDefinition": NEW,
            "status": "PRIMARY",
            "rolloutState": "COMPLETED" if self.finished() else "IN_PROGRESS",
            "desiredCount": 1,
            "runningCount": int(self.finished()),
            "pendingCount": int(not self.finished()),
        }
        return [new] if self.finished() else [new, {**old, "status": "ACTIVE"}]

    def services(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.names |= dict.fromkeys(asked["services"])
        return {
            "services": [
                {
                    "serviceName": name,
                    "status": "ACTIVE",
                    "desiredCount": 1,
                    "runningCount": 1,
                    "taskDefinition": NEW,
                    "deployments": self.deployments(),
                    "currentServiceDeployment": f"{ARN}:service-deployment/shop/{name}/new",
                    "deploymentConfiguration": {
                        "deploymentCircuitBreaker": {"enable": True, "rollback": True}
                    },
                    "loadBalancers": [{"targetGroupArn": f"{ARN}:targetgroup/{name}/1"}],
                }
                for name in asked["services"]
            ]
        }

    def described(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": arn,
                    "status": "SUCCESSFUL" if self.finished() else "IN_PROGRESS",
                    "lifecycleStage": "CLEAN_UP" if self.finished() else "SCALE_UP",
                    "targetServiceRevision": {"arn": f"{arn}/revision", "runningTaskCount": 1},
                    "deploymentCircuitBreaker": {"status": "MONITORING", "threshold": 3},
                    "startedAt": 1_795_390_858,
                }
                for arn in asked["serviceDeploymentArns"]
            ]
        }

    def revisions(self, asked: dict[str, Any]) -> dict[str, Any]:
        image = {"containerName": "web", "image": "shop", "imageDigest": DIGEST}
        return {
            "serviceRevisions": [
                {"serviceRevisionArn": arn, "taskDefinition": NEW, "containerImages": [image]}
                for arn in asked["serviceRevisionArns"]
            ]
        }

    def listed(self, asked: dict[str, Any]) -> dict[str, Any]:
        names = [asked["serviceName"]] if "serviceName" in asked else self.names
        running = asked["desiredStatus"] == "RUNNING"
        return {"taskArns": [f"{ARN}:task/shop/{name}" for name in names] if running else []}

    def tasks(self, asked: dict[str, Any]) -> dict[str, Any]:
        began = self.clock.began.timestamp()
        return {
            "tasks": [
                {
                    "taskArn": arn,
                    "taskDefinitionArn": NEW,
                    "group": f"service:{arn.rpartition('/')[2]}",
                    "startedBy": "ecs-svc/2",
                    "lastStatus": "RUNNING" if self.finished() else "PENDING",
                    "desiredStatus": "RUNNING",
                    "startedAt": began,
                    "containers": [{"name": "web", "imageDigest": DIGEST}],
                }
                for arn in asked["tasks"]
            ]
        }


HEALTH = """<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>
<member><Target><Id>10.0.0.1</Id><Port>8080</Port></Target>
<TargetHealth><State>healthy</State></TargetHealth></member>
</TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"""


@pytest.fixture
def cluster(aws: Aws, clock: Clock) -> Cluster:
    made = Cluster(clock)
    aws.says(
        DescribeServices=made.services,
        DescribeServiceDeployments=made.described,
        DescribeServiceRevisions=made.revisions,
        ListTasks=made.listed,
        DescribeTasks=made.tasks,
        DescribeTargetHealth=HEALTH,
    )
    return made


@dataclass
class Loop:
    """A watch over so many services."""

    ecs: AwsEcs
    logs: CloudWatchLogs
    clock: Clock
    told: list[Event] = field(default_factory=list)

    def follow(self, count: int = 1, *, timeout: float = 900.0) -> list[Watched]:
        policy = Policy(timeout=timeout)
        watched = [
            begin(self._target(f"svc-{number}"), policy, TaskDefinition(), self.clock.now())
            for number in range(count)
        ]
        Watch(
            ecs=self.ecs,
            logs=self.logs,
            cluster="shop",
            clock=self.clock,
            observer=self.told.append,
        ).follow(watched)
        return watched

    def one(self, *, timeout: float = 900.0) -> tuple[str, float]:
        """The verdict's name, and the second at which it was reached."""
        (watched,) = self.follow(timeout=timeout)
        assert watched.outcome is not None
        return watched.outcome.verdict.name, self.clock.seconds

    def _target(self, name: str) -> DeploymentRef:
        return DeploymentRef(
            subject=name,
            service=name,
            task_definition=NEW,
            container="web",
            digest=DIGEST,
            deployment_id="ecs-svc/2",
            previous_task_definition=OLD,
            previous_deployment="ecs-svc/1",
            earlier=frozenset({"ecs-svc/1"}),
        )

    @property
    def troubles(self) -> list[str]:
        texts = [getattr(event, "text", "") for event in self.told]
        return [
            text for text in texts if text.startswith("Describe") or text == "ECS answers again"
        ]


@pytest.fixture
def loop(ecs: AwsEcs, session: Session, clock: Clock, cluster: Cluster) -> Loop:
    assert cluster
    return Loop(ecs=ecs, logs=CloudWatchLogs(session), clock=clock)


def test_success_is_known_within_seconds(loop: Loop) -> None:
    name, second = loop.one()
    assert name == "succeeded"
    assert DONE <= second < DONE + 5
    assert loop.troubles == []


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("ServerException", 500), ("", 503)]
)
def test_what_passes_is_told_once_and_waited_out(
    loop: Loop, aws: Aws, cluster: Cluster, code: str, status: int
) -> None:
    bad = aws.error(code, status=status)
    aws.says(DescribeServices=[cluster.services, *[bad] * 3, cluster.services])
    name, second = loop.one()
    assert name == "succeeded"
    assert second < DONE + 5
    first, again = loop.troubles
    assert first.startswith("DescribeServices: ecs:DescribeServices ")
    assert again == "ECS answers again"


def test_a_trouble_slows_the_looks_down(
    loop: Loop, aws: Aws, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, _high: 0.0)  # looks are spread by chance
    aws.says(
        DescribeServices=[
            cluster.services,
            *[aws.error("ThrottlingException")] * 6,
            cluster.services,
        ]
    )
    loop.one()
    looks = [at for operation, at, _ in aws.calls if operation == "DescribeServices"]
    gaps = [later - earlier for earlier, later in pairwise(looks[1:8])]
    assert gaps[-1] > 1.8 * gaps[0]


def test_connections_that_are_refused_in_the_middle(loop: Loop, aws: Aws, cluster: Cluster) -> None:
    cut = aws.reply(cut=True)
    aws.says(DescribeServices=[cluster.services, cluster.services, cut, cut, cluster.services])
    assert loop.one()[0] == "succeeded"
    assert loop.troubles[0].startswith("DescribeServices: ecs:DescribeServices: AWS cannot be")


def test_answers_that_are_not_awss(loop: Loop, aws: Aws, cluster: Cluster) -> None:
    page = aws.reply(body=b"<html>")
    aws.says(
        DescribeServices=[cluster.services, page, cluster.services],
        DescribeServiceDeployments=[page, aws.reply(body=b"[]"), cluster.described],
    )
    assert loop.one()[0] == "succeeded"


def test_a_stale_first_read_is_not_believed(loop: Loop, cluster: Cluster) -> None:
    cluster.stale = 3.0
    assert loop.one()[0] == "succeeded"
    texts = [getattr(event, "text", "") for event in loop.told]
    assert "ECS does not show our deployment yet" in texts


def expires_at_ten(aws: Aws, cluster: Cluster) -> None:
    """From second 10 on the first key is refused."""

    def services(asked: dict[str, Any]) -> Any:
        if cluster.clock.seconds >= 10 and aws.calls[-1][2] == "ASIAFIRST":
            return aws.error("ExpiredTokenException", "The security token is expired")
        return cluster.services(asked)

    aws.says(DescribeServices=services)


def test_fresh_credentials_are_found_in_the_middle_of_a_watch(
    loop: Loop, aws: Aws, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires_at_ten(aws, cluster)
    clock.then[9.0] = lambda: monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIASECOND")
    assert loop.one()[0] == "succeeded"
    assert {key for _, _, key in aws.calls} == {"ASIAFIRST", "ASIASECOND"}
    assert loop.troubles == []


def test_credentials_that_ran_out_end_the_watch_with_what_was_last_seen(
    loop: Loop, aws: Aws, cluster: Cluster
) -> None:
    expires_at_ten(aws, cluster)
    (watched,) = loop.follow()
    assert watched.outcome is not None
    assert watched.outcome.verdict.name == "credentials"
    assert watched.outcome.verdict.exit_code == 14
    assert 10 <= loop.clock.seconds < 16
    assert watched.outcome.text == (
        "AWS refused the credentials at ecs:DescribeServices: The security token is expired; "
        f"last seen: {watched.outcome.last_seen}"
    )
    assert watched.outcome.last_seen.startswith("0 of 1 running, 1 pending; ")


def test_no_right_to_look_at_the_service_ends_the_watch(loop: Loop, aws: Aws) -> None:
    aws.says(DescribeServices=aws.error("AccessDeniedException"))
    assert loop.one() == ("access-denied", 0.0)


@pytest.mark.parametrize(
    "operation",
    ["DescribeServiceDeployments", "DescribeServiceRevisions", "ListTasks", "DescribeTasks"],
)
def test_without_another_right_the_verdict_still_comes(
    loop: Loop, aws: Aws, operation: str
) -> None:
    aws.says(**{operation: aws.error("AccessDeniedException")})
    name, second = loop.one()
    assert name == "succeeded"
    assert second < DONE + 20


def test_targets_that_may_not_be_seen_do_not_matter(loop: Loop, aws: Aws) -> None:
    aws.says(DescribeTargetHealth=aws.xml_error("AccessDenied"))
    assert loop.one()[0] == "succeeded"


def test_a_service_that_is_deleted_meanwhile(loop: Loop, aws: Aws, cluster: Cluster) -> None:
    gone = {"services": [], "failures": [{"reason": "MISSING"}]}
    aws.says(DescribeServices=[cluster.services, gone])
    assert loop.one()[0] == "service-missing"


def calm_minutes(loop: Loop, cluster: Cluster, aws: Aws, count: int) -> list[int]:
    """API calls in each minute but the first, for so many services of which nothing moves."""
    cluster.done = 10_000.0
    loop.follow(count, timeout=420.0)
    assert loop.clock.now() - loop.clock.began >= timedelta(minutes=7)
    minutes = Counter(int(at // 60) for _, at, _ in aws.calls)
    return [minutes[minute] for minute in range(1, 7)]


def test_one_service_costs_at_most_60_calls_in_any_minute(
    loop: Loop, cluster: Cluster, aws: Aws
) -> None:
    assert max(calm_minutes(loop, cluster, aws, 1)) <= 60


def test_each_further_service_costs_at_most_two_calls_a_minute(
    loop: Loop, cluster: Cluster, aws: Aws
) -> None:
    one = fmean(calm_minutes(loop, cluster, aws, 1))
    aws.calls.clear()
    loop.clock.at = loop.clock.began
    ten = fmean(calm_minutes(loop, cluster, aws, 10))
    assert (ten - one) / 9 <= 2


def test_25_services_are_watched_with_three_calls_a_look(
    loop: Loop, cluster: Cluster, aws: Aws
) -> None:
    cluster.done = 4.0
    watched = loop.follow(25)
    assert {one.outcome.verdict.name for one in watched if one.outcome} == {"succeeded"}
    assert len(watched) == 25
    sizes = Counter(len(asked["services"]) for asked in aws.asked["DescribeServices"])
    assert max(sizes) == 10
