"""Releases that must fail: the verdict, and a diagnosis that names the true cause."""

from __future__ import annotations

from typing import Any

import pytest

_ENDS = "trap 'kill $child 2>/dev/null; exit 0' TERM; "
_SERVE = "/bin/busybox httpd -f -p 8080 -h /www & child=$!; wait $child"
_DEAF = "/bin/busybox sleep 1000 & child=$!; wait $child"
_ANSWERS_500 = (
    "echo 'no such table: orders'; while :; do "
    "printf 'HTTP/1.1 500 Error\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' "
    "| /bin/busybox nc -l -p 8080 > /www/asked; done & child=$!; wait $child"
)
_CRASH = """echo "KeyError: 'DATABASE_URL'"; exit 1"""
_UNWELL = {
    "command": ["CMD", "/bin/busybox", "test", "!", "-e", "/www/ill"],
    "interval": 1,
    "timeout": 1,
    "retries": 2,
}
# Keeps a rollout from being complete before the program has died, however slow the machine is.
_NEVER_READY = {
    "command": ["CMD", "/bin/busybox", "test", "-e", "/www/ready"],
    "interval": 5,
    "timeout": 5,
    "retries": 10,
}
_SECRETS = {
    "secrets": [{"name": "PASSWORD", "valueFrom": "/tests/password"}],
    "environment": [{"name": "API_TOKEN", "value": "not-for-eyes"}],
}
ELB = "ECS: Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:"


def _forget_parameter(shop: Any) -> None:
    shop.grounds.ssm.delete_parameter(Name="/tests/password")


def _forget_tag(shop: Any) -> None:
    shop.grounds.ecr.batch_delete_image(repositoryName="beside", imageIds=[{"imageTag": "passing"}])


KINDS: dict[str, dict[str, Any]] = {
    "deaf": {
        "script": f"{_ENDS} echo 'waits for the lock'; {_DEAF}",
        "desired": 2,
        "balanced": True,
    },
    "answers 500": {"script": _ENDS + _ANSWERS_500, "desired": 2, "balanced": True},
    "exits after 3 s": {
        "script": "/bin/busybox sleep 3; echo 'no such file: /app/stock.json'; exit 4",
        "desired": 2,
        "balanced": True,
        "interval": 5,
    },
    "container health": {
        "script": f"{_ENDS} echo ill > /www/ill; echo 'disk is full'; {_SERVE}",
        "desired": 2,
        "container": {"healthCheck": _UNWELL},
    },
    "memory": {
        "before": f"{_ENDS} echo yes > /www/ready; {_SERVE}",
        "script": "echo 'fills its cache'; a=x; while :; do a=$a$a; done",
        "desired": 2,
        "container": {"healthCheck": _NEVER_READY},
    },
    "exits at once": {
        "script": f"echo token=not-for-eyes; {_CRASH}",
        "desired": 2,
        "container": {"environment": [{"name": "API_TOKEN", "value": "not-for-eyes"}]},
    },
    "missing image": {"script": ""},
    "missing tag": {"prepare": _forget_tag, "beside": {"sidecar": "beside:passing"}},
    "missing secret": {"prepare": _forget_parameter, "container": _SECRETS},
    "first deployment": {"before": "", "script": _CRASH},
}

