"""The job summary and the step's outputs, as files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture import read

from shipway.console import Acceptance, Mode, open_console, write_outputs
from shipway.console.safe import escape_markdown
from shipway.console.summary import LIMIT, shorten
from shipway.errors import ConfigurationError, UsageError
from shipway.observer import Concluded, Detail, Event, Failed, Heading

HERE = Path(__file__).parent


def parsed(path: Path) -> dict[str, str]:
    """Read outputs as GitHub's runner does: name, delimiter, lines up to the delimiter."""
    lines = iter(path.read_text(encoding="utf-8").split("\n")[:-1])
    values = {}
    for line in lines:
        name, _, end = line.partition("<<")
        body = []
        for part in lines:
            if part == end:
                break
            body.append(part)
        values[name] = "\n".join(body)
    return values


def written(
    folder: Path, events: list[Event], *, mode: str = "actions"
) -> tuple[str, dict[str, str]]:
    summary, outputs = folder / "summary.md", folder / "outputs"
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
    }
    chosen: Mode = "json" if mode == "json" else "actions"
    with open_console(mode=chosen, stream=io.StringIO(), env=env) as console:
        console.output("image", "shop@sha256:9c41")
        for event in events:
            console(event)
    return summary.read_text(encoding="utf-8"), parsed(outputs)


