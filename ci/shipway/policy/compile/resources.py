"""What a delivery to one environment reaches, as delivery.toml declares it. Pure.

A value that the file spells out is the default of a template parameter; one that it refers to is
a parameter without, which ``inv bootstrap`` fills with what is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shipway.config import receivers
from shipway.config.environment import lock_parameter
from shipway.config.images import ONE, declared_images, declared_repositories, used_images
from shipway.config.references import Reference
from shipway.config.schedule import DEFAULT, rule_path, schedule_path
from shipway.policy.compile.elsewhere import SOURCE, VERIFIED
from shipway.policy.compile.trust import AUDIENCE, camel
from shipway.util.partitions import partition_of, registry_home

if TYPE_CHECKING:  # reading files needs pydantic; rendering does not
    from shipway.config.load import Declared

_S3: Final = "s3://"
_KMS: Final = "kms:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a delivery to one environment reaches.

    Attributes:
        environment: Its name.
        services: The keys of its services.
        jobs: Whether tasks are run that no service runs.
        own_jobs: The keys of the jobs that have a task definition of their own.
        rules: The keys of the schedules that a rule of EventBridge starts.
        schedules: The keys of those that EventBridge Scheduler starts.
        own_schedules: The keys of those that have a task definition of their own.
        parameters: Names or ARNs of the SSM parameters it refers to.
        image_parameters: Names of the SSM parameters that take the delivered image.
        stacks: Names of the CloudFormation stacks it refers to.
        written: Values that the file spells out, by the template parameter that takes them.
        copies: Whether records are copied to a bucket (``evidence.s3``).
        signs: Whether ``sign`` names a key of KMS, or refers to what may be one.
        source: The environment whose images are taken (``promote_from``); empty where it builds.
        after: The environment whose records are read (``after`` in the release contract).
        lock: Name of the SSM parameter that holds its lock; empty where none is taken.
        repositories: The template parameter that names each image's repository, and account and
            region of it, where that is written and is not the environment's own.
        taken: The key of each image that is taken from ``source``.
        verified: The key of each image of ``after``, whose repository is asked for it.
        secrets: Names or ARNs of the parameters, and ARNs of the secrets, that a build reads.
        bases: Account, region and name of each ECR repository that a base image comes from.
        audience: What GitHub's tokens for its account are for.
    """

    environment: str
    services: tuple[str, ...]
    parameters: tuple[str, ...]
    stacks: tuple[str, ...]
    jobs: bool = False
    own_jobs: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    own_schedules: tuple[str, ...] = ()
    image_parameters: tuple[str, ...] = ()
    written: tuple[tuple[str, str], ...] = ()
    copies: bool = False
    signs: bool = False
    source: str = ""
    after: str = ""
    lock: str = ""
    repositories: tuple[tuple[str, tuple[str, str] | None], ...] = (("Repository", None),)
    taken: tuple[str, ...] = (ONE,)
    verified: tuple[str, ...] = (ONE,)
    secrets: tuple[str, ...] = ()
    bases: tuple[tuple[str, str, str], ...] = ()
    audience: str = AUDIENCE


