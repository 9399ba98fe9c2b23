"""What a rollout needs before it can begin, and what is kept of it; told by the tests' kinds."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3  # the tests play the part of who sets services up, and of who interferes
import pytest
from botocore.config import Config  # the same
from tests.sandbox.server import execution_role

from shipway.aws.session import Session
from shipway.errors import ShipwayError
from shipway.observer import Detail, Event, Failed, Finished, Noticed
from shipway.rollout.judge.terms import Outcome
from shipway.rollout.put_back import Return
from shipway.rollout.report import ServiceReport
from shipway_sandbox import compute

if TYPE_CHECKING:
    from tests.sandbox.rollouts.shop import Shop

AT_ONCE = 10
"""Rollouts under way at a time: most of their seconds are spent waiting."""
# The emulator starts the next task after a second, not after some ten: on a machine that is busy
# all that AWS would bear have failed before anybody can look. benchmarks/verdict.py keeps its own.
COUNT = {"type": "COUNT", "value": 24}
BREAKER = {
    "deploymentCircuitBreaker": {"enable": True, "rollback": True, "thresholdConfiguration": COUNT}
}
GOOD = (
    "trap 'kill $child; exit 0' TERM; echo open; "
    "/bin/busybox httpd -f -p 8080 -h /www & child=$!; wait $child"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rollout.

    Attributes:
        script: What the new image runs; empty where there is no such image.
        before: The same for what runs before.
        desired: How many tasks the service wants.
        balanced: Whether it is behind a load balancer.
        interval: Seconds between the load balancer's health checks.
        settings: Of the ECS service.
        container: Of the container ``web``.
        beside: Further essential containers, each with its image.
        policy: Of the service's entry in delivery.toml.
        hooks: What ``lifecycleHooks`` it gets once its first version runs.
        prepare: What somebody does before the rollout begins.
        meddle: What somebody does 1.5 s after it began, told the service deployment's ARN.
        answer: To the PAUSE hook that the deployment left waiting.
    """

    script: str = GOOD + " # 2"
    before: str = GOOD
    desired: int = 1
    balanced: bool = False
    interval: int = 2
    settings: Mapping[str, Any] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    hooks: tuple[Mapping[str, Any], ...] = ()
    prepare: Callable[[Shop], None] | None = None
    meddle: Callable[[Shop, str], None] | None = None
    answer: Literal["", "CONTINUE", "ROLLBACK"] = ""


@dataclass
class Collected:
    """A journal that only keeps."""

    events: list[Event] = field(default_factory=list)
    reports: list[ServiceReport] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def keep(self, reports: Sequence[ServiceReport]) -> None:
        self.reports = list(reports)

    def went_back(self, returns: Sequence[Return]) -> None:
        self.returns = list(returns)


@dataclass(kw_only=True)
class Story:
    """What one deployment told, and what became of it in truth.

    Attributes:
        code: The exit code.
        journal: What was told and noted.
        error: What the stage raised, where it failed.
        asked: The operations of every API call, in order.
        seconds: From the plan to the verdict.
        described: Our service deployment as ECS describes it in the end.
        runs: The task definition that the service has in the end.
        revisions: How many task definitions the family has in the end.
        shop: Where it happened.
    """

    shop: Shop
    code: int = 0
    journal: Collected = field(default_factory=Collected)
    error: ShipwayError | None = None
    asked: Sequence[str] = ()
    seconds: float = 0.0
    described: Mapping[str, Any] = field(default_factory=dict)
    runs: str = ""
    revisions: int = 0

    @property
    def calls(self) -> Counter[str]:
        """API calls by operation."""
        return Counter(self.asked)

    @property
    def looking(self) -> Sequence[str]:
        """The calls of the watch itself: after the update, without the one change and the logs."""
        after = self.asked[self.asked.index("UpdateService") + 1 :]
        return [one for one in after if one not in {"StopServiceDeployment", "GetLogEvents"}]

    @property
    def report(self) -> ServiceReport:
        """What the record gets to know."""
        return self.journal.reports[0]

    @property
    def outcome(self) -> Outcome:
        """The verdict and its reasons."""
        assert self.report.outcome is not None
        return self.report.outcome

    @property
    def verdict(self) -> str:
        return self.outcome.verdict.name

    @property
    def last(self) -> Failed | Finished:
        """How the stage ended, in words."""
        ends = [one for one in self.journal.events if isinstance(one, Failed | Finished)]
        return ends[-1]

    def detail(self, label: str) -> str:
        """All lines under one label of the diagnosis."""
        details: tuple[Detail, ...] = self.last.details if isinstance(self.last, Failed) else ()
        return "\n".join(line for one in details if one.label == label for line in one.lines)

    @property
    def noticed(self) -> list[str]:
        return [one.text for one in self.journal.events if isinstance(one, Noticed)]

    def block(self) -> str:
        """As a person reads it."""
        details = self.last.details if isinstance(self.last, Failed) else ()
        lines = [
            f"{self.last.text}   [{self.code}] {self.seconds:.1f} s, {self.calls.total()} calls"
        ]
        lines += [f"  | {one.label:9} {line}" for one in details for line in one.lines]
        return "\n".join(lines)


