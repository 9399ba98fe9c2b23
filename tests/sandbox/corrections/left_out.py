"""Which corrections are left out together, and where: each of them is left out somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

API = (
    "alb.answers-at-its-name",
    "alb.answers-in-its-region",
    "cloudformation.oidc-provider",
    "cloudformation.role-boundary",
    "cloudformation.parameter-names",
    "cloudformation.secret-by-arn",
    "cloudformation.service-sends-all",
    "cloudformation.service-whole",
    "cloudformation.takes-network-and-scaling",
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
    "ecs.millisecond-times",
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
