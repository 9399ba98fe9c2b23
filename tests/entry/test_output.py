"""What is printed, for each kind of reader: a pipe, a machine, a terminal, one without colour."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.entry.conftest import Here

REFUSED = ("deploy", "--env", "nowhere")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|38;[0-9;]+)m")


def in_a_terminal(here: Here, *words: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Type ``inv …`` in a terminal; its code and all that was shown."""
    ours, theirs = pty.openpty()
    text = b""
    with subprocess.Popen(
        [sys.executable, "-m", "invoke", *words],
        cwd=here.folder,
        env={**here.env, "TERM": "xterm-256color", "COLUMNS": "100", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        end = time.monotonic() + 60
        try:
            while time.monotonic() < end:
                if select.select([ours], [], [], 0.2)[0]:
                    try:
                        text += os.read(ours, 65536)
                    except OSError:  # Linux: EIO once the other side is closed
                        break
            code = process.wait(10)
        finally:
            process.kill()
            os.close(ours)
    return code, text.decode()


def test_in_a_pipe_each_line_is_plain_and_has_the_time_in_front(clone: Here) -> None:
    ended = clone.types("inv", *REFUSED)
    assert ended.code == 20
    for line in ended.out.splitlines():
        assert re.match(r"\d\d:\d\d:\d\d  ", line)
        assert line.isprintable()


def test_a_terminal_has_colours_and_the_cursor_is_given_back(clone: Here) -> None:
    code, text = in_a_terminal(clone, *REFUSED, env={})
    assert code == 20
    assert COLOUR.search(text)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")


def test_no_color_is_honoured_in_a_terminal(clone: Here) -> None:
    code, text = in_a_terminal(clone, *REFUSED, env={"NO_COLOR": "1"})
    assert code == 20
    assert "by hand may not release to nowhere" in text
    assert not COLOUR.search(text)


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (REFUSED, 20, "refused"),
        (("deploy", "--env", "local", "--image", "x"), 2, "usage"),
        (("verify", "--env", "staging"), 14, "credentials"),
    ],
)
def test_json_is_one_object_a_line_and_ends_with_the_verdict(
    clone: Here, words: tuple[str, ...], code: int, kind: str
) -> None:
    ended = clone.types("inv", *words, "--json")
    assert ended.code == code
    assert ended.err == ""
    for event in ended.events:
        assert list(event)[:2] == ["type", "time"]
    last = ended.events[-1]
    assert (last["type"], last["exit_code"], last["kind"]) == ("concluded", code, kind)
    assert [event["type"] for event in ended.events].count("concluded") == 1
