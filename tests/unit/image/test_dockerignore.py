"""Cases of Docker's "Build context" page and of the pattern matcher's own documentation."""

from __future__ import annotations

import pytest

from shipway.image.dockerignore import ignored, parse


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", "a", False),
        ("a", "a", True),
        ("a", "a/b/c", True),
        ("a", "b/a", False),
        ("/a", "a", True),
        ("./a", "a", True),
        ("a/", "a/b", True),
        ("a/../b", "b", True),
        ("# a", "a", False),
        (" a ", "a", True),
        ("*", "a", True),
        ("*", "a/b", True),
        ("*.md", "x.md", True),
        ("*.md", "d/x.md", False),
        ("**/*.md", "d/e/x.md", True),
        ("**/*.md", "x.md", True),
        ("**", "a/b", True),
        ("a/**", "a", False),
        ("a/**", "a/b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("*/temp*", "some/temporary.txt", True),
        ("*/temp*", "some/sub/temporary.txt", False),
        ("*/*/temp*", "some/sub/temporary.txt", True),
        ("*\n!keep", "keep", False),
        ("*\n!keep", "keep/inner", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", False),
        ("docs\n!docs/kept.md", "docs/kept.md", False),
        ("docs\n!docs/kept.md", "docs/other.md", True),
        ("! docs", "docs", False),
        ("[ab]c", "bc", True),
        ("[^ab]c", "bc", False),
        ("[^ab]c", "/c", False),
        ("[a-c]x", "bx", True),
        ("[", "[", False),
        (r"\*", "*", True),
        (r"\*", "x", False),
        ("a.b", "axb", False),
        (".", "a", False),
        ("ä", "ä", True),
    ],
)
def test_a_path(text: str, path: str, *, expected: bool) -> None:
    assert ignored(path, parse(text)) is expected
