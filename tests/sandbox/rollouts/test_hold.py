"""Releases that are good at first: what happens in the seconds after success, for real."""

from __future__ import annotations

import socket
import threading
from typing import Any

from tests.sandbox.rollouts.ground import GOOD
from tests.sandbox.rollouts.releasing import Meddle, Released, release
from tests.sandbox.rollouts.shop import Shop

from shipway.observer import Event, Holding, Started

HOLD = 12
_TOLD = "/bin/busybox httpd -f -p 8080 -h /www & /bin/busybox nc -l -p 9090; "
_CRASHES = f"{_TOLD} echo 'pool exhausted'; exit 7"
_LEAKS = f"{_TOLD} echo 'fills its cache'; a=x; while :; do a=$a$a; done"


def _tell_one(shop: Shop) -> None:
    """Have the program of one task end or leak: it waits for a connection."""
    [balancer] = shop.described()["loadBalancers"]
    health = shop.grounds.elb.describe_target_health(TargetGroupArn=balancer["targetGroupArn"])
    targets = health["TargetHealthDescriptions"]
    good = next(each for each in targets if each["TargetHealth"]["State"] == "healthy")
    socket.create_connection((good["Target"]["Id"], 9090), timeout=5).close()


def _while_held(shop: Shop, act: Any, after: float = 3.0) -> Meddle:
    """Act some seconds after the hold began, as anything does that happens meanwhile."""

    def meddle(event: Event) -> None:
        if isinstance(event, Started) and event.stage == "hold":
            threading.Timer(after, act, (shop,)).start()

    return meddle


def _released(script: str, act: Any = None, **settings: Any) -> Any:
    def part(shop: Shop) -> Released:
        meddle = _while_held(shop, act) if act is not None else None
        return release([shop], script, {"hold": HOLD, **settings}, meddle)

    return part


def _scale(shop: Shop) -> None:
    shop.ecs.update_service(cluster="tests", service=shop.name, desiredCount=1)


def _alarm(shop: Shop) -> str:
    name = f"{shop.name}-5xx"
    shop.grounds.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        MetricName="HTTPCode_Target_5XX_Count",
        Namespace="AWS/ApplicationELB",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    _set_alarm(shop, "OK")
    return name


def _set_alarm(shop: Shop, state: str = "ALARM") -> None:
    shop.grounds.client("cloudwatch").set_alarm_state(
        AlarmName=f"{shop.name}-5xx", StateValue=state, StateReason="Threshold Crossed"
    )


def _alarmed(shop: Shop) -> Released:
    settings = {"hold": HOLD, "alarms": (_alarm(shop),)}
    return release([shop], f"echo alarm; {GOOD}", settings, _while_held(shop, _set_alarm))


def _no_alarm(shop: Shop) -> Released:
    return release([shop], f"echo none; {GOOD}", {"hold": HOLD, "alarms": ("nowhere-5xx",)})


_TWO: dict[str, Any] = {"desired": 2, "balanced": True}
PARTS = {
    "held": (_TWO, _released(f"echo held; {GOOD}")),
    "crashes": (_TWO, _released(_CRASHES, _tell_one)),
    "leaks": (_TWO, _released(_LEAKS, _tell_one)),
    "left alone": (_TWO, _released(_CRASHES, _tell_one, on_failure="leave")),
    "scaled": ({"desired": 2}, _released(f"echo scaled; {GOOD}", _scale)),
    "alarm": ({}, _alarmed),
    "no alarm": ({}, _no_alarm),
}


def _headline(released: Released) -> str:
    assert released.error is not None, released.told()
    return released.error.aftermath


def test_what_holds_is_delivered_with_few_calls(stories: Any) -> None:
    released = stories["held"]
    assert released.error is None, released.told()
    [fact] = released.facts.holds
    assert (fact.end, fact.held, fact.seconds) == ("held", HOLD, HOLD)
    assert [event.held for event in released.events if isinstance(event, Holding)][-1] == HOLD


def test_a_crash_after_success_is_rolled_back_with_its_cause(stories: Any) -> None:
    released = stories["crashes"]
    name = next(iter(released.runs))
    assert released.error.kind == "did-not-hold", released.told()
    assert released.error.exit_code == 41
    assert _headline(released) == f"{name} did not hold, {name} put back"
    [failed] = released.failed
    assert failed.stage == "hold"
    assert 'container "web" exited with code 7' in failed.text
    assert any("pool exhausted" in line for each in failed.details for line in each.lines)
    [back] = released.put_back
    assert back.text.startswith(f"put back to {name}:1 (")
    assert "2 of 2 running" in back.text
    assert released.runs == {name: f"{name}:1"}
    [fact] = released.facts.put_back
    assert (fact.key, fact.end, fact.why) == (name, "put back", f"{name} did not hold")
    assert released.facts.holds[0].cause.kind == "exit"
    assert released.facts.services[0].verdict.name == "succeeded"


def test_a_leak_of_memory_is_rolled_back_with_its_cause(stories: Any) -> None:
    released = stories["leaks"]
    assert released.error.exit_code == 41, released.told()
    [failed] = released.failed
    assert "was killed (137, out of memory: 48 MiB)" in failed.text
    assert any("fills its cache" in line for each in failed.details for line in each.lines)
    assert [run.rpartition(":")[2] for run in released.runs.values()] == ["1"]


def test_a_break_is_left_as_configured(stories: Any) -> None:
    released = stories["left alone"]
    assert released.error.exit_code == 41, released.told()
    assert _headline(released).endswith(" left")
    assert not released.put_back
    assert [run.rpartition(":")[2] for run in released.runs.values()] == ["2"]


def test_scaling_is_no_break(stories: Any) -> None:
    released = stories["scaled"]
    assert released.error is None, released.told()
    assert released.facts.holds[0].end == "held"


def test_an_alarm_breaks_it(stories: Any) -> None:
    released = stories["alarm"]
    name = next(iter(released.runs))
    assert released.error.exit_code == 41, released.told()
    assert f"alarm {name}-5xx went off" in released.failed[0].text
    assert released.runs == {name: f"{name}:1"}


def test_an_alarm_that_does_not_exist_is_refused_before_the_rollout(stories: Any) -> None:
    released = stories["no alarm"]
    assert released.error.kind == "configuration", released.told()
    assert "nowhere-5xx" in released.error.details[0]
    assert "UpdateService" not in released.asked
    assert "RegisterTaskDefinition" not in released.asked
