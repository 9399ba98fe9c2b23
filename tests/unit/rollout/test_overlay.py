"""What delivery.toml sets in a live task definition, and that nothing else of it changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shipway.aws.task_definition import read, registration
from shipway.config.overlay import ContainerOverlay, Overlay
from shipway.errors import ConfigurationError
from shipway.rollout.difference import differences
from shipway.rollout.overlay import with_overlay
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import Digest, ImageReference

IMAGE = ImageReference("registry.example/shop", Digest("sha256:" + "1" * 64))
WEB: dict[str, Any] = {
    "name": "web",
    "image": "registry.example/shop@sha256:" + "0" * 64,
    "cpu": 0,
    "environment": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "REGION", "value": "eu"}],
    "secrets": [{"name": "DB", "valueFrom": "/shop/db", "fieldOfTomorrow": 1}],
    "command": ["serve"],
    "somethingOfTomorrow": {"a": [1, ""]},
    "mountPoints": [],
}
WORKER: dict[str, Any] = {"name": "worker", "image": WEB["image"], "environment": []}
PROXY: dict[str, Any] = {"name": "proxy", "image": "envoy:v1"}
ANSWER: dict[str, Any] = {
    "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41",
        "family": "shop",
        "revision": 41,
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [WEB, WORKER, PROXY],
        "fieldOfTomorrow": {"kept": True},
    },
    "tags": [{"key": "team", "value": "shop"}],
}


def live() -> TaskDefinition:
    return read(copy.deepcopy(ANSWER))


def of_web(**settings: Any) -> Overlay:
    return Overlay(containers=(ContainerOverlay(name="web", **settings),))


def changed(overlay: Overlay) -> dict[str, tuple[str, str]]:
    """Every field that differs, as a plan shows it."""
    revision = with_overlay(live(), overlay)
    return {each.field: (each.before, each.after) for each in differences(live(), revision)}


def registered(overlay: Overlay) -> dict[str, Any]:
    return registration(with_overlay(live(), overlay))


def test_nothing_set_is_nothing_changed() -> None:
    assert with_overlay(live(), Overlay()) == live()


@pytest.mark.parametrize(
    ("overlay", "fields"),
    [
        (Overlay(cpu=512), {"cpu": ("256", "512")}),
        (Overlay(memory=1024), {"memory": ("512", "1024")}),
        (of_web(cpu=128), {"web.cpu": ("0", "128")}),
        (of_web(memory=256), {"web.memory": ("", "256")}),
        (of_web(command=("serve", "-v")), {"web.command": ("serve", "serve -v")}),
        (
            of_web(environment=(("LOG_LEVEL", "debug"), ("NEW", "1"))),
            {"web.environment.LOG_LEVEL": ("info", "debug"), "web.environment.NEW": ("", "1")},
        ),
        (of_web(environment=(("REGION", "eu"),)), {}),
        (of_web(unset=("REGION", "DB", "NEVER")), {
            "web.environment.REGION": ("eu", ""),
            "web.secrets.DB.valueFrom": ("/shop/db", ""),
            "web.secrets.DB.fieldOfTomorrow": ("1", ""),
        }),
        (of_web(secrets=(("TOKEN", "/shop/token"),)), {"web.secrets.TOKEN": ("", "/shop/token")}),
        (
            of_web(secrets=(("REGION", "/shop/region"),)),
            {"web.environment.REGION": ("eu", ""), "web.secrets.REGION": ("", "/shop/region")},
        ),
    ],
)  # fmt: skip
def test_only_what_is_set_differs(overlay: Overlay, fields: dict[str, tuple[str, str]]) -> None:
    assert changed(overlay) == fields


def test_all_else_is_registered_as_it_came() -> None:
    before = registration(live())
    after = registered(
        Overlay(cpu=512, containers=(ContainerOverlay(name="web", environment=(("A", "b"),)),))
    )
    web, worker, proxy = after["containerDefinitions"]
    assert {**after, "cpu": "256", "containerDefinitions": None} == {
        **before,
        "containerDefinitions": None,
    }
    assert (worker, proxy) == (WORKER, PROXY)
    assert {**web, "environment": WEB["environment"]} == WEB
    assert web["environment"] == [*WEB["environment"], {"name": "A", "value": "b"}]
    assert web["secrets"][0]["fieldOfTomorrow"] == 1


def test_what_it_is_made_of_stays_as_it_is() -> None:
    definition = live()
    with_overlay(definition, of_web(environment=(("LOG_LEVEL", "x"),), unset=("DB",)))
    assert definition == live()
    assert definition.document == live().document


def test_another_container_runs_the_image_that_is_written() -> None:
    overlay = Overlay(containers=(ContainerOverlay(name="proxy", image="envoy:v2"),))
    revision = with_overlay(live().with_image("web", IMAGE), overlay)
    images = [str(IMAGE), WORKER["image"], "envoy:v2"]
    assert [each.image for each in revision.containers] == images
    entries: Any = registration(revision)["containerDefinitions"]
    assert [entry["image"] for entry in entries] == images


def test_the_value_says_the_same_as_the_document() -> None:
    overlay = of_web(
        environment=(("DB_PASSWORD", "canary"),), secrets=(("REGION", "/r"),), memory=256
    )
    revision = with_overlay(live(), overlay)
    again = read({"taskDefinition": registration(revision)})
    assert again.container("web") == revision.container("web")
    assert revision.secret_values == {"canary"}


def test_a_secret_value_is_shown_nowhere() -> None:
    shown = changed(of_web(environment=(("DB_PASSWORD", "canary"),)))
    assert shown == {"web.environment.DB_PASSWORD": ("", "***")}


def test_a_container_that_is_not_there_is_refused() -> None:
    overlay = Overlay(containers=(ContainerOverlay(name="wep", cpu=1),))
    with pytest.raises(ConfigurationError) as caught:
        with_overlay(live(), overlay)
    assert caught.value.remedy == 'did you mean "web"?'
