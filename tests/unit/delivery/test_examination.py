"""A whole examination in memory: all is well, each thing breaks alone, and hides no other."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import pytest
from tests.unit.delivery.conftest import DELIVERY
from tests.unit.delivery.fakes.account import Cloud
from tests.unit.delivery.fakes.names import URI

from shipway.delivery.examination import Practice, examine
from shipway.doctor import report
from shipway.doctor.finding import Finding, Looked, Unseen
from shipway.doctor.repository import RepositorySettings
from shipway.doctor.role import LiveRole
from shipway.doctor.tools import Tools
from shipway.errors import (
    AccessDeniedError,
    ConfigurationError,
    CredentialsError,
    GitError,
    SandboxError,
)
from shipway.rollout.schedules.ports import ScheduleTarget
from shipway.rollout.snapshot import Trouble

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.config.environment import Environment, EnvironmentRef
    from shipway.doctor.execution_role import Need
    from shipway.doctor.github import GithubFacts
    from shipway.policy.requirements import Source


@dataclass
class Settings:
    """What an account is set to; IAM may not be read."""

    denied: bool = True
    live: LiveRole | None = None

    def repository(self, environment: Environment) -> RepositorySettings | None:
        assert environment.repository == "shop"
        return RepositorySettings(uri=URI, mutability="IMMUTABLE", scan_on_push=True)

    def role(self, name: str) -> LiveRole | None:
        if self.denied:
            raise AccessDeniedError(f"iam:GetRole is not allowed: {name}")
        return self.live

    def refused(self, role: str, need: Need) -> tuple[tuple[str, str], ...]:
        raise AssertionError((role, need))

    def has_log_group(self, name: str) -> bool:
        raise AssertionError(name)


@dataclass
class Examined(Cloud):
    """An account with its settings."""

    inspection: Settings = field(default_factory=Settings)


class Machine:
    """All programs are there."""

    def tools(self) -> Tools:
        return Tools(buildx="v0.19", engine="28.1 linux", syft=True)


class NoToken:
    """GitHub, for whoever has no token."""

    def facts(self, source: Source, environment: str) -> Looked[GithubFacts]:
        assert (source.repository, environment) == ("octo/shop", "staging")
        return Unseen(why="no token", remedy="set GH_TOKEN")


def found(world: World, settings: Settings | None = None) -> dict[str, list[Finding]]:
    cloud = Examined(
        **{entry.name: getattr(world.cloud, entry.name) for entry in fields(world.cloud)},
        inspection=settings or Settings(),
    )

    def account(destination: EnvironmentRef) -> Examined:
        assert destination.name == "staging"
        return cloud

    practice = Practice(
        delivery=world.context,
        account=account,
        machine=Machine(),
        github=NoToken(),
        drift=lambda _contract, _delivery: (),
        bases=lambda _: (),
    )
    examination = examine("staging", practice)
    return {
        section.name: list(section.findings)
        for section in report.without(examination.sections, frozenset(examination.secrets))
    }


def bad(tree: dict[str, list[Finding]]) -> list[str]:
    return [each.name for findings in tree.values() for each in findings if each.state == "wrong"]


@pytest.fixture(autouse=True)
def by_hand(world: World) -> None:
    world.variables.pop("GITHUB_ACTIONS", None)


def test_all_is_well(world: World) -> None:
    tree = found(world)
    assert bad(tree) == []
    assert list(tree) == [
        "tools",
        "files",
        "access",
        "references",
        "repository",
        "cluster",
        "service web",
        "start of tasks",
        "deploy role",
        "lock",
        "GitHub",
    ]
    assert {each.state for each in tree["deploy role"]} == {"not checked"}
    assert world.cloud.ecs.updates == []


def test_a_reference_that_is_not_published_hides_no_service(world: World) -> None:
    world.cloud.published.values.clear()
    tree = found(world)
    assert bad(tree) == ["ssm:/shop/repository"]
    [reference] = tree["references"]
    assert "environments.staging.repository" in reference.remedy
    assert [each.state for each in tree["repository"]] == ["not checked"]
    assert {each.state for each in tree["service web"]} == {"ok"}


def test_a_container_that_is_misspelt(world: World) -> None:
    world.write("delivery.toml", DELIVERY.replace('container = "web"', 'container = "wep"'))
    tree = found(world)
    assert bad(tree) == ["container wep"]


@pytest.mark.parametrize(
    ("job", "state"),
    [
        ('service = "web"', "ok"),
        ('task_definition = "shop"', "ok"),
        ('task_definition = "shop"\ncontainer = "wep"', "wrong"),
    ],
)
def test_jobs(world: World, job: str, state: str) -> None:
    table = f'[environments.staging.jobs.migrate]\nwhen = "before"\n{job}\n'
    world.write("delivery.toml", f"{DELIVERY}{table}")
    [migrate] = found(world)["jobs"]
    assert migrate.state == state, migrate


CLOCK = "arn:aws:iam::111122223333:role/clock"


@pytest.mark.parametrize(
    ("schedule", "state", "text"),
    [
        ('service = "web"', "ok", "rule nightly starts shop:41"),
        ('task_definition = "shop"', "ok", "rule nightly starts shop:41"),
        ('task_definition = "shop"\ncontainer = "wep"', "wrong", 'has no container "wep"'),
        ('service = "web"\n#other', "wrong", "rule nightly starts no task of the family shop"),
        ('service = "web"\n#gone', "wrong", "there is no rule nightly"),
    ],
)
def test_schedules(world: World, schedule: str, state: str, text: str) -> None:
    table = f'[environments.staging.schedules.nightly]\nrule = "nightly"\n{schedule}\n'
    world.write("delivery.toml", f"{DELIVERY}{table}")
    started = "other:1" if "#other" in schedule else "shop:41"
    target = ScheduleTarget(id="t", task_definition=f"td/{started}", role=CLOCK)
    if "#gone" not in schedule:
        world.cloud.schedules.started["rule nightly"] = [target]
    [nightly] = found(world)["schedules"]
    assert (nightly.state, text in nightly.text) == (state, True), nightly


def test_a_role_that_no_policy_can_name_exactly_is_said(world: World) -> None:
    table = '[environments.staging.schedules.nightly]\nrule = "nightly"\nservice = "web"\n'
    world.write("delivery.toml", f"{DELIVERY}{table}")
    wide = ScheduleTarget(id="t", task_definition="td/shop:41", role=f"{CLOCK}*")
    world.cloud.schedules.started["rule nightly"] = [wide]
    live = LiveRole(trust={}, statements=())
    tree = found(world, Settings(denied=False, live=live))
    [permissions] = [each for each in tree["deploy role"] if "permissions" in each.name]
    assert permissions.state == "not checked"
    assert f"the role '{CLOCK}*' can stand in no policy" in permissions.text


def test_a_secret_is_not_shown(world: World) -> None:
    world.cloud.published.secret.add("ssm:/shop/repository")
    texts = [each.text for findings in found(world).values() for each in findings]
    assert not [text for text in texts if URI in text]


def test_without_credentials_the_rest_is_told(world: World) -> None:
    world.cloud.fails = CredentialsError("no AWS credentials were found", remedy="sign in")
    tree = found(world)
    assert bad(tree) == ["credentials"]
    assert {each.state for each in tree["AWS"]} == {"not checked"}
    assert tree["GitHub"]


def test_an_ecs_that_does_not_answer(world: World) -> None:
    world.cloud.ecs.trouble = Trouble(kind="throttled", text="Rate exceeded")
    tree = found(world)
    assert bad(tree) == ["service"]
    assert tree["lock"][0].state == "ok"


def test_a_role_of_the_contract_that_is_not_there(world: World) -> None:
    tree = found(world, Settings(denied=False))
    assert bad(tree) == ["trust policy of shop-deploy-staging"]


def test_files_that_are_wrong(world: World) -> None:
    world.write("release.toml", "schema = ")
    assert bad(found(world)) == ["ci/release.toml"]
    world.write("delivery.toml", "schema = ")
    assert bad(found(world)) == ["ci/delivery.toml", "ci/release.toml"]


def test_an_environment_that_is_not_there_is_no_finding(world: World) -> None:
    world.write("delivery.toml", DELIVERY.replace("environments.staging", "environments.stagging"))
    with pytest.raises(ConfigurationError, match="there is no environment"):
        found(world)


def test_a_sandbox_that_does_not_start(world: World) -> None:
    local = DELIVERY.replace('account = "1', 'sandbox = true\naccount = "1')
    world.write("delivery.toml", local)
    world.opening = SandboxError("no engine", remedy="see")
    assert bad(found(world)) == ["sandbox"]


def test_git_that_fails_is_a_finding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise GitError("no commit", remedy="commit first")

    monkeypatch.setattr(world.git, "head", fails)
    assert bad(found(world)) == ["git"]
