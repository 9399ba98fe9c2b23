"""What stands in a file's place is no reason to wait for ever, or to take all memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway.util import regular


def test_a_file_is_read_whole_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert regular.content(tmp_path / "link", 5) == b"12345"
    (tmp_path / "file").write_bytes(b"\xff!")
    assert regular.text(tmp_path / "file") == "\N{REPLACEMENT CHARACTER}!"


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456")
    with pytest.raises(OSError, match="more than 5 bytes"):
        regular.content(tmp_path / "file", 5)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(OSError, match="no regular file"):
            regular.content(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        regular.content(tmp_path)


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    regular.append(tmp_path / "new", b"a")
    regular.append(tmp_path / "new", b"b")
    assert (tmp_path / "new").read_bytes() == b"ab"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        regular.append(tmp_path / "pipe", b"x")


def test_a_link_leads_out_wherever_it_stands_on_the_way(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "inside").symlink_to("there")
    (top / "outside").symlink_to("../elsewhere")
    (top / "absolute").symlink_to("/etc")
    assert not regular.leads_out(top / "inside" / "file", top)
    assert regular.leads_out(top / "outside", top)
    assert regular.leads_out(top / "absolute" / "passwd", top)
    assert regular.leads_out(top / ".." / "elsewhere", top)
    (top / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        regular.content(top / "circle")
