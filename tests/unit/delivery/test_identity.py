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


def test_without_one_it_is_the_role_of_githubs_runs(world: World) -> None:
    ask(world, 'by_hand_role = "*"\n', "")
    assert world.deliver("publish").kind == "succeeded"
    world.cloud.store.pushes.clear()
    world.builder.requests.clear()
    world.events.clear()
    world.cloud.key, world.cloud.arn = "AKIAEXAMPLE", USER
    assert turned_away(world) == (
        "staging is delivered by role shop-deploy-staging, not by who you are"
    )


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
