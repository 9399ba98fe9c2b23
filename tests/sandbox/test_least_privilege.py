"""A deploy role holds what a delivery needs and no more: without any one action it fails, and says.

Each action is taken out of the role's policy in turn, and a real delivery is made with what is
left: it must end with an error that names the action, the resource, and the statement to add.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3  # the test makes roles as an administrator would
import pytest
from tests.example import BLUEPRINT, PROJECT
from tests.sandbox.rights import (
    ATTESTATIONS,
    FAILS,
    PUBLISHES,
    RESUMES,
    ROLLS_OUT,
    WATCHES_ALARMS,
    Said,
    lacking,
    names,
)

from shipway.aws.cloudwatch import CloudWatchAlarms
from shipway.aws.ecs import AwsEcs
from shipway.aws.session import Session
from shipway.errors import AccessDeniedError
from shipway.policy.compile import trust
from shipway.rehearsal.checkout import Checkout
from shipway_sandbox import compute
from shipway_sandbox.world import World

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "production"
SECONDS = 90.0
AT_ONCE = 3

CONTRACT = f"""schema = 1
[[allow]]
name = "person"
event = "by-hand"
environments = ["{ENVIRONMENT}"]
tasks = ["build", "publish", "deploy", "verify"]
[environments.{ENVIRONMENT}]
by_hand_role = "*"
"""


class Account:
    """The account of an environment, a repository to deliver from, and roles made for a test."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        self._checkout = Checkout(ROOT, folder / "clone", PROJECT)
        self._allow_by_hand()
        self._count = iter(range(1000))
        answer = self.client("iam").get_role_policy(
            RoleName=f"shop-deploy-{ENVIRONMENT}", PolicyName="deliver"
        )
        document = answer["PolicyDocument"]
        self.policy = json.loads(document) if isinstance(document, str) else document

    def _allow_by_hand(self) -> None:
        """Let a person deliver there with any role: the roles of this test have other names."""
        file = self._checkout.folder / "ci" / "release.toml"
        file.write_text(CONTRACT, encoding="utf-8")
        # Deliveries to one environment keep out of each other's way: here they take turns.
        delivery = self._checkout.folder / "ci" / "delivery.toml"
        table = f"\n[environments.{ENVIRONMENT}.lock]\nwait = 60\n"
        delivery.write_text(delivery.read_text(encoding="utf-8") + table, encoding="utf-8")
        # A source of its own: what another test published in this world would not be pushed again.
        app = self._checkout.folder / "examples" / "shop" / "app.py"
        app.write_text(f"{app.read_text(encoding='utf-8')}# least privilege\n", encoding="utf-8")
        self._git("commit", "--quiet", "--all", "--message", "Let a person deliver")

    def _git(self, *words: str) -> None:
        author = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")
        subprocess.run(
            ["git", "-C", str(self._checkout.folder), *author, *words], check=True, timeout=60
        )

    def client(self, service: str) -> Any:
        # A session of its own: the module's default one is not made for threads.
        return boto3.Session().client(
            service,
            endpoint_url=self._world.endpoint,
            region_name=self._world.state["region"],
            aws_access_key_id=self._world.account(ENVIRONMENT),
            aws_secret_access_key=self._world.state["root_secret_access_key"],
        )

    def image(self, busybox: bytes, answer: str) -> str:
        """A version of the service that is in the repository and does not run; pinned."""
        seed = compute.seed_image(busybox, answer=answer)
        return compute.put_image(self._world.state, f"shop-{ENVIRONMENT}", seed, answer)

    def crash(self) -> str:
        """A version that cannot even start: its program is not in it."""
        seed = compute.seed_image(b"no program at all", answer="crash")
        return compute.put_image(self._world.state, f"shop-{ENVIRONMENT}", seed, "crash")

    def tag_the_definition(self) -> None:
        """Have the live task definition carry a tag, which a delivery must keep."""
        ecs = self.client("ecs")
        where = {"cluster": f"shop-{ENVIRONMENT}", "services": ["web"]}
        live = ecs.describe_services(**where)["services"][0]["taskDefinition"]
        found = ecs.describe_task_definition(taskDefinition=live)["taskDefinition"]
        kept = ("family", "containerDefinitions", "executionRoleArn", "taskRoleArn", "networkMode")
        made = ecs.register_task_definition(
            **{name: found[name] for name in kept},
            cpu=found["cpu"],
            memory=found["memory"],
            tags=[{"key": "team", "value": "shop"}],
        )["taskDefinition"]["taskDefinitionArn"]
        ecs.update_service(cluster=where["cluster"], service="web", taskDefinition=made)
        compute.wait_until_steady([(ecs, BLUEPRINT.layer(ENVIRONMENT))])

    def delivers(self, without: str, *words: str) -> Said:
        """Deliver with a role whose policy lacks one action, from a clone of its own."""
        own = self._folder / f"{next(self._count):03}"
        source = str(self._checkout.folder)
        subprocess.run(["git", "clone", "--quiet", source, str(own)], check=True, timeout=60)
        return self._invoke(own, self.variables(without), *words, "--env", ENVIRONMENT)

    def types(self, *words: str) -> Said:
        """Type a command in this repository, as the account's administrator."""
        root = {
            "AWS_ACCESS_KEY_ID": self._world.account(ENVIRONMENT),
            "AWS_SECRET_ACCESS_KEY": str(self._world.state["root_secret_access_key"]),
        }
        return self._invoke(ROOT, {**self._world.variables, **root}, *words)

    def _invoke(self, where: Path, variables: Mapping[str, str], *words: str) -> Said:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=where,
            env={
                **kept,
                **variables,
                "XDG_CACHE_HOME": str(self._folder / "cache"),
                "SHIPWAY_LONGEST_HOLD": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Said(code=done.returncode, text=done.stdout + done.stderr)

    def variables(self, without: str) -> dict[str, str]:
        """What an SDK reads, for a role whose policy lacks one action."""
        number = next(self._count)
        return {**self._world.variables, **self._keys(f"without-{number}", without)}

    @property
    def region(self) -> str:
        return str(self._world.state["region"])

    def _keys(self, name: str, without: str) -> Mapping[str, str]:
        iam = self.client("iam")
        root = f"arn:aws:iam::{self._world.account(ENVIRONMENT)}:root"
        trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}}
        document = {"Version": "2012-10-17", "Statement": [trusted]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        policy = json.dumps(
            {**self.policy, "Statement": list(lacking(self.policy["Statement"], without))}
        )
        iam.put_role_policy(RoleName=name, PolicyName="deliver", PolicyDocument=policy)
        keys = self.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="tester")
        found = keys["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }


@pytest.fixture(scope="module")
def account(delivery_world: World, tmp_path_factory: pytest.TempPathFactory) -> Account:
    return Account(delivery_world, tmp_path_factory.mktemp("roles"))


def test_every_action_of_the_policy_is_tried(account: Account) -> None:
    allowed = trust.actions(account.policy["Statement"])
    assert len(set(allowed)) == len(allowed)
    assert {*PUBLISHES, *ROLLS_OUT, *FAILS, *WATCHES_ALARMS, *RESUMES, *ATTESTATIONS} == set(
        allowed
    )
    deleting = ("Delete", "Remove", "Deregister", "Terminate", "Put*", "*")
    assert not [one for one in allowed if one.partition(":")[2].startswith(deleting)]


@pytest.mark.timeout(480)  # a minute by itself; the machine may be shared by four workers
def test_each_action_that_is_lacking_is_named_and_then_the_whole_delivery_passes(
    account: Account, busybox_program: bytes
) -> None:
    account.tag_the_definition()
    # An image for each: a revision that another run registered would not be registered again.
    others = {
        action: account.image(busybox_program, f"second-{number}")
        for number, action in enumerate(ROLLS_OUT)
    }

    def publish() -> dict[str, Said]:
        return {action: account.delivers(action, "publish") for action in PUBLISHES}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        published = pool.submit(publish)
        deploys = {
            action: pool.submit(account.delivers, action, "deploy", "--image", other)
            for action, other in others.items()
        }
        ended = {action: done.result() for action, done in deploys.items()} | published.result()
    wrong = {
        action: said
        for action, said in ended.items()
        if said.code != AccessDeniedError.exit_code or not names(said, action)
    }
    assert not wrong, "\n\n".join(f"=== {action}\n{said.text}" for action, said in wrong.items())
    whole = account.delivers("", "deploy")
    assert whole.code == 0, whole.text
    assert "is not allowed" not in whole.text


def test_a_failing_rollout_says_what_it_could_not_do(account: Account) -> None:
    crash = account.crash()
    # The second wave proves a crash loop: a breaker of three would have gone back before.
    patient = {"type": "COUNT", "value": 8}
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": patient}
    account.client("ecs").update_service(
        cluster=f"shop-{ENVIRONMENT}",
        service="web",
        deploymentConfiguration={"deploymentCircuitBreaker": breaker},
    )
    for action in FAILS:
        said = account.delivers(action, "deploy", "--image", crash)
        assert said.code not in {0, AccessDeniedError.exit_code}, said.text
        assert names(said, action), said.text


def test_the_answer_to_a_hook_is_named_too(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (action,) = RESUMES
    for name, value in account.variables(action).items():
        monkeypatch.setenv(name, value)
    region, number = account.region, account.client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:ecs:{region}:{number}:service-deployment/shop-{ENVIRONMENT}/web/one"
    with pytest.raises(AccessDeniedError) as caught:
        AwsEcs(Session(region)).resume(arn, "hook", "CONTINUE")
    error = caught.value
    assert names(Said(code=error.exit_code, text=f"{error.what} {error.details}"), action)


def test_the_look_at_alarms_is_named_too(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    (action,) = WATCHES_ALARMS
    for name, value in account.variables(action).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AccessDeniedError) as caught:
        CloudWatchAlarms(Session(account.region)).states(["shop-5xx"])
    error = caught.value
    assert names(Said(code=error.exit_code, text=f"{error.what} {error.details}"), action)
    for name, value in account.variables("").items():
        monkeypatch.setenv(name, value)
    assert CloudWatchAlarms(Session(account.region)).states(["shop-5xx"]) == {}


def test_bootstrap_shows_what_it_would_change_and_makes_it_once_confirmed(
    account: Account, delivery_world: World
) -> None:
    """In the sandbox the role is there already: it is made of the very same text."""

    def applies(*words: str) -> Said:
        return account.types("bootstrap", "--env", ENVIRONMENT, "--apply", *words)

    name = f"shop-deploy-{ENVIRONMENT}"
    same = applies()
    assert same.code == 0, same.text
    assert f"Nothing to change: the stack {name} is what the contract says." in same.text
    account.client("cloudformation").delete_stack(StackName=name)
    iam = account.client("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)
    asked = applies()
    assert asked.code == 2, asked.text
    assert f"Change set: create the stack {name}" in asked.text
    assert "nothing was changed" in asked.text
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)
    made = applies("--yes")
    assert made.code == 0, made.text
    assert f"AWS_ROLE_ARN = {delivery_world.role(ENVIRONMENT)}" in made.text
    found = iam.get_role_policy(RoleName=name, PolicyName="deliver")["PolicyDocument"]
    assert (json.loads(found) if isinstance(found, str) else found) == account.policy
    assert "Nothing to change" in applies().text
