from __future__ import annotations

import pytest

from shipway.config.references import Reference

ARN = "arn:aws:ssm:eu-west-1:123456789012:parameter"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ssm:/a/b", Reference("ssm", "/a/b")),
        ("cfn:Stack-1.Out", Reference("cfn", "Stack-1.Out")),
        ("env:A_1", Reference("env", "A_1")),
        ("ssm:a", Reference("ssm", "a")),
        ("ssm:a/b", Reference("ssm", "a/b")),
        ("ssm:/a/b:3", Reference("ssm", "/a/b:3")),
        ("ssm:/a/b:live", Reference("ssm", "/a/b:live")),
        (f"ssm:{ARN}/a/b", Reference("ssm", f"{ARN}/a/b")),
        (f"ssm:{ARN}/a/b:3", Reference("ssm", f"{ARN}/a/b:3")),
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
        "ssm:/",
        "ssm:/a:",
        "ssm:/a:3:4",
        "ssm:/a:3a",
        "ssm:arn:aws:ssm:eu-west-1:123456789012:document/a",
        "ssm:arn:aws:ssm:eu-west-1:1234:parameter/a",
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


@pytest.mark.parametrize(
    ("name", "parameter", "unversioned"),
    [
        ("/a/b", "/a/b", "/a/b"),
        ("a/b", "/a/b", "/a/b"),
        ("a", "a", "a"),
        ("/a", "/a", "/a"),
        ("a/b:3", "/a/b:3", "/a/b"),
        ("a:live", "a:live", "a"),
        (f"{ARN}/a/b", f"{ARN}/a/b", f"{ARN}/a/b"),
        (f"{ARN}/a/b:live", f"{ARN}/a/b:live", f"{ARN}/a/b"),
    ],
)
def test_a_parameter_is_asked_for_as_it_is_called(
    name: str, parameter: str, unversioned: str
) -> None:
    reference = Reference("ssm", name)
    assert (reference.parameter, reference.unversioned) == (parameter, unversioned)
    assert reference.selector == (name.rpartition(":")[2] if parameter != unversioned else "")


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
