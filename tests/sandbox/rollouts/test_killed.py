"""SIGKILL at the steps of a real delivery, and the same command again: nothing is done twice.

Real processes, BuildKit, a registry, containers. ``tests/unit/delivery/test_killed.py`` is at every
step that reaches the outside, before and after it had its effect; here are those that matter most.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.sandbox.rollouts.ground import Grounds, Kind
from tests.sandbox.rollouts.planted import configure, git, plant
from tests.sandbox.rollouts.shop import Shop
from tests.sandbox.rollouts.witness import Victim, standing
from tests.sandbox.server import serving

from shipway_sandbox.engine.engine import Engine

_SECONDS = 120.0
_SETTINGS = """
[environments.sandbox.jobs.migrate]
when = "before"
service = "web"
command = ["/bin/busybox", "sh", "-c", "echo migrates; sleep {job}"]
[environments.sandbox.lock]
expiry = 4
wait = 60
"""
# It does not hear that it is to end: ECS waits for as long as its stopTimeout.
_DEAF = "trap '' TERM; while :; do /bin/busybox sleep 1; done"
# A release of its own for each: one image would be known already from the one before.
_DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
LABEL of="{service}"
CMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do /bin/busybox sleep 1; done"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Where a delivery is killed: at a call whose answer it does not hear, or at what it told.

    Attributes:
        call: The operation, which has its effect.
        saying: What the call must say besides.
        event: Fields of the event.
        job: Seconds that the migration takes.
        stop: Seconds that what ran before takes to end, for which the rollout goes on.
    """

    call: str = ""
    saying: bytes = b""
    event: Mapping[str, str] = field(default_factory=dict)
    job: int = 0
    stop: int = 2


