from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shipway.delivery.stage import details_of, stage
from shipway.errors import BuildError, CancelledError, RefusedError, TerminatedError
from shipway.observer import Detail, Event, Failed, Finished, Started


@dataclass
class Clock:
    """Two seconds between two questions."""

    at: datetime = datetime(2026, 11, 22, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=2)
        return self.at

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def test_a_good_end_is_told_with_its_words_and_its_time() -> None:
    events: list[Event] = []
    with stage("build", events.append, Clock(), "shop") as running:
        assert events == [Started(stage="build", subject="shop")]
        running.text = "done"
    assert events[1:] == [Finished(stage="build", subject="shop", text="done", seconds=2.0)]


@pytest.mark.parametrize(("text", "told_itself"), [("", False), ("words", True)])
def test_a_stage_that_told_its_end_is_not_told_again(text: str, told_itself: bool) -> None:  # noqa: FBT001  # a parameter of the test
    events: list[Event] = []
    with stage("deploy", events.append, Clock()) as running:
        running.text, running.reported = text, told_itself
    assert events == [Started(stage="deploy")]


def test_an_error_is_told_once_with_all_it_knows_and_goes_on() -> None:
    events: list[Event] = []
    error = BuildError("no", where="Dockerfile", remedy="mend it", details=("a", "b"))
    with pytest.raises(BuildError) as caught, stage("build", events.append, Clock()):
        raise error
    assert caught.value is error
    assert events[1:] == [
        Failed(
            stage="build",
            text="no",
            details=(
                Detail(label="where", lines=("Dockerfile",)),
                Detail(label="said", lines=("a", "b")),
                Detail(label="next", lines=("mend it",)),
            ),
            seconds=2.0,
        )
    ]


def test_an_error_that_was_told_already_only_goes_on() -> None:
    events: list[Event] = []

    def fail() -> None:
        with stage("deploy", events.append, Clock()) as running:
            running.reported = True
            raise BuildError("no")

    with pytest.raises(BuildError):
        fail()
    assert events == [Started(stage="deploy")]


def test_sigterm_is_an_error_like_others() -> None:
    events: list[Event] = []
    with pytest.raises(TerminatedError), stage("build", events.append, Clock()):
        raise TerminatedError("ended by SIGTERM")
    assert events[1:] == [Failed(stage="build", text="ended by SIGTERM", seconds=2.0)]


def test_ctrl_c_becomes_an_error_of_ours() -> None:
    events: list[Event] = []
    with pytest.raises(CancelledError) as caught, stage("build", events.append, Clock()):
        raise KeyboardInterrupt
    assert (caught.value.what, caught.value.remedy) == (
        "interrupted",
        "nothing further is changed",
    )
    assert isinstance(caught.value.__cause__, KeyboardInterrupt)
    assert events[1:] == [
        Failed(
            stage="build",
            text="interrupted",
            details=(Detail(label="next", lines=("nothing further is changed",)),),
            seconds=2.0,
        )
    ]


def test_a_stage_may_have_words_of_its_own_for_ctrl_c() -> None:
    events: list[Event] = []
    with (
        pytest.raises(CancelledError, match="interrupted"),
        stage("verify", events.append, Clock(), interrupted="it is in service"),
    ):
        raise KeyboardInterrupt
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.details == (Detail(label="next", lines=("it is in service",)),)


def test_a_bug_of_ours_is_not_dressed_up() -> None:
    events: list[Event] = []
    with pytest.raises(ZeroDivisionError), stage("build", events.append, Clock()):
        raise ZeroDivisionError
    assert events == [Started(stage="build")]


def test_a_refusals_table_stands_by_itself() -> None:
    assert details_of(RefusedError("no", details=("main  push  no: x",))) == (
        Detail(label="", lines=("main  push  no: x",)),
    )
