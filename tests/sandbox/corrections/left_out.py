"""Which corrections are left out together, and where: each of them is left out somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

API = (
    "alb.answers-at-its-name",
    "alb.answers-in-its-region",
    "cloudformation.drift-of-services",
    "cloudformation.names-are-made-up",
    "cloudformation.oidc-provider",
    "cloudformation.role-boundary",
    "cloudformation.parameter-names",
    "cloudformation.secret-by-arn",
    "cloudformation.service-sends-all",
    "cloudformation.service-whole",
    "cloudformation.takes-network-and-scaling",
    "cloudformation.task-definitions-checked",
    "cloudformation.task-definitions-whole",
    "cloudformation.waits-for-services",
    "cloudformation.handlers-may-wait",
    "ecr.image-calls",
    "ecr.local-host",
    "ecr.refuses-incomplete-manifests",
    "ecr.registry-account",
    "ecr.registry-checks-token",
    "ecr.scan-calls",
    "ecr.shares-across-accounts",
    "ecr.token-of-principal",
    "ecs.current-service-deployment",
    "ecs.execute-command",
    "ecs.millisecond-times",
    "ecs.refuses-empty-lists",
    "ecs.refuses-unknown-clusters",
    "ecs.registers-unknown-roles",
    "ecs.service-deployments",
    "events.rules-must-be-there",
    "iam.conditional-writes",
    "iam.denials-name-the-resource",
    "iam.ecs-resources",
    "iam.loopback-is-secure",
    "iam.pass-role",
    "iam.principal-arn",
    "iam.wildcards-whole",
    "sts.verifies-web-identity",
    "sts.web-identity-session-policies",
)
HEALTH = (
    "ecs.drains-before-stop",
    "ecs.failed-deployments-leave",
    "ecs.no-cached-image",
    "ecs.out-of-memory-reason",
    "ecs.rollout-waits-for-container-health",
    "ecs.rollout-waits-for-targets",
    "ssm.secure-strings-reach-containers",
)
SETTINGS = (
    "alb.forwards-to-healthy",
    "ecs.breaker-judges-first-deployment",
    "ecs.container-health",
    "ecs.container-settings",
    "ecs.run-task-idempotent",
)
STARTS = (
    "ecs.assumes-task-roles",
    "ecs.execution-role-pulls",
    "ecs.execution-role-reads-secrets",
    "ecs.execution-role-writes-logs",
    "ecs.image-fits-the-processor",
    "ecs.log-group-must-exist",
    "ecs.tells-blocked-deployments",
)
REFUSED = (
    "ecs.refuses-bad-containers",
    "ecs.refuses-bad-counts",
    "ecs.refuses-bad-names",
    "ecs.refuses-bad-ports",
    "ecs.refuses-blocking-percentages",
    "ecs.refuses-exec-without-role",
    "ecs.refuses-fargate-network",
    "ecs.refuses-fargate-sizes",
    "ecs.refuses-log-options",
    "ecs.refuses-missing-execution-role",
    "ecs.refuses-missing-memory",
    "ecs.refuses-missing-network",
    "ecs.refuses-other-launch-types",
    "ecs.refuses-unknown-balanced-containers",
    "ecs.refuses-unknown-definitions",
    "ecs.refuses-unknown-overrides",
)
"""Each is left out alone, in ``test_refused_input.py``."""
WHOLE = ("alb.target-health", "ecs.scheduler", "ecs.task-runtime")
SHAPES = (
    "aws.empty-is-left-out",
    "aws.lists-come-in-pages",
    "aws.one-error-for-what-lacks",
    "ecr.repositories-come-in-pages",
    "ecs.answers-are-whole",
    "ecs.tasks-are-told-whole",
    "logs.filter-goes-on",
)
IN_PROCESS = ("ecs.healthy-task-resets-breaker", "ecs.records-are-read-whole")


def without(serve: Callable[..., Any], names: tuple[str, ...]) -> Any:
    """A server that lacks these corrections."""
    return serve(*[option for name in names for option in ("--without", name)])
