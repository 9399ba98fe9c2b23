"""The lock around a delivery: before its first change, to its end, whatever that is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fake_clock import Clock

from shipway.errors import AccessDeniedError, AwsError, TerminatedError
from shipway.lock.lease import claim, look, release
from shipway.lock.log import NEVER, Holder
from shipway.observer import Concluded, Failed, Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.delivery.ending import DeliveryOutcome

NAME = "/shipway/shop/staging/lock"
ADA = Holder(
    nonce="a1", owner="ada", run="https://run/1", version="0.3", since="", expiry=180, reason="v2"
)


def hold(world: World, holder: Holder = ADA) -> None:
    assert claim(world.cloud.locks, NAME, holder, Clock()).lease is not None
    world.cloud.locks.calls.clear()


def configure(world: World, *lines: str) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    table = "\n".join(["[environments.staging.lock]", *lines])
    world.write("delivery.toml", f"{text}{table}\n")


def free(world: World) -> bool:
    return look(world.cloud.locks, NAME).free


def record(world: World, outcome: DeliveryOutcome) -> Any:
    return world.record(outcome)["predicate"]


def texts(world: World) -> list[str]:
    noticed = [event for event in world.events if isinstance(event, Noticed)]
    return [event.text for event in noticed if event.stage == "lock"]


def test_a_delivery_holds_it_for_four_calls_and_the_record_says_so(world: World) -> None:
    outcome = world.deliver()
    assert outcome.exit_code == 0
    assert world.cloud.locks.calls == ["read", "write", "write", "write"]
    assert free(world)
    lock: Any = record(world, outcome)["lock"]
    run = lock.pop("run")
    assert run.startswith("process ")
    assert lock == {
        "parameter": NAME,
        "token": 1,
        "owner": record(world, outcome)["trigger"]["actor"],
        "since": "2026-11-22T23:40:58Z",
        "expiry": 180,
        "waited": 0.0,
        "takenOver": "",
        "signs": 1,
        "lost": "",
        "released": True,
    }


@pytest.mark.parametrize(
    ("expiry", "todo"),
    [(NEVER, "ask whether that is done; nox -s lock -- --env staging --release releases it"),
     (180, "wait for its end; nox -s lock -- --env staging shows it")],
)  # fmt: skip
def test_nobody_is_told_to_wait_for_what_never_runs_out(
    world: World, expiry: int, todo: str
) -> None:
    hold(world, replace(ADA, expiry=expiry))
    assert world.deliver().exit_code == 26
    [failed] = [event for event in world.events if isinstance(event, Failed)]
    assert any(f"{todo}. Nothing was changed" in line for row in failed.details
               for line in row.lines)  # fmt: skip


@pytest.mark.parametrize("task", ["build", "publish", "verify"])
def test_what_rolls_nothing_out_takes_none(world: World, task: str) -> None:
    world.deliver(task)
    assert world.cloud.locks.calls == []


def test_a_person_is_refused_at_once_and_told_by_whom_and_since_when(world: World) -> None:
    hold(world)
    began = world.clock.now()
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("locked", 26)
    assert world.changed == (0, 0, 0)
    assert world.clock.now() == began
    [failed] = world.of(Failed)
    assert isinstance(failed, Failed)
    for word in ("staging", "ada", "https://run/1", "2026-11-22T23:40:58Z", "v2"):
        assert word in failed.text
    lines = [line for detail in failed.details for line in detail.lines]
    assert any("last sign of life 0 s ago" in line for line in lines)
    assert any("nox -s lock -- --env staging" in line for line in lines)
    assert not free(world)


def test_a_run_of_github_waits_and_takes_over_what_ran_out(world: World) -> None:
    hold(world)
    world.push()
    outcome = world.deliver(env=None)
    assert outcome.exit_code == 0
    lock = record(world, outcome)["lock"]
    assert 180 < lock["waited"] <= 190
    assert "ada" in lock["takenOver"]
    assert lock["owner"] == "mona"
    assert lock["run"].endswith("/octo/shop/actions/runs/42") or lock["run"].startswith("process")
    waits, takes = texts(world)
    assert "600 s" in waits
    assert "ran out" in takes


def test_a_run_that_waited_in_vain_says_for_how_long(world: World) -> None:
    hold(world, replace(ADA, expiry=NEVER, reason="moving the database"))
    world.push()
    outcome = world.deliver(env=None)
    assert outcome.exit_code == 26
    [failed] = world.of(Failed)
    assert isinstance(failed, Failed)
    assert "after 600 s" in failed.text
    assert "moving the database" in failed.text
    assert any("until it is released" in line for each in failed.details for line in each.lines)


def test_how_long_it_waits_is_configured(world: World) -> None:
    configure(world, "wait = 30", "expiry = 20")
    hold(world)
    began = world.clock.now()
    assert world.deliver().exit_code == 26
    assert (world.clock.now() - began).total_seconds() == pytest.approx(30, abs=0.01)


def test_it_can_be_left_out(world: World) -> None:
    configure(world, "use = false")
    hold(world)
    outcome = world.deliver()
    assert outcome.exit_code == 0
    assert world.cloud.locks.calls == []
    assert record(world, outcome).get("lock") is None


@pytest.mark.parametrize("ends", ["rolled-back", "signal", "verification", "bug"])
def test_it_is_given_back_however_the_delivery_ends(world: World, ends: str) -> None:
    ecs = world.cloud.ecs
    if ends == "rolled-back":
        ecs.ends = "rolled-back"
    elif ends == "signal":
        ecs.at_look[1] = TerminatedError("ended by SIGTERM")
    elif ends == "verification":
        world.address.answers = [500]
    else:
        ecs.fails["register"] = ZeroDivisionError("a bug")
    if ends == "bug":
        with pytest.raises(ZeroDivisionError):
            world.deliver()
    else:
        assert world.deliver().exit_code != 0
    assert free(world)


def test_a_lock_that_was_taken_away_before_the_rollout_stops_it(world: World) -> None:
    before = world.builder.build

    def build(request: Any, tell: Any, _stop: Any = None) -> Any:
        release(world.cloud.locks, NAME, look(world.cloud.locks, NAME), "eve")
        hold(world)
        return before(request, tell)

    world.builder.build = build  # type: ignore[method-assign,assignment]  # somebody comes meanwhile
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("lock-lost", 27)
    assert world.changed[1:] == (0, 0)
    assert "ada" in record(world, outcome)["lock"]["lost"]
    assert not free(world)


def test_a_role_that_may_not_hold_it_is_told_the_statement(world: World) -> None:
    arn = f"arn:aws:ssm:eu-west-1:111122223333:parameter{NAME}"
    world.cloud.locks.fails = AccessDeniedError(
        "ssm:PutParameter is not allowed: User: x is not authorized to perform: "
        f"ssm:PutParameter on resource: {arn}",
        where=NAME,
    )
    assert world.deliver().exit_code == 16
    assert world.changed == (0, 0, 0)
    [failed] = world.of(Failed)
    assert isinstance(failed, Failed)
    assert any("ssm:PutParameter" in line for each in failed.details for line in each.lines)


def test_a_lock_that_cannot_be_given_back_fails_no_release(world: World) -> None:
    def trouble(*_: Any) -> None:
        world.cloud.locks.fails = AwsError("AWS cannot be reached")

    world.address.answers = [200]
    get = world.address.get

    def answers(url: str, seconds: float) -> Any:
        trouble()
        return get(url, seconds)

    world.address.get = answers  # type: ignore[method-assign]  # the network breaks off
    outcome = world.deliver()
    assert outcome.exit_code == 0
    assert record(world, outcome)["lock"]["released"] is False
    assert any("could not be given back" in text for text in texts(world))
    assert isinstance(world.events[-1], Concluded)
