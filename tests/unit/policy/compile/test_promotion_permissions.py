"""What a deploy role may read of the environment before: to promote from it, or to ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.policy.compile.deploy_role import (
    DELIVERY,
    PARAMETERS,
    RESOLVED,
    added,
    named,
    resources_with,
    template,
)

from shipway.config.load import load
from shipway.policy.compile import bootstrap_template
from shipway.policy.compile.resources import resources_of
from shipway.policy.contract import Task


@pytest.mark.parametrize(
    ("source", "own", "written"),
    [
        (
            "team/shop",
            "",
            {
                "SourceAccount": "111122223333",
                "SourceRegion": "eu-west-1",
                "SourceRepository": "team/shop",
            },
        ),
        (
            "999988887777.dkr.ecr.us-east-1.amazonaws.com/shop",
            "",
            {
                "SourceAccount": "999988887777",
                "SourceRegion": "us-east-1",
                "SourceRepository": "shop",
            },
        ),
        (
            "shop",
            'promote_repository = "999988887777.dkr.ecr.us-east-1.amazonaws.com/a/b"',
            {
                "SourceAccount": "999988887777",
                "SourceRegion": "us-east-1",
                "SourceRepository": "a/b",
            },
        ),
        ("ssm:/shop/staging", "", {}),
        ("shop", 'promote_repository = "cfn:promotes.Uri"', {}),
    ],
)
def test_images_are_read_from_the_one_repository(
    tmp_path: Path, source: str, own: str, written: Mapping[str, str]
) -> None:
    resources = resources_with(tmp_path, source=source, own=f'promote_from = "staging"\n{own}')
    assert added(resources) == {
        "ReadPromotedImages": {
            "Sid": "ReadPromotedImages",
            "Effect": "Allow",
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": {
                "Fn::Sub": "arn:${AWS::Partition}:ecr:${SourceRegion}:${SourceAccount}"
                ":repository/${SourceRepository}"
            },
        }
    }
    assert {name: text for name, text in resources.written if name in PARAMETERS} == written
    text = template(resources)
    assert all(
        bootstrap_template.takes(text, f"Source{name}")
        for name in ("Account", "Region", "Repository")
    )


def test_what_names_the_source_is_looked_up_with_this_role(tmp_path: Path) -> None:
    own = 'promote_from = "staging"'
    assert resources_with(tmp_path).parameters == ()
    assert resources_with(tmp_path, own=own).parameters == ("/shop/staging",)
    named = resources_with(tmp_path, own=f'{own}\npromote_repository = "cfn:promotes.Uri"')
    assert (named.parameters, named.stacks) == ((), ("promotes",))


def test_who_may_not_publish_may_not_promote(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, own='promote_from = "staging"')
    assert added(resources, ("build",)) == {}
    assert not bootstrap_template.takes(template(resources, ("build",)), "SourceRepository")
    assert set(added(resources, ("build", "publish"))) == {"ReadPromotedImages"}


def test_another_account_is_told_what_to_allow(tmp_path: Path) -> None:
    text = template(resources_with(tmp_path, own='promote_from = "staging"'))
    assert 'FromAnotherAccount: !Not [!Equals [!Ref SourceAccount, !Ref "AWS::AccountId"]]' in text
    policy = re.search(r"Condition: FromAnotherAccount\n.*\n    Value: !Sub (.*)\n", text)
    assert policy is not None
    assert json.loads(json.loads(policy[1])) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LetImagesBePromoted",
                "Effect": "Allow",
                "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Principal": {"AWS": "${DeployRole.Arn}"},
            }
        ],
    }


@pytest.mark.parametrize("tasks", [("build", "publish", "deploy"), ("run",)])
def test_the_repository_of_the_environment_before_is_asked_for_a_digest_and_no_more(
    tmp_path: Path, tasks: tuple[Task, ...]
) -> None:
    shared = "999988887777.dkr.ecr.us-east-1.amazonaws.com/team/shop"
    resources = resources_with(tmp_path, source=shared, after="staging")
    where = "${VerifiedRegion}:${VerifiedAccount}:repository/${VerifiedRepository}"
    assert named(resources, tasks)["SeeVerifiedImages"] == {
        "Sid": "SeeVerifiedImages",
        "Effect": "Allow",
        "Action": "ecr:BatchGetImage",
        "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:ecr:{where}"},
    }
    written = {
        "VerifiedAccount": "999988887777",
        "VerifiedRegion": "us-east-1",
        "VerifiedRepository": "team/shop",
    }
    assert written.items() <= dict(resources.written).items()
    assert bootstrap_template.options(resources, RESOLVED) == written
    text = template(resources, tasks)
    assert "    Default: team/shop\n" in text
    assert "Condition: VerifiedInAnotherAccount\n" in text
    policy = re.search(r"VerifiedRepositoryPolicy:\n(?:.*\n){2}    Value: !Sub (.*)\n", text)
    assert policy is not None
    (statement,) = json.loads(json.loads(policy[1]))["Statement"]
    assert statement["Action"] == "ecr:BatchGetImage"
    assert statement["Principal"] == {"AWS": "${DeployRole.Arn}"}


@pytest.mark.parametrize("tasks", [("build", "publish"), ("verify",), ("rollback",)])
def test_who_passes_no_gate_there_asks_nothing_of_the_environment_before(
    tmp_path: Path, tasks: tuple[Task, ...]
) -> None:
    resources = resources_with(tmp_path, source="shop", after="staging")
    assert "SeeVerifiedImages" not in named(resources, tasks)
    assert "Verified" not in template(resources, tasks)


def test_what_is_promoted_and_what_was_verified_may_be_two_repositories(tmp_path: Path) -> None:
    own = 'promote_from = "staging"\npromote_repository = "cfn:promotes.Uri"'
    same = resources_with(tmp_path, own=own, after="staging")
    assert "ReadPromotedImages" in named(same)
    assert "SeeVerifiedImages" not in named(same), "a promotion may read all that the gate asks"
    # Who publishes nothing promotes nothing, and still asks where promotions come from.
    assert set(named(same, ("deploy",))) >= {"SeeVerifiedImages"}
    assert "VerifiedRepository" not in dict(same.written)
    other = replace(same, after="qa")
    assert set(named(other)) >= {"ReadPromotedImages", "SeeVerifiedImages"}
    text = template(other)
    assert {"FromAnotherAccount:", "VerifiedInAnotherAccount:"} <= set(text.split())


def test_every_image_of_the_environment_before_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "delivery.toml"
    text = DELIVERY.format(own="", evidence="", source="shop")
    images = '[images.api]\n[images.page]\ncontext = "page"\n[environments.staging]'
    text = text.replace("[environments.staging]", images)
    for name in ("staging", "production"):
        text = text.replace(
            f"[environments.{name}.services.web]",
            f'[environments.{name}.images]\napi = {{ repository = "a/{name}" }}\n'
            f'page = {{ repository = "p/{name}" }}\n'
            f'[environments.{name}.services.page]\nservice = "page"\ncontainer = "web"\n'
            f'image = "page"\n[environments.{name}.services.web]\nimage = "api"',
        )
    text = text.replace('repository = "shop"\n', "")
    file.write_text(text, encoding="utf-8")
    resources = resources_of(load(file).environment("production"), after="staging")
    where = "${VerifiedRegion}:${VerifiedAccount}:repository"
    assert named(resources)["SeeVerifiedImages"]["Resource"] == [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:ecr:{where}/${{VerifiedRepository{key}}}"}
        for key in ("Api", "Page")
    ]
    written = dict(resources.written)
    assert written["VerifiedRepositoryApi"] == "a/staging"
    assert written["VerifiedRepositoryPage"] == "p/staging"
    made = template(resources)
    assert bootstrap_template.takes(made, "VerifiedRepositoryPage")
