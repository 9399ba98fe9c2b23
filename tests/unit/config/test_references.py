from __future__ import annotations

import pytest

from shipway.config.references import Reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ssm:/a/b", Reference("ssm", "/a/b")),
        ("cfn:Stack-1.Out", Reference("cfn", "Stack-1.Out")),
        ("env:A_1", Reference("env", "A_1")),
        ("shop", None),
        ("https://x", None),
        ("SSM:/a", None),
    ],
)
def test_a_reference_is_known_by_how_it_begins(text: str, reference: Reference | None) -> None:
    assert Reference.parse(text) == reference
    assert reference is None or str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "ssm:",
        "ssm:a",
        "ssm:/",
        "ssm:/a//b",
        "ssm:/a\n",
        "cfn:A",
        "cfn:A.B.C",
        "cfn:.B",
        "env:",
        "env:A-B",
        "env:A\n",
        "env:é",
    ],
)
def test_a_malformed_reference_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(ssm:/path|cfn:Stack\.Output|env:NAME)"):
        Reference.parse(text)


def test_a_stack_reference_has_two_parts() -> None:
    reference = Reference("cfn", "shop-staging.Url")
    assert (reference.stack, reference.output) == ("shop-staging", "Url")
