"""Where the repository of an environment is looked for: where its registry's host says."""

from __future__ import annotations

import pytest

from shipway.aws.account import AwsAccount
from shipway.config.environment import Environment
from shipway.config.images import ImageSettings

OWN = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("registry", "region"),
    [
        (OWN, "eu-west-1"),
        ("111122223333.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
        ("999988887777.dkr.ecr.us-east-1.amazonaws.com", "us-east-1"),
        ("localhost:5000", "eu-west-1"),
    ],
)
def test_a_repository_may_be_in_another_region_than_the_service(registry: str, region: str) -> None:
    image = ImageSettings(
        name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
    )
    environment = Environment(
        name="staging",
        account="111122223333",
        region="eu-west-1",
        registry=registry,
        repository="shop",
        cluster="shop",
        role="",
        image=image,
        services=(),
    )
    account = AwsAccount("eu-west-1")
    repository = account.repository(environment)
    assert repository.region == region
    assert account.repository(environment) is repository, "one adapter each"
