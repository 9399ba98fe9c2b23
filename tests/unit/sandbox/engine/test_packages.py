from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from shipway.errors import EngineError
from shipway_sandbox.engine import apt, daemon, packages, rootfs

TRIXIE = apt.Suite("trixie", "http://m/debian", "/k.gpg", ("trixie",))
WANTED = (apt.Wanted(TRIXIE, ("a", "b")), apt.Wanted(replace(TRIXIE, name="noble"), ("c",)))


def test_the_key_depends_on_the_wish_alone() -> None:
    key = packages.key(WANTED, "amd64")
    assert key == packages.key(WANTED[::-1], "amd64")
    assert key != packages.key(WANTED, "arm64")
    assert key != packages.key(WANTED[:1], "amd64")


def test_a_folder_without_its_record_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "engine-1" / "root").mkdir(parents=True)
    assert packages.cached(tmp_path, "engine-1") is None
    (tmp_path / "engine-1" / "packages.json").write_text("{}")
    assert packages.cached(tmp_path, "engine-1") == tmp_path / "engine-1" / "root"


def test_what_is_there_is_given_without_apt(tmp_path: Path) -> None:
    folder = tmp_path / f"engine-{packages.key(WANTED, 'amd64')}"
    (folder / "root").mkdir(parents=True)
    (folder / "packages.json").write_text("{}")
    progress: list[str] = []
    root = packages.unpacked(WANTED, "amd64", tmp_path, progress.append, label="engine")
    assert root == folder / "root"
    assert progress == []


def test_a_cache_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError) as caught:
        packages.unpacked(WANTED, "amd64", tmp_path / "file", print, label="engine")
    assert "room" in caught.value.remedy


def test_the_short_folders_become_links_and_lose_nothing(tmp_path: Path) -> None:
    for name in ("bin/sh", "usr/bin/env", "lib/x/a.so", "usr/lib/x/b.so", "usr/lib64/ld"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    packages.merge_usr(tmp_path)
    assert (tmp_path / "bin").readlink() == Path("usr/bin")
    assert (tmp_path / "usr/bin/sh").read_text() == "bin/sh"
    assert (tmp_path / "lib/x/a.so").read_text() == "lib/x/a.so"
    assert (tmp_path / "lib/x/b.so").read_text() == "usr/lib/x/b.so"
    assert (tmp_path / "lib64").is_symlink()
    assert not (tmp_path / "sbin").exists()


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ("E: Temporary failure resolving 'm'", "connect"),
        ("W: GPG error: NO_PUBKEY 0E98404D386FA1D9", "keys"),
        ("E: Release file for x is not valid yet", "clock"),
        ("E: You don't have enough free space in /c", "room"),
        ("E: Unable to locate package docker.io", "by hand"),
        ("E: something new", "apt-get update"),
    ],
)
def test_apts_complaint_becomes_something_to_do(output: str, part: str) -> None:
    assert part in apt.remedy_for(output)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("mount: operation not permitted", "--privileged"),
        ("write /x: no space left on device", "disk space"),
        ("who knows", "DOCKER_HOST"),
    ],
)
def test_dockerds_last_lines_become_something_to_do(line: str, part: str) -> None:
    assert part in daemon.remedy_for((line,))


def pack(root: Path) -> tuple[bytes, str]:
    return rootfs.layer(
        root,
        keep=lambda path: path != "usr/doc",
        files={"etc/passwd": "root:x:0:0::/:/bin/sh\n"},
        folders={"tmp": 0o1777},
        links={"bin/sh": "dash"},
    )


def test_a_layer_is_the_same_bytes_for_the_same_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "usr").mkdir(parents=True)
        (tmp_path / name / "usr/doc").write_text("left out")
        (tmp_path / name / "usr/tool").write_text("x")
        (tmp_path / name / "usr/tool").chmod(0o755)
    first, second = pack(tmp_path / "one"), pack(tmp_path / "two")
    assert first == second
    raw = first[0]
    assert first[1] == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert {entry.name for entry in tar} == {"tmp", "usr", "usr/tool", "etc/passwd", "bin/sh"}
        assert tar.getmember("tmp").mode == 0o1777
        assert tar.getmember("usr/tool").uid == 0


def test_every_digest_in_an_archive_is_that_of_its_blob(tmp_path: Path) -> None:
    packed, diff_id = pack(tmp_path)
    image = rootfs.RootfsImage(
        name="n/x:1", architecture="amd64", environment={"A": "b"}, command=("c",)
    )
    with tarfile.open(fileobj=io.BytesIO(rootfs.archive(image, packed, diff_id))) as tar:
        blobs: dict[str, bytes] = {}
        for entry in tar:
            file = tar.extractfile(entry)
            assert file is not None
            blobs[entry.name] = file.read()
    for name, content in blobs.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    described = json.loads(blobs["index.json"])["manifests"][0]
    manifest = json.loads(blobs[f"blobs/sha256/{described['digest'][7:]}"])
    assert manifest["layers"][0]["size"] == len(packed)
    assert json.loads(blobs["manifest.json"])[0]["RepoTags"] == ["n/x:1"]
