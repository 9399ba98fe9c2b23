"""MiniStack without what no delivery uses: its side doors, its other services, foreign resources.

Whatever passes the door by mistake finds nothing behind it. These are no corrections, and none can
be left out.
"""

# ruff: noqa: SLF001  # MiniStack's entry points are private names of one pinned version

from __future__ import annotations

import json
from typing import Any, Final

from ministack import app
from ministack.services.cloudformation import provisioners

from shipway_sandbox.emulator.door.operations import SERVICES
from shipway_sandbox.emulator.door.visitors import BALANCERS

Reply = tuple[int, dict[str, Any], Any]
REGISTRY: Final = "/v2"
_RUNS_CODE: Final = frozenset(
    {
        "ApiGateway",
        "ApiGatewayV2",
        "AppSync",
        "AutoScaling",
        "CodeBuild",
        "DocDB",
        "EFS",
        "EKS",
        "ElastiCache",
        "Glue",
        "KinesisAnalyticsV2",
        "KinesisFirehose",
        "Lambda",
        "OpenSearchService",
        "Pipes",
        "RDS",
        "S3ObjectLambda",
        "StepFunctions",
    }
)
"""Services whose resources of a stack run code or containers, or have others run them."""


async def _nothing(*_args: Any) -> None:
    """No answer: the request goes on to what a delivery uses."""


async def _only_ours(  # noqa: PLR0917  # MiniStack calls it with six positions and three names
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],
    _request_id: str,
    raw_path: str | None = None,
    raw_query_string: str = "",
    client_ip: str = "",
) -> Reply | None:
    """The registry, a bucket's own host, a load balancer; ``None`` for a call of an AWS service."""
    del client_ip
    host = headers.get("host", "")
    answer: Reply | None
    if path == REGISTRY or path.startswith(f"{REGISTRY}/"):
        answer = await app._handle_ecr_registry_request(method, path, headers, body, query)
        return answer or _not_found(path)
    if path.startswith(BALANCERS):
        answer = await app._handle_alb_request(
            host, path, method, headers, body, query, raw_query_string, raw_path
        )
        return answer or _not_found(path)
    answer = await app._handle_s3_vhost_request(host, path, method, headers, body, query)
    return answer


def _not_found(path: str) -> Reply:
    message = json.dumps({"message": f"nothing stands at {path}"}).encode()
    return 404, {"Content-Type": "application/json"}, message


def narrow() -> None:
    """Take it all away; a stack with such a resource is then one with an unknown type."""
    app._handle_pre_body_request = _nothing
    app._handle_post_body_shortcuts = _nothing
    app._handle_special_data_plane_request = _only_ours
    for service in set(app.SERVICE_HANDLERS) - SERVICES:
        del app.SERVICE_HANDLERS[service]
    kinds = provisioners._RESOURCE_HANDLERS
    for kind in [kind for kind in kinds if kind.split("::")[1] in _RUNS_CODE]:
        del kinds[kind]
