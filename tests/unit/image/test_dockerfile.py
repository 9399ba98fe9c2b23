from __future__ import annotations

import pytest

from shipway.image.dockerfile import missing_bases


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM python:3.13-slim\n", ("python:3.13-slim",)),
        ("from python:3.13-slim", ("python:3.13-slim",)),
        ("\ufeffFROM a\r\nRUN x\r\n", ("a",)),
        ("FROM --platform=$BUILDPLATFORM golang:1.25 AS build\nFROM scratch\n", ("golang:1.25",)),
        ("FROM a AS Build\nFROM build\n", ("a",)),
        ("FROM a\nFROM b\nCOPY --from=0 /x /x\nCOPY --from=c:1 /y /y\n", ("a", "b", "c:1")),
        ("FROM a AS x\nCOPY --chown=1:1 --from=x /y /y\n", ("a",)),
        ("FROM a\nCOPY /x --from=b /y\n", ("a",)),
        ("FROM a\nRUN --mount=type=bind,from=b:2,target=/b true\n", ("a", "b:2")),
        ("FROM a\nRUN --mount=type=cache,target=/c true\n", ("a",)),
        ("ARG V=3.13\nFROM python:$V-slim\n", ("python:3.13-slim",)),
        ("ARG V=3.13\nFROM python:${V}-slim\n", ("python:3.13-slim",)),
        ('ARG V="3.13"\nARG B=python:${V}\nFROM ${B}-slim\n', ("python:3.13-slim",)),
        ("ARG A=1 B=2\nFROM x:$A$B\n", ("x:12",)),
        ("FROM x:${V:-9}\n", ("x:9",)),
        ("ARG V\nFROM x:${V}\nFROM y\n", ("y",)),
        ("ARG V=1\nFROM x${V:+-slim}\n", ("x-slim",)),
        ("FROM a\nARG V=1\nFROM b:$V\n", ("a",)),
        ("FROM \\\n  # why\n\n  python:3 \\\n  AS p\nFROM p\n", ("python:3",)),
        ("# escape=`\nFROM `\n python:3\n", ("python:3",)),
        ("# syntax=docker/dockerfile:1\n# escape=`\nFROM `\n a\n", ("a",)),
        ("# note\n# escape=`\nFROM a\\b\n", ("a\\b",)),
        ("FROM a\nRUN <<EOF\nFROM b\nEOF\nFROM c\n", ("a", "c")),
        ("FROM a\nRUN <<-'EOF' sh\n\tFROM b\n\tEOF\nCOPY <<X <<Y /d/\nFROM m\nX\nFROM n\nY\nFROM c",
         ("a", "c")),
        ("FROM a\nRUN echo FROM b\n", ("a",)),
        ("FROM a\nFROM a\n", ("a",)),
        ("FROM registry.example:5000/team/base@sha256:ab\n",
         ("registry.example:5000/team/base@sha256:ab",)),
        ("FROM SCRATCH\n", ()),
        ("FROM\n", ()),
        ("ARG V='open\nFROM a\n", ("a",)),
        ("", ()),
        ("FROM a \\", ("a",)),
    ],
)  # fmt: skip
def test_bases_of_a_dockerfile(text: str, found: tuple[str, ...]) -> None:
    assert missing_bases(text) == found


def test_a_build_argument_wins_over_the_default() -> None:
    assert missing_bases("ARG V=1\nFROM x:$V\n", {"V": "2"}) == ("x:2",)


def test_a_stage_is_known_only_after_it_was_named() -> None:
    assert missing_bases("FROM a AS one\nCOPY --from=two /x /x\nFROM b AS two\n") == (
        "a",
        "two",
        "b",
    )
