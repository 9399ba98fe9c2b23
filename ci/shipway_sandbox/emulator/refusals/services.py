"""CreateService, UpdateService and RunTask: what ECS refuses of them.

The texts are those that people met: clusters and services (API Reference, CreateService and
UpdateService), unknown and inactive task definitions (API Reference, UpdateService;
aws/containers-roadmap), containers and ports of a load balancer (aws/amazon-ecs-agent#1276,
pulumi/pulumi-awsx#1172), networks (fabfuel/ecs-deploy#133,
aws-actions/amazon-ecs-deploy-task-definition#616), launch types (oranmoshai/ecsServiceRestart#2),
overrides (azavea/django-ecsmanage#21), a task role for exec (aws/aws-toolkit-jetbrains#3649). Of a
count that cannot be, only the code is documented (API Reference, CreateService: desiredCount;
RunTask: count).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.refusals.definitions import needs_fargate
from shipway_sandbox.emulator.refusals.refusal import Record, Refusal, Rules, first, invalid

_MOST_TASKS: Final = 10
"""API Reference, RunTask: count."""
_ALL: Final = 100
_FARGATE: Final = frozenset({"FARGATE", "FARGATE_SPOT"})

CLUSTER_MISSING: Final = Refusal("Cluster not found.", "ClusterNotFoundException")
DEFINITION_MISSING: Final = Refusal("TaskDefinition not found.")

knows_definitions = rule("ecs.refuses-unknown-definitions")
checks_balancers = rule("ecs.refuses-unknown-balanced-containers")
checks_counts = rule("ecs.refuses-bad-counts")
checks_percentages = rule("ecs.refuses-blocking-percentages")
checks_network = rule("ecs.refuses-missing-network")
checks_launch_type = rule("ecs.refuses-other-launch-types")
checks_overrides = rule("ecs.refuses-unknown-overrides")
checks_exec_role = rule("ecs.refuses-exec-without-role")


def of_service(
    request: Record, definition: Record | None, service: Record | None
) -> Refusal | None:
    """Why a service is not made or changed; ``None`` where it is.

    Args:
        request: CreateService's or UpdateService's.
        definition: The task definition that is meant; ``None`` where there is none.
        service: The service as it is; ``None`` for one that is new.
    """
    whole = {**(service or {}), **request}
    return first(_SERVICE, {"is_new": service is None, **_asked(request, whole, definition)})


def of_task(request: Record, definition: Record | None) -> Refusal | None:
    """Why no task is run; ``None`` where one is."""
    return first(_TASK, {"is_task": True, **_asked(request, request, definition)})


def _asked(request: Record, whole: Record, definition: Record | None) -> Record:
    return {"request": request, "whole": whole, "definition": definition}


def _definition(asked: Record) -> Iterator[Refusal]:
    """A service that keeps its task definition may keep one that is inactive by now."""
    definition = asked["definition"]
    if asked.get("is_new") is False and not asked["request"].get("taskDefinition"):
        return
    if definition is None:
        yield DEFINITION_MISSING
    elif definition["status"] != "ACTIVE":
        message = "TaskDefinition is inactive"
        yield invalid(message) if asked.get("is_task") else Refusal(message)


def _balancers(asked: Record) -> Iterator[Refusal]:
    if asked["definition"] is None:
        return
    containers = {each["name"]: each for each in asked["definition"]["containerDefinitions"]}
    for balancer in asked["whole"].get("loadBalancers") or ():
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        if name not in containers:
            yield invalid(f"The container {name} does not exist in the task definition.")
            continue
        mapped = containers[name].get("portMappings") or ()
        if not any(int(each.get("containerPort") or 0) == int(port or 0) for each in mapped):
            yield invalid(f"The container {name} did not have a container port {port} defined.")


def _counts(asked: Record) -> Iterator[Refusal]:
    request = asked["request"]
    if asked.get("is_task"):
        count = request.get("count")
        if count is not None and not 0 < int(count) <= _MOST_TASKS:
            yield invalid(f"Invalid count: {count}. It must be from 1 to {_MOST_TASKS}.")
        return
    desired = request.get("desiredCount")
    if desired is not None and int(desired) < 0:
        yield invalid(f"Invalid desiredCount: {desired}. It must not be negative.")


def _percentages(asked: Record) -> Iterator[Refusal]:
    """cfn-lint's kin cites ECS: both percentages at 100 leave no task to start and none to stop."""
    configured = asked["whole"].get("deploymentConfiguration") or {}
    given = asked["request"].get("deploymentConfiguration") or {}
    if not given or configured.get("strategy", "ROLLING") != "ROLLING":
        return
    most, least = (configured.get(name) for name in ("maximumPercent", "minimumHealthyPercent"))
    if most is not None and int(most) == _ALL == int(_ALL if least is None else least):
        yield invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
            "deployments"
        )


def _network(asked: Record) -> Iterator[Refusal]:
    definition, whole = asked["definition"], asked["whole"]
    if definition is None:
        return
    own = definition.get("networkMode") == "awsvpc"
    subnets = ((whole.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}).get(
        "subnets"
    )
    if own and not subnets:
        yield invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    if not own and asked["request"].get("networkConfiguration"):
        yield invalid(
            "Network Configuration is not valid for the given networkMode of this task definition."
        )


def _launch_type(asked: Record) -> Iterator[Refusal]:
    definition, whole = asked["definition"], asked["whole"]
    providers = {
        each.get("capacityProvider") for each in whole.get("capacityProviderStrategy") or ()
    }
    fargate = whole.get("launchType") == "FARGATE" or bool(providers & _FARGATE)
    if definition is not None and fargate and not needs_fargate(definition):
        yield invalid("Task definition does not support launch_type FARGATE.")


def _overrides(asked: Record) -> Iterator[Refusal]:
    if asked["definition"] is None:
        return
    names = {container["name"] for container in asked["definition"]["containerDefinitions"]}
    overrides = asked["request"].get("overrides") or {}
    for override in overrides.get("containerOverrides") or ():
        name = override.get("name")
        if name not in names:
            yield invalid(
                f"Override for container named {name} is not a container in the TaskDefinition."
            )


def _exec_role(asked: Record) -> Iterator[Refusal]:
    definition, request = asked["definition"], asked["request"]
    overridden = (request.get("overrides") or {}).get("taskRoleArn")
    if (
        definition is not None
        and asked["whole"].get("enableExecuteCommand")
        and not (definition.get("taskRoleArn") or overridden)
    ):
        what = "created" if asked.get("is_new") else "updated"
        yield invalid(
            f"The service couldn't be {what} because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )


_SERVICE: Rules = (
    (knows_definitions, _definition),
    (checks_counts, _counts),
    (checks_percentages, _percentages),
    (checks_launch_type, _launch_type),
    (checks_network, _network),
    (checks_balancers, _balancers),
    (checks_exec_role, _exec_role),
)
_TASK: Rules = (
    (checks_counts, _counts),
    (knows_definitions, _definition),
    (checks_launch_type, _launch_type),
    (checks_network, _network),
    (checks_overrides, _overrides),
)