def resources_of(declared: Declared, bases: Sequence[str] = (), *, after: str = "") -> Resources:
    """The resources that an environment of delivery.toml names, references unresolved.

    Args:
        declared: The environment.
        bases: The image references that its Dockerfile starts from, as far as they are known.
        after: The environment in which the release contract wants its images verified before.
    """
    tables = declared.document.table["environments"]
    table = tables[declared.name]
    source = table.get("promote_from", "")
    own = declared_repositories(table)
    taken = dict(_source_repositories(table, tables[source])) if source else {}
    earlier = declared_repositories(tables[after]) if after in tables else {}
    if after == source:  # what says where they lie for a promotion says it for the gate
        earlier |= {key: text for key, text in taken.items() if key in earlier}
    # Where the source's own `repository` is a reference, it is looked up with this role.
    texts = [*(text for _, text in declared.leaves()), *taken.values()]
    references = [ref for text in texts if (ref := Reference.parse(text))]
    references += receivers.references_of(declared)
    copies = declared.document.table.get("evidence", {}).get("s3", "")
    key = table.get("sign", "")
    signs = key.startswith(_KMS) or Reference.parse(key) is not None
    kept = image_parameters(table)
    own_jobs = {
        job: settings["task_definition"]
        for job, settings in table.get("jobs", {}).items()
        if settings.get("task_definition")
    }
    scheduled: Mapping[str, Mapping[str, str]] = table.get("schedules", {})
    own_schedules = {
        schedule: settings["task_definition"]
        for schedule, settings in scheduled.items()
        if settings.get("task_definition")
    }
    values: list[tuple[str, str, Callable[[str], str]]] = [
        *((f"Repository{camel(key)}", text, name_of) for key, text in own.items()),
        ("Cluster", table["cluster"], last_of),
        *(
            (f"Service{camel(service)}", settings["service"], last_of)
            for service, settings in table["services"].items()
        ),
        *((f"JobFamily{camel(job)}", text, family_of) for job, text in own_jobs.items()),
        *((f"ScheduleFamily{camel(key)}", text, family_of) for key, text in own_schedules.items()),
    ]
    if copies:
        values += [
            ("EvidencePlace", copies, place_of),
            ("EvidenceBucket", copies, bucket_of),
            ("EvidencePrefix", copies, prefix_of),
        ]
    values += [("SigningKey", key, key_of)] if signs else []
    return Resources(
        environment=declared.name,
        services=tuple(table["services"]),
        jobs=bool(table.get("jobs")),
        own_jobs=tuple(own_jobs),
        rules=tuple(key for key, each in scheduled.items() if each.get("rule")),
        schedules=tuple(key for key, each in scheduled.items() if each.get("schedule")),
        own_schedules=tuple(own_schedules),
        parameters=tuple(
            sorted({*(ref.unversioned for ref in references if ref.scheme == "ssm"), *kept})
        ),
        image_parameters=kept,
        stacks=tuple(sorted({ref.stack for ref in references if ref.scheme == "cfn"})),
        written=(
            *((name, shape(text)) for name, text, shape in values if _is_written(text)),
            *_scheduled(scheduled),
            *(_sources(SOURCE, taken, tables[source]) if source else ()),
            *(_sources(VERIFIED, earlier, tables[after]) if earlier else ()),
        ),
        copies=bool(copies),
        signs=signs,
        source=source,
        after=after,
        lock=_lock(declared),
        repositories=tuple(
            (f"Repository{camel(key)}", _elsewhere(text, table)) for key, text in own.items()
        ),
        taken=tuple(taken or {ONE: ""}),
        verified=tuple(earlier or {ONE: ""}),
        secrets=() if source else tuple(_secrets(declared)),
        bases=tuple(_bases(bases)),
        audience=audience_of(table["region"]),
    )


def audience_of(region: str) -> str:
    """What tokens for an account in a region are for.

    A region that is referred to counts as one of AWS's first partition, until ``bootstrap`` knows
    it (:func:`shipway.policy.compile.bootstrap_template.check_audience`).
    """
    return partition_of(region).audience if _is_written(region) else AUDIENCE


