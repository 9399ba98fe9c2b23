"""A container definition as arguments for the engine: what ECS honours, this honours."""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

from typing import Any

from ministack.services import ecs

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import corrects, original, rule
from shipway_sandbox.emulator.door import isolation

Record = dict[str, Any]
_MEBIBYTE = 1024 * 1024
_SECOND = 1_000_000_000

honours_limits = rule("ecs.container-settings")


class StartError(Exception):
    """A task cannot start; ``reason`` is what ECS says, ``container`` whose fault it is."""

    def __init__(self, reason: str, container: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.container = container


@corrects("ssm.secure-strings-reach-containers", "ecs._resolve_container_secrets")
def resolve_secrets(container: Record) -> dict[str, str]:
    """Values of ``secrets``: parameters are decrypted, the rest is left to MiniStack."""
    from ministack.services import ssm  # noqa: PLC0415  # loaded only where a task has secrets

    values: dict[str, str] = {}
    for secret in container.get("secrets", []):
        source = secret.get("valueFrom", "")
        if "secretsmanager" in source:
            alone = {"secrets": [secret]}
            values |= original("ecs._resolve_container_secrets")(alone)
            continue
        value = ssm.resolve_parameter_value(source, decrypt=True)
        if value is None:
            name = source.partition(":parameter")[2] or source
            raise ecs._SecretResolutionError(
                "unable to retrieve secrets from ssm: The task cannot find the parameter: invalid "
                f"parameters: {name}"
            )
        values[secret["name"]] = str(value)
    return values


def override_of(overrides: list[Record], name: str) -> Record:
    """RunTask's override for one container, empty where it has none."""
    return next((override for override in overrides if override.get("name") == name), {})


def environment(container: Record, overrides: list[Record]) -> dict[str, str]:
    """The container's variables, with secrets resolved.

    Raises:
        StartError: A secret cannot be had, in ECS's words.
    """
    values = {
        variable["name"]: variable.get("value", "") for variable in container.get("environment", [])
    }
    try:
        values |= ecs._resolve_container_secrets(container)
    except ecs._SecretResolutionError as error:
        raise StartError(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            f"resource retrieval failed: {error}",
            container["name"],
        ) from error
    for variable in override_of(overrides, container["name"]).get("environment", []):
        values[variable["name"]] = variable["value"]
    return values


def _health(container: Record) -> Record | None:
    check = container.get("healthCheck")
    if not check:
        return None
    return {
        "test": check["command"],
        "interval": int(check.get("interval", 30)) * _SECOND,
        "timeout": int(check.get("timeout", 5)) * _SECOND,
        "retries": int(check.get("retries", 3)),
        "start_period": int(check.get("startPeriod", 0)) * _SECOND,
    }


def _memory(definition: Record, container: Record) -> int:
    """The hard limit in bytes, 0 for none; the task's counts where the container has none."""
    limit = container.get("memory") or definition.get("memory") or 0
    return int(limit) * _MEBIBYTE if str(limit).isdigit() else 0


def create_arguments(
    task: Record,
    definition: Record,
    container: Record,
    *,
    overrides: list[Record],
    values: dict[str, str],
    reference: str,
) -> Record:
    """Arguments of docker-py's ``create_container``; memory in bytes, times in nanoseconds.

    Raises:
        StartError: The definition wants more of this machine than a task gets.
    """
    if refused := isolation.refusal(definition):
        raise StartError(f"CannotCreateContainerError: {refused}", container["name"])
    engine = state.engine()
    override = override_of(overrides, container["name"])
    settings: Record = {"network_mode": engine.network, "privileged": False}
    arguments: Record = {
        "image": reference,
        "name": f"shipway-{task['taskArn'].rpartition('/')[2][:12]}-{container['name']}",
        "environment": values,
        "command": override.get("command") or container.get("command"),
        "labels": engine.labels(
            **{
                "com.amazonaws.ecs.cluster": task["clusterArn"],
                "com.amazonaws.ecs.container-name": container["name"],
                "com.amazonaws.ecs.task-arn": task["taskArn"],
                "com.amazonaws.ecs.task-definition-family": definition["family"],
                "com.amazonaws.ecs.task-definition-version": str(definition["revision"]),
            }
        ),
    }
    if health := _health(container):
        arguments["healthcheck"] = health
    if honours_limits():
        linux = container.get("linuxParameters") or {}
        settings["init"] = bool(linux.get("initProcessEnabled")) or None
        settings["read_only"] = bool(container.get("readonlyRootFilesystem"))
        settings["cap_add"] = (linux.get("capabilities") or {}).get("add") or None
        settings["cap_drop"] = (linux.get("capabilities") or {}).get("drop") or None
        if memory := _memory(definition, container):
            settings["mem_limit"] = memory
            settings["memswap_limit"] = memory
        if container.get("cpu"):
            settings["cpu_shares"] = max(2, int(container["cpu"]))
        arguments["entrypoint"] = container.get("entryPoint")
        arguments["user"] = container.get("user")
        arguments["working_dir"] = container.get("workingDirectory")
    arguments["host_config"] = engine.api.create_host_config(**settings)
    return {key: value for key, value in arguments.items() if value is not None}
