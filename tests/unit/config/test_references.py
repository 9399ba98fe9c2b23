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


@pytest.mark.parametrize(
    ("text", "names", "nearest"),
    [
        ("ssm:/shop/staging/clustr", ("/shop/staging/repository", "/shop/staging/cluster"), 1),
        ("ssm:/shop/staging/clustr", ("/shop/staging/url", "/shop/staging/repository"), None),
        ("cfn:shop-staging.URL", ("shop-staging.Role", "shop-staging.Url"), 1),
        ("cfn:shop-staging.Urls", ("shop-staging.Role", "shop-staging.Url"), 1),
        ("env:SHOP_CLUSTR", ("SHOP_CLUSTER",), 0),
        ("ssm:/a/b", (), None),
    ],
)
def test_what_was_meant_is_told_by_the_last_part(
    text: str, names: tuple[str, ...], nearest: int | None
) -> None:
    reference = Reference.parse(text)
    assert reference is not None
    expected = "" if nearest is None else f"{reference.scheme}:{names[nearest]}"
    assert reference.suggestion(names) == expected


def test_the_nearest_names_come_first() -> None:
    names = ("/shop/a", "/shop/repository", "/shop/cluster-name", "/shop/cluster")
    assert Reference("ssm", "/shop/clustr").nearest(names)[:2] == (
        "/shop/cluster",
        "/shop/cluster-name",
    )
