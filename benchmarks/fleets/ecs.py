"""An ECS in memory that answers the AWS SDK: as late as AWS, and throttling as AWS does.

It stands where botocore would send a request (its event ``before-send``), so that all that the
product does to make a call is measured with it. Answers follow the ECS API Reference.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.awsrequest import AWSResponse  # noqa: TID251  # as botocore would have it
from botocore.compat import HTTPHeaders  # noqa: TID251  # the same

from shipway.aws.quotas import CATEGORIES, Quota

ACCOUNT: Final = "111122223333"
REGION: Final = "eu-west-1"
CLUSTER: Final = "fleet"
REPOSITORY: Final = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/fleet"
OLD: Final = f"sha256:{'f' * 64}"
_PAGE: Final = 100
_ARN: Final = f"arn:aws:ecs:{REGION}:{ACCOUNT}"


def reference(image: int) -> str:
    """What a release pins of one of its images; each lies in a repository of its own."""
    return f"{REPOSITORY}-{image}@sha256:{image:064x}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came, from when to when, by the monotonic clock."""

    operation: str
    begin: float
    end: float
    throttled: bool = False


@dataclass(slots=True)
class Bucket:
    """One category's tokens, as the page on request throttling has it."""

    quota: Quota
    tokens: float
    at: float

    def passes(self, now: float) -> bool:
        """Whether there is a token for a call."""
        refill = (now - self.at) * self.quota.a_second
        self.tokens, self.at = min(self.quota.burst, self.tokens + refill), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Running:
    """One service: the revisions it ran, and when it was updated to the newest."""

    name: str
    revisions: list[str]
    updated: float = 0.0

    @property
    def number(self) -> int:
        """How many deployments it has had."""
        return len(self.revisions)


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@dataclass
class MemoryEcs:
    """The services of one cluster.

    Attributes:
        services: How many.
        families: How many task definition families they share.
        images: How many images the families share.
        latency: Seconds that each call takes.
        rollout: Seconds from an UpdateService to the end of its rollout.
        throttles: Whether it keeps to its quotas.
        calls: Every call that came.
    """

    services: int
    families: int
    images: int
    latency: float
    rollout: float
    throttles: bool = True
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._definitions: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, int] = {}
        self._running: dict[str, Running] = {}
        for number in range(self.services):
            family = f"family-{number % self.families}"
            if family not in self._newest:
                image = f"{reference(self.image_of(number)).partition('@')[0]}@{OLD}"
                container = {"name": "app", "image": image, "essential": True}
                self._register({"family": family, "containerDefinitions": [container]})
            name = f"service-{number}"
            self._running[name] = Running(name, [f"{_ARN}:task-definition/{family}:1"])

    @property
    def names(self) -> tuple[str, ...]:
        """The services."""
        return tuple(self._running)

    @property
    def registered(self) -> int:
        """Revisions that were registered since."""
        return len(self._definitions) - self.families

    def image_of(self, service: int) -> int:
        """Which image a service runs: its family's."""
        return service % self.families % self.images

    def delivered(self) -> bool:
        """Whether each service was updated once, to its own new image."""
        return all(
            service.number == 2  # noqa: PLR2004  # what it ran, and the release
            and self._image(service.revisions[-1]) == reference(self.image_of(number))
            for number, service in enumerate(self._running.values())
        )

    def _image(self, revision: str) -> str:
        return str(self._definitions[revision]["containerDefinitions"][0]["image"])

    def answer(self, request: Any, event_name: str, **_: Any) -> AWSResponse:
        """Answer a request; a handler of botocore's event ``before-send``."""
        operation = event_name.rpartition(".")[2]
        begin = time.monotonic()
        time.sleep(self.latency)
        with self._lock:
            now = time.monotonic()
            category, quota = CATEGORIES[operation]
            bucket = self._buckets.setdefault(category, Bucket(quota, quota.burst, begin))
            throttled = self.throttles and not bucket.passes(now)
            self.calls.append(Call(operation, begin, now, throttled))
            if throttled:
                return _response(request, 400, {"__type": "ThrottlingException"})
            document = getattr(self, f"_{operation}")(json.loads(request.body))
            return _response(request, 200, document)

    def _register(self, document: Mapping[str, Any]) -> dict[str, Any]:
        family = document["family"]
        self._newest[family] = self._newest.get(family, 0) + 1
        revision = self._newest[family]
        arn = f"{_ARN}:task-definition/{family}:{revision}"
        registered = {**document, "taskDefinitionArn": arn, "revision": revision}
        self._definitions[arn] = {**registered, "status": "ACTIVE"}
        return self._definitions[arn]

    def _RegisterTaskDefinition(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"taskDefinition": self._register(asked)}

    def _DescribeTaskDefinition(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = asked["taskDefinition"]
        arn = name if ":" in name else f"{_ARN}:task-definition/{name}:{self._newest[name]}"
        return {"taskDefinition": self._definitions[arn], "tags": []}

    def _UpdateService(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        service = self._running[asked["service"]]
        service.revisions.append(asked["taskDefinition"])
        service.updated = time.monotonic()
        return {"service": self._service(service)}

    def _DescribeServices(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"services": [self._service(self._running[name]) for name in asked["services"]]}

    def _ended(self, service: Running) -> bool:
        return not service.updated or time.monotonic() - service.updated >= self.rollout

    def _service(self, service: Running) -> dict[str, Any]:
        ended = self._ended(service)
        deployments = [self._deployment(service, service.number, running=ended, primary=True)]
        if not ended:
            earlier = self._deployment(service, service.number - 1, running=True, primary=False)
            deployments.append(earlier)
        current = f"{_ARN}:service-deployment/{CLUSTER}/{service.name}/{service.number}"
        return {
            "serviceName": service.name,
            "serviceArn": f"{_ARN}:service/{CLUSTER}/{service.name}",
            "status": "ACTIVE",
            "desiredCount": 1,
            "runningCount": 1,
            "pendingCount": int(not ended),
            "taskDefinition": service.revisions[-1],
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {"enable": True, "rollback": True}
            },
            "deployments": deployments,
            "events": [],
            "currentServiceDeployment": current,
        }

    @staticmethod
    def _deployment(
        service: Running, number: int, *, running: bool, primary: bool
    ) -> dict[str, Any]:
        return {
            "id": f"ecs-svc/{service.name}-{number}",
            "status": "PRIMARY" if primary else "ACTIVE",
            "taskDefinition": service.revisions[number - 1],
            "rolloutState": "COMPLETED" if running else "IN_PROGRESS",
            "desiredCount": 1,
            "runningCount": int(running),
            "pendingCount": int(not running),
        }

    def _DescribeServiceDeployments(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        described = []
        for arn in asked["serviceDeploymentArns"]:
            _, _, name, number = arn.rpartition(":")[2].split("/")
            service = self._running[name]
            over = int(number) < service.number or self._ended(service)
            target = {"arn": f"{_ARN}:service-revision/{CLUSTER}/{name}/{number}"}
            described.append(
                {
                    "serviceDeploymentArn": arn,
                    "status": "SUCCESSFUL" if over else "IN_PROGRESS",
                    "targetServiceRevision": target,
                }
            )
        return {"serviceDeployments": described}

    def _DescribeServiceRevisions(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        revisions = []
        for arn in asked["serviceRevisionArns"]:
            _, _, name, number = arn.rpartition(":")[2].split("/")
            definition = self._running[name].revisions[int(number) - 1]
            image = self._image(definition)
            images = [{"containerName": "app", "imageDigest": image.partition("@")[2]}]
            revisions.append(
                {
                    "serviceRevisionArn": arn,
                    "taskDefinition": definition,
                    "containerImages": images,
                }
            )
        return {"serviceRevisions": revisions}

    def _ListTasks(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        names = (asked["serviceName"],) if "serviceName" in asked else self.names
        services = [self._running[name] for name in names]
        runs = asked["desiredStatus"] == "RUNNING"
        numbers = {
            service.name: self._runs(service) if runs else self._runs(service) - 1
            for service in services
        }
        prefix = f"{_ARN}:task/{CLUSTER}"
        arns = [f"{prefix}/{name}/{number}" for name, number in numbers.items() if number]
        first = int(asked.get("nextToken", 0))
        more = {"nextToken": str(first + _PAGE)} if len(arns) > first + _PAGE else {}
        return {"taskArns": arns[first : first + _PAGE], **more}

    def _runs(self, service: Running) -> int:
        """Which of a service's deployments has its task: the newest once it came to its end."""
        return service.number if self._ended(service) else max(1, service.number - 1)

    def _DescribeTasks(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        tasks = []
        for arn in asked["tasks"]:
            _, _, name, number = arn.rpartition(":")[2].split("/")
            definition = self._running[name].revisions[int(number) - 1]
            image = self._image(definition)
            stopped = int(number) < self._runs(self._running[name])
            status = "STOPPED" if stopped else "RUNNING"
            container = {"name": "app", "image": image, "imageDigest": image.partition("@")[2]}
            tasks.append(
                {
                    "taskArn": arn,
                    "taskDefinitionArn": definition,
                    "group": f"service:{name}",
                    "startedBy": f"ecs-svc/{name}-{number}",
                    "lastStatus": status,
                    "desiredStatus": status,
                    "containers": [container],
                    **({"stopCode": "ServiceSchedulerInitiated"} if stopped else {}),
                }
            )
        return {"tasks": tasks}


def _response(request: Any, status: int, document: Mapping[str, Any]) -> AWSResponse:
    headers = HTTPHeaders()
    headers["content-type"] = "application/x-amz-json-1.1"
    return AWSResponse(request.url, status, headers, _Raw(json.dumps(document).encode()))
