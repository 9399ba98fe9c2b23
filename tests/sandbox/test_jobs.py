"""Jobs, a change of the task definition alone, and what the clock starts, by the deploy role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # the test looks as the account's owner would
import pytest
from botocore.exceptions import ClientError

from shipway.config import load as delivery_file
from shipway.embedded.blueprint import draw
from shipway.policy import load as contract_file
from shipway.util.paths import cache_folder
from shipway_sandbox import world as worlds
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.world import World

DELIVERY = """
schema = 1
name = "tally"
[image]
context = "app"
[environments.local]
sandbox = true
account = "123456789012"
region = "eu-central-1"
repository = "tally"
cluster = "tally"
hold = 1
sbom = "off"
[environments.local.services.worker]
service = "tally-worker"
container = "app"
[environments.local.services.worker.compute]
count = 1
memory = 64
[environments.local.jobs.migrate]
when = "before"
service = "worker"
command = ["/bin/busybox", "sh", "-c", "MIGRATION"]
timeout = 60
[environments.local.jobs.warm]
when = "after"
task_definition = "tally-warm"
command = ["/bin/busybox", "echo", "warm"]
[environments.local.jobs.warm.compute]
memory = 64
[environments.local.schedules.nightly]
rule = "tally-nightly"
service = "worker"
[environments.local.schedules.report]
schedule = "report"
task_definition = "tally-report"
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
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
CMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do /bin/busybox sleep 1; done"]
"""
FAILS = "echo 0042 cannot be applied; exit 3"
GOES = "echo 0042 is applied; echo password=canary-of-jobs"
_FOREIGN = ("AWS_", "GITHUB_", "ACTIONS_", "RUNNER_", "SHIPWAY_", "GIT_", "CI")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it told."""

    code: int
    events: list[dict[str, Any]]
    record: dict[str, Any]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def log(self) -> list[str]:
        return [event["line"] for event in self.of("output") if event["stage"] == "job"]

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        return {job["key"]: job for job in self.record.get("jobs", [])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository beside a world that runs what it declares."""

    folder: Path
    world: World
    env: dict[str, str]

    def declares(self, text: str) -> None:
        """Write delivery.toml for a delivery to what runs already: no sandbox is started."""
        plain = text.replace("sandbox = true\n", "")
        (self.folder / "ci" / "delivery.toml").write_text(plain, encoding="utf-8")

    def types(self, *words: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "shipway", *words, "--env", "local", "--json"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "canary-of-jobs" not in done.stdout + done.stderr
        assert not done.stderr, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return Ended(code=done.returncode, events=events, record=self.recorded())

    def recorded(self) -> dict[str, Any]:
        """What the last record says."""
        records = sorted(self.folder.glob("evidence/local/*/record.json"), key=os.path.getmtime)
        return json.loads(records[-1].read_bytes())["predicate"] if records else {}

    def owner(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.world.endpoint,
            region_name="eu-central-1",
            aws_access_key_id="123456789012",
            aws_secret_access_key=self.world.state["root_secret_access_key"],
        )

    def deliverer(self, service: str) -> Any:
        """A client of whoever delivers."""
        return boto3.client(
            service,
            endpoint_url=self.world.endpoint,
            region_name="eu-central-1",
            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self.env.get("AWS_SESSION_TOKEN"),
        )

    def live(self) -> dict[str, Any]:
        """The task definition that the service runs."""
        ecs = self.owner("ecs")
        [service] = ecs.describe_services(cluster="tally", services=["tally-worker"])["services"]
        described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
        live: dict[str, Any] = described["taskDefinition"]
        return live

    def started(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the rule and the schedule start, whole."""
        events, scheduler = self.owner("events"), self.owner("scheduler")
        [target] = events.list_targets_by_rule(Rule="tally-nightly")["Targets"]
        return target, scheduler.get_schedule(Name="report", GroupName="default")

    def without(self, statement: str) -> None:
        """Take a statement out of the role that delivers."""
        iam = self.owner("iam")
        named = {"RoleName": "tally-deploy-local", "PolicyName": "deliver"}
        document = iam.get_role_policy(**named)["PolicyDocument"]
        policy = json.loads(document) if isinstance(document, str) else document
        kept = [each for each in policy["Statement"] if each["Sid"] != statement]
        assert len(kept) == len(policy["Statement"]) - 1
        text = json.dumps({**policy, "Statement": kept})
        iam.put_role_policy(**named, PolicyDocument=text)


def revision_of(starts: dict[str, Any]) -> str:
    return str(starts["EcsParameters"]["TaskDefinitionArn"]).rpartition("/")[2]


@pytest.fixture(scope="module")
def repository(
    docker_engine: Engine, busybox_program: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Repository]:
    folder = tmp_path_factory.mktemp("jobs") / "tally"
    for name in ("ci", "app"):
        (folder / name).mkdir(parents=True)
    (folder / "ci" / "release.toml").write_text(CONTRACT, encoding="utf-8")
    (folder / "ci" / "delivery.toml").write_text(DELIVERY, encoding="utf-8")
    (folder / "app" / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    (folder / "app" / "busybox").write_bytes(busybox_program)
    (folder / "app" / "busybox").chmod(0o755)
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message=first")):
        subprocess.run(["git", *author, *words], cwd=folder, check=True, timeout=60)
    blueprint = draw(
        contract_file.load(folder / "ci" / "release.toml"),
        delivery_file.load(folder / "ci" / "delivery.toml"),
        dockerfiles={"": (DOCKERFILE, "")},
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
                "AWS_REGION": "eu-central-1",
                "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
            }
            yield Repository(folder=folder, world=world, env=env)


def test_a_failing_migration_moves_nothing(repository: Repository) -> None:
    before = repository.live()["revision"]
    repository.declares(DELIVERY.replace("MIGRATION", FAILS))
    ended = repository.types("deploy")
    assert ended.code == 44, ended.events
    assert ended.log == ["0042 cannot be applied"]
    assert ended.events[-1]["text"] == (
        "Release failed: job migrate failed, nothing was rolled out."
    )
    assert (ended.jobs["migrate"]["end"], ended.jobs["migrate"]["exitCode"]) == ("failed", 3)
    assert "services" not in ended.record
    assert repository.live()["revision"] == before


def test_a_migration_runs_before_the_rollout_once_for_each_release(repository: Repository) -> None:
    repository.declares(DELIVERY.replace("MIGRATION", GOES))
    ended = repository.types("deploy")
    assert ended.code == 0, ended.events
    assert ended.log == ["0042 is applied", "password=***", "warm"]
    order = [(event["stage"], event.get("subject", "")) for event in ended.of("finished")]
    assert order.index(("job", "migrate")) < order.index(("deploy", "worker"))
    assert order.index(("verify", "worker")) < order.index(("job", "warm"))
    migrate, warm = ended.jobs["migrate"], ended.jobs["warm"]
    assert (migrate["exitCode"], warm["exitCode"]) == (0, 0)
    # One revision for the service and its job; the one that the failed delivery left.
    assert migrate["taskDefinition"] == ended.record["services"][0]["taskDefinition"]
    assert "/tally-warm:" in warm["taskDefinition"]
    by_hand = repository.types("run", "migrate")
    assert by_hand.code == 0, by_hand.events
    assert by_hand.log == ["0042 is applied", "password=***"]


def test_a_job_whose_task_definition_is_not_there(repository: Repository) -> None:
    repository.declares(DELIVERY.replace('"tally-warm"', '"tally-wrm"'))
    ended = repository.types("plan")
    assert ended.code == 10, ended.events
    told = json.dumps(ended.events)
    assert "there is no task definition tally-wrm in eu-central-1" in told
    assert "environments.local.jobs.warm.task_definition" in told


def test_its_log_is_there_afterwards(repository: Repository) -> None:
    ended = repository.types("logs", "--job", "migrate")
    assert ended.code == 0, ended.events
    lines = [event["text"] for event in ended.of("log")]
    # The failed attempt, the delivery, and the one by hand.
    assert lines.count("0042 cannot be applied") == 1
    assert (lines.count("0042 is applied"), lines.count("password=***")) == (2, 2)
    assert {event["job"] for event in ended.of("log")} == {"migrate"}


def test_a_change_of_the_task_definition_alone_is_a_release(repository: Repository) -> None:
    before = repository.live()
    text = DELIVERY.replace("MIGRATION", GOES).replace(
        'container = "app"\n',
        'container = "app"\nenvironment = { MODE = "new" }\n',
    )
    repository.declares(text)
    ended = repository.types("deploy")
    assert ended.code == 0, ended.events
    assert {job["end"] for job in ended.jobs.values()} == {"not run"}, "it is the same release"
    assert ended.log == []
    after = repository.live()
    [container] = after["containerDefinitions"]
    assert container["environment"] == [{"name": "MODE", "value": "new"}]
    assert container["image"] == before["containerDefinitions"][0]["image"]
    assert after["revision"] > before["revision"]


def test_what_the_clock_starts_follows_the_release(repository: Repository) -> None:
    """The release above changed the service alone, so it moved one of the two."""
    live = repository.live()
    nightly, report = repository.started()
    assert revision_of(nightly) == f"tally-local-worker:{live['revision']}"
    own = repository.owner("ecs").describe_task_definition(taskDefinition="tally-report")
    assert revision_of(report["Target"]) == f"tally-report:{own['taskDefinition']['revision']}"
    [container] = own["taskDefinition"]["containerDefinitions"]
    assert container["image"] == live["containerDefinitions"][0]["image"]
    # All else is as the platform team made it.
    assert (nightly["Input"], report["State"]) == ('{"containerOverrides":[]}', "DISABLED")
    moved = {
        each["key"]: (each["taskDefinition"], each["previousTaskDefinition"])
        for each in repository.recorded()["schedules"]
    }
    assert moved["nightly"][0] == nightly["EcsParameters"]["TaskDefinitionArn"]
    assert moved["nightly"][0] != moved["nightly"][1]
    assert moved["report"][0] == moved["report"][1]


def test_whoever_delivers_can_lead_a_rule_to_no_other_place(repository: Repository) -> None:
    """A rule takes targets of any kind: a queue of an attacker's needs no role at all."""
    nightly, _ = repository.started()
    events = repository.deliverer("events")
    queue = {"Id": "out", "Arn": "arn:aws:sqs:eu-central-1:999988887777:out"}
    role = {**nightly, "RoleArn": f"{nightly['RoleArn']}-admin"}
    for targets in ([queue], [nightly, queue], [role]):
        with pytest.raises(ClientError, match="AccessDenied"):
            events.put_targets(Rule="tally-nightly", Targets=targets)
    events.put_targets(Rule="tally-nightly", Targets=[nightly])
    assert repository.started()[0] == nightly


def test_without_the_right_to_pass_the_role_on_the_release_stays(repository: Repository) -> None:
    before = [revision_of(repository.started()[0]), revision_of(repository.started()[1]["Target"])]
    repository.without("HandRolesToTheRules")
    text = DELIVERY.replace("MIGRATION", GOES)
    repository.declares(text.replace('container = "app"\n', 'container = "app"\ncpu = 128\n', 1))
    ended = repository.types("deploy")
    assert ended.code == 43, ended.events
    [nightly] = [each for each in ended.of("failed") if each["subject"] == "nightly"]
    assert "iam:PassRole" in json.dumps(nightly)
    assert repository.live()["cpu"] == "128"
    nightly_now, report_now = repository.started()
    assert [revision_of(nightly_now), revision_of(report_now["Target"])] == before
