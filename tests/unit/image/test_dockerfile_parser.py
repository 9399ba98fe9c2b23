"""A Dockerfile's instructions, against what BuildKit's parser makes of the same text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.image.dockerfile_parser import frontend, inner, instructions
from shipway.image.dockerfile_words import UnsureError


def names(text: str) -> list[str]:
    return [instruction.name for instruction in instructions(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\nRUN b", ["FROM", "RUN"]),
        ("FROM a\nRUN b \\\nRUN c\nRUN d", ["FROM", "RUN", "RUN"]),
        ("FROM a\nRUN b \\ \t\nRUN c", ["FROM", "RUN"]),  # blanks behind the sign count for nothing
        ("FROM a\nRUN b \\\\\nRUN c", ["FROM", "RUN", "RUN"]),  # an escaped sign is none
        ("FROM a\nRUN b \\\n# RUN c\n\nRUN d\nRUN e", ["FROM", "RUN", "RUN"]),
        ("FROM a\n  # RUN b\n\tRUN c", ["FROM", "RUN"]),
        ("FROM a\r\nRUN b \\\r\n c\r\nRUN d", ["FROM", "RUN", "RUN"]),
        ("FROM a\nRUN echo \f\u2028 FROM b", ["FROM", "RUN"]),  # these end no line
        ("# escape=`\nFROM a\nRUN b `\nRUN c \\\nRUN d", ["FROM", "RUN", "RUN"]),
        ("# check=skip=all\n# escape=`\nFROM a\nRUN b `\n c", ["FROM", "RUN"]),
        ("# note\n# escape=`\nFROM a\nRUN b \\\n c", ["FROM", "RUN"]),
        ("\n# escape=`\nFROM a\nRUN b \\\n c", ["FROM", "RUN"]),
        ("FROM a\nRUN <<EOF\nFROM b\nEOF\nRUN c", ["FROM", "RUN", "RUN"]),
        ("FROM a\nRUN <<-EOF\nFROM b\n\t\tEOF\nRUN c", ["FROM", "RUN", "RUN"]),
        ("FROM a\nRUN <<EOF\nEOF \n EOF\nEOF\nRUN c", ["FROM", "RUN", "RUN"]),
        ("FROM a\r\nRUN <<EOF\r\nx\r\nEOF\r\nRUN c", ["FROM", "RUN", "RUN"]),
        ("FROM a\nCOPY <<x <<y /\nFROM b\nx\nFROM c\ny\nRUN d", ["FROM", "COPY", "RUN"]),
        ("FROM a\nADD <<x /\nFROM b\nx\nRUN d", ["FROM", "ADD", "RUN"]),
        ("FROM a\nONBUILD RUN <<x\nFROM b\nx\nRUN d", ["FROM", "ONBUILD", "RUN"]),
        ("FROM a\nRUN b \\\n  <<x\nFROM b\nx\nRUN d", ["FROM", "RUN", "RUN"]),
        ('FROM a\nRUN ["sh", "<<x"]\nRUN c', ["FROM", "RUN", "RUN"]),
        ('FROM a\nCOPY ["<<x", "/"]\nRUN c', ["FROM", "COPY", "RUN"]),
        ("FROM a\nENV A=<<x\nLABEL b=<<x\nRUN c", ["FROM", "ENV", "LABEL", "RUN"]),
        ('FROM a\nRUN ["sh" <<x\nFROM b\nx\nRUN c', ["FROM", "RUN", "RUN"]),  # no JSON: the shell's
        ("FROM a\nRUN [ NaN ] <<x\nx\nRUN c", ["FROM", "RUN", "RUN"]),
        ("FROM a\nRUN <<'x\nRUN c", ["FROM", "RUN", "RUN"]),  # an open quote: the shell's, too
        ("FROM a\n\\\n", ["FROM"]),
        ("", []),
    ],
)
def test_instructions(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN <<EOF\nFROM b\n",
        "FROM a\nRUN <<EOF\nEOF \n",
        "FROM a\nTAKE b\n",
        "// syntax=x\nFROM a\n",
        '{"syntax": "x"}',
        "# escape=x\nFROM a\n",
        "# escape=`\n# escape=`\nFROM a\n",
        "FROM a\nRUN [1]\n",
        "FROM a\nRUN --x=ü b\n",
        "FROM\u00a0a\n",
    ],
)
def test_what_buildkit_would_refuse_is_not_sure(text: str) -> None:
    with pytest.raises(UnsureError):
        names(text)


@pytest.mark.parametrize(
    ("line", "flags", "rest"),
    [
        ("COPY --from=a  --link\tx y", ("--from=a", "--link"), "x y"),
        ("COPY x --from=a y", (), "x --from=a y"),
        ("COPY --from='a' x y", ("--from=a",), "x y"),
        ('RUN --mount="type=bind, from=b" c', ("--mount=type=bind, from=b",), "c"),
        (r"RUN --mount=a\ b c", ("--mount=a b",), "c"),
        ("RUN -- --mount=a", (), "--mount=a"),
        ("RUN --x", ("--x",), ""),
        ("RUN -x", (), "-x"),
        ("COPY \u2028--from=a x y", (), "--from=a x y"),  # flags are read byte by byte
    ],
)
def test_flags(line: str, flags: tuple[str, ...], rest: str) -> None:
    (instruction,) = instructions(line)
    assert (instruction.flags, instruction.rest) == (flags, rest)


def test_words_are_parted_where_no_quote_is_open() -> None:
    (instruction,) = instructions("ARG A='a b' \"B\"=c\\ d\tE \\")
    assert instruction.words() == ["A='a b'", '"B"=c\\ d', "E"]
    assert instruction.fields() == ["A='a", "b'", '"B"=c\\', "d", "E"]


def test_what_onbuild_holds_back() -> None:
    (instruction,) = instructions("ONBUILD COPY --from=a x y")
    assert inner(instruction).flags == ("--from=a",)


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("# syntax=docker/dockerfile:1\nFROM a", "docker/dockerfile:1"),
        ("#syntax = x y\nFROM a", "x"),
        ("\ufeff# SYNTAX=x\r\nFROM a", "x"),
        ("#!/usr/bin/env x\n# syntax=x\nFROM a", "x"),
        ("# check=error=true\n# escape=`\n# syntax=x\nFROM a", "x"),
        ("# note\n# syntax=x\nFROM a", ""),
        ("\n# syntax=x\nFROM a", ""),
        (" # syntax=x\nFROM a", ""),
        ("FROM a\n# syntax=x\n", ""),
        ("# other=y\n# syntax=x\n", ""),
        ("", ""),
    ],
)
def test_the_frontend(text: str, image: str) -> None:
    assert frontend(text) == image


_PIECES = st.sampled_from(
    [
        *(
            "FROM a",
            "RUN ",
            "COPY --from=b ",
            "\n",
            "\r\n",
            "\\\n",
            "`\n",
            "<<E",
            "<<-'E'",
            "\nE\n",
        ),
        *(
            "<<<x",
            "$((1<<E))",
            '"',
            "'",
            "#",
            "# escape=`\n",
            "[",
            '["<<E"]',
            "\t",
            "ONBUILD ",
            "E",
        ),
    ]
)


@given(st.lists(_PIECES, max_size=20).map("".join))
def test_any_file_is_read_or_not_sure(text: str) -> None:
    try:
        read = names(text)
    except UnsureError:
        return
    assert len(read) <= text.count("\n") + 1


@given(
    before=st.lists(st.sampled_from(["RUN x", "COPY a b", "ENV A=<<E", "# c", "", "RUN a \\\n b"])),
    body=st.lists(st.text(alphabet="FROM <E\\'\"\t#", max_size=8).filter(lambda line: line != "E")),
    opening=st.sampled_from(["RUN <<E", "COPY <<E /", "RUN cat <<'E' \\\n | sh", 'ADD <<"E" /']),
)
def test_what_follows_a_heredoc_is_never_lost(
    before: list[str], body: list[str], opening: str
) -> None:
    text = "\n".join([*before, opening, *body, "E", "FROM after:1", ""])
    last = list(instructions(text))[-1]
    assert (last.name, last.rest) == ("FROM", "after:1")
    assert "after" not in "".join(i.rest for i in list(instructions(text))[:-1])


@given(
    st.lists(st.sampled_from(["<<<", "$((1<<2))", '"<<E"', "'<<E'", "x<<E", "\\<<E"]), min_size=1)
)
def test_what_is_no_heredoc_swallows_nothing(words: list[str]) -> None:
    text = f"FROM a\nRUN echo {' '.join(words)} x\nFROM b\n"
    assert names(text) == ["FROM", "RUN", "FROM"]
