"""GitHub's patterns of refs against the contract's: covered, or touched."""

from __future__ import annotations

import pytest

from shipway.doctor.ref_patterns import covers, overlaps

STABLE = "refs/tags/v*-stable"


@pytest.mark.parametrize(
    ("pattern", "ref", "whole", "touched"),
    [
        (STABLE, STABLE, True, True),
        ("refs/tags/*", STABLE, True, True),
        ("refs/tags/v*", STABLE, True, True),
        ("refs/tags/**/*", STABLE, True, True),
        ("refs/tags/**", STABLE, True, True),
        ("refs/**/*", STABLE, True, True),
        ("refs/*", STABLE, False, False),  # GitHub's * stops at a slash, too
        ("refs/tags/v?-stable", STABLE, False, True),
        ("refs/tags/v1-*", STABLE, False, True),
        ("refs/tags/v1-stable", STABLE, False, True),
        ("refs/tags/*-beta", STABLE, False, False),
        ("refs/tags/rel/*", STABLE, False, False),
        ("refs/heads/*", STABLE, False, False),
        ("refs/tags/[v]*-stable", STABLE, False, True),
        ("refs/heads/main", "refs/heads/main", True, True),
        ("refs/heads/m?in", "refs/heads/main", True, True),
        ("refs/tags/v*-stable", "refs/tags/*-stable", False, True),
        ("refs/tags/**/v*", "refs/tags/rel/v*", True, True),
    ],
)
def test_a_pattern(pattern: str, ref: str, *, whole: bool, touched: bool) -> None:
    assert covers(pattern, ref) is whole
    assert overlaps(pattern, ref) is touched
