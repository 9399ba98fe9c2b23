from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.config.environment import RUNS_WAIT
from shipway.config.load import load
from shipway.errors import ConfigurationError
from shipway.policy.compile import bootstrap_template, permissions, trust, workflow
from shipway.policy.compile.resources import Resources, resources_of
from shipway.policy.contract import TASKS, Contract, ContractEntry, EnvironmentPolicy, Source, Task
from shipway.policy.pattern import matches
from shipway.rollout.judge.terms import Policy

SOURCE = Source(
    repository="example/shop",
    repository_id=424200,
    owner_id=4242,
    workflow=".github/workflows/deploy.yml",
)
HOST = "token.actions.githubusercontent.com"


def contract(*refs: str, github_environment: str = "production") -> Contract:
    entries = tuple(
        ContractEntry(
            name=f"entry-{number}",
            event="push",
            ref=ref,
            environments=("production",),
            tasks=TASKS,
        )
        for number, ref in enumerate(refs)
    )
    environment_policies = (
        EnvironmentPolicy(
            environment="production", role="deploy", github_environment=github_environment
        ),
    )
    return Contract(
        path="ci/release.toml",
        entries=entries,
        source=SOURCE,
        environment_policies=environment_policies,
    )


def test_a_tag_with_a_wildcard_is_exact_in_everything_else() -> None:
    document = trust.policy(contract("refs/tags/*-stable"), "production", "arn:provider")
    (statement,) = document["Statement"]
    assert statement["Principal"] == {"Federated": "arn:provider"}
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{HOST}:aud": "sts.amazonaws.com",
            f"{HOST}:repository_id": "424200",
            f"{HOST}:repository_owner_id": "4242",
            f"{HOST}:environment": "production",
            f"{HOST}:sub": [
                "repo:example/shop:environment:production",
                "repo:example@4242/shop@424200:environment:production",
            ],
        },
        "StringLike": {
            f"{HOST}:ref": "refs/tags/*-stable",
            f"{HOST}:job_workflow_ref": "example/shop/.github/workflows/deploy.yml"
            "@refs/tags/*-stable",
        },
        "StringNotLike": {f"{HOST}:ref": "*/*/*/*"},
    }


def test_without_an_environment_the_subject_has_the_ref() -> None:
    document = trust.policy(contract("refs/heads/main", github_environment=""), "production", "p")
    condition = document["Statement"][0]["Condition"]
    assert list(condition) == ["StringEquals"]
    assert f"{HOST}:environment" not in condition["StringEquals"]
    assert condition["StringEquals"][f"{HOST}:sub"] == [
        "repo:example/shop:ref:refs/heads/main",
        "repo:example@4242/shop@424200:ref:refs/heads/main",
    ]


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/*-stable", "refs/heads/r/*"])
@pytest.mark.parametrize("environment", ["production", ""])
def test_only_keys_that_sts_knows_and_only_operators_that_need_them(
    ref: str, environment: str
) -> None:
    document = trust.policy(contract(ref, github_environment=environment), "production", "p")
    for operator, keys in document["Statement"][0]["Condition"].items():
        assert operator in {"StringEquals", "StringLike", "StringNotLike"}
        for key in keys:
            assert key.removeprefix(f"{HOST}:") in trust.KEYS
    likes = document["Statement"][0]["Condition"]
    # A negated operator passes where the key is missing: the same key must be there to be like.
    assert set(likes.get("StringNotLike", {})) <= set(likes.get("StringLike", {}))


def like(pattern: str, text: str) -> bool:
    """StringLike: ``*`` is any characters, slashes included; the whole text, with case."""
    expression = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.match(expression, text) is not None


@given(
    pattern=st.sampled_from(["refs/tags/*-stable", "refs/heads/r/*", "refs/tags/v*-rc*", "a*/b"]),
    ref=st.text("refs/tagshdv1-c*ble\n", max_size=24)
    | st.sampled_from(["refs/tags/v1-stable", "refs/tags/a/v1-stable", "refs/heads/r/a/b"]),
)
def test_like_and_not_deeper_is_what_the_contract_means(pattern: str, ref: str) -> None:
    allowed = like(pattern, ref) and not like(trust.deeper(pattern), ref)
    assert allowed == matches(pattern, ref)


def test_nobody_is_trusted_where_no_event_leads() -> None:
    with pytest.raises(ValueError, match="nobody to trust"):
        trust.policy(contract("refs/heads/main"), "staging", "p")


