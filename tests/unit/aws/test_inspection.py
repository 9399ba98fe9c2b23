"""Settings that the doctor reads, from answers as boto3 gives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from tests.unit.doctor.test_judgements import ENVIRONMENT

from shipway.aws.inspection import AwsInspection
from shipway.aws.logs import CloudWatchLogs
from shipway.aws.session import Session
from shipway.doctor.execution_role import Need
from shipway.doctor.repository import RepositorySettings
from shipway.doctor.role import LiveRole
from shipway.errors import AccessDeniedError
from shipway.rollout.ports import LogPage

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
ALLOW = {"Effect": "Allow", "Action": "a", "Resource": "*"}


@dataclass
class Account:
    """Every client; an operation without an answer is refused with an error code."""

    answers: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)

    def client(self, service: str) -> Account:
        assert service in {"ecr", "iam", "logs"}
        return self

    def elsewhere(self, region: str) -> Account:
        self.regions.append(region)
        return self

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.requests.append((operation, request))
            if operation in self.errors:
                code = self.errors[operation]
                raise ClientError({"Error": {"Code": code, "Message": "no"}}, operation)
            return self.answers[operation]

        return call

    def get_paginator(self, operation: str) -> Any:
        account = self

        class Pages:
            def paginate(self, **request: Any) -> Iterator[Any]:
                yield getattr(account, operation)(**request)

        return Pages()


def page(behind: str, *lines: tuple[datetime, str]) -> LogPage:
    return LogPage(lines=lines, token=behind)


def inspection(account: Account) -> AwsInspection:
    return AwsInspection(cast("Session", account))


def test_a_repository() -> None:
    repository = {
        "repositoryUri": "host/tally",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
    }
    account = Account({"describe_repositories": {"repositories": [repository]}})
    assert inspection(account).repository(ENVIRONMENT) == RepositorySettings(
        uri="host/tally", mutability="IMMUTABLE", scan_on_push=True
    )
    [(_, request)] = account.requests
    assert request == {"registryId": "111122223333", "repositoryNames": ["tally"]}
    assert account.regions == ["eu-west-1"]
    missing = Account({}, {"describe_repositories": "RepositoryNotFoundException"})
    assert inspection(missing).repository(ENVIRONMENT) is None


def test_a_role_with_every_policy() -> None:
    account = Account(
        {
            "get_role": {"Role": {"AssumeRolePolicyDocument": {"Statement": []}}},
            "list_role_policies": {"PolicyNames": ["deliver"]},
            "get_role_policy": {"PolicyDocument": {"Statement": ALLOW}},
            "list_attached_role_policies": {"AttachedPolicies": [{"PolicyArn": "arn"}]},
            "get_policy": {"Policy": {"DefaultVersionId": "v2"}},
            "get_policy_version": {"PolicyVersion": {"Document": {"Statement": [ALLOW]}}},
        }
    )
    live = inspection(account).role("tally-deploy")
    assert live == LiveRole(trust={"Statement": []}, statements=(ALLOW, ALLOW))
    assert inspection(Account({}, {"get_role": "NoSuchEntity"})).role("gone") is None
    with pytest.raises(AccessDeniedError):
        inspection(Account({}, {"get_role": "AccessDenied"})).role("shut")


def test_a_simulation() -> None:
    results = [
        {"EvalActionName": "a:B", "EvalResourceName": "r", "EvalDecision": "allowed"},
        {"EvalActionName": "a:C", "EvalResourceName": "r", "EvalDecision": "implicitDeny"},
    ]
    account = Account({"simulate_principal_policy": {"EvaluationResults": results}})
    need = Need(name="x", actions=("a:B", "a:C"), resources=("r",))
    assert inspection(account).refused("role", need) == (("a:C", "r"),)


def test_a_log_group_is_known_by_its_whole_name() -> None:
    account = Account({"describe_log_groups": {"logGroups": [{"logGroupName": "/shop/web2"}]}})
    assert not inspection(account).has_log_group("/shop/web")
    assert inspection(account).has_log_group("/shop/web2")


def test_a_page_of_a_log_stream() -> None:
    events = [{"timestamp": int(AT.timestamp() * 1000), "message": "up"}]
    account = Account({"get_log_events": {"events": events, "nextForwardToken": "f/1"}})
    logs = CloudWatchLogs(cast("Session", account))
    assert logs.page("/shop", "ecs/web/t1", AT, "") == page("f/1", (AT, "up"))
    logs.page("/shop", "ecs/web/t1", AT, "f/1")
    assert [request.get("nextToken") for _, request in account.requests] == [None, "f/1"]
    none = Account({}, {"get_log_events": "ResourceNotFoundException"})
    missing = CloudWatchLogs(cast("Session", none))
    assert missing.page("/shop", "s", AT, "t") == page("t")
