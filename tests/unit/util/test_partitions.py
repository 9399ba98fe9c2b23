"""AWS's partitions, by the SDK's own data: China, GovCloud, the European Sovereign Cloud."""

from __future__ import annotations

import boto3
import pytest

from shipway.util.partitions import partition_of, registry_home, registry_host

CASES = {
    "eu-west-1": ("aws", "amazonaws.com"),
    "eusc-de-east-1": ("aws-eusc", "amazonaws.eu"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
    # Neighbours: regions that nobody has heard of yet, and the other partitions.
    "cn-south-9": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-north-7": ("aws-us-gov", "amazonaws.com"),
    "eusc-de-west-3": ("aws-eusc", "amazonaws.eu"),
    "ap-north-5": ("aws", "amazonaws.com"),
    "us-iso-east-1": ("aws-iso", "c2s.ic.gov"),
    "us-isob-east-1": ("aws-iso-b", "sc2s.sgov.gov"),
    "no region at all": ("aws", "amazonaws.com"),
}


@pytest.mark.parametrize(("region", "known"), CASES.items())
def test_a_region_is_in_the_partition_of_the_sdk(region: str, known: tuple[str, str]) -> None:
    partition = partition_of(region)
    assert (partition.id, partition.domain) == known
    host = f"111122223333.dkr.ecr.{region}.{known[1]}"
    assert registry_host("111122223333", region) == host


def test_every_region_that_the_sdk_knows_is_where_the_sdk_says() -> None:
    session = boto3.Session()
    for name in session.get_available_partitions():
        for region in session.get_available_regions("ecs", partition_name=name):
            assert partition_of(region).id == name == session.get_partition_for_region(region)


@pytest.mark.parametrize(
    ("uri", "home"),
    [
        ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/team/shop", "cn-north-1"),
        ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/shop:1", "us-gov-west-1"),
        ("111122223333.dkr-ecr.eu-west-1.on.aws/shop", "eu-west-1"),
        ("public.ecr.aws/docker/library/python:3.13", ""),
        ("registry.example/111122223333.dkr.ecr.eu-west-1.amazonaws.com", ""),
        ("python:3.13-slim", ""),
        ("11112222333.dkr.ecr.eu-west-1.amazonaws.com", ""),
    ],
)
def test_a_registrys_host_says_account_and_region(uri: str, home: str) -> None:
    assert registry_home(uri) == (("111122223333", home) if home else None)
