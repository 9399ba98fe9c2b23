"""Whatever strangers write, a terminal obeys none of it and GitHub's runner neither."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.console import Mode, open_console
from shipway.console.json_lines import decode
from shipway.console.safe import (
    LIMIT,
    clean,
    clean_lines,
    escape_data,
    escape_property,
    fence,
    inert,
)
from shipway.errors import ShipwayError
from shipway.observer import (
    Concluded,
    Detail,
    Event,
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

HOSTILE = (
    "::add-mask::s",
    "  ::set-env name=PATH::/tmp",
    "\t::stop-commands::x",
    "##[add-mask]s",
    "a ##[error]b",
    "\r\n::error::forged",
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b1A",
    "\x1b",
    "##\x1b[0m[group]x",
    "\u200b::error::x",
    "\u2028::error::x",
    "::endgroup::",
    "[bold red]markup[/]",
    "\ud800",
    "%0A::error::x",
)
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(
        st.one_of(
            st.sampled_from(HOSTILE),
            st.text("a:#[]%|`, \t\r\n\x07\x1b\x9b\u200b\u202e\u2028é✓", max_size=6),
        ),
        max_size=4,
    ).map("".join),
)
COUNTS = st.builds(
    TaskCounts,
    desired=st.integers(0, 9),
    running=st.integers(0, 9),
    pending=st.integers(0, 9),
    failed=st.integers(0, 9),
)
SECONDS = st.one_of(st.none(), st.floats(0, 9999))
EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(Heading, environment=TEXT, account=TEXT, region=TEXT, trigger=TEXT, commit=TEXT),
    st.builds(Planned, stages=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)),
    st.builds(Started, stage=TEXT, subject=TEXT),
    st.builds(Finished, stage=TEXT, text=TEXT, subject=TEXT, seconds=SECONDS),
    st.builds(Skipped, stage=TEXT, text=TEXT, subject=TEXT),
    st.builds(
        Failed,
        stage=TEXT,
        text=TEXT,
        subject=TEXT,
        seconds=SECONDS,
        details=st.lists(
            st.builds(
                Detail,
                label=st.sampled_from(("", "cause", "log", "rollback", "::error::")),
                lines=st.lists(TEXT, max_size=3).map(tuple),
            ),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(Noticed, stage=TEXT, text=TEXT, level=st.sampled_from(("info", "warning"))),
    st.builds(Output, stage=TEXT, line=TEXT),
    st.builds(
        Rolling,
        subject=TEXT,
        old=TEXT,
        new=TEXT,
        stage=TEXT,
        new_tasks=COUNTS,
        old_tasks=COUNTS,
        health=st.lists(st.tuples(TEXT, st.integers(0, 9)), max_size=2).map(tuple),
        breaker=st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(0, 9))),
        rolling_back=st.booleans(),
        traffic=st.one_of(st.none(), st.floats(0, 100)),
        elapsed=st.floats(0, 9999),
    ),
    st.builds(
        Concluded, text=TEXT, kind=TEXT, exit_code=st.integers(0, 50), evidence=TEXT, remedy=TEXT
    ),
)
COMMANDS = {
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
}
OURS = {"group", "endgroup", "error", "notice", "warning"}


@dataclass
class Runner:
    """GitHub's runner as far as it reads a step's output (actions/runner, ActionCommand.cs)."""

    stopped: str = ""
    heard: list[str] = field(default_factory=list)

    def line(self, line: str) -> None:
        command = self._parse(line)
        if self.stopped:
            if command == self.stopped:
                self.stopped = ""
        elif command == "stop-commands":
            self.stopped = line.strip().removeprefix("::stop-commands::")
            assert self.stopped
        elif command:
            self.heard.append(command)

    def _parse(self, line: str) -> str:
        # .NET compares by culture here: characters that nobody sees do not count.
        visible = "".join(
            character for character in line if unicodedata.category(character) != "Cf"
        ).lstrip()
        commands = COMMANDS | {self.stopped}
        if visible.startswith("::") and "::" in visible[2:]:
            name = visible[2:].partition("::")[0].partition(" ")[0].lower()
            if name in commands:
                return name
        if "##[" in visible and "]" in visible.partition("##[")[2]:
            name = visible.partition("##[")[2].partition("]")[0].partition(" ")[0].lower()
            if name in commands:
                return name
        return ""


def printed(mode: Mode, events: list[Event], *, verbose: bool = True) -> str:
    stream = io.StringIO()
    with open_console(mode=mode, stream=stream, env={}, verbose=verbose) as console:
        for event in events:
            console(event)
    return stream.getvalue()


def expected(events: list[Event]) -> dict[str, int]:
    """How many annotations of each kind these events call for."""
    counts = {"error": 0, "notice": 0, "warning": 0}
    failed, warned = False, 0
    for event in events:
        if isinstance(event, Failed):
            counts["error"] += 1
            failed = True
        elif isinstance(event, Concluded):
            counts["notice"] += event.exit_code == 0
            counts["error"] += event.exit_code != 0 and not failed
            failed, warned = False, 0
        elif isinstance(event, Noticed) and event.level == "warning" and warned < 9:
            warned += 1
            counts["warning"] += 1
    return counts


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENT, max_size=8))
def test_the_runner_hears_our_commands_and_no_others(events: list[Event]) -> None:
    taken: list[Event] = []
    for event in events:  # after the last word, progress is not taken
        late = taken and isinstance(taken[-1], Concluded)
        if not (late and isinstance(event, Noticed | Output | Rolling)):
            taken.append(event)
    runner = Runner()
    for line in printed("actions", events).splitlines():
        runner.line(line)
    assert not runner.stopped
    assert set(runner.heard) <= OURS
    assert runner.heard.count("group") == runner.heard.count("endgroup")
    for kind, count in expected(taken).items():
        assert runner.heard.count(kind) == count


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENT, max_size=8), st.sampled_from(("lines", "actions", "json")))
def test_no_control_character_is_ever_printed(events: list[Event], mode: Mode) -> None:
    text = printed(mode, events)
    unshowable = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert {character for character in text if unicodedata.category(character) in unshowable} <= {
        "\n"
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENT, max_size=6))
def test_json_commands_no_runner_and_gives_every_event_back(events: list[Event]) -> None:
    runner = Runner()
    decoded = []
    for line in printed("json", events).splitlines():
        runner.line(line)
        decoded.append(decode(json.loads(line)))
    assert runner.heard == []
    assert not runner.stopped
    late = False
    for event in events:
        if late and isinstance(event, Noticed | Output | Rolling):
            continue
        late = isinstance(event, Concluded)
        assert decoded.pop(0) == event
    assert decoded == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXT)
def test_a_cleaned_line_stays_as_it_is_when_cleaned_again(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]0;never ended", "\\x1b]0;never ended"),
        ("bell\x07", "bell\\x07"),
        ("safe\u202etxt.exe", "safe\\u202etxt.exe"),
        ("a\tb", "a   b"),
        ("[bold]not markup[/]", "[bold]not markup[/]"),
        ("Größe 大きさ ✓", "Größe 大きさ ✓"),
    ],
)
def test_escapes_are_dropped_and_the_rest_is_shown(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_line_without_end_is_cut() -> None:
    assert clean("x" * 1_000_000) == "x" * LIMIT + "… (996000 more characters)"


def test_a_progress_bar_becomes_lines() -> None:
    assert clean_lines("1 %\r50 %\r\n100 %\n") == ("1 %", "50 %", "100 %")


def test_escapes_are_those_of_the_toolkit() -> None:
    assert escape_data("a%\r\n:,") == "a%25%0D%0A:,"
    assert escape_property("a%\r\n:,") == "a%25%0D%0A%3A%2C"


def test_inert_changes_only_what_the_runner_would_hear() -> None:
    assert inert("std::vector is fine") == "std::vector is fine"
    assert inert("  ::error::x") == "  : :error::x"
    assert inert("see ##[error]x") == "see ## [error]x"


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fence(("```", "x")) == ("````text", "```", "x", "````")


def test_a_forged_token_does_not_end_the_silence() -> None:
    line = "::shipway-00000000000000000000000000000000::"
    text = printed("actions", [Output(stage="build", line=line)])
    runner = Runner()
    for part in text.splitlines()[:-2]:
        runner.line(part)
    assert runner.stopped
    for part in text.splitlines()[-2:]:
        runner.line(part)
    assert not runner.stopped


def test_an_error_of_ours_may_name_hostile_things() -> None:
    stream = io.StringIO()
    with open_console(mode="actions", stream=stream, env={}) as console:
        console.error(ShipwayError("::add-mask::x", where="##[error]", details=("\r\n::error::",)))
    runner = Runner()
    for line in stream.getvalue().splitlines():
        runner.line(line)
    assert runner.heard == ["error"]
