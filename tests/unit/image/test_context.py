"""What BuildKit sees of a context, and the modes it sees it with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shipway.errors import BuildError
from shipway.image import context as build_context
from shipway.image.build import BuildRequest


def written(folder: Path) -> None:
    (folder / "app" / "empty").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("print()\n")
    (folder / "run.sh").touch(mode=0o777)  # less the umask, as git makes one
    (folder / "link").symlink_to("app/main.py")
    (folder / "broken").symlink_to("nowhere")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "secret").write_text("no")
    (folder / ".dockerignore").write_text("secret\n.dockerignore\n")


def cloned(folder: Path, umask: int) -> BuildRequest:
    before = os.umask(umask)
    try:
        written(folder)
    finally:
        os.umask(before)
    return BuildRequest(
        context=folder,
        dockerfile=folder / "Dockerfile",
        platforms=("linux/amd64",),
        destination=folder.parent / "out",
        epoch=1,
    )


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mode & 0o7777
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


@pytest.mark.parametrize("umask", [0o002, 0o027, 0o077, 0o000])
def test_another_umask_is_taken_out_of_a_copy(tmp_path: Path, umask: int) -> None:
    request = cloned(tmp_path / "clone", umask)
    before = modes(request.context)
    copy = build_context.with_kept_modes(request, tmp_path / "copy")
    assert copy == tmp_path / "copy"
    assert modes(copy) == {
        "app": 0o755,
        "app/empty": 0o755,
        "app/main.py": 0o644,
        "run.sh": 0o755,
        "Dockerfile": 0o644,
        ".dockerignore": (copy / ".dockerignore").stat().st_mode & 0o7777,
    }
    assert (copy / "link").readlink() == Path("app/main.py")
    assert (copy / "broken").readlink() == Path("nowhere")
    assert (copy / "app" / "main.py").read_text() == "print()\n"
    for path in ("app", "app/main.py", "run.sh", "link"):
        assert (copy / path).lstat().st_mtime_ns == (request.context / path).lstat().st_mtime_ns
    assert modes(request.context) == before, "the work tree is nobody's to change"


def test_nothing_is_copied_where_the_modes_are_right(tmp_path: Path) -> None:
    request = cloned(tmp_path / "clone", 0o022)
    (request.context / "secret").chmod(0o600)  # BuildKit never sees it
    assert build_context.with_kept_modes(request, tmp_path / "copy") == request.context
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app" / "main.py").chmod(0o4755),
        lambda folder: (folder / "app").chmod(0o2755),
        lambda folder: (folder / "app" / "empty").chmod(0o1777),
    ],
)
def test_bits_that_git_never_keeps_are_taken_out(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    request = cloned(tmp_path / "clone", 0o022)
    change(request.context)
    copy = build_context.with_kept_modes(request, tmp_path / "copy")
    assert set(modes(copy).values()) == {0o644, 0o755}


def test_a_socket_is_nothing_to_copy(tmp_path: Path) -> None:
    request = cloned(tmp_path / "clone", 0o002)
    os.mkfifo(request.context / "pipe")
    copy = build_context.with_kept_modes(request, tmp_path / "copy")
    assert not (copy / "pipe").exists()


def test_two_clones_read_alike(tmp_path: Path) -> None:
    first = build_context.read(cloned(tmp_path / "one", 0o022))
    assert build_context.read(cloned(tmp_path / "two", 0o002)) == first
    assert {entry.path for entry in first} >= {"app/main.py", "run.sh", "broken"}
    assert "secret" not in {entry.path for entry in first}


@pytest.mark.parametrize("umask", [0o022, 0o002])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    request = cloned(tmp_path / "clone", umask)

    def scandir(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(BuildError) as caught:
        build_context.read(request)
    assert caught.value.where == str(request.context)
    with pytest.raises(BuildError):
        build_context.with_kept_modes(request, tmp_path / "copy")