DELIVERY = """
schema = 1
name = "shop"
[environments.production]
account = "444455556666"
region = "eu-west-1"
repository = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/team/shop"
cluster = "ssm:/shop/cluster"
timeout = 1200
[environments.production.services.web]
service = "arn:aws:ecs:eu-west-1:444455556666:service/shop/web"
container = "web"
url = "cfn:shop-prod.Url"
[environments.production.services.back-office]
service = "ssm:/shop/office"
container = "web"
timeout = 1800
verify_timeout = 120
"""


@pytest.fixture
def delivery(tmp_path: object) -> object:
    file = tmp_path / "delivery.toml"  # type: ignore[operator]
    file.write_text(DELIVERY, encoding="utf-8")
    return load(file)


def test_names_that_are_written_are_defaults_and_references_are_read_by_name(
    delivery: object,
) -> None:
    declared = delivery.environment("production")  # type: ignore[attr-defined]
    resources = resources_of(declared)
    assert resources == Resources(
        environment="production",
        services=("web", "back-office"),
        parameters=("/shop/cluster", "/shop/office"),
        stacks=("shop-prod",),
        written=(("Repository", "team/shop"), ("ServiceWeb", "web")),
        lock="/shipway/shop/production/lock",
    )
    text = bootstrap_template.render(contract("refs/tags/*-stable"), declared, session=7200)
    assert "    Default: team/shop\n" in text
    assert "parameter/shop/office" in text
    assert "service/${Cluster}/${ServiceBackOffice}" in text
    assert "MaxSessionDuration: 7200" in text
    assert max(map(len, text.splitlines())) < 200


def test_the_budget_holds_the_longest_rollout_its_roll_back_and_every_verification(
    delivery: object,
) -> None:
    time = workflow.budget(contract("refs/heads/main"), delivery)  # type: ignore[arg-type]
    assert Policy().rollback_timeout == workflow.ROLLBACK_SECONDS
    hold = 60
    seconds = workflow.BUILD_SECONDS + RUNS_WAIT + 1800 + 60 + 120 + hold + 600
    assert time.minutes * 60 >= seconds
    assert time.minutes * 60 < seconds + 300
    assert time.session >= time.minutes * 60


def test_the_budget_holds_the_jobs_of_a_delivery_and_not_those_by_hand(tmp_path: Path) -> None:
    def minutes(jobs: str) -> int:
        file = tmp_path / "delivery.toml"
        head = """schema = 1
            name = "shop"
            [environments.production]
            account = "444455556666"
            region = "eu-west-1"
            repository = "shop"
            cluster = "shop"
            [environments.production.services.web]
            service = "web"
            container = "web"
        """
        file.write_text(head + jobs, encoding="utf-8")
        return workflow.budget(contract("refs/tags/*-stable"), load(file)).minutes

    job = """
        [environments.production.jobs.{key}]
        when = "{when}"
        service = "web"
        timeout = {seconds}
    """
    without = minutes("")
    assert minutes(job.format(key="a", when="by-hand", seconds=3600)) == without
    both = job.format(key="a", when="before", seconds=600)
    both += job.format(key="b", when="after", seconds=300)
    assert minutes(both) == without + 15


def test_an_environment_where_no_event_leads_has_no_role(delivery: object) -> None:
    empty = Contract(path="ci/release.toml", entries=(), source=SOURCE)
    with pytest.raises(ConfigurationError, match="no role is made for production"):
        bootstrap_template.render(empty, delivery.environment("production"), session=1)  # type: ignore[attr-defined]


NEEDS = Resources(environment="production", services=("web",), parameters=("/a/b",), stacks=("s",))


@pytest.mark.parametrize(
    ("tasks", "absent"),
    [
        (("build",), ("ecr:PutImage", "ecs:UpdateService", "iam:PassRole")),
        (("build", "publish"), ("ecs:UpdateService", "iam:PassRole", "logs:GetLogEvents")),
        (TASKS, ("ecs:DeleteService", "ecs:DeregisterTaskDefinition", "ecr:BatchDeleteImage")),
    ],
)
def test_a_role_may_do_what_its_tasks_need_and_no_more(
    tasks: tuple[Task, ...], absent: tuple[str, ...]
) -> None:
    document = permissions.policy(NEEDS, tasks)
    allowed = trust.actions(document["Statement"])
    assert not set(absent) & set(allowed)
    assert "ssm:GetParameters" in allowed
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
