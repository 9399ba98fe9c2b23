"""From what an environment declares to what it is: references looked up, values checked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from shipway.config.environment import (
    Environment,
    EnvironmentRef,
    EvidenceSettings,
    LockSettings,
    Profile,
    Scanning,
    Service,
    lock_parameter,
)
from shipway.config.gate_tables import LockTable
from shipway.config.images import ImageSettings
from shipway.config.images_resolve import (
    image_key,
    images_of,
    is_about_a_build,
    parameter_images,
    settings_of,
)
from shipway.config.job_table import job_of
from shipway.config.load import Declared, same_services
from shipway.config.lookup import ONLY_AWS, from_variables, require_resolved
from shipway.config.models import DeliveryTable, EnvironmentTable
from shipway.config.overlay import Overlay
from shipway.config.overlay_resolve import overlay, overlay_problems, shown_secrets
from shipway.config.positions import KeyPath
from shipway.config.problems import (
    Problem,
    configuration_error,
    dotted,
    line_of,
)
from shipway.config.references import Found, Missing, Reference, References, Resolution
from shipway.config.rules import Resolved, problems_of
from shipway.config.schedule_table import schedule_of
from shipway.config.service_table import ServiceTable

_WRITTEN = "image_parameter"
_OF_SCHEDULES = ("rule", "schedule", "task_definition")
_WRITTEN_LEVELS = (3, 5)  # environments.NAME.KEY, environments.NAME.services.SERVICE.KEY
SANDBOX_HOLD = 2
"""Seconds of `hold` in the embedded sandbox, where somebody waits for each of them."""


def references(declared: Declared) -> tuple[Reference, ...]:
    """Every reference that this environment needs, each once, in the file's order."""
    return tuple(dict.fromkeys(_referring(declared).values()))


def find(declared: Declared, variables: Mapping[str, str]) -> EnvironmentRef:
    """Account and region, which are known before AWS can be asked.

    Args:
        declared: The environment.
        variables: The process's environment variables, for ``env:`` references.

    Raises:
        UnresolvedReferenceError: An environment variable that one of them needs is not set.
        ConfigurationError: A variable holds something that is no account or no region.
    """
    early = {(*declared.path, key) for key in ("account", "region", "profile")}
    needed = {path: ref for path, ref in _referring(declared).items() if path in early}
    resolutions = from_variables(needed.values(), variables)
    require_resolved(declared, needed, resolutions, "")
    table, problems = _checked(declared, resolutions)
    problems = [problem for problem in problems if problem.path in early]
    document = declared.document
    if problems or table is None:
        raise configuration_error(problems, path=document.path, lines=document.lines)
    environment = table.environments[declared.name]
    return EnvironmentRef(
        name=declared.name,
        account=environment.account,
        region=environment.region,
        sandbox=environment.sandbox,
        profile=_profile(declared, environment.profile),
    )


def _profile(declared: Declared, name: str) -> Profile | None:
    path = (*declared.path, "profile")
    document = declared.document
    where = f"{document.path}:{line_of(path, document.lines)} {dotted(path)}"
    return Profile(name=name, where=where) if name else None


def images(declared: Declared, variables: Mapping[str, str]) -> tuple[ImageSettings, ...]:
    """What is to be built, for a build that reaches no AWS.

    Args:
        declared: The environment.
        variables: The process's environment variables, for ``env:`` references.

    Raises:
        UnresolvedReferenceError: What is built depends on a variable that is not set, or on
            something that only AWS knows.
        ConfigurationError: A variable holds something that its key cannot be.
    """
    needed = {
        path: ref
        for path, ref in _referring(declared).items()
        if is_about_a_build(path, declared.path)
    }
    resolutions = from_variables(needed.values(), variables)
    require_resolved(declared, needed, dict.fromkeys(needed.values(), ONLY_AWS) | resolutions, "")
    table, problems = _checked(declared, resolutions)
    problems = [problem for problem in problems if is_about_a_build(problem.path, declared.path)]
    document = declared.document
    if problems or table is None:
        raise configuration_error(problems, path=document.path, lines=document.lines)
    return settings_of(table, table.environments[declared.name])


