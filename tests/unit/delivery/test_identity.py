"""Who AWS says we are, against the contract's role and the environment's account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shipway.observer import Failed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

ACCOUNT = "111122223333"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/shop-deploy-staging/ci"
USER, ROOT = f"arn:aws:iam::{ACCOUNT}:user/mona", f"arn:aws:iam::{ACCOUNT}:root"
LONG = "a long-lived AWS key is in use in GitHub Actions"
SHORT = "a long-lived AWS key is in use, and staging takes short-lived ones only"


def ask(world: World, old: str, new: str) -> None:
    path = world.root / "ci" / "release.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def turned_away(world: World, task: Any = "deploy") -> str:
    """Deliver, be turned away as somebody else, and say why; nothing was built or changed."""
    outcome = world.deliver(task, env=None if world.variables else "staging")
    assert (outcome.kind, outcome.exit_code) == ("identity", 15)
    assert (world.changed, world.builder.requests) == ((0, 0, 0), [])
    identity = world.record(outcome)["predicate"]["identity"]
    assert identity["arn"] == world.cloud.arn
    assert identity["key"] == world.cloud.key[:4], "the kind of the key, never the key"
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.stage == "identity"
    return failed.text


@pytest.mark.parametrize(
    ("key", "arn"),
    [
        ("AKIAEXAMPLE", USER),
        ("AKIAEXAMPLE", ROOT),
        ("AKIAEXAMPLE", ROLE),
        ("ASIAEXAMPLE", USER),
        ("ASIAEXAMPLE", ROOT),
        ("ASIAEXAMPLE", f"arn:aws:sts::{ACCOUNT}:federated-user/mona"),
        ("asiaEXAMPLE", ROLE),
        ("", ROLE),
    ],
)
@pytest.mark.parametrize("task", ["build", "deploy"])
def test_in_github_a_long_lived_key_is_refused_always(
    world: World, key: str, arn: str, task: str
) -> None:
    world.push()
    world.cloud.key, world.cloud.arn = key, arn
    assert turned_away(world, task) == LONG


@pytest.mark.parametrize(("key", "arn"), [("AKIAEXAMPLE", USER), ("ASIAEXAMPLE", ROOT)])
def test_on_a_laptop_it_is_refused_where_the_contract_marks_it(
    world: World, key: str, arn: str
) -> None:
    world.cloud.key, world.cloud.arn = key, arn
    assert world.deliver("publish").kind == "succeeded", "not marked"
    world.cloud.store.pushes.clear()
    world.builder.requests.clear()
    world.events.clear()
    ask(world, 'by_hand_role = "*"', 'by_hand_role = "*"\nshort_lived_keys_only = true')
    assert turned_away(world) == SHORT


@pytest.mark.parametrize(
    "role", ["shop-deploy-production", "shop-deploy-staging2", "Shop-Deploy-Staging", "x"]
)
def test_in_github_the_role_is_the_contracts(world: World, role: str) -> None:
    world.push()
    world.cloud.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/ci"
    assert turned_away(world) == (
        f"staging is delivered by role shop-deploy-staging, not by {role}"
    )


def test_a_person_has_a_role_of_their_own(world: World) -> None:
    ask(world, 'by_hand_role = "*"', 'by_hand_role = "developer"')
    assert turned_away(world) == (
        "staging is delivered by role developer, not by shop-deploy-staging"
    )
    world.events.clear()
    world.cloud.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/developer/mona"
    assert world.deliver("publish").kind == "succeeded"


def test_without_one_no_person_may_come_least_of_all_as_githubs_runs(world: World) -> None:
    ask(world, 'by_hand_role = "*"\n', "")
    outcome = world.deliver("publish")
    assert (outcome.kind, outcome.exit_code) == ("configuration", 10)
    assert (world.changed, world.builder.requests) == ((0, 0, 0), [])


PEOPLE = (
    'by_hand_role = "by-hand"\nby_hand_principals = ["AWSReservedSSO_Dev_*"]\n'
    'role_path = "/delivery/"\nshort_lived_keys_only = true'
)
SSO = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/mona@example.com"


def test_a_person_goes_on_as_the_role_that_the_contract_gives_to_people(world: World) -> None:
    ask(world, 'by_hand_role = "*"', PEOPLE)
    world.cloud.arn = SSO
    outcome = world.deliver()
    assert outcome.kind == "succeeded"
    role = f"arn:aws:iam::{ACCOUNT}:role/delivery/by-hand"
    assert world.cloud.assumed == [(role, "mona@example.com")]
    identity = world.record(outcome)["predicate"]["identity"]
    assert identity["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/by-hand/mona@example.com"
    assert identity["expectedRole"] == "by-hand"


def test_whoever_is_that_role_already_assumes_nothing(world: World) -> None:
    ask(world, 'by_hand_role = "*"', PEOPLE)
    world.cloud.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/by-hand/mona"
    assert world.deliver("publish").kind == "succeeded"
    assert world.cloud.assumed == []


def test_a_person_whom_the_role_does_not_trust_reads_whom_it_does(world: World) -> None:
    ask(world, 'by_hand_role = "*"', PEOPLE)
    world.cloud.arn = SSO
    world.cloud.trusts = False
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("access-denied", 16)
    assert (world.changed, world.builder.requests) == ((0, 0, 0), [])
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    told = "\n".join(line for detail in failed.details for line in detail.lines)
    assert f"it trusts AWSReservedSSO_Dev_*; you are {SSO}" in told
    assert '"Action": "sts:AssumeRole"' in told
    assert "nox -s bootstrap -- --env staging --apply" in told


@pytest.mark.parametrize(
    ("key", "arn", "text"),
    [
        ("AKIAEXAMPLE", USER, SHORT),
        (
            "ASIAEXAMPLE",
            SSO.replace(ACCOUNT, "999988887777"),
            f"these credentials belong to account 999988887777, but staging is {ACCOUNT}",
        ),
    ],
)
def test_what_a_person_comes_with_is_looked_at_before_the_role_is_assumed(
    world: World, key: str, arn: str, text: str
) -> None:
    ask(world, 'by_hand_role = "*"', PEOPLE)
    world.cloud.key, world.cloud.arn = key, arn
    world.cloud.account = arn.split(":")[4]
    outcome = world.deliver()
    assert (outcome.kind, world.cloud.assumed) == ("identity", [])
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.text == text


def test_people_of_another_account_may_be_named(world: World) -> None:
    role = "arn:aws:iam::999988887777:role/team/leads"
    ask(world, 'by_hand_role = "*"', PEOPLE.replace('"AWSReservedSSO_Dev_*"', f'"{role}"'))
    world.cloud.account = "999988887777"
    world.cloud.arn = "arn:aws:sts::999988887777:assumed-role/leads/x"
    assert world.deliver("publish").kind == "succeeded"
    assert [session for _, session in world.cloud.assumed] == ["x-by-hand"]


@pytest.mark.parametrize(
    ("name", "value", "service"),
    [
        ("CI", "true", "a build service"),
        ("GITLAB_CI", "true", "GitLab CI"),
        ("JENKINS_URL", "https://ci.example/", "Jenkins"),
        ("BUILDKITE", "true", "Buildkite"),
        ("CIRCLECI", "true", "CircleCI"),
        ("TF_BUILD", "True", "Azure Pipelines"),
        ("TEAMCITY_VERSION", "2026.1", "TeamCity"),
        ("BITBUCKET_BUILD_NUMBER", "7", "Bitbucket Pipelines"),
        ("TRAVIS", "true", "Travis CI"),
        ("CODEBUILD_BUILD_ID", "shop:1", "AWS CodeBuild"),
        ("DRONE", "true", "Drone"),
        ("GITHUB_ACTIONS", "1", "GitHub Actions"),
    ],
)
@pytest.mark.parametrize("task", ["build", "deploy", "verify"])
def test_by_hand_is_a_person_and_no_build_service(
    world: World, task: str, name: str, value: str, service: str
) -> None:
    world.variables[name] = value
    outcome = world.deliver(task)
    assert (outcome.kind, outcome.exit_code) == ("refused", 20)
    assert (world.opened, world.builder.requests) == (0, [])
    reasons = world.record(outcome)["predicate"]["decision"]["reasons"]
    assert [reason["why"] for reason in reasons] == [f"{service} runs this: {name} is set"]


def test_a_build_service_may_deliver_to_the_embedded_sandbox_by_hand(world: World) -> None:
    delivery = world.root / "ci" / "delivery.toml"
    text = delivery.read_text()
    delivery.write_text(text.replace('cluster = "shop"', 'cluster = "shop"\nsandbox = true'))
    world.variables["CI"] = "true"
    assert world.deliver("publish").kind == "succeeded"


def test_a_variable_that_says_no_is_none(world: World) -> None:
    world.variables |= {"CI": "false", "TRAVIS": "0", "GITLAB_CI": "", "GITHUB_TOKEN": "x"}
    assert world.deliver("publish").kind == "succeeded"


def test_two_files_may_not_name_two_roles(world: World) -> None:
    delivery = world.root / "ci" / "delivery.toml"
    text = delivery.read_text()
    delivery.write_text(text.replace('cluster = "shop"', 'cluster = "shop"\nrole = "deployer"'))
    world.push()
    outcome = world.deliver(env=None)
    assert (outcome.kind, outcome.exit_code) == ("configuration", 10)
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.text == "two files name another role for staging"
    assert failed.details[0].lines == (
        "ci/delivery.toml: environments.staging.role is deployer",
        f"{world.root}/ci/release.toml: environments.staging asks for shop-deploy-staging",
    )


def test_what_was_found_is_in_the_record(world: World) -> None:
    world.push()
    outcome = world.deliver(env=None)
    assert world.record(outcome)["predicate"]["identity"] == {
        "account": ACCOUNT,
        "arn": ROLE,
        "userId": "",
        "role": "shop-deploy-staging",
        "key": "ASIA",
        "shortLived": True,
        "expectedAccount": ACCOUNT,
        "expectedRole": "shop-deploy-staging",
    }
