"""Whose credentials are renewed, as whom, and for whom nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shipway.observer import Noticed
from shipway.policy.requirements import GITHUB_ISSUER

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop-deploy-staging"


def change(world: World, name: str, old: str, new: str) -> None:
    file = world.root / "ci" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_githubs_job_is_renewed_as_the_very_role_and_session_that_was_checked(
    world: World,
) -> None:
    world.push()
    assert world.deliver(env=None).kind == "succeeded"
    (renewal,) = world.cloud.renewals
    assert (renewal.role, renewal.arn) == (ROLE, world.cloud.arn)
    assert world.github.tokens == [], "no token is asked for before one is due"
    assert renewal.token() == "a token"
    assert world.github.tokens == [(GITHUB_ISSUER, "sts.amazonaws.com")]


def test_a_renewal_is_told_and_what_it_brings_is_hidden(world: World) -> None:
    world.push()
    world.deliver(env=None)
    (renewal,) = world.cloud.renewals
    renewal.hide(("new-secret-key",))
    renewal.tell("renewed, by no means new-secret-key", "warning")
    event = world.events[-1]
    assert isinstance(event, Noticed)
    assert (event.level, event.text) == ("warning", "renewed, by no means ***")


def test_the_path_of_the_role_is_the_contracts(world: World) -> None:
    world.push()
    head = "[environments.staging]"
    change(world, "release.toml", head, f'{head}\nrole_path = "/ci/"')
    assert world.deliver(env=None).kind == "succeeded"
    (renewal,) = world.cloud.renewals
    assert renewal.role == f"arn:aws:iam::{ACCOUNT}:role/ci/shop-deploy-staging"


@pytest.mark.parametrize("value", ["off", "OFF"])
def test_a_job_can_keep_to_what_its_step_gave(world: World, value: str) -> None:
    world.push()
    world.variables["SHIPWAY_RENEW_CREDENTIALS"] = value
    assert world.deliver(env=None).kind == "succeeded"
    assert world.cloud.renewals == []


def test_a_person_keeps_their_own_credentials(world: World) -> None:
    assert world.deliver().kind == "succeeded"
    assert world.cloud.renewals == []


def test_whoever_is_turned_away_is_renewed_nowhere(world: World) -> None:
    world.push()
    world.cloud.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/another/ci"
    assert world.deliver(env=None).kind == "identity"
    assert world.cloud.renewals == []