def resolve(
    declared: Declared, *, variables: Mapping[str, str], published: References
) -> Environment:
    """Look every reference up and check every value.

    Args:
        declared: The environment.
        variables: The process's environment variables, for ``env:`` references.
        published: Answers ``ssm:`` and ``cfn:`` references; asked once, and not at all where there
            are none.

    Raises:
        UnresolvedReferenceError: Something referred to is not there; ``details`` names each, and
            what is published beside it.
        ConfigurationError: A value that was looked up is not what its key needs.
    """
    destination = find(declared, variables)
    referring = _referring(declared)
    resolutions = from_variables(referring.values(), variables)
    at_aws = tuple(ref for ref in references(declared) if ref.scheme != "env")
    if at_aws:
        published_values = published.resolve(at_aws)
        resolutions |= {ref: published_values.get(ref, Missing()) for ref in at_aws}
    require_resolved(
        declared, referring, resolutions, f"{destination.account} {destination.region}"
    )
    _require_readable(declared, referring, resolutions)
    table, problems = _checked(declared, resolutions)
    if table is not None:
        environment = table.environments[declared.name]
        problems += _misplaced(declared.path, environment)
        for key, service in environment.services.items():
            problems += overlay_problems(service, (*declared.path, "services", key))
        names = {key: {"service": _last(s.service)} for key, s in environment.services.items()}
        problems += same_services(names, (*declared.path, "services"))
        if not problems:
            return _environment(declared.name, table, environment)
    document = declared.document
    raise configuration_error(problems, path=document.path, lines=document.lines)


def _referring(declared: Declared) -> dict[KeyPath, Reference]:
    """What each key refers to; a parameter that is written later must be there before."""
    referring: dict[KeyPath, Reference] = {}
    for path, text in declared.leaves():
        reference = image_parameter(text) if _is_written(path) else Reference.parse(text)
        if reference is not None:
            referring[path] = reference
    return referring


def _is_written(path: KeyPath) -> bool:
    """Whether a key names a parameter that shipway writes: an environment's, or a service's."""
    return path[0] == "environments" and path[-1] == _WRITTEN and len(path) in _WRITTEN_LEVELS


def image_parameter(name: str) -> Reference | None:
    """The parameter that ``image_parameter`` names; ``None`` where it names none."""
    return Reference("ssm", name) if name else None


def written_parameters(environment: EnvironmentTable) -> tuple[str, ...]:
    """Every parameter that takes the delivered image: the environment's, then its services'."""
    names = (
        environment.image_parameter,
        *(s.image_parameter for s in environment.services.values()),
    )
    references = (image_parameter(name) for name in names)
    return tuple(dict.fromkeys(ref.parameter for ref in references if ref))


def _require_readable(
    declared: Declared,
    referring: Mapping[KeyPath, Reference],
    resolutions: Mapping[Reference, Resolution],
) -> None:
    """No template can read a parameter that is encrypted as AWS::SSM::Parameter::Value<String>.

    And nobody may read one as a task definition's variable.
    """
    problems = [
        Problem(path=path, text=f"{ref} is a SecureString, which no stack reads: make it a String")
        for path, ref in referring.items()
        if _is_written(path)
        and isinstance(resolution := resolutions.get(ref), Found)
        and resolution.secret
    ]
    problems += shown_secrets(referring, resolutions)
    if problems:
        document = declared.document
        raise configuration_error(problems, path=document.path, lines=document.lines)


def _checked(
    declared: Declared, resolutions: Mapping[Reference, Resolution]
) -> tuple[DeliveryTable | None, list[Problem]]:
    """The file with answers put in, and only this environment, checked by the same types."""
    table = dict(declared.document.table)
    table["environments"] = {declared.name: table["environments"][declared.name]}
    try:
        return DeliveryTable.model_validate(_with_values(table, resolutions)), []
    except ValidationError as error:
        return None, problems_of(error, DeliveryTable)


def _with_values(value: Any, resolutions: Mapping[Reference, Resolution]) -> Any:
    if isinstance(value, dict):
        return {key: _with_values(inner, resolutions) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_values(inner, resolutions) for inner in value]
    if isinstance(value, str):
        ref = Reference.parse(value)
        resolution = resolutions.get(ref) if ref else None
        if ref and isinstance(resolution, Found):
            return Resolved.of(ref, resolution.text, secret=resolution.secret)
    return value


