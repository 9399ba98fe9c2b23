"""The parameter that a stack takes its image from: written once the release is verified."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shipway.errors import AccessDeniedError, ImageParameterError
from shipway.observer import Concluded, Failed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

NAME = "/shop/staging/image"


@pytest.fixture
def configured(world: World) -> World:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    head = "[environments.staging.services"
    world.write("delivery.toml", text.replace(head, f'image_parameter = "{NAME}"\n{head}', 1))
    world.cloud.published.values[f"ssm:{NAME}"] = "the image before"
    return world


def record(world: World) -> Any:
    [file] = world.root.glob("evidence/*/*/record.json")
    return json.loads(file.read_bytes())["predicate"]


def test_a_verified_release_is_named_there_and_in_the_record(configured: World) -> None:
    outcome = configured.deliver()
    assert outcome.exit_code == 0
    assert configured.cloud.parameters.written == [(NAME, str(outcome.image))]
    assert record(configured)["imageParameters"] == [
        {"name": NAME, "value": str(outcome.image), "version": 2}
    ]


def test_a_service_may_have_one_of_its_own(configured: World) -> None:
    text = (configured.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    configured.write("delivery.toml", f'{text}image_parameter = "/shop/web/image"\n')
    configured.cloud.published.values["ssm:/shop/web/image"] = "the image before"
    configured.deliver()
    assert [name for name, _ in configured.cloud.parameters.written] == [NAME, "/shop/web/image"]


@pytest.mark.parametrize("task", ["build", "publish", "verify"])
def test_what_rolls_nothing_out_writes_nothing(configured: World, task: str) -> None:
    configured.deliver(task)
    assert configured.cloud.parameters.written == []


def test_a_release_that_does_not_answer_is_not_named(configured: World) -> None:
    configured.address.answers = [500]
    assert configured.deliver().exit_code == 40
    assert configured.cloud.parameters.written == []


def test_a_release_that_fails_is_not_named(configured: World) -> None:
    configured.cloud.ecs.ends = "rolled-back"
    configured.deliver()
    assert configured.cloud.parameters.written == []


def test_a_parameter_that_cannot_be_written_is_told_as_that(configured: World) -> None:
    configured.cloud.parameters.fails = AccessDeniedError(
        "ssm:PutParameter is not allowed", remedy="allow ssm:PutParameter"
    )
    outcome = configured.deliver()
    assert (outcome.exit_code, outcome.kind) == (42, ImageParameterError.kind)
    [failed] = [event for event in configured.events if isinstance(event, Failed)]
    assert failed.subject == NAME
    assert "the release is in service" in failed.text
    lines = [line for detail in failed.details for line in detail.lines]
    assert any(f"--name {NAME} --value " in line for line in lines)
    assert isinstance(configured.events[-1], Concluded)


def test_a_name_that_is_not_there_is_told_before_anything_is_built(configured: World) -> None:
    del configured.cloud.published.values[f"ssm:{NAME}"]
    assert configured.deliver().exit_code == 11
    assert configured.builder.requests == []


def test_a_stack_cannot_read_what_is_encrypted(configured: World) -> None:
    configured.cloud.published.secret.add(f"ssm:{NAME}")
    assert configured.deliver().exit_code == 10
    assert configured.builder.requests == []


def test_what_a_secure_string_holds_is_recorded_nowhere(configured: World) -> None:
    text = (configured.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    changed = text.replace("https://staging.shop.example", "ssm:/shop/secret-url")
    configured.write("delivery.toml", changed)
    configured.cloud.published.values["ssm:/shop/secret-url"] = "https://staging.shop.example"
    configured.cloud.published.secret.add("ssm:/shop/secret-url")
    assert configured.deliver().exit_code == 0
    for file in configured.root.glob("evidence/**/*"):
        assert not file.is_file() or b"staging.shop.example" not in file.read_bytes(), file
