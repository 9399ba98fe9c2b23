"""What a delivery says while it runs: frozen events, and the observer that takes them.

Stages tell; they never print. :mod:`shipway.console` holds the observers that show events to a
person (live view, lines, GitHub Actions); the default observer is silent. Event texts are plain:
no markup, no colour, no time stamp; the console adds those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The first line: where this goes and who asks.

    ``shipway  staging · 111122223333 · eu-west-1     by hand: you@laptop · 3f9c2ab (clean)``
    """

    environment: str
    account: str
    region: str
    trigger: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The stages that will run, in order, so that a live view can show what is still to come."""

    stages: tuple[tuple[str, str], ...]
    """Stage name and a few words on what it will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A stage began.

    ``stage`` is contract, identity, build, publish, job, deploy, verify, hold or record.
    """

    stage: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A stage ended well. ``text`` is what a person reads; ``seconds`` is its wall time."""

    stage: str
    text: str
    subject: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A stage had nothing to do, or the contract does not include it; ``text`` says which."""

    stage: str
    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A labelled part of a failure: ``cause``, ``log``, ``image``, ``health``, ``next``."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A stage failed: the cause before the symptom, then the details, each with its label."""

    stage: str
    text: str
    subject: str = ""
    details: tuple[Detail, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """A change worth one line: an ECS event, a transient trouble, a roll-back that began.

    ``level`` is ``info`` or ``warning``.
    """

    stage: str
    text: str
    subject: str = ""
    level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One line of a foreign tool's output (BuildKit's progress), shown dimmed or in a group.

    A job's log comes as such lines, too. ``subject`` is the image that is built, where there are
    several.
    """

    stage: str
    line: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """Tasks of one service revision, as DescribeServices counts them."""

    desired: int
    running: int
    pending: int
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """How one service's rollout stands now; sent at every change, at most once a second.

    Attributes:
        subject: The service's name in delivery.toml.
        old: Task definition being replaced, as ``family:revision``; empty on a first deployment.
        new: Task definition being rolled out, as ``family:revision``.
        stage: ECS's own word: a lifecycle stage, or the rollout state where there is none.
        new_tasks: Tasks of the new revision.
        old_tasks: Tasks of all earlier revisions.
        health: Count of targets by state, ``(("healthy", 2), ("initial", 1))``.
        breaker: Failed tasks and the circuit breaker's threshold; ``None`` where it is off.
        rolling_back: Whether ECS is putting the old revision back.
        traffic: Percent of production traffic on the new revision, where the strategy shifts it.
        elapsed: Seconds since the service was updated.
        unseen: Where ECS has not answered for a while, the second of its last answer: all the
            above is from then. ``None`` while it answers.
        trouble: Why it does not answer.
    """

    subject: str
    old: str
    new: str
    stage: str
    new_tasks: TaskCounts
    old_tasks: TaskCounts
    health: tuple[tuple[str, int], ...] = ()
    breaker: tuple[int, int] | None = None
    rolling_back: bool = False
    traffic: float | None = None
    elapsed: float = 0.0
    unseen: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """How one service's hold stands; sent at every look.

    Attributes:
        subject: The service's name in delivery.toml.
        held: Seconds for which it has been good.
        seconds: For how long it must be.
        running: Tasks that run; ``None`` where ECS did not say.
        desired: Tasks that should.
        trouble: Why the look gave less than everything.
    """

    subject: str
    held: float
    seconds: float
    running: int | None = None
    desired: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What ran before is in service again: ``put back to web:41 (77d0…), 4 of 4 running``."""

    subject: str
    text: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidenced:
    """The record is written: what a summary shows of it. Comes just before :class:`Concluded`.

    Attributes:
        record: The record's path.
        sha256: Of its bytes: whoever keeps this can tell whether it was changed, or removed.
        report: The report's path; empty where there is none.
        facts: Name and value: the decision, the image, what it replaced.
        scan: A table: its columns, then its rows; empty where there was no scan.
        spans: Section, name, start and end in seconds, and ``good``, ``bad``, ``skip``, ``open``.
    """

    record: str
    sha256: str
    report: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    scan: tuple[tuple[str, ...], ...] = ()
    spans: tuple[tuple[str, str, float, float, str], ...] = ()


ANSWERS = frozenset({"changes", "not-as-recorded"})
"""Kinds of an end that answer a question with an exit code of their own; nothing went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """The last word of a run.

    ``text`` as in ``Release failed: rolled back.``; ``kind`` and ``exit_code`` as in
    :mod:`shipway.errors` (``succeeded`` and 0 for a success); ``evidence`` is the record's folder.
    """

    text: str
    kind: str
    exit_code: int
    evidence: str = ""
    remedy: str = ""
    details: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether something went wrong; a plan with changes has an exit code, and is no failure."""
        return self.exit_code != 0 and self.kind not in ANSWERS


Event = (
    Heading
    | Planned
    | Started
    | Finished
    | Skipped
    | Failed
    | Noticed
    | Output
    | Rolling
    | Holding
    | PutBack
    | Evidenced
    | Concluded
)

Observer = Callable[[Event], None]
"""Takes every event, in order, from any thread; must not raise and must return quickly."""


def silent(_event: Event) -> None:
    """See nothing, say nothing."""
