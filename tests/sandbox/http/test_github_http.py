"""GitHub's API over real HTTP and TLS: what is asked, what is believed, and where a token goes."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.http.github_stand_in import (
    OWNER_ID,
    REPOSITORY_ID,
    TOKEN,
    GithubStandIn,
    ruleset,
)
from tests.sandbox.http.test_proxy_http import certificate

from shipway.doctor import github as judged
from shipway.doctor import report
from shipway.doctor.finding import Section, Unseen
from shipway.doctor.github import GithubFacts
from shipway.github.api import LARGEST_ANSWER, asker
from shipway.github.deployments import GithubDeployments
from shipway.github.protection import GithubApi
from shipway.notify.github import Status
from shipway.policy.requirements import EnvironmentPolicy, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.http.conftest import Kit, Reply, Request

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Source(
    repository="example/shop",
    repository_id=REPOSITORY_ID,
    owner_id=OWNER_ID,
    workflow=".github/workflows/deploy.yml",
)
STABLE = "refs/tags/*-stable"
LOCKED = ("creation", "update", "deletion")
ENVIRONMENT = {
    "id": 161088068,
    "name": "production",
    "protection_rules": [{"id": 3755, "type": "required_reviewers", "reviewers": []}],
    "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
}
_OTHERS = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "AWS_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def _nobodys_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_OTHERS, *map(str.lower, _OTHERS)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def github(kit: Kit) -> GithubStandIn:
    """Locked as this repository's contract asks for, each lock on the last page of its list."""
    further = [ruleset(number, f"b{number}", target="branch") for number in range(1, 205)]
    names = [{"id": number, "name": f"v{number}", "type": "tag"} for number in range(1, 130)]
    return GithubStandIn(
        kit,
        rulesets=[*further, ruleset(900, "releases", *LOCKED)],
        environments={"production": ENVIRONMENT},
        policies={"production": [*names, {"id": 1000, "name": "*-stable", "type": "tag"}]},
    )