def run(name: str) -> list[Event]:
    with (HERE / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [item.event for item in read(lines)]


@pytest.mark.parametrize("name", ["good", "failing", "refusal"])
def test_the_summary_is_as_reviewed(name: str, tmp_path: Path) -> None:
    text, _ = written(tmp_path, run(name))
    assert text == (HERE / f"{name}.summary.md").read_text(encoding="utf-8")


def test_verdict_then_cause_then_table() -> None:
    text = (HERE / "failing.summary.md").read_text(encoding="utf-8")
    places = [text.index(part) for part in ("## ✗ Release failed", "**cause:**", "| | Stage |")]
    assert places == sorted(places)
    assert places[0] == 0


@pytest.mark.parametrize("mode", ["actions", "json"])
def test_the_outputs_hold_the_verdict_in_every_mode(mode: str, tmp_path: Path) -> None:
    _, values = written(tmp_path, run("failing"), mode=mode)
    assert values == {
        "image": "shop@sha256:9c41",
        "verdict": "rolled-back",
        "exit-code": "31",
        "evidence": "evidence/staging/2026-11-22T23-40-58Z-3f9c2ab/",
    }


def test_an_error_that_ended_the_command_is_a_verdict_too(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    with open_console(stream=io.StringIO(), env=env) as console:
        console.error(ConfigurationError("unknown key", where="ci/delivery.toml:31"))
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("## ✗ ci/delivery.toml:31: unknown key\n")
    assert "Exit code 10 (configuration)" in text


def test_a_second_run_is_appended(tmp_path: Path) -> None:
    text, values = written(tmp_path, [*run("refusal"), *run("good")])
    assert text.index("Nothing was built") < text.index("Released to staging")
    assert values["verdict"] == "succeeded"


def test_the_acceptance_table_is_in_the_summary(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    with open_console(stream=io.StringIO(), env=env) as console:
        rows = [Acceptance(name="a|b", met=False, proof="evidence/x.json")]
        console.acceptance(rows, seconds=3, report="r.html")
    text = summary.read_text(encoding="utf-8")
    assert "| ✗ Unmet | a\\|b | <code>evidence/x.json</code> |" in text


def test_a_summary_never_grows_past_what_the_runner_takes(tmp_path: Path) -> None:
    log = Detail(label="log", lines=tuple("x" * 3000 for _ in range(1000)))
    end = Concluded(text="Release failed.", kind="failing", exit_code=30)
    text, _ = written(tmp_path, [Failed(stage="deploy", text="no", details=(log,)), end])
    assert len(text.encode()) <= LIMIT
    assert text.startswith("## ✗ Release failed.")
    assert "cut here" in text
    assert text.count("```") == 2


def test_a_file_that_cannot_be_written_fails_no_release(tmp_path: Path) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "missing" / "file"),
    }
    stream = io.StringIO()
    with open_console(stream=stream, env=env) as console:
        console(Concluded(text="Released.", kind="succeeded", exit_code=0))
    assert "Released." in stream.getvalue()


def test_hostile_names_stay_text_in_markdown(tmp_path: Path) -> None:
    hostile = "<img src=x> [a](b) | **c** `d`"
    heading = Heading(environment=hostile, account="", region="", trigger="t", commit="c")
    text, _ = written(tmp_path, [heading, Concluded(text=hostile, kind=hostile, exit_code=1)])
    assert "<img" not in text
    assert "&lt;img src=x&gt; \\[a\\]\\(b\\) \\| \\*\\*c\\*\\* \\`d\\`" in text


@given(st.text())
def test_escaped_markdown_opens_nothing(text: str) -> None:
    escaped = escape_markdown(text)
    assert "<" not in escaped
    bare = escaped.replace("\\\\", "")
    for mark in "`*_[]|":
        assert bare.count(mark) == bare.count(f"\\{mark}")


def test_a_value_cannot_define_another_output(tmp_path: Path) -> None:
    path = tmp_path / "outputs"
    value = "a\nevil<<EOF\nb\nEOF\n"
    write_outputs(path, {"image": value, "verdict": "ok"})
    assert parsed(path) == {"image": value, "verdict": "ok"}


def test_a_name_that_no_workflow_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the name of an output"):
        write_outputs(tmp_path / "outputs", {"a\nb": "c"})
    assert not (tmp_path / "outputs").exists()


@given(st.text(alphabet="`ab\n✓", max_size=400), st.integers(0, 400))
def test_what_is_cut_fits_and_leaves_no_block_open(text: str, room: int) -> None:
    data = shorten(text, room)
    assert len(data) <= room
    data.decode("utf-8")


@pytest.mark.parametrize("mode", ["actions", "json"])
def test_a_plan_stands_in_the_summary_as_it_was_shown(tmp_path: Path, mode: Mode) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    text = "   web   shop:41 → new revision\n         web.image  ``` → <b>x</b>"
    with open_console(mode=mode, stream=io.StringIO(), env=env) as console:
        console.answer("plan", {"changes": 1}, text.split("\n"))
        console(Concluded(text="1 change. Nothing was changed.", kind="changes", exit_code=3))
    page = summary.read_text(encoding="utf-8")
    assert page.index("1 change") < page.index("new revision")
    assert f"````text\n{text}\n````" in page


@pytest.mark.parametrize("mode", ["actions", "lines"])
def test_no_value_goes_on_as_a_line_of_its_own(tmp_path: Path, mode: Mode) -> None:
    """A variable of a task definition may hold what looks like a line of the plan."""
    summary, stream = tmp_path / "summary.md", io.StringIO()
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    breaks = "a\n```\r\n   worker     no change\v\f\x1c\x85\u2028::error::x\u2029@octo/all"
    with open_console(mode=mode, stream=stream, env=env) as console:
        console.answer("plan", {"changes": 1}, [f"   web.X  {breaks}", "   worker  → shop:42"])
        console(Concluded(text="1 change.", kind="changes", exit_code=3))
    shown = stream.getvalue() + (summary.read_text(encoding="utf-8") if mode == "actions" else "")
    for forged in ("```", "   worker     no change", "::error::x", "@octo/all"):
        assert not [line for line in shown.splitlines() if line.strip() == forged.strip()]
    [line] = [line for line in stream.getvalue().splitlines() if "web.X" in line]
    assert "@octo/all" in line


def test_a_pipe_that_nobody_reads_holds_nothing_up(tmp_path: Path) -> None:
    for name in ("summary.md", "outputs"):
        os.mkfifo(tmp_path / name)
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
    }
    stream = io.StringIO()
    with open_console(mode="actions", stream=stream, env=env) as console:
        for event in run("good"):
            console(event)
    assert "Released to staging." in stream.getvalue()
