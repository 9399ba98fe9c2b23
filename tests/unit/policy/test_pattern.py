from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipway.policy.pattern import intersect, matches, pattern_flaw, quoted, ref_flaw

# Small enough that all texts up to the length that any two of these patterns need can be tried.
PATTERNS = st.text(st.sampled_from("ab*/"), max_size=5)
TEXTS = st.text(st.sampled_from("ab/\n"), max_size=8)
EVERY_TEXT = ["".join(text) for size in range(9) for text in itertools.product("ab/", repeat=size)]


def by_regex(pattern: str) -> re.Pattern[str]:
    return re.compile("[^/]*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


@given(PATTERNS, TEXTS)
@example("*-stable", "-stable")
@example("a*b*a", "aba")
@example("a*a", "a")
def test_matching_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    assert matches(pattern, text) == bool(by_regex(pattern).fullmatch(text))


@given(PATTERNS, PATTERNS)
@example("*a", "b*")
@example("*/a", "a*")
@example("a*b", "ab*a")
def test_intersection_agrees_with_trying_every_text(first: str, second: str) -> None:
    first_regex, second_regex = by_regex(first), by_regex(second)
    shared = any(
        first_regex.fullmatch(text) and second_regex.fullmatch(text) for text in EVERY_TEXT
    )
    assert intersect(first, second) == shared
    assert intersect(second, first) == shared


@pytest.mark.parametrize(
    ("pattern", "ref", "expected"),
    [
        ("refs/tags/*-stable", "refs/tags/v1.0.0-stable", True),
        ("refs/tags/*-stable", "refs/tags/-stable", True),  # as in GitHub's filters: * may be empty
        ("refs/tags/*-stable", "refs/tags/rel/v1-stable", False),
        ("refs/tags/*-stable", "refs/tags/v1-stable\n", False),
        ("refs/tags/*-stable", "xrefs/tags/v1-stable", False),
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/heads/main", "refs/heads/Main", False),
        ("refs/heads/release/*", "refs/heads/release/1", True),
        ("refs/heads/release/*", "refs/heads/release", False),
        ("refs/heads/*-*", "refs/heads/a-b-c", True),
        ("refs/heads/a*a", "refs/heads/a", False),
    ],
)
def test_the_whole_ref_must_match(pattern: str, ref: str, expected: bool) -> None:  # noqa: FBT001  # a table's column
    assert matches(pattern, ref) is expected


def test_a_ref_of_a_million_letters_is_answered_at_once() -> None:
    assert not matches("refs/heads/*a*a*a*a*a*b", "refs/heads/" + "a" * 1_000_000)


@pytest.mark.parametrize(
    ("pattern", "flaw"),
    [
        ("refs/heads/main", ""),
        ("refs/tags/*-stable", ""),
        ("refs/heads/release/*/x_1", ""),
        (
            "refs/*/main",
            (
                "should begin with refs/heads/ or refs/tags/, so that it cannot match a branch and "
                'a tag; it is "refs/*/main"'
            ),
        ),
        (
            "main",
            (
                "should begin with refs/heads/ or refs/tags/, so that it cannot match a branch and "
                'a tag; it is "main"'
            ),
        ),
        ("refs/heads/**", 'holds "**"; only a single * is known, which stops at a "/"'),
        (
            "refs/heads/v?",
            'holds "?"; a pattern has only letters, digits, . _ - / and *',
        ),
        (
            "refs/heads/v[0-9]",
            'holds "["; a pattern has only letters, digits, . _ - / and *',
        ),
        ("refs/heads/!v", 'holds "!"; a pattern has only letters, digits, . _ - / and *'),
        ("refs/heads/v+", 'holds "+"; a pattern has only letters, digits, . _ - / and *'),
        ('refs/heads/"', "holds '\"'; a pattern has only letters, digits, . _ - / and *"),
        ("refs/heads/mаin", "holds U+0430; a pattern has only letters, digits, . _ - / and *"),  # noqa: RUF001  # a Cyrillic letter is what is tested
        ("refs/heads/main\n", "holds U+000A; a pattern has only letters, digits, . _ - / and *"),
        ("refs/heads/", "matches nothing: a part of it is empty"),
        ("refs/tags//x", "matches nothing: a part of it is empty"),
        ("refs/tags/../x", 'matches nothing: it holds ".."'),
        ("refs/tags/.x", 'matches nothing: a part of it begins with "."'),
        ("refs/tags/x.lock", 'matches nothing: it ends in "." or ".lock"'),
    ],
)
def test_a_pattern_that_is_more_than_letters_and_stars_is_refused(pattern: str, flaw: str) -> None:
    assert pattern_flaw(pattern) == flaw


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("refs/heads/main", "refs/heads/main"),
        ("refs/heads/a b", '"refs/heads/a b"'),
        ("::error::\n", r'"::error::\n"'),
        ("\u202emain", r'"\u202emain"'),
        ("", '""'),
        ("a" * 81, "a" * 80 + "..."),
    ],
)
def test_what_comes_from_outside_is_shown_harmlessly(text: str, shown: str) -> None:
    assert quoted(text, plain=True) == shown


def test_a_good_ref_has_no_flaw() -> None:
    assert ref_flaw("refs/tags/v1.0.0+build.5-stable") == ""
