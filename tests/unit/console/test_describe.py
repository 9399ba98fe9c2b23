"""Formatting: durations, bars, columns, wrapping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.console import theme
from shipway.console.describe import (
    clock,
    duration,
    put_back,
    rolling_block,
    rolling_key,
    rolling_line,
)
from shipway.console.layout import Line, cells, cut, fit
from shipway.console.lines import Changes
from shipway.console.tables import table
from shipway.console.view import View
from shipway.observer import (
    Failed,
    Finished,
    Holding,
    Output,
    Planned,
    PutBack,
    Rolling,
    Skipped,
    Started,
    TaskCounts,
)


def rolling(**changes: object) -> Rolling:
    values: dict[str, object] = {
        "subject": "web",
        "old": "shop:41",
        "new": "shop:42",
        "stage": "SCALE_UP",
        "new_tasks": TaskCounts(desired=4, running=1, pending=3),
        "old_tasks": TaskCounts(desired=2, running=2, pending=0),
    }
    return Rolling(**{**values, **changes})  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "0.0 s"), (11.24, "11.2 s"), (59.97, "0:59"), (60, "1:00"), (3723, "1:02:03")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0:00"), (24.9, "0:24"), (723, "12:03"), (3600, "1:00:00")]
)
def test_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def block(event: Rolling) -> list[str]:
    return [line.text for line in rolling_block(event, spin="⠹", elapsed=24)]


def test_the_old_bar_is_measured_against_the_service_while_it_drains() -> None:
    assert block(rolling())[1].endswith("old ████░░░░ 2/4")


def test_a_single_task_of_many_shows_in_the_bar() -> None:
    tasks = TaskCounts(desired=100, running=1, pending=99)
    assert "new █░░░░░░░ 1/100" in block(rolling(new_tasks=tasks))[1]


def test_a_service_without_tasks_has_an_empty_bar() -> None:
    none = TaskCounts(desired=0, running=0, pending=0)
    assert "new ░░░░░░░░ 0/0 running" in block(rolling(new_tasks=none, old_tasks=none))[1]


def test_a_first_deployment_has_no_old_tasks() -> None:
    text = "\n".join(block(rolling(old="")))
    assert "old" not in text
    assert "→" not in text


def test_traffic_and_breaker_are_told_where_they_are() -> None:
    event = rolling(traffic=12.5, breaker=(1, 3), health=(("healthy", 1), ("draining", 0)))
    text = block(event)
    assert text[2].split() == ["health", "1", "healthy", "breaker", "1", "of", "3"]
    assert text[3].endswith("12.5 % on the new revision")
    assert "1 healthy · breaker 1 of 3 · traffic 12.5 %" in rolling_line(event).text


def test_what_was_not_seen_for_long_is_no_progress() -> None:
    silent = rolling(unseen=2.0, trouble="AWS cannot be reached:\nno route", elapsed=40.0)
    text = "nothing seen since 0:02: AWS cannot be reached: no route"
    assert rolling_line(silent).text.endswith(f"shop:41 → shop:42   {text}  0:40")
    first, *_, last = block(silent)
    assert "SCALE_UP" not in first
    assert last.strip() == f"unseen  {text}"
    assert rolling_key(silent) != rolling_key(rolling())
    assert "nothing seen since 0:00  " in rolling_line(rolling(unseen=0.0)).text


def test_a_roll_back_goes_the_other_way() -> None:
    assert (
        "↩ deploy     web   rolling back: shop:42 → shop:41" in block(rolling(rolling_back=True))[0]
    )


WORDS = st.text("ab大é  ", max_size=90)


@given(
    st.lists(st.tuples(WORDS, st.sampled_from(("", "bad"))), max_size=4).map(tuple),
    st.sampled_from(("", "11.2 s", "by hand: somebody@somewhere")),
    st.integers(20, 120),
    st.sampled_from((1, 5, 14, 22)),
)
def test_rows_never_exceed_the_width_and_lose_no_word(
    row: tuple[tuple[str, str], ...], right: str, width: int, hang: int
) -> None:
    line = Line(row=row, right=(right, ""), hang=hang)
    rows = fit(line, width)
    texts = ["".join(text for text, _ in segments) for segments in rows]
    assert all(cells(text.rstrip()) <= max(width, hang + 8 + cells(right) + 2) for text in texts)
    characters = "".join("".join(text for text, _ in row).split()) + "".join(right.split())
    assert sorted("".join("".join(texts).split())) == sorted(characters)
    assert cells("".join(text for text, _ in cut(line, width))) <= width


def test_every_state_has_a_mark_of_its_own_also_in_ascii() -> None:
    marks = [theme.GOOD, theme.BAD, theme.CALM, theme.BEGIN, theme.SKIP, theme.WARN, theme.BACK]
    assert len(set(marks)) == len(marks)
    in_ascii = [mark.translate(theme.ASCII) for mark in marks]
    assert len(set(in_ascii)) == len(in_ascii)
    assert all(mark.isascii() for mark in in_ascii)


def test_every_style_can_be_painted() -> None:
    for style in theme.STYLES:
        assert "text" in theme.paint("text", style)


def test_a_table_without_room_becomes_blocks() -> None:
    lines = table("Contract", ["trigger", "tasks"], [["push refs/heads/main", "build"]], 20)
    assert [line.text for line in lines] == [
        " Contract",
        " · trigger  push refs/heads/main",
        "   tasks    build",
    ]


def screen(view: View, *, now: float, height: int = 20) -> list[str]:
    rows = view.rows(now, width=60, height=height)
    return ["".join(text for text, _ in row) for row in rows]


def test_the_view_shows_three_lines_of_a_tool_and_what_is_to_come() -> None:
    view = View()
    view.take(Planned(stages=(("build", "BuildKit"), ("verify", "GET " + "x" * 90))), 0)
    view.take(Started(stage="build", subject="shop"), 0)
    for number in range(5):
        view.take(Output(stage="build", line=f"step {number} " + "y" * 90), 1)
    rows = screen(view, now=61)
    assert rows[0].split() == ["⠼", "build", "shop", "BuildKit", "1:01"]
    assert [row.split()[2] for row in rows[1:4]] == ["2", "3", "4"]
    assert rows[4].startswith(" · verify     GET")
    assert len(rows) == 5
    assert max(map(len, rows)) <= 60


def test_the_view_keeps_a_service_that_still_rolls_and_counts_on() -> None:
    view = View()
    view.take(Started(stage="deploy"), 0)
    view.take(rolling(elapsed=10.0), 10)
    view.take(rolling(subject="worker", elapsed=10.0), 10)
    view.take(Finished(stage="deploy", subject="web", text="done"), 12)
    assert screen(view, now=15)[0].split()[2:3] == ["worker"]
    assert screen(view, now=15)[0].endswith("0:15")
    view.take(Failed(stage="deploy", subject="worker", text="no"), 16)
    assert view.empty


def test_a_low_terminal_shows_what_runs_first() -> None:
    view = View()
    view.take(Planned(stages=(("build", ""), ("verify", ""))), 0)
    view.take(Started(stage="build"), 0)
    assert [row.split()[1] for row in screen(view, now=0, height=2)] == ["build"]


def test_a_stage_that_is_skipped_is_no_longer_to_come() -> None:
    view = View()
    view.take(Planned(stages=(("publish", ""), ("verify", ""))), 0)
    view.take(Skipped(stage="publish", text="the digest is there"), 0)
    assert [row.split()[1] for row in screen(view, now=0)] == ["verify"]


def test_a_hold_counts_on_between_two_looks_and_no_further_than_its_end() -> None:
    view = View()
    view.take(Planned(stages=(("hold", "whether it stays good"),)), 0)
    view.take(Started(stage="hold", subject="web"), 0)
    view.take(Holding(subject="web", held=16, seconds=60, running=4, desired=4), 16)
    (row,) = screen(view, now=22)
    assert row.endswith("hold       web   held 22 s of 60   4/4 running")
    assert screen(view, now=90)[0].endswith("held 60 s of 60   4/4 running")
    view.take(Finished(stage="hold", subject="web", text="held 60 s"), 60)
    assert view.empty


def test_a_hold_is_told_again_when_its_tasks_change_and_each_half_minute() -> None:
    changes = Changes()

    def is_new(held: float, running: int | None = 4) -> bool:
        return changes.is_new_hold(
            Holding(subject="web", held=held, seconds=60, running=running, desired=4)
        )

    assert [is_new(0), is_new(8), is_new(16, 3), is_new(24, 3), is_new(48, 3)] == [
        True, False, True, False, True,
    ]  # fmt: skip


def test_what_was_put_back_ends_its_rollout_in_the_view() -> None:
    view = View()
    view.take(rolling(old="shop:42", new="shop:41"), 3)
    event = PutBack(subject="web", text="put back to shop:41 (77d0…), 4 of 4 running", seconds=31)
    view.take(event, 31)
    assert view.empty
    text = put_back(event).text
    assert text == " ↩ deploy     web   put back to shop:41 (77d0…), 4 of 4 running  0:31"
