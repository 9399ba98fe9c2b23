"""An environment's lock by hand: who may hold it, who may release whose, and what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fake_clock import Clock

from shipway.delivery import maintenance
from shipway.delivery.status import open_environment
from shipway.errors import ConfigurationError, LockedError, RefusedError, UsageError
from shipway.lock.lease import claim
from shipway.lock.log import NEVER, Holder

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.config.environment import Environment
    from shipway.delivery.ports import Aws

NAME = "/shipway/shop/staging/lock"
ADA = Holder(nonce="a1", owner="ada", run="https://run/1", version="0.3", since="", expiry=180)


def opened(world: World) -> tuple[Environment, Aws]:
    return open_environment("staging", world.context)


def test_whoever_may_deploy_holds_it_and_gives_it_back(world: World) -> None:
    environment, aws = opened(world)
    us = maintenance.asker("staging", world.context)
    found = maintenance.hold(environment, aws, world.context, us, "moving the database")
    assert found.lock.holder is not None
    assert (found.lock.holder.expiry, found.lock.holder.owner) == (NEVER, us.actor)
    text = maintenance.text(environment, found)
    assert "moving the database" in text
    assert "until it is released" in text
    # A delivery does not begin meanwhile, not even one of the same person.
    outcome = world.deliver()
    assert outcome.exit_code == 26
    assert world.changed == (0, 0, 0)
    before = maintenance.give_back(environment, aws, us, "")
    assert before == found.lock.holder
    assert world.deliver().exit_code == 0


def test_nobody_holds_what_is_held(world: World) -> None:
    environment, aws = opened(world)
    claim(world.cloud.locks, NAME, ADA, Clock())
    us = maintenance.asker("staging", world.context)
    with pytest.raises(LockedError, match="ada"):
        maintenance.hold(environment, aws, world.context, us, "x")


def test_somebody_elses_is_released_only_where_their_name_is_said(world: World) -> None:
    environment, aws = opened(world)
    claim(world.cloud.locks, NAME, ADA, Clock())
    us = maintenance.asker("staging", world.context)
    for words in ("", "eve"):
        with pytest.raises(UsageError) as caught:
            maintenance.give_back(environment, aws, us, words)
        assert '--release --held-by "ada"' in caught.value.remedy
    assert not maintenance.seen(environment, aws).free
    assert maintenance.give_back(environment, aws, us, "ada") is not None
    assert maintenance.seen(environment, aws).free
    assert maintenance.give_back(environment, aws, us, "ada") is None


def test_who_may_not_deploy_holds_nothing(world: World) -> None:
    text = (world.root / "ci" / "release.toml").read_text(encoding="utf-8")
    contract = text.replace(
        'environments = ["staging"]\ntasks = ["build", "publish", "deploy", "verify"]',
        'environments = ["staging"]\ntasks = ["build", "publish"]',
    )
    world.write("release.toml", contract)
    with pytest.raises(RefusedError):
        maintenance.asker("staging", world.context)


def test_a_machine_that_says_it_is_a_person_holds_nothing(world: World) -> None:
    world.variables["BUILDKITE_BUILD_ID"] = "7"
    with pytest.raises(RefusedError, match="person"):
        maintenance.asker("staging", world.context)


def test_without_a_lock_there_is_none_to_show(world: World) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    world.write("delivery.toml", f"{text}[environments.staging.lock]\nuse = false\n")
    environment, aws = opened(world)
    with pytest.raises(ConfigurationError, match="has no lock"):
        maintenance.seen(environment, aws)


def test_it_is_shown_as_an_object_and_in_words(world: World) -> None:
    environment, aws = opened(world)
    found = maintenance.seen(environment, aws)
    assert maintenance.document(environment, found)["held"] is False
    assert maintenance.text(environment, found) == "staging is held by nobody"
    claim(world.cloud.locks, NAME, replace(ADA, expiry=60), Clock())
    world.cloud.locks.wait(20)
    document = maintenance.document(environment, maintenance.seen(environment, aws))
    assert (document["held"], document["owner"], document["left"]) == (True, "ada", 40)
    world.cloud.locks.wait(60)
    document = maintenance.document(environment, maintenance.seen(environment, aws))
    assert (document["held"], document["expired"]) == (False, True)
    assert "takes it over" in str(document["text"])
