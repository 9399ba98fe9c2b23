"""Answers that AWS gives in pages, and MiniStack whole.

Which operation has pages of what size stands in its API Reference; how the parameters and the
token are called is the service's own. A token is opaque to whoever gets it: here it is the place
where the next page begins, bound to the operation.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET


class TokenError(Exception):
    """A token that this operation did not give."""


@dataclass(frozen=True, slots=True)
class Paged:
    """How one operation gives its answer in pages.

    Attributes:
        listing: The member whose elements are counted.
        size: The parameter with how many are wanted.
        token: The parameter with where to go on.
        next_token: The member with where to go on.
        usual: How many there are without ``size``.
        most: How many there are at most.
        more: The member that says whether there are more; empty where the token alone does.
    """

    listing: str
    size: str = "maxResults"
    token: str = "nextToken"  # noqa: S105  # a parameter's name
    next_token: str = "nextToken"  # noqa: S105  # the same
    usual: int = 100
    most: int = 100
    more: str = ""


def _iam(listing: str) -> Paged:
    return Paged(listing, "MaxItems", "Marker", "Marker", 100, 1000, more="IsTruncated")


def _elb(listing: str) -> Paged:
    return Paged(listing, "PageSize", "Marker", "NextMarker", 400, 400)


def _ec2(listing: str) -> Paged:
    return Paged(listing, "MaxResults", "NextToken", "nextToken", 1000, 1000)


PAGED: Final[Mapping[str, Paged]] = {
    "ec2:DescribeSecurityGroups": _ec2("securityGroupInfo"),
    "ec2:DescribeSubnets": _ec2("subnetSet"),
    "ec2:DescribeVpcs": _ec2("vpcSet"),
    "ecr:DescribeImages": Paged("imageDetails", most=1000),
    "ecr:DescribeRepositories": Paged("repositories", most=1000),
    "ecr:ListImages": Paged("imageIds", most=1000),
    "ecs:ListClusters": Paged("clusterArns"),
    "ecs:ListServiceDeployments": Paged("serviceDeployments", usual=20),
    "ecs:ListServices": Paged("serviceArns", usual=10),
    "ecs:ListTaskDefinitionFamilies": Paged("families"),
    "elasticloadbalancing:DescribeListeners": _elb("Listeners"),
    "elasticloadbalancing:DescribeLoadBalancers": _elb("LoadBalancers"),
    "elasticloadbalancing:DescribeRules": _elb("Rules"),
    "elasticloadbalancing:DescribeTargetGroups": _elb("TargetGroups"),
    "iam:ListAttachedRolePolicies": _iam("AttachedPolicies"),
    "iam:ListPolicies": _iam("Policies"),
    "iam:ListPolicyVersions": _iam("Versions"),
    "iam:ListRolePolicies": _iam("PolicyNames"),
    "iam:ListRoles": _iam("Roles"),
    "iam:ListRoleTags": _iam("Tags"),
    "iam:ListUsers": _iam("Users"),
}
"""By operation. What is not here has no pages at AWS, or MiniStack gives them itself."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which elements of a listing are sent: from ``start``, ``size`` of them."""

    start: int
    size: int


def window(operation: str, paged: Paged, parameters: Mapping[str, Any]) -> Window:
    """What a request asks for.

    Raises:
        TokenError: It goes on where no answer of this operation stopped.
    """
    wanted = str(parameters.get(paged.size) or paged.usual)
    size = min(max(int(wanted), 1), paged.most) if wanted.isdigit() else paged.usual
    given = str(parameters.get(paged.token) or "")
    return Window(_start(operation, given) if given else 0, size)


def page(operation: str, document: dict[str, Any], place: Window) -> dict[str, Any]:
    """One page of a JSON answer, with the token of the next one where there is one."""
    paged = PAGED[operation]
    listed = document.get(paged.listing)
    if not isinstance(listed, list):
        return document
    end = place.start + place.size
    on = {paged.next_token: _token(operation, end)} if end < len(listed) else {}
    return {**document, paged.listing: listed[place.start : end], **on}


def page_of_elements(operation: str, text: str, place: Window) -> str:
    """The same for an answer in XML; one that fits into its page is left as it is."""
    paged = PAGED[operation]
    root = ET.fromstring(text)  # noqa: S314  # MiniStack wrote it, in this process
    namespace = root.tag.partition("}")[0][1:] if root.tag.startswith("{") else ""
    prefix = f"{{{namespace}}}" if namespace else ""
    name = f"{prefix}{paged.listing}"
    holder = next((node for node in root.iter() if node.find(name) is not None), None)
    listing = holder.find(name) if holder is not None else None
    if holder is None or listing is None:
        return text
    elements: Sequence[ET.Element] = list(listing)
    end = place.start + place.size
    if not place.start and end >= len(elements):
        return text
    for element in (*elements[: place.start], *elements[end:]):
        listing.remove(element)
    if end < len(elements):
        if paged.more:
            more = holder.find(f"{prefix}{paged.more}")
            if more is None:
                more = ET.SubElement(holder, f"{prefix}{paged.more}")
            more.text = "true"
        ET.SubElement(holder, f"{prefix}{paged.next_token}").text = _token(operation, end)
    return ET.tostring(root, encoding="unicode", default_namespace=namespace or None)


def _token(operation: str, start: int) -> str:
    return base64.urlsafe_b64encode(f"{operation} {start}".encode()).decode()


def _start(operation: str, token: str) -> int:
    try:
        name, _, start = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise TokenError(token) from error
    if name != operation or not start.isdigit():
        raise TokenError(token)
    return int(start)
