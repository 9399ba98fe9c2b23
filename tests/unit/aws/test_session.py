"""How often AWS is asked again, and where; what answers is made up before anything is sent."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
)
from urllib3.exceptions import NewConnectionError

from shipway import wiring
from shipway.aws.session import Session
from shipway.errors import AwsError, CredentialsError, RefusedError

URL = "http://127.0.0.1:9/"
NOBODY = ConnectionRefusedError(111, "Connection refused")
UNKNOWN = socket.gaierror(-2, "Name or service not known")


def unconnected(why: OSError) -> Exception:
    """What botocore raises: the socket's error in urllib3's in its own."""
    inner = NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type]  # no pool is made
    inner.__cause__ = why
    return EndpointConnectionError(endpoint_url=URL, error=inner)


def no_proxy() -> Exception:
    return ProxyConnectionError(proxy_url=URL, error=unconnected(NOBODY))


@dataclass
class Raw:
    """The body of an answer."""

    content: bytes

    def stream(self) -> Iterator[bytes]:
        yield self.content


def answer(status: int, code: str) -> AWSResponse:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return AWSResponse(URL, status, HTTPHeaders(), Raw(body.encode()))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    return Session("eu-west-1")


def attempts(session: Session, service: str, ask: Callable[[], object], outcome: object) -> int:
    """How often a call is sent before it is given up."""
    urls: list[str] = []

    def send(**what: Any) -> AWSResponse:
        urls.append(what["request"].url)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, AWSResponse)
        return outcome

    session.client(service).meta.events.register("before-send", send)
    with pytest.raises((AwsError, BotoCoreError)):
        ask()
    return len(urls)


@pytest.mark.parametrize("outcome", [unconnected(NOBODY), no_proxy()])
def test_an_endpoint_where_nobody_listens_is_asked_twice(session: Session, outcome: object) -> None:
    assert attempts(session, "sts", session.identity, outcome) == 2
    with pytest.raises(AwsError) as caught:
        session.identity()
    assert caught.value.what.startswith("sts:GetCallerIdentity: AWS cannot be reached: ")
    assert "AWS_ENDPOINT_URL" in caught.value.remedy


@pytest.mark.parametrize(
    "outcome",
    [
        unconnected(UNKNOWN),
        ConnectTimeoutError(endpoint_url=URL),
        answer(400, "Throttling"),
        answer(503, "ServiceUnavailable"),
    ],
)
def test_what_may_pass_is_asked_as_often_as_ever(session: Session, outcome: object) -> None:
    assert attempts(session, "sts", session.identity, outcome) == 5


def test_every_other_client_is_as_patient_as_ever(session: Session) -> None:
    ask = session.client("ecs").list_clusters
    assert attempts(session, "ecs", ask, unconnected(NOBODY)) == 5


SANDBOX = "http://127.0.0.1:4566"
ELSEWHERE = """\
[default]
region = eu-west-1
ignore_configured_endpoint_urls = true
endpoint_url = https://attacker.example
services = elsewhere

[services elsewhere]
ecs =
  endpoint_url = https://ecs.attacker.example
sts =
  endpoint_url = https://sts.attacker.example
"""
USED = ("cloudformation", "cloudwatch", "ecr", "ecs", "elbv2", "iam", "kms", "logs", "s3", "ssm",
        "sts")  # fmt: skip


def test_clients_beside_the_sandboxs_issuer_are_bound_whatever_a_file_says(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(ELSEWHERE)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL", SANDBOX)
    monkeypatch.setenv("HTTP_PROXY", "http://attacker.example:3128")
    # As long as nobody binds it, the SDK does as the file says.
    assert session.client("ecs").meta.endpoint_url != SANDBOX
    monkeypatch.setenv("SHIPWAY_TOKEN_ISSUER", f"{SANDBOX}/_github")
    account = wiring.account("eu-west-1")
    there = account._session
    for bound in (there, there.elsewhere("eu-central-1"), there.elsewhere("eu-west-1")):
        for service in USED:
            client = bound.client(service)
            assert client.meta.endpoint_url == SANDBOX, service
            assert client._endpoint.http_session._proxy_config.proxy_url_for(SANDBOX) is None
    assert there.renew() is False
    assert there.client("ecs").meta.endpoint_url == SANDBOX


def test_a_job_beside_that_issuer_reads_no_configuration_file(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = /bin/false\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL", SANDBOX)
    monkeypatch.setenv("SHIPWAY_TOKEN_ISSUER", f"{SANDBOX}/_github")
    with pytest.raises(CredentialsError):  # by hand, a profile says who we are
        wiring.account("eu-west-1").access_key_id()
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{SANDBOX}/_github/idtoken?a")
    assert wiring.account("eu-west-1").access_key_id() == ""
    assert session.region == "eu-west-1"


def test_no_client_is_made_where_the_issuer_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIPWAY_TOKEN_ISSUER", f"{SANDBOX}/_github")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(RefusedError, match="is not that very server"):
        wiring.account("eu-west-1")
