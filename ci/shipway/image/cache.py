"""Where BuildKit keeps its cache between machines, from delivery.toml's words to buildx's. Pure.

``HOST/NAME:TAG`` is a registry, ``gha`` or ``gha:SCOPE`` GitHub Actions', ``s3://BUCKET/PREFIX`` a
bucket, ``local:FOLDER`` a folder ("Cache storage backends", Docker's documentation). Several images
may share one place: each has a scope, a name or a folder of its own in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LOCAL: Final = "local:"
_GHA: Final = "gha"
_S3: Final = "s3://"
_REGION: Final = "?region="


def placed(cache: str, root: Path, region: str) -> str:
    """The same with what only the delivery knows: the repository's root, and the region.

    Args:
        cache: As delivery.toml says it.
        root: A relative folder begins here.
        region: The environment's; empty where it is not known.
    """
    if cache.startswith(_LOCAL):
        return f"{_LOCAL}{root / cache.removeprefix(_LOCAL)}"
    if cache.startswith(_S3) and _REGION not in cache and region:
        return f"{cache}{_REGION}{region}"
    return cache


def importing(cache: str, name: str) -> Mapping[str, str]:
    """What ``--cache-from`` takes; nothing where there is no cache.

    Args:
        cache: Where it is, as :func:`placed` says it.
        name: What the image is called.
    """
    if cache.startswith(_LOCAL):
        return {"type": "local", "src": _folder(cache, name)}
    return _place(cache, name)


def exporting(cache: str, name: str) -> Mapping[str, str]:
    """What ``--cache-to`` takes, all layers included; one that fails does not fail the build."""
    if not cache:
        return {}
    common = {"mode": "max", "ignore-error": "true"}
    if cache.startswith(_LOCAL):
        return {"type": "local", "dest": _folder(cache, name), **common}
    if cache.startswith((_S3, f"{_GHA}:")) or cache == _GHA:
        return {**_place(cache, name), **common}
    # Amazon ECR takes a cache as an image manifest with OCI media types (AWS blog, "Announcing
    # remote cache support in Amazon ECR for BuildKit clients").
    registry = {"image-manifest": "true", "oci-mediatypes": "true"}
    return {**_place(cache, name), **common, **registry}


def registry_host(cache: str) -> str:
    """The host of a cache in a registry; empty for any other."""
    registry = cache and cache != _GHA and not cache.startswith((f"{_GHA}:", _S3, _LOCAL))
    return cache.partition("/")[0] if registry else ""


def _place(cache: str, name: str) -> Mapping[str, str]:
    if not cache:
        return {}
    if cache == _GHA or cache.startswith(f"{_GHA}:"):
        return {"type": _GHA, "scope": cache.partition(":")[2] or name}
    if cache.startswith(_S3):
        address, _, region = cache.removeprefix(_S3).partition(_REGION)
        bucket, _, prefix = address.partition("/")
        place = {"type": "s3", "bucket": bucket, "name": name}
        return (
            place
            | ({"region": region} if region else {})
            | ({"prefix": f"{prefix}/"} if prefix else {})
        )
    return {"type": "registry", "ref": cache}


def _folder(cache: str, name: str) -> str:
    return str(Path(cache.removeprefix(_LOCAL)) / name)
