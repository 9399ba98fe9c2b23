"""Releases that were good by their records, and which of them to go back to. Pure.

Good is what was rolled out, verified and held to the end, by one delivery or by the next; one that
found it running already, and held nothing, says nothing of it. What somebody went back from is good
no more, until it is delivered again; it can still be asked for by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from shipway.errors import NoReleaseError, UsageError
from shipway.evidence.history import RecordedDelivery, short
from shipway.evidence.predicate import Delivery
from shipway.values import Commit

PREVIOUS: Final = "previous"
_HELD: Final = "held"
_MOVED_NOTHING: Final = "already-running"
_SHA256: Final = "sha256:"
_DIGITS: Final = re.compile(r"[0-9a-f]{7,64}")
_SHOWN: Final = 5
_WORD: Final = 12
"""Digits that name a release."""
_NOTHING: Final = "nothing was changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodRelease:
    """A release that was verified and held.

    Attributes:
        record: The path of its newest record.
        at: When that delivery began, in UTC (RFC 3339).
        by: Who delivered it.
        ref: The tag or branch it was delivered by; empty by hand.
        commit: What was delivered.
        images: ``REPOSITORY@sha256:…`` of each image, by its name; one alone has none.
        served: The digests that its services ran, jobs and helpers aside.
        platforms: Digests that its running tasks may report.
        revisions: The task definitions that ran, ``family:revision``, by ECS's names of the
            services.
        containers: The container of each that took its image, by ECS's names of the services.
        left: Whether somebody went back from it since.
    """

    record: str
    at: str
    by: str
    ref: str
    commit: Commit
    images: Mapping[str, str]
    served: frozenset[str]
    platforms: tuple[str, ...]
    revisions: Mapping[str, str]
    containers: Mapping[str, str] = field(default_factory=dict)
    left: bool = False

    @property
    def digests(self) -> frozenset[str]:
        """``sha256:…`` of each image."""
        return frozenset(image.partition("@")[2] for image in self.images.values())

    @property
    def digest(self) -> str:
        """``sha256:…`` of its first image, by which it is called."""
        return next(iter(self.images.values())).partition("@")[2]

    @property
    def described(self) -> str:
        """Image, commit, time and person in one line."""
        others = f" and {len(self.images) - 1} more" * (len(self.images) > 1)
        return f"{short(self.digest)}{others} of {self.commit.short}, {self.at} by {self.by}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The release to go back to.

    Attributes:
        release: It.
        further: The command that goes further back, where this one runs already; empty where there
            is none, or something is gone back from.
    """

    release: GoodRelease
    further: str = ""


def good_releases(deliveries: Sequence[RecordedDelivery]) -> tuple[GoodRelease, ...]:
    """Every good release, the newest first; each record by itself.

    Args:
        deliveries: Those of one environment, oldest first.
    """
    left: set[str] = set()
    releases = []
    for recorded in reversed(deliveries):
        release = _release(recorded)
        if release is not None:
            releases.append(replace(release, left=bool(release.digests & left)))
        back = recorded.delivery.went_back
        if back is not None and recorded.delivery.verdict.exit_code == 0:
            left |= set(back.left)
    return tuple(releases)


def _release(recorded: RecordedDelivery) -> GoodRelease | None:
    """The release that a record is about, where it was good."""
    delivery = recorded.delivery
    commit = delivery.commit
    images = {each.name: each.image for each in delivery.released if each.image is not None}
    good = (
        delivery.verdict.exit_code == 0
        and bool(delivery.verification)
        and _held(delivery)
        and not delivery.put_back
    )
    pinned = all("@sha256:" in image.reference for image in images.values())
    if not good or commit is None or not images or not pinned:
        return None
    trigger = delivery.trigger
    return GoodRelease(
        record=recorded.record,
        at=recorded.started,
        by=recorded.who,
        ref=trigger.ref if trigger is not None and trigger.event != "by-hand" else "",
        commit=Commit(
            sha=commit.sha,
            time=datetime.fromisoformat(commit.time),
            clean=bool(commit.clean),
            subject=commit.subject,
            remote=commit.repository,
        ),
        images={name: image.reference for name, image in images.items()},
        served=frozenset(
            fact.image.partition("@")[2] or next(iter(images.values())).reference.partition("@")[2]
            for fact in delivery.services
        ),
        platforms=tuple(digest for image in images.values() for digest in image.platforms),
        # Not the ARN: a record hides what looks like a secret, and an account's number may.
        revisions={
            fact.service: fact.task_definition.rpartition("/")[2] for fact in delivery.services
        },
        containers={each.service.service: each.service.container for each in delivery.verification},
    )


def _held(delivery: Delivery) -> bool:
    """Whether every service that was moved or held was good to the end, and one was."""
    moved = {
        fact.key
        for fact in delivery.services
        if fact.verdict is None or fact.verdict.name != _MOVED_NOTHING
    }
    services = {fact.key for fact in delivery.services}
    about = services & (moved | {hold.key for hold in delivery.holds}) or services
    held = {hold.key for hold in delivery.holds if hold.end == _HELD}
    asked_for_none = {each.service.key for each in delivery.verification if not each.service.hold}
    return bool(about) and about <= held | asked_for_none


