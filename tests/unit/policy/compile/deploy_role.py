"""A deploy role made from a delivery.toml with options, and its template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shipway.config.environment import Environment, EvidenceSettings
from shipway.config.images import ImageSettings
from shipway.config.load import load
from shipway.policy.compile import bootstrap_template, permissions
from shipway.policy.compile.resources import Resources, resources_of
from shipway.policy.contract import TASKS, Contract, ContractEntry, EnvironmentPolicy, Source, Task

KEY = "arn:aws:kms:eu-west-1:444455556666:key/1234-abcd"
COPIES = {"CopyRecordsOnce", "ReadTheRecords", "FindTheHeadOfTheChain"}
SIDS = COPIES | {"SignWithTheKey", "ReadPromotedImages"}
PARAMETERS = {
    "EvidencePlace", "EvidenceBucket", "EvidencePrefix",
    "SigningKey", "SourceAccount", "SourceRegion", "SourceRepository",
}  # fmt: skip
DELIVERY = """
schema = 1
name = "shop"
{evidence}
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "{source}"
cluster = "shop"
[environments.staging.services.web]
service = "web"
container = "web"
[environments.production]
account = "444455556666"
region = "eu-central-1"
repository = "shop"
cluster = "shop"
{own}
[environments.production.services.web]
service = "web"
container = "web"
"""


def resources_with(
    tmp_path: Path,
    *,
    own: str = "",
    evidence: str = "",
    source: str = "ssm:/shop/staging",
    after: str = "",
) -> Resources:
    """What production needs, with some lines of its own, of the file, and staging's repository."""
    file = tmp_path / "delivery.toml"
    text = DELIVERY.format(own=own, evidence=evidence, source=source)
    file.write_text(text, encoding="utf-8")
    return resources_of(load(file).environment("production"), after=after)


def named(resources: Resources, tasks: tuple[Task, ...] = TASKS) -> dict[str, dict[str, Any]]:
    """Every statement by its name."""
    statements = permissions.policy(resources, tasks)["Statement"]
    return {statement["Sid"]: statement for statement in statements}


def added(resources: Resources, tasks: tuple[Task, ...] = TASKS) -> dict[str, dict[str, Any]]:
    """The statements that options add, by their names."""
    statements = named(resources, tasks).items()
    return {name: statement for name, statement in statements if name in SIDS}


def template(resources: Resources, tasks: tuple[Task, ...] = TASKS) -> str:
    """The template of an environment that one event leads to."""
    source = Source(repository="example/shop", repository_id=1, owner_id=2, workflow="deploy.yml")
    entry = ContractEntry(
        name="main", event="push", ref="refs/heads/main", environments=("production",), tasks=tasks
    )
    environment_policy = EnvironmentPolicy(
        environment="production", role="deploy", github_environment="production"
    )
    contract = Contract(
        path="release.toml",
        entries=(entry,),
        source=source,
        environment_policies=(environment_policy,),
    )
    return bootstrap_template.compose(contract, resources, session=3600)


RESOLVED = Environment(
    name="production",
    account="444455556666",
    region="eu-central-1",
    registry="444455556666.dkr.ecr.eu-central-1.amazonaws.com",
    repository="shop",
    cluster="shop",
    role="",
    image=ImageSettings(
        name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
    ),
    services=(),
    sign=f"kms:{KEY}",
    evidence=EvidenceSettings(s3="s3://keep/a*"),
)
