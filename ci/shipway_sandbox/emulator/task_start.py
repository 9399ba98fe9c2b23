"""ECS tasks, corrected: started as the ECS agent does it, or stopped with the reason why not.

"Amazon ECS stopped tasks error messages" gives the texts.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import docker.errors
from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import ecs

from shipway_sandbox.emulator import images, start_rights, state
from shipway_sandbox.emulator.corrections import corrects
from shipway_sandbox.emulator.launching import StartError, create_arguments, environment
from shipway_sandbox.emulator.tasks import advance, conclude, died, is_wanted, lock_of, mark

Record = dict[str, Any]


@corrects("ecs.task-runtime", "ecs._run_task_worker")
def run_task(
    task: Record,
    definition: Record,
    overrides: list[Record],
    _client: Any,
    account: str,
    region: str,
) -> None:
    """Bring one task up; from then on :func:`.tasks.died` and :func:`.tasks.stop` end it."""
    with request_scope(account, region):
        task["_definition"] = definition
        try:
            with lock_of(task):
                _start(task, definition, overrides)
        except StartError as error:
            mark(task, error.container, reason=error.reason)
            conclude(task, error.reason, "TaskFailedToStart", failed=True)
        except (docker.errors.DockerException, OSError) as error:
            if not state.emulator().stopping.is_set():
                reason = f"CannotStartContainerError: {_short(error)}"
                conclude(task, reason, "TaskFailedToStart", failed=True)


def _short(error: BaseException) -> str:
    return str(getattr(error, "explanation", None) or error)[:400]


@dataclass(slots=True)
class _Prepared:
    """What of a task is to be started.

    Attributes:
        made: Container definitions with the identity that the engine gave.
        misfits: Those whose program cannot be run, with what their log says.
    """

    made: list[tuple[Record, str]] = field(default_factory=list)
    misfits: list[tuple[Record, str]] = field(default_factory=list)


def _start(task: Record, definition: Record, overrides: list[Record]) -> None:
    advance(task, "PENDING")
    advance(task, "ACTIVATING", pullStartedAt=state.now())
    start_rights.require(task, definition)
    prepared = _prepare(task, definition, overrides)
    if prepared is None:
        return
    task["pullStoppedAt"] = state.now()
    for container, identity in prepared.made:
        if not is_wanted(task):
            return
        try:
            state.engine().api.start(identity)
        except docker.errors.DockerException as error:
            raise StartError(
                f"CannotStartContainerError: {_short(error)}", container["name"]
            ) from error
        mark(task, container["name"], runtimeId=identity, lastStatus="RUNNING")
        _follow_logs(task, container, _Logs(identity))
        _record_address(task, identity)
    for container, line in prepared.misfits:
        _follow_logs(task, container, _Line(line))
        died(task, container["name"], 1)
        if not is_wanted(task):
            return
    _register_targets(task)
    advance(task, "RUNNING", startedAt=state.now(), connectivityAt=state.now())


def _prepare(task: Record, definition: Record, overrides: list[Record]) -> _Prepared | None:
    """Have the engine make every container; ``None`` where the task is not wanted any more."""
    engine = state.engine()
    prepared = _Prepared()
    for container in definition["containerDefinitions"]:
        values = environment(container, overrides)
        reference, digest, misfit = images.fetch(task, container, definition)
        if digest:
            mark(task, container["name"], imageDigest=digest)
        if misfit is not None:
            prepared.misfits.append((container, misfit.line))
            task["_docker_ids"].append("")  # so that the others keep their places
            continue
        arguments = create_arguments(
            task, definition, container, overrides=overrides, values=values, reference=reference
        )
        if not is_wanted(task):
            return None
        try:
            made = engine.api.create_container(**arguments)
        except docker.errors.DockerException as error:
            raise StartError(
                f"CannotCreateContainerError: {_short(error)}", container["name"]
            ) from error
        prepared.made.append((container, made["Id"]))
        task["_docker_ids"].append(made["Id"])
    return prepared


def _record_address(task: Record, identity: str) -> None:
    if task.get("_container_ip"):
        return
    address = state.engine().address(identity)
    if not address:
        return
    task["_container_ip"] = address
    if task.get("_network_mode") == "awsvpc":
        task["attachments"] = [
            {
                "id": task["taskArn"].rpartition("/")[2],
                "type": "ElasticNetworkInterface",
                "status": "ATTACHED",
                "details": [{"name": "privateIPv4Address", "value": address}],
            }
        ]


class _Logs:
    """A container as MiniStack's awslogs forwarder wants it."""

    def __init__(self, identity: str) -> None:
        self.id = identity

    def logs(self, **kwargs: Any) -> Any:
        return state.engine().streams.logs(self.id, **kwargs)


class _Line:
    """A container that wrote one line and no more, for the same forwarder."""

    def __init__(self, text: str) -> None:
        self.id = ""
        self._text = text

    def logs(self, **_kwargs: Any) -> Any:
        return [self._text.encode()]


def _follow_logs(task: Record, container: Record, logs: _Logs | _Line) -> None:
    arn = parse_arn(task["taskArn"])
    config = ecs._awslogs_config(container, task["taskArn"].rpartition("/")[2], logs.id)
    if config:
        region = config["region"] or arn.region
        group = f"arn:aws:logs:{region}:{arn.account_id}:log-group:{config['group']}"
        stream = start_rights.stream_arn(group, config["stream"])
        if not start_rights.may_write_logs(task, task["_definition"], stream):
            return
        thread = threading.Thread(
            target=ecs._forward_awslogs,
            args=(logs, config, arn.account_id, region),
            name="awslogs",
            daemon=True,
        )
        thread.start()
        task.setdefault("_log_threads", []).append(thread)


def _service_of(task: Record) -> Record | None:
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    name = task.get("group", "").partition("service:")[2]
    service: Record | None = ecs._services.get(f"{cluster}/{name}") if name else None
    return service


def _register_targets(task: Record) -> None:
    service = _service_of(task)
    address = task.get("_container_ip")
    if service is None or not address:
        return
    for balancer in service.get("loadBalancers") or []:
        group = balancer.get("targetGroupArn")
        if group:
            port = int(balancer.get("containerPort") or 80)
            state.checker().register(group, address, port, task.get("_deployment_id") or "")
            task.setdefault("_targets", []).append((group, address, port))
