"""Settings that the doctor looks at and no delivery reads: the repository's, IAM's, log groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from shipway.aws.client_errors import code_of
from shipway.aws.session import Session, translated
from shipway.config.environment import Environment
from shipway.doctor.execution_role import Need
from shipway.doctor.repository import RepositorySettings
from shipway.doctor.role import Document, LiveRole
from shipway.util.partitions import registry_home

_NO_ROLE = "NoSuchEntity"
_ALLOWED = "allowed"


class AwsInspection:
    """Implements :class:`shipway.doctor.ports.Inspection`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def repository(self, environment: Environment) -> RepositorySettings | None:
        """DescribeRepositories; see the port."""
        home = registry_home(environment.registry) or (environment.account, environment.region)
        client = self._session.elsewhere(home[1]).client("ecr")
        with translated("ecr:DescribeRepositories", environment.repository_uri):
            try:
                answer = client.describe_repositories(
                    registryId=home[0], repositoryNames=[environment.repository]
                )
            except ClientError as error:
                if code_of(error) != "RepositoryNotFoundException":
                    raise
                return None
            [repository] = answer["repositories"]
            scanning = repository.get("imageScanningConfiguration") or {}
            return RepositorySettings(
                uri=repository["repositoryUri"],
                mutability=repository.get("imageTagMutability", ""),
                scan_on_push=bool(scanning.get("scanOnPush")),
            )

    def role(self, name: str) -> LiveRole | None:
        """GetRole, and every policy of it; the SDK decodes the documents."""
        iam = self._session.client("iam")
        with translated("iam:GetRole", name):
            try:
                role = iam.get_role(RoleName=name)["Role"]
            except ClientError as error:
                if code_of(error) != _NO_ROLE:
                    raise
                return None
        return LiveRole(
            trust=role["AssumeRolePolicyDocument"],
            statements=tuple(
                statement
                for document in self._policies(iam, name)
                for statement in _statements(document)
            ),
        )

    def _policies(self, iam: Any, role: str) -> Iterator[Document]:
        with translated("iam:ListRolePolicies", role):
            pages = iam.get_paginator("list_role_policies").paginate(RoleName=role)
            names = [name for page in pages for name in page["PolicyNames"]]
        for name in names:
            with translated("iam:GetRolePolicy", role):
                yield iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        with translated("iam:ListAttachedRolePolicies", role):
            pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
            arns = [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]
        for arn in arns:
            with translated("iam:GetPolicy", arn):
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            with translated("iam:GetPolicyVersion", arn):
                answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
                yield answer["PolicyVersion"]["Document"]

    def refused(self, role: str, need: Need) -> tuple[tuple[str, str], ...]:
        """SimulatePrincipalPolicy; see the port.

        It knows the policies of the principal and its boundary, and of a resource none unless it
        is given (IAM API Reference, SimulatePrincipalPolicy:
        https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
        """
        with translated("iam:SimulatePrincipalPolicy", role):
            pages = (
                self._session.client("iam")
                .get_paginator("simulate_principal_policy")
                .paginate(
                    PolicySourceArn=role,
                    ActionNames=list(need.actions),
                    ResourceArns=list(need.resources),
                )
            )
            return tuple(
                (result["EvalActionName"], result.get("EvalResourceName", "*"))
                for page in pages
                for result in page["EvaluationResults"]
                if result["EvalDecision"] != _ALLOWED
            )

    def has_log_group(self, name: str) -> bool:
        """DescribeLogGroups; see the port."""
        with translated("logs:DescribeLogGroups", name):
            pages = (
                self._session.client("logs")
                .get_paginator("describe_log_groups")
                .paginate(logGroupNamePrefix=name)
            )
            return any(
                group["logGroupName"] == name for page in pages for group in page["logGroups"]
            )


def _statements(document: Document) -> list[Document]:
    statements = document.get("Statement", [])
    return [statements] if isinstance(statements, dict) else list(statements)
