"""What the rehearsal walks, as values: GitHub's events, changes of the source, expected ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from shipway.errors import ImageNotFoundError, RefusedError
from shipway.rollout.judge.verdict import ROLLED_BACK

Event = Literal["push", "pull_request"]

ABSENT_DIGEST: Final = "sha256:" + "0" * 63 + "1"
"""A well-formed digest of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One walk through the task code, as GitHub would start it.

    Attributes:
        name: Its folder below the rehearsal's evidence.
        title: What a person reads.
        event: GitHub's event.
        ref: The full ref of the event.
        variant: A complete ``app.py`` below ``examples/failures`` that the release ships.
        environment: Where the OIDC step gets its role; empty where no role trusts such a run.
        image: ``--image`` as a digest in the environment's repository; empty for a build.
        exit_code: How it must end.
        kind: The verdict it must end with.
        traffic: Whether the service's address is asked all the while.
    """

    name: str
    title: str
    ref: str
    event: Event = "push"
    variant: str = ""
    environment: str = ""
    image: str = ""
    exit_code: int = 0
    kind: str = "succeeded"
    traffic: bool = False


def _failing(number: int, name: str, title: str, variant: str) -> Scenario:
    return Scenario(
        name=f"{number:02}-{name}",
        title=title,
        ref=f"refs/tags/v1.0.{number}-stable",
        variant=variant,
        environment="production",
        exit_code=ROLLED_BACK.exit_code,
        kind=ROLLED_BACK.name,
        traffic=True,
    )


def _refused(number: int, name: str, title: str, ref: str, event: Event = "push") -> Scenario:
    return Scenario(
        name=f"{number:02}-{name}",
        title=title,
        event=event,
        ref=ref,
        exit_code=RefusedError.exit_code,
        kind=RefusedError.kind,
    )


MAIN: Final = Scenario(
    name="01-main", title="push to main", ref="refs/heads/main", environment="staging"
)
STABLE: Final = Scenario(
    name="02-stable",
    title="tag v1.0.0-stable",
    ref="refs/tags/v1.0.0-stable",
    environment="production",
    traffic=True,
)
REFUSED: Final = (
    _refused(3, "tag", "tag v1.0.1", "refs/tags/v1.0.1"),
    _refused(4, "branch", "branch feature/x", "refs/heads/feature/x"),
    _refused(5, "pull-request", "pull request", "refs/pull/7/merge", "pull_request"),
)
FAILING: Final = (
    _failing(6, "crash", "a release that crashes", "crash.py"),
    _failing(7, "answers-500", "a release that answers 500", "answers-500.py"),
    _failing(8, "deaf", "a release that never listens", "deaf.py"),
)
NO_IMAGE: Final = Scenario(
    name="09-no-image",
    title="a release whose image does not exist",
    ref="refs/tags/v1.0.9-stable",
    environment="production",
    image=ABSENT_DIGEST,
    exit_code=ImageNotFoundError.exit_code,
    kind=ImageNotFoundError.kind,
    traffic=True,
)
ALL: Final = (MAIN, STABLE, *REFUSED, *FAILING, NO_IMAGE)