def variables(address: str, **others: str) -> dict[str, str]:
    """A sandbox's, in which this machine may be GitHub, too."""
    here = {} if address.startswith("https://") else {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    return {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": address, **here, **others}


def facts(address: str, name: str = "production") -> GithubFacts:
    found = GithubApi(variables(address)).facts(SOURCE, name)
    assert isinstance(found, GithubFacts)
    return found


def told(found: GithubFacts) -> str:
    """The doctor's lines."""
    policy = EnvironmentPolicy(environment="production", github_environment="production")
    findings = tuple(judged.judge(found, SOURCE, policy, (STABLE,)))
    text = "\n".join(report.lines([Section(name="GitHub", findings=findings)]))
    assert TOKEN not in text + repr(found)
    return text


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    chain, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, chain


def test_every_lock_is_seen_however_long_the_lists_are(kit: Kit, github: GithubStandIn) -> None:
    with kit.serving(github) as github.address:
        text = told(facts(github.address))
    assert "✓ repository" in text
    assert "✓ ruleset for *-stable    releases" in text
    assert "✓ environment production  some refs only, reviewers must approve" in text
    assert [request.path.partition("?")[0].rpartition("/")[2] for request in github.asked] == [
        "shop",
        *["rulesets"] * 3,
        "900",
        "production",
        *["deployment-branch-policies"] * 2,
    ]
    assert {request.headers["X-Github-Api-Version"] for request in github.asked} == {"2022-11-28"}


def test_the_doctor_asks_over_tls_and_shows_no_token(
    kit: Kit, github: GithubStandIn, tls: tuple[ssl.SSLContext, Path], tmp_path: Path
) -> None:
    """The command itself, without AWS: GitHub is asked all the same."""
    context, authority = tls
    github.rulesets.pop()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    env = {
        **kept,
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(authority),
        "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
    }
    with kit.serving(github, tls=context) as github.address:
        done = subprocess.run(
            [sys.executable, "-m", "shipway", "doctor", "--env", "production", "--json"],
            cwd=ROOT,
            env={**env, **variables(github.address)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert TOKEN not in done.stdout + done.stderr
    [answer] = [
        event
        for event in map(json.loads, done.stdout.splitlines())
        if event.get("type") == "doctor"
    ]
    found = {
        finding["name"]: finding
        for section in answer["sections"]
        if section["name"] == "GitHub"
        for finding in section["findings"]
    }
    assert found["repository"]["state"] == "ok"
    assert found["ruleset for *-stable"]["text"].startswith("no active tag ruleset says")
    assert found["environment production"]["state"] == "ok"
    assert done.returncode == 61


def test_a_server_that_nobody_vouches_for_gets_no_token(
    kit: Kit, github: GithubStandIn, tls: tuple[ssl.SSLContext, Path]
) -> None:
    with kit.serving(github, tls=tls[0]) as github.address:
        found = facts(github.address)
    assert isinstance(found.numbers, Unseen)
    assert "CERTIFICATE_VERIFY_FAILED" in found.numbers.why
    assert github.asked == []


def says(message: str) -> bytes:
    return json.dumps({"message": message, "documentation_url": "https://docs.github.com"}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "message", "words"),
    [
        (401, {}, "Bad credentials", "HTTP 401: the token does not hold"),
        (404, {}, "Not Found", "HTTP 404: the token may not see it"),
        (
            403,
            {"X-RateLimit-Remaining": "4998"},
            "Resource not accessible by personal access token",
            "a fine-grained token needs Metadata: read",
        ),
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795910400"},
            "API rate limit exceeded",
            "→ ask again from 2026-11-29 00:00 UTC on",
        ),
        (429, {"X-RateLimit-Remaining": "0"}, "API rate limit exceeded", "→ ask again in an hour"),
        (429, {"Retry-After": "60"}, "secondary", "→ ask again in 60 s"),
        (403, {}, "You have exceeded a secondary rate limit.", "→ ask again in a minute"),
        (
            403,
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/x/sso"},
            "Resource protected by organization SAML enforcement.",
            "the organisation asks for single sign-on",
        ),
        (503, {}, "Unicorn!", "HTTP 503: it has trouble of its own"),
    ],
)
def test_why_github_does_not_say_it(  # noqa: PLR0917  # a row of the table above
    kit: Kit,
    github: GithubStandIn,
    status: int,
    headers: dict[str, str],
    message: str,
    words: str,
) -> None:
    github.instead["/rulesets"] = kit.reply(status=status, headers=headers, body=says(message))
    with kit.serving(github) as github.address:
        text = told(facts(github.address))
    [line] = [line for line in text.splitlines() if "ruleset for" in line]
    assert "· ruleset for *-stable" in line, "what nobody saw is not wrong"
    assert words in text
    assert "✓ environment production" in text, "and hides nothing else"


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_takes_the_token_nowhere(kit: Kit, github: GithubStandIn, code: int) -> None:
    elsewhere: list[Request] = []

    def other(request: Request) -> Reply:
        elsewhere.append(request)
        reply: Reply = kit.reply(body=b"{}")
        return reply

    with kit.serving(other) as there, kit.serving(github) as github.address:
        moved = kit.reply(status=code, headers={"Location": f"{there}/repositories/1"})
        github.instead = {"": moved}
        found = facts(github.address)
        with pytest.raises(OSError, match=f"HTTP {code}"):
            GithubDeployments(variables(github.address), SOURCE.repository).create("b", "abc", "")
    assert isinstance(found.numbers, Unseen)
    assert "renamed or moved" in found.numbers.why
    assert elsewhere == []


@pytest.mark.parametrize(
    "target", ["{there}/page", "https://api.github.com.evil.example/x", "{here}.evil.example/", ""]
)
def test_a_further_page_of_another_server_is_not_asked(
    kit: Kit, github: GithubStandIn, target: str
) -> None:
    elsewhere: list[Request] = []

    def other(request: Request) -> Reply:
        elsewhere.append(request)
        reply: Reply = kit.reply(body=b"[]")
        return reply

    with kit.serving(other) as there, kit.serving(github) as github.address:
        # A page that leads to itself ends, too.
        at = target.format(there=there, here=github.address) or f"{github.address}/x/rulesets"
        linked = {"Link": f'<{at}>; rel="next", <{at}>; rel="last"'}
        github.instead["/rulesets"] = kit.reply(body=b"[]", headers=linked)
        found = facts(github.address)
    assert isinstance(found.rulesets, Unseen)
    assert "not GitHub's API" in found.rulesets.why
    assert elsewhere == []
    assert len(github.asked) < 20


@pytest.mark.parametrize(
    "body", [b"<html>", b"null", b"\xff", b"[" * 100_000, b'"' + b"x" * LARGEST_ANSWER + b'"']
)
def test_what_is_no_answer_of_github_is_said(kit: Kit, github: GithubStandIn, body: bytes) -> None:
    github.instead["/shop"] = kit.reply(body=body)
    with kit.serving(github) as github.address:
        found = facts(github.address)
    assert isinstance(found.numbers, Unseen)
    assert "not GitHub's API" in found.numbers.why
    assert not isinstance(found.rulesets, Unseen)


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """A server that sends a head, then a byte every while, and never ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                client, _ = server.accept()
                with client:
                    client.recv(65536)
                    client.sendall(head)
                    while not over.wait(0.05):
                        client.sendall(b"x")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join(5)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", b"HTTP/1.1"])
def test_whoever_drips_is_left_in_time(head: bytes) -> None:
    with dripping(head) as address:
        began = time.monotonic()
        found = GithubApi(variables(address), asker(0.15)).facts(SOURCE, "")
        assert time.monotonic() - began < 2
    assert isinstance(found, GithubFacts)
    assert isinstance(found.numbers, Unseen)
    assert found.numbers.why == "GitHub cannot be reached: did not answer in time"


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f" {TOKEN}"])
def test_a_line_break_behind_a_token_does_no_harm(
    kit: Kit, github: GithubStandIn, token: str
) -> None:
    with kit.serving(github) as github.address:
        given = variables(github.address, GITHUB_TOKEN=token)
        found = GithubApi(given).facts(SOURCE, "")
    assert isinstance(found, GithubFacts)
    assert found.numbers == (REPOSITORY_ID, OWNER_ID)


def test_what_is_told(kit: Kit) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        body: Any = {"id": 7} if request.path.endswith("deployments") else {"id": 1}
        reply: Reply = kit.reply(status=201, body=json.dumps(body).encode())
        return reply

    with kit.serving(answer) as address:
        deployments = GithubDeployments(variables(address), SOURCE.repository)
        number = deployments.create("blue", "abc", "tally")
        deployments.set(number, Status(state="success", url="https://tally.example"))
    assert {request.headers["Authorization"] for request in asked} == {f"Bearer {TOKEN}"}
    assert asked[-1].path == "/repos/example/shop/deployments/7/statuses"
    assert json.loads(asked[-1].body)["environment_url"] == "https://tally.example"
