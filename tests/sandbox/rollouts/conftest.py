"""Every kind of rollout for real: one embedded AWS, all of them side by side, then it ends.

What tests look at is what was told and noted, so nothing runs any more while they look.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import boto3  # the tests play the part of who sets services up, and of who interferes
import pytest
from botocore.config import Config  # the same

from shipway.aws.ecs import AwsEcs
from shipway.aws.logs import Logs
from shipway.aws.session import Session
from shipway.clock import SystemClock
from shipway.config.environment import Environment, Image, Service
from shipway.errors import ShipwayError
from shipway.observer import Detail, Event, Failed, Finished, Noticed
from shipway.rollout import resume
from shipway.rollout.plan import plan
from shipway.rollout.release import Harbour, release
from shipway.sandbox import compute
from shipway.sandbox.engine import Engine
from shipway.values import ImageReference

AT_ONCE = 10
"""Rollouts under way at a time: most of their seconds are spent waiting."""
SECONDS = 60.0
_READY_SECONDS = 20.0
_ENDED = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
# The emulator starts the next task after a second, not after some ten: on a machine that is busy
# three would have failed before anybody can look. benchmarks/verdict.py keeps AWS's threshold.
COUNT = {"type": "COUNT", "value": 8}
_BREAKER = {
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
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def note(self, name: str, fact: object) -> None:
        self.facts[name] = fact


@dataclass(kw_only=True)
class Story:
    """What one deployment told, and what became of it in truth.

    Attributes:
        code: The exit code.
        journal: What was told and noted.
        error: What the stage raised, where it failed.
        calls: API calls by operation.
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
    calls: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    described: Mapping[str, Any] = field(default_factory=dict)
    runs: str = ""
    revisions: int = 0

    @property
    def fact(self) -> dict[str, Any]:
        """What the record gets to know."""
        found: dict[str, Any] = self.journal.facts["services"][0]
        return found

    @property
    def verdict(self) -> str:
        return str(self.fact["verdict"].name)

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
        self._calls: dict[int, Counter[str]] = {}
        # Parameters unchecked: a health check may then be quicker than the 5 s that AWS takes.
        self.ecs, self.elb = self.client("ecs"), self.client("elbv2")
        self.ssm, self.ecr = self.client("ssm"), self.client("ecr")
        self.ecs.create_cluster(clusterName="tests")
        self.ecr.create_repository(repositoryName="tests")
        self.client("logs").create_log_group(logGroupName="/tests")
        # What a release may lose between its first version and its second.
        self.ssm.put_parameter(Name="/tests/password", Value="swordfish", Type="SecureString")
        self.ecr.create_repository(repositoryName="beside")
        compute.put_image(state, "beside", _image(busybox, GOOD), "passing")
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
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return {
            **{key: value for key, value in kept.items() if not key.startswith("GITHUB_")},
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
            for service, attempts in (("ecs", 5), ("ecs", 1), ("elbv2", 1), ("logs", 5)):
                made = session.client(service, attempts=attempts)
                made.meta.events.register("before-send", self._count)
        return session

    def _count(self, event_name: str, **_: Any) -> None:
        with self._lock:
            counts = self._calls.setdefault(threading.get_ident(), Counter())
            counts[event_name.rpartition(".")[2]] += 1

    def taken(self) -> Counter[str]:
        """Calls of this thread since the last time of asking."""
        with self._lock:
            return self._calls.pop(threading.get_ident(), Counter())

    def image(self, script: str) -> str:
        """An image that runs this script, pinned; one that is nowhere for an empty one."""
        if not script:
            return f"{self.state['registry']}/tests@sha256:{'0' * 64}"
        with self._lock:
            if script not in self._images:
                tag = f"image-{len(self._images)}"
                made = _image(self._busybox, script)
                self._images[script] = compute.put_image(self.state, "tests", made, tag)
            return self._images[script]


def _image(busybox: bytes, script: str) -> compute.Image:
    seed = compute.seed_image(busybox)
    config = json.loads(seed.blobs[0])
    config["config"]["Entrypoint"][-1] = script
    blob = json.dumps(config).encode()
    manifest = json.loads(seed.manifest)
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    manifest["config"] |= {"digest": digest, "size": len(blob)}
    return compute.Image(manifest=json.dumps(manifest).encode(), blobs=(blob, seed.blobs[1]))


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
            image=Image(name="x", context=".", dockerfile="x", platforms=(), build_args={}),
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
            **{"deploymentConfiguration": _BREAKER, **kind.settings},
        )["service"]
        if kind.before:
            self.wait(created["currentServiceDeployment"], "SUCCESSFUL")
        if kind.hooks:
            held = {**_BREAKER, "lifecycleHooks": list(kind.hooks)}
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
        answer = self.ecs.register_task_definition(
            family=self.name,
            containerDefinitions=[web, *beside],
            networkMode="bridge",
            cpu="128",
            memory="48",
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
        story, harbour = self._begin()
        meddling = None
        if meddle is not None:
            before = self.described().get("currentServiceDeployment", "")
            meddling = threading.Thread(target=self._meddle, args=(meddle, before))
            meddling.start()
        with self._timed(story):
            steps = plan(harbour.ecs, self.environment, image)
            release(steps, image, frozenset({image.digest}), harbour)
        if meddling is not None:
            meddling.join(SECONDS)
        return self._seen(story)

    def answer(self, action: Literal["CONTINUE", "ROLLBACK"]) -> Story:
        """What ``inv resume`` does."""
        story, harbour = self._begin()
        with self._timed(story):
            found = resume.waiting(harbour.ecs, self.environment)
            resume.answer(harbour.ecs, found[0], action)
            image = found[0].image
            release((found[0].step,), image, frozenset({image.digest}), harbour)
        return self._seen(story)

    def _begin(self) -> tuple[Story, Harbour]:
        story = Story(shop=self)
        session = self.grounds.session
        return story, Harbour(
            ecs=AwsEcs(session),
            logs=Logs(session),
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
        story.calls = self.grounds.taken()

    def _seen(self, story: Story) -> Story:
        facts = story.journal.facts.get("services")
        arn = facts[0]["serviceDeployment"] if facts else ""
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


@contextmanager
def embedded(folder: Path, docker: str, busybox: bytes) -> Iterator[Grounds]:
    """An embedded AWS that ends with the context, and at the latest with this process."""
    command = [sys.executable, "-m", "shipway.sandbox.serve", "--run", str(folder)]
    options = ["--docker", docker, "--owner-fd", "0", "--minute", "0.5"]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *options], stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not (folder / "sandbox.json").exists():
            assert process.poll() is None, (folder / "serve.log").read_text()
            assert time.monotonic() < deadline, "the embedded AWS is not ready in time"
            time.sleep(0.05)
        yield Grounds(json.loads((folder / "sandbox.json").read_text()), busybox, folder)
        told = (folder / "serve.log").read_text()
        assert "Traceback" not in told, told
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=20)


