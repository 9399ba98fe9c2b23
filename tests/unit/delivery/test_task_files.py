"""A file of the commit in the place of the live task definition, planned and delivered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shipway.aws.task_definition import registration
from shipway.delivery.order import Order
from shipway.delivery.plan import plan_delivery
from shipway.delivery.planned import DeliveryPlan
from shipway.errors import ShipwayError
from shipway.image.build import REVISION

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
FILE = "infra/task.json"
KEY = "ci/delivery.toml  environments.staging.services.web.task_definition"


def document(**web: Any) -> dict[str, Any]:
    """As describe-task-definition prints it."""
    container = {"name": "web", "image": "old", "portMappings": [{"containerPort": 8080}], **web}
    proxy = {"name": "proxy", "image": "envoy:v1"}
    definition = {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:12",
        "revision": 12,
        "status": "ACTIVE",
        "compatibilities": ["EC2", "FARGATE"],
        "registeredAt": "2026-11-01T10:00:00+01:00",
        "family": "shop",
        "memory": "512",
        "containerDefinitions": [container, proxy],
    }
    return {"taskDefinition": definition, "tags": [{"key": "team", "value": "shop"}]}


def name(world: World, path: str = FILE, more: str = "") -> None:
    """Have delivery.toml name a file."""
    text = (world.root / "ci" / "delivery.toml").read_text()
    world.write("delivery.toml", f'{text}task_definition = "{path}"\n{more}')


def commit(world: World, content: dict[str, Any] | bytes, path: str = FILE) -> None:
    """Have the commit hold a file."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    world.git.files[f"{SHA}:{path}"] = text


def plan(world: World) -> DeliveryPlan:
    return plan_delivery(Order(environment="staging"), world.context, world.events.append)


def refused(world: World) -> ShipwayError:
    """What the delivery is refused with, before a build."""
    with pytest.raises(ShipwayError) as caught:
        plan(world)
    assert (caught.value.exit_code, world.builder.requests) == (10, [])
    assert world.deliver().exit_code == 10
    assert (world.changed, world.builder.requests) == ((0, 0, 0), [])
    return caught.value


def test_a_change_of_the_file_alone_is_a_release(world: World) -> None:
    name(world)
    commit(world, document())
    assert (plan(world).exit_code, world.deliver().exit_code) == (3, 0)
    layout = world.builder.layout
    assert layout is not None
    world.cloud.store.built_by[layout.root] = {REVISION: SHA}
    assert (plan(world).exit_code, plan(world).changes) == (0, 0)
    commit(world, document(command=["serve", "-v"]))
    planned = plan(world)
    assert (planned.exit_code, planned.changes) == (3, 1)
    [step] = planned.steps
    assert [(each.field, each.before, each.after) for each in step.differences] == [
        ("web.command", "", "serve -v")
    ]
    assert world.deliver().exit_code == 0
    assert (world.changed[1:], plan(world).exit_code) == ((2, 2), 0)
    registered = world.cloud.ecs.definitions[world.cloud.ecs.updates[-1]]
    request = registration(registered)
    expected = document(command=["serve", "-v"])["taskDefinition"]
    expected["containerDefinitions"][0]["image"] = registered.container("web").image
    kept = ("family", "memory", "containerDefinitions")
    assert request == {
        **{key: expected[key] for key in kept},
        "tags": [{"key": "team", "value": "shop"}],
    }
    assert layout.root.value in registered.container("web").image


def test_the_keys_of_delivery_toml_go_over_the_file(world: World) -> None:
    name(world, more='environment = { LEVEL = "debug" }\ncpu = 512\n')
    commit(world, document(environment=[{"name": "LEVEL", "value": "info"}]))
    [step] = plan(world).steps
    shown = {each.field: each.after for each in step.differences}
    assert (shown["web.environment.LEVEL"], shown["cpu"]) == ("debug", "512")


def test_a_variable_that_looks_secret_is_not_shown(world: World) -> None:
    name(world)
    commit(world, document(environment=[{"name": "API_TOKEN", "value": "canary-1"}]))
    planned = plan(world)
    assert "canary-1" not in json.dumps(planned.document())
    assert "web.environment.API_TOKEN" in json.dumps(planned.document())


