from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shipway.image import content_key
from shipway.image.build import BuildRequest
from shipway.image.dockerfile import bases

BASE = "sha256:" + "b" * 64


def made(folder: Path) -> BuildRequest:
    (folder / "Dockerfile").write_text("FROM python:3.13-slim\nCOPY . /\n")
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text("print()\n")
    (folder / "link").symlink_to("app/main.py")
    for path, mode in (("Dockerfile", 0o644), ("app", 0o755), ("app/main.py", 0o644)):
        (folder / path).chmod(mode)
    return BuildRequest(
        context=folder,
        dockerfile=folder / "Dockerfile",
        platforms=("linux/amd64", "linux/arm64"),
        destination=folder.parent / "out",
        epoch=1,
        build_args={"A": "1"},
        labels={"org.opencontainers.image.revision": "3f9c2ab"},
    )


def resolve(reference: str) -> str:
    return BASE if reference == "python:3.13-slim" else ""


def key(request: BuildRequest, answer: Callable[[str], str] = resolve) -> str:
    found, why = content_key.of(request, answer)
    assert found is not None, why
    return found.value


@pytest.fixture
def source(tmp_path: Path) -> BuildRequest:
    folder = tmp_path / "one"
    folder.mkdir()
    return made(folder)


def test_what_no_image_holds_is_not_in_the_key(source: BuildRequest, tmp_path: Path) -> None:
    first = key(source)
    elsewhere = tmp_path / "two"
    elsewhere.mkdir()
    assert key(made(elsewhere)) == first
    labels = {"org.opencontainers.image.revision": "another commit"}
    other = replace(source, epoch=2, labels=labels, builder="remote", cache="here/cache:main")
    assert key(other) == first
    assert key(replace(source, platforms=source.platforms[::-1])) == first


def _rename(request: BuildRequest) -> BuildRequest:
    (request.context / "app" / "main.py").rename(request.context / "app" / "other.py")
    return request


def _edit(request: BuildRequest) -> BuildRequest:
    (request.context / "app" / "main.py").write_text("print(1)\n")
    return request


def _mode(request: BuildRequest) -> BuildRequest:
    (request.context / "app" / "main.py").chmod(0o755)
    return request


def _mode_of_the_owner(request: BuildRequest) -> BuildRequest:
    (request.context / "app" / "main.py").chmod(0o744)
    return request


def _link(request: BuildRequest) -> BuildRequest:
    (request.context / "link").unlink()
    (request.context / "link").symlink_to("app")
    return request


def _linked(request: BuildRequest) -> BuildRequest:
    (request.context / "link").unlink()
    (request.context / "link").write_text("print()\n")
    return request


def _empty_folder(request: BuildRequest) -> BuildRequest:
    (request.context / "empty").mkdir()
    return request


def _ignored(request: BuildRequest) -> BuildRequest:
    (request.context / "Dockerfile.dockerignore").write_text("app\n")
    return request


def _dockerfile(request: BuildRequest) -> BuildRequest:
    request.dockerfile.write_text("FROM python:3.13-slim\nCOPY app /\n")
    return request


CHANGES = (
    _rename,
    _edit,
    _mode,
    _mode_of_the_owner,
    _link,
    _linked,
    _empty_folder,
    _ignored,
    _dockerfile,
    lambda request: replace(request, build_args={"A": "2"}),
    lambda request: replace(request, build_args={}),
    lambda request: replace(request, platforms=("linux/amd64",)),
    lambda request: replace(request, labels={}),
)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_source_changes_the_key(
    change: Callable[[BuildRequest], BuildRequest], source: BuildRequest
) -> None:
    before = key(source)
    assert key(change(source)) != before


def test_a_base_that_moved_changes_the_key(source: BuildRequest) -> None:
    moved = "sha256:" + "c" * 64
    assert key(source, lambda _reference: moved) != key(source)


def test_what_is_ignored_changes_nothing(source: BuildRequest) -> None:
    (source.context / ".dockerignore").write_text("*.log\n")
    before = key(source)
    (source.context / "app" / "x.log").write_text("a")
    assert key(source) != before
    (source.context / ".dockerignore").write_text("**/*.log\n")
    ignored = key(source)
    (source.context / "app" / "x.log").write_text("b")
    assert key(source) == ignored


