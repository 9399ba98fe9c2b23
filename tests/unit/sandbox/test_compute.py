from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from shipway.errors import SandboxError
from shipway_sandbox import compute

LAYER = compute.Layer(environment="staging", repository="shop", access="Resources: {}")
STATE = {"endpoint": "http://localhost:1", "registry": "localhost:1", "admin_secret": "x"}


def test_bootstrap_image_is_the_same_every_time_and_whole() -> None:
    image = compute.seed_image(b"program")
    assert image == compute.seed_image(b"program")
    assert image.digest != compute.seed_image(b"program", answer="other").digest
    manifest = json.loads(image.manifest)
    config, layer = image.blobs
    for part, blob in ((manifest["config"], config), (manifest["layers"][0], layer)):
        assert part["digest"] == f"sha256:{hashlib.sha256(blob).hexdigest()}"
        assert part["size"] == len(blob)
    plain = gzip.decompress(layer)
    assert json.loads(config)["rootfs"]["diff_ids"] == [
        f"sha256:{hashlib.sha256(plain).hexdigest()}"
    ]
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.getmember("bin/busybox").mode == 0o755
        health = archive.extractfile("www/health")
        assert health is not None
        assert json.load(health) == {"status": "ok"}


class Refusing:
    """A CloudFormation that rolls back."""

    def __init__(self) -> None:
        self.parameters: list[dict[str, str]] = []

    def create_stack(self, **kwargs: Any) -> None:
        self.parameters = kwargs["Parameters"]

    def update_stack(self, **kwargs: object) -> None:
        raise AssertionError(kwargs)

    def describe_stacks(self, **_kwargs: object) -> object:
        reason = "no such thing"
        return {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", "StackStatusReason": reason}]}


def test_stack_that_rolls_back_is_an_error_with_its_reason() -> None:
    refusing = Refusing()
    with pytest.raises(SandboxError, match="ROLLBACK_COMPLETE: no such thing"):
        compute.create(refusing, LAYER, STATE, compute.seed_image(b"program"))
    given = {entry["ParameterKey"]: entry["ParameterValue"] for entry in refusing.parameters}
    assert given["DesiredCount"] == "0"
    assert given["ImageUri"].startswith("localhost:1/shop@sha256:")


class Crashing:
    """An ECS whose service never gets steady."""

    def describe_services(self, **_kwargs: object) -> object:
        deployment = {"rolloutState": "FAILED", "desiredCount": 2}
        return {
            "services": [
                {
                    "deployments": [deployment],
                    "runningCount": 0,
                    "events": [{"message": "(service web) deployment failed"}],
                }
            ]
        }


def test_service_that_is_not_steady_says_its_last_event() -> None:
    with pytest.raises(SandboxError, match="deployment failed"):
        compute.wait_until_steady([(Crashing(), LAYER)], seconds=0.0)


def test_template_publishes_the_contract() -> None:
    text = compute.template()
    for name in ("cluster", "service", "repository", "url"):
        assert f"/shop/${{Environment}}/{name}" in text