def test_the_commits_file_counts_and_not_what_lies_in_a_clean_tree(world: World) -> None:
    name(world)
    (world.root / "infra").mkdir()
    (world.root / FILE).write_text(json.dumps(document()))  # ignored by git, say
    error = refused(world)
    assert (error.what, error.where) == (f"{FILE} is not in the commit", KEY)


def test_a_dirty_tree_is_read_as_it_lies_and_told_as_dirty(world: World) -> None:
    name(world)
    world.git.commit = replace(world.git.commit, clean=False, changes=(FILE,))
    (world.root / "infra").mkdir()
    (world.root / FILE).write_text(json.dumps(document(command=["from-the-tree"])))
    commit(world, document(command=["from-the-commit"]))
    planned = plan(world)
    assert "from-the-tree" in json.dumps(planned.document())
    assert f"which differs from {SHA[:7]}: {FILE}" in str(world.events)


def test_a_link_out_of_the_repository_is_refused(world: World, tmp_path_factory: Any) -> None:
    name(world)
    world.git.commit = replace(world.git.commit, clean=False)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "task.json"
    elsewhere.write_text(json.dumps(document()))
    (world.root / "infra").mkdir()
    (world.root / FILE).symlink_to(elsewhere)
    error = refused(world)
    assert (error.what, error.where) == (f"{FILE} leads out of the repository", KEY)


@pytest.mark.parametrize(
    "path", ["../task.json", "/etc/passwd", "infra/../../task.json", "infra/..", "..", "a\\\\b"]
)
def test_a_path_out_of_the_repository_is_refused(world: World, path: str) -> None:
    name(world, path)
    [line] = refused(world).details
    assert "services.web.task_definition: should be a JSON file of the repository" in line


def test_a_file_that_is_not_there_is_refused(world: World) -> None:
    name(world)
    assert refused(world).what == f"there is no file {FILE}"


def test_a_folder_is_refused(world: World) -> None:
    name(world)
    world.git.commit = replace(world.git.commit, clean=False)
    (world.root / FILE).mkdir(parents=True)
    assert f"{FILE} cannot be read" in refused(world).what


@pytest.mark.parametrize(
    ("definition", "where", "said"),
    [
        (
            {"family": "other", "containerDefinitions": [{"name": "web"}]},
            f"{FILE}  family",
            "is of task definition other, and the service runs shop",
        ),
        (
            {"Family": "shop", "ContainerDefinitions": [{"Name": "wep", "Image": "a"}]},
            f"{FILE}  ContainerDefinitions, named in {KEY.rpartition('.')[0]}.container",
            'has no container "web"',
        ),
        (
            {
                "Family": "shop",
                "ContainerDefinitions": [{"Name": "web"}, {"Name": "x", "Image": {"Ref": "I"}}],
            },
            f"{FILE}  ContainerDefinitions[1].Image",
            'container "x" has no image',
        ),
    ],
)
def test_a_file_that_does_not_fit_the_service_is_refused(
    world: World, definition: dict[str, Any], where: str, said: str
) -> None:
    name(world)
    commit(world, definition)
    error = refused(world)
    assert (error.where, said in error.what) == (where, True), error


def test_what_the_sdk_cannot_send_is_refused_with_each_place_and_no_value(world: World) -> None:
    name(world)
    web = {
        "Name": "web",
        "PortMapings": [],
        "Environment": [{"Name": "API_TOKEN", "Value": ["canary-2"]}],
        "FieldOfTomorrow": "canary-3",
    }
    commit(world, {"Family": "shop", "ContainerDefinitions": [web], "NetworkMode": 5})
    error = refused(world)
    unknown = "the installed AWS SDK does not know this field"
    assert error.details == (
        f"{FILE}  ContainerDefinitions[0].PortMapings: {unknown}",
        f"{FILE}  ContainerDefinitions[0].Environment[0].Value: should be a text",
        f"{FILE}  ContainerDefinitions[0].FieldOfTomorrow: {unknown}",
        f"{FILE}  NetworkMode: should be a text",
    )
    assert "update boto3" in error.remedy
