"""Whose STS the tokens are for: role, provider and workflow say the same, in every partition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shipway.config import load as delivery_file
from shipway.config.environment import Environment
from shipway.config.images import ImageSettings
from shipway.errors import ConfigurationError
from shipway.policy.compile import bootstrap_template, workflow
from shipway.policy.compile.resources import audience_of
from shipway.policy.contract import Contract, ContractEntry, EnvironmentPolicy, Source

CHINA = "sts.amazonaws.com.cn"
HOST = "token.actions.githubusercontent.com"
ENVIRONMENT = """
[environments.{name}]
account = "111122223333"
region = "{region}"
repository = "tally"
cluster = "tally"
[environments.{name}.services.api]
service = "api"
container = "app"
"""
CONTRACT = Contract(
    path="ci/release.toml",
    entries=tuple(
        ContractEntry(
            name=name, event="push", ref=ref, environments=(name,), tasks=("build", "publish")
        )
        for name, ref in (("qa", "refs/heads/main"), ("live", "refs/tags/*-stable"))
    ),
    source=Source(
        repository="acme/tally", repository_id=77, owner_id=7, workflow=".github/workflows/x.yml"
    ),
    environment_policies=tuple(
        EnvironmentPolicy(environment=name, role=f"tally-{name}", github_environment=name)
        for name in ("qa", "live")
    ),
)
RESOLVED = Environment(
    name="live",
    account="111122223333",
    region="cn-north-1",
    registry="x",
    repository="tally",
    cluster="tally",
    role="",
    image=ImageSettings(
        name="tally", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
    ),
    services=(),
)


@pytest.mark.parametrize(
    ("region", "audience"),
    [
        ("eu-west-1", "sts.amazonaws.com"),
        ("us-gov-west-1", "sts.amazonaws.com"),
        ("cn-north-1", CHINA),
        ("cn-northwest-1", CHINA),
        ("eusc-de-east-1", "sts.amazonaws.eu"),
        ("env:AWS_REGION", "sts.amazonaws.com"),
    ],
)
def test_a_token_is_for_the_sts_of_its_partition(region: str, audience: str) -> None:
    assert audience_of(region) == audience


def delivery(folder: Path, qa: str, live: str) -> delivery_file.DeliveryFile:
    file = folder / "delivery.toml"
    places = (("qa", qa), ("live", live))
    tables = "".join(ENVIRONMENT.format(name=name, region=region) for name, region in places)
    file.write_text(f'schema = 1\nname = "tally"\n{tables}', encoding="utf-8")
    return delivery_file.load(file)


def session(folder: Path, qa: str, live: str) -> list[str]:
    declared = delivery(folder, qa, live)
    time = workflow.Budget(minutes=45, session=3600)
    regions = workflow.regions(CONTRACT, time, workflow.audiences(CONTRACT, declared))
    (found,) = [region for region in regions if region.name == "session"]
    return [line.strip() for line in found.lines]


def test_role_and_provider_in_china_ask_for_its_own_audience(tmp_path: Path) -> None:
    declared = delivery(tmp_path, "eu-west-1", "cn-northwest-1")
    for name, audience in (("qa", "sts.amazonaws.com"), ("live", CHINA)):
        text = bootstrap_template.render(CONTRACT, declared.environment(name), session=3600)
        assert f"{HOST}:aud: {audience}\n" in text
        assert f"ClientIdList:\n        - {audience}\n" in text


def test_the_step_says_an_audience_where_it_is_not_its_own_default(tmp_path: Path) -> None:
    plain = ["role-duration-seconds: 3600"]
    assert session(tmp_path, "eu-west-1", "us-gov-west-1") == plain
    assert session(tmp_path, "env:AWS_REGION", "eu-west-1") == plain
    assert session(tmp_path, "cn-north-1", "cn-northwest-1") == [*plain, f"audience: {CHINA}"]


def test_one_workflow_of_two_partitions_chooses_by_the_event(tmp_path: Path) -> None:
    _, audience = session(tmp_path, "eu-west-1", "cn-north-1")
    condition = "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert audience == f"audience: ${{{{ {condition} && 'sts.amazonaws.com' || '{CHINA}' }}}}"


def test_a_region_that_turns_out_to_be_elsewhere_is_told_before_anything_is_made(
    tmp_path: Path,
) -> None:
    declared = delivery(tmp_path, "eu-west-1", "env:AWS_REGION").environment("live")
    needed = bootstrap_template.needed(CONTRACT, declared)
    bootstrap_template.check_audience(needed, replace(RESOLVED, region="eu-west-1"))
    with pytest.raises(ConfigurationError, match="cn-north-1, whose tokens are for") as caught:
        bootstrap_template.check_audience(needed, RESOLVED)
    assert 'region = "cn-north-1" in [environments.live]' in caught.value.remedy
    written = delivery(tmp_path, "eu-west-1", "cn-north-1").environment("live")
    bootstrap_template.check_audience(bootstrap_template.needed(CONTRACT, written), RESOLVED)
