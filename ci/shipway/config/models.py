"""``ci/delivery.toml`` as types. The reference in ``docs/configuration.md`` is made from these."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from shipway.config.environment import Sbom
from shipway.config.gate_tables import LockTable, ScanTable
from shipway.config.image_table import (
    EnvironmentImageTable,
    ImageTable,
    RepositoryName,
    RepositoryUri,
)
from shipway.config.job_table import JobTable
from shipway.config.names import ARN, ECS_NAME, WORD, ArgumentName, Key, Switch, Text
from shipway.config.notify_table import NotifyTable
from shipway.config.rules import EARLY, Rule, Table, number, one_of
from shipway.config.schedule_table import ScheduleTable
from shipway.config.service_table import ImageParameter, ServiceTable

# IAM API Reference, CreateRole: RoleName and Path.
_ROLE = r"(?:[A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}"

TemplateFile = Annotated[
    str,
    Rule(
        expected='a CloudFormation template such as "infra/compute.yaml"',
        shape=r"[^\x00-\x1f]+",
        references=(),
    ),
]
ParameterName = Annotated[
    str,
    # "Parameters" (CloudFormation User Guide): alphanumeric.
    Rule(
        expected="the name of a template's parameter",
        shape=r"[A-Za-z0-9]{1,255}",
        references=(),
    ),
]
TemplateText = Annotated[str, Rule(expected="a text", references=())]


def _listed(value: object) -> object:
    """One text stands for a list of one."""
    return [value] if isinstance(value, str) else value


class EnvironmentTable(Table):
    """One place that a release can go to."""

    account: Annotated[
        str, Rule(expected="12 digits in quotes", shape=r"[0-9]{12}", references=EARLY)
    ] = Field(description="The AWS account. Credentials of any other are refused.")
    region: Annotated[
        str,
        Rule(
            expected='a region such as "eu-west-1"',
            shape=r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}",
            references=EARLY,
        ),
    ] = Field(description="The AWS region.")
    repository: RepositoryName = Field(
        default="",
        description="The ECR repository: its name (`repositoryName`) or its URI "
        "(`repositoryUri`). Needed unless there is `[images]`: then each image has one.",
    )
    images: dict[Key, EnvironmentImageTable] = Field(
        default={},
        description="What the environment says of each of `[images]` that it runs, by the image's "
        "name: see [images](images.md).",
    )
    build_args: dict[ArgumentName, Text] = Field(
        default={},
        description="Build arguments of this environment, which go before those of `[image]`.",
    )
    cluster: Annotated[
        str,
        Rule(
            expected="the name or ARN of an ECS cluster",
            shape=rf"(?:{ARN}ecs:[a-z0-9-]+:[0-9]{{12}}:cluster/)?{ECS_NAME}",
        ),
    ] = Field(description="The ECS cluster (`clusterName`), or its ARN.")
    role: Annotated[
        str,
        Rule(
            expected="the name or ARN of an IAM role",
            shape=rf"(?:{ARN}iam::[0-9]{{12}}:role/)?{_ROLE}",
        ),
    ] = Field(
        default="",
        description="The IAM role that a delivery must have assumed. Without it any role will do.",
    )
    profile: Annotated[
        str,
        Rule(
            expected="the name of a profile of the AWS configuration",
            shape=r"[A-Za-z0-9][A-Za-z0-9 _./@+:-]{0,127}",
            references=EARLY,
        ),
    ] = Field(
        default="",
        description="The profile of the AWS configuration (`aws configure sso`) that a person "
        "delivers with. `AWS_PROFILE` and keys in the environment go before it, and GitHub's runs "
        "never ask for it. See [by hand](by-hand.md).",
    )
    timeout: Annotated[int, number("seconds", 1, 86400)] = Field(
        default=900,
        description="Seconds that a rollout may take, for services that do not say otherwise.",
    )
    hold: Annotated[int, number("seconds", 0, 86400)] = Field(
        default=60,
        description="Seconds for which a release must stay good once it is in service and "
        "verified: no task stops by itself, targets stay healthy, alarms stay quiet, the address "
        "answers. What does not is rolled back, as `on_failure` says. 0 for none; without it 60, "
        "and 2 where the environment is the embedded sandbox.",
    )
    together: Switch = Field(
        default=True,
        description="What is delivered together succeeds together: where one service fails, those "
        "that moved go back and those not begun are not begun.",
    )
    sandbox: Annotated[bool, Rule(expected="true or false", references=())] = Field(
        default=False, description="Whether this is the embedded sandbox, which is started for it."
    )
    template: Annotated[list[TemplateFile], BeforeValidator(_listed)] = Field(
        default=[],
        description="What the sandbox runs instead of a layer of its own: your CloudFormation "
        "template, or what `cdk synth` wrote; several in the order in which they are made. See "
        "[infrastructure](infrastructure.md).",
    )
    template_parameters: dict[ParameterName, TemplateText] = Field(
        default={},
        description="What the template's parameters hold in the sandbox; for one that reads the "
        "Parameter Store, what is to be read there.",
    )
    promote_from: Annotated[
        str,
        Rule(expected="the name of an environment", shape=r"[a-z][a-z0-9-]{0,31}", references=()),
    ] = Field(
        default="",
        description="The environment whose image of this commit is taken as it is, digest and all. "
        "Nothing is built for this one. Its deploy role may read that environment's repository; "
        "another account must allow it too: see [promotion](image.md).",
    )
    promote_repository: RepositoryUri = Field(
        default="",
        description="The URI of that environment's repository, needed where its own `repository` "
        "is published in its own account only.",
    )
    sbom: Annotated[Sbom, one_of("off", "if-available", "required")] = Field(
        default="if-available",
        description="The bill of materials (CycloneDX): left out, made where the extra "
        "`shipway[sbom]` is installed, or refused without.",
    )
    sign: Annotated[
        str,
        Rule(
            expected='"file:PATH" of a private key or "kms:ARN" of a signing key',
            shape=r"file:[^\x00-\x1f]+|kms:arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
        ),
    ] = Field(
        default="",
        description="What signs SBOM and provenance (DSSE). Without it they are attached unsigned. "
        "The deploy role may sign with that key of KMS and no other.",
    )
    image_parameter: ImageParameter = Field(
        default="",
        description="The SSM parameter that a stack takes the image from "
        "(`AWS::SSM::Parameter::Value<String>`). Once a release is verified, its reference is "
        "written there, so that the next stack update keeps it: see "
        "[infrastructure](infrastructure.md). It must be there; the deploy role may write it.",
    )
    scan: ScanTable = Field(
        default_factory=ScanTable, description="What is asked of the image's scan."
    )
    lock: LockTable = Field(
        default_factory=LockTable,
        description="How deliveries keep out of each other's way; see "
        "[lock and rollback](lock-and-rollback.md).",
    )
    services: dict[Key, ServiceTable] = Field(
        min_length=1, description="The services that run the image, each under a name of its own."
    )
    jobs: dict[Key, JobTable] = Field(
        default={},
        description="Tasks that run once for each release, or by hand, each under a name of its "
        "own: see [jobs](jobs.md).",
    )
    schedules: dict[Key, ScheduleTable] = Field(
        default={},
        description="Tasks that the clock starts and that follow the release, each under a name of "
        "its own: see [schedules](schedules.md).",
    )


class EvidenceTable(Table):
    """Where records are copied to. The one under `evidence/` never depends on it."""

    s3: Annotated[
        str,
        # Amazon S3 User Guide, "General purpose bucket naming rules".
        Rule(
            expected='a place such as "s3://bucket/prefix"',
            shape=r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9!_.*'()-]+)*",
        ),
    ] = Field(
        default="",
        description="A bucket and a prefix. Nothing there is ever overwritten; where the bucket "
        "has object lock with a default retention, that holds for every copy. There each "
        "environment has one chain, which every machine's deliveries continue. The deploy role may "
        "put new objects there and read them.",
    )
    referrer: Switch = Field(
        default=False,
        description="Whether the record is attached to its image in the registry, too.",
    )


class DeliveryTable(Table):
    """The environments: where things live."""

    schema_version: Annotated[
        int,
        Rule(expected="1, the only version there is", low=1, high=1, references=()),
    ] = Field(alias="schema", description="The version of this file's format.")
    name: Annotated[
        str, Rule(expected="a name of small letters and digits", shape=WORD, references=())
    ] = Field(description="The name of what is delivered; the image is called so.")
    image: ImageTable = Field(
        default_factory=ImageTable,
        description="What is built, where it is one image. With `[images]` there is none.",
    )
    images: dict[Key, ImageTable] = Field(
        default={},
        description="What is built, where there are several images, each under a name of its own: "
        "see [images](images.md).",
    )
    evidence: EvidenceTable = Field(
        default_factory=EvidenceTable, description="Where records are copied to."
    )
    notify: dict[Key, NotifyTable] = Field(
        default={},
        description="Whom a delivery tells how it goes, each under a name of its own: see "
        "[notify](notify.md).",
    )
    environments: dict[Key, EnvironmentTable] = Field(
        min_length=1,
        description="The places that a release can go to, each under its name; none is "
        "called `refused`, where records of refused triggers lie.",
    )
