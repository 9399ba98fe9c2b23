"""The printer in a process of its own: what it imports, and what its exit looks like."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time

RUN = """
import os, sys, time
from shipway.console import open_console
from shipway.observer import Output, Planned, Started
with open_console(env=os.environ, mode={mode!r}, verbose=True) as console:
    console(Planned(stages=(("build", "BuildKit"), ("deploy", "web"))))
    console(Started(stage="build"))
    for number in range({count}):
        console(Output(stage="build", line=f"step {{number}}"))
    time.sleep({rest})
"""


def test_rich_is_not_imported_where_nothing_is_live() -> None:
    code = "import sys, shipway.console; print([name for name in sys.modules if 'rich' in name])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    code = RUN.format(mode="lines", count=20000, rest=0)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        complaints = process.stderr.read()
        assert process.wait(60) == 0
    assert complaints == b""


def _read_until(terminal: int, wanted: bytes, seconds: float) -> bytes:
    """Read what a terminal shows until ``wanted`` is in it, or it is closed, or time is up."""
    text, end = b"", time.monotonic() + seconds
    while wanted not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                text += os.read(terminal, 65536)
            except OSError:  # Linux: EIO once the other side is closed
                break
    return text


def test_ctrl_c_shows_the_cursor_again() -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "60"}
    env.pop("GITHUB_ACTIONS", None)
    code = RUN.format(mode="auto", count=3, rest=60)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, stdin=theirs, env=env
    ) as process:
        os.close(theirs)
        try:
            before = _read_until(ours, b"step 2", 30)
            process.send_signal(signal.SIGINT)
            after = _read_until(ours, b"KeyboardInterrupt\r\n", 30)
            left = process.wait(30)
        finally:
            process.kill()
            os.close(ours)
    assert b"\x1b[?25l" in before
    text = before + after
    assert text.rindex(b"\x1b[?25h") > text.rindex(b"\x1b[?25l")
    assert left == -signal.SIGINT
