"""A release of two images, ten services and a migration, delivered for real by the deploy role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import boto3  # the test looks as the account's owner would
import pytest

from shipway.adapters.http import HttpProber
from shipway.config import load as delivery_file
from shipway.embedded.blueprint import draw
from shipway.policy import load as contract_file
from shipway.util.paths import cache_folder
from shipway_sandbox import world as worlds
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.world import World

REGION = "eu-central-1"
ACCOUNT = "123456789012"
SERVICES = 10
BAD = "worker-4"
HEAD = f"""
schema = 1
name = "depot"
[images.api]
context = "api"
secrets = {{ licence = {{ env = "DEPOT_LICENCE" }} }}
[images.worker]
context = "worker"
target = "small"
[environments.local]
sandbox = true
account = "{ACCOUNT}"
region = "{REGION}"
cluster = "depot"
hold = 2
sbom = "off"
[environments.local.images.api]
repository = "depot-api"
[environments.local.images.worker]
repository = "depot-worker"
build_args = {{ PLACE = "local" }}
[environments.local.jobs.migrate]
when = "before"
service = "api-0"
command = ["/bin/busybox", "sh", "-c", "echo the tables are as of $(cat /www/version)"]
timeout = 60
"""
SERVICE = """
[environments.local.services.{key}]
image = "{image}"
service = "depot-{key}"
container = "app"
url = "ssm:/depot/local/{key}/url"
path = "/version"
consecutive = 1
[environments.local.services.{key}.compute]
port = 8080
count = 1
memory = 48
environment = {environment}
"""
CONTRACT = """
schema = 1
[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["local"]
tasks = ["build", "publish", "deploy", "verify", "run"]
[environments.local]
by_hand_role = "*"
"""
API = """\
FROM scratch AS tools
COPY busybox /bin/busybox
RUN --mount=type=secret,id=licence ["/bin/busybox", "sh", "-c", \
"/bin/busybox wc -c < /run/secrets/licence > /licence-length"]
FROM tools
COPY www /www
EXPOSE 8080
STOPSIGNAL SIGKILL
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""
WORKER = """\
FROM scratch AS small
ARG PLACE
LABEL place=$PLACE
COPY busybox /bin/busybox
COPY www /www
COPY start /start
EXPOSE 8080
STOPSIGNAL SIGKILL
CMD ["/bin/busybox", "sh", "/start"]
FROM small
RUN ["/bin/busybox", "false"]
"""
START = "exec /bin/busybox httpd -f -p 8080 -h /www\n"
MINDS = '[ -z "$BAD" ] || { echo "no such table: orders"; exit 3; }\n' + START
SECRET = "canary-of-the-licence"  # noqa: S105  # to be found nowhere
_FOREIGN = ("AWS_", "GITHUB_", "ACTIONS_", "RUNNER_", "SHIPWAY_", "GIT_", "CI")


def _keys() -> Iterator[tuple[str, str]]:
    """Each service and its image."""
    for number in range(SERVICES // 2):
        yield from ((f"{image}-{number}", image) for image in ("api", "worker"))


def _delivery(services: int = SERVICES) -> str:
    """The first services of those; the world is drawn with all of them."""
    tables = (
        SERVICE.format(key=key, image=image, environment='{ BAD = "1" }' if key == BAD else "{}")
        for key, image in islice(_keys(), services)
    )
    return HEAD + "".join(tables)


class _Customers:
    """Ask every service in turn for as long as the context lasts, and count what went wrong."""

    def __init__(self, urls: list[str]) -> None:
        self._urls, self._end = urls, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.asked: Counter[str] = Counter()
        self.lost: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)

    def _ask(self) -> None:
        prober = HttpProber()
        while not self._end.is_set():
            for url in self._urls:
                answer = prober.get(url, 5)
                self.asked[url] += 1
                if answer.status != 200:
                    self.lost.append(f"{url}: {answer}")
                time.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, what it told and the records that it left."""

    code: int
    events: list[dict[str, Any]]
    records: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def log(self) -> list[str]:
        return [event["line"] for event in self.of("output") if event["stage"] == "job"]

    @property
    def digests(self) -> dict[str, str]:
        """What each image is known by."""
        images = self.records[-1]["images"]
        return {each["name"]: each["image"]["reference"].partition("@")[2] for each in images}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository beside a world that runs what it declares."""

    folder: Path
    world: World
    env: dict[str, str]

    def commits(self, version: str, start: str = START, *, services: int = SERVICES) -> None:
        # For a delivery to what runs already: no sandbox is started for it.
        declared = _delivery(services).replace("sandbox = true\n", "")
        self._commits(declared, version, start)

    def names(self, file: str, definition: dict[str, Any]) -> None:
        """Commit the first version, with a task definition in a file for its one service."""
        named = f'service = "depot-api-0"\ntask_definition = "{file}"\n'
        declared = _delivery(1).replace('service = "depot-api-0"\n', named)
        (self.folder / file).parent.mkdir(exist_ok=True)
        (self.folder / file).write_text(json.dumps(definition, default=str), encoding="utf-8")
        self._commits(declared.replace("sandbox = true\n", ""), "one", START)

    def _commits(self, declared: str, version: str, start: str) -> None:
        (self.folder / "ci" / "delivery.toml").write_text(declared, encoding="utf-8")
        for image in ("api", "worker"):
            (self.folder / image / "www" / "version").write_text(version, encoding="utf-8")
        (self.folder / "worker" / "start").write_text(start, encoding="utf-8")
        author = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")
        for words in (("add", "--all"), ("commit", "--quiet", f"--message={version}")):
            subprocess.run(["git", *author, *words], cwd=self.folder, check=True, timeout=60)

    def types(self, *words: str) -> Ended:
        before = set(self._records())
        done = subprocess.run(
            [sys.executable, "-m", "shipway", *words, "--env", "local", "--json"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert SECRET not in done.stdout + done.stderr
        assert not done.stderr, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        made = [file.read_text(encoding="utf-8") for file in self._records() if file not in before]
        assert not any(SECRET in text for text in made)
        records = [json.loads(text)["predicate"] for text in made]
        return Ended(code=done.returncode, events=events, records=records)

    def _records(self) -> list[Path]:
        return sorted(self.folder.glob("evidence/local/*/record.json"))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.world.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key=self.world.state["root_secret_access_key"],
        )

    def url(self, key: str) -> str:
        found = self.client("ssm").get_parameter(Name=f"/depot/local/{key}/url")
        return f"{found['Parameter']['Value'].rstrip('/')}/version"

    def runs(self) -> dict[str, tuple[str, str]]:
        """The revision and the image that each service is to run."""
        ecs = self.client("ecs")
        running = {}
        for key, _ in _keys():
            [service] = ecs.describe_services(cluster="depot", services=[f"depot-{key}"])[
                "services"
            ]
            arn = service["taskDefinition"]
            definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            [container] = definition["containerDefinitions"]
            running[key] = (arn, container["image"])
        return running


@pytest.fixture(scope="module")
def repository(
    docker_engine: Engine, busybox_program: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Repository]:
    folder = tmp_path_factory.mktemp("images") / "depot"
    (folder / "ci").mkdir(parents=True)
    contract, delivery = folder / "ci" / "release.toml", folder / "ci" / "delivery.toml"
    contract.write_text(CONTRACT, encoding="utf-8")
    delivery.write_text(_delivery(), encoding="utf-8")
    for image, dockerfile in (("api", API), ("worker", WORKER)):
        (folder / image / "www").mkdir(parents=True)
        (folder / image / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        (folder / image / "busybox").write_bytes(busybox_program)
        (folder / image / "busybox").chmod(0o755)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True, timeout=60)
    blueprint = draw(
        contract_file.load(contract),
        delivery_file.load(delivery),
        dockerfiles={"api": (API, ""), "worker": (WORKER, "small")},
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker_engine.env.items():
            patch.setenv(name, value)
        needed = worlds.Needed(cache=cache_folder({}))
        run = tmp_path_factory.mktemp("run")
        with worlds.owned(blueprint.plan, run, needed, lambda _text: None) as world:
            kept = {
                name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)
            }
            env = {
                **kept,
                **docker_engine.env,
                **world.variables,
                **world.person("local").variables(),
                "AWS_ENDPOINT_URL": world.endpoint,
                "AWS_REGION": REGION,
                "DEPOT_LICENCE": SECRET,
                "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
            }
            yield Repository(folder=folder, world=world, env=env)


@pytest.fixture(scope="module")
def good(repository: Repository) -> Ended:
    repository.commits("one", services=2)
    return repository.types("deploy")


@pytest.mark.timeout(240)
def test_two_images_are_one_release_with_one_record(repository: Repository, good: Ended) -> None:
    assert good.code == 0, good.events
    [record] = good.records
    assert set(good.digests) == {"api", "worker"}
    runs = repository.runs()
    for kind in ("api", "worker"):
        assert runs[f"{kind}-0"][1].endswith(f"/depot-{kind}@{good.digests[kind]}")
    assert len(record["services"]) == 2
    assert good.log == ["the tables are as of one"]
    [migrated] = record["jobs"]
    assert (migrated["key"], migrated["end"], migrated["exitCode"]) == ("migrate", "succeeded", 0)


@pytest.mark.timeout(240)
def test_of_ten_services_one_is_rolled_back_and_nine_are_put_back(
    repository: Repository, good: Ended
) -> None:
    before = repository.runs()
    repository.commits("two", MINDS)
    with _Customers([repository.url(key) for key, _ in _keys()]) as customers:
        ended = repository.types("deploy")
    [record] = ended.records
    assert ended.code == record["verdict"]["exitCode"] != 0, ended.events
    assert record["verdict"]["kind"] == "rolled-back"
    assert ended.events[-1]["text"] == (
        f"Release failed: {BAD} rolled back, {SERVICES - 1} put back."
    )
    assert repository.runs() == before
    assert {each["key"]: each["end"] for each in record["putBack"]} == {
        key: "put back" for key in before if key != BAD
    }
    assert len(record["services"]) == SERVICES
    assert all(ended.digests[name] != good.digests[name] for name in ("api", "worker"))
    assert ended.log == ["the tables are as of two"], (
        "the migration ran once, before anything moved"
    )
    assert customers.lost == []
    assert len(customers.asked) == SERVICES
    assert min(customers.asked.values()) > 10


@pytest.mark.timeout(240)
def test_a_file_as_ecs_describes_it_is_no_change_and_a_change_of_it_alone_a_release(
    repository: Repository, good: Ended
) -> None:
    assert good.code == 0, good.events
    ecs = repository.client("ecs")
    before, image = repository.runs()["api-0"]
    described = ecs.describe_task_definition(taskDefinition=before)
    del described["ResponseMetadata"]
    [container] = described["taskDefinition"]["containerDefinitions"]
    for filled_in in ("cpu", "essential", "volumesFrom", "mountPoints"):
        del container[filled_in]  # as a person would write it
    container["image"] = "whatever:the-file-says"
    repository.names("infra/task.json", described)
    unchanged = repository.types("plan")
    assert (unchanged.code, unchanged.of("plan")[0]["changes"]) == (0, 0), unchanged.events
    container["environment"] = [*container["environment"], {"name": "FROM", "value": "the file"}]
    repository.names("infra/task.json", described)
    plan = repository.types("plan")
    [web] = plan.of("plan")[0]["services"]
    assert plan.code == 3
    assert web["changes"] == [{"field": "app.environment.FROM", "before": "", "after": "the file"}]
    assert repository.types("deploy").code == 0
    after, runs = repository.runs()["api-0"]
    assert (after != before, runs) == (True, image)
    registered = ecs.describe_task_definition(taskDefinition=after)["taskDefinition"]
    [new] = registered["containerDefinitions"]
    assert {"name": "FROM", "value": "the file"} in new["environment"]
