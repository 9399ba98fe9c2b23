"""What the rules of a contract need to know, as values, and the ports that find it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shipway.values import Digest

Standing = Literal["on", "off", "no-branch", "shallow"]
"""Whether a commit is on a branch's first-parent history, or why nobody can tell."""

Order = Literal["same", "older", "newer", "apart", "unknown"]
"""How another commit stands to ours: ``older`` where ours holds it, ``apart`` where neither does,
``unknown`` where git does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a person asks to be let through, by name; each is recorded.

    Attributes:
        rollback_to: The commit, or its first 7 or more digits, that may be older than what runs.
        through_freeze: ``NAME: why`` of the one freeze that is to be gone through.
    """

    rollback_to: str = ""
    through_freeze: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag as origin has it now.

    Attributes:
        object: What the ref holds: the tag object's id, or the commit's for a lightweight tag.
        commit: The commit.
        annotated: Whether there is a tag object.
    """

    object: str
    commit: str
    annotated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A tag's signature: ``said`` is by whom it is, or why it is not good. Records hold both."""

    good: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeBuild:
    """What is known before AWS is asked anything; a field is filled in where a rule asks.

    Attributes:
        now: The time.
        standing: Of the commit on the branch of ``first_parent_of``.
        tag: The tag at origin; ``None`` where origin does not have it, or could not be asked.
        tag_trouble: Why origin could not be asked.
        signature: Of the tag; ``None`` where it has none.
    """

    now: datetime
    standing: Standing | None = None
    tag: Tag | None = None
    tag_trouble: str = ""
    signature: Signature | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRelease:
    """What one service runs now.

    Attributes:
        service: Its key in delivery.toml.
        digest: The image in its task definition; ``None`` where it names none by digest.
        foreign: The image, where it is no release of ours: from another repository, named by a
            tag, or without the tag of a commit, as the first image of a new service is. Nothing
            can be older than that.
        commit: The commit that the image was built from, or empty where nothing says.
        changed: Whether its tag says that the work tree differed from that commit.
        order: How that commit stands to ours.
        since: When it was put into service.
    """

    service: str = ""
    digest: Digest | None = None
    foreign: str = ""
    commit: str = ""
    changed: bool = False
    order: Order = "unknown"
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRelease:
    """One record that says an image of this commit was verified in an environment.

    Attributes:
        record: Where it lies.
        digests: The image's digest and those of its platforms' manifests.
        why: Why it does not count after all: the registry does not hold it any more; else empty.
    """

    record: str
    digests: frozenset[Digest]
    why: str = ""


class History(Protocol):
    """What git knows of commits and tags."""

    def standing(self, sha: str, branch: str) -> Standing:
        """Whether a commit is on a branch's first-parent history."""
        ...

    def order(self, other: str, ours: str) -> Order:
        """How another commit stands to ours."""
        ...

    def tag(self, name: str) -> Tag | None:
        """The tag as origin has it now.

        Raises:
            GitError: Origin cannot be asked.
        """
        ...

    def commits(self, prefix: str) -> tuple[str, ...]:
        """The commits whose ids begin with these 7 or more hexadecimal digits."""
        ...

    def origin_branch(self, branch: str) -> str:
        """The commit of origin's branch as it was fetched last; empty where it is not here."""
        ...

    def file(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, its very bytes; ``None`` where it has none there."""
        ...

    def signature(
        self, tag: Tag, name: str, keys: Sequence[str], commit: str = "HEAD"
    ) -> Signature | None:
        """Whether one of the keys in these files signed the tag; ``None`` where it is not signed.

        Args:
            tag: The tag.
            name: Its name.
            keys: The files.
            commit: Where they are read from.

        Raises:
            GitError: The tag object cannot be had from origin.
        """
        ...


class TokenSource(Protocol):
    """What GitHub signs of this job."""

    def claims(self, issuer: str) -> Mapping[str, object] | None:
        """The verified claims, or ``None`` where this job may ask for no token.

        Raises:
            RefusedError: There is a token, and it is not good.
        """
        ...

    def token(self, issuer: str, audience: str) -> str:
        """A token of this job for somebody else, who verifies it; a secret.

        Args:
            issuer: Whose tokens are believed, as for :meth:`claims`.
            audience: Whom it is for.

        Raises:
            RefusedError: None could be had.
        """
        ...
