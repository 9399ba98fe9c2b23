"""Amazon ECS and the load balancer's targets, as the rollout asks for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from shipway.aws import ecs_read as read
from shipway.aws import registrable
from shipway.aws import task_definition as definitions
from shipway.aws.client_errors import code_of, message_of
from shipway.aws.service_tasks import Desired, ServiceTasks
from shipway.aws.session import Session, translated
from shipway.aws.weather import THROTTLED
from shipway.config.problems import dotted
from shipway.errors import (
    AccessDeniedError,
    AwsError,
    ConfigurationError,
    CredentialsError,
    ShipwayError,
    UsageError,
)
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import Updated
from shipway.rollout.snapshot import (
    ServiceDeployment,
    ServiceRevision,
    Snapshot,
    TargetHealth,
    Task,
    Trouble,
)
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.side_by_side import look_up

_T = TypeVar("_T")

# ECS API Reference: DescribeServices takes 10 services, DescribeServiceDeployments and
# DescribeServiceRevisions 20 ARNs.
SERVICES_A_CALL: Final = 10
_DEPLOYMENTS_A_CALL: Final = 20
_UNSUPPORTED: Final = frozenset(
    {"UnknownOperationException", "InvalidAction", "UnsupportedFeatureException"}
)
_SERVER_ERROR: Final = 500
# ClientException, whose code alone says nothing.
_NOT_THERE: Final = "Unable to describe task definition"
_ACTIONS: Final = {"DescribeTargetHealth": "elasticloadbalancing:DescribeTargetHealth"}


class AwsEcs:
    """Implements :class:`shipway.rollout.ports.Ecs`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._groups: dict[tuple[str, str], tuple[str, ...]] = {}
        # Service deployments that are followed, and what was said of them since the last look: one
        # call tells of all, so a further service costs nothing.
        self._followed: dict[str, None] = {}
        self._described: dict[str, ServiceDeployment] = {}
        self._revised: dict[str, ServiceRevision] = {}
        self._glanced: tuple[str, ...] = ()
        self._tasks = ServiceTasks(session)
        self._asked = threading.Lock()
        # A revision says for ever what it says; only whether it is active may change.
        self._definitions: dict[str, TaskDefinition] = {}

    def services(self, cluster: str, names: Sequence[str]) -> Mapping[str, Snapshot]:
        """One DescribeServices for each ten services, side by side; see the port."""
        self._described.clear()
        self._revised.clear()
        self._tasks.look(len(names))
        tens = [
            tuple(names[start : start + SERVICES_A_CALL])
            for start in range(0, len(names), SERVICES_A_CALL)
        ]
        looks = look_up(partial(self._ten, cluster), tens)
        seen = {name: snapshot for ten in tens for name, snapshot in looks[ten].items()}
        self._glanced = tuple(
            snapshot.current_service_deployment
            for snapshot in seen.values()
            if snapshot.current_service_deployment
        )
        return seen

    def _ten(self, cluster: str, names: tuple[str, ...]) -> Mapping[str, Snapshot]:
        described, trouble = self._look(
            "DescribeServices", partial(self._describe, cluster, list(names))
        )
        if described is None or trouble is not None:
            missing = trouble is not None and trouble.kind == "missing"
            troubles = (trouble,) if trouble else ()
            unseen = Snapshot(exists=not missing, answered=missing, troubles=troubles)
            return dict.fromkeys(names, unseen)
        gone = Snapshot(exists=False, status="INACTIVE")
        return {name: described.get(name, gone) for name in names}

    def _describe(self, cluster: str, names: list[str]) -> dict[str, Snapshot]:
        answer = self._quick("ecs").describe_services(cluster=cluster, services=names)
        for service in answer["services"]:
            self._groups[cluster, service["serviceName"]] = read.target_groups(service)
        return {service["serviceName"]: read.service(service) for service in answer["services"]}

    def complete(self, cluster: str, name: str, glance: Snapshot, fetch: FetchPlan) -> Snapshot:
        """What the judge wants besides, each with its own calls; see the port."""
        troubles = list(glance.troubles)
        calls = glance.calls

        def ask(operation: str, call: Callable[[], _T], otherwise: _T) -> _T:
            nonlocal calls
            calls += 1
            answer, trouble = self._look(operation, call)
            if trouble is not None:
                troubles.append(trouble)
            return otherwise if answer is None else answer

        def listed(desired: Sequence[Desired]) -> tuple[tuple[Task, ...], ...]:
            nonlocal calls
            tasks, took = self._tasks.of(cluster, name, *desired)
            calls += took - 1  # whoever asks counted one
            return tasks

        ours, newest = self._deployments(glance, fetch, ask)
        targets: tuple[TargetHealth, ...] = ()
        revisions: tuple[ServiceRevision, ...] = ()
        if fetch.revisions:
            arns = [
                service_deployment.target.arn
                for service_deployment in (ours, newest)
                if service_deployment and service_deployment.target
            ]
            if arns:
                revisions = self._revisions(arns, ask)
        wanted: dict[Desired, bool] = {"RUNNING": fetch.tasks, "STOPPED": fetch.stopped}
        desired = [status for status, asked in wanted.items() if asked]
        told: dict[Desired, tuple[Task, ...]] = {}
        if desired:
            told = ask("ListTasks", lambda: dict(zip(desired, listed(desired), strict=True)), {})
        if fetch.targets:
            groups = self._groups.get((cluster, name), ())
            targets = ask("DescribeTargetHealth", lambda: self._targets(groups), ())
            calls += max(0, len(groups) - 1)
        return replace(
            glance,
            calls=calls,
            service_deployment=ours,
            newest=newest,
            revisions=revisions,
            tasks=told.get("RUNNING", ()),
            tasks_listed=fetch.tasks and not any(t.operation == "ListTasks" for t in troubles),
            stopped=told.get("STOPPED", ()),
            targets=targets,
            troubles=tuple(troubles),
        )

    def _deployments(
        self, glance: Snapshot, fetch: FetchPlan, ask: Callable[..., Any]
    ) -> tuple[ServiceDeployment | None, ServiceDeployment | None]:
        current = glance.current_service_deployment or ""
        wanted = current if fetch.service_deployment == "current" else fetch.service_deployment
        arns = [arn for arn in dict.fromkeys((wanted, current if fetch.newest else "")) if arn]
        if not arns:
            return None, None
        # Whoever asks for what is current asks for it of all services at which it looked.
        fetch_all = fetch.service_deployment == "current"

        def call() -> dict[str, ServiceDeployment]:
            # Those that are looked at come first: of the others many may be at their end.
            glanced = [arn for arn in self._glanced if fetch_all or arn in self._followed]
            beside = (*glanced, *reversed(self._followed))
            others = [
                arn
                for arn in dict.fromkeys(beside)
                if arn not in arns and arn not in self._described
            ]
            some = [*arns, *others][:_DEPLOYMENTS_A_CALL]
            answer = self._quick("ecs").describe_service_deployments(serviceDeploymentArns=some)
            described = [
                read.service_deployment(service_deployment)
                for service_deployment in answer["serviceDeployments"]
            ]
            self._followed |= dict.fromkeys(some if fetch_all else arns)
            return {service_deployment.arn: service_deployment for service_deployment in described}

        with self._asked:
            if not set(arns) <= set(self._described):
                self._described |= ask("DescribeServiceDeployments", call, {})
            deployments = dict(self._described)
        newest = deployments.get(current) if fetch.newest and current != wanted else None
        return deployments.get(wanted), newest

    def _revisions(
        self, arns: Sequence[str], ask: Callable[..., Any]
    ) -> tuple[ServiceRevision, ...]:
        """Service revisions; one call brings those of all service deployments of this look."""

        def call() -> dict[str, ServiceRevision]:
            targets = [each.target.arn for each in self._described.values() if each.target]
            others = [arn for arn in dict.fromkeys(targets) if arn not in arns]
            some = [*arns, *(arn for arn in others if arn not in self._revised)]
            answer = self._quick("ecs").describe_service_revisions(
                serviceRevisionArns=some[:_DEPLOYMENTS_A_CALL]
            )
            revisions = (read.revision(revision) for revision in answer["serviceRevisions"])
            return {revision.arn: revision for revision in revisions}

        with self._asked:
            if not set(arns) <= set(self._revised):
                self._revised |= ask("DescribeServiceRevisions", call, {})
            return tuple(self._revised[arn] for arn in arns if arn in self._revised)

    def _targets(self, groups: Sequence[str]) -> tuple[TargetHealth, ...]:
        balancers = self._quick("elbv2")
        return tuple(
            read.target(group, description)
            for group in groups
            for description in balancers.describe_target_health(TargetGroupArn=group)[
                "TargetHealthDescriptions"
            ]
        )

    def service_names(self, cluster: str) -> tuple[str, ...]:
        """Names of the services of a cluster; empty where that may not be asked."""
        try:
            with translated("ecs:ListServices", cluster):
                pages = self._ecs.get_paginator("list_services").paginate(cluster=cluster)
                return tuple(
                    sorted(arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"])
                )
        except (AwsError, AccessDeniedError, CredentialsError, UsageError):
            return ()

    def task_definition(self, arn: str) -> TaskDefinition:
        """DescribeTaskDefinition with its tags, once for each ARN; see the port."""
        if arn in self._definitions:
            return self._definitions[arn]
        with translated("ecs:DescribeTaskDefinition", arn):
            try:
                answer = self._ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            except ClientError as error:
                if not message_of(error).startswith(_NOT_THERE):
                    raise
                raise ConfigurationError(
                    f"there is no task definition {arn} in {self._session.region}",
                    remedy="register it first, or correct the name",
                ) from error
            definition = definitions.read(answer)
        self._definitions[definition.arn] = definition
        return definition

    def register(self, definition: TaskDefinition) -> str:
        """RegisterTaskDefinition; see the port."""
        family = definition.family
        with translated("ecs:RegisterTaskDefinition", f"task-definition/{family}"):
            request = definitions.registration(definition)
            try:
                answer = self._ecs.register_task_definition(**request)
                return str(answer["taskDefinition"]["taskDefinitionArn"])
            except ParamValidationError as error:
                # What botocore says holds the values, which may be secret.
                model = self._ecs.meta.service_model.operation_model("RegisterTaskDefinition")
                places = registrable.objections(model.input_shape, request)
                raise UsageError(
                    f"this SDK cannot pass on every field of task definition {family}",
                    where=family,
                    details=tuple(f"{dotted(each.path)} {each.text}" for each in places),
                    remedy="update boto3: the task definition uses a newer field",
                ) from error

    def update(self, cluster: str, service: str, task_definition: str) -> Updated:
        """UpdateService with the task definition alone, so that autoscaling keeps its count."""
        with translated("ecs:UpdateService", f"{cluster}/{service}"):
            answer = self._ecs.update_service(
                cluster=cluster, service=service, taskDefinition=task_definition
            )["service"]
            updated = read.service(answer)
        primary = updated.primary
        ours = primary.id if primary and primary.task_definition == task_definition else ""
        if not ours and not updated.current_service_deployment:
            raise AwsError(
                "UpdateService answered without a deployment of our task definition",
                where=f"{cluster}/{service}",
                remedy="see the service's deployments in ECS: another update may have come first",
            )
        earlier = frozenset(each.id for each in updated.deployments) - {ours}
        return Updated(deployment_id=ours, earlier=earlier if ours else frozenset())

    def resume(self, arn: str, hook: str, action: Literal["CONTINUE", "ROLLBACK"]) -> None:
        """ContinueServiceDeployment; see the port."""
        with translated("ecs:ContinueServiceDeployment", arn):
            self._ecs.continue_service_deployment(
                serviceDeploymentArn=arn, hookId=hook, action=action
            )

    def stop(self, arn: str, stop_type: Literal["ROLLBACK", "ABORT"]) -> Trouble | None:
        """StopServiceDeployment; the trouble where it did not work."""
        _, trouble = self._look(
            "StopServiceDeployment",
            lambda: self._ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType=stop_type),
        )
        return trouble

    @property
    def _ecs(self) -> Any:
        return self._session.client("ecs")

    def _quick(self, service: str) -> Any:
        """A client that does not try again by itself: the next look of the watch is the retry."""
        return self._session.client(service, attempts=1)

    def _look(self, operation: str, call: Callable[[], _T]) -> tuple[_T | None, Trouble | None]:
        """Call, and give what went wrong as a value; expired credentials are renewed once."""
        for renewed in (False, True):
            try:
                with translated(_ACTIONS.get(operation, f"ecs:{operation}")):
                    return call(), None
            except CredentialsError as error:
                if renewed or not self._session.renew():
                    return None, Trouble(kind="credentials", text=error.what, operation=operation)
            except (AccessDeniedError, AwsError, UsageError, ConfigurationError) as error:
                return None, _trouble(error, operation)
        raise AssertionError("unreachable")


def _trouble(error: ShipwayError, operation: str) -> Trouble:
    foreign = error.__cause__
    kind = "unreachable" if isinstance(foreign, BotoCoreError) else "server-error"
    text = error.what
    if isinstance(error, AccessDeniedError):
        kind = "access-denied"
        text = "; ".join((error.what, *error.details))
    elif isinstance(foreign, ClientError):
        code = code_of(foreign)
        status = foreign.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in THROTTLED:
            kind = "throttled"
        elif code in _UNSUPPORTED:
            kind = "unsupported"
        elif code == "ClusterNotFoundException":
            kind = "missing"
        elif status >= _SERVER_ERROR:
            kind = "server-error"
        elif operation.endswith(("ServiceDeployments", "ServiceRevisions")):
            # An account or emulator that knows the call but not our ARN cannot be followed by it.
            kind = "unsupported"
    return Trouble(kind=kind, text=text, operation=operation)
