"""A developer delivers by hand, with the role that ``bootstrap`` made and nothing else.

The developer is a session of a permission set's role, as IAM Identity Center makes them, whose own
permissions hold ``sts:AssumeRole`` alone. The contract is this repository's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
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

from shipway.errors import AccessDeniedError, CredentialsError, RefusedError
from shipway.policy.compile import bootstrap_template, sizes, trust
from shipway.policy.compile.resources import Resources
from shipway.policy.compile.trust import camel
from shipway.rehearsal.checkout import Checkout
from shipway.rollout.plan import CHANGES
from shipway_sandbox import compute
from shipway_sandbox.world import World

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "staging"
ROLE = "shop-by-hand-staging"
PERMISSION_SET = "AWSReservedSSO_Developer_0123456789abcdef"
OTHER_SET = "AWSReservedSSO_Developer_Intern_0123456789abcdef"
PATH = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
PROFILE = "shop-staging"
SECONDS = 90.0
AT_ONCE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of ``docs/by-hand.md``: what is set before it, and the task with its options."""

    variables: dict[str, str]
    words: tuple[str, ...]


def page_commands(environment: str) -> list[Command]:
    """What the page has a developer type for an environment, in order."""
    text = (ROOT / "docs" / "by-hand.md").read_text(encoding="utf-8")
    machine = text.partition("## On the developer's machine")[2]
    lines = re.findall(
        rf"^\$ ((?:[A-Z_]+=\S+ )*)nox -s (\w+) -- (--env {environment})$", machine, re.MULTILINE
    )
    return [
        Command(
            variables=dict(pair.split("=", 1) for pair in before.split()),
            words=(task, *options.split()),
        )
        for before, task, options in lines
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laptop:
    """A developer's machine: a clone, a home with an AWS configuration, and no variable of AWS's.

    Attributes:
        world: What stands for AWS.
        folder: Where clones and homes are made.
        checkout: The repository, with a profile in its delivery.toml.
        policy: What the role that ``bootstrap`` made may do.
    """

    world: World
    folder: Path
    checkout: Checkout
    policy: dict[str, Any]

    def root(self, service: str) -> Any:
        return boto3.Session().client(
            service,
            endpoint_url=self.world.endpoint,
            region_name=self.world.state["region"],
            aws_access_key_id=self.world.account(ENVIRONMENT),
            aws_secret_access_key=self.world.state["root_secret_access_key"],
        )

    def arn(self, role: str) -> str:
        return f"arn:aws:iam::{self.world.account(ENVIRONMENT)}:role/{role}"

    def person(self, name: str, *, may_assume: str = ROLE) -> dict[str, str]:
        """Keys of a session of a permission set, which may ask for one role and nothing else."""
        iam = self.root("iam")
        own = self.arn("").replace(":role/", ":root")
        trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": own}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        with_path = {"RoleName": name, "Path": PATH, "AssumeRolePolicyDocument": document}
        try:
            arn = iam.create_role(**with_path)["Role"]["Arn"]
        except iam.exceptions.EntityAlreadyExistsException:
            arn = iam.get_role(RoleName=name)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": self.arn(may_assume)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=name, PolicyName="assume", PolicyDocument=policy)
        session = self.root("sts").assume_role(RoleArn=arn, RoleSessionName="mona@example.com")
        keys: dict[str, str] = session["Credentials"]
        return keys

    def home(self, keys: dict[str, str], profile: str = PROFILE) -> Path:
        """A home whose AWS configuration has one profile with these keys."""
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self.folder))
        (home / ".aws").mkdir()
        (home / ".aws" / "config").write_text(f"[profile {profile}]\n", encoding="utf-8")
        credentials = (
            f"[{profile}]\naws_access_key_id = {keys['AccessKeyId']}\n"
            f"aws_secret_access_key = {keys['SecretAccessKey']}\n"
            f"aws_session_token = {keys['SessionToken']}\n"
        )
        (home / ".aws" / "credentials").write_text(credentials, encoding="utf-8")
        return home

    def clone(self, name: str, *, role: str = ROLE) -> Path:
        """A clone of its own, with a source of its own; its contract names a role for people."""
        own = self.folder / name
        source = str(self.checkout.folder)
        subprocess.run(["git", "clone", "--quiet", source, str(own)], check=True, timeout=60)
        contract = own / "ci" / "release.toml"
        text = contract.read_text(encoding="utf-8")
        contract.write_text(text.replace(ROLE, role), encoding="utf-8")
        app = own / "examples" / "shop" / "app.py"
        app.write_text(f"{app.read_text(encoding='utf-8')}# {name}\n", encoding="utf-8")
        return own

    def types(self, where: Path, home: Path, *words: str, **variables: str) -> Said:
        """Type a command; the machine's addresses lead to the world, and nobody is signed in."""
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        leads = {
            name: value
            for name, value in self.world.variables.items()
            if not name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION", "AWS_CONFIG"))
            and not name.startswith("AWS_SHARED")
        }
        own = {"XDG_CACHE_HOME": str(self.folder / "cache"), "SHIPWAY_LONGEST_HOLD": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=where,
            env={**kept, **leads, **own, "HOME": str(home), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Said(code=done.returncode, text=done.stdout + done.stderr)

    def without(self, action: str, *words: str) -> Said:
        """Deliver with a role like the one of people, but for one action."""
        name = f"by-hand-without-{action.replace(':', '-')}"
        iam = self.root("iam")
        trusts = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]
        document = trusts if isinstance(trusts, str) else json.dumps(trusts)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        policy = {**self.policy, "Statement": list(lacking(self.policy["Statement"], action))}
        iam.put_role_policy(RoleName=name, PolicyName="deliver", PolicyDocument=json.dumps(policy))
        keys = self.person(
            f"AWSReservedSSO_Developer_{sha256(action.encode()).hexdigest()[:16]}", may_assume=name
        )
        home = self.home(keys)
        return self.types(self.clone(name, role=name), home, *words, "--env", ENVIRONMENT)


@pytest.fixture(scope="module")
def laptop(delivery_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("laptop")
    checkout = Checkout(ROOT, folder / "clone", PROJECT)
    delivery = checkout.folder / "ci" / "delivery.toml"
    table = "[environments.staging]\n"
    text = delivery.read_text(encoding="utf-8")
    # Deliveries to one environment keep out of each other's way: here they take turns.
    turns = "\n[environments.staging.lock]\nwait = 60\n"
    text = text.replace(table, f'{table}profile = "{PROFILE}"\n')
    delivery.write_text(f"{text}{turns}", encoding="utf-8")
    app = checkout.folder / "examples" / "shop" / "app.py"
    app.write_text(f"{app.read_text(encoding='utf-8')}# by hand\n", encoding="utf-8")
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")
    words = ("commit", "--quiet", "--all", "--message", "Name the profile")
    subprocess.run(["git", "-C", str(checkout.folder), *author, *words], check=True, timeout=60)
    made = Laptop(world=delivery_world, folder=folder, checkout=checkout, policy={})
    answer = made.root("iam").get_role_policy(RoleName=ROLE, PolicyName="deliver")
    document = answer["PolicyDocument"]
    made.policy.update(json.loads(document) if isinstance(document, str) else document)
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def test_a_developer_delivers_with_the_role_that_bootstrap_made(laptop: Laptop) -> None:
    home = laptop.home(laptop.person(PERMISSION_SET))
    where = laptop.clone("whole")
    deploys, verifies = page_commands(ENVIRONMENT)
    said = laptop.types(where, home, *deploys.words, **deploys.variables)
    assert said.code == 0, said.text
    assert f"assumed role {ROLE}" in said.text
    assert "is not allowed" not in said.text
    [record] = (where / "evidence" / ENVIRONMENT).glob("*/record.json")
    identity = json.loads(record.read_bytes())["predicate"]["identity"]
    account = laptop.world.account(ENVIRONMENT)
    assert identity["arn"] == f"arn:aws:sts::{account}:assumed-role/{ROLE}/mona@example.com"
    verified = laptop.types(where, home, *verifies.words, **verifies.variables)
    assert verified.code == 0, verified.text
    quiet = laptop.types(where, home, *verifies.words)
    assert quiet.code == 0, "delivery.toml names the profile too"


def test_a_developer_delivers_to_an_account_of_their_own(laptop: Laptop) -> None:
    """As whoever they are there: ``by_hand_role`` is ``*``, and nothing is assumed."""
    account, region = laptop.world.account(ENVIRONMENT), str(laptop.world.state["region"])
    ssm = laptop.root("ssm")
    for key, value in (("repository", "shop-staging"), ("cluster", "shop-staging")):
        ssm.put_parameter(Name=f"/shop/sandbox/{key}", Value=value, Type="String")
    ssm.put_parameter(Name="/shop/sandbox/service", Value="web", Type="String")
    balancer = next(iter(BLUEPRINT.layer(ENVIRONMENT).balancers.values()))
    template = {
        "Resources": {"Anchor": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
        "Outputs": {"Url": {"Value": laptop.world.address(balancer)}},
    }
    stacks = laptop.root("cloudformation")
    stacks.create_stack(StackName="shop-sandbox", TemplateBody=json.dumps(template))
    keys = laptop.person("AWSReservedSSO_Owner_0123456789abcdef")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    laptop.root("iam").put_role_policy(
        RoleName="AWSReservedSSO_Owner_0123456789abcdef",
        PolicyName="owner",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    own = {"SHIPWAY_SANDBOX_ACCOUNT": account, "SHIPWAY_SANDBOX_REGION": region}
    [deploys] = page_commands("sandbox")
    where, home = laptop.clone("own-account"), laptop.home(keys)
    said = laptop.types(where, home, *deploys.words, **own, AWS_PROFILE=PROFILE)
    assert said.code == 0, said.text
    assert "assumed role AWSReservedSSO_Owner_0123456789abcdef" in said.text
    old_revisions_go(laptop, where, home, {**own, "AWS_PROFILE": PROFILE})
    old_images_go(laptop, where, home, own)


def started(cluster: str, role: str, definition: str) -> dict[str, Any]:
    return {
        "Arn": cluster,
        "RoleArn": role,
        "EcsParameters": {"TaskDefinitionArn": definition},
    }


def old_revisions_go(laptop: Laptop, where: Path, home: Path, own: dict[str, str]) -> None:
    """What nothing uses goes once the contract lets it; what a schedule starts, stays."""
    client = laptop.root("ecs")
    cluster = f"shop-{ENVIRONMENT}"
    [service] = client.describe_services(cluster=cluster, services=["web"])["services"]
    live = client.describe_task_definition(taskDefinition=service["taskDefinition"])
    family = live["taskDefinition"]["family"]
    kept = ("family", "containerDefinitions", "memory", "executionRoleArn")
    further = [
        client.register_task_definition(**{name: live["taskDefinition"][name] for name in kept})
        for _ in range(3)
    ]
    old, nightly, newest = (each["taskDefinition"]["taskDefinitionArn"] for each in further)
    hourly = f"{old.rpartition(':')[0]}:1"
    clocks = {
        "Nightly": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "Name": "nightly",
                "ScheduleExpression": "rate(1 day)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": started(service["clusterArn"], laptop.arn(ROLE), nightly),
            },
        },
        "Hourly": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "hourly",
                "ScheduleExpression": "rate(1 hour)",
                "State": "DISABLED",
                "Targets": [
                    {"Id": "1", **started(service["clusterArn"], laptop.arn(ROLE), hourly)}
                ],
            },
        },
    }
    stacks = laptop.root("cloudformation")
    stacks.create_stack(StackName="shop-clocks", TemplateBody=json.dumps({"Resources": clocks}))
    stacks.get_waiter("stack_create_complete").wait(
        StackName="shop-clocks", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    words = ("prune", "--env", "sandbox", "--keep", "1")
    refused = laptop.types(where, home, *words, "--apply", **own)
    assert refused.code == RefusedError.exit_code, refused.text
    contract = where / "ci" / "release.toml"
    text = contract.read_text(encoding="utf-8")
    by_hand = '"staging"]\ntasks = ["build", "publish", "deploy", "verify"'
    assert by_hand in text
    contract.write_text(text.replace(by_hand, f'{by_hand}, "prune"'), encoding="utf-8")
    shown = laptop.types(where, home, *words, **own)
    assert shown.code == CHANGES.exit_code, (live["taskDefinition"], shown.text)
    assert "used by the schedule nightly" in shown.text
    assert "used by the rule hourly" in shown.text
    assert "used by service web of" in shown.text
    listed = client.list_task_definitions(familyPrefix=family, status="ACTIVE")
    assert {old, nightly, newest} <= set(listed["taskDefinitionArns"]), "it only showed"
    done = laptop.types(where, home, *words, "--apply", **own)
    assert done.code == 0, done.text
    left = client.list_task_definitions(familyPrefix=family, status="ACTIVE")["taskDefinitionArns"]
    assert {service["taskDefinition"], nightly, newest} <= set(left)
    assert old not in left


def old_images_go(laptop: Laptop, where: Path, home: Path, own: dict[str, str]) -> None:
    """Without an environment it is about this machine: all images but the newest so many."""
    author = ("-c", "user.name=mona", "-c", "user.email=mona@example.invalid")
    commit = ("git", *author, "commit", "--quiet", "--all", "--message=another")
    subprocess.run(commit, cwd=where, check=True, timeout=60)
    built = laptop.types(where, home, "build", "--env", "sandbox", **own)
    assert built.code == 0, built.text
    images = laptop.folder / "cache" / "shipway" / "images" / "shop"
    newest_first = sorted(images.iterdir(), key=lambda path: -path.stat().st_mtime)
    assert len(newest_first) > 1, "the one that was delivered, and this one"
    words = ("prune", "--keep", "1")
    shown = laptop.types(where, home, *words)
    assert shown.code == CHANGES.exit_code, shown.text
    assert all(f"{folder}  " in shown.text for folder in newest_first[1:]), shown.text
    assert f"{newest_first[0]} " not in shown.text
    assert sorted(images.iterdir()) == sorted(newest_first), "it only showed"
    done = laptop.types(where, home, *words, "--apply")
    assert done.code == 0, done.text
    assert list(images.iterdir()) == newest_first[:1]
    again = laptop.types(where, home, *words)
    assert (again.code, "Nothing to prune." in again.text) == (0, True)


def test_ten_services_are_a_role_that_iam_takes(laptop: Laptop) -> None:
    """What is too long for a role's inline policies comes as managed policies, attached to it."""
    services = tuple(f"service-{number}" for number in range(10))
    reached = Resources(environment=ENVIRONMENT, services=services, parameters=(), stacks=())
    contract = replace(
        BLUEPRINT.contract,
        environment_policies=(
            replace(BLUEPRINT.contract.environment_policy(ENVIRONMENT), by_hand_role="people-ten"),
        ),
        entries=tuple(entry for entry in BLUEPRINT.contract.entries if entry.event == "by-hand"),
    )
    text = bootstrap_template.compose(contract, reached, session=3600)
    keys = ("Service", "Family", "LogGroup")
    values = {f"{key}{camel(name)}": f"shop-{name}" for name in services for key in keys}
    values |= {"Repository": "shop", "Cluster": "shop", "TaskRoles": laptop.arn("task")}
    laptop.root("cloudformation").create_stack(
        StackName="people-ten",
        TemplateBody=text,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
        ],
    )
    laptop.root("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="people-ten", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    iam = laptop.root("iam")
    attached = iam.list_attached_role_policies(RoleName="people-ten")["AttachedPolicies"]
    assert len(attached) == text.count("AWS::IAM::ManagedPolicy")
    assert len(attached) > 1
    for policy in attached:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        assert sizes.length(document["PolicyVersion"]["Document"]) <= sizes.MANAGED


def test_production_stays_closed_by_hand(laptop: Laptop) -> None:
    home = laptop.home(laptop.person(PERMISSION_SET))
    said = laptop.types(laptop.clone("closed"), home, "deploy", "--env", "production")
    assert said.code == RefusedError.exit_code, said.text
    iam = laptop.root("iam")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="shop-by-hand-production")


