"""What telling others asks of the outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One request: a POST of bytes.

    Attributes:
        url: The address; a secret.
        headers: Content type and signature.
        body: The content.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnswer:
    """What came of a request.

    Attributes:
        status: The HTTP status; ``None`` where nothing answered.
        trouble: Why nothing did, without the address.
        final: Whether another try would come to the same, whatever the status.
        retry_after: Seconds that the answer asks to wait; ``None`` where it does not say.
    """

    status: int | None
    trouble: str = ""
    final: bool = False
    retry_after: float | None = None


class Poster(Protocol):
    """Sends requests to addresses that may be asked; see :mod:`shipway.util.addresses`."""

    def post(self, post: Post, seconds: float) -> PostAnswer:
        """One request, its name looked up included.

        Args:
            post: What is sent.
            seconds: Within which it must be answered.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoPoster:
    """Sends nothing."""

    def post(self, post: Post, seconds: float) -> PostAnswer:
        """Nothing is sent."""
        del post, seconds
        return PostAnswer(status=None, trouble="nothing is sent from here", final=True)
