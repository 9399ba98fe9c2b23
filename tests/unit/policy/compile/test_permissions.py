"""What options of delivery.toml add to a deploy role, and that nothing else adds it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import botocore
import botocore.session  # knows the operations of each service
import pytest
from tests.unit.policy.compile.deploy_role import (
    COPIES,
    DELIVERY,
    KEY,
    PARAMETERS,
    RESOLVED,
    SIDS,
    added,
    named,
    resources_with,
    template,
)

from shipway.config.environment import Origin
from shipway.config.load import load
from shipway.policy.compile import bootstrap_template, permissions
from shipway.policy.compile.resources import Resources, place_of, resources_of
from shipway.policy.contract import TASKS, Task
from shipway.util.partitions import registry_home

ADAPTERS = Path(__file__).parents[4] / "ci" / "shipway" / "aws"
RIGHTS = {"ListObjectsV2": "ListBucket"}
"""Operations whose right has another name (Service Authorization Reference)."""


def test_without_options_nothing_is_added(tmp_path: Path) -> None:
    resources = resources_with(tmp_path)
    assert added(resources) == {}
    text = template(resources)
    assert not [name for name in PARAMETERS if bootstrap_template.takes(text, name)]
    assert "RepositoryPolicy" not in text
    assert "AnotherAccount" not in text


def test_copies_are_put_once_below_the_environments_own_prefix(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, evidence='[evidence]\ns3 = "s3://keep/shop/records"')
    own = {"Fn::Sub": "arn:${AWS::Partition}:s3:::${EvidencePlace}/production/*"}
    assert added(resources) == {
        "CopyRecordsOnce": {
            "Sid": "CopyRecordsOnce",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": own,
            "Condition": {"Null": {"s3:if-none-match": "false"}},
        },
        "ReadTheRecords": {
            "Sid": "ReadTheRecords",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": own,
        },
        "FindTheHeadOfTheChain": {
            "Sid": "FindTheHeadOfTheChain",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${EvidenceBucket}"},
            "Condition": {
                "StringEquals": {"s3:prefix": {"Fn::Sub": "${EvidencePrefix}production/chain/"}}
            },
        },
    }
    written = dict(resources.written)
    assert written["EvidencePlace"] == "keep/shop/records"
    assert (written["EvidenceBucket"], written["EvidencePrefix"]) == ("keep", "shop/records/")
    # Every run keeps a record, one that only builds too.
    assert set(added(resources, ("build",))) == COPIES


def test_the_records_of_the_environment_before_are_read_and_never_written(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, evidence='[evidence]\ns3 = "s3://keep"')
    statements = added(replace(resources, after="staging"))
    place = "arn:${AWS::Partition}:s3:::${EvidencePlace}"
    own, before = ({"Fn::Sub": f"{place}/{name}/*"} for name in ("production", "staging"))
    assert statements["CopyRecordsOnce"]["Resource"] == own
    assert statements["ReadTheRecords"]["Resource"] == [own, before]
    assert statements["FindTheHeadOfTheChain"]["Condition"] == {
        "StringEquals": {
            "s3:prefix": [
                {"Fn::Sub": "${EvidencePrefix}production/chain/"},
                {"Fn::Sub": "${EvidencePrefix}staging/chain/"},
            ]
        }
    }
    assert dict(resources.written)["EvidencePrefix"] == ""


def test_a_star_in_a_prefix_is_no_wildcard_in_the_policy(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, evidence='[evidence]\ns3 = "s3://keep/a*"')
    assert dict(resources.written)["EvidencePlace"] == "keep/a${*}"
    assert '    Default: "keep/a${*}"\n' in template(resources)


def test_the_one_key_may_sign(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, own=f'sign = "kms:{KEY}"')
    assert added(resources) == {
        "SignWithTheKey": {
            "Sid": "SignWithTheKey",
            "Effect": "Allow",
            "Action": ["kms:GetPublicKey", "kms:Sign"],
            "Resource": {"Ref": "SigningKey"},
        }
    }
    assert dict(resources.written)["SigningKey"] == KEY
    assert f"    Default: {KEY}\n" in template(resources)


def test_the_image_is_named_in_these_parameters_and_no_other(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, own='image_parameter = "/shop/image"')
    assert resources.parameters == ("/shop/image",), "it is looked for before a build"
    where = "${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}"
    assert named(resources)["NameTheDeliveredImage"] == {
        "Sid": "NameTheDeliveredImage",
        "Effect": "Allow",
        "Action": "ssm:PutParameter",
        "Resource": {"Fn::Sub": f"arn:{where}:parameter/shop/image"},
    }
    assert "NameTheDeliveredImage" not in named(resources, ("build", "publish"))


def test_a_parameter_is_allowed_whatever_its_name_looks_like(tmp_path: Path) -> None:
    arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/shop/key"
    resources = resources_with(
        tmp_path, evidence='[evidence]\ns3 = "ssm:copies:3"', own=f'sign = "ssm:{arn}:live"'
    )
    assert resources.parameters == (arn, "copies")
    statement = named(resources, ("build", "publish"))["ReadTheParameters"]
    where = "${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}"
    assert statement["Resource"] == [arn, {"Fn::Sub": f"arn:{where}:parameter/copies"}]


def test_a_key_in_a_file_needs_no_rights(tmp_path: Path) -> None:
    assert added(resources_with(tmp_path, own='sign = "file:key.pem"')) == {}


def test_references_are_parameters_without_a_default(tmp_path: Path) -> None:
    resources = resources_with(
        tmp_path,
        evidence='[evidence]\ns3 = "ssm:/shop/copies"',
        own='sign = "ssm:/shop/key"\npromote_from = "staging"',
    )
    assert set(added(resources)) == SIDS
    assert not PARAMETERS & dict(resources.written).keys()
    assert resources.parameters == ("/shop/copies", "/shop/key", "/shop/staging")
    text = template(resources)
    for name in PARAMETERS:
        assert f"\n  {name}:\n    Type: String\n    Description:" in text


def test_a_record_beside_its_image_needs_no_more_than_a_push(tmp_path: Path) -> None:
    resources, attached = (
        resources_with(tmp_path),
        resources_with(tmp_path, evidence="[evidence]\nreferrer = true"),
    )
    assert permissions.policy(attached, TASKS) == permissions.policy(resources, TASKS)


@pytest.mark.parametrize(
    ("module", "sid"),
    [("kms", {"SignWithTheKey"}), ("s3", COPIES)],
)
def test_the_actions_are_the_calls_that_the_adapter_makes(module: str, sid: set[str]) -> None:
    source = (ADAPTERS / f"{module}.py").read_text(encoding="utf-8")
    operations = botocore.session.get_session().get_service_model(module).operation_names
    called = set(re.findall(r"\.([a-z0-9_]+)\(", source))
    made = {name for name in operations if botocore.xform_name(name) in called}
    calls = {f"{module}:{RIGHTS.get(name, name)}" for name in made}
    statements = added(replace(PLAIN, copies=True, signs=True))
    actions = {action for name in sid for action in _listed(statements[name]["Action"])}
    assert actions == calls


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


PLAIN = Resources(environment="production", services=("web",), parameters=(), stacks=())
ORIGIN = Origin(
    environment="staging",
    account="111122223333",
    region="eu-west-1",
    registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    repository="team/shop",
)


def test_parameters_are_filled_with_what_the_references_stand_for() -> None:
    assert bootstrap_template.options(PLAIN, RESOLVED) == {}
    every = replace(PLAIN, copies=True, signs=True, source="staging")
    filled = bootstrap_template.options(every, RESOLVED, {"Source": {"": ORIGIN}})
    assert filled == {
        "SourceAccount": "111122223333",
        "SourceRegion": "eu-west-1",
        "SourceRepository": "team/shop",
        "EvidencePlace": "keep/a${*}",
        "EvidenceBucket": "keep",
        "EvidencePrefix": "a${*}/",
        "SigningKey": KEY,
    }
    text = template(every)
    assert {name for name in PARAMETERS if bootstrap_template.takes(text, name)} == set(filled)


def test_a_reference_that_stands_for_a_file_opens_no_key() -> None:
    environment = replace(RESOLVED, sign="file:key.pem")
    filled = bootstrap_template.options(replace(PLAIN, signs=True), environment)
    assert filled == {"SigningKey": "arn:aws:kms:eu-central-1:444455556666:key/none"}


@pytest.mark.parametrize(
    ("uri", "home"),
    [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop", ("111122223333", "eu-west-1")),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/a/b", ("111122223333", "cn-north-1")),
        ("localhost:5000/shop", None),
        ("shop", None),
        ("", None),
    ],
)
def test_the_host_says_account_and_region(uri: str, home: tuple[str, str] | None) -> None:
    assert registry_home(uri) == home


def test_a_place_without_a_prefix_is_the_bucket() -> None:
    assert place_of("s3://keep") == "keep"


def test_the_lock_is_one_parameter_of_whoever_rolls_out(tmp_path: Path) -> None:
    resources = resources_with(tmp_path)
    arn = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    lock = {"Fn::Sub": f"{arn}/shipway/shop/production/lock"}
    statements = named(resources)
    assert statements["HoldTheLock"]["Action"] == "ssm:PutParameter"
    assert statements["HoldTheLock"]["Resource"] == lock
    assert statements["ReadTheParameters"]["Resource"] == lock
    assert not {"HoldTheLock", "ReadTheParameters"} & set(named(resources, ("build", "publish")))
    without = resources_with(tmp_path, own="[environments.production.lock]\nuse = false")
    assert "HoldTheLock" not in named(without)


def test_whoever_only_goes_back_gets_what_a_rollout_needs_and_publishes_nothing(
    tmp_path: Path,
) -> None:
    resources = resources_with(tmp_path)
    everything, back = named(resources), named(resources, ("rollback",))
    assert set(everything) - set(back) == {"LogInToTheRegistry", "PublishImages"}
    assert all(everything[name] == statement for name, statement in back.items())


def test_whoever_only_prunes_sees_what_uses_revisions_and_rolls_nothing_out(
    tmp_path: Path,
) -> None:
    resources = resources_with(tmp_path)
    prune = named(resources, ("prune",))
    assert prune["DeregisterOldRevisions"]["Action"] == "ecs:DeregisterTaskDefinition"
    assert "HoldTheLock" in prune
    assert not {"UpdateTheServices", "RegisterTheirFamilies", "HandRolesToTasks"} & set(prune)
    assert "DeregisterOldRevisions" not in named(resources)
    assert not bootstrap_template.takes(template(resources, ("prune",)), "TaskRoles")


def test_a_template_for_nothing_but_going_back_has_all_its_parameters(tmp_path: Path) -> None:
    text = template(resources_with(tmp_path), ("rollback",))
    for name in ("TaskRoles", "FamilyWeb", "LogGroupWeb"):
        assert bootstrap_template.takes(text, name)


BASES = (
    "222233334444.dkr.ecr.us-east-1.amazonaws.com/team/base:1",
    "222233334444.dkr.ecr.us-east-1.amazonaws.com/team/base@sha256:" + "0" * 64,
    "public.ecr.aws/docker/library/python:3",
    "python:3.13-slim",
)


def with_bases(tmp_path: Path, own: str = "") -> Resources:
    resources = resources_with(tmp_path, own=own)
    assert resources.bases == ()
    declared = load(tmp_path / "delivery.toml").environment("production")
    return resources_of(declared, BASES)


@pytest.mark.parametrize("tasks", [("build",), ("build", "publish"), TASKS])
def test_the_role_may_read_a_base_image_in_a_private_registry(
    tmp_path: Path, tasks: tuple[Task, ...]
) -> None:
    statements = named(with_bases(tmp_path), tasks)
    assert statements["ReadBaseImages"]["Resource"] == {
        "Fn::Sub": "arn:${AWS::Partition}:ecr:us-east-1:222233334444:repository/team/base"
    }
    assert statements["LogInToTheRegistry"]["Action"] == "ecr:GetAuthorizationToken"


def test_who_builds_nothing_reads_no_base(tmp_path: Path) -> None:
    assert "ReadBaseImages" not in named(with_bases(tmp_path, 'promote_from = "staging"'))


@pytest.mark.parametrize(
    ("repository", "where"),
    [
        ("shop", "${AWS::Region}:${AWS::AccountId}"),
        ("999988887777.dkr.ecr.eu-central-1.amazonaws.com/shop", "eu-central-1:999988887777"),
        ("999988887777.dkr.ecr.eu-west-1.amazonaws.com/shop", "eu-west-1:999988887777"),
    ],
)
def test_a_repository_in_another_account_or_region_is_where_the_role_may_publish(
    tmp_path: Path, repository: str, where: str
) -> None:
    file = tmp_path / "delivery.toml"
    text = DELIVERY.format(own="", evidence="", source="shop")
    file.write_text(text.replace('repository = "shop"', f'repository = "{repository}"'))
    for name in ("staging", "production"):
        declared = load(file).environment(name)
        assert declared.document.table["environments"][name]["repository"] == repository
        for sid in ("SeeImages", "PublishImages"):
            resource = named(resources_of(declared))[sid]["Resource"]["Fn::Sub"]
            assert resource == f"arn:${{AWS::Partition}}:ecr:{where}:repository/${{Repository}}"