def test_a_permission_set_whose_name_begins_alike_is_not_trusted(laptop: Laptop) -> None:
    home = laptop.home(laptop.person(OTHER_SET))
    said = laptop.types(laptop.clone("intern"), home, "deploy", "--env", ENVIRONMENT)
    assert said.code == AccessDeniedError.exit_code, said.text
    assert names(said, "sts:AssumeRole"), said.text
    assert "it trusts AWSReservedSSO_Developer_*" in said.text


def test_a_person_without_sts_assume_role_reads_what_lacks(laptop: Laptop) -> None:
    keys = laptop.person("AWSReservedSSO_Developer_fedcba9876543210", may_assume="other")
    said = laptop.types(laptop.clone("alone"), laptop.home(keys), "deploy", "--env", ENVIRONMENT)
    assert said.code == AccessDeniedError.exit_code, said.text
    assert names(said, "sts:AssumeRole"), said.text


def test_githubs_role_is_nobodys_by_hand(laptop: Laptop) -> None:
    """The role of CI does not trust people, whatever a contract of theirs says."""
    keys = laptop.person(PERMISSION_SET, may_assume="shop-deploy-staging")
    where = laptop.clone("as-ci", role="shop-deploy-staging")
    said = laptop.types(where, laptop.home(keys), "deploy", "--env", ENVIRONMENT)
    assert said.code == 10, said.text
    assert "is the role of GitHub's runs" in said.text


