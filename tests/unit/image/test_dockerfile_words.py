"""Quotes, escapes, variables and heredocs, against what BuildKit's shell lexer makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.image.dockerfile_words import UnsureError, expand, heredocs

VALUES = {"A": "1", "EMPTY": "", "SECRET": None}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x", "x"),
        ("", ""),
        ("$A", "1"),
        ("x${A}y", "x1y"),
        ('"$A"', "1"),
        ("'$A'", "$A"),
        (r"\$A", "$A"),
        (r'"\$A\x"', r"$A\x"),
        ("a'b'\"c\"", "abc"),
        ("$", "$"),
        ("$.x", "$.x"),
        ("${NONE:-d}", "d"),
        ("${NONE-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${A:-d}", "1"),
        ("${A:+d}", "d"),
        ("${A+d}", "d"),
        ("${EMPTY:+d}", ""),
        ("${EMPTY+d}", "d"),
        ("${NONE+d}", ""),
        ("${A?no}", "1"),
        ("${NONE:-${NONE:-${A}}}", "1"),
        ("${NONE:-${OTHER-x}y}z", "xyz"),
        ("${NONE:-'}'}", "}"),
        ('"${NONE:-a b}"', "a b"),
        ("${A:-$SECRET}", "1"),
        ("${NONE:+$SECRET}", ""),
    ],
)
def test_a_word(text: str, word: str) -> None:
    expanded = expand(text, VALUES, "\\")
    assert (expanded.text, expanded.unknown) == (word, frozenset())


@pytest.mark.parametrize("text", ["$SECRET", "${SECRET:-d}", "${SECRET+d}", "${NONE:-$SECRET}"])
def test_what_nobody_knows_is_named(text: str) -> None:
    assert expand(text, VALUES, "\\").unknown == {"SECRET"}
    assert expand("$NONE", VALUES, "\\").unknown == {"NONE"}


@pytest.mark.parametrize(
    "text",
    [
        "'open",
        '"open',
        "${A",
        "${A:-x",
        "${}",
        "${:x}",
        "${A%.*}",  # only newer releases
        "${A#v}",
        "${A/1/2}",
        "${A:%x}",
        "${A^}",
        "${NONE?}",
        "${EMPTY:?it is empty}",
    ],
)
def test_what_a_build_could_refuse_is_not_sure(text: str) -> None:
    with pytest.raises(UnsureError):
        expand(text, VALUES, "\\")


def test_the_escape_sign_is_the_dockerfiles() -> None:
    assert expand(r"C:\x`$A", VALUES, "`").text == r"C:\x$A"


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("RUN <<EOF", ["EOF"]),
        ("RUN <<-EOF cat", ["EOF"]),
        ("RUN <<'EOF'", ["EOF"]),
        ('RUN <<"E O F"', ["E O F"]),
        (r"RUN <<\EOF", ["EOF"]),
        ("RUN << EOF", ["EOF"]),
        ("RUN <<\tEOF", ["EOF"]),
        ("RUN 3<<EOF", ["EOF"]),
        ("COPY <<a <<b /", ["a", "b"]),
        ("RUN cat <<EOF>/x", ["EOF>/x"]),  # BuildKit then looks for such a line
        ("RUN echo ${X##*/} ${X/a/b} ${X:0:3} <<EOF", ["EOF"]),
        ("RUN echo ${X:-a <<EOF}", ["EOF}"]),  # a default is split at its blanks
        ("RUN cat <<<EOF", []),
        ("RUN cat <<< EOF", []),
        ("RUN echo $((1<<EOF))", []),
        ("RUN echo $((X<<2))", []),
        ("RUN (( x<<=1 ))", []),
        ("RUN echo a<<EOF", []),
        ("RUN echo '<<EOF'", []),
        ('RUN echo "<<EOF"', []),
        (r"RUN echo \<<EOF", []),
        ("RUN echo it's <<EOF", []),  # an open quote: the shell's business
        ("RUN echo ${X^^} <<EOF", []),
        ("RUN echo <<", []),
        ('RUN echo <<""', []),
    ],
)
def test_what_opens_a_heredoc(line: str, ends: list[str]) -> None:
    opened = heredocs(line)
    assert [document.end for document in opened] == ends
    assert all(document.chomp == ("<<-" in line) for document in opened)


@given(st.text())
def test_any_text_is_read_or_not_sure(text: str) -> None:
    for escape in "\\`":
        try:
            word = expand(text, {}, escape)
        except UnsureError:
            continue
        assert isinstance(word.text, str)


@given(st.text(alphabet=st.characters(exclude_characters="$'\"\\`<", exclude_categories=["Cs"])))
def test_a_text_without_signs_is_itself(text: str) -> None:
    assert expand(text, {}, "\\").text == text


@given(st.lists(st.sampled_from(["1<<X", "$((", "))", "<<<", "<", '"<<E"', "'<<E'", "a", "$"])))
def test_a_line_opens_no_more_than_it_has_double_signs(parts: list[str]) -> None:
    line = " ".join(parts)
    try:
        opened = heredocs(line)
    except UnsureError:
        return
    assert len(opened) <= line.count("<<")