class Stories(dict[str, Any]):
    """Stories by name; one that could not be told fails who asks for it, and nobody else."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, BaseException):
            raise found
        return found


def _tell(shop: Shop, name: str) -> dict[str, Any]:
    """One kind of rollout, from the service's creation to the verdict."""
    kind = shop.kind
    shop.open()
    told = {name: shop.deploy(kind.script, kind.meddle)}
    if kind.answer:
        told[f"{name}, answered"] = shop.answer(kind.answer)
    return told


@pytest.fixture(scope="session")
def stories(
    request: pytest.FixtureRequest,
    docker_engine: Engine,
    busybox_program: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stories:
    """What every kind and every part that this folder's collected modules name came to.

    ``KINDS`` of a module are values of :class:`Kind`; its ``PARTS`` are functions that are told the
    grounds and a service that is open, for what is no single rollout. The longest stand first.
    """
    modules = {item.module for item in request.session.items if isinstance(item, pytest.Function)}
    modules = {one for one in modules if Path(one.__file__).parent == Path(__file__).parent}
    wanted: list[tuple[str, Kind, Callable[[Shop], Any] | None]] = []
    for module in modules:
        for name, (values, part) in getattr(module, "PARTS", {}).items():
            wanted.append((name, Kind(**values), part))
        wanted += [(name, Kind(**one), None) for name, one in getattr(module, "KINDS", {}).items()]
    wanted.sort(key=lambda one: (one[2] is None, not one[1].balanced))
    folder = tmp_path_factory.mktemp("rollouts")
    found = Stories()
    with (
        embedded(folder, docker_engine.host, busybox_program) as grounds,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):

        def tell(number: int, name: str, kind: Kind, part: Callable[[Shop], Any] | None) -> None:
            shop = Shop(grounds, f"shop-{number:02}", kind)
            if part is None:
                found.update(_tell(shop, name))
                return
            shop.open()
            found[name] = part(shop)

        all_of_them = {one[0]: pool.submit(tell, number, *one) for number, one in enumerate(wanted)}
        for name, ended in all_of_them.items():
            error = ended.exception()
            if error is not None:
                found[name] = error
    return found
