"""Where a cache is, in buildx's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.image import cache

ROOT = Path("/repo")
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop-cache:main"
KEPT = {"mode": "max", "ignore-error": "true"}


@pytest.mark.parametrize(
    ("written", "taken", "kept"),
    [
        ("", {}, {}),
        (
            ECR,
            {"type": "registry", "ref": ECR},
            {"type": "registry", "ref": ECR, "image-manifest": "true", "oci-mediatypes": "true"},
        ),
        ("gha", {"type": "gha", "scope": "shop-api"}, {"type": "gha", "scope": "shop-api"}),
        ("gha:all", {"type": "gha", "scope": "all"}, {"type": "gha", "scope": "all"}),
        (
            "s3://kept",
            {"type": "s3", "bucket": "kept", "name": "shop-api", "region": "eu-west-1"},
            {"type": "s3", "bucket": "kept", "name": "shop-api", "region": "eu-west-1"},
        ),
        (
            "s3://kept/a/b?region=us-east-1",
            {
                "type": "s3",
                "bucket": "kept",
                "prefix": "a/b/",
                "name": "shop-api",
                "region": "us-east-1",
            },
            {
                "type": "s3",
                "bucket": "kept",
                "prefix": "a/b/",
                "name": "shop-api",
                "region": "us-east-1",
            },
        ),
        (
            "local:.cache",
            {"type": "local", "src": "/repo/.cache/shop-api"},
            {"type": "local", "dest": "/repo/.cache/shop-api"},
        ),
        (
            "local:/var/cache",
            {"type": "local", "src": "/var/cache/shop-api"},
            {"type": "local", "dest": "/var/cache/shop-api"},
        ),
    ],
)
def test_each_backend_in_buildxs_words(
    written: str, taken: dict[str, str], kept: dict[str, str]
) -> None:
    placed = cache.placed(written, ROOT, "eu-west-1")
    assert cache.importing(placed, "shop-api") == taken
    assert cache.exporting(placed, "shop-api") == (kept | KEPT if kept else {})


def test_only_a_registry_has_a_host_to_sign_in_to() -> None:
    assert cache.registry_host(ECR) == "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
    assert {cache.registry_host(one) for one in ("", "gha", "gha:x", "s3://b", "local:x")} == {""}


def test_a_region_that_nobody_knows_is_left_to_buildx() -> None:
    assert "region" not in cache.importing(cache.placed("s3://kept", ROOT, ""), "shop")
