"""Each judgement of the doctor: what is well, what is wrong with its remedy, what nobody saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from shipway.config.environment import Environment, EnvironmentRef, Scanning, Service
from shipway.config.images import ImageSettings
from shipway.config.notify import Receiver
from shipway.config.overlay import ContainerOverlay, Overlay
from shipway.config.task_file import TaskFile
from shipway.doctor import (
    access,
    execution_role,
    github,
    receivers,
    report,
    repository,
    role,
    services,
    tools,
)
from shipway.doctor.access import Access
from shipway.doctor.execution_role import Answer, Need
from shipway.doctor.finding import Finding, Section, Unseen, ok, wrong
from shipway.doctor.github import GithubFacts, Protection, RefPolicy, Ruleset
from shipway.doctor.repository import RepositorySettings
from shipway.doctor.role import ExpectedRole, LiveRole
from shipway.doctor.services import ServiceFacts
from shipway.doctor.tools import Tools, Wanted
from shipway.policy.compile.filled import filled
from shipway.policy.requirements import EnvironmentPolicy, Source
from shipway.rollout.hold.terms import Alarm
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import AwsLogs, ContainerDefinition, TaskDefinition
from shipway.values import Identity

ACCOUNT = "111122223333"
PERSON = Identity(account=ACCOUNT, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/mona")
PLACE = EnvironmentRef(name="production", account=ACCOUNT, region="eu-west-1")
DENIED = Unseen(why="iam:GetRole is not allowed: User: you", remedy="allow it", denied=True)
GONE = Unseen(why="AWS cannot be reached", remedy="check the network")
WEB = Service(key="web", service="tally-web", container="api")
IMAGE = ImageSettings(
    name="tally", context=".", dockerfile="Dockerfile", platforms=("linux/amd64",), build_args={}
)
ENVIRONMENT = Environment(
    name="production",
    account=ACCOUNT,
    region="eu-west-1",
    registry=f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com",
    repository="tally",
    cluster="main",
    role="",
    image=IMAGE,
    services=(WEB,),
)
LIVE = Snapshot(desired=2, running=2, breaker_enabled=True, breaker_rollback=True)
DEFINITION = TaskDefinition(
    arn="arn:aws:ecs:eu-west-1:111122223333:task-definition/tally:7",
    containers=(ContainerDefinition(name="api"), ContainerDefinition(name="proxy")),
    processor="X86_64",
)


def states(findings: Iterable[Finding]) -> dict[str, str]:
    return {finding.name: finding.state for finding in findings}


def named(findings: Iterable[Finding], name: str) -> Finding:
    [match] = [finding for finding in findings if finding.name == name]
    return match


ALL_TOOLS = Tools(buildx="v0.19", engine="28.1 linux", syft=True)


def test_all_tools_are_there() -> None:
    assert set(states(tools.judge("3f9c2ab", ALL_TOOLS, Wanted())).values()) == {"ok"}


def test_what_builds_is_asked_for_where_something_is_built_alone() -> None:
    none = Tools(buildx=GONE, engine=GONE, syft=False)
    built = states(tools.judge("3f9c2ab", none, Wanted()))
    assert (built["docker buildx"], built["engine"], built["syft"]) == ("wrong", "wrong", "ok")
    elsewhere = states(tools.judge("3f9c2ab", none, Wanted(engine=False)))
    assert (elsewhere["docker buildx"], elsewhere["engine"]) == ("wrong", "ok")
    promoted = tools.judge("3f9c2ab", none, Wanted(builds=False, sbom="required"))
    assert [finding.name for finding in promoted if finding.state == "wrong"] == ["syft"]


def judged(access_: Access, policy: EnvironmentPolicy) -> tuple[Finding, ...]:
    return tuple(access.judge(access_, PLACE, policy))


ANYBODY = EnvironmentPolicy(environment="production", by_hand_role="*")
HANDS = EnvironmentPolicy(
    environment="production", by_hand_role="tally-by-hand", by_hand_principals=("role/admin",)
)


def test_who_may_deliver() -> None:
    me = Access(person=PERSON, acting=PERSON)
    assert set(states(judged(me, ANYBODY)).values()) == {"ok"}
    taken = Identity(account=ACCOUNT, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/tally-by-hand/mona")
    assert set(states(judged(Access(person=PERSON, acting=taken), HANDS)).values()) == {"ok"}


def test_a_role_that_does_not_take_the_person() -> None:
    refused = Access(person=PERSON, acting=PERSON, refused=DENIED)
    finding = named(judged(refused, HANDS), "role")
    assert finding.state == "wrong"
    assert "bootstrap -- --env production --apply" in finding.remedy
    assert "role/admin" in finding.details[0]


def test_another_role_and_another_account_and_a_long_lived_key() -> None:
    policy = replace(HANDS, by_hand_principals=(), short_lived_keys_only=True)
    other = Identity(account="444455556666", arn="arn:aws:iam::444455556666:user/mona")
    found = states(judged(Access(person=other, acting=other, short_lived=False), policy))
    assert found == {"credentials": "ok", "account": "wrong", "role": "wrong", "key": "wrong"}


def test_where_nobody_may_by_hand_who_looks_is_not_wrong() -> None:
    policy = EnvironmentPolicy(environment="production", role="tally-deploy")
    assert named(judged(Access(person=PERSON, acting=PERSON), policy), "role").state == (
        "not checked"
    )
    run = Access(person=PERSON, acting=PERSON, by_hand=False, short_lived=False)
    assert states(judged(run, policy))["role"] == "wrong"
    assert states(judged(run, policy))["key"] == "wrong"


def test_without_credentials_nothing_else_is_said() -> None:
    assert states(judged(Access(person=GONE, acting=GONE), ANYBODY)) == {"credentials": "wrong"}


STATEMENT = {
    "Sid": "SeeImages",
    "Effect": "Allow",
    "Action": ["ecr:BatchGetImage", "ecr:DescribeImages"],
    "Resource": {"Fn::Sub": "arn:${AWS::Partition}:ecr:::repository/${Repository}"},
}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "a"}}]}
EXPECTED = ExpectedRole(
    name="tally-deploy",
    trust=TRUST,
    statements=tuple(filled([STATEMENT], {"AWS::Partition": "aws", "Repository": "tally"})),
)
REAL = {
    "Sid": "Another",
    "Effect": "Allow",
    "Action": ["ecr:DescribeImages", "ecr:BatchGetImage"],
    "Resource": ["arn:aws:ecr:::repository/tally"],
}


def of_role(live: LiveRole | Unseen | None, expected: ExpectedRole = EXPECTED) -> list[Finding]:
    return list(role.judge(expected, live, "production"))


def test_a_role_as_the_contract_says_in_other_words() -> None:
    trust = {"Statement": {"Sid": "x", "Effect": "Allow", "Principal": {"AWS": ["a"]}}}
    found = of_role(LiveRole(trust=trust, statements=(REAL,)))
    assert {finding.state for finding in found} == {"ok"}
    more = LiveRole(trust=trust, statements=(REAL, {"Effect": "Allow", "Action": "s3:*"}))
    assert "1 statement of others" in of_role(more)[1].text


def test_a_role_that_differs() -> None:
    wider = {"Statement": [*TRUST["Statement"], {"Effect": "Allow", "Principal": {"AWS": "b"}}]}
    trust, permissions = of_role(LiveRole(trust=wider, statements=()))
    assert (trust.state, permissions.state) == ("wrong", "wrong")
    assert "trusts others" in trust.text
    assert permissions.details == ("SeeImages: ecr:BatchGetImage, ecr:DescribeImages",)


def test_a_role_that_is_not_there_or_may_not_be_read() -> None:
    assert [finding.state for finding in of_role(None)] == ["wrong", "not checked"]
    unread = of_role(DENIED)
    assert {finding.state for finding in unread} == {"not checked"}
    assert unread[0].text == "iam:GetRole is not allowed"
    known = LiveRole(trust=TRUST, statements=())
    unknown = of_role(known, replace(EXPECTED, statements=GONE))
    assert [finding.state for finding in unknown] == ["ok", "not checked"]


def test_a_list_parameter_is_filled_in_as_one() -> None:
    assert filled([{"Ref": "TaskRoles"}], {"TaskRoles": "a,b"}) == [["a", "b"]]
    with pytest.raises(KeyError):
        filled({"Ref": "Nothing"}, {})


def test_the_repository() -> None:
    there = RepositorySettings(uri="host/tally", mutability="IMMUTABLE", scan_on_push=True)
    assert set(states(repository.judge(there, ENVIRONMENT)).values()) == {"ok"}
    scanned = replace(ENVIRONMENT, scan=Scanning(required=True))
    bare = replace(there, mutability="MUTABLE", scan_on_push=False)
    assert states(repository.judge(bare, scanned))["scan"] == "not checked"
    [missing] = repository.judge(None, ENVIRONMENT)
    assert "environments.production.repository" in missing.remedy
    assert states(repository.judge(DENIED, ENVIRONMENT)) == {"repository": "wrong"}


def of_service(
    snapshot: Snapshot | Unseen = LIVE,
    definition: TaskDefinition | Unseen = DEFINITION,
    service: Service = WEB,
    environment: Environment = ENVIRONMENT,
    alarms: dict[str, Alarm] | None = None,
) -> list[Finding]:
    facts = ServiceFacts(
        snapshot=snapshot, definition=definition, alarms=alarms or {}, names=("tally-webs",)
    )
    return list(services.judge(facts, service, environment))


def test_a_service_that_a_rollout_can_take() -> None:
    assert set(states(of_service()).values()) == {"ok"}


def test_a_service_that_is_not_there() -> None:
    [missing] = of_service(Snapshot(exists=False, status="INACTIVE"))
    assert 'did you mean "tally-webs"?' in missing.text
    assert "environments.production.services.web.service" in missing.remedy
    assert states(of_service(GONE)) == {"service": "wrong"}


@pytest.mark.parametrize(
    ("snapshot", "name"),
    [
        (replace(LIVE, controller="CODE_DEPLOY"), "controller"),
        (replace(LIVE, breaker_enabled=False), "circuit breaker"),
        (replace(LIVE, alarms=("a",), alarms_enabled=False), "alarms"),
        (replace(LIVE, alarms=("gone",), alarms_enabled=True), "alarms"),
        (replace(LIVE, alarms=("loud",), alarms_enabled=True), "alarms"),
    ],
)
def test_what_a_rollout_cannot_take(snapshot: Snapshot, name: str) -> None:
    loud = {"loud": Alarm(name="loud", state="ALARM", reason="too many")}
    found = of_service(snapshot, alarms=loud)
    assert [finding.name for finding in found if finding.state == "wrong"] == [name]
    assert named(found, name).remedy


def test_what_delivery_toml_does_not_ask_for_is_not_wrong() -> None:
    lenient = replace(WEB, require_circuit_breaker=False, require_alarms=False)
    snapshot = replace(LIVE, breaker_enabled=False)
    assert set(states(of_service(snapshot, service=lenient)).values()) == {"ok"}


def test_a_container_that_is_misspelt_is_named_with_its_key() -> None:
    found = named(of_service(service=replace(WEB, container="prxy")), "container prxy")
    assert found.state == "wrong"
    assert found.remedy.startswith("correct environments.production.services.web.container: ")
    assert 'did you mean "proxy"?' in found.remedy


def test_a_container_that_something_else_is_set_in_must_be_there() -> None:
    overlay = Overlay(containers=(ContainerOverlay(name="prxy", cpu=128),))
    environment = replace(ENVIRONMENT, overlays={"web": overlay})
    found = named(of_service(environment=environment), "container prxy")
    assert "environments.production.services.web.containers" in found.remedy


def _from_file(family: str, container: str, processor: str) -> list[Finding]:
    base = TaskFile(
        path="infra/task.json",
        document={
            "family": family,
            "runtimePlatform": {"cpuArchitecture": processor},
            "containerDefinitions": [{"name": container, "image": "a"}],
        },
    )
    overlays = {"web": Overlay(file=base.path, base=base)}
    return of_service(environment=replace(ENVIRONMENT, overlays=overlays))


def test_a_file_is_judged_in_the_place_of_what_runs() -> None:
    family, container = DEFINITION.family, ENVIRONMENT.services[0].container
    found = _from_file(family, container, "ARM64")
    assert named(found, f"container {container}").state == "ok"
    assert "asks for ARM64" in named(found, "platform").text
    assert named(_from_file(family, "wep", "X86_64"), f"container {container}").state == "wrong"
    other = named(_from_file("other", container, "X86_64"), "task definition")
    assert (other.state, "is of task definition other" in other.text) == ("wrong", True)


@pytest.mark.parametrize(
    ("processor", "platforms", "state"),
    [
        ("X86_64", ("linux/amd64",), "ok"),
        ("", ("linux/amd64",), "ok"),
        ("", ("linux/arm64",), "not checked"),
        ("ARM64", ("linux/amd64",), "wrong"),
        ("ARM64", ("linux/amd64", "linux/arm64"), "ok"),
        ("ARM64", (), "not checked"),
    ],
)
def test_the_image_against_the_processor(
    processor: str, platforms: tuple[str, ...], state: str
) -> None:
    environment = replace(ENVIRONMENT, image=replace(IMAGE, platforms=platforms))
    definition = replace(DEFINITION, processor=processor)
    found = of_service(definition=definition, environment=environment)
    assert named(found, "platform").state == state


SECRETS = TaskDefinition(
    arn="td/tally:7",
    execution_role=f"arn:aws:iam::{ACCOUNT}:role/starter",
    containers=(
        ContainerDefinition(
            name="api",
            image=f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/team/tally@sha256:{'0' * 64}",
            secrets=(
                ("A", "/tally/a"),
                ("B", f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:b-AbCdEf:key::"),
            ),
            logs=AwsLogs(group="/tally", region="eu-west-1"),
        ),
    ),
)


def test_what_tasks_start_with() -> None:
    wanted = execution_role.needs(SECRETS, ACCOUNT, "eu-west-1")
    assert {need.name: need.resources for need in wanted} == {
        "images": (f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/team/tally",),
        "parameters": (f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/tally/a",),
        "secrets": (f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:b-AbCdEf",),
        "logs": (f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/tally:*",),
    }


def test_a_role_that_starts_tasks() -> None:
    need = Need(name="secrets", actions=("secretsmanager:GetSecretValue",), resources=("b",))

    def state(refused: Unseen | tuple[tuple[str, str], ...]) -> str:
        [finding] = execution_role.judge(SECRETS, (Answer(need=need, refused=refused),))
        return finding.state

    assert (state(()), state(DENIED), state((("secretsmanager:GetSecretValue", "b"),))) == (
        "ok",
        "not checked",
        "wrong",
    )


def test_secrets_without_a_role_start_no_task() -> None:
    [finding] = execution_role.judge(replace(SECRETS, execution_role=""), ())
    assert finding.state == "wrong"
    [none] = execution_role.judge(DEFINITION, ())
    assert none.state == "ok"


def test_log_groups() -> None:
    groups: dict[str, bool | Unseen] = {"/there": True, "/gone": False, "/unread": DENIED}
    assert list(states(execution_role.group_findings(groups)).values()) == [
        "ok",
        "not checked",
        "not checked",
    ]


SOURCE = Source(
    repository="octo/tally", repository_id=1, owner_id=2, workflow=".github/workflows/x.yml"
)
LOCKED = EnvironmentPolicy(environment="production", github_environment="production")
RULES = Ruleset(
    name="stable",
    active=True,
    include=("refs/tags/*-stable",),
    rules=("creation", "update", "deletion"),
)
FACTS = GithubFacts(
    numbers=(1, 2),
    rulesets=(RULES,),
    environment=Protection(
        rules=("required_reviewers",),
        refs="named",
        policies=(
            RefPolicy(kind="tag", name="v*-stable"),
            RefPolicy(kind="branch", name="main"),
        ),
    ),
)
REFS = ("refs/tags/v*-stable", "refs/heads/main")


def at_github(facts: GithubFacts, policy: EnvironmentPolicy = LOCKED) -> dict[str, Finding]:
    return {finding.name: finding for finding in github.judge(facts, SOURCE, policy, REFS)}


def test_every_lock_of_githubs() -> None:
    found = at_github(FACTS)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert set(found) == {"repository", "ruleset for v*-stable", "environment production"}


@pytest.mark.parametrize(
    "ruleset",
    [
        replace(RULES, active=False),
        replace(RULES, include=("refs/tags/other-*",)),
        replace(RULES, exclude=("refs/tags/v*",)),
    ],
)
def test_a_ruleset_that_does_not_hold(ruleset: Ruleset) -> None:
    finding = at_github(replace(FACTS, rulesets=(ruleset,)))["ruleset for v*-stable"]
    assert finding.state == "wrong"
    assert "(creation)" in finding.text


def test_the_lock_that_lacks_is_named() -> None:
    weak = replace(RULES, include=("~ALL",), rules=("update",))
    finding = at_github(replace(FACTS, rulesets=(weak,)))["ruleset for v*-stable"]
    assert "(deletion)" in finding.text
    assert "(update)" not in finding.text
    open_to_all = replace(FACTS, environment=Protection(rules=(), refs="any"))
    assert at_github(open_to_all)["environment production"].state == "wrong"
    assert at_github(replace(FACTS, environment=None))["environment production"].state == "wrong"
    assert at_github(replace(FACTS, numbers=(9, 2)))["repository"].state == "wrong"


def test_what_a_token_may_not_see_is_not_wrong() -> None:
    unseen = GithubFacts(numbers=GONE, rulesets=GONE, environment=GONE)
    assert {finding.state for finding in at_github(unseen).values()} == {"not checked"}
    bare = at_github(FACTS, EnvironmentPolicy(environment="production"))
    assert bare["environment"].state == "not checked"


@pytest.mark.parametrize(
    ("protection", "state", "text"),
    [
        (Protection(rules=(), refs="protected"), "wrong", "keeps runs of refs/tags/v*-stable out"),
        (
            Protection(rules=(), refs="named", policies=(RefPolicy(kind="branch", name="main"),)),
            "wrong",
            "keeps runs of refs/tags/v*-stable out",
        ),
        (
            # A branch of that name is no tag.
            Protection(
                rules=(),
                refs="named",
                policies=(
                    RefPolicy(kind="branch", name="v*-stable"),
                    RefPolicy(kind="branch", name="main"),
                ),
            ),
            "wrong",
            "keeps runs of refs/tags/v*-stable out",
        ),
        (
            Protection(rules=(), refs="named", policies=(RefPolicy(kind="branch", name="*"),)),
            "wrong",
            "every branch may deploy",
        ),
        (
            Protection(
                rules=("wait_timer",),
                refs="named",
                policies=(
                    RefPolicy(kind="tag", name="v*"),
                    RefPolicy(kind="branch", name="main"),
                ),
            ),
            "ok",
            "no reviewer is asked; more than the contract: tag v*",
        ),
    ],
)
def test_whom_an_environment_lets_in(protection: Protection, state: str, text: str) -> None:
    finding = at_github(replace(FACTS, environment=protection))["environment production"]
    assert finding.state == state
    assert text in finding.text


def test_policies_that_a_token_may_not_see_are_not_wrong() -> None:
    hidden = Protection(rules=(), refs="named", policies=GONE)
    found = at_github(replace(FACTS, environment=hidden))
    assert found["refs of environment production"].state == "not checked"


def test_who_is_told_and_who_cannot_be() -> None:
    told = (
        Receiver(name="ops", url="https://hooks.example.com/x", secret="s", events=("failed",)),  # noqa: S106
        Receiver(name="chat", url="http://hooks.example.com/x", format="slack"),
        Receiver(name="lost", trouble="ssm:/x is not published"),
    )
    found = {each.name: each for each in receivers.judge(told, confined=False)}
    assert list(states(found.values()).values()) == ["ok", "wrong", "wrong"]
    assert found["notify ops"].text == "failed as cloudevents, signed"
    assert "https://" in found["notify chat"].text
    assert "ssm:/x is not published" in found["notify lost"].text
    assert all("hooks.example.com" not in str(each.document()) for each in found.values())


def test_the_tree() -> None:
    sections = (
        Section(name="tools", findings=(ok("git", "3f9c2ab"),)),
        Section(name="cluster", findings=(wrong("cluster", "no hunter2", "make it", "why"),)),
    )
    hidden = report.without(sections, frozenset({"hunter2"}))
    assert list(report.lines(hidden)) == [
        " tools",
        "   ✓ git  3f9c2ab",
        " cluster",
        "   ✗ cluster  wrong: no ***",
        "              why",
        "              → make it",
    ]
    assert report.document(hidden)["ready"] is False
    assert report.verdict(hidden) == "1 ok, 1 wrong. Nothing was changed."
