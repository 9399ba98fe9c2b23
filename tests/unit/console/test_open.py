"""Which mode is chosen, and how each lives with the stream it was given."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from rich.live import Live

from shipway.console import Console, Mode, open_console
from shipway.console.actions import ActionsConsole
from shipway.console.base import WALL, Writer
from shipway.console.json_lines import JsonConsole
from shipway.console.lines import LinesConsole
from shipway.console.live import LiveConsole
from shipway.errors import CancelledError, RefusedError, ShipwayError
from shipway.observer import (
    Concluded,
    Failed,
    Finished,
    Heading,
    Noticed,
    Output,
    Planned,
    Rolling,
    Skipped,
    Started,
    TaskCounts,
)

GOOD = Concluded(text="Released.", kind="succeeded", exit_code=0)


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    """A pipe whose reader has gone."""

    writes = 0

    def write(self, _text: str, /) -> int:
        self.writes += 1
        raise BrokenPipeError


def rolling(**changes: object) -> Rolling:
    values: dict[str, object] = {
        "subject": "web",
        "old": "shop:1",
        "new": "shop:2",
        "stage": "SCALE_UP",
        "new_tasks": TaskCounts(desired=2, running=1, pending=1),
        "old_tasks": TaskCounts(desired=2, running=2, pending=0),
        "elapsed": 1.0,
    }
    return Rolling(**{**values, **changes})  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("mode", "stream", "env", "kind"),
    [
        ("auto", io.StringIO, {}, LinesConsole),
        ("auto", Tty, {"TERM": "xterm"}, LiveConsole),
        ("auto", Tty, {"TERM": "dumb"}, LinesConsole),
        ("auto", Tty, {"GITHUB_ACTIONS": "true"}, ActionsConsole),
        ("auto", io.StringIO, {"GITHUB_ACTIONS": "false"}, LinesConsole),
        ("auto", io.StringIO, {"FORCE_COLOR": "1"}, LinesConsole),
        ("live", Tty, {"TERM": "dumb"}, LinesConsole),
        ("live", io.StringIO, {}, LiveConsole),
        ("json", Tty, {"GITHUB_ACTIONS": "true"}, JsonConsole),
        ("lines", Tty, {"TERM": "xterm"}, LinesConsole),
        ("actions", io.StringIO, {}, ActionsConsole),
    ],
)
def test_the_mode_follows_the_place(
    mode: Mode, stream: type[io.StringIO], env: Mapping[str, str], kind: type[Console]
) -> None:
    with open_console(mode=mode, stream=stream(), env=env) as console:
        assert type(console) is kind


@pytest.mark.parametrize(
    ("stream", "env", "coloured"),
    [
        (io.StringIO, {}, False),
        (Tty, {"TERM": "xterm"}, True),
        (Tty, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Tty, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Tty, {"TERM": "dumb"}, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": "0"}, False),
        (io.StringIO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_follows_the_wishes(
    stream: type[io.StringIO], env: Mapping[str, str], *, coloured: bool
) -> None:
    out = stream()
    with open_console(mode="lines", stream=out, env=env) as console:
        console(Finished(stage="build", text="done"))
    assert ("\x1b[32m✓" in out.getvalue()) is coloured


@pytest.mark.parametrize("mode", ["lines", "live", "actions"])
def test_an_output_without_unicode_gets_ascii_marks(mode: Mode) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with open_console(mode=mode, stream=stream, env={}) as console:
        console(Finished(stage="build", text="a → b… ü"))
        console(Failed(stage="deploy", text="no"))
    text = raw.getvalue().decode("ascii")
    assert "+ build      a -> b... \\xfc" in text
    assert "x deploy     no" in text


@pytest.mark.parametrize("mode", ["lines", "actions", "json", "live"])
def test_a_reader_that_has_gone_is_no_failure(mode: Mode) -> None:
    stream = ClosedPipe()
    with open_console(mode=mode, stream=stream, env={}) as console:
        console(Started(stage="build"))
        console(Output(stage="build", line="x"))
        console(Finished(stage="build", text="done"))
        console(GOOD)
    assert stream.writes == 1


@pytest.mark.parametrize("mode", ["lines", "actions", "json", "live"])
def test_the_log_of_a_job_is_shown_to_everybody(mode: Mode) -> None:
    stream = Tty()
    with open_console(mode=mode, stream=stream, env={}) as console:
        console(Started(stage="job", subject="migrate"))
        console(Output(stage="job", line="0042 is applied"))
        console(Finished(stage="job", subject="migrate", text="exited with 0"))
        console(GOOD)
    assert "0042 is applied" in stream.getvalue()


def test_a_closed_stream_is_no_failure() -> None:
    stream = io.StringIO()
    with open_console(mode="lines", stream=stream, env={}) as console:
        stream.close()
        console(GOOD)
        console.say("nobody hears this")


def test_an_interrupt_leaves_the_terminal_as_it_was() -> None:
    stream, before = Tty(), threading.active_count()

    def interrupted() -> None:
        with open_console(mode="live", stream=stream, env={}) as console:
            console(Planned(stages=(("build", "BuildKit"),)))
            console(Started(stage="build"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    text = stream.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert threading.active_count() == before


def test_an_interrupt_inside_rich_still_shows_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_live: Live) -> None:
        raise KeyboardInterrupt

    stream = Tty()
    console = LiveConsole(Writer(stream, {}), WALL, verbose=False)
    console(Started(stage="build"))
    monkeypatch.setattr(Live, "stop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        console(GOOD)
    console.__exit__(None, None, None)
    assert stream.getvalue().endswith("\x1b[?25h")


@pytest.mark.parametrize(
    ("problem", "kind", "code"),
    [
        (RefusedError("no"), "refused", 20),
        (KeyboardInterrupt(), CancelledError.kind, 130),
        (ValueError("a bug"), "error", 1),
    ],
)
def test_json_ends_with_the_last_word_of_what_ended_the_run(
    problem: BaseException, kind: str, code: int
) -> None:
    stream = io.StringIO()

    def ends_early() -> None:
        with open_console(mode="json", stream=stream, env={}) as console:
            console(Started(stage="contract"))
            raise problem

    with pytest.raises(type(problem)):
        ends_early()
    last = json.loads(stream.getvalue().splitlines()[-1])
    assert (last["type"], last["kind"], last["exit_code"]) == ("concluded", kind, code)


def test_json_makes_up_no_success() -> None:
    stream = io.StringIO()
    with open_console(mode="json", stream=stream, env={}) as console:
        console.table("Contract", ["trigger"], [["push"]])
    assert [json.loads(line)["type"] for line in stream.getvalue().splitlines()] == ["table"]


def test_after_the_last_word_stragglers_are_not_heard_and_a_new_run_is() -> None:
    stream = io.StringIO()
    with open_console(mode="json", stream=stream, env={}) as console:
        console(GOOD)
        console(Output(stage="build", line="late"))
        console(Noticed(stage="deploy", text="late"))
        console(rolling())
        console.error(ShipwayError("late"))
        console(Started(stage="contract"))
    types = [json.loads(line)["type"] for line in stream.getvalue().splitlines()]
    assert types[:2] == ["concluded", "started"]
    assert "output" not in types


def test_what_is_told_later_keeps_the_time_at_which_it_happened() -> None:
    stream = io.StringIO()
    with open_console(mode="json", stream=stream, env={}) as console:
        console.replay(Started(stage="build"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        console(Started(stage="publish"))
    earlier, now = (json.loads(line) for line in stream.getvalue().splitlines()[:2])
    assert earlier["time"] == "2026-01-02T03:04:05.000Z"
    assert now["time"] > earlier["time"]


def test_lines_tell_a_rollout_only_when_it_changes_or_half_a_minute_passed() -> None:
    stream = io.StringIO()
    with open_console(mode="lines", stream=stream, env={}) as console:
        console(rolling())
        console(rolling(elapsed=2.0))
        console(rolling(elapsed=3.0, health=(("initial", 1),)))
        console(rolling(elapsed=4.0, health=(("healthy", 1),)))
        console(rolling(elapsed=5.0, health=(("healthy", 1),)))
        console(rolling(elapsed=6.0, subject="worker"))
        console(rolling(elapsed=34.0, health=(("healthy", 1),)))
        console(rolling(elapsed=35.0, health=(("healthy", 1),)))
    times = [line.rsplit(None, 1)[1] for line in stream.getvalue().splitlines()]
    assert times == ["0:01", "0:04", "0:06", "0:34"]


def test_a_tools_output_is_shown_when_asked_for_or_when_the_stage_failed() -> None:
    for verbose, count in ((False, 0), (True, 12)):
        stream = io.StringIO()
        with open_console(mode="lines", stream=stream, env={}, verbose=verbose) as console:
            for number in range(12):
                console(Output(stage="build", line=f"step {number}"))
            assert stream.getvalue().count("step") == count
            console(Failed(stage="build", text="exit code 1"))
        assert stream.getvalue().count("step") == count + 10


def test_verbose_output_scrolls_by_in_the_live_view() -> None:
    stream = Tty()
    with open_console(mode="live", stream=stream, env={}, verbose=True) as console:
        console(Output(stage="build", line="step one"))
        console(Skipped(stage="build", text="nothing to do"))
    text = stream.getvalue()
    assert text.index("step one") < text.index("nothing to do")


def test_two_services_stand_under_each_other() -> None:
    stream = io.StringIO()
    with open_console(mode="actions", stream=stream, env={}) as console:
        console(Started(stage="deploy", subject="web"))
        console(Started(stage="deploy", subject="worker"))
        console(rolling())
        console(Finished(stage="deploy", subject="web", text="4 of 4 healthy"))
        console(rolling(subject="worker"))
    lines = [line.split("SCALE")[0].strip() for line in stream.getvalue().splitlines()]
    assert lines == [
        "::group::deploy web",
        "▸ deploy     worker",
        "▸ deploy     web   shop:1 → shop:2",
        "::endgroup::",
        "✓ deploy     web   4 of 4 healthy",
        "::group::deploy worker",
        "▸ deploy     worker  shop:1 → shop:2",
        "::endgroup::",
    ]


def test_many_threads_never_mix_their_lines() -> None:
    stream = io.StringIO()
    with open_console(mode="lines", stream=stream, env={}, verbose=True) as console:

        def tell(name: str) -> None:
            for _ in range(50):
                console(Output(stage="build", line=name * 20))

        threads = [threading.Thread(target=tell, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    lines = [line.split("│ ")[1] for line in stream.getvalue().splitlines()]
    assert sorted(lines) == sorted(name * 20 for name in "abcd" for _ in range(50))


def test_threads_may_print_past_the_live_view_without_harm() -> None:
    stream = Tty()
    with (
        contextlib.redirect_stdout(stream),
        open_console(mode="live", stream=stream, env={}) as console,
    ):
        console(Planned(stages=(("deploy", "web"),)))
        strays = threading.Thread(target=lambda: [print(f"stray {n}") for n in range(60)])  # noqa: T201  # that is the point
        strays.start()
        for number in range(60):
            console(rolling(subject=f"web{number}", elapsed=float(number)))
            console(Noticed(stage="deploy", text=f"notice {number}"))
            console(Finished(stage="deploy", subject=f"web{number}", text="done"))
        strays.join(10)
        assert not strays.is_alive()
    for number in range(60):
        assert f"stray {number}\n" in stream.getvalue()
        assert f"notice {number}\n" in stream.getvalue()


def test_an_unknown_place_is_left_out_of_the_heading() -> None:
    stream = io.StringIO()
    with open_console(mode="lines", stream=stream, env={}) as console:
        console(Heading(environment="local", account="", region="", trigger="", commit="3f9c2ab"))
    assert stream.getvalue().endswith(" shipway  local  3f9c2ab\n")


def test_an_error_that_begins_with_its_place_is_annotated_there() -> None:
    stream = io.StringIO()
    with open_console(mode="actions", stream=stream, env={}) as console:
        console.error(ShipwayError("ci/release.toml:3 is not TOML: invalid value, at column 10"))
    (annotation,) = [line for line in stream.getvalue().splitlines() if line.startswith("::error ")]
    assert annotation.startswith(
        "::error file=ci/release.toml,line=3,title=ci/release.toml%3A3 is not"
    )