class Grounds:
    """The embedded AWS, seen by its account's administrator, and our own adapters beside it."""

    def __init__(self, state: Mapping[str, Any], busybox: bytes, folder: Path) -> None:
        self.state = state
        self.folder = folder
        self._busybox = busybox
        self._images: dict[str, str] = {}
        self._lock = threading.Lock()
        self._calls: dict[int, list[str]] = {}
        # Parameters unchecked: a health check may then be quicker than the 5 s that AWS takes.
        self.ecs, self.elb = self.client("ecs"), self.client("elbv2")
        self.ssm, self.ecr = self.client("ssm"), self.client("ecr")
        self.ecs.create_cluster(clusterName="tests")
        self.ecr.create_repository(repositoryName="tests")
        self.client("logs").create_log_group(logGroupName="/tests")
        # What a release may lose between its first version and its second.
        self.ssm.put_parameter(Name="/tests/password", Value="swordfish", Type="SecureString")
        self.execution_role = execution_role(self.client("iam"))
        self.ecr.create_repository(repositoryName="beside")
        compute.put_image(state, "beside", image_of(busybox, GOOD), "passing")
        self.session = self._session()

    @property
    def account(self) -> str:
        return str(self.state["accounts"]["local"])

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.state["endpoint"],
            region_name=self.state["region"],
            aws_access_key_id=self.account,
            aws_secret_access_key=self.state["root_secret_access_key"],
            config=Config(parameter_validation=False, max_pool_connections=2 * AT_ONCE),
        )

    def variables(self) -> dict[str, str]:
        """What a person's shell needs to be the administrator here."""
        # By hand is a person: where a build service runs these tests, its variables stay behind.
        services = ("AWS_", "GITHUB_", "RUNNER_", "CI")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(services)}
        return {
            **kept,
            "AWS_ENDPOINT_URL": str(self.state["endpoint"]),
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": str(self.state["root_secret_access_key"]),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _session(self) -> Session:
        """The session of our own, each call counted for the thread that makes it."""
        session = Session(str(self.state["region"]))
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in self.variables().items():
                if name.startswith("AWS_"):
                    patch.setenv(name, value)
            for service, attempts in (
                ("ecs", 5),
                ("ecs", 1),
                ("elbv2", 1),
                ("logs", 5),
                ("cloudwatch", 5),
            ):
                made = session.client(service, attempts=attempts)
                made.meta.events.register("before-send", self._count)
        return session

    def _count(self, event_name: str, **_: Any) -> None:
        with self._lock:
            asked = self._calls.setdefault(threading.get_ident(), [])
            asked.append(event_name.rpartition(".")[2])

    def taken(self) -> Sequence[str]:
        """Calls of this thread since the last time of asking."""
        with self._lock:
            return self._calls.pop(threading.get_ident(), [])

    def image(self, script: str) -> str:
        """An image that runs this script, pinned; one that is nowhere for an empty one."""
        if not script:
            return f"{self.state['registry']}/tests@sha256:{'0' * 64}"
        with self._lock:
            if script not in self._images:
                tag = f"image-{len(self._images)}"
                made = image_of(self._busybox, script)
                self._images[script] = compute.put_image(self.state, "tests", made, tag)
            return self._images[script]


def image_of(busybox: bytes, script: str) -> compute.OciImage:
    seed = compute.seed_image(busybox)
    config = json.loads(seed.blobs[0])
    config["config"]["Entrypoint"][-1] = script
    blob = json.dumps(config).encode()
    manifest = json.loads(seed.manifest)
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    manifest["config"] |= {"digest": digest, "size": len(blob)}
    return compute.OciImage(manifest=json.dumps(manifest).encode(), blobs=(blob, seed.blobs[1]))
