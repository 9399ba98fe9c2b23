"""Questions to a raw task definition, for the diagnosis; never for the value of a variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.values import Json


def container(document: Json | None, name: str) -> Json:
    """The container of that name, or an empty object."""
    for each in dicts((document or {}).get("containerDefinitions")):
        if each.get("name") == name:
            return each
    return {}


def sources(document: Json | None, name: str) -> dict[str, str]:
    """Names of the container's variables, each with where it comes from, in short."""
    found: dict[str, str] = {}
    of_it = container(document, name)
    for pair in dicts(of_it.get("environment")):
        found[str(pair.get("name", ""))] = "the task definition"
    for pair in dicts(of_it.get("secrets")):
        found[str(pair.get("name", ""))] = short_source(str(pair.get("valueFrom", "")))
    return found


def short_source(value: str) -> str:
    """``ssm:/shop/db`` or ``secretsmanager:shop/db`` for an ARN; a bare name is a parameter's."""
    if not value.startswith("arn:"):
        return f"ssm:{value}"
    parts = value.split(":", 5)
    whole = 6
    if len(parts) < whole:
        return value
    service, rest = parts[2], parts[5]
    if service == "ssm":
        return f"ssm:{rest.removeprefix('parameter')}"
    return f"{service}:{rest.removeprefix('secret:')}"


def memory(document: Json | None, name: str) -> str:
    """The memory limit that holds for the container, such as ``512 MiB (container)``."""
    of_it = container(document, name)
    if of_it.get("memory"):
        return f"{of_it['memory']} MiB (container)"
    if document and document.get("memory"):
        return f"{document['memory']} MiB (task)"
    return ""


def ports(document: Json | None, name: str) -> tuple[int, ...]:
    """The container's ``containerPort`` numbers."""
    found = (
        pair.get("containerPort") for pair in dicts(container(document, name).get("portMappings"))
    )
    return tuple(port for port in found if isinstance(port, int))


def health_command(document: Json | None, name: str) -> str:
    """The command of the container's health check, or empty."""
    check = container(document, name).get("healthCheck")
    command = check.get("command") if isinstance(check, Mapping) else None
    if not isinstance(command, Sequence) or isinstance(command, str):
        return ""
    return " ".join(str(word) for word in command)


def logs_to(document: Json | None, name: str) -> str:
    """The log group of the container, or empty where it does not use ``awslogs``."""
    configuration = container(document, name).get("logConfiguration")
    if not isinstance(configuration, Mapping):
        return ""
    options = configuration.get("options")
    return str(options.get("awslogs-group", "")) if isinstance(options, Mapping) else ""


def dicts(value: object) -> list[Json]:
    """The objects in a JSON array; nothing where it is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [each for each in value if isinstance(each, Mapping)]
