"""IAM's quotas: what is too long is folded or cut, and what cannot be is told beforehand."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import ConfigurationError
from shipway.policy.compile import bootstrap_template, permissions, roles, sizes, trust, workflow
from shipway.policy.compile.resources import Resources
from shipway.policy.contract import TASKS, Contract, ContractEntry, EnvironmentPolicy, Source
from shipway.policy.pattern import matches
from shipway.util.partitions import partition_of

HOST = "token.actions.githubusercontent.com"
SOURCE = Source(
    repository="example/shop",
    repository_id=424200,
    owner_id=4242,
    workflow=".github/workflows/deploy.yml",
)
POLICY = EnvironmentPolicy(environment="staging", role="deploy", github_environment="staging")
CALLED = "corp/ci/.github/workflows/ship.yml@refs/tags/v1"
# What a team wrote that could not be applied: three entries to one environment.
CASE = ("refs/heads/main", "refs/tags/*-rc", "refs/heads/hotfix/*")


def contract(*refs: str, environment_policy: EnvironmentPolicy = POLICY) -> Contract:
    entries = tuple(
        ContractEntry(
            name=f"entry-{number}",
            event="push",
            ref=ref,
            environments=("staging",),
            tasks=TASKS,
            line=number + 1,
        )
        for number, ref in enumerate(refs)
    )
    return Contract(
        path="ci/release.toml",
        entries=entries,
        source=SOURCE,
        environment_policies=(environment_policy,),
    )


def trusted(made: Contract) -> dict[str, Any]:
    return trust.policy(made, "staging", trust.provider_arn(SOURCE))


def resources(*services: str) -> Resources:
    return Resources(
        environment="staging",
        services=services,
        parameters=tuple(f"/shop/staging/{service}" for service in services),
        stacks=("shop-staging",),
    )


def like(pattern: str, text: str) -> bool:
    expression = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.match(expression, text) is not None


def accepts(document: Mapping[str, Any], claims: Mapping[str, str]) -> bool:
    """Whether STS would trade these claims for the role."""
    return any(_statement(statement["Condition"], claims) for statement in document["Statement"])


def _statement(condition: Mapping[str, Any], claims: Mapping[str, str]) -> bool:
    def alike(operator: str) -> list[bool]:
        compare = like if operator.endswith("Like") else (lambda wanted, text: wanted == text)
        return [
            any(
                compare(value, claims[key.removeprefix(f"{HOST}:")])
                for value in (values if isinstance(values, list) else [values])
            )
            for key, values in condition.get(operator, {}).items()
        ]

    return all(alike("StringEquals") + alike("StringLike")) and not any(alike("StringNotLike"))


def claims(ref: str, workflow_ref: str = "") -> dict[str, str]:
    return {
        "aud": "sts.amazonaws.com",
        "repository_id": "424200",
        "repository_owner_id": "4242",
        "environment": "staging",
        "sub": "repo:example/shop:environment:staging",
        "ref": ref,
        "job_workflow_ref": f"example/shop/.github/workflows/deploy.yml@{workflow_ref or ref}",
    }


def test_three_entries_to_one_environment_fit_once_they_are_folded() -> None:
    whole = [trusted(contract(ref)) for ref in CASE]
    assert sum(map(sizes.length, whole)) > 2048, "they did not"
    document = trusted(contract(*CASE))
    assert sizes.length(document) <= 2048
    for ref in ("refs/heads/main", "refs/tags/v1-rc", "refs/heads/hotfix/a"):
        assert accepts(document, claims(ref))
    for ref in ("refs/heads/other", "refs/tags/a/v1-rc", "refs/heads/hotfix/a/b", "refs/tags/main"):
        assert not accepts(document, claims(ref))
    assert not accepts(document, claims("refs/heads/main", "refs/heads/other"))
    assert trust.is_folded(contract(*CASE), "staging")


def test_what_fits_has_a_statement_for_each_entry_as_ever() -> None:
    document = trusted(contract(*CASE[:2]))
    assert [statement["Sid"] for statement in document["Statement"]] == ["Entry0", "Entry1"]
    assert not trust.is_folded(contract(*CASE[:2]), "staging")
    assert not accepts(document, claims("refs/heads/main", "refs/tags/v1-rc"))


@given(
    refs=st.lists(
        st.sampled_from(
            [
                "refs/heads/main",
                "refs/heads/hotfix/*",
                "refs/heads/a*b*",
                "refs/heads/r/*/x",
                "refs/tags/*-rc",
                "refs/tags/*",
                "refs/tags/rel/*-rc",
            ]
        ),
        min_size=1,
        max_size=5,
        unique=True,
    ),
    ref=st.sampled_from(["refs/heads/", "refs/tags/", ""]).flatmap(
        lambda start: st.text("abmainrelhotfix/-c1x", max_size=14).map(lambda end: start + end)
    )
    | st.sampled_from(
        ["refs/tags/rel/1-rc", "refs/tags/1-rc", "refs/heads/r/a/x", "refs/heads/ab"]
    ),
)
def test_folded_entries_let_in_what_the_contract_means(refs: list[str], ref: str) -> None:
    made = contract(*refs)
    groups = trust.folded(made.entries)
    document = {
        "Statement": [trust.statement_of(SOURCE, POLICY, group, "arn:provider") for group in groups]
    }
    assert accepts(document, claims(ref)) == any(matches(pattern, ref) for pattern in refs)


def test_what_does_not_fit_even_folded_is_told_with_its_entries() -> None:
    refs = tuple(
        f"refs/heads/a-rather-long-name-of-a-release-branch-{number}" for number in range(9)
    )
    with pytest.raises(ConfigurationError) as caught:
        bootstrap_template.compose(contract(*refs), resources("web"), session=3600)
    error = caught.value
    assert "characters, and IAM takes 2,048" in error.what
    assert len(error.details) == len(refs)
    assert error.details[0].startswith("ci/release.toml:1  entry-0: push refs/heads/a-rather")
    assert "trust_policy_quota in [environments.staging]" in error.remedy
    granted = replace(POLICY, trust_policy_quota=4096)
    text = bootstrap_template.compose(
        contract(*refs, environment_policy=granted), resources("web"), session=3600
    )
    assert "AssumeRolePolicyDocument" in text


def statements(services: int) -> tuple[dict[str, Any], ...]:
    reached = resources(*(f"service-{number}" for number in range(services)))
    return tuple(permissions.policy(reached, TASKS)["Statement"])


@pytest.mark.parametrize("services", [10, 25, 60])
def test_many_services_are_cut_into_managed_policies_that_fit(services: int) -> None:
    whole = statements(services)
    assert sizes.length({"Version": "2012-10-17", "Statement": list(whole)}) > sizes.INLINE
    parts = sizes.cut(whole)
    for part in parts:
        assert sizes.length({"Version": "2012-10-17", "Statement": list(part)}) <= sizes.MANAGED
        sids = [statement["Sid"] for statement in part]
        assert len(set(sids)) == len(sids)

    def pairs(of: tuple[dict[str, Any], ...]) -> set[tuple[str, str]]:
        return {
            (action, str(resource))
            for statement in of
            for action in trust.actions([statement])
            for resource in (
                statement["Resource"]
                if isinstance(statement["Resource"], list)
                else [statement["Resource"]]
            )
        }

    assert pairs(tuple(statement for part in parts for statement in part)) == pairs(whole)


def test_a_template_names_its_managed_policies() -> None:
    reached = resources(*(f"service-{number}" for number in range(10)))
    text = bootstrap_template.compose(contract("refs/heads/main"), reached, session=3600)
    assert text.count('Type: "AWS::IAM::ManagedPolicy"') == len(sizes.cut(statements(10)))
    assert "- !Ref DeployRolePolicy1\n" in text
    assert "PolicyName: deliver" not in text


def test_a_few_services_stay_in_the_role_as_ever() -> None:
    text = bootstrap_template.compose(contract("refs/heads/main"), resources("web"), session=3600)
    assert "AWS::IAM::ManagedPolicy" not in text
    assert "PolicyName: deliver" in text


def test_more_than_a_role_may_have_is_told() -> None:
    reached = resources(*(f"service-{number}" for number in range(99)))
    with pytest.raises(
        ConfigurationError, match=r"fills \d+ managed policies, and a role may have"
    ):
        bootstrap_template.compose(contract("refs/heads/main"), reached, session=3600)


def test_names_that_turn_out_longer_are_told_before_anything_is_applied() -> None:
    reached = resources(*(f"service-{number}" for number in range(7)))
    (role,) = bootstrap_template.roles_of(contract("refs/heads/main"), reached)
    roles.check(role, POLICY)
    long = {f"ServiceService{number}": "s" * 255 for number in range(7)} | {"Cluster": "c" * 255}
    with pytest.raises(ConfigurationError, match="the names of staging are too long"):
        roles.check(role, POLICY, long)


def test_a_longer_partition_counts_in_every_arn() -> None:
    reached = resources(*(f"service-{number}" for number in range(6)))
    (role,) = bootstrap_template.roles_of(contract("refs/heads/main"), reached)
    roles.check(role, POLICY, {"AWS::Partition": "aws"})
    allowed = {"Version": "2012-10-17", "Statement": list(role.statements)}
    by_partition = [
        sizes.length(allowed, {"AWS::Partition": partition_of(region).id})
        for region in ("eu-west-1", "cn-north-1", "eusc-de-east-1", "us-gov-west-1")
    ]
    assert by_partition == sorted(set(by_partition)), "GovCloud's ARNs are the longest"


def test_white_space_is_not_counted() -> None:
    assert sizes.length({"a": " b  c "}) == len('{"a":"bc"}')


def test_path_and_boundary_of_both_roles() -> None:
    bounded = replace(
        POLICY,
        by_hand_role="people",
        by_hand_principals=("role/team/deployers", "arn:aws:iam::999988887777:user/mona"),
        role_path="/delivery/",
        permissions_boundary="limits/developer",
    )
    made = contract("refs/heads/main", environment_policy=bounded)
    person = ContractEntry(
        name="person", event="by-hand", ref="", environments=("staging",), tasks=("build",)
    )
    text = bootstrap_template.compose(
        replace(made, entries=(*made.entries, person)), resources("web"), session=3600
    )
    assert text.count("      Path: /delivery/\n") == 2
    boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/limits/developer"
    assert text.count(f'PermissionsBoundary: !Sub "{boundary}"') == 2
    assert 'aws:PrincipalArn:\n                  - !Sub "arn:${AWS::Partition}:iam::' in text
    assert "iam::999988887777:root" in text
    assert "iam::999988887777:user/mona" in text
    by_hand = text.partition("  ByHandRole:")[2]
    assert "ecr:PutImage" not in by_hand, "it may build, and no more"


@pytest.mark.parametrize(
    ("source", "environment", "subjects"),
    [
        (
            SOURCE,
            "eu:live",
            (
                "repo:example/shop:environment:eu%3Alive",
                "repo:example@4242/shop@424200:environment:eu%3Alive",
            ),
        ),
        (
            replace(SOURCE, subject_claims=("repository_owner_id", "context")),
            "live",
            ("repository_owner_id:4242:environment:live",),
        ),
        (
            replace(
                SOURCE,
                subject_claims=("repo", "job_workflow_ref"),
                called_workflow=CALLED,
            ),
            "live",
            (
                f"repo:example/shop:job_workflow_ref:{CALLED}",
                f"repo:example@4242/shop@424200:job_workflow_ref:{CALLED}",
            ),
        ),
    ],
)
def test_the_subject_is_spelt_as_github_spells_it(
    source: Source, environment: str, subjects: tuple[str, ...]
) -> None:
    named = replace(POLICY, github_environment=environment)
    assert trust.subjects(source, named, "refs/heads/main") == subjects


def test_a_workflow_that_calls_another_is_rendered_with_the_pinned_ref() -> None:
    made = replace(contract("refs/heads/main"), source=replace(SOURCE, called_workflow=CALLED))
    regions = workflow.regions(made, workflow.Budget(minutes=45, session=3600))
    assert [region.name for region in regions] == ["on", "job"]
    lines = [line.strip() for line in regions[1].lines]
    at = lines.index("uses: corp/ci/.github/workflows/ship.yml@v1")
    assert lines[at + 1 : at + 3] == ["with:", "environment: staging"]
    assert not [line for line in lines if line.startswith("timeout-minutes:")]


def test_a_called_workflow_is_the_one_that_holds_the_job() -> None:
    made = replace(contract("refs/tags/*-rc"), source=replace(SOURCE, called_workflow=CALLED))
    document = trust.policy(made, "staging", "arn:provider")
    condition = document["Statement"][0]["Condition"]
    assert condition["StringEquals"][f"{HOST}:job_workflow_ref"] == CALLED
    assert condition["StringLike"] == {f"{HOST}:ref": "refs/tags/*-rc"}


def job_lines(source: Source) -> list[str]:
    made = replace(contract("refs/heads/main"), source=source)
    regions = workflow.regions(made, workflow.Budget(minutes=45, session=3600))
    return [line.strip() for line in regions[1].lines]


def test_a_job_may_write_deployments_only_where_the_contract_says_so() -> None:
    plain = job_lines(SOURCE)
    assert "environment: staging" in plain
    assert not [line for line in plain if "deployments" in line]
    telling = job_lines(replace(SOURCE, deployments=True))
    at = telling.index("environment:")
    assert telling[at + 1] == "name: staging"
    assert telling[at + 2].startswith("url: ${{ steps.deploy.outputs.url }}")
    assert [line for line in telling if line.startswith("deployments: write")]
    called = job_lines(replace(SOURCE, deployments=True, called_workflow=CALLED))
    assert "environment: staging" in called, "an input of what is called"
    assert [line for line in called if line.startswith("deployments: write")]