_HEADINGS = (
    "killed once                       ",
    "the migration",
    "the rollout    ",
    "revisions",
    "deployments",
    "migrations",
    "images",
    "records",
)
GIVEN_BACK = "it held, and no record is written"
BOUNDARIES = {
    "the lock is taken": Boundary(call="PutParameter"),
    "the image is pushed": Boundary(event={"type": "finished", "stage": "publish"}),
    "a revision is registered": Boundary(call="RegisterTaskDefinition"),
    "the migration's task is started": Boundary(call="RunTask"),
    "the migration runs": Boundary(event={"type": "output", "stage": "job"}, job=16),
    "the service is updated": Boundary(call="UpdateService"),
    "the rollout is watched": Boundary(event={"type": "rolling"}, stop=15),
    GIVEN_BACK: Boundary(call="PutParameter", saying=b"released"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """What a delivery that was killed and the same command after it came to.

    Attributes:
        status: How the first process ended, as its parent sees it.
        code: The second one's exit code.
        out: All that the second one told.
        records: The records of both, in order; what each says.
        left: The records that the first one left.
        revisions: Task definitions that are new.
        deployments: Service deployments that are new.
        migrations: Tasks that were started for the migration.
        images: Images that are new in the repository.
        runs: What the service has in the end: the ARN of its task definition.
        pins: The image that this one names.
        status_of: The status of each new service deployment.
        lock: What was written last of the lock.
    """

    status: int
    code: int
    out: str
    left: int
    records: list[Any]
    revisions: int
    deployments: list[str]
    migrations: int
    images: int
    runs: str
    pins: str
    lock: str

    @property
    def record(self) -> Any:
        return self.records[-1]

    @property
    def migration(self) -> str:
        [job] = self.record["jobs"]
        return "followed" if job.get("beganBefore") else str(job["end"])

    @property
    def rollout(self) -> str:
        [service] = self.record["services"]
        return str(service["verdict"]["name"])


class Delivery:
    """A repository of its own, from which somebody delivers to a service of its own."""

    def __init__(self, shop: Shop, busybox: bytes, engine: Mapping[str, str], job: int) -> None:
        self.shop = shop
        shop.grounds.ecr.create_repository(repositoryName=shop.name)
        self.folder = plant(shop)
        self._configure(job)
        (self.folder / "Dockerfile").write_text(_DOCKERFILE.format(service=shop.name))
        (self.folder / "busybox").write_bytes(busybox)
        (self.folder / "busybox").chmod(0o755)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message=second")
        cache = str(self.folder.with_suffix(".cache"))
        self.env = {**shop.grounds.variables(), **engine, "XDG_CACHE_HOME": cache}

    def _configure(self, job: int) -> None:
        configure(self.shop, self.folder, _SETTINGS.format(job=job))
        path = self.folder / "ci" / "delivery.toml"
        text = path.read_text().replace(
            'repository = "tests"', f'repository = "{self.shop.name}"\nsbom = "off"\nhold = 1'
        )
        path.write_text(text)

    def begins(self, endpoint: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "shipway", "deploy", "--env", "sandbox", "--json"],
            cwd=self.folder,
            env={**self.env, "AWS_ENDPOINT_URL": endpoint, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_killed(self, boundary: Boundary, address: str) -> int:
        """Deliver until it is killed there; how the process ended."""
        told: list[str] = []
        with standing(address, str(self.shop.grounds.state["endpoint"])) as witness:
            victim = Victim(operation=boundary.call, saying=boundary.saying)
            witness.victim = victim if boundary.call else None
            process = victim.process = self.begins(witness.endpoint)
            victim.known.set()
            with _ended(process):
                assert process.stdout is not None
                for line in process.stdout:
                    told.append(line.decode())
                    event = json.loads(line)
                    if boundary.event and boundary.event.items() <= event.items():
                        process.send_signal(signal.SIGKILL)
                        break
                status = process.wait(_SECONDS)
        assert status == -signal.SIGKILL, "".join(told)
        return status

    def goes_on(self) -> tuple[int, str]:
        """The same command again; its exit code and all that it told."""
        process = self.begins(str(self.shop.grounds.state["endpoint"]))
        with _ended(process):
            out, _ = process.communicate(timeout=_SECONDS)
        return process.returncode, out.decode()

    def records(self) -> list[Any]:
        paths = sorted(self.folder.glob("evidence/sandbox/*/record.json"), key=os.path.getmtime)
        return [json.loads(path.read_bytes())["predicate"] for path in paths]

    def revisions(self) -> int:
        listed = self.shop.ecs.list_task_definitions(familyPrefix=self.shop.name)
        return len(listed["taskDefinitionArns"])

    def deployments(self) -> list[str]:
        listed = self.shop.ecs.list_service_deployments(cluster="tests", service=self.shop.name)
        return [each["status"] for each in listed["serviceDeployments"]]

    def migrations(self) -> int:
        """Tasks that the service did not start."""
        ecs = self.shop.ecs
        arns = [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster="tests", family=self.shop.name, desiredStatus=status)[
                "taskArns"
            ]
        ]
        tasks = ecs.describe_tasks(cluster="tests", tasks=arns)["tasks"]
        return sum(task["group"] != f"service:{self.shop.name}" for task in tasks)

    def images(self) -> int:
        """Images that somebody tagged; the manifests of their platforms have none."""
        answer = self.shop.grounds.ecr.describe_images(repositoryName=self.shop.name)
        return sum("imageTags" in each for each in answer["imageDetails"])

    def lock(self) -> str:
        name = f"/shipway/{self.shop.name}/sandbox/lock"
        value = self.shop.grounds.ssm.get_parameter(Name=name)["Parameter"]["Value"]
        return str(json.loads(value)["state"])


def _name(arn: str) -> str:
    """``family:revision``; the account is this administrator's key, and hidden in a record."""
    return arn.rpartition("/")[2]


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A process that is gone afterwards, whatever happens."""
    try:
        yield
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _twice(delivery: Delivery, boundary: Boundary, address: str) -> Twice:
    revisions, deployments = delivery.revisions(), delivery.deployments()
    status = delivery.is_killed(boundary, address)
    left = len(delivery.records())
    code, out = delivery.goes_on()
    runs = str(delivery.shop.described()["taskDefinition"])
    described = delivery.shop.ecs.describe_task_definition(taskDefinition=runs)
    [container] = described["taskDefinition"]["containerDefinitions"]
    return Twice(
        status=status,
        code=code,
        out=out,
        left=left,
        records=delivery.records(),
        revisions=delivery.revisions() - revisions,
        deployments=delivery.deployments()[: -len(deployments)],
        migrations=delivery.migrations(),
        images=delivery.images(),
        runs=runs,
        pins=container["image"],
        lock=delivery.lock(),
    )


@pytest.fixture(scope="module")
def killed(
    docker_engine: Engine, busybox_program: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Future[Twice]]:
    """Every boundary, side by side, each with a service and an environment of its own."""
    folder = tmp_path_factory.mktemp("killed")
    with (
        serving(folder, docker_engine.host, "--minute", "0.5", ready=20.0, end=20.0) as (state, _),
        ThreadPoolExecutor(len(BOUNDARIES)) as pool,
    ):
        grounds = Grounds(state, busybox_program, folder)

        def tell(number: int, boundary: Boundary) -> Twice:
            kind = Kind(before=_DEAF, container={"stopTimeout": boundary.stop})
            shop = Shop(grounds, f"killed-{number}", kind)
            shop.open()
            delivery = Delivery(shop, busybox_program, docker_engine.env, boundary.job)
            return _twice(delivery, boundary, f"127.0.0.{number}")

        # 127.0.0.1 is the sandbox itself.
        return {
            name: pool.submit(tell, number, boundary)
            for number, (name, boundary) in enumerate(BOUNDARIES.items(), start=2)
        }


@pytest.mark.parametrize("name", BOUNDARIES)
def test_the_next_run_goes_on_and_doubles_nothing(
    killed: Mapping[str, Future[Twice]], name: str
) -> None:
    twice = killed[name].result()
    assert (twice.left, len(twice.records)) == (0, 1), twice.out
    assert twice.code == 0, twice.out
    assert twice.revisions == 1
    assert twice.deployments == ["SUCCESSFUL"]
    assert twice.migrations == 1
    assert twice.images == 1
    # No record is lost: the one there is says what runs, and that it was verified and held. Only a
    # run that had given its lock back, held by then, leaves nothing that says so.
    [service] = twice.record["services"]
    assert _name(service["taskDefinition"]) == _name(twice.runs)
    assert twice.record["image"]["reference"] == twice.pins
    assert twice.record["verdict"]["exitCode"] == 0
    held = [] if name == GIVEN_BACK else ["held"]
    assert [hold["end"] for hold in twice.record.get("holds", ())] == held
    assert twice.lock == "released"


def test_the_table(
    killed: Mapping[str, Future[Twice]], record_property: Callable[[str, object], None]
) -> None:
    rows = [
        (
            name,
            *(twice.migration, twice.rollout),
            *(twice.revisions, len(twice.deployments), twice.migrations, twice.images),
            len(twice.records),
        )
        for name, twice in ((name, future.result()) for name, future in killed.items())
    ]
    assert len(rows) == len(BOUNDARIES)
    record_property("told", "Killed with SIGKILL, then the same command again:")
    for row in (_HEADINGS, *rows):
        cells = [f"{cell!s:<{len(heading)}}" for cell, heading in zip(row, _HEADINGS, strict=True)]
        record_property("told", "  ".join(("", *cells)).rstrip())
