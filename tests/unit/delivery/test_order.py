"""Which part of an environment's table an order needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shipway.config import load, resolve
from shipway.config.load import Declared
from shipway.delivery.order import Order, relevant

DELIVERY = """
schema = 1
name = "shop"

[images.api]
context = "env:CONTEXT"

[images.helper]

[environments.staging]
account = "111122223333"
region = "eu-west-1"
cluster = "shop"

[environments.staging.images.api]
repository = "api"
build_args = { VERSION = "env:VERSION" }

[environments.staging.images.helper]
repository = "helper"

[environments.staging.jobs.migrate]
when = "before"
task_definition = "ssm:/job"
image = "helper"

[environments.staging.services.web]
service = "shop-web"
container = "web"
image = "api"
task_definition = "infra/task.json"
environment = { API = "ssm:/api" }
containers = { side = { image = "helper", command = ["x"] }, proxy = { image = "ssm:/proxy" } }
"""


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    file = tmp_path / "delivery.toml"
    file.write_text(DELIVERY)
    return load.load(file).environment("staging")


BUILD = {"env:CONTEXT", "env:VERSION"}
OVERLAY = {"ssm:/api", "ssm:/proxy"}


@pytest.mark.parametrize(
    ("order", "referred"),
    [
        (Order(), {*BUILD, *OVERLAY, "ssm:/job"}),
        (Order(task="publish"), {*BUILD, *OVERLAY, "ssm:/job"}),
        (Order(resume="CONTINUE"), {*BUILD, "ssm:/job"}),
        (Order(task="verify"), {*BUILD, "ssm:/job"}),
        (Order(task="run", job="migrate"), {*BUILD, "ssm:/job"}),
        (Order(task="rollback"), set()),
    ],
)
def test_only_what_the_order_needs_is_looked_up(
    declared: Declared, order: Order, referred: set[str]
) -> None:
    assert set(map(str, resolve.references(relevant(order, declared)))) == referred


def test_going_back_still_knows_every_image_and_who_takes_it(declared: Declared) -> None:
    nothing: Any = None
    environment = resolve.resolve(
        relevant(Order(task="rollback"), declared), variables={}, published=nothing
    )
    assert environment.keys == ("api", "helper")
    overlay = environment.overlay("web")
    assert overlay.file == ""
    assert [(each.name, each.built, each.command) for each in overlay.containers] == [
        ("side", "helper", ())
    ]
