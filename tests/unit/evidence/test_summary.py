"""What a job summary shows of a record."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

from shipway.console import open_console
from shipway.console.gantt import gantt
from shipway.evidence import codec
from shipway.evidence.predicate import Statement
from shipway.evidence.summary import evidenced
from shipway.observer import Concluded, Heading

RECORD = codec.read(Statement, json.loads((Path(__file__).parent / "failed.json").read_bytes()))
TOLD = evidenced(
    RECORD, path="evidence/x/record.json", sha256="ab" * 32, report="evidence/x/r.html"
)
TASK = re.compile(r"    [\w .,/()-]+ :(?:(?:done|crit|active), )?s[0-9]+, [0-9]+, [0-9]+")


def summary(tmp_path: Path, *events: Any) -> str:
    path = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)}
    with open_console(mode="json", stream=io.StringIO(), env=env) as console:
        for event in events:
            console(event)
    return path.read_text(encoding="utf-8")


HEADING = Heading(
    environment="production", account="4", region="eu-west-1", trigger="push", commit="3f9c2ab"
)
END = Concluded(text="Release failed: rolled back.", kind="rolled-back", exit_code=31)


def test_decision_image_scan_and_time_line_are_in_the_summary(tmp_path: Path) -> None:
    text = summary(tmp_path, HEADING, TOLD, END)
    digest = RECORD.subject[0].digest["sha256"]
    order = [
        text.index(part)
        for part in (
            "Release failed: rolled back",
            "**decision:** <code>allowed by stable: build, publish, deploy, verify</code>",
            f"sha256:{digest}",
            "**was in web:**",
            "| Platform | Scan | Critical | High |",
            "| linux/amd64 | COMPLETE | 1 | 2 |",
            "```mermaid\ngantt\n",
            f"<code>sha256:{'ab' * 32}</code>",
            "Report:",
            "Exit code 31",
        )
    ]
    assert order == sorted(order)


def test_a_record_is_shown_with_its_own_run_alone(tmp_path: Path) -> None:
    text = summary(tmp_path, HEADING, TOLD, END, HEADING, END)
    assert text.count("```mermaid") == 1
    assert text.count("Release failed: rolled back") == 2


def test_the_time_line_is_a_gantt_of_stages_and_of_the_rollout() -> None:
    lines = list(gantt(TOLD.spans))
    assert lines[:4] == ["```mermaid", "gantt", "    dateFormat x", "    axisFormat %M:%S"]
    assert lines[-1] == "```"
    sections = [line for line in lines if line.startswith("    section ")]
    assert sections == ["    section delivery", "    section rollout of web"]
    tasks = [line for line in lines[4:-1] if line not in sections]
    assert all(TASK.fullmatch(line) for line in tasks), tasks
    assert any(line.startswith("    deploy web :crit, ") for line in tasks)
    assert any("SCALE_UP" in line for line in tasks)


def test_names_cannot_leave_their_line() -> None:
    (line,) = [
        line for line in gantt((("a\n```\nb", "x:y;z#\n%%", 0.0, 0.0, "good"),)) if ":done" in line
    ]
    assert TASK.fullmatch(line)
    assert "```" not in "\n".join(list(gantt((("a\n```\nb", "x", 0.0, 1.0, "good"),)))[1:-1])


def test_nothing_to_draw_draws_nothing() -> None:
    assert list(gantt(())) == []
