"""What fails after the rollout goes back to what ran before, is told, and is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shipway.errors import AwsError, ShipwayError
from shipway.observer import Concluded, Event, Failed, Noticed, PutBack, Skipped, Started

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

LEAVE = 'on_failure = "leave"\n'
ALARMS = 'alarms = ["shop-5xx"]\n'
# Two in a row prove the release; what comes after is asked during the hold.
GOOD_AT_FIRST: list[int | BaseException] = [200, 200]


def moves(world: World) -> list[str]:
    """The revisions that the service was given, in order."""
    return [arn.rpartition(":")[2] for arn in world.cloud.ecs.updates]


def settings(world: World, lines: str) -> None:
    file = world.root / "ci" / "delivery.toml"
    file.write_text(file.read_text() + lines)


def last(world: World) -> Concluded:
    event = world.events[-1]
    assert isinstance(event, Concluded)
    return event


def failed(world: World) -> Failed:
    (event,) = [event for event in world.events if isinstance(event, Failed)]
    return event


def predicate(world: World, outcome: Any) -> dict[str, Any]:
    document: dict[str, Any] = world.record(outcome)["predicate"]
    return document


def test_a_failed_verification_goes_back(world: World) -> None:
    world.address.answers = [500]
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("verification-failed", 40)
    assert moves(world) == ["42", "41"]
    assert failed(world).stage == "verify"
    (back,) = world.of(PutBack)
    assert isinstance(back, PutBack)
    assert back.text.startswith("put back to shop:41 (0000…), 1 of 1 running")
    assert last(world).text == "Release failed: web did not verify, web put back."
    (fact,) = predicate(world, outcome)["putBack"]
    assert (fact["key"], fact["end"], fact["why"]) == ("web", "put back", "web did not verify")
    assert fact["conclusion"]["verdict"]["name"] == "succeeded"


@pytest.mark.parametrize("answers", [[500], [*GOOD_AT_FIRST, 500]])
def test_it_is_left_as_configured(world: World, answers: list[int | BaseException]) -> None:
    settings(world, LEAVE)
    world.address.answers = answers
    outcome = world.deliver()
    assert outcome.exit_code in {40, 41}
    assert moves(world) == ["42"]
    assert last(world).text.endswith(", web left.")


def test_a_verification_alone_changes_nothing(world: World) -> None:
    world.deliver()
    world.events.clear()
    world.address.answers = [500]
    assert world.deliver("verify").exit_code == 40
    assert moves(world) == ["42"]


def test_what_does_not_hold_goes_back_with_its_cause(world: World) -> None:
    world.address.answers = [*GOOD_AT_FIRST, 200, 500]
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("did-not-hold", 41)
    assert moves(world) == ["42", "41"]
    assert failed(world).stage == "hold"
    assert "https://staging.shop.example/health answered" in failed(world).text
    assert last(world).text == "Release failed: web did not hold, web put back."
    found = predicate(world, outcome)
    (held,) = found["holds"]
    assert (held["end"], held["cause"]["kind"], held["seconds"]) == ("broken", "address", 60)
    assert found["putBack"][0]["end"] == "put back"
    assert found["services"][0]["verdict"]["name"] == "succeeded"


def test_what_holds_is_recorded(world: World) -> None:
    settings(world, 'hold = 30\nalarms = ["shop-5xx"]\n')
    world.cloud.alarms.now = {"shop-5xx": ["OK"]}
    outcome = world.deliver()
    assert outcome.exit_code == 0
    (held,) = predicate(world, outcome)["holds"]
    assert (held["end"], held["held"], held["alarms"]) == ("held", 30, ["shop-5xx"])
    assert len(world.cloud.alarms.asked) >= 3


def test_a_hold_of_0_is_said_and_not_made(world: World) -> None:
    settings(world, f"hold = 0\n{ALARMS}")
    assert world.deliver().exit_code == 0
    assert [event.text for event in world.of(Skipped) if isinstance(event, Skipped)] == ["hold = 0"]
    assert world.cloud.alarms.asked == []


def test_an_alarm_that_does_not_exist_is_refused_before_the_rollout(world: World) -> None:
    settings(world, ALARMS)
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("configuration", 10)
    assert world.changed == (1, 0, 0)
    details = [line for part in failed(world).details for line in part.lines]
    assert "environments.staging.services.web.alarms: shop-5xx" in details
    assert any("nothing was rolled out" in line for line in details)


def test_an_alarm_that_goes_off_breaks_it(world: World) -> None:
    settings(world, ALARMS)
    world.cloud.alarms.now = {"shop-5xx": ["OK", "OK", "ALARM"]}
    assert world.deliver().exit_code == 41
    assert "alarm shop-5xx went off" in failed(world).text
    assert moves(world) == ["42", "41"]


def test_an_alarm_that_was_off_before_is_said_and_breaks_nothing(world: World) -> None:
    settings(world, ALARMS)
    world.cloud.alarms.now = {"shop-5xx": ["ALARM"]}
    assert world.deliver().exit_code == 0
    warnings = [event.text for event in world.of(Noticed) if isinstance(event, Noticed)]
    assert any("alarm shop-5xx is off before the rollout" in text for text in warnings)


def test_an_alarm_that_cannot_be_read_to_the_end_is_no_verdict(world: World) -> None:
    settings(world, ALARMS)
    world.cloud.alarms.now = {"shop-5xx": ["OK"]}

    def forget(event: Event) -> None:
        world.events.append(event)
        if isinstance(event, Started) and event.stage == "hold":
            world.cloud.alarms.fails = AwsError("throttled", remedy="wait")

    outcome = world.deliver_to(forget)
    assert (outcome.kind, outcome.exit_code) == ("aws", 17)
    assert moves(world) == ["42"]


def test_ctrl_c_while_it_is_held_says_what_is_in_service(world: World) -> None:
    world.address.answers = [*GOOD_AT_FIRST, 200, KeyboardInterrupt()]
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("interrupted", 130)
    assert moves(world) == ["42"]
    said = [line for part in failed(world).details for line in part.lines]
    assert "web: shop:42 is in service; held 8 s of 60" in said
    assert any("it stays in service" in line for line in said)


@pytest.mark.parametrize("fails", [AwsError("throttled", remedy="wait")])
def test_what_cannot_be_put_back_is_the_worse_news(world: World, fails: ShipwayError) -> None:
    world.address.answers = [*GOOD_AT_FIRST, 500]

    def refuse(event: Event) -> None:
        world.events.append(event)
        if isinstance(event, Started) and event.stage == "hold":
            world.cloud.ecs.fails["update"] = fails

    outcome = world.deliver_to(refuse)
    assert (outcome.kind, outcome.exit_code) == ("rollback-failed", 32)
    assert last(world).text == "Release failed: web did not hold, web not put back."
    (fact,) = predicate(world, outcome)["putBack"]
    assert fact["end"] == "not put back"
    assert "throttled" in fact["text"]


def test_a_rehearsal_holds_no_longer_than_it_says(world: World) -> None:
    world.longest_hold = 1.0
    outcome = world.deliver()
    (held,) = predicate(world, outcome)["holds"]
    assert (held["asked"], held["seconds"], held["end"]) == (60, 1, "held")
    texts = [event.text for event in world.of(Noticed) if isinstance(event, Noticed)]
    assert "for 1 s of 60, as SHIPWAY_LONGEST_HOLD says" in texts
