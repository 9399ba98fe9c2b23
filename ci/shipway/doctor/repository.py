"""The ECR repository that images go to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shipway.config.environment import Environment
from shipway.doctor.finding import Finding, Looked, Unseen, needed, not_checked, ok, wrong

# ECR API Reference, PutImageTagMutability: IMMUTABLE, or that with an exclusion filter.
_IMMUTABLE: Final = "IMMUTABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySettings:
    """What ECR says of a repository.

    Attributes:
        uri: Where images are pushed to.
        mutability: ``MUTABLE``, ``IMMUTABLE``, or either with an exclusion.
        scan_on_push: Whether basic scanning begins with each push.
    """

    uri: str
    mutability: str
    scan_on_push: bool


def judge(looked: Looked[RepositorySettings | None], environment: Environment) -> Iterator[Finding]:
    """Whether it is there, whether a tag can move, and whether images are scanned."""
    if isinstance(looked, Unseen):
        yield needed("repository", looked)
        return
    if looked is None:
        yield wrong(
            "repository",
            f"there is no repository {environment.repository_uri}",
            "make it with your infrastructure, or correct "
            f"environments.{environment.name}.{_place(environment)} in ci/delivery.toml",
        )
        return
    yield ok("repository", looked.uri)
    if looked.mutability.startswith(_IMMUTABLE):
        yield ok("tags", "cannot be moved")
    else:
        yield ok("tags", "may be moved; what is rolled out is pinned by digest")
    if looked.scan_on_push:
        yield ok("scan", "each push is scanned")
    elif environment.scan.required:
        yield not_checked(
            "scan",
            f"[environments.{environment.name}.scan] asks for a scan, and the repository scans "
            "nothing on push; whether the registry does is not ours to read",
            "see: aws ecr get-registry-scanning-configuration",
        )
    else:
        yield ok("scan", "not on push, and none is asked for")


def _place(environment: Environment) -> str:
    key = environment.image.key
    return f"images.{key}.repository" if key else "repository"