def _scheduled(tables: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """What stands behind ``rule/`` or ``schedule/`` in an ARN, as far as it is written."""
    for key, table in tables.items():
        rule, schedule = table.get("rule", ""), table.get("schedule", "")
        group = table.get("group", DEFAULT)
        if rule and _is_written(rule):
            yield f"Rule{camel(key)}", rule_path(rule)
        elif schedule and _is_written(schedule) and _is_written(group):
            yield f"Timer{camel(key)}", schedule_path(schedule, group)


def _lock(declared: Declared) -> str:
    """The parameter of the environment's lock, as :mod:`shipway.config.resolve` names it."""
    document = declared.document.table
    settings = document["environments"][declared.name].get("lock", {})
    used = settings.get("use", True)
    return lock_parameter(document["name"], declared.name) if used else ""


def _elsewhere(repository: str, table: Mapping[str, Any]) -> tuple[str, str] | None:
    home = registry_home(repository)
    return None if home == (table["account"], table["region"]) else home


def _bases(references: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """The ECR repositories among image references, each once, in order."""
    found = {
        (*home, name_of(reference).partition("@")[0].partition(":")[0]): None
        for reference in references
        if (home := registry_home(reference))
    }
    yield from sorted(found)


def image_parameters(table: Mapping[str, Any]) -> tuple[str, ...]:
    """What takes the delivered image; read once before, so that a wrong name is told early.

    Args:
        table: An environment of delivery.toml.
    """
    tables = (table, *table["services"].values())
    names = (each["image_parameter"] for each in tables if each.get("image_parameter"))
    return tuple(sorted({Reference("ssm", name).parameter for name in names}))


def place_of(s3: str) -> str:
    """``BUCKET/PREFIX`` of ``s3://BUCKET/PREFIX``, as the resource of a policy spells it.

    A key may hold a ``*``, which a policy takes for any characters unless it is written ``${*}``
    ("IAM policy elements: Variables and tags", IAM User Guide).
    """
    return s3.removeprefix(_S3).replace("*", "${*}")


def bucket_of(s3: str) -> str:
    """``BUCKET`` of ``s3://BUCKET/PREFIX``."""
    return place_of(s3).partition("/")[0]


def prefix_of(s3: str) -> str:
    """``PREFIX/`` of ``s3://BUCKET/PREFIX``: what stands before every key; empty without one."""
    prefix = place_of(s3).partition("/")[2]
    return f"{prefix}/" if prefix else ""


def key_of(sign: str) -> str:
    """The ARN of the key that ``sign`` names; empty where it is a file."""
    return sign.removeprefix(_KMS) if sign.startswith(_KMS) else ""


def _secrets(declared: Declared) -> Iterator[str]:
    """What the builds of an environment read at AWS."""
    document = declared.document.table
    images = document.get("images", {})
    tables = [
        images[key] for key in used_images(document["environments"][declared.name], images) if key
    ]
    for table in tables or [document.get("image", {})]:
        for secret in table.get("secrets", {}).values():
            if source := secret.get("from"):
                yield str(source)


def _source_repositories(
    table: Mapping[str, Any], source: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Where each promoted image lies, by its key; see :mod:`shipway.config.origin`."""
    theirs = declared_repositories(source)
    for key, said in declared_images(table).items():
        yield key, str(said.get("promote_repository") or theirs.get(key, ""))


def _sources(
    prefix: str, repositories: Mapping[str, str], source: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Where another environment's images lie as template parameters, as far as it is written."""
    written = {key: text for key, text in repositories.items() if _is_written(text)}
    if len(written) < len(repositories):
        return  # what is published may be the URI of any registry
    first = next(iter(written.values()))
    account, region = registry_home(first) or (source["account"], source["region"])
    values = [(f"{prefix}Account", account), (f"{prefix}Region", region)]
    values += [(f"{prefix}Repository{camel(key)}", name_of(text)) for key, text in written.items()]
    yield from ((name, text) for name, text in values if _is_written(text))


def _is_written(text: str) -> bool:
    return Reference.parse(text) is None


def last_of(name: str) -> str:
    """The name at the end of an ARN."""
    return name.rpartition("/")[2]


def family_of(task_definition: str) -> str:
    """The family of a task definition that is named by it, by ``family:revision`` or by ARN."""
    return last_of(task_definition).partition(":")[0]


def name_of(repository: str) -> str:
    """A repository's name without its registry's host, which has a dot or a port."""
    first, slash, path = repository.partition("/")
    return path if slash and (set(".:") & set(first) or first == "localhost") else repository
