"""What a role reads in another environment's repository: promoted images, verified ones. Pure.

Whatever it asks of one, it asks nowhere else; where the repository is another account's, that
account must allow the same ("Cross-account policy evaluation logic", IAM User Guide).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shipway.policy.compile.trust import camel

if TYPE_CHECKING:
    from shipway.policy.compile.resources import Resources
    from shipway.policy.contract import Task

Document = dict[str, Any]

SOURCE: Final = "Source"
"""Begins the template's parameters that say where promoted images lie."""
VERIFIED: Final = "Verified"
"""Begins those that say where the images lie that ``after`` asks about."""
PROMOTED: Final = (
    "ecr:BatchGetImage",  # manifests; ListImageReferrers asks for it too (ECR API Reference)
    "ecr:GetDownloadUrlForLayer",
)
"""What a promotion asks of the repository that it takes an image from."""
_ASKED: Final = ("ecr:BatchGetImage",)
"""What the gate asks of the one before: whether a digest is still there; no layer is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The repositories of another environment, and what is read there.

    Attributes:
        environment: Whose they are.
        images: The key of each image that lies in one.
        prefix: What the names of the template's parameters begin with.
        sid: The name of the role's statement.
        actions: What the role may do there.
        grant: The name of the statement in the repository's own policy.
        what: Which images they are, for descriptions.
        condition: The template's condition that it is another account's.
    """

    environment: str
    images: tuple[str, ...]
    prefix: str
    sid: str
    actions: tuple[str, ...]
    grant: str
    what: str
    condition: str

    @property
    def names(self) -> tuple[str, ...]:
        """The template's parameters that name the repositories."""
        return tuple(f"{self.prefix}Repository{camel(key)}" for key in self.images)

    @property
    def resources(self) -> list[Document]:
        """The repositories' ARNs, by the template's parameters."""
        where = f"${{{self.prefix}Region}}:${{{self.prefix}Account}}"
        arn = f"arn:${{AWS::Partition}}:ecr:{where}:repository/"
        return [{"Fn::Sub": f"{arn}${{{name}}}"} for name in self.names]

    @property
    def output(self) -> str:
        """The template's output that says what another account must allow."""
        return f"{self.prefix}RepositoryPolicy"

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Name and description of each of the template's parameters."""
        place = f"the ECR repository of {self.environment}."
        return (
            (f"{self.prefix}Account", f"Account of {place}"),
            (f"{self.prefix}Region", f"Region of {place}"),
            *((name, f"Name of {place}") for name in self.names),
        )

    @property
    def elsewhere(self) -> Document:
        """The condition itself."""
        same = {"Fn::Equals": [{"Ref": f"{self.prefix}Account"}, {"Ref": "AWS::AccountId"}]}
        return {self.condition: {"Fn::Not": [same]}}

    def policy(self, roles: Sequence[str]) -> Document:
        """What the repository's own policy must allow, where it is another account's.

        Args:
            roles: The ARNs of the roles that read.
        """
        allowed = {
            "Sid": self.grant,
            "Effect": "Allow",
            "Principal": {"AWS": list(roles) if len(roles) > 1 else roles[0]},
            "Action": list(self.actions) if len(self.actions) > 1 else self.actions[0],
        }  # no resource: it is the policy of one repository
        return {"Version": "2012-10-17", "Statement": [allowed]}


def promotes(resources: Resources, tasks: Sequence[Task]) -> bool:
    """Whether images are taken from another environment; taking one publishes it here."""
    return bool(resources.source) and "publish" in tasks


def readings(resources: Resources, tasks: Sequence[Task]) -> tuple[Reading, ...]:
    """Every repository of another environment that a role with these tasks reads.

    The gate asks the one that ``after`` names whether it still has the digest that was verified,
    before a deploy or a job. Whoever goes back asks nothing there.
    """
    found = []
    if promotes(resources, tasks):
        # Whether a layer is there is asked of the repository that it goes to, never of this one.
        found.append(
            Reading(
                environment=resources.source,
                images=resources.taken,
                prefix=SOURCE,
                sid="ReadPromotedImages",
                actions=PROMOTED,
                grant="LetImagesBePromoted",
                what="promoted",
                condition="FromAnotherAccount",
            )
        )
    asked = resources.after and ("deploy" in tasks or "run" in tasks)
    covered = any(
        each.environment == resources.after and set(resources.verified) <= set(each.images)
        for each in found
    )
    if asked and not covered:
        found.append(
            Reading(
                environment=resources.after,
                images=resources.verified,
                prefix=VERIFIED,
                sid="SeeVerifiedImages",
                actions=_ASKED,
                grant="LetVerifiedImagesBeSeen",
                what="verified",
                condition="VerifiedInAnotherAccount",
            )
        )
    return tuple(found)
