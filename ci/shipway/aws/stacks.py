"""CloudFormation for ``bootstrap``: a change set that is shown first, and what it must know.

Nothing here deletes anything but a change set that was not wanted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from shipway.aws import task_definition
from shipway.aws.client_errors import message_of
from shipway.aws.session import Session, translated
from shipway.errors import AwsError, ConfigurationError
from shipway.rollout.task_definition import TaskDefinition

_SECONDS: Final = 300.0
_PAUSE: Final = 1.0
_QUICK: Final = 0.1
_NOTHING: Final = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of a change set."""

    action: str
    resource: str
    kind: str
    replacement: bool
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """What would be changed; ``changes`` is empty where nothing would."""

    stack: str
    arn: str
    creates: bool
    changes: tuple[Change, ...]


class Stacks:
    """One account's stacks.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _client(self) -> Any:
        return self._session.client("cloudformation")

    def task_definition_of(self, cluster: str, service: str) -> TaskDefinition:
        """The live task definition of a service, which names what a deploy role must know.

        Raises:
            ConfigurationError: The service is not there: its own stack comes first.
        """
        ecs = self._session.client("ecs")
        with translated("ecs:DescribeServices", f"{cluster}/{service}"):
            services = ecs.describe_services(cluster=cluster, services=[service])["services"]
        if not services:
            raise ConfigurationError(
                f"there is no service {service} in cluster {cluster}",
                where=f"{cluster}/{service}",
                remedy="make the service first: its roles and its log group are read from it",
            )
        name = services[0]["taskDefinition"]
        with translated("ecs:DescribeTaskDefinition", name):
            return task_definition.read(ecs.describe_task_definition(taskDefinition=name))

    def makes_provider(self, stack: str, host: str) -> bool:
        """Whether the stack is to make the account's OIDC provider: it does, or nobody has."""
        with translated("iam:ListOpenIDConnectProviders"):
            answer = self._session.client("iam").list_open_id_connect_providers()
            known = {provider["Arn"] for provider in answer["OpenIDConnectProviderList"]}
        if not any(arn.endswith(f":oidc-provider/{host}") for arn in known):
            return True
        if not self._exists(stack):
            return False
        with translated("cloudformation:DescribeStackResources", stack):
            answer = self._client.describe_stack_resources(StackName=stack)
            return any(
                resource["ResourceType"] == "AWS::IAM::OIDCProvider"
                for resource in answer["StackResources"]
            )

    def propose(self, stack: str, template: str, parameters: Mapping[str, str]) -> ChangeSet:
        """Make a change set and wait until it can be read; nothing is changed yet.

        Raises:
            AwsError: CloudFormation does not accept the template.
        """
        creates = not self._exists(stack)
        with translated("cloudformation:CreateChangeSet", stack):
            answer = self._client.create_change_set(
                StackName=stack,
                ChangeSetName=f"shipway-{time.time_ns()}",
                ChangeSetType="CREATE" if creates else "UPDATE",
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
            arn = str(answer["Id"])
        described = self._described(stack, arn)
        proposed = ChangeSet(
            stack=stack, arn=arn, creates=creates, changes=_changes(described.get("Changes", ()))
        )
        if described["Status"] == "FAILED":
            reason = str(described.get("StatusReason", ""))
            self.forget(proposed)
            if not any(text in reason for text in _NOTHING):
                raise AwsError(
                    f"CloudFormation refused the change set: {reason}",
                    where=stack,
                    remedy="see the reason; nothing was changed",
                )
        return proposed

    def _described(self, stack: str, arn: str) -> Any:
        end = time.monotonic() + _SECONDS
        pause = _QUICK
        while True:
            with translated("cloudformation:DescribeChangeSet", stack):
                change_set = self._client.describe_change_set(StackName=stack, ChangeSetName=arn)
            if not str(change_set["Status"]).endswith(("PENDING", "IN_PROGRESS")):
                return change_set
            if time.monotonic() > end:
                raise AwsError("the change set is not ready", where=stack, remedy="see it in AWS")
            time.sleep(pause)
            pause = min(_PAUSE, pause * 2)

    def forget(self, proposed: ChangeSet) -> None:
        """Take a change set away that is not wanted; the stack stays as it is."""
        with translated("cloudformation:DeleteChangeSet", proposed.stack):
            self._client.delete_change_set(StackName=proposed.stack, ChangeSetName=proposed.arn)

    def carry_out(self, proposed: ChangeSet) -> Mapping[str, str]:
        """Execute a change set, and wait for its end; gives the stack's outputs.

        Raises:
            AwsError: CloudFormation put everything back; the reason is in the details.
        """
        with translated("cloudformation:ExecuteChangeSet", proposed.stack):
            self._client.execute_change_set(StackName=proposed.stack, ChangeSetName=proposed.arn)
        end = time.monotonic() + _SECONDS
        pause = _QUICK
        while True:
            with translated("cloudformation:DescribeStacks", proposed.stack):
                described = self._client.describe_stacks(StackName=proposed.stack)["Stacks"][0]
            status = str(described["StackStatus"])
            if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
                return {
                    output["OutputKey"]: output["OutputValue"]
                    for output in described.get("Outputs", ())
                }
            if status.endswith(("FAILED", "ROLLBACK_COMPLETE")) or time.monotonic() > end:
                raise AwsError(
                    f"the stack {proposed.stack} is {status}",
                    where=proposed.stack,
                    details=self._reasons(proposed.stack),
                    remedy="mend the reason above, then apply again",
                )
            time.sleep(pause)
            pause = min(_PAUSE, pause * 2)

    def _reasons(self, stack: str) -> tuple[str, ...]:
        with translated("cloudformation:DescribeStackEvents", stack):
            events = self._client.describe_stack_events(StackName=stack)["StackEvents"]
        return tuple(
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in events
            if str(event["ResourceStatus"]).endswith("FAILED")
        )[:5]

    def _exists(self, stack: str) -> bool:
        with translated("cloudformation:DescribeStacks", stack):
            try:
                stacks = self._client.describe_stacks(StackName=stack)["Stacks"]
            except ClientError as error:
                if "does not exist" not in message_of(error):
                    raise
                return False
            return str(stacks[0]["StackStatus"]) != "REVIEW_IN_PROGRESS"


def _changes(entries: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    changes = [entry["ResourceChange"] for entry in entries if "ResourceChange" in entry]
    return tuple(
        Change(
            action=change["Action"],
            resource=change["LogicalResourceId"],
            kind=change["ResourceType"],
            replacement=str(change.get("Replacement")) == "True",
            parts=tuple(
                dict.fromkeys(
                    str(detail.get("Target", {}).get("Name", ""))
                    for detail in change.get("Details", ())
                )
            ),
        )
        for change in changes
    )
