"""One stage of a delivery: it begins, and it ends well or with an error that is told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shipway.errors import CancelledError, RefusedError, ShipwayError, VerificationError
from shipway.observer import Detail, Failed, Finished, Observer, Started
from shipway.util.clock import Clock

UNCHANGED = "nothing further is changed"
"""What is true after Ctrl-C in most stages."""


class Stage:
    """What a running stage can say of itself: the words for its end."""

    def __init__(self) -> None:
        self.text = ""
        self.reported = False


@contextmanager
def stage(
    name: str,
    observer: Observer,
    clock: Clock,
    subject: str = "",
    *,
    quiet: bool = False,
    interrupted: str = UNCHANGED,
) -> Iterator[Stage]:
    """Tell that a stage began, and how it ended.

    The body sets ``text`` for a good end; where it leaves ``text`` empty, or sets ``reported``, it
    has told its end itself. ``interrupted`` is what to know or to do next after Ctrl-C.

    Raises:
        CancelledError: Ctrl-C was pressed while it ran.
    """
    began = clock.now()
    running = Stage()
    if not quiet:
        observer(Started(stage=name, subject=subject))

    def seconds() -> float:
        return (clock.now() - began).total_seconds()

    def failed(error: ShipwayError) -> Failed:
        return Failed(
            stage=name,
            subject=subject,
            text=error.what,
            details=details_of(error),
            seconds=seconds(),
        )

    try:
        yield running
    except ShipwayError as error:
        if not running.reported:
            observer(failed(error))
        raise
    except KeyboardInterrupt as error:
        cancelled = CancelledError("interrupted", remedy=interrupted)
        observer(failed(cancelled))
        raise cancelled from error
    if running.text and not running.reported:
        observer(Finished(stage=name, subject=subject, text=running.text, seconds=seconds()))


def details_of(error: ShipwayError) -> tuple[Detail, ...]:
    """An error's place, its further lines, and what to do, each under its label."""
    # A refusal's table of rules stands by itself, as the console draws an empty label.
    details_label = "" if isinstance(error, RefusedError) else "said"
    log = error.log if isinstance(error, VerificationError) else ()
    parts = (
        ("where", (error.where,) if error.where else ()),
        (details_label, error.details),
        ("log", log),
        ("next", (error.remedy,) if error.remedy else ()),
    )
    return tuple(Detail(label=label, lines=lines) for label, lines in parts if lines)
