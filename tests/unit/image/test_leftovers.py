"""Images that were built here: the newest stay."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shipway.image.leftovers import old_images, remove

if TYPE_CHECKING:
    from pathlib import Path


def built(cache: Path, name: str, number: int) -> Path:
    folder = cache / "tally" / name
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / name).write_bytes(b"x" * number)
    os.utime(folder, (number, number))
    return folder


def test_the_oldest_go_first_and_what_others_hold_too_is_not_counted(tmp_path: Path) -> None:
    folders = [built(tmp_path, f"{number}" * 4, number) for number in range(1, 6)]
    (folders[0] / "blobs" / "sha256" / "shared").hardlink_to(
        folders[4] / "blobs" / "sha256" / "5555"
    )
    built(tmp_path, ".building", 1)
    (tmp_path / "tally" / "link").symlink_to(folders[0])
    os.utime(folders[0], (1, 1))
    old = old_images(tmp_path, "tally", 3)
    assert [(image.folder, image.size) for image in old] == [(folders[0], 1), (folders[1], 2)]
    assert old_images(tmp_path, "tally", 9) == ()
    assert old_images(tmp_path, "another", 1) == ()


def test_what_goes_goes_whole(tmp_path: Path) -> None:
    first, second = built(tmp_path, "1111", 1), built(tmp_path, "2222", 2)
    remove(first)
    assert sorted(entry.name for entry in (tmp_path / "tally").iterdir()) == [second.name]
