"""The values that more than one stage speaks of. All frozen; all checked when they are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from shipway.errors import UsageError

# OCI image-spec, descriptor.md: algorithm ":" encoded; ECR accepts sha256 only.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """An OCI content digest such as ``sha256:9c41…`` (lower-case, 64 hexadecimal digits)."""

    value: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.value):
            raise UsageError(
                f"{self.value[:100]!r} is not a digest",
                remedy="a digest is sha256: and 64 hexadecimal digits, lower-case",
            )

    def __str__(self) -> str:
        return self.value

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, for a person's eye only."""
        return f"{self.value[:19]}…"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image pinned by digest: ``repository@sha256:…``; a tag never appears in one."""

    repository: str
    digest: Digest

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``repository@sha256:…``.

        Raises:
            UsageError: The text has no ``@``, or what follows it is no digest.
        """
        repository, at, digest = text.partition("@")
        if not at or not repository:
            raise UsageError(
                f"{text[:200]!r} is not an image pinned by digest",
                remedy="give REPOSITORY@sha256:…; a tag can move, a digest cannot",
            )
        return cls(repository, Digest(digest))

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The commit that is delivered.

    Attributes:
        sha: The full SHA-1 or SHA-256 of the commit.
        time: When it was committed, in UTC.
        clean: Whether the work tree was exactly this commit.
        subject: The first line of its message.
        remote: The URL of ``origin`` without credentials, or an empty text.
        changes: The paths in which the work tree differed, from its top; the first ten.
    """

    sha: str
    time: datetime
    clean: bool
    subject: str = ""
    remote: str = ""
    changes: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The first 7 digits, as git shows them."""
        return self.sha[:7]

    @property
    def tag(self) -> str:
        """The image tag of this commit: its full SHA, marked where the work tree differed."""
        return self.sha if self.clean else f"{self.sha}-dirty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who AWS says we are (STS GetCallerIdentity)."""

    account: str
    arn: str
    user_id: str = ""

    @property
    def role(self) -> str:
        """The role's name for ``arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION``, else empty."""
        kind, _, role_and_session = self.arn.split(":", 5)[-1].partition("/")
        return role_and_session.partition("/")[0] if kind == "assumed-role" else ""


Json = Mapping[str, object]
"""A JSON object whose fields we pass on and do not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What one request got: a status, or the reason there was none."""

    status: int | None
    trouble: str = ""

    def __str__(self) -> str:
        return str(self.status) if self.status is not None else self.trouble