# For each kind what the diagnosis holds: a label, and words that stand under it.
EXPECTED: dict[str, list[tuple[str, str]]] = {
    "deaf": [
        ("title", "unhealthy: failed the load balancer's health checks"),
        ("cause", ELB),
        ("health", "target port 8080 unhealthy: Target.FailedHealthChecks: Health checks failed"),
        ("log", "waits for the lock"),
        ("next", "nothing answers on port 8080: does the program listen there, on 0.0.0.0"),
    ],
    "answers 500": [
        ("title", "unhealthy: failed the load balancer's health checks"),
        ("cause", ELB),
        ("health", "unhealthy: Target.ResponseCodeMismatch: Health checks failed with these codes"),
        ("health", "[500]"),
        ("log", "no such table: orders"),
        ("next", "answers the health check with 500"),
    ],
    "exits after 3 s": [
        ("title", "new tasks exited with 4 within "),
        ("cause", 'container "web" exited with code 4 (EssentialContainerExited): the program'),
        ("cause", "ECS: Essential container in task exited"),
        ("log", "no such file: /app/stock.json"),
        ("next", "read the last lines of its log"),
    ],
    "container health": [
        ("title", "unhealthy: failed its container health check"),
        ("cause", "ECS: Task failed container health checks"),
        ("health", "command CMD /bin/busybox test ! -e /www/ill"),
        ("log", "disk is full"),
        ("next", "run its health check in the image (CMD /bin/busybox test ! -e /www/ill)"),
    ],
    "memory": [
        ("title", "new tasks exited with 137"),
        ("cause", 'using more memory than it may (container "web" exited with 137)'),
        ("cause", "OutOfMemoryError: Container killed due to memory usage"),
        ("log", "fills its cache"),
        ("next", "it may use 48 MiB (task): raise memory"),
    ],
    "exits at once": [
        ("title", "new tasks exited with 1 within "),
        ("cause", "exited with code 1 (EssentialContainerExited): the program failed"),
        ("cause", "ECS: Essential container in task exited"),
        ("log", "KeyError: 'DATABASE_URL'"),
        ("next", "the task definition has no DATABASE_URL"),
    ],
    "missing image": [
        # One is enough; a busy machine may have started a second before the first was seen.
        ("title", "cannot start: the image is not in the registry ("),
        ("cause", "ECS: CannotPullContainerError: "),
        ("next", "publish it, or check the name: localhost:"),
        ("next", f"/tests@sha256:{'0' * 64}"),
    ],
    "missing tag": [
        ("title", 'the image of container "sidecar" is not in the registry'),
        ("cause", "ECS: CannotPullContainerError: "),
        ("image", '…/beside:passing in container "sidecar"'),
        ("next", "/beside:passing"),
    ],
    "missing secret": [
        ("title", "cannot start: a secret of the task definition does not exist"),
        ("cause", "ECS: ResourceInitializationError: unable to pull secrets"),
        ("next", "create it, or correct valueFrom: /tests/password"),
    ],
    "first deployment": [
        ("title", "; no earlier revision ever came up: there is nothing to roll back to"),
        ("cause", 'container "web" exited with code 1'),
        ("log", "KeyError: 'DATABASE_URL'"),
        ("next", "the task definition has no DATABASE_URL"),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_diagnosis_holds_the_true_cause(stories: Any, name: str) -> None:
    story = stories[name]
    for label, words in EXPECTED[name]:
        said = story.last.text if label == "title" else story.detail(label)
        assert words in said, f"{label}: {story.block()}"
    assert "not-for-eyes" not in repr(story.journal)
    assert "swordfish" not in repr(story.journal)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "first deployment"])
def test_it_is_rolled_back_before_the_breaker_opens(stories: Any, name: str) -> None:
    story = stories[name]
    assert (story.verdict, story.code, story.error.exit_code) == ("rolled-back", 31, 31)
    assert story.runs.endswith(":1")
    assert story.described["status"] == "ROLLBACK_SUCCESSFUL"
    breaker = story.described["deploymentCircuitBreaker"]
    assert breaker["status"] != "TRIGGERED", story.noticed
    concluded = story.outcome
    assert concluded.announced is not None
    assert concluded.announced < story.described["finishedAt"]
    # Where one is enough, the first is; else the second.
    certain = name.startswith("missing")
    assert len(concluded.cause.tasks) >= (1 if certain else 2)
    assert story.detail("rollback").startswith(f"rolled back to {story.shop.name}:1")
    now, was = story.detail("image").partition("\n")[0].split("   was ")
    assert now.startswith("…/tests@sha256:")
    assert was.startswith("…/tests@sha256:")
    assert now != was


def test_a_service_that_never_ran_is_not_asked_to_roll_back(stories: Any) -> None:
    story = stories["first deployment"]
    assert (story.verdict, story.code) == ("failing", 30)
    assert story.calls["StopServiceDeployment"] == 0
    assert "rolling back" not in " ".join(story.noticed)


@pytest.mark.parametrize("name", KINDS)
def test_it_costs_few_calls(stories: Any, name: str) -> None:
    story = stories[name]
    # 20 are saved up, 20 may be borrowed while things move, 30 a minute come back.
    assert len(story.looking) <= 40 + story.seconds / 2, story.calls
    # Before the watch: one look, the family's newest revision, and the changes.
    assert len(story.asked) - len(story.looking) - story.calls["GetLogEvents"] <= 11, story.calls
    assert story.calls["GetLogEvents"] <= 10
    assert story.calls["UpdateService"] == 1
    assert story.calls["StopServiceDeployment"] <= 1
