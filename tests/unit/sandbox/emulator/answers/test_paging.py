from __future__ import annotations

import base64
from itertools import chain
from xml.etree import ElementTree as ET

import pytest

from shipway_sandbox.emulator.answers.paging import (
    PAGED,
    TokenError,
    Window,
    page,
    page_of_elements,
    window,
)

IMAGES = "ecr:ListImages"
ROLES = "iam:ListRoles"


def test_pages_hold_together_what_the_list_holds() -> None:
    whole = {"imageIds": [{"imageTag": str(number)} for number in range(5)], "other": 1}
    asked: dict[str, object] = {"maxResults": 2}
    pages = []
    while True:
        one = page(IMAGES, whole, window(IMAGES, PAGED[IMAGES], asked))
        pages.append(one["imageIds"])
        assert one["other"] == 1
        if "nextToken" not in one:
            break
        asked["nextToken"] = one["nextToken"]
    assert [len(images) for images in pages] == [2, 2, 1]
    assert [*chain.from_iterable(pages)] == whole["imageIds"]


@pytest.mark.parametrize(
    ("asked", "size"), [({}, 100), ({"maxResults": 7}, 7), ({"maxResults": 5000}, 1000)]
)
def test_a_page_has_as_many_as_are_asked_for_and_no_more_than_aws_gives(
    asked: dict[str, int], size: int
) -> None:
    assert window(IMAGES, PAGED[IMAGES], asked) == Window(0, size)


@pytest.mark.parametrize(
    "token", ["x", "eA==", base64.urlsafe_b64encode(b"ecr:DescribeImages 2").decode()]
)
def test_a_token_of_another_operation_is_none(token: str) -> None:
    with pytest.raises(TokenError):
        window(IMAGES, PAGED[IMAGES], {"nextToken": token})


def roles(names: str) -> str:
    members = "".join(f"<member><RoleName>{name}</RoleName><Tags><member/></Tags></member>"
                      for name in names)  # fmt: skip
    return (
        '<ListRolesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListRolesResult>'
        f"<Roles>{members}</Roles><IsTruncated>false</IsTruncated></ListRolesResult>"
        "</ListRolesResponse>"
    )


def texts(text: str) -> list[tuple[str, str]]:
    root = ET.fromstring(text)  # noqa: S314  # written a line above
    return [(node.tag.rpartition("}")[2], str(node.text)) for node in root.iter()]


def names_in(text: str) -> list[str]:
    return [value for name, value in texts(text) if name == "RoleName"]


def test_a_page_of_elements_says_that_there_are_more() -> None:
    first = page_of_elements(ROLES, roles("abc"), Window(0, 2))
    assert names_in(first) == ["a", "b"]
    told = dict(texts(first))
    assert told["IsTruncated"] == "true"
    asked = {"Marker": told["Marker"], "MaxItems": "2"}
    last = page_of_elements(ROLES, roles("abc"), window(ROLES, PAGED[ROLES], asked))
    assert names_in(last) == ["c"]
    assert "Marker" not in last


def test_a_list_that_fits_is_left_as_it_is() -> None:
    assert page_of_elements(ROLES, roles("abc"), Window(0, 100)) == roles("abc")
