"""What options of delivery.toml add to a deploy role, and that nothing else adds it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore
import botocore.session  # knows the operations of each service
import pytest

from shipway.config.environment import Environment, EvidenceSettings, Origin
from shipway.config.images import ImageSettings
from shipway.config.load import load
from shipway.policy.compile import bootstrap_template, permissions
from shipway.policy.compile.resources import Resources, place_of, resources_of
from shipway.policy.contract import TASKS, Contract, ContractEntry, EnvironmentPolicy, Source, Task
from shipway.util.partitions import registry_home

ADAPTERS = Path(__file__).parents[4] / "ci" / "shipway" / "aws"
KEY = "arn:aws:kms:eu-west-1:444455556666:key/1234-abcd"
RIGHTS = {"ListObjectsV2": "ListBucket"}
"""Operations whose right has another name (Service Authorization Reference)."""
COPIES = {"CopyRecordsOnce", "ReadTheRecords", "FindTheHeadOfTheChain"}
SIDS = COPIES | {"SignWithTheKey", "ReadPromotedImages"}
PARAMETERS = {
    "EvidencePlace", "EvidenceBucket", "EvidencePrefix",
    "SigningKey", "SourceAccount", "SourceRegion", "SourceRepository",
}  # fmt: skip
DELIVERY = """
schema = 1
name = "shop"
{evidence}
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "{source}"
cluster = "shop"
[environments.staging.services.web]
service = "web"
container = "web"
[environments.production]
account = "444455556666"
region = "eu-central-1"
repository = "shop"
cluster = "shop"
{own}
[environments.production.services.web]
service = "web"
container = "web"
"""


def resources_with(
    tmp_path: Path,
    *,
    own: str = "",
    evidence: str = "",
    source: str = "ssm:/shop/staging",
    after: str = "",
) -> Resources:
    """What production needs, with some lines of its own, of the file, and staging's repository."""
    file = tmp_path / "delivery.toml"
    text = DELIVERY.format(own=own, evidence=evidence, source=source)
    file.write_text(text, encoding="utf-8")
    return resources_of(load(file).environment("production"), after=after)


def named(resources: Resources, tasks: tuple[Task, ...] = TASKS) -> dict[str, dict[str, Any]]:
    """Every statement by its name."""
    statements = permissions.policy(resources, tasks)["Statement"]
    return {statement["Sid"]: statement for statement in statements}


def added(resources: Resources, tasks: tuple[Task, ...] = TASKS) -> dict[str, dict[str, Any]]:
    """The statements that options add, by their names."""
    statements = named(resources, tasks).items()
    return {name: statement for name, statement in statements if name in SIDS}


def template(resources: Resources, tasks: tuple[Task, ...] = TASKS) -> str:
    """The template of an environment that one event leads to."""
    source = Source(repository="example/shop", repository_id=1, owner_id=2, workflow="deploy.yml")
    entry = ContractEntry(
        name="main", event="push", ref="refs/heads/main", environments=("production",), tasks=tasks
    )
    environment_policy = EnvironmentPolicy(
        environment="production", role="deploy", github_environment="production"
    )
    contract = Contract(
        path="release.toml",
        entries=(entry,),
        source=source,
        environment_policies=(environment_policy,),
    )
    return bootstrap_template.compose(contract, resources, session=3600)


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
RESOLVED = Environment(
    name="production",
    account="444455556666",
    region="eu-central-1",
    registry="444455556666.dkr.ecr.eu-central-1.amazonaws.com",
    repository="shop",
    cluster="shop",
    role="",
    image=ImageSettings(
        name="shop", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
    ),
    services=(),
    sign=f"kms:{KEY}",
    evidence=EvidenceSettings(s3="s3://keep/a*"),
)
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


JOBS = """
[environments.production.jobs.migrate]
when = "before"
service = "web"
[environments.production.jobs.warm-up]
when = "after"
task_definition = "{definition}"
"""
CLUSTER = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}"


def with_jobs(tmp_path: Path, definition: str) -> Resources:
    return resources_with(tmp_path, own=JOBS.format(definition=definition))


def test_jobs_may_be_run_and_stopped_in_the_cluster_alone(tmp_path: Path) -> None:
    assert not {"RunTheJobs", "StopTheJobs"} & set(named(resources_with(tmp_path)))
    statements = named(with_jobs(tmp_path, "warm:3"))
    own = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:"
    families = [
        {"Fn::Sub": f"{own}task-definition/${{FamilyWeb}}:*"},
        {"Fn::Sub": f"{own}task-definition/${{JobFamilyWarmUp}}:*"},
    ]
    in_cluster = {"ArnEquals": {"ecs:cluster": {"Fn::Sub": CLUSTER}}}
    assert statements["RunTheJobs"] == {
        "Sid": "RunTheJobs",
        "Effect": "Allow",
        "Action": "ecs:RunTask",
        "Resource": families,
        "Condition": in_cluster,
    }
    assert statements["StopTheJobs"]["Resource"] == {"Fn::Sub": f"{own}task/${{Cluster}}/*"}
    assert statements["StopTheJobs"]["Condition"] == in_cluster
    assert statements["RegisterTheirFamilies"]["Resource"] == families
    assert "JobLogGroupWarmUp" in json.dumps(statements["ReadTheLogs"])
    assert "RunTheJobs" not in named(with_jobs(tmp_path, "warm"), ("build", "publish"))