def choose(
    deliveries: Sequence[RecordedDelivery], running: frozenset[str], wanted: str, environment: str
) -> Choice:
    """The release to go back to.

    ``previous`` is the last good one. Where that is what runs, and it was a release like any other,
    it is the good one before it: somebody found out what no verification did. Where it runs because
    the last delivery failed, or because somebody went back to it, it stays: what was typed twice
    goes back once.

    Args:
        deliveries: Those of one environment, oldest first.
        running: The digests that its services are to run now, failing ones too.
        wanted: ``previous``; or a digest, a commit, a tag or a record, as far as it is telling.
        environment: Its name, for messages.

    Raises:
        NoReleaseError: No record speaks of such a release, or it was not good.
        UsageError: More than one fits.
    """
    releases = good_releases(deliveries)
    if wanted != PREVIOUS:
        return Choice(release=_named(releases, deliveries, wanted, environment))
    candidates = [release for release in releases if not release.left]
    if not candidates:
        raise NoReleaseError(
            f"no record says that a release of {environment} was verified and held",
            details=_known(deliveries),
            remedy="records of other machines are read where evidence.s3 keeps them; an image that "
            f"is known to be good is delivered with: nox -s deploy -- --env {environment} --image "
            f"REPOSITORY@sha256:…. {_NOTHING}",
        )
    last = candidates[0]
    before = next((each for each in candidates if each.served != last.served), None)
    if running != last.served:
        return Choice(release=last)
    if _stays(deliveries, last):
        word = _word(before, releases) if before is not None else ""
        command = f"nox -s rollback -- --env {environment} --to {word}"
        return Choice(release=last, further=command if before is not None else "")
    if before is None:
        raise NoReleaseError(
            f"{environment} runs {last.described}, and no record has a good release before it",
            details=_known(deliveries),
            remedy=f"{_NOTHING}; see the records: nox -s audit -- --env {environment}",
        )
    return Choice(release=before)


def _stays(deliveries: Sequence[RecordedDelivery], last: GoodRelease) -> bool:
    """Whether the good release runs because something else was taken back."""
    newest = next(recorded for recorded in reversed(deliveries) if recorded.delivery.services)
    failed = newest.delivery.verdict.exit_code != 0 or newest.what != last.digest
    return failed or newest.delivery.went_back is not None


def _named(
    releases: Sequence[GoodRelease],
    deliveries: Sequence[RecordedDelivery],
    wanted: str,
    environment: str,
) -> GoodRelease:
    """The newest record of the one release that a word fits."""
    fitting = {
        tuple(release.images.values()): release
        for release in reversed(releases)
        if _fits(release, wanted)
    }
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise UsageError(
            f'"{wanted}" fits {len(fitting)} releases of {environment}',
            where="--to",
            details=tuple(
                f"--to {_word(each, releases)}  {each.described}" for each in fitting.values()
            ),
            remedy=f"name one of these as it stands there; {_NOTHING}",
        )
    failed = [recorded for recorded in reversed(deliveries) if _speaks(recorded, wanted)]
    what = f'no good release of {environment} is "{wanted}"'
    if failed:
        what = f'"{wanted}" was no good release of {environment}: {failed[0].text}'
    raise NoReleaseError(
        what,
        where="--to",
        details=tuple(f"good: {release.described}" for release in releases[:_SHOWN]),
        remedy=f"name one of these by its digest or commit; {_NOTHING}",
    )


def _word(release: GoodRelease, releases: Sequence[GoodRelease]) -> str:
    """The word for ``--to`` that names this release and no other.

    Releases of several images share those that did not change, and one commit may have been
    released with and without changes: then it is another image's digest, the commit, or the record.
    """
    digests = (image.rpartition(_SHA256)[2] for image in release.images.values())
    ours = tuple(release.images.values())
    for word in (*(digest[:_WORD] for digest in digests), release.commit.sha[:_WORD]):
        if all(tuple(each.images.values()) == ours for each in releases if _fits(each, word)):
            return word
    return release.record.rpartition("/")[0].rpartition("/")[2]


def _fits(release: GoodRelease, wanted: str) -> bool:
    digits = wanted.removeprefix(_SHA256)
    if _DIGITS.fullmatch(digits):
        commit = not wanted.startswith(_SHA256) and release.commit.sha.startswith(digits)
        digests = (digest.removeprefix(_SHA256) for digest in release.digests)
        return commit or any(digest.startswith(digits) for digest in digests)
    folder = release.record.rpartition("/")[0]
    return wanted in {folder, folder.rpartition("/")[2]} or (
        bool(release.ref) and wanted in {release.ref, release.ref.rpartition("/")[2]}
    )


def _speaks(recorded: RecordedDelivery, wanted: str) -> bool:
    digits = wanted.removeprefix(_SHA256)
    commit = recorded.delivery.commit
    return bool(_DIGITS.fullmatch(digits)) and (
        recorded.what.removeprefix(_SHA256).startswith(digits)
        or (commit is not None and commit.sha.startswith(digits))
    )


def _known(deliveries: Sequence[RecordedDelivery]) -> tuple[str, ...]:
    """The newest records, whatever they say."""
    return tuple(
        f"{recorded.started}  {short(recorded.what) or 'no image'}  {recorded.text}"
        for recorded in list(reversed(deliveries))[:_SHOWN]
    )
