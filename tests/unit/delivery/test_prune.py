"""Old revisions: what is shown, what goes while nobody delivers, and who may take it away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fake_clock import Clock

from shipway.cli.prune import lines, run
from shipway.delivery import maintenance
from shipway.delivery.prune import Pruning, carry_out, look
from shipway.delivery.status import open_environment
from shipway.errors import AccessDeniedError, LockedError, RefusedError, UsageError
from shipway.lock.lease import claim
from shipway.lock.lease import look as lock_look
from shipway.lock.log import Holder
from shipway.policy.contract import PRUNE

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

NAME = "/shipway/shop/staging/lock"
BY_HAND = 'environments = ["staging"]\ntasks = ["build", "publish", "deploy", "verify"]\n'
MAY_PRUNE = BY_HAND.replace('"verify"]', '"verify", "prune"]')


def released(world: World, count: int) -> list[str]:
    """Deliver so many commits, each good; the family's revisions, the newest first."""
    for number in range(count):
        world.git.commit = replace(world.git.commit, sha=f"{number:040x}")
        world.builder.content = f"{number}".encode()
        assert world.deliver().exit_code == 0
    ecs = world.cloud.ecs
    arns = sorted(ecs.definitions, key=lambda arn: -int(arn.rpartition(":")[2]))
    world.cloud.revisions.families["shop"] = tuple(arns)
    world.cloud.revisions.used[ecs.updates[-1].rpartition("/")[2]] = "service shop-web of shop"
    return arns


def allow(world: World) -> None:
    text = (world.root / "ci" / "release.toml").read_text(encoding="utf-8")
    world.write("release.toml", text.replace(BY_HAND, MAY_PRUNE))


def shown(world: World, keep: int) -> Pruning:
    return look(*open_environment("staging", world.context), world.context, keep)


def pruned(world: World, keep: int) -> Pruning:
    trigger = maintenance.asker("staging", world.context, PRUNE)
    environment, aws = open_environment("staging", world.context)
    return carry_out(
        environment, aws, world.context, trigger, keep=keep, observer=world.events.append
    )


def test_what_old_releases_left_goes_and_nothing_that_is_needed(world: World) -> None:
    arns = released(world, 5)
    allow(world)
    going = [fate.arn for fate in shown(world, 2).going]
    # The first of all was not delivered by us: its image is, so it goes with the others.
    assert going == list(reversed(arns[2:]))
    assert world.cloud.revisions.gone == []
    assert [fate.arn for fate in pruned(world, 2).going] == going
    assert world.cloud.revisions.gone == going
    assert lock_look(world.cloud.locks, NAME).free
    assert pruned(world, 2).going == ()
    # The way back is there as before.
    assert world.deliver("rollback").exit_code == 0


def test_what_cannot_be_seen_is_not_unused(world: World) -> None:
    released(world, 3)
    allow(world)
    world.cloud.revisions.fails = AccessDeniedError("scheduler:ListSchedules is not allowed")
    with pytest.raises(AccessDeniedError):
        pruned(world, 1)
    assert world.cloud.revisions.gone == []


def test_nobody_prunes_while_somebody_delivers(world: World) -> None:
    released(world, 3)
    allow(world)
    ada = Holder(nonce="a1", owner="ada", run="https://run/1", version="0", since="", expiry=180)
    claim(world.cloud.locks, NAME, ada, Clock())
    with pytest.raises(LockedError, match="ada"):
        pruned(world, 1)
    assert world.cloud.revisions.gone == []


def test_whoever_may_deploy_may_not_prune_for_that(world: World) -> None:
    with pytest.raises(RefusedError):
        maintenance.asker("staging", world.context, PRUNE)
    allow(world)
    assert maintenance.asker("staging", world.context, PRUNE).by_hand
    assert world.deliver().exit_code == 0, "and whoever may both does both"


def test_who_may_not_look_is_told_of_the_contract_before_iam(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A statement added to IAM by hand would not be the last: the contract renders them all."""
    monkeypatch.setattr("shipway.cli.prune.delivery_context", lambda _: world.context)
    world.cloud.revisions.fails = AccessDeniedError("ecs:ListClusters is not allowed")
    assert run("staging", json=False) == 20
    assert "ecs:ListClusters" not in capsys.readouterr().out
    allow(world)
    assert run("staging", json=False) == 16
    assert "ecs:ListClusters" in capsys.readouterr().out


@pytest.mark.parametrize("keep", [0, -3])
def test_none_cannot_be_kept(world: World, keep: int) -> None:
    with pytest.raises(UsageError) as caught:
        shown(world, keep)
    assert caught.value.where == "--keep"


def test_it_is_shown_what_goes_and_why_the_others_stay(world: World) -> None:
    arns = released(world, 4)
    found = shown(world, 1)
    document = {"environment": "staging", "families": found.document()}
    text = "\n".join(lines(document))
    for arn in arns[1:]:
        assert f"goes        {arn.rpartition('/')[2]}" in text
    assert f"{arns[0].rpartition('/')[2]}: used by service shop-web of shop" in text
