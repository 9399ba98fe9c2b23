"""Elastic Load Balancing, corrected: target health is checked, traffic goes to healthy targets."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import responses
from ministack.services import alb

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import corrects, original
from shipway_sandbox.emulator.targets import Check, RegisteredTarget, shown

Reply = tuple[int, dict[str, Any], Any]
_DEFAULT_DRAIN_SECONDS = 300.0


_balancer_region: ContextVar[str] = ContextVar("balancer_region", default="")


def enter(name: str) -> None:
    """Answer as the account and the region of a load balancer.

    A browser's request carries neither; the load balancer's name tells whose it is.
    """
    for (account, region, _), balancer in alb._lbs.all_items():
        if balancer.get("LoadBalancerName") == name:
            responses._request_account_id.set(account)
            _balancer_region.set(region)
            return


@corrects("alb.answers-in-its-region", "app.extract_region")
def extract_region(headers: dict[str, str], query_params: dict[str, Any] | None = None) -> str:
    """The region of the load balancer that is asked, else that of the request."""
    return _balancer_region.get() or str(original("app.extract_region")(headers, query_params))


def settings(group: str) -> Check | None:
    """The health check of a target group, from wherever it was made."""
    target_group = next(
        (known for known in alb._tgs.all_values() if known["TargetGroupArn"] == group), None
    )
    if target_group is None:
        return None
    return Check(
        path=str(target_group.get("HealthCheckPath") or "/"),
        port=str(target_group.get("HealthCheckPort") or "traffic-port"),
        codes=str((target_group.get("Matcher") or {}).get("HttpCode") or "200"),
        interval=float(target_group.get("HealthCheckIntervalSeconds") or 30),
        timeout=float(target_group.get("HealthCheckTimeoutSeconds") or 5),
        healthy=int(target_group.get("HealthyThresholdCount") or 5),
        unhealthy=int(target_group.get("UnhealthyThresholdCount") or 2),
    )


def drain_seconds(group: str) -> float:
    """``deregistration_delay.timeout_seconds`` of a target group; 300 unless it is set."""
    for attribute in alb._tg_attrs.get(group, []):
        if attribute.get("Key") == "deregistration_delay.timeout_seconds":
            return float(attribute.get("Value") or 0)
    return _DEFAULT_DRAIN_SECONDS


def is_used(group: str) -> bool:
    """Whether any listener or rule forwards to the group."""
    return any(
        group == action.get("TargetGroupArn")
        or group in json.dumps(action.get("ForwardConfig", ""))
        for store, field in ((alb._listeners, "DefaultActions"), (alb._rules, "Actions"))
        for listener_or_rule in store.all_values()
        for action in listener_or_rule.get(field, [])
    )


@corrects("alb.target-health", "alb._ACTION_MAP[DescribeTargetHealth]")
def describe_target_health(params: dict[str, Any]) -> Reply:
    """DescribeTargetHealth from the checks that were really made."""
    group = alb._p(params, "TargetGroupArn")
    target_group = alb._tgs.get(group)
    if target_group is None:
        missing: Reply = alb._error("TargetGroupNotFound", f"Target group '{group}' not found.")
        return missing
    wanted = {named["Id"] for named in alb._parse_targets_param(params)}
    used = is_used(group)
    members = "".join(
        _member(target, used=used)
        for target in state.checker().of(group)
        if not wanted or target.id in wanted
    )
    reply: Reply = alb._xml(
        200,
        "DescribeTargetHealth",
        f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>",
    )
    return reply


def _member(target: RegisteredTarget, *, used: bool) -> str:
    health = shown(target, used=used)
    parts = f"<State>{health['state']}</State>"
    if health["reason"]:
        parts += f"<Reason>{health['reason']}</Reason>"
        parts += f"<Description>{escape(health['description'])}</Description>"
    return (
        f"<member><Target><Id>{escape(target.id)}</Id><Port>{target.port}</Port>"
        f"<AvailabilityZone>{responses.get_region()}a</AvailabilityZone></Target>"
        f"<HealthCheckPort>{target.port}</HealthCheckPort>"
        f"<TargetHealth>{parts}</TargetHealth></member>"
    )


@corrects("alb.target-health", "alb._ACTION_MAP[RegisterTargets]")
def register_targets(params: dict[str, Any]) -> Reply:
    """RegisterTargets: each target is checked from now on."""
    reply: Reply = original("alb._ACTION_MAP[RegisterTargets]")(params)
    group = alb._p(params, "TargetGroupArn")
    if group in alb._tgs:
        for target in alb._parse_targets_param(params):
            port = int(target.get("Port") or alb._tgs[group].get("Port") or 80)
            state.checker().register(group, target["Id"], port)
    return reply


@corrects("alb.target-health", "alb._ACTION_MAP[DeregisterTargets]")
def deregister_targets(params: dict[str, Any]) -> Reply:
    """DeregisterTargets: draining begins, and goes on without the caller."""
    reply: Reply = original("alb._ACTION_MAP[DeregisterTargets]")(params)
    group = alb._p(params, "TargetGroupArn")
    wanted = {named["Id"] for named in alb._parse_targets_param(params)}
    for target in state.checker().of(group):
        if target.id in wanted:
            state.in_background(
                state.checker().deregister,
                group,
                target.id,
                target.port,
                drain=drain_seconds(group),
            )
    return reply


@corrects("alb.forwards-to-healthy", "alb._forward_to_tg")
async def forward(  # noqa: PLR0917  # MiniStack calls it with eight positions
    group: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, Any],
    raw_query: str | None = None,
    raw_path: str | None = None,
) -> Reply:
    """Send one request to one target, and count it as under way until its body has ended."""
    target_group = alb._tgs.get(group)
    if target_group is None or target_group.get("TargetType") == "lambda":
        forwarded: Reply = await original("alb._forward_to_tg")(
            group, method, path, headers, body, query, raw_query, raw_path
        )
        return forwarded
    target = state.checker().take(group)
    if target is None:
        return 503, {"Content-Type": "text/html"}, _page("503 Service Temporarily Unavailable")
    streaming = False
    try:
        status, answer_headers, answer = await alb._proxy_http_target(
            {"Id": target.id, "Port": target.port},
            target_group,
            method,
            raw_path or path,
            headers,
            body,
            query,
            raw_query,
        )
        if isinstance(answer, responses.StreamingResponse):
            streaming = True
            return status, answer_headers, _counted(answer, target)
        return status, {"Content-Type": "text/html"}, _page("502 Bad Gateway")
    finally:
        if not streaming:
            state.checker().release(target)


def _page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def _counted(answer: Any, target: RegisteredTarget) -> Any:
    """The same stream, after which the target has one request less under way."""
    write: Callable[..., Awaitable[None]] = answer.runner

    async def stream(send: Any, receive: Any) -> None:
        try:
            await write(send, receive)
        finally:
            state.checker().release(target)

    return responses.StreamingResponse(stream)
