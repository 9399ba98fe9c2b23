"""What is published, and what is said where a name is not: AWS answers from a dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from shipway.aws.published import Published
from shipway.aws.session import Session
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.errors import AccessDeniedError, allowing

PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter"
LISTING = f"User: x is not authorized to perform: ssm:GetParametersByPath on resource: {PARAMETER}"
READING = f"User: x is not authorized to perform: ssm:GetParameters on resource: {PARAMETER}"


@dataclass
class Cloud:
    """Parameters below their paths, two a page, and the outputs of stacks."""

    parameters: tuple[str, ...] = ()
    stacks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    unreadable: str = ""
    listed_paths: list[str] = field(default_factory=list)
    region: str = "eu-west-1"

    def client(self, _service: str) -> Cloud:
        return self

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        if self.unreadable:
            raise refused("AccessDeniedException", self.unreadable)
        assert len(set(request["Names"])) == len(request["Names"]), "AWS takes no name twice"
        return {"Parameters": [*self._selected(request["Names"])]}

    def _selected(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        for asked in names:
            name, _, selector = asked.removeprefix(PARAMETER).partition(":")
            if name in self.parameters:
                yield {
                    "Name": name,
                    "ARN": f"{PARAMETER}/{name.lstrip('/')}",
                    "Value": self.values.get(name, "v"),
                    "Type": self.types.get(name, "String"),
                    **({"Selector": f":{selector}"} if selector else {}),
                }

    def get_parameters_by_path(self, **request: Any) -> dict[str, Any]:
        self.listed_paths.append(request["Path"])
        if self.refusal:
            raise refused("AccessDeniedException", self.refusal)
        below = [name for name in self.parameters if name.rpartition("/")[0] == request["Path"]]
        start = int(request.get("NextToken", 0))
        page = [{"Name": name} for name in below[start : start + 2]]
        next_page = {"NextToken": str(start + 2)} if below[start + 2 :] else {}
        return {"Parameters": page, **next_page}

    def describe_stacks(self, **request: Any) -> dict[str, Any]:
        name = request["StackName"]
        if self.unreadable:
            raise refused("AccessDenied", self.unreadable)
        if name not in self.stacks:
            raise refused("ValidationError", f"Stack with id {name} does not exist")
        outputs = [{"OutputKey": key, "OutputValue": "v"} for key in self.stacks[name]]
        return {"Stacks": [{"Outputs": outputs}]}


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Ask")


def resolutions_of(cloud: Cloud, *texts: str) -> Sequence[Resolution]:
    references = [reference for text in texts if (reference := Reference.parse(text)) is not None]
    resolutions = Published(cast("Session", cloud)).resolve(references)
    return [resolutions[reference] for reference in references]


def test_the_nearest_names_come_first_wherever_they_are_listed() -> None:
    names = ("a", "b", "c", "d", "cluster")
    cloud = Cloud(parameters=tuple(f"/shop/{name}" for name in names))
    (missing,) = resolutions_of(cloud, "ssm:/shop/clustr")
    assert isinstance(missing, Missing)
    assert missing.published[0] == "/shop/cluster", "it is on the third page"
    assert sorted(missing.published) == sorted(cloud.parameters)


@pytest.mark.parametrize(
    "text",
    [
        "ssm:/shop/url",
        "ssm:shop/url",
        "ssm:/shop/url:3",
        "ssm:shop/url:live",
        f"ssm:{PARAMETER}/shop/url",
        f"ssm:{PARAMETER}/shop/url:3",
    ],
)
def test_a_parameter_is_found_however_it_is_called(text: str) -> None:
    cloud = Cloud(parameters=("/shop/url",))
    assert resolutions_of(cloud, text, "ssm:/shop/url") == [Found(text="v"), Found(text="v")]


def test_a_name_without_a_slash_is_found() -> None:
    assert resolutions_of(Cloud(parameters=("CFN-Url-1",)), "ssm:CFN-Url-1") == [Found(text="v")]


def test_a_list_is_no_value_and_a_short_secret_cannot_be_hidden() -> None:
    cloud = Cloud(
        parameters=("/a/list", "/a/short", "/a/long"),
        types={"/a/list": "StringList", "/a/short": "SecureString", "/a/long": "SecureString"},
        values={"/a/long": "long-enough"},
    )
    listed, short, long = resolutions_of(cloud, "ssm:/a/list", "ssm:/a/short", "ssm:/a/long")
    assert isinstance(listed, Missing)
    assert listed.there
    assert listed.reason.startswith("is a StringList, and one value is needed")
    assert isinstance(short, Missing)
    assert short.reason.startswith("is a SecureString of fewer than 8 characters")
    assert long == Found(text="long-enough", secret=True)


def test_a_path_is_listed_once_and_only_where_a_name_is_missing() -> None:
    cloud = Cloud(parameters=("/shop/url",))
    resolutions = resolutions_of(cloud, "ssm:/shop/url", "ssm:/shop/clustr", "ssm:/shop/repo")
    assert resolutions[0] == Found(text="v")
    assert cloud.listed_paths == ["/shop"]


def test_no_more_than_fifty_names_are_looked_through() -> None:
    cloud = Cloud(parameters=tuple(f"/shop/{number:03}" for number in range(99)))
    resolutions_of(cloud, "ssm:/shop/x")
    assert len(cloud.listed_paths) == 5


@pytest.mark.parametrize(
    ("refusal", "allow"),
    [
        (
            f"{LISTING}/shop because no identity-based policy allows it",
            allowing("ssm:GetParametersByPath", f"{PARAMETER}/shop"),
        ),
        ("no", "allow ssm:GetParametersByPath on /shop in the role's policy"),
    ],
)
def test_a_listing_that_is_refused_says_so_and_what_would_allow_it(
    refusal: str, allow: str
) -> None:
    first, second = resolutions_of(Cloud(refusal=refusal), "ssm:/shop/clustr", "ssm:/shop/repo")
    assert second == Missing(), "said once for a path"
    assert first == Missing(
        more=(
            "Names beside it cannot be listed: ssm:GetParametersByPath is not allowed on /shop",
            f"To see them: {allow}",
        )
    )


@pytest.mark.parametrize("text", ["ssm:/shop/clustr", "cfn:shop-stagin.Url"])
def test_a_name_that_the_role_may_not_read_may_be_misspelt(text: str) -> None:
    with pytest.raises(AccessDeniedError) as caught:
        resolutions_of(Cloud(unreadable=f"{READING}/shop/clustr"), text)
    assert caught.value.remedy.startswith("allow ssm:GetParameters on ")
    assert "; or correct the name in ci/delivery.toml: a role may read" in caught.value.remedy
    (allow,) = caught.value.details
    assert f'"Resource": "{PARAMETER}/shop/clustr"' in allow


def test_outputs_of_a_stack_are_listed_the_nearest_first() -> None:
    cloud = Cloud(stacks={"shop": ("Cluster", "Url")})
    assert resolutions_of(cloud, "cfn:shop.URLs", "cfn:shop.Url") == [
        Missing(published=("shop.Url", "shop.Cluster")),
        Found(text="v"),
    ]


def test_a_stack_that_is_not_there_says_once_how_to_list_them() -> None:
    command = "aws cloudformation list-stacks --region eu-west-1"
    permission = "needs cloudformation:ListStacks, which a rendered role lacks"
    reason = "there is no stack shop"
    assert resolutions_of(Cloud(), "cfn:shop.Url", "cfn:shop.Role") == [
        Missing(reason=reason, more=(f"To see those there are: {command} ({permission})",)),
        Missing(reason=reason),
    ]