def test_without_an_answer_there_is_no_key(source: BuildRequest) -> None:
    assert content_key.of(source, lambda _reference: "") == (
        None,
        "nobody says what python:3.13-slim stands for",
    )
    source.dockerfile.write_text("FROM python:${TAG}\n")
    found, why = content_key.of(source, resolve)
    assert found is None
    assert "variable" in why
    source.dockerfile.unlink()
    assert content_key.of(source, resolve)[0] is None


def test_a_named_context_stands_for_its_image(source: BuildRequest) -> None:
    asked: list[str] = []

    def answer(reference: str) -> str:
        asked.append(reference)
        return BASE

    stand_in = {"python:3.13-slim": "docker-image://assembled/python:1"}
    assert key(replace(source, build_contexts=stand_in), answer)
    assert asked == ["assembled/python:1"]
    pinned = {"python:3.13-slim": f"oci-layout://somewhere@{BASE}"}
    assert key(replace(source, build_contexts=pinned), lambda _reference: "")
    folder = {"python:3.13-slim": "/a/folder"}
    assert content_key.of(replace(source, build_contexts=folder), answer)[0] is None


@pytest.mark.parametrize(
    "name", ["python:3.13-slim", "docker.io/library/python:3.13-slim", "library/python:3.13-slim"]
)
def test_a_named_context_is_found_by_its_short_name(source: BuildRequest, name: str) -> None:
    source.dockerfile.write_text(f"FROM {name}\nCOPY . /\n")
    stand_in = {"python:3.13-slim": "docker-image://assembled/python:1"}
    assert key(replace(source, build_contexts=stand_in), {"assembled/python:1": BASE}.__getitem__)


def test_a_named_context_in_the_place_of_a_stage_is_in_the_key(source: BuildRequest) -> None:
    source.dockerfile.write_text("FROM python:3.13-slim AS Tools\nFROM tools\n")
    request = replace(source, build_contexts={"tools": "docker-image://other:1"})
    digests = {"python:3.13-slim": BASE, "other:1": BASE}
    before = key(request, digests.__getitem__)
    assert key(source, digests.__getitem__) != before
    digests["other:1"] = "sha256:" + "d" * 64
    assert key(request, digests.__getitem__) != before


def test_a_base_for_each_platform_is_in_the_key(source: BuildRequest) -> None:
    source.dockerfile.write_text("FROM base-$TARGETARCH\n")
    digests = {"base-amd64": BASE, "base-arm64": BASE}
    before = key(source, digests.__getitem__)
    digests["base-arm64"] = "sha256:" + "d" * 64
    assert key(source, digests.__getitem__) != before


def test_a_lone_carriage_return_ends_no_line(source: BuildRequest) -> None:
    source.dockerfile.write_bytes(b"FROM python:3.13-slim\nRUN a \\\rFROM hidden\n")
    assert key(source)


@pytest.mark.parametrize(
    ("folder", "file"), [(0o755, 0o644), (0o775, 0o664), (0o700, 0o600), (0o750, 0o640)]
)
def test_the_umask_of_a_clone_changes_nothing(source: BuildRequest, folder: int, file: int) -> None:
    before = key(source)
    (source.context / "app").chmod(folder)
    (source.context / "app" / "main.py").chmod(file)
    source.dockerfile.chmod(file)
    assert key(source) == before


def test_the_tag_fits_a_registry(source: BuildRequest) -> None:
    found, _ = content_key.of(source, resolve)
    assert found is not None
    assert found.tag == f"src-{found.value[:40]}"


def test_a_frontend_is_a_base_and_a_number_is_none() -> None:
    found = bases("# syntax=docker/dockerfile:1\nFROM a AS x\nFROM scratch\nCOPY --from=x / /\n")
    assert found.images == ("docker/dockerfile:1", "a")
    assert not found.unsure
    assert bases("# a comment\n# syntax=no\nFROM a\n").images == ("a",)
    assert bases("FROM a\nCOPY --from=$STAGE / /\n").unsure
