"""Credentials as people have them, fetched for real from servers that stand for AWS's.

Each is taken by a process of its own, whose home is made for it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

SCRIPT = """
import sys
from shipway.aws.session import Session
from shipway.config.environment import Profile
from shipway.errors import ShipwayError
profile = Profile(name=sys.argv[1], where="ci/delivery.toml:1") if sys.argv[1:] else None
session = Session("eu-west-1", profile)
try:
    print(0, session.identity().arn, session.access_key_id(), sep="|")
except ShipwayError as error:
    print(error.exit_code, error.what, error.remedy, sep="|")
"""
REVOKED = "revoked"
START = "https://corp.example/start"
TWO_PROFILES = f"""\
[profile dev]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Developer
[profile ops]
sso_session = corp
sso_account_id = 444455556666
sso_role_name = Operator
[sso-session corp]
sso_start_url = {START}
sso_region = eu-west-1
"""


class Answers(BaseHTTPRequestHandler):
    """STS, the portal of IAM Identity Center, a container's agent and an instance's metadata."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/federation/credentials":
            if self.headers["x-amz-sso_bearer_token"] == REVOKED:
                self._send(401, {"__type": "UnauthorizedException", "message": "invalid"})
                return
            key = "ASIADEVELOPER" if "role_name=Developer" in query else "ASIAOPERATOR"
            soon = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
            keys = {"accessKeyId": key, "secretAccessKey": "s", "sessionToken": "t"}
            self._send(200, {"roleCredentials": {**keys, "expiration": soon}})
        elif path == "/container":
            self._send(200, credentials("ASIACONTAINER"))
        elif path == "/latest/meta-data/iam/security-credentials/":
            self._text(200, "box")
        elif path == "/latest/meta-data/iam/security-credentials/box":
            self._send(200, {"Code": "Success", **credentials("ASIAINSTANCE")})
        else:
            self._send(404, {})

    def do_PUT(self) -> None:
        self._text(200, "token")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        key = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        arn = f"arn:aws:sts::111122223333:assumed-role/{key}/mona"
        fields = f"<Arn>{arn}</Arn><UserId>x</UserId><Account>111122223333</Account>"
        inner = f"<GetCallerIdentityResult>{fields}</GetCallerIdentityResult>"
        space = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
        self._text(200, f"<GetCallerIdentityResponse {space}>{inner}</GetCallerIdentityResponse>")

    def _send(self, status: int, body: object) -> None:
        self._text(status, json.dumps(body))

    def _text(self, status: int, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


def credentials(key: str) -> dict[str, str]:
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = {"AccessKeyId": key, "SecretAccessKey": "s", "Token": "t"}
    return {**keys, "Expiration": soon}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


def asked(server: str, home: Path, *profile: str, config: str = "", **variables: str) -> list[str]:
    """Exit code, ARN and key, or exit code, error and remedy."""
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "config").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *profile],
        env={
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "AWS_ENDPOINT_URL_STS": server,
            "AWS_ENDPOINT_URL_SSO": server,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "*",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip().split("|")


def signed_in(home: Path, token: str, hours: int) -> None:
    """As ``aws sso login`` leaves it: a token in the cache, under the session's name hashed."""
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    name = hashlib.sha1(b"corp", usedforsecurity=False).hexdigest()
    until = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = {"accessToken": token, "expiresAt": until, "startUrl": START, "region": "eu-west-1"}
    (cache / f"{name}.json").write_text(json.dumps(entry), encoding="utf-8")


@pytest.mark.parametrize(("profile", "key"), [("dev", "ASIADEVELOPER"), ("ops", "ASIAOPERATOR")])
def test_one_sign_in_serves_every_profile(
    server: str, tmp_path: Path, profile: str, key: str
) -> None:
    signed_in(tmp_path, "good", hours=1)
    assert asked(server, tmp_path, profile, config=TWO_PROFILES)[::2] == ["0", key]


@pytest.mark.parametrize(("token", "hours"), [("good", -1), (REVOKED, 1)])
def test_a_sign_in_that_ended_gives_the_line_to_type(
    server: str, tmp_path: Path, token: str, hours: int
) -> None:
    signed_in(tmp_path, token, hours)
    code, _, remedy = asked(server, tmp_path, "ops", config=TWO_PROFILES)
    assert (code, remedy) == ("14", "aws sso login --profile ops")


def test_a_credential_process_is_run(server: str, tmp_path: Path) -> None:
    program = tmp_path / "credentials"
    answer = {"Version": 1, **credentials("ASIAPROCESS")}
    answer["SessionToken"] = answer.pop("Token")
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(answer)}\nE\n", encoding="utf-8")
    program.chmod(0o700)
    config = f"[profile corp]\ncredential_process = {program}\n"
    assert asked(server, tmp_path, "corp", config=config)[::2] == ["0", "ASIAPROCESS"]
    program.write_text("#!/bin/sh\necho the token ran out >&2\nexit 3\n", encoding="utf-8")
    code, what, remedy = asked(server, tmp_path, "corp", config=config)
    assert code == "14"
    assert "the token ran out" in what
    assert remedy.endswith("aws sts get-caller-identity --profile corp")


@pytest.mark.parametrize("program", ["/no/such/program", "/bin/echo no JSON"])
def test_a_credential_process_that_gives_none(server: str, tmp_path: Path, program: str) -> None:
    config = f"[profile corp]\ncredential_process = {program}\n"
    code, _, remedy = asked(server, tmp_path, "corp", config=config)
    assert code == "14"
    assert remedy.endswith("aws sts get-caller-identity --profile corp")


def test_a_containers_and_an_instances_role(server: str, tmp_path: Path) -> None:
    full = f"{server}/container"
    inside = asked(server, tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI=full)
    assert inside[::2] == ["0", "ASIACONTAINER"]
    metadata = {
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": server,
    }
    assert asked(server, tmp_path, **metadata)[::2] == ["0", "ASIAINSTANCE"]


def test_a_container_whose_agent_does_not_answer(server: str, tmp_path: Path) -> None:
    gone = f"{server}/nothing"
    code, what, _ = asked(server, tmp_path, AWS_CONTAINER_CREDENTIALS_FULL_URI=gone)
    assert code == "14", what


def test_a_container_s_role_goes_before_the_profile_of_the_file(
    server: str, tmp_path: Path
) -> None:
    full = f"{server}/container"
    found = asked(
        server, tmp_path, "ops", config=TWO_PROFILES, AWS_CONTAINER_CREDENTIALS_FULL_URI=full
    )
    assert found[::2] == ["0", "ASIACONTAINER"]
