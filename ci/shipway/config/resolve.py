"""From what an environment declares to what it is: references looked up, values checked again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from shipway.config.environment import (
    Environment,
    EnvironmentRef,
    EvidenceSettings,
    ImageSettings,
    LockSettings,
    Profile,
    Scanning,
    Service,
    lock_parameter,
)
from shipway.config.job_table import job_of
from shipway.config.load import Declared, same_services
from shipway.config.models import (
    HOST,
    DeliveryTable,
    EnvironmentTable,
    ImageTable,
    LockTable,
    ServiceTable,
)
from shipway.config.overlay import Overlay
from shipway.config.overlay_resolve import overlay, overlay_problems, shown_secrets
from shipway.config.positions import KeyPath
from shipway.config.problems import (
    Problem,
    configuration_error,
    dotted,
    line_of,
    problem_lines,
)
from shipway.config.references import Found, Missing, Reference, References, Resolution
from shipway.config.rules import Resolved, problems_of
from shipway.config.schedule_table import schedule_of
from shipway.errors import UnresolvedReferenceError
from shipway.util.partitions import registry_host

_MOST_NAMED = 5
_WRITTEN = "image_parameter"
_OF_SCHEDULES = ("rule", "schedule", "task_definition")
_WRITTEN_LEVELS = (3, 5)  # environments.NAME.KEY, environments.NAME.services.SERVICE.KEY
SANDBOX_HOLD = 2
"""Seconds of `hold` in the embedded sandbox, where somebody waits for each of them."""
_ONLY_AWS = Missing(reason="only AWS knows it, and a build asks no AWS")


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
    resolutions = _from_variables(needed.values(), variables)
    _require_resolved(declared, needed, resolutions, "")
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


def image(declared: Declared, variables: Mapping[str, str]) -> ImageSettings:
    """What is to be built, for a build that reaches no AWS.

    Args:
        declared: The environment.
        variables: The process's environment variables, for ``env:`` references.

    Raises:
        UnresolvedReferenceError: ``[image]`` refers to a variable that is not set, or to something
            that only AWS knows.
        ConfigurationError: A variable holds something that its key cannot be.
    """
    needed = {path: ref for path, ref in _referring(declared).items() if path[0] == "image"}
    resolutions = _from_variables(needed.values(), variables)
    _require_resolved(declared, needed, dict.fromkeys(needed.values(), _ONLY_AWS) | resolutions, "")
    table, problems = _checked(declared, resolutions)
    problems = [problem for problem in problems if problem.path[0] == "image"]
    document = declared.document
    if problems or table is None:
        raise configuration_error(problems, path=document.path, lines=document.lines)
    return _image(table.name, table.image)


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
    resolutions = _from_variables(referring.values(), variables)
    at_aws = tuple(ref for ref in references(declared) if ref.scheme != "env")
    if at_aws:
        published_values = published.resolve(at_aws)
        resolutions |= {ref: published_values.get(ref, Missing()) for ref in at_aws}
    _require_resolved(
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


def _from_variables(
    references: Iterable[Reference], variables: Mapping[str, str]
) -> dict[Reference, Resolution]:
    """Answer ``env:`` references.

    An empty variable counts as not set: in a workflow, the expression for a variable that does not
    exist gives an empty text.
    """
    resolutions: dict[Reference, Resolution] = {}
    for ref in references:
        if ref.scheme == "env":
            text = variables.get(ref.name, "")
            similar = tuple(get_close_matches(ref.name, list(variables), n=3, cutoff=0.9))
            similar = tuple(name for name in similar if name != ref.name)
            resolutions[ref] = Found(text=text) if text else Missing(published=similar)
    return resolutions


def _require_resolved(
    declared: Declared,
    referring: Mapping[KeyPath, Reference],
    resolutions: Mapping[Reference, Resolution],
    where: str,
) -> None:
    problems = []
    for key, ref in referring.items():
        resolution = resolutions.get(ref)
        if isinstance(resolution, Missing):
            problems.append(_unresolved(key, ref, resolution, where))
    if problems:
        document = declared.document
        count = "1 reference" if len(problems) == 1 else f"{len(problems)} references"
        raise UnresolvedReferenceError(
            f"{count} of environment {declared.name} cannot be resolved",
            details=problem_lines(problems, path=document.path, lines=document.lines),
            remedy=_remedy([ref for ref in referring.values() if _is_missing(ref, resolutions)]),
        )


def _is_missing(ref: Reference, resolutions: Mapping[Reference, Resolution]) -> bool:
    return isinstance(resolutions.get(ref), Missing)


def _remedy(missing: Sequence[Reference]) -> str:
    """What to do: a variable is set by whoever starts this, all else by the infrastructure."""
    if any(ref.scheme != "env" for ref in missing):
        return "correct the name in the file, or publish the value"
    names = " ".join(f"{name}=…" for name in dict.fromkeys(ref.name for ref in missing))
    return (
        f"export {names} here, and make it a variable of the GitHub environment for CI; "
        "or write the value out in the file"
    )


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


def _unresolved(path: KeyPath, ref: Reference, missing: Missing, where: str) -> Problem:
    published = ", ".join(missing.published[:_MOST_NAMED])
    if len(missing.published) > _MOST_NAMED:
        published += f" and {len(missing.published) - _MOST_NAMED} more"
    likely = ref.suggestion(missing.published)
    suggestion = f'; did you mean "{likely}"?' if likely else ""
    if ref.scheme == "env":
        similar = (f"Set here: {published}",) if len(missing.published) > 1 else ()
        return Problem(path=path, text=f"{ref} is not set{suggestion}", more=similar)
    if missing is _ONLY_AWS:
        return Problem(path=path, text=f"{ref}: {missing.reason}")
    if missing.there:
        return Problem(path=path, text=f"{ref} {missing.reason}", more=missing.more)
    reason = f": {missing.reason}" if missing.reason else ""
    return Problem(
        path=path,
        text=f"{ref} does not exist in {where}{reason}{suggestion}",
        more=(*((f"Published there: {published}",) if published else ()), *missing.more),
    )


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
    host = re.match(f"({HOST})/", declared.repository)
    return Environment(
        name=name,
        account=declared.account,
        region=declared.region,
        registry=host[1] if host else registry_host(declared.account, declared.region),
        repository=declared.repository[host.end() :] if host else declared.repository,
        cluster=_last(declared.cluster),
        role=_last(declared.role),
        image=_image(table.name, table.image),
        services=tuple(
            _service(key, service, declared) for key, service in declared.services.items()
        ),
        overlays={
            key: made
            for key, service in declared.services.items()
            if (made := overlay(service)) != Overlay()
        },
        jobs=tuple(
            job_of(key, job, next(iter(declared.services))) for key, job in declared.jobs.items()
        ),
        schedules=tuple(schedule_of(key, each) for key, each in declared.schedules.items()),
        together=declared.together,
        sandbox=declared.sandbox,
        promote_from=declared.promote_from,
        promote_repository=declared.promote_repository,
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
        evidence=EvidenceSettings(s3=table.evidence.s3, referrer=table.evidence.referrer),
        lock=_lock(table.name, name, declared.lock),
    )


def _lock(name: str, environment: str, table: LockTable) -> LockSettings:
    return LockSettings(
        parameter=lock_parameter(name, environment) if table.use else "",
        wait=table.wait if "wait" in table.model_fields_set else None,
        expiry=table.expiry,
    )


def _image(name: str, table: ImageTable) -> ImageSettings:
    return ImageSettings(
        name=name,
        context=table.context,
        dockerfile=table.dockerfile,
        platforms=tuple(table.platforms),
        build_args=dict(table.build_args),
        builder=table.builder,
        cache=table.cache,
        artifacts=tuple(table.artifacts),
        reuse=table.reuse,
    )


def _hold(table: ServiceTable, declared: EnvironmentTable) -> int:
    """A service's own, the environment's, or what is usual there."""
    if "hold" in table.model_fields_set:
        return table.hold
    if "hold" in declared.model_fields_set or not declared.sandbox:
        return declared.hold
    return SANDBOX_HOLD


def _service(key: str, table: ServiceTable, declared: EnvironmentTable) -> Service:
    path = table.path if table.url else ""
    return Service(
        key=key,
        service=_last(table.service),
        container=table.container,
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
