from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest
from tests.example import BLUEPRINT

from shipway.errors import SandboxError
from shipway_sandbox import compute

LAYER = BLUEPRINT.layer("staging")
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
        self.template: dict[str, Any] = {}

    def create_stack(self, **kwargs: Any) -> None:
        self.template = json.loads(kwargs["TemplateBody"])

    def update_stack(self, **kwargs: object) -> None:
        raise AssertionError(kwargs)

    def describe_stacks(self, **_kwargs: object) -> object:
        reason = "no such thing"
        return {"Stacks": [{"StackStatus": "ROLLBACK_COMPLETE", "StackStatusReason": reason}]}


def test_stack_that_rolls_back_is_an_error_with_its_reason() -> None:
    refusing = Refusing()
    with pytest.raises(SandboxError, match="ROLLBACK_COMPLETE: no such thing"):
        compute.create(lambda _: refusing, LAYER, STATE, b"program")
    resources = refusing.template["Resources"]
    assert resources["ServiceWeb"]["Properties"]["DesiredCount"] == 0
    [container] = resources["TaskDefinitionWeb"]["Properties"]["ContainerDefinitions"]
    assert container["Image"].startswith("localhost:1/shop-staging@sha256:")


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        ({"port": 0}, "sleep"),
        ({"port": 7010, "path": "/ready"}, "httpd -f -p 7010"),
        ({"port": 7010, "status": 204}, "nc -ll -p 7010"),
    ],
)
def test_the_bootstrap_image_answers_as_the_service_is_asked(
    settings: dict[str, Any], runs: str
) -> None:
    config, layer = compute.seed_image(b"program", **settings).blobs
    assert runs in json.loads(config)["config"]["Entrypoint"][-1]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as archive:
        names = archive.getnames()
    assert ("www/ready" in names) == (settings.get("path") == "/ready")


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


class Store:
    """A Parameter Store with one parameter."""

    def __init__(self) -> None:
        self.version = 1
        self.labelled: dict[int, list[str]] = {}

    def get_parameter(self, **_request: Any) -> Any:
        return {"Parameter": {"Value": "v"}}

    def put_parameter(self, **request: Any) -> Any:
        assert request == {"Name": "/a", "Value": "v", "Overwrite": True}
        self.version += 1
        return {"Version": self.version}

    def label_parameter_version(self, **request: Any) -> None:
        self.labelled[request["ParameterVersion"]] = request["Labels"]


@pytest.mark.parametrize(
    ("selectors", "version", "labelled"),
    [
        (("3", "2"), 3, {}),
        (("live",), 1, {1: ["live"]}),
        (("live", "2"), 2, {2: ["live"]}),
        (("900",), 100, {}),
    ],
)
def test_a_parameter_has_the_versions_that_are_asked_for(
    selectors: tuple[str, ...], version: int, labelled: dict[int, list[str]]
) -> None:
    store = Store()
    compute.select_versions(store, "/a", selectors)
    assert (store.version, store.labelled) == (version, labelled)


def test_a_stand_in_is_started_and_checked_by_the_programs_of_its_template() -> None:
    image = compute.seed_image(b"program", port=0, starts="gunicorn", checks="/bin/sh")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(image.blobs[1]))) as archive:
        assert archive.getmember("usr/local/bin/gunicorn").mode == 0o755
        check = archive.extractfile("bin/sh")
        assert check is not None
        assert check.read() == b"#!/bin/busybox sh\nexit 0\n"
    assert b"PATH=/usr/local/bin" in image.blobs[0]
