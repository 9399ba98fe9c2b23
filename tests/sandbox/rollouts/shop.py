"""A service of its own, and our own deploy stage against it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from tests.sandbox.rollouts.ground import BREAKER, Grounds, Kind, Story

from shipway.aws.ecs import AwsEcs
from shipway.aws.logs import CloudWatchLogs
from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.errors import ShipwayError
from shipway.rollout import resume
from shipway.rollout.deploy import RolloutContext, release
from shipway.rollout.images import ReleaseImages
from shipway.rollout.plan import plan
from shipway.util.clock import SystemClock
from shipway.values import ImageReference

SECONDS = 60.0
_ENDED = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})


class Shop:
    """A service of its own."""

    def __init__(self, grounds: Grounds, name: str, kind: Kind) -> None:
        self.grounds, self.name, self.kind = grounds, name, kind
        self.ecs = grounds.ecs
        self.environment = Environment(
            name="local",
            account=grounds.account,
            region=str(grounds.state["region"]),
            registry=str(grounds.state["registry"]),
            repository="tests",
            cluster="tests",
            role="",
            image=ImageSettings(name="x", context=".", dockerfile="x", platforms=(), build_args={}),
            services=(
                Service(key="web", service=name, container="web", **{"timeout": 60, **kind.policy}),
            ),
        )

    def open(self) -> None:
        """Create the service and wait until its first version runs, if it can."""
        kind = self.kind
        balancer = {
            "targetGroupArn": self._group() if kind.balanced else "",
            "containerName": "web",
            "containerPort": 8080,
        }
        created = self.ecs.create_service(
            cluster="tests",
            serviceName=self.name,
            taskDefinition=self.define(kind.before),
            desiredCount=kind.desired,
            loadBalancers=[balancer] if kind.balanced else [],
            **{"deploymentConfiguration": BREAKER, **kind.settings},
        )["service"]
        if kind.before:
            self.wait(created["currentServiceDeployment"], "SUCCESSFUL")
        if kind.hooks:
            held = {**BREAKER, "lifecycleHooks": list(kind.hooks)}
            self.ecs.update_service(
                cluster="tests", service=self.name, deploymentConfiguration=held
            )
        if kind.prepare is not None:
            kind.prepare(self)

    def define(self, script: str) -> str:
        logs = {
            "awslogs-group": "/tests",
            "awslogs-region": self.grounds.state["region"],
            "awslogs-stream-prefix": self.name,
        }
        web = {
            "name": "web",
            "image": self.grounds.image(script),
            "essential": True,
            "stopTimeout": 2,
            "portMappings": [{"containerPort": 8080}],
            "logConfiguration": {"logDriver": "awslogs", "options": logs},
            **self.kind.container,
        }
        beside = [
            {"name": name, "image": f"{self.grounds.state['registry']}/{image}", "essential": True}
            for name, image in self.kind.beside.items()
        ]
        role = {"executionRoleArn": self.grounds.execution_role} if "secrets" in web else {}
        answer = self.ecs.register_task_definition(
            family=self.name,
            containerDefinitions=[web, *beside],
            networkMode="bridge",
            cpu="128",
            memory="48",
            **role,
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _group(self) -> str:
        group = self.grounds.elb.create_target_group(
            Name=self.name,
            Protocol="HTTP",
            Port=8080,
            TargetType="ip",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=self.kind.interval,
            HealthCheckTimeoutSeconds=1,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.grounds.elb.modify_target_group_attributes(
            TargetGroupArn=group,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}],
        )
        made = self.grounds.elb.create_load_balancer(Name=self.name)["LoadBalancers"][0]
        self.grounds.elb.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )
        return str(group)

    def described(self) -> Any:
        return self.ecs.describe_services(cluster="tests", services=[self.name])["services"][0]

    def deployment(self, arn: str) -> Any:
        found = self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])
        return found["serviceDeployments"][0]

    def wait(self, arn: str, status: str = "") -> None:
        """Until a service deployment has this status, or any last one."""
        self.until(lambda: self.deployment(arn)["status"] in ({status} if status else _ENDED))

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, (self.name, self.described())
            time.sleep(0.4)

    def deploy(self, script: str, meddle: Callable[[Shop, str], None] | None = None) -> Story:
        """Our own deploy stage, from the plan to the verdict."""
        image = ImageReference.parse(self.grounds.image(script))
        story, rollout_context = self._begin()
        meddling = None
        if meddle is not None:
            before = self.described().get("currentServiceDeployment", "")
            meddling = threading.Thread(target=self._meddle, args=(meddle, before))
            meddling.start()
        with self._timed(story):
            images = ReleaseImages.alone(image, frozenset({image.digest}))
            release(plan(rollout_context.ecs, self.environment, images), rollout_context)
        if meddling is not None:
            meddling.join(SECONDS)
        return self._seen(story)

    def answer(self, action: Literal["CONTINUE", "ROLLBACK"]) -> Story:
        """What ``inv resume`` does."""
        story, rollout_context = self._begin()
        with self._timed(story):
            found = resume.waiting(rollout_context.ecs, self.environment)
            resume.answer(rollout_context.ecs, found[0], action)
            release((found[0].step,), rollout_context)
        return self._seen(story)

    def _begin(self) -> tuple[Story, RolloutContext]:
        story = Story(shop=self)
        session = self.grounds.session
        return story, RolloutContext(
            ecs=AwsEcs(session),
            logs=CloudWatchLogs(session),
            cluster="tests",
            clock=SystemClock(),
            journal=story.journal,
        )

    @contextmanager
    def _timed(self, story: Story) -> Iterator[None]:
        self.grounds.taken()
        began = time.monotonic()
        try:
            yield
        except ShipwayError as error:
            story.code, story.error = error.exit_code, error
        story.seconds = time.monotonic() - began
        story.asked = self.grounds.taken()

    def _seen(self, story: Story) -> Story:
        reports = story.journal.reports
        arn = reports[0].service_deployment if reports else ""
        if arn:
            story.described = self.deployment(arn)
        story.runs = str(self.described()["taskDefinition"])
        listed = self.ecs.list_task_definitions(familyPrefix=self.name)
        story.revisions = len(listed["taskDefinitionArns"])
        return story

    def _meddle(self, meddle: Callable[[Shop, str], None], before: str) -> None:
        def begun() -> bool:
            return bool(self.described().get("currentServiceDeployment", "") != before)

        self.until(begun)
        time.sleep(1.5)
        meddle(self, str(self.described()["currentServiceDeployment"]))
