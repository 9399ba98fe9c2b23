"""Traffic shifts, bake times and pause hooks; the breaker's counter; ECR's images and scans."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError  # the tests ask as any client would

from shipway_sandbox import compute

Serving = Callable[..., Any]
Make = Callable[..., Any]
OLD = "trap 'exit 0' TERM; /bin/busybox httpd -f -p 8080 -h /www & wait"
NEW = f"echo second > /www/index.html; {OLD}"


@pytest.fixture(scope="module")
def quick(serve: Serving) -> Any:
    """A server whose minutes last half a second."""
    return serve("--minute", "0.5")


def stages_of(service: Any, arn: str, status: str) -> list[tuple[str, float]]:
    """Stages and production weights in the order in which they were seen."""
    seen: list[tuple[str, float]] = []

    def over() -> bool:
        deployment = service.deployment(arn)
        weight = deployment["targetServiceRevision"].get("requestedProductionTrafficWeight", 0.0)
        if not seen or seen[-1] != (deployment["lifecycleStage"], weight):
            seen.append((deployment["lifecycleStage"], weight))
        assert deployment["status"] in {"PENDING", "IN_PROGRESS", status}, deployment
        return bool(deployment["status"] == status)

    service.until(over)
    return seen


@pytest.mark.parametrize(
    ("configuration", "weights"),
    [
        ({"strategy": "BLUE_GREEN"}, [0.0, 100.0]),
        (
            {
                "strategy": "CANARY",
                "canaryConfiguration": {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 1},
            },
            [0.0, 20.0, 100.0],
        ),
        (
            {
                "strategy": "LINEAR",
                "linearConfiguration": {"stepPercent": 50.0, "stepBakeTimeInMinutes": 1},
            },
            [0.0, 50.0, 100.0],
        ),
    ],
    ids=["blue-green", "canary", "linear"],
)
def test_traffic_shifts_by_stages(
    quick: Any, shop: Make, configuration: dict[str, Any], weights: list[float]
) -> None:
    service = shop(quick, desired=1)
    service.until_over(service.create(service.definition(OLD)))
    breaker = {"enable": True, "rollback": True}
    arn = service.update(
        service.definition(NEW),
        deploymentConfiguration={
            "bakeTimeInMinutes": 1, "deploymentCircuitBreaker": breaker, **configuration,
        },
    )  # fmt: skip
    seen = stages_of(service, arn, "SUCCESSFUL")
    assert list(dict.fromkeys(weight for _, weight in seen)) == weights
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert "SCALE_UP" in stages
    assert stages[-2:] == ["BAKE_TIME", "CLEAN_UP"]
    assert service.get() == 200


def test_pause_hook_waits_for_its_answer(quick: Any, shop: Make) -> None:
    service = shop(quick, desired=1)
    service.until_over(service.create(service.definition(OLD)))
    hook = {
        "targetType": "PAUSE",
        "lifecycleStages": ["PRE_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"},
    }
    arn = service.update(
        service.definition(NEW), deploymentConfiguration={"lifecycleHooks": [hook]}
    )

    def waiting() -> Any:
        details = service.deployment(arn).get("lifecycleHookDetails", [])
        return next((detail for detail in details if detail["status"] == "AWAITING_ACTION"), None)

    detail = service.until(waiting)
    assert detail["timeoutAction"] == "ROLLBACK"
    assert detail["expiresAt"].timestamp() > time.time()
    assert service.described()["deployments"][0]["pendingCount"] == 0
    service.ecs.continue_service_deployment(
        serviceDeploymentArn=arn, hookId=detail["hookId"], action="CONTINUE"
    )
    assert service.until_over(arn)["status"] == "SUCCESSFUL"


def test_pause_hook_that_times_out_rolls_back(quick: Any, shop: Make) -> None:
    service = shop(quick, desired=1)
    good = service.definition(OLD)
    service.until_over(service.create(good))
    hook = {
        "targetType": "PAUSE",
        "lifecycleStages": ["POST_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 1, "action": "ROLLBACK"},
    }
    arn = service.update(
        service.definition(NEW), deploymentConfiguration={"lifecycleHooks": [hook]}
    )
    ended = service.until_over(arn)
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["lifecycleHookDetails"][0]["status"] == "TIMED_OUT"
    assert service.described()["taskDefinition"] == good


def error_of(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_images_are_kept_moved_and_refused_as_ecr_does(quick: Any) -> None:
    ecr = quick.client("ecr")
    name = quick.repository(imageTagMutability="IMMUTABLE")
    image = compute.seed_image(quick.busybox)
    compute.put_image(quick.state, name, image, "one")
    stored = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "one"}])["images"][0]
    assert stored["imageManifest"].encode() == image.manifest
    moved = {"repositoryName": name, "imageManifest": stored["imageManifest"]}
    assert ecr.put_image(**moved, imageTag="two")["image"]["imageId"] == {
        "imageDigest": str(image.digest), "imageTag": "two",
    }  # fmt: skip
    assert error_of(ecr.put_image, **moved, imageTag="two") == "ImageTagAlreadyExistsException"
    other = json.loads(image.manifest) | {"layers": [{"digest": "sha256:" + "3" * 64, "size": 1}]}
    incomplete = {"repositoryName": name, "imageManifest": json.dumps(other), "imageTag": "three"}
    assert error_of(ecr.put_image, **incomplete) == "LayersNotFoundException"
    wrong = {**moved, "imageTag": "four", "imageDigest": "sha256:" + "4" * 64}
    assert error_of(ecr.put_image, **wrong) == "ImageDigestDoesNotMatchException"
    layer = json.loads(image.manifest)["layers"][0]
    there = ecr.batch_check_layer_availability(
        repositoryName=name, layerDigests=[layer["digest"], "sha256:" + "5" * 64]
    )["layers"]
    assert [known["layerAvailability"] for known in there] == ["AVAILABLE", "UNAVAILABLE"]
    assert there[0]["layerSize"] == layer["size"]
    detail = ecr.describe_images(repositoryName=name)["imageDetails"][0]
    assert sorted(detail["imageTags"]) == ["one", "two"]
    assert ecr.list_image_referrers(
        repositoryName=name, subjectId={"imageDigest": str(image.digest)}
    )["referrers"] == []  # fmt: skip


HIGH = {"id": "CVE-2026-1", "severity": "HIGH", "package": "zlib", "fixed_in": "1.3"}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"outcome": "CLEAN"}, ("COMPLETE", 0, 0)),
        ({"outcome": "COMPLETE", "findings": [HIGH]}, ("COMPLETE", 1, 0)),
        ({"outcome": "ACTIVE", "findings": [HIGH]}, ("ACTIVE", 0, 1)),
        ({"outcome": "FAILED"}, ("FAILED", 0, 0)),
        ({"outcome": "UNSUPPORTED_IMAGE"}, ("UNSUPPORTED_IMAGE", 0, 0)),
    ],
    ids=lambda setting: setting["outcome"] if isinstance(setting, dict) else "",
)
def test_scan_answers_what_was_set(
    quick: Any, setting: dict[str, Any], expected: tuple[str, int, int]
) -> None:
    ecr, name = quick.client("ecr"), quick.repository()
    image = compute.seed_image(quick.busybox, answer=name)
    compute.put_image(quick.state, name, image)
    wanted = {"repositoryName": name, "imageId": {"imageDigest": str(image.digest)}}
    assert error_of(ecr.describe_image_scan_findings, **wanted) == "ScanNotFoundException"
    quick.admin("/_shipway/scans", {"digest": str(image.digest), "polls": 1, **setting})
    pending = ecr.describe_image_scan_findings(**wanted)
    assert pending["imageScanStatus"]["status"] == "PENDING"
    scan = ecr.describe_image_scan_findings(**wanted)
    shown = scan.get("imageScanFindings", {})
    assert (
        scan["imageScanStatus"]["status"],
        len(shown.get("findings", [])),
        len(shown.get("enhancedFindings", [])),
    ) == expected


@pytest.fixture
def in_process() -> None:
    """What MiniStack reads while it is imported; import it after this."""
    from shipway_sandbox.emulator import hosting  # noqa: PLC0415  # it takes a second

    settings = hosting.Settings(port=1, region="eu-west-1", account="123456789012")
    hosting.set_environment(settings, "secret")


@pytest.mark.usefixtures("in_process")
def test_healthy_task_resets_the_breaker_unless_configured() -> None:
    from shipway_sandbox.emulator import scheduler, state  # noqa: PLC0415  # see there
    from shipway_sandbox.emulator.corrections import CORRECTIONS  # noqa: PLC0415  # see there

    def after(rule_off: bool, **breaker: Any) -> int:  # noqa: FBT001  # a table of two
        CORRECTIONS.leave_out(["ecs.healthy-task-resets-breaker"] if rule_off else [])
        deployment = {"id": "ecs-svc/1", "failedTasks": 2}
        task = {
            "_deployment_id": "ecs-svc/1",
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "startedAt": time.time() - 10,
        }
        configuration = {"deploymentCircuitBreaker": {"enable": True, **breaker}}
        service = {"deployments": [deployment], "deploymentConfiguration": configuration}
        scheduler._count_failures(service, [task])
        return int(str(deployment["failedTasks"]))

    try:
        assert after(rule_off=False) == 0
        assert after(rule_off=False, resetOnHealthyTask=False) == 2
        assert after(rule_off=True) == 2
    finally:
        CORRECTIONS.leave_out([])
    assert not state._current


@pytest.mark.usefixtures("in_process")
def test_a_service_that_is_still_being_created_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shipway_sandbox.emulator import scheduler  # noqa: PLC0415  # see there

    looked: list[Any] = []

    def tasks_of(service: Any) -> list[Any]:
        looked.append(service)
        return []

    monkeypatch.setattr(scheduler, "tasks_of", tasks_of)
    # As MiniStack shows it before CreateService has given it its first deployment.
    service = {
        "serviceArn": "arn:aws:ecs:eu-west-1:1:service/shop/web",
        "status": "DRAINING",
        "desiredCount": 1,
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}],
    }
    scheduler.look(service)
    assert looked == []
    scheduler.look({**service, "currentServiceDeployment": "arn"})
    assert len(looked) == 1


class Growing(dict[str, Any]):
    """A part of a record during whose reading another thread adds to the whole."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self._whole = whole
        super().__init__(name="web")

    def items(self) -> Any:
        self._whole["startedAt"] = 1
        return super().items()

    def copy(self) -> dict[str, Any]:
        self._whole["startedAt"] = 1
        return dict(self)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("corrected", [True, False])
def test_a_record_is_read_while_it_grows(*, corrected: bool) -> None:
    from ministack.services import ecs as theirs  # noqa: PLC0415  # see there

    from shipway_sandbox.emulator import ecs  # noqa: PLC0415  # see there
    from shipway_sandbox.emulator.corrections import CORRECTIONS  # noqa: PLC0415  # see there

    # In this process the corrections may be in force: a test beside this one may have put them so.
    plain = CORRECTIONS._originals.get("ecs._sanitize", theirs._sanitize)
    record: dict[str, Any] = {"taskArn": "arn", "_own": 1, "stoppedAt": None}
    record["containers"] = [Growing(record)]
    record["lastStatus"] = "RUNNING"
    if corrected:
        shown = {"taskArn": "arn", "containers": [{"name": "web"}], "lastStatus": "RUNNING"}
        assert ecs.sanitize(record) == shown
    else:
        with pytest.raises(RuntimeError, match="changed size"):
            plain(record)
