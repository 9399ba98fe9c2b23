"""What is written, from what was seen, said and answered; and that it is a contract that holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from shipway.adoption import contract_files
from shipway.adoption.answers import Answers, InitOptions, decide
from shipway.adoption.facts import Cloud, Dockerfile, Remote
from shipway.cli.contract import read
from shipway.config.inventory import LiveService
from shipway.errors import UsageError

DOCKERFILE = Dockerfile(path="Dockerfile", port=7010, health_path="/ready", user="app")
REMOTE = Remote(repository="acme/Tally.Api", host="github.com", branch="main")
LIVE = LiveService(
    cluster="acme",
    service="tally",
    container="api",
    port=8080,
    repository="acme/tally",
    health_path="/live",
    url="http://alb.example",
)
CLOUD = Cloud(
    account="111122223333",
    region="eu-central-1",
    live=LIVE,
    published={
        "ssm:/shared/staging/cluster": "acme",
        "cfn:acme-staging.Cluster": "acme",
        "cfn:tally-staging.Url": "http://alb.example",
        "ssm:/empty": "",
    },
)


def defaults(_: str, default: str) -> str:
    return default


def nobody(question: str, _: str) -> NoReturn:
    raise AssertionError(question)


def unknown() -> NoReturn:
    raise AssertionError


def answers(wanted: InitOptions | None = None, **other: Any) -> Answers:
    given = {"cloud": None, "dockerfile": DOCKERFILE, "remote": REMOTE, **other}
    return decide(
        wanted or InitOptions(),
        given["dockerfile"],
        given["remote"],
        given["cloud"],
        ask=other.get("ask", defaults),
        numbers=lambda: (42, 7),
    )


def test_without_an_account_the_convention_holds() -> None:
    made = answers()
    assert (made.name, made.key, made.container) == ("tally-api", "tally-api", "tally-api")
    assert (made.port, made.health_path, made.production_tags) == (7010, "/ready", "*-stable")
    assert made.staging.account == made.production.account == "env:AWS_ACCOUNT_ID"
    assert made.production.cluster == "ssm:/tally-api/production/cluster"


def test_a_live_service_says_everything_and_published_names_win() -> None:
    made = answers(cloud=CLOUD)
    assert (made.key, made.container, made.port, made.health_path) == (
        *("tally", "api"),
        *(8080, "/live"),
    )
    assert made.staging.account == "111122223333"
    assert made.staging.region == "eu-central-1"
    assert made.staging.repository == "acme/tally"
    assert made.staging.cluster == "cfn:acme-staging.Cluster"
    assert made.staging.service == "tally"
    assert made.staging.url == "cfn:tally-staging.Url"
    assert made.production.cluster == "cfn:acme-production.Cluster"
    assert made.production.url == "cfn:tally-production.Url"
    assert made.production.service == "ssm:/tally-api/production/service"


def test_a_repository_is_known_by_what_is_published_beside_the_service() -> None:
    published = {
        **CLOUD.published,
        "ssm:/shared/staging/repository": "acme/tally",
        "ssm:/other/repository": "acme/other",
    }
    cloud = replace(CLOUD, live=replace(LIVE, repository=""), published=published)
    assert answers(cloud=cloud).staging.repository == "ssm:/shared/staging/repository"
    assert answers(cloud=replace(cloud, published={})).staging.repository == (
        "ssm:/tally-api/staging/repository"
    )


def test_flags_win_and_nothing_is_asked_that_they_say() -> None:
    wanted = InitOptions(
        name="tally",
        port="9",
        health_path="/up",
        production_tags="v*",
        repository_id="1",
        owner_id="2",
        staging_account="111122223333",
        production_account="444455556666",
    )
    wanted.check()
    made = decide(wanted, DOCKERFILE, REMOTE, CLOUD, ask=nobody, numbers=unknown)
    assert (made.port, made.health_path, made.production_tags) == (9, "/up", "v*")
    assert (made.repository_id, made.owner_id) == (1, 2)
    assert made.production.account == "444455556666"


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        (InitOptions(name="Not A Name"), "--name"),
        (InitOptions(name="a" * 41), "--name"),
        (InitOptions(port="http"), "--port"),
        (InitOptions(port="65536"), "--port"),
        (InitOptions(staging_account="1234"), "--staging-account"),
        (InitOptions(repository_id="0"), "--repository-id"),
        (InitOptions(health_path="ready"), "--health-path"),
        (InitOptions(worker="mailer"), "--worker"),
        (InitOptions(worker="mailer="), "--worker"),
        (InitOptions(worker="Mailer=python x.py"), "--worker"),
        (InitOptions(worker="mailer=python 'x.py"), "--worker"),
    ],
)
def test_a_flag_that_cannot_be_is_named(wanted: InitOptions, where: str) -> None:
    with pytest.raises(UsageError) as refused:
        wanted.check()
    assert refused.value.where == where


def test_a_worker_runs_the_same_image_by_another_command(tmp_path: Path) -> None:
    made = answers(InitOptions(worker="mailer=python 'a b.py' --fast"))
    (tmp_path / "ci").mkdir()
    (tmp_path / contract_files.DELIVERY).write_text(contract_files.delivery(made))
    release = contract_files.release(made, ".github/workflows/deploy.yml")
    (tmp_path / contract_files.RELEASE).write_text(release)
    environments = read(tmp_path)[1].document.table["environments"]
    for name in ("local", "staging", "production"):
        worker = environments[name]["services"]["mailer"]
        assert worker["service"] == f"ssm:/tally-api/{name}/mailer/service"
        assert worker["container"] == "tally-api"
        assert "url" not in worker
    compute = environments["local"]["services"]["mailer"]["compute"]
    assert compute == {"command": ["python", "a b.py", "--fast"], "count": 1}


def test_a_worker_has_a_name_of_its_own() -> None:
    with pytest.raises(UsageError, match="called tally already"):
        answers(InitOptions(name="tally", worker="tally=run"))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"cloud": CLOUD},
        {"dockerfile": Dockerfile(path="services/api/Dockerfile", context="services/api")},
        {"remote": Remote(repository="acme/42", host="github.acme.example", branch="rel/1.x")},
        {"remote": Remote(repository="acme/x", host="github.com", branch="by-hand")},
    ],
)
def test_what_is_written_is_a_contract_that_holds(tmp_path: Path, given: dict[str, Any]) -> None:
    made = answers(**given)
    (tmp_path / "ci").mkdir()
    for name, text in (
        (contract_files.DELIVERY, contract_files.delivery(made)),
        (contract_files.RELEASE, contract_files.release(made, ".github/workflows/deploy.yml")),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    contract, delivery = read(tmp_path)
    assert delivery.names == ("local", "staging", "production")
    assert contract.source is not None
    assert contract.source.repository == made.remote.repository
    assert [entry.ref for entry in contract.triggers] == [
        f"refs/heads/{made.remote.branch}",
        "refs/tags/*-stable",
    ]
    served = delivery.document.table["environments"]["local"]["services"][made.key]
    assert ("url" in served) is bool(made.port)
