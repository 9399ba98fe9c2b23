"""Files are shown, then written all or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.adoption.change import FileChange, changed, write
from shipway.errors import ConfigurationError


def test_a_change_is_shown_as_a_diff() -> None:
    lines = list(FileChange(path=".gitignore", before="a\n", after="a\nb\n").diff())
    assert lines == ["--- .gitignore", "+++ .gitignore", "@@ -1 +1,2 @@", " a", "+b"]
    long = FileChange(path="x", before=None, after="line\n" * 100)
    assert list(long.diff())[-1] == "… and 43 lines more"


def test_what_is_so_already_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("same\n", encoding="utf-8")
    assert changed(tmp_path, "x", "same\n") == ()
    assert changed(tmp_path, "x/y", "new\n") == (
        FileChange(path="x/y", before=None, after="new\n"),
    )


def test_if_one_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before\n", encoding="utf-8")
    (tmp_path / "file").touch()
    changes = [
        FileChange(path="old", before="before\n", after="after\n"),
        FileChange(path="new/deep/er", before=None, after="x\n"),
        FileChange(path="file/below", before=None, after="x\n"),
    ]
    with pytest.raises(ConfigurationError, match="nothing was changed") as refused:
        write(tmp_path, changes)
    assert refused.value.where.endswith("below")
    assert (tmp_path / "old").read_text(encoding="utf-8") == "before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "old"]


@pytest.mark.parametrize("link", ["workflow.yml", "folder"])
def test_nothing_is_written_through_a_link_out_of_the_repository(tmp_path: Path, link: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "workflow.yml").write_text("theirs\n", encoding="utf-8")
    target = outside if link == "folder" else outside / "workflow.yml"
    (root / link).symlink_to(target)
    path = "folder/workflow.yml" if link == "folder" else link
    changes = [
        FileChange(path="new", before=None, after="x\n"),
        FileChange(path=path, before="theirs\n", after="ours\n"),
    ]
    with pytest.raises(ConfigurationError, match="leads out of the repository") as refused:
        write(root, changes)
    assert refused.value.where == path
    assert (outside / "workflow.yml").read_text(encoding="utf-8") == "theirs\n"
    assert not (root / "new").exists()
