"""What ``plan`` and ``status`` say before a delivery, after it, and after somebody meddled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from tests.entry.conftest import Ended, Here, Running


def answer(ended: Ended, kind: str) -> dict[str, Any]:
    """The one JSON object of that type."""
    [found] = [event for event in ended.events if event["type"] == kind]
    return found


def files(folder: Path) -> list[str]:
    """Every record that lies there."""
    return sorted(path.as_posix() for path in folder.glob("**/record.json"))


def ecs(sandbox: Running) -> Any:
    """ECS, as whoever owns the local account."""
    who = sandbox.administrator("local")
    return boto3.client(
        "ecs",
        region_name=sandbox.state.get("region", "eu-west-1"),
        endpoint_url=who["AWS_ENDPOINT_URL"],
        aws_access_key_id=who["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=who["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="module")
def walked(clone: Here, sandbox: Running) -> dict[str, Ended]:
    """``plan``, ``deploy``, ``plan``, ``status``, one after another."""
    assert sandbox.state
    clone.alters_the_source("planned")  # another test may have delivered what is there
    before = files(clone.folder / "evidence")
    first = clone.types("shipway", "plan", "--env", "local", "--json")
    assert files(clone.folder / "evidence") == before, "a plan is no delivery"
    return {
        "first": first,
        "words": clone.types("inv", "plan", "--env", "local"),
        "deploy": clone.types("inv", "deploy", "--env", "local"),
        "second": clone.types("shipway", "plan", "--env", "local", "--json"),
        "status": clone.types("shipway", "status", "--env", "local", "--json"),
    }


def test_before_a_delivery_there_are_changes(walked: dict[str, Ended]) -> None:
    first = walked["first"]
    assert first.code == 3, first.out + first.err
    plan = answer(first, "plan")
    assert plan["changes"] == 2
    assert plan["image"]["how"] == "built"
    [web] = plan["services"]
    assert web["action"] == "new-revision"
    assert [change["field"] for change in web["changes"]] == [f"{web['container']}.image"]
    assert {rule["rule"]: rule["holds"] for rule in plan["decision"]["rules"]}["by hand"]
    assert first.events[-1]["kind"] == "changes"


def test_it_is_said_in_words(walked: dict[str, Ended]) -> None:
    words = walked["words"]
    assert words.code == 3, words.out + words.err
    assert "→ new revision" in words.out
    assert "2 changes. Nothing was changed." in words.out
    assert words.lines[-1] == "exit 3 (changes)"


def test_after_it_there_is_none(walked: dict[str, Ended]) -> None:
    assert walked["deploy"].code == 0, walked["deploy"].out + walked["deploy"].err
    second = walked["second"]
    assert second.code == 0, second.out + second.err
    plan = answer(second, "plan")
    assert (plan["changes"], plan["image"]["how"]) == (0, "reused")
    assert [service["action"] for service in plan["services"]] == ["none"]
    assert second.events[-1]["kind"] == "no-change"


def test_the_status_is_what_the_record_says(walked: dict[str, Ended], clone: Here) -> None:
    status = walked["status"]
    assert status.code == 0, status.out + status.err
    [web] = answer(status, "status")["services"]
    record = clone.records()[-1]
    assert web["task_definition"] == record["services"][0]["taskDefinition"]
    assert web["commit"] == record["commit"]["sha"]
    assert web["by"].startswith(record["trigger"]["actor"])
    assert (web["healthy"], web["desired"], web["drift"]) == (2, 2, "")
    assert web["since"]


@pytest.mark.usefixtures("walked")
def test_what_somebody_did_by_hand_is_named(clone: Here, sandbox: Running) -> None:
    cluster = clone.records()[-1]["environment"]["cluster"]
    [service] = clone.records()[-1]["environment"]["services"].values()
    client = ecs(sandbox)
    [described] = client.describe_services(cluster=cluster, services=[service])["services"]
    recorded = described["taskDefinition"]
    live = client.describe_task_definition(taskDefinition=recorded)["taskDefinition"]
    container = {**live["containerDefinitions"][0]}
    container["environment"] = [
        *container.get("environment", []),
        {"name": "API_TOKEN", "value": "canary-of-status"},
    ]
    again = client.register_task_definition(
        family=live["family"],
        networkMode=live["networkMode"],
        containerDefinitions=[container, *live["containerDefinitions"][1:]],
        **{
            name: live[name]
            for name in ("cpu", "memory", "executionRoleArn", "taskRoleArn")
            if live.get(name)
        },
        requiresCompatibilities=live.get("requiresCompatibilities", []),
    )["taskDefinition"]["taskDefinitionArn"]
    client.update_service(cluster=cluster, service=service, taskDefinition=again)
    status = clone.types("shipway", "status", "--env", "local")
    client.update_service(cluster=cluster, service=service, taskDefinition=recorded)
    assert status.code == 4, status.out + status.err
    assert f"{again.rpartition('/')[2]} runs, not {recorded.rpartition('/')[2]}" in status.out
    assert "the same image in another revision" in status.out
    assert status.lines[-1] == "exit 4 (not-as-recorded)"
    assert "canary-of-status" not in status.out + os.linesep + status.err