def test_a_profile_that_is_not_there_is_named_with_its_place(laptop: Laptop) -> None:
    home = laptop.home(laptop.person(PERMISSION_SET), profile="other")
    where = laptop.clone("profile")
    said = laptop.types(where, home, "deploy", "--env", ENVIRONMENT)
    assert said.code == CredentialsError.exit_code, said.text
    text = " ".join(said.text.split())
    assert f'there is no AWS profile "{PROFILE}" on this machine' in text
    assert "ci/delivery.toml:" in text
    assert "environments.staging.profile" in text
    assert "name one of other" in text
    ours = laptop.types(where, home, "deploy", "--env", ENVIRONMENT, AWS_PROFILE="nobody")
    assert ours.code == CredentialsError.exit_code, ours.text
    assert "AWS_PROFILE" in ours.text


def limits(laptop: Laptop, *denied: str) -> str:
    """A policy that bounds: everything but these actions; its ARN."""
    deny = [{"Effect": "Deny", "Action": list(denied), "Resource": "*"}] if denied else []
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, *deny]})
    iam = laptop.root("iam")
    arn = laptop.arn("limits").replace(":role/", ":policy/")
    try:
        iam.create_policy(PolicyName="limits", PolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    return arn


def test_bootstrap_makes_it_with_a_path_and_a_boundary(laptop: Laptop) -> None:
    where = laptop.clone("bounded", role="people-two")
    contract = where / "ci" / "release.toml"
    own = 'role = "ci-two"\nrole_path = "/delivery/"\npermissions_boundary = "limits"'
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace('role = "shop-deploy-staging"', own), encoding="utf-8")
    boundary = limits(laptop, "ecs:UpdateService")
    root = {
        "AWS_ACCESS_KEY_ID": laptop.world.account(ENVIRONMENT),
        "AWS_SECRET_ACCESS_KEY": str(laptop.world.state["root_secret_access_key"]),
    }
    home = laptop.home(laptop.person(PERMISSION_SET, may_assume="delivery/people-two"))
    words = ("bootstrap", "--env", ENVIRONMENT, "--apply", "--yes")
    made = laptop.types(where, home, *words, **root)
    assert made.code == 0, made.text
    arn = laptop.arn("delivery/people-two")
    statement = f'{{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "{arn}"}}'
    assert statement in "".join(made.text.split("\n")), made.text
    for name in ("ci-two", "people-two"):
        role = laptop.root("iam").get_role(RoleName=name)["Role"]
        assert role["Arn"] == laptop.arn(f"delivery/{name}")
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    bounded = laptop.types(where, home, "deploy", "--env", ENVIRONMENT)
    assert bounded.code == AccessDeniedError.exit_code, bounded.text
    assert names(bounded, "ecs:UpdateService"), bounded.text
    limits(laptop)
    free = laptop.types(where, home, "deploy", "--env", ENVIRONMENT)
    assert free.code == 0, free.text


