"""Every other end: who came in between, hooks, strategies, nothing to do, refused, two at once."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from tests.sandbox.rollouts.ground import BREAKER

from shipway.aws.ecs import AwsEcs
from shipway.delivery.verification import verify
from shipway.errors import ConfigurationError, VerificationError
from shipway.observer import Rolling
from shipway.util.clock import SystemClock
from shipway.values import Digest, HttpAnswer

_ENDS = "trap 'kill $child 2>/dev/null; exit 0' TERM; "
_SERVE = "/bin/busybox httpd -f -p 8080 -h /www & child=$!; wait $child"
_SLOW = f"{_ENDS} /bin/busybox sleep 20 & child=$!; wait $child; {_SERVE}"
# Long enough under way to be seen so, however busy the machine.
_LATE = f"{_ENDS} /bin/busybox sleep 3 & child=$!; wait $child; {_SERVE}"
_UNTIL_TOLD = (
    "/bin/busybox httpd -f -p 8080 -h /www & /bin/busybox nc -l -p 9090; echo 'told to end'; exit 7"
)
_CRASH = "echo 'no such table: orders'; exit 3"
_PATIENT = {"healthCheckGracePeriodSeconds": 60}
_PAUSE = {
    "targetType": "PAUSE",
    "lifecycleStages": ["PRE_SCALE_UP"],
    "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"},
}


def _strategy(name: str, **more: Any) -> dict[str, Any]:
    configured = {"strategy": name, "bakeTimeInMinutes": 1, **BREAKER}
    return {"deploymentConfiguration": {**configured, **more}}


_BLUE_GREEN = _strategy("BLUE_GREEN")
_CANARY = _strategy(
    "CANARY", canaryConfiguration={"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 20}
)
_LINEAR = _strategy(
    "LINEAR", linearConfiguration={"stepPercent": 50.0, "stepBakeTimeInMinutes": 20}
)
_NO_BREAKER = {
    "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
}


def _supersede(shop: Any, _: str) -> None:
    newer = shop.define("")
    shop.ecs.update_service(cluster="tests", service=shop.name, taskDefinition=newer)


def _stop(shop: Any, arn: str) -> None:
    shop.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")


KINDS: dict[str, dict[str, Any]] = {
    "superseded": {
        "script": _SLOW, "balanced": True, "settings": _PATIENT, "meddle": _supersede,
    },
    "stopped": {"script": _SLOW, "balanced": True, "settings": _PATIENT, "meddle": _stop},
    "canary good": {"script": _LATE, "balanced": True, "settings": {**_CANARY, **_PATIENT}},
    "canary bad": {"script": _CRASH, "settings": _CANARY},
    "linear good": {"script": _LATE, "balanced": True, "settings": {**_LINEAR, **_PATIENT}},
    "linear bad": {"script": _CRASH, "settings": _LINEAR},
    "blue-green good": {
        "script": _LATE, "balanced": True, "settings": {**_BLUE_GREEN, **_PATIENT},
    },
    "blue-green bad": {"script": _CRASH, "settings": _BLUE_GREEN},
    "left": {"script": _CRASH, "policy": {"on_failure": "leave"}},
    "pause, continued": {
        "hooks": (_PAUSE,), "policy": {"on_pause": "leave"}, "answer": "CONTINUE",
    },
    "pause, rolled back": {
        "hooks": (_PAUSE,), "policy": {"on_pause": "leave"}, "answer": "ROLLBACK",
    },
    "good": {"balanced": True, "desired": 2},
    "no tasks": {"desired": 0},
    "code deploy": {
        "settings": {"deploymentController": {"type": "CODE_DEPLOY"}, "deploymentConfiguration": {}}
    },
    "no breaker": {"settings": _NO_BREAKER},
    "no breaker, allowed": {
        "settings": _NO_BREAKER, "policy": {"require_circuit_breaker": False},
    },
}  # fmt: skip


def _twice(shop: Any) -> tuple[Any, Any]:
    """The same image a second time: nothing is left to do."""
    return shop.deploy("echo twice; " + _SERVE), shop.deploy("echo twice; " + _SERVE)


def _two_at_once(shop: Any) -> list[Any]:
    """Two people deploy to one service within a second; the first has not come up by then."""
    stories: list[Any] = []
    threads = [
        threading.Thread(target=lambda one=one: stories.append(shop.deploy(one)))
        for one in (_SLOW, f"echo 2; {_SERVE}")
    ]
    threads[0].start()
    shop.until(lambda: shop.described()["taskDefinition"].endswith(":2"))
    threads[1].start()
    for thread in threads:
        thread.join()
    return sorted(stories, key=lambda story: story.code)


class _Visitor:
    """Asks by ending the program of one task, and goes on only when ECS has seen it end."""

    def __init__(self, shop: Any) -> None:
        self._shop = shop

    def get(self, url: str, seconds: float) -> HttpAnswer:
        del url
        where = {"cluster": "tests", "serviceName": self._shop.name}
        ecs = self._shop.ecs
        if not ecs.list_tasks(**where, desiredStatus="STOPPED")["taskArns"]:
            [balancer] = self._shop.described()["loadBalancers"]
            group = balancer["targetGroupArn"]
            targets = self._shop.grounds.elb.describe_target_health(TargetGroupArn=group)
            address = targets["TargetHealthDescriptions"][0]["Target"]["Id"]
            socket.create_connection((address, 9090), timeout=seconds).close()
            self._shop.until(lambda: ecs.list_tasks(**where, desiredStatus="STOPPED")["taskArns"])
        return HttpAnswer(status=200)


class _NoIndex:
    """An image of one platform has no further digests."""

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        del digest
        return frozenset()


def _verified(shop: Any) -> tuple[str, ...]:
    """What is said of a service of which one task fails while the other answers."""
    [service] = shop.environment.services
    asked = replace(service, url="http://shop.example/", consecutive=3, interval=0.01)
    try:
        verify(
            replace(shop.environment, services=(asked,)),
            ecs=AwsEcs(shop.grounds.session),
            images=lambda _: _NoIndex(),
            prober=_Visitor(shop),
            clock=SystemClock(),
            observer=lambda _: None,
        )
    except VerificationError as error:
        return (error.what, *error.details)
    return ()


PARTS = {
    "twice": ({}, _twice),
    "falls while verified": (
        {"before": _UNTIL_TOLD, "desired": 2, "balanced": True},
        _verified,
    ),
    "two at once": ({"balanced": True, "settings": _PATIENT}, _two_at_once),
}


def test_superseded_says_by_whom(stories: Any) -> None:
    story = stories["superseded"]
    assert (story.verdict, story.code) == ("superseded", 34)
    newest = story.shop.name + ":3"
    assert f"of {newest} at " in story.detail("by")
    assert "deployment ecs-svc/" in story.detail("by")
    assert "superseded by deployment ecs-svc/" in story.last.text
    assert story.detail("next") == "ask whoever deployed it; deploy again if ours should win"
    assert story.calls["StopServiceDeployment"] == 0


def test_stopped_by_someone_says_that_it_was_no_failure(stories: Any) -> None:
    story = stories["stopped"]
    assert (story.verdict, story.code) == ("stopped", 33)
    assert f"stopped by someone: rolled back to {story.shop.name}:1" in story.last.text
    assert "stopped with a rollback" in story.detail("by")
    assert story.detail("cause") == ""
    assert story.detail("rollback").endswith("1 of 1 healthy")
    assert story.calls["StopServiceDeployment"] == 0


@pytest.mark.parametrize("name", ["canary", "linear", "blue-green"])
def test_every_strategy_is_followed_to_its_end(stories: Any, name: str) -> None:
    story = stories[f"{name} good"]
    assert (story.verdict, story.code) == ("succeeded", 0), story.block()
    assert story.described["status"] == "SUCCESSFUL"
    assert "1 of 1 running" in story.last.text
    assert "SCALE_UP" in story.noticed
    assert "PRODUCTION_TRAFFIC_SHIFT" in story.noticed or name == "blue-green"
    weights = [one.traffic for one in story.journal.events if isinstance(one, Rolling)]
    assert weights[-1] == 100.0
    assert {"canary": 20.0, "linear": 50.0, "blue-green": 100.0}[name] in weights


@pytest.mark.parametrize("name", ["canary", "linear", "blue-green"])
def test_every_strategy_fails_with_its_cause(stories: Any, name: str) -> None:
    story = stories[f"{name} bad"]
    assert (story.verdict, story.code) == ("rolled-back", 31), story.block()
    assert f"{story.shop.name}:2  crash loop: " in story.last.text
    assert " new tasks exited with 3 within " in story.last.text
    assert "no such table: orders" in story.detail("log")
    assert story.runs.endswith(":1")


def test_a_failure_is_left_as_configured(stories: Any) -> None:
    story = stories["left"]
    assert (story.verdict, story.code) == ("failing", 30)
    assert "left as it is, as configured" in story.last.text
    assert "no such table: orders" in story.detail("log")
    assert story.calls["StopServiceDeployment"] == 0


@pytest.mark.parametrize(
    ("name", "verdict", "code"),
    [("continued", "succeeded", 0), ("rolled back", "rolled-back", 31)],
)
def test_a_pause_hook_is_left_and_answered(
    stories: Any, name: str, verdict: str, code: int
) -> None:
    left, answered = stories[f"pause, {name}"], stories[f"pause, {name}, answered"]
    assert (left.verdict, left.code) == ("paused", 37)
    assert "paused at PRE_SCALE_UP by hook" in left.last.text
    assert left.last.text.endswith(" UTC, then ROLLBACK")
    assert left.detail("next") == "nox -s resume continues it; with --rollback it goes back"
    assert (answered.verdict, answered.code) == (verdict, code), answered.block()
    assert answered.calls["UpdateService"] == 0
    assert answered.calls["ContinueServiceDeployment"] == 1
    assert answered.runs.endswith(":2" if code == 0 else ":1")


def test_a_good_release_tells_what_proves_it(stories: Any) -> None:
    story = stories["good"]
    assert (story.verdict, story.code) == ("succeeded", 0)
    name = story.shop.name
    assert story.last.text.startswith(f"{name}:1 → {name}:2  2 of 2 running")
    assert "2 running tasks carry sha256:" in story.outcome.proof
    assert story.calls.total() <= 40


def test_no_tasks_are_no_failure(stories: Any) -> None:
    story = stories["no tasks"]
    assert (story.verdict, story.code) == ("succeeded-no-tasks", 0)
    assert "desired count of 0" in story.last.text


def test_what_runs_already_is_not_rolled_out_again(stories: Any) -> None:
    first, second = stories["twice"]
    assert (first.verdict, first.code) == ("succeeded", 0)
    assert (second.verdict, second.code) == ("already-running", 0)
    assert second.revisions == 2
    assert set(second.calls) == {"DescribeServices", "DescribeTaskDefinition"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("code deploy", "the deployment controller CODE_DEPLOY is not supported; only ECS is"),
        ("no breaker", "its deployment circuit breaker is disabled: enable it, or set"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_anything_is_changed(
    stories: Any, name: str, words: str
) -> None:
    story = stories[name]
    assert isinstance(story.error, ConfigurationError)
    assert words in story.error.what
    assert "nothing was changed" in story.error.remedy
    assert story.code == 10
    assert story.revisions == 1
    assert set(story.calls) == {"DescribeServices"}


def test_a_service_without_a_breaker_is_rolled_out_where_that_is_configured(stories: Any) -> None:
    story = stories["no breaker, allowed"]
    assert (story.verdict, story.code) == ("succeeded", 0)


def test_of_two_at_once_one_wins_and_the_other_knows_by_whom(stories: Any) -> None:
    won, lost = stories["two at once"]
    assert (won.verdict, won.code) == ("succeeded", 0), won.block()
    assert (lost.verdict, lost.code) == ("superseded", 34), lost.block()
    assert won.report.deployment_id in lost.detail("by")
    assert f"of {won.report.task_definition.rpartition('/')[2]} at " in lost.detail("by")
    assert won.runs == won.report.task_definition


def test_a_task_that_fails_while_the_address_answers_fails_the_verification(stories: Any) -> None:
    what, detail = stories["falls while verified"]
    assert what == "1 of 2 tasks of web failed while it was verified"
    assert "code 7" in detail
    assert "Essential container in task exited" in detail
