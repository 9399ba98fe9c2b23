"""What built images have in common lies on the disk once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway.image.layout import BLOBS
from shipway.image.share import share


def image(parent: Path, name: str, **blobs: bytes) -> Path:
    folder = parent / name
    (folder / BLOBS).mkdir(parents=True)
    for digest, content in blobs.items():
        (folder / BLOBS / digest).write_bytes(content)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / BLOBS).iterdir()}


def is_one(name: str, *folders: Path) -> bool:
    return len({(folder / BLOBS / name).stat().st_ino for folder in folders}) == 1


def test_equal_blobs_are_one_file_and_the_others_stay(tmp_path: Path) -> None:
    first = image(tmp_path, "first", base=b"layer", code=b"one")
    second = image(tmp_path, "second", base=b"layer", other=b"two")
    fresh = image(tmp_path, "fresh", base=b"layer", code=b"one")
    before = [files(folder) for folder in (first, second, fresh)]
    written = (fresh / BLOBS / "base").stat().st_ino
    share(fresh)
    assert [files(folder) for folder in (first, second, fresh)] == before
    assert is_one("base", first, second, fresh)
    assert is_one("code", first, fresh)
    assert (first / BLOBS / "base").stat().st_ino == written


def test_again_changes_nothing(tmp_path: Path) -> None:
    first, fresh = (image(tmp_path, name, base=b"layer") for name in ("first", "fresh"))
    share(fresh)
    before = (first / BLOBS).stat().st_mtime_ns
    share(fresh)
    assert (first / BLOBS).stat().st_mtime_ns == before


def test_what_was_cut_off_or_is_still_written_is_left_alone(tmp_path: Path) -> None:
    cut = image(tmp_path, "cut", base=b"lay")
    building = image(tmp_path, ".building-1", base=b"layer")
    fresh = image(tmp_path, "fresh", base=b"layer")
    share(fresh)
    assert files(cut) == {"base": b"lay"}
    assert not is_one("base", building, fresh)


def test_one_can_be_removed_alone(tmp_path: Path) -> None:
    first, fresh = (image(tmp_path, name, base=b"layer") for name in ("first", "fresh"))
    share(fresh)
    (fresh / BLOBS / "base").unlink()
    assert files(first) == {"base": b"layer"}


@pytest.mark.parametrize("name", ["link", "replace"])
def test_a_file_system_that_does_not_do_it_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    first, fresh = (image(tmp_path, label, base=b"layer") for label in ("first", "fresh"))
    monkeypatch.setattr(os if name == "link" else Path, name, refuse)
    share(fresh)
    assert files(first) == files(fresh) == {"base": b"layer"}
    assert not is_one("base", first, fresh)


def test_a_blob_that_others_may_read_stays_theirs(tmp_path: Path) -> None:
    first, fresh = (image(tmp_path, label, base=b"layer") for label in ("first", "fresh"))
    (fresh / BLOBS / "base").chmod(0o400)
    share(fresh)
    assert not is_one("base", first, fresh)


def test_a_link_to_another_folder_is_not_followed(tmp_path: Path) -> None:
    fresh = image(tmp_path / "images", "fresh", base=b"layer")
    elsewhere = image(tmp_path, "elsewhere", base=b"layer")
    (tmp_path / "images/linked").symlink_to(elsewhere)
    share(fresh)
    assert not is_one("base", elsewhere, fresh)