@pytest.mark.parametrize(
    ("definition", "default"),
    [
        ("warm", "    Default: warm\n"),
        ("warm:3", "    Default: warm\n"),
        ("arn:aws:ecs:eu-central-1:444455556666:task-definition/warm:3", "    Default: warm\n"),
        ("ssm:/shop/warm", ""),
    ],
)
def test_a_family_that_is_written_out_is_the_parameters_default(
    tmp_path: Path, definition: str, default: str
) -> None:
    text = template(with_jobs(tmp_path, definition))
    assert bootstrap_template.takes(text, "JobFamilyWarmUp")
    assert bootstrap_template.takes(text, "JobLogGroupWarmUp")
    assert not bootstrap_template.takes(text, "JobFamilyMigrate")
    assert ("    Default: warm\n" in text) is bool(default)


SCHEDULES = """
[environments.production.schedules.nightly]
rule = "{rule}"
service = "web"
[environments.production.schedules.hourly-report]
schedule = "hourly"
group = "reports"
task_definition = "report:3"
"""


def with_schedules(tmp_path: Path, rule: str = "shop-nightly") -> Resources:
    return resources_with(tmp_path, own=SCHEDULES.format(rule=rule))


def test_schedules_may_be_read_and_moved_with_their_own_roles_alone(tmp_path: Path) -> None:
    statements = named(with_schedules(tmp_path))
    here = "${AWS::Region}:${AWS::AccountId}"
    rule = {"Fn::Sub": f"arn:${{AWS::Partition}}:events:{here}:rule/${{RuleNightly}}"}
    assert statements["SeeTheRules"] == {
        "Sid": "SeeTheRules",
        "Effect": "Allow",
        "Action": "events:ListTargetsByRule",
        "Resource": rule,
    }
    assert statements["MoveTheRules"] == {
        "Sid": "MoveTheRules",
        "Effect": "Allow",
        "Action": "events:PutTargets",
        "Resource": rule,
        "Condition": {
            "ForAllValues:ArnEquals": {"events:TargetArn": {"Ref": "RuleClusters"}},
            "Null": {"events:TargetArn": "false"},
        },
    }
    timer = f"arn:${{AWS::Partition}}:scheduler:{here}:schedule/${{TimerHourlyReport}}"
    assert statements["MoveTheSchedules"] == {
        "Sid": "MoveTheSchedules",
        "Effect": "Allow",
        "Action": ["scheduler:GetSchedule", "scheduler:UpdateSchedule"],
        "Resource": {"Fn::Sub": timer},
    }
    for sid, roles, service in (
        ("HandRolesToTheRules", "RuleRoles", "events.amazonaws.com"),
        ("HandRolesToTheSchedules", "TimerRoles", "scheduler.amazonaws.com"),
    ):
        assert statements[sid] == {
            "Sid": sid,
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": {"Ref": roles},
            "Condition": {"StringEquals": {"iam:PassedToService": service}},
        }
    families = json.dumps(statements["RegisterTheirFamilies"])
    assert "${ScheduleFamilyHourlyReport}:*" in families
    assert "Nightly" not in families, "that is the service's own family"


def test_without_schedules_no_clock_is_moved(tmp_path: Path) -> None:
    clock = {"SeeTheRules", "MoveTheRules", "HandRolesToTheRules", "MoveTheSchedules"}
    assert not clock & set(named(resources_with(tmp_path)))
    assert not clock & set(named(with_schedules(tmp_path), ("build", "publish")))
    for name in ("RuleRoles", "RuleClusters", "TimerRoles"):
        assert not bootstrap_template.takes(template(resources_with(tmp_path)), name)


def test_what_moves_the_clock_is_looked_up_or_written(tmp_path: Path) -> None:
    text = template(with_schedules(tmp_path))
    own = ("ScheduleFamilyHourlyReport", "RuleNightly", "TimerHourlyReport")
    for name in (*own, "RuleRoles", "RuleClusters", "TimerRoles"):
        assert bootstrap_template.takes(text, name)
    assert "    Default: shop-nightly\n" in text
    assert "    Default: reports/hourly\n" in text
    assert "    Default: report\n" in text
    unknown = template(with_schedules(tmp_path, "ssm:/shop/rule"))
    assert bootstrap_template.takes(unknown, "RuleNightly")
    assert "Default: shop-nightly" not in unknown


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
        if declared.document.table["environments"][name]["repository"] != repository:
            continue
        for sid in ("SeeImages", "PublishImages"):
            resource = named(resources_of(declared))[sid]["Resource"]["Fn::Sub"]
            assert resource == f"arn:${{AWS::Partition}}:ecr:{where}:repository/${{Repository}}"
