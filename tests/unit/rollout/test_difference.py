"""Two revisions, field by field: as ECS means them, and without a secret."""

from __future__ import annotations

from typing import Any

from shipway.aws.task_definition import read
from shipway.rollout.difference import differences
from shipway.rollout.task_definition import TaskDefinition, UnbuiltImage

_ARN = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:41"


def definition(container: dict[str, Any], **task: Any) -> TaskDefinition:
    web = {"name": "web", "image": "shop:1", **container}
    answer = {"taskDefinitionArn": _ARN, "family": "shop", "containerDefinitions": [web], **task}
    return read({"taskDefinition": answer})


def rows(before: TaskDefinition, after: TaskDefinition) -> list[tuple[str, str, str]]:
    return [(each.field, each.before, each.after) for each in differences(before, after)]


def test_another_image_is_all_that_differs() -> None:
    live = definition({"environment": [{"name": "LEVEL", "value": "info"}], "cpu": 0})
    revision = live.with_image("web", UnbuiltImage("host/shop"))
    assert rows(live, revision) == [("web.image", "shop:1", "host/shop@(to be built)")]


def test_order_emptiness_and_the_kind_of_a_number_are_no_difference() -> None:
    pairs = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    before = definition({"environment": pairs, "mountPoints": []}, memory="512", revision=41)
    after = definition({"environment": pairs[::-1], "links": []}, memory=512, revision=42)
    assert rows(before, after) == []


def test_what_is_added_changed_and_gone_is_named() -> None:
    before = definition(
        {
            "command": ["serve", "--fast"],
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
        },
        memory="512",
    )
    after = definition({"command": ["serve"], "essential": True}, memory="1024")
    assert rows(before, after) == [
        ("memory", "512", "1024"),
        ("web.command", "serve --fast", "serve"),
        ("web.portMappings.8080", "8080", ""),
    ]


def test_a_secret_is_seen_by_its_reference_alone() -> None:
    def of(token: str, url: str, place: str) -> TaskDefinition:
        variables = [{"name": "API_TOKEN", "value": token}, {"name": "URL", "value": url}]
        secrets = [{"name": "DB_PASSWORD", "valueFrom": place}]
        return definition({"environment": variables, "secrets": secrets})

    before = of("canary-one", "https://me:canary-three@host/a", "ssm:/old/password")
    after = of("canary-two", "https://me:canary-four@host/b", "ssm:/new/password")
    assert rows(before, after) == [
        ("web.environment.API_TOKEN", "***", "***"),
        ("web.environment.URL", "https://me:***@host/a", "https://me:***@host/b"),
        ("web.secrets.DB_PASSWORD", "ssm:/old/password", "ssm:/new/password"),
    ]


def test_a_variable_of_a_secret_s_name_that_comes_or_goes_shows_which() -> None:
    before = definition({"environment": [{"name": "API_TOKEN", "value": "canary-one"}]})
    assert rows(before, definition({})) == [("web.environment.API_TOKEN", "***", "")]
