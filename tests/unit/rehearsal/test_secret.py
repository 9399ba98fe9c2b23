"""One secret more in a service, however its delivery.toml is written."""

from __future__ import annotations

import tomllib

import pytest

from shipway.errors import SandboxError
from shipway.rehearsal.secret import VARIABLE, with_secret

HEAD = '[environments.live]\naccount = "1"\n'
SERVICE = '\n[environments.live.services.api]\ncontainer = "app"\n'
SOURCE = "arn:aws:secretsmanager:eu-west-1:1:secret:nobody-AbCdEf"
OWN = {"KEY": "/tally/key"}


def secrets_of(text: str, *, of_container: bool = False) -> object:
    changed = with_secret(text, environment="live", services=["api"], source=SOURCE)
    api = tomllib.loads(changed)["environments"]["live"]["services"]["api"]
    return (api["containers"]["app"] if of_container else api)["secrets"]


@pytest.mark.parametrize(
    "written",
    [
        '\n[environments.live.services.api.secrets]\nKEY = "/tally/key"\n[image]\ncontext = "."\n',
        'secrets = { KEY = "/tally/key" }\npath = "/"\n',
        'secrets={KEY="/tally/key"}',
        'secrets.KEY = "/tally/key"\npath = "/"\n',
    ],
)
def test_a_service_with_secrets_gets_one_more(written: str) -> None:
    assert secrets_of(HEAD + SERVICE + written) == {**OWN, VARIABLE: SOURCE}


@pytest.mark.parametrize("written", ["", "secrets = {}\n", 'path = "/"\n[image]\ncontext = "."\n'])
def test_a_service_without_gets_its_first(written: str) -> None:
    assert secrets_of(HEAD + SERVICE + written) == {VARIABLE: SOURCE}


def test_what_its_container_says_alone_is_said_there() -> None:
    own = '\n[environments.live.services.api.containers.app]\nsecrets = { KEY = "/tally/key" }\n'
    assert secrets_of(HEAD + SERVICE + own, of_container=True) == {**OWN, VARIABLE: SOURCE}


def test_every_service_gets_it_and_the_rest_stays() -> None:
    other = '\n[environments.live.services.worker]\ncontainer = "w"\n'
    text = HEAD + SERVICE + other
    changed = tomllib.loads(
        with_secret(text, environment="live", services=["api", "worker"], source=SOURCE)
    )
    services = changed["environments"]["live"]["services"]
    assert [service.pop("secrets") for service in services.values()] == [{VARIABLE: SOURCE}] * 2
    assert changed == tomllib.loads(text)


def test_a_service_that_takes_nothing_more_is_named() -> None:
    inline = 'services = { api = { container = "app" } }\n'
    with pytest.raises(SandboxError) as refused:
        secrets_of(HEAD + inline)
    assert refused.value.where == "ci/delivery.toml  environments.live.services.api.secrets"
    assert "tables with headers" in refused.value.remedy
