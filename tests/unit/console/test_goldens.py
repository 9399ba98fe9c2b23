"""What a person reads, whole, in every mode: compared with texts that can be read and reviewed.

``python tests/unit/test_console_goldens.py`` writes them anew; read the difference before it is
committed.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from picture import Recorded, read

from shipway.console import Acceptance, Mode, open_console
from shipway.console.base import ConsoleClock
from shipway.errors import ConfigurationError

HERE = Path(__file__).parent
START = datetime(2026, 11, 22, 23, 40, 58, tzinfo=UTC)
MODES: tuple[Mode, ...] = ("lines", "actions", "json", "live")
RUNS = ("good", "failing", "refusal", "configuration", "acceptance")

CONFIGURATION = ConfigurationError(
    "2 problems in ci/delivery.toml",
    details=(
        (
            "ci/delivery.toml:31  environments.staging.services.web.containr: unknown key; "
            'did you mean "container"?'
        ),
        (
            "ci/delivery.toml:27  environments.staging.cluster: ssm:/shop/staging/cluster does "
            "not exist in 111122223333 eu-west-1"
        ),
        (
            "                     Published there: /shop/staging/cluster-name, "
            "/shop/staging/repository"
        ),
    ),
    remedy="Correct these lines; nothing was built or changed.",
)


class Tty(io.StringIO):
    """A terminal as far as a program can tell."""

    def isatty(self) -> bool:
        return True


class Screen:
    """The few things a terminal does that the live view asks for (ECMA-48)."""

    def __init__(self) -> None:
        self.rows = [""]
        self.row = self.column = 0
        self.cursor = True

    def feed(self, text: str) -> None:
        for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]", text):
            self._one(piece)

    def _one(self, piece: str) -> None:
        if piece == "\n":
            self.row, self.column = self.row + 1, 0
            self.rows += [""] * (self.row + 1 - len(self.rows))
        elif piece == "\r":
            self.column = 0
        elif piece in {"\x1b[?25l", "\x1b[?25h"}:
            self.cursor = piece.endswith("h")
        elif piece.endswith("A") and piece.startswith("\x1b"):
            self.row -= int(piece[2:-1] or 1)
        elif piece == "\x1b[2K":
            self.rows[self.row] = ""
        elif piece.startswith("\x1b"):
            assert piece.endswith("m"), f"the screen does not know {piece!r}"
        else:
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + piece + row[self.column + 1 :]
            self.column += 1

    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).rstrip() + "\n"


def recorded(run: str) -> list[Recorded]:
    with (HERE / f"{run}.jsonl").open(encoding="utf-8") as lines:
        return list(read(lines))


def shown(run: str, mode: Mode, *, columns: int = 100) -> str:
    """What was printed; of the live view, what the screen shows when it is over."""
    second = 0.0
    clock = ConsoleClock(now=lambda: START + timedelta(seconds=second), tick=lambda: second)
    stream = Tty() if mode == "live" else io.StringIO()
    env = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    with open_console(mode=mode, stream=stream, env=env, clock=clock) as console:
        if run == "configuration":
            console.error(CONFIGURATION)
        elif run == "acceptance":
            console.acceptance(
                [
                    Acceptance(
                        name="OIDC authentication works, no long-lived keys",
                        met=True,
                        proof="evidence/…/01-main/identity.json",
                    ),
                    Acceptance(
                        name="*-stable tags deploy to production",
                        met=False,
                        proof="evidence/…/02-stable/record.json",
                    ),
                ],
                seconds=41.2,
                report="evidence/rehearsal-2026-11-22T23-40-12Z/report.html",
            )
        else:
            for item in recorded(run):
                second = item.second
                console(item.event)
    text = stream.getvalue()
    if mode == "live":
        screen = Screen()
        screen.feed(text)
        assert screen.cursor
        return screen.text()
    return re.sub(r"shipway-[0-9a-f]{32}", "TOKEN", text)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("run", RUNS)
def test_each_mode_shows_each_run_as_reviewed(run: str, mode: Mode) -> None:
    assert shown(run, mode) == (HERE / f"{run}.{mode}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("run", RUNS)
def test_forty_columns_are_enough(run: str) -> None:
    text = shown(run, "live", columns=40)
    assert text == (HERE / f"{run}.narrow.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 40


def test_what_runs_is_shown_below_and_vanishes_when_it_has_ended() -> None:
    second = 0.0
    clock = ConsoleClock(now=lambda: START + timedelta(seconds=second), tick=lambda: second)
    stream = Tty()
    env = {"COLUMNS": "100", "NO_COLOR": "1"}
    with open_console(mode="live", stream=stream, env=env, clock=clock) as console:
        for item in recorded("good")[:18]:
            second = item.second
            console(item.event)
        console.say("now:")  # whatever is printed is drawn with the moving part as it stands
        screen = Screen()
        screen.feed(stream.getvalue())
    assert screen.text() == (HERE / "good.moving.txt").read_text(encoding="utf-8")
    assert not screen.cursor
    after = Screen()
    after.feed(stream.getvalue())
    assert after.cursor
    assert "SCALE_UP" not in after.text()


def _write() -> None:
    """Write the goldens of the runs anew."""
    for run in RUNS:
        for mode in MODES:
            (HERE / f"{run}.{mode}.txt").write_text(shown(run, mode), encoding="utf-8")
        narrow = shown(run, "live", columns=40)
        (HERE / f"{run}.narrow.txt").write_text(narrow, encoding="utf-8")


if __name__ == "__main__":
    _write()