def test_every_action_of_the_policy_is_tried(laptop: Laptop) -> None:
    allowed = trust.actions(laptop.policy["Statement"])
    failing = {*FAILS, *WATCHES_ALARMS, *RESUMES}
    assert {*PUBLISHES, *ROLLS_OUT, *failing, *ATTESTATIONS} == set(allowed)


@pytest.mark.timeout(480)  # a minute by itself; the machine may be shared by four workers
def test_each_action_that_is_lacking_is_named(laptop: Laptop, busybox_program: bytes) -> None:
    # An image for each: a revision that another run registered would not be registered again.
    images = {}
    for number, action in enumerate(ROLLS_OUT):
        seed = compute.seed_image(busybox_program, answer=f"by hand {number}")
        tag = f"by-hand-{number}"
        images[action] = compute.put_image(laptop.world.state, f"shop-{ENVIRONMENT}", seed, tag)
    laptop_ecs = laptop.root("ecs")
    tag_the_definition(laptop_ecs)

    def publish() -> dict[str, Said]:
        return {action: laptop.without(action, "publish") for action in PUBLISHES}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        published = pool.submit(publish)
        deploys = {
            action: pool.submit(laptop.without, action, "deploy", "--image", image)
            for action, image in images.items()
        }
        ended = {action: done.result() for action, done in deploys.items()} | published.result()
    wrong = {
        action: said
        for action, said in ended.items()
        if said.code != AccessDeniedError.exit_code or not names(said, action)
    }
    assert not wrong, "\n\n".join(f"=== {action}\n{said.text}" for action, said in wrong.items())


def tag_the_definition(ecs: Any) -> None:
    """Have the live task definition carry a tag, which a delivery must keep."""
    where = {"cluster": f"shop-{ENVIRONMENT}", "services": ["web"]}
    live = ecs.describe_services(**where)["services"][0]["taskDefinition"]
    definition = ecs.describe_task_definition(taskDefinition=live)["taskDefinition"]
    kept = ("family", "containerDefinitions", "executionRoleArn", "taskRoleArn", "networkMode")
    made = ecs.register_task_definition(
        **{name: definition[name] for name in kept},
        cpu=definition["cpu"],
        memory=definition["memory"],
        tags=[{"key": "team", "value": "shop"}],
    )["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=where["cluster"], service="web", taskDefinition=made)
    compute.wait_until_steady([(ecs, BLUEPRINT.layer(ENVIRONMENT))])
