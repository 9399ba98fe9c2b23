"""Which of AWS's partitions a region is in, by the SDK's own data.

botocore brings ``data/partitions.json`` (its SDK specification, "Partitions"): the identifier that
stands in an ARN, and the domain under which the services of the partition answer. It is read as a
file, so that nobody has to load the SDK who only reads a configuration.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition.

    Attributes:
        id: What stands in an ARN: ``aws``, ``aws-cn``, ``aws-us-gov``, ``aws-eusc``.
        domain: What the services' names end in: ``amazonaws.com``, ``amazonaws.com.cn``.
    """

    id: str
    domain: str

    @property
    def audience(self) -> str:
        """What a token for STS is for: ``sts.amazonaws.com``, in China ``sts.amazonaws.com.cn``.

        Provider, trust policy and OIDC step must say the same ("OIDC Audience" in the README of
        aws-actions/configure-aws-credentials, and its issue 457).
        """
        return f"sts.{self.domain}"


_COMMERCIAL: Final = Partition("aws", "amazonaws.com")
_REGISTRY: Final = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+(?=[:/]|$)"
)
"""``ACCOUNT.dkr.ecr.REGION.DOMAIN``, ``….dkr.ecr-fips.…``, and ``….dkr-ecr.REGION.on.aws`` ("Amazon
ECR endpoints and quotas"; "Making requests over IPv6", Amazon ECR User Guide)."""


@functools.cache
def partition_of(region: str) -> Partition:
    """The partition of a region; a region that nobody has heard of yet is known by its shape."""
    for document in _documents():
        if region in document["regions"] or re.search(document["regionRegex"], region):
            return Partition(document["id"], document["outputs"]["dnsSuffix"])
    return _COMMERCIAL


def registry_host(account: str, region: str) -> str:
    """The host of an account's ECR registry in a region."""
    return f"{account}.dkr.ecr.{region}.{partition_of(region).domain}"


def registry_home(uri: str) -> tuple[str, str] | None:
    """Account and region of a registry of ECR's; ``None`` where no host says them.

    Args:
        uri: A registry's host, or what begins with it.
    """
    match = _REGISTRY.match(uri)
    return (match["account"], match["region"]) if match else None


@functools.cache
def _documents() -> tuple[dict[str, Any], ...]:
    """What the SDK says of each partition; nothing where it has no such file."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        return ()
    try:
        text = (Path(spec.origin).parent / "data" / "partitions.json").read_text(encoding="utf-8")
        return tuple(json.loads(text)["partitions"])
    except (OSError, ValueError, LookupError, TypeError):
        return ()
