"""The services of an environment that is examined, and what their tasks start with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shipway.config.environment import Environment
from shipway.config.overlay import Overlay
from shipway.delivery.examined_values import is_unresolved
from shipway.delivery.ports import Aws
from shipway.doctor import execution_role, services
from shipway.doctor.execution_role import Answer, Need
from shipway.doctor.finding import (
    NOT_RESOLVED,
    Finding,
    Looked,
    Unseen,
    looked,
    needed,
    not_checked,
    ok,
    optional,
    wrong,
)
from shipway.doctor.ports import Inspection
from shipway.doctor.services import ServiceFacts
from shipway.rollout.hold.terms import Alarm
from shipway.rollout.overlay import base_of, with_overlay
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import TaskDefinition

T = TypeVar("T")
K = TypeVar("K")


def look(aws: Aws, pool: ThreadPoolExecutor, environment: Environment) -> dict[str, ServiceFacts]:
    """Every service by its key: itself, what it runs, and the alarms that are asked."""
    ecs, cluster = aws.ecs, environment.cluster
    names = [each.service for each in environment.services if not is_unresolved(each.service)]
    if is_unresolved(cluster):
        names = []
    glances = ecs.services(cluster, names) if names else {}
    snapshots: dict[str, Looked[Snapshot]] = {
        service.key: _snapshot(glances.get(service.service)) for service in environment.services
    }
    arns = {
        snapshot.task_definition
        for snapshot in snapshots.values()
        if isinstance(snapshot, Snapshot) and snapshot.task_definition
    }
    definitions = _each(pool, arns, ecs.task_definition)
    alarms = _alarms(aws, environment, snapshots)
    lacking = any(not glance.exists for glance in glances.values())
    further = ecs.service_names(cluster) if lacking else ()
    return {
        key: ServiceFacts(
            snapshot=snapshot,
            definition=snapshot
            if isinstance(snapshot, Unseen)
            else definitions.get(
                snapshot.task_definition, Unseen(why="there is no service that has one")
            ),
            alarms=alarms,
            names=further,
        )
        for key, snapshot in snapshots.items()
    }


def _alarms(
    aws: Aws, environment: Environment, snapshots: Mapping[str, Looked[Snapshot]]
) -> Looked[Mapping[str, Alarm]]:
    names = {
        name
        for service in environment.services
        if isinstance(snapshot := snapshots[service.key], Snapshot)
        for name in services.asked_alarms(service, snapshot)
    }
    if not names:
        return {}
    return looked(lambda: aws.alarms.states(sorted(names)))


def cluster(environment: Environment, seen: Mapping[str, ServiceFacts]) -> Iterator[Finding]:
    """Whether the cluster is there, by what was said of its services. Pure."""
    snapshots = [facts.snapshot for facts in seen.values()]
    there = [each for each in snapshots if isinstance(each, Snapshot)]
    if any(not any(t.kind == "missing" for t in each.troubles) for each in there):
        yield ok("cluster", environment.cluster)
    elif there:
        yield wrong(
            "cluster",
            f"there is no cluster {environment.cluster} in {environment.region}",
            "make it with your infrastructure, or correct "
            f"environments.{environment.name}.cluster in ci/delivery.toml",
        )
    elif is_unresolved(environment.cluster):
        yield not_checked("cluster", NOT_RESOLVED.why)


def of_jobs(
    aws: Aws, pool: ThreadPoolExecutor, environment: Environment
) -> dict[str, Looked[TaskDefinition]]:
    """The task definition of each job that has its own, by the job's key."""
    named = {job.key: job.task_definition for job in environment.jobs if job.task_definition}

    def described(key: str) -> TaskDefinition:
        return aws.ecs.task_definition(named[key])

    there = [key for key, name in named.items() if not is_unresolved(name)]
    return {**dict.fromkeys(named, NOT_RESOLVED), **_each(pool, there, described)}


def jobs(environment: Environment, own: Mapping[str, Looked[TaskDefinition]]) -> Iterator[Finding]:
    """Each job, and whether its own task definition has what it runs. Pure."""
    for job in environment.jobs:
        definition = own.get(job.key)
        if definition is None:
            yield ok(job.key, f"as service {job.service}")
        elif isinstance(definition, Unseen):
            yield needed(job.key, definition)
        elif job.container and not any(
            each.name == job.container for each in definition.containers
        ):
            names = ", ".join(each.name for each in definition.containers)
            yield wrong(
                job.key,
                f'task definition {definition.family} has no container "{job.container}"',
                f"correct environments.{environment.name}.jobs.{job.key}.container: it has {names}",
            )
        else:
            yield ok(job.key, f"task definition {definition.arn.rpartition('/')[2]}")


def starts(
    pool: ThreadPoolExecutor,
    inspection: Looked[Inspection],
    environment: Environment,
    seen: Mapping[str, ServiceFacts],
) -> Iterator[Finding]:
    """Execution roles against what they must reach, and log groups."""
    definitions = {
        facts.definition.arn: _next(facts.definition, environment.overlay(key))
        for key, facts in seen.items()
        if isinstance(facts.definition, TaskDefinition)
    }
    if isinstance(inspection, Unseen):
        if definitions:
            yield optional("execution roles and log groups", inspection)
        return
    wanted = {
        (definition.execution_role, need)
        for definition in definitions.values()
        if definition.execution_role
        for need in execution_role.needs(definition, environment.account, environment.region)
    }

    def simulate(asked: tuple[str, Need]) -> tuple[tuple[str, str], ...]:
        return inspection.refused(*asked)

    refused = _each(pool, wanted, simulate)
    for definition in definitions.values():
        answers = tuple(
            Answer(need=need, refused=refused[definition.execution_role, need])
            for need in execution_role.needs(definition, environment.account, environment.region)
            if definition.execution_role
        )
        yield from execution_role.judge(definition, answers)
    groups = {
        container.logs.group
        for definition in definitions.values()
        for container in definition.containers
        if container.logs and container.logs.region in {"", environment.region}
    }
    yield from execution_role.group_findings(_each(pool, groups, inspection.has_log_group))


def _next(live: TaskDefinition, overlay: Overlay) -> TaskDefinition:
    """What a release would start: with the secrets that delivery.toml adds."""
    definition = looked(lambda: with_overlay(base_of(live, overlay), overlay))
    return live if isinstance(definition, Unseen) else definition


def _snapshot(glance: Snapshot | None) -> Looked[Snapshot]:
    if glance is None:
        return NOT_RESOLVED
    if glance.answered:
        return glance
    reasons = "; ".join(trouble.text for trouble in glance.troubles)
    return Unseen(why=f"ECS does not say how it is: {reasons}", remedy="see the reason")


def _each(
    pool: ThreadPoolExecutor, keys: Iterable[K], look: Callable[[K], T]
) -> dict[K, Looked[T]]:
    """A look for each key, side by side."""
    futures = {key: pool.submit(_looked_at, look, key) for key in keys}
    return {key: future.result() for key, future in futures.items()}


def _looked_at(look: Callable[[K], T], key: K) -> Looked[T]:
    return looked(lambda: look(key))
