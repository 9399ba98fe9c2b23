from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.image.dockerfile import bases, missing_bases

CASES = Path(__file__).parent / "dockerfiles"


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
        ("# note\n# escape=`\nFROM a\\b\n", ("ab",)),
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


@pytest.mark.parametrize(
    ("case", "images"),
    [
        ("here-string", ("busybox:1.36", "python:3.13-slim")),
        ("shift", ("busybox:1.36", "python:3.13-slim")),
        ("tab", ("python:3.13-slim",)),
    ],
)
def test_what_once_hid_a_base(case: str, images: tuple[str, ...]) -> None:
    found = bases((CASES / f"{case}.Dockerfile").read_text())
    assert (found.images, found.unsure) == (images, "")


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM\v a\t\tAS\f b\nFROM b\n", ("a",)),
        ("FROM a\nCOPY\t--from=b\t/x\t/x\n", ("a", "b")),
        ("FROM a\nRUN\t--mount=from=b,target=/x\tc\n", ("a", "b")),
        ('FROM a\nRUN echo "<<EOF"\nFROM b\n', ("a", "b")),
        ('FROM a\nRUN ["sh", "-c", "<<EOF"]\nFROM b\n', ("a", "b")),
        ("FROM a\nRUN <<EOF\nEOF \nFROM hidden\nEOF\nFROM b\n", ("a", "b")),
        ("FROM a\nRUN x \\ \nFROM hidden\nFROM b\n", ("a", "b")),
        ("FROM a\nCOPY <<EOF /x\nFROM hidden\nEOF\nFROM b\n", ("a", "b")),
        ("ARG V=${W:-${X:-3}}\nFROM a:${V:-${Y}}\n", ("a:3",)),
        ("ARG A='x y'\nARG B=\"$A\"\nFROM a${B:+-slim}\n", ("a-slim",)),
        ("ARG V=1\nARG V=2\nARG V\nFROM a:$V\n", ("a:2",)),
        ("ARG V=1\nFROM a:$V AS base\nFROM base\nCOPY --from=base / /\n", ("a:1",)),
        ("FROM a\nONBUILD COPY --from=b / /\n", ("a", "b")),
        ("FROM a\nRUN --mount=type=bind,from=0 x\n", ("a", "0")),  # a number is no stage here
        ("# syntax=docker/dockerfile:1.7-labs\nFROM a\n", ("docker/dockerfile:1.7-labs", "a")),
        ("FROM --platform=$BUILDPLATFORM a\n", ("a",)),
        ("FROM a-$TARGETARCH\n", ("a-amd64", "a-arm64")),
        ("FROM x AS c-amd64\nFROM y AS c-arm64\nFROM c-$TARGETARCH\n", ("x", "y")),
        ("FROM x AS c-amd64\nFROM c-${TARGETARCH}${TARGETVARIANT}\n", ("x", "c-arm64")),
        ("ARG TARGETOS=none\nFROM a-$TARGETOS\n", ("a-none",)),
    ],
)
def test_every_base_and_no_doubt(text: str, images: tuple[str, ...]) -> None:
    found = bases(text, {}, ("linux/amd64", "linux/arm64"))
    assert (found.images, found.unsure) == (images, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("FROM a:$V\n", "the variable V has no value"),
        ("ARG V\nFROM a$V\n", "the variable V has no value"),
        ("FROM $BUILDARCH/a\n", "BUILDARCH"),
        ("ARG A=$TARGETSTAGE\nFROM a:$A\n", "the variable A has no value"),
        ("ARG SOURCE_DATE_EPOCH=1\nFROM a:$SOURCE_DATE_EPOCH\n", "SOURCE_DATE_EPOCH"),
        ("FROM a:${V%.*}\n", "substitution"),
        ("ARG V=3.1\nFROM a:${V%.*}\n", "substitution"),
        ("FROM a\nCOPY --from=$B / /\n", "'$B' is no image's name"),
        ("FROM a\nRUN --mount=from=$B,target=/b x\n", "'$B' is no image's name"),
        ("FROM a\nRUN --mount='type=bind,\"from=b,c\"' x\n", "quote"),
        ("FROM a b\n", "neither IMAGE nor IMAGE AS NAME"),
        ("FROM a AS 1\n", "neither IMAGE nor IMAGE AS NAME"),
        ("FROM a:\n", "'a:' is no image's name"),
        ("FROM a\nRUN <<EOF\n", "heredoc 'EOF' has no end"),
        ("FROM a\nTAKE b\n", "'TAKE' is no instruction"),
        ("# syntax=ghcr.io/x/nix:1\nFROM a\n", "the frontend ghcr.io/x/nix:1"),
    ],
)
def test_what_is_not_sure_says_why(text: str, why: str) -> None:
    assert why in bases(text, {}, ("linux/amd64",)).unsure


