"""RunTask with a token that was given before: the first one's tasks, and no others.

"Ensuring idempotency" (ECS API Reference): in one cluster, the same token with the same parameters
gives the result of the first request; with others it is refused.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import ecs

from shipway_sandbox.emulator.corrections import rule

Record = dict[str, Any]

once_for_a_token = rule("ecs.run-task-idempotent")
_given: dict[tuple[str, str, str, str], tuple[str, list[str]]] = {}
"""Account, region, cluster and token → the request, and the ARNs of its tasks."""
_lock = threading.Lock()


def run_once(data: Record, run: Callable[[Record], Any]) -> Any:
    """Answer RunTask; ``run`` starts tasks.

    Args:
        data: The request.
        run: MiniStack's own RunTask.
    """
    token = str(data.get("clientToken") or "")
    if not token or not once_for_a_token():
        return run(data)
    cluster = str(data.get("cluster") or "default").rpartition("/")[2]
    key = (get_account_id(), get_region(), cluster, token)
    request = json.dumps(data, sort_keys=True)
    with _lock:
        if key in _given:
            return _again(*_given[key], request)
        answer = run(data)
        arns = [task["taskArn"] for task in _body(answer).get("tasks", ())]
        if arns:
            _given[key] = (request, arns)
        return answer


def _again(before: str, arns: list[str], request: str) -> Any:
    if before != request:
        return error_response_json(
            "ConflictException",
            "The provided clientToken is already in use with a different RunTask request.",
            400,
            {"resourceIds": arns},
        )
    tasks = [ecs._sanitize(task) for arn in arns if (task := ecs._tasks.get(arn)) is not None]
    return json_response({"tasks": tasks, "failures": []})


def _body(answer: Any) -> Record:
    """The JSON of an answer of MiniStack's: status, headers and content."""
    try:
        body = json.loads(answer[2])
    except (LookupError, TypeError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}