def _misplaced(path: KeyPath, environment: EnvironmentTable) -> Iterator[Problem]:
    """ARNs that name another account or region than the environment's."""
    arns = [((*path, "cluster"), environment.cluster), ((*path, "role"), environment.role)]
    for key, service in environment.services.items():
        arns.append(((*path, "services", key, "service"), service.service))
    for key, job in environment.jobs.items():
        arns.append(((*path, "jobs", key, "task_definition"), job.task_definition))
    for key, schedule in environment.schedules.items():
        here = (*path, "schedules", key)
        arns += [((*here, name), getattr(schedule, name)) for name in _OF_SCHEDULES]
    for at, arn in arns:
        if arn.startswith("arn:"):
            region, account = arn.split(":")[3:5]
            if account != environment.account or region not in ("", environment.region):
                yield Problem(
                    path=at,
                    text=f"names {arn}, but the environment is in "
                    f"{environment.account} {environment.region}",
                )


def _environment(name: str, table: DeliveryTable, declared: EnvironmentTable) -> Environment:
    images = images_of(table, declared)
    keys = tuple(table.images)
    first = images[0]
    return Environment(
        name=name,
        account=declared.account,
        region=declared.region,
        registry=first.registry,
        repository=first.repository,
        cluster=_last(declared.cluster),
        role=_last(declared.role),
        image=first.settings,
        images={image.settings.key: image for image in images} if keys else {},
        services=tuple(
            _service(key, service, declared, image_key(service, declared, keys))
            for key, service in declared.services.items()
        ),
        overlays={
            key: made
            for key, service in declared.services.items()
            if (made := overlay(service)) != Overlay()
        },
        jobs=tuple(
            job_of(key, job, next(iter(declared.services)), image_key(job, declared, keys))
            for key, job in declared.jobs.items()
        ),
        schedules=tuple(
            schedule_of(key, each, image_key(each, declared, keys))
            for key, each in declared.schedules.items()
        ),
        together=declared.together,
        sandbox=declared.sandbox,
        promote_from=declared.promote_from,
        promote_repository=first.promote_repository,
        scan=Scanning(
            # A threshold that nothing was measured against is not kept: unless it is said
            # otherwise, where there is one a scan must be there.
            required=declared.scan.required
            if "required" in declared.scan.model_fields_set
            else bool(declared.scan.most),
            most=dict(declared.scan.most),
            only_fixable=declared.scan.only_fixable,
            wait=declared.scan.wait,
            max_age=declared.scan.max_age,
        ),
        sbom=declared.sbom,
        sign=declared.sign,
        image_parameters=written_parameters(declared),
        parameter_images=parameter_images(declared, keys) if keys else {},
        evidence=EvidenceSettings(s3=table.evidence.s3, referrer=table.evidence.referrer),
        lock=_lock(table.name, name, declared.lock),
    )


def _lock(name: str, environment: str, table: LockTable) -> LockSettings:
    return LockSettings(
        parameter=lock_parameter(name, environment) if table.use else "",
        wait=table.wait if "wait" in table.model_fields_set else None,
        expiry=table.expiry,
    )


def _hold(table: ServiceTable, declared: EnvironmentTable) -> int:
    """A service's own, the environment's, or what is usual there."""
    if "hold" in table.model_fields_set:
        return table.hold
    if "hold" in declared.model_fields_set or not declared.sandbox:
        return declared.hold
    return SANDBOX_HOLD


def _service(key: str, table: ServiceTable, declared: EnvironmentTable, image: str) -> Service:
    path = table.path if table.url else ""
    return Service(
        key=key,
        service=_last(table.service),
        container=table.container,
        image=image,
        same_image=tuple(table.same_image),
        url=f"{table.url.rstrip('/')}{path}" if path else table.url,
        expected_status=table.expected_status,
        consecutive=table.consecutive,
        interval=table.interval,
        verify_timeout=table.verify_timeout,
        timeout=table.timeout if "timeout" in table.model_fields_set else declared.timeout,
        on_failure=table.on_failure,
        fail_fast_tasks=table.fail_fast_tasks,
        require_circuit_breaker=table.require_circuit_breaker,
        require_alarms=table.require_alarms,
        on_pause=table.on_pause,
        hold=_hold(table, declared),
        alarms=tuple(table.alarms),
    )


def _last(name: str) -> str:
    """The name at the end of an ARN, or of a role's path."""
    return name.rpartition("/")[2]