def test_a_platform_that_is_not_known_by_name_is_not_sure() -> None:
    text = "FROM a-$TARGETARCH\n"
    assert bases(text, {}, ("linux/arm/v7",)).images == ("a-arm",)
    for platform in ("linux/arm64/v8", "windows/amd64", "linux/arm"):
        assert "TARGETARCH" in bases(text, {}, (platform,)).unsure
    assert bases(text, {"TARGETARCH": "mips"}, ("linux/amd64",)).images == ("a-mips",)


def test_a_build_argument_names_the_frontend() -> None:
    text = "# syntax=docker/dockerfile:1\nFROM a\n"
    found = bases(text, {"BUILDKIT_SYNTAX": "docker.io/docker/dockerfile:1.9 x"})
    assert (found.images, found.unsure) == (("docker.io/docker/dockerfile:1.9", "a"), "")
    assert bases(text, {"BUILDKIT_SYNTAX": "other"}).unsure


def test_the_stages_are_named_for_contexts_that_replace_them() -> None:
    assert bases("FROM a AS Build\nFROM b\nFROM build AS last\n").stages == ("build", "last")


_NOISE = st.sampled_from(
    [
        *("RUN tr a b <<<x", "RUN echo $((1<<SHIFT))", "RUN echo '<<EOF'", 'RUN ["<<EOF"]'),
        *("COPY\t. .", "# <<EOF", "", "RUN cat <<EOF\nFROM hidden\nEOF", "COPY <<'E F' /\nE F"),
        *("RUN a \\\n\n# c\n  b", "ENV A=<<EOF", "ONBUILD RUN <<EOF\nFROM hidden\nEOF", "ARG B"),
    ]
)
_BLANK = st.sampled_from([" ", "\t", " \t ", "\v", " \\\n ", " \\\n# c\n\t"])
_BASE = st.sampled_from(["a", "b:1", "c/d", "host:5000/e:2", "${V:-f}", "g$NUMBER", '"h"'])
_MEANT = {"${V:-f}": "f", "g$NUMBER": "g7", '"h"': "h"}


@given(
    st.lists(
        st.tuples(_BASE, _BLANK, _BLANK, st.lists(_NOISE, max_size=4)), min_size=1, max_size=5
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_no_base_is_ever_missed(stages: list[tuple[str, str, str, list[str]]], end: str) -> None:
    lines = ["ARG NUMBER=7"]
    for number, (base, first, second, noise) in enumerate(stages):
        lines += [f"FROM{first}{base}{second}AS s{number}", *noise]
    text = "\n".join(lines).replace("\n", end)
    expected = dict.fromkeys(_MEANT.get(base, base) for base, *_ in stages)
    found = bases(text, {}, ("linux/amd64",))
    assert (list(found.images), found.unsure) == (list(expected), "")


@given(st.text(), st.sampled_from(["RUN ", "COPY ", "ADD ", "", "FROM ", "ARG ", "ONBUILD RUN "]))
def test_a_base_behind_any_line_is_found_or_not_sure(line: str, name: str) -> None:
    text = f"FROM a\n{name}{line}\nFROM behind:1\n"
    found = bases(text, {}, ("linux/amd64",))
    swallowed = line.rstrip("\r").endswith("\\") or "\\\n" in line
    assert found.unsure or swallowed or "behind:1" in found.images
