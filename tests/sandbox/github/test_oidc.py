"""GitHub's token service over real HTTP: asked, verified, and attacked where it can be."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from shipway.errors import RefusedError
from shipway.github.oidc import GithubTokens
from shipway.policy.requirements import GITHUB_ISSUER
from shipway_sandbox.issuer import Issuer

CLAIMS = {"sub": "repo:octo/shop:ref:refs/heads/main", "repository_owner": "octo"}
Answer = tuple[int, dict[str, str], bytes]


class Service:
    """The sandbox's issuer on a loopback port, with answers that a test may replace."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.instead: dict[str, Callable[[], Answer]] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = outer.answer(
                    self.path, self.headers.get("Authorization", "")
                )
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its own name
                assert format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.issuer = Issuer(f"http://localhost:{self.port}/_github")
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, path: str, authorization: str) -> Answer:
        parts = urlsplit(path)
        self.asked.append(parts.path)
        if parts.path in self.instead:
            return self.instead[parts.path]()
        status, answer = self.issuer.serve(
            parts.path.removeprefix("/_github"), dict(parse_qsl(parts.query)), authorization
        )
        return status, {}, json.dumps(answer).encode()

    def variables(self) -> dict[str, str]:
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.issuer.register(CLAIMS),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "SHIPWAY_TOKEN_ISSUER": self.issuer.url,
            # A proxy must not see what goes to this machine itself.
            "HTTP_PROXY": "http://127.0.0.1:1",
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    made = Service()
    yield made
    made.close()


def refusal(service: Service, **changes: str) -> str:
    variables = service.variables() | changes
    with pytest.raises(RefusedError) as caught:
        GithubTokens(variables).claims(GITHUB_ISSUER)
    told = f"{caught.value} {caught.value.remedy} {caught.value.details}"
    assert variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] not in told
    return caught.value.what


def plain(value: object, status: int = 200, **headers: str) -> Callable[[], Answer]:
    return lambda: (status, headers, json.dumps(value).encode())


def test_a_job_gets_its_claims(service: Service) -> None:
    claims = GithubTokens(service.variables()).claims(GITHUB_ISSUER)
    assert claims is not None
    assert (claims["sub"], claims["aud"], claims["iss"]) == (
        CLAIMS["sub"], "shipway", service.issuer.url,
    )  # fmt: skip
    assert service.asked == [
        "/_github/idtoken",
        "/_github/.well-known/openid-configuration",
        "/_github/.well-known/jwks",
    ]


def test_a_stranger_gets_none(service: Service) -> None:
    said = refusal(service, ACTIONS_ID_TOKEN_REQUEST_TOKEN="stranger")  # noqa: S106  # no secret
    assert said == "GitHub's token service cannot be asked: 401 Unauthorized"
    assert service.asked == ["/_github/idtoken"], "a refusal is not asked again"


def test_without_the_sandboxs_variable_only_github_itself_is_asked(service: Service) -> None:
    said = refusal(service, SHIPWAY_TOKEN_ISSUER="")
    assert said == "ACTIONS_ID_TOKEN_REQUEST_URL is no https:// address"
    assert service.asked == []


def test_a_forged_issuer_beside_real_aws_is_refused_before_anything_is_asked(
    service: Service,
) -> None:
    said = refusal(service, AWS_ENDPOINT_URL="")
    assert said == (
        "SHIPWAY_TOKEN_ISSUER names the sandbox's issuer, but "
        "AWS_ENDPOINT_URL is not that very server"
    )
    assert service.asked == []


def test_a_token_of_another_issuers_key_is_refused(service: Service) -> None:
    stranger = Issuer(service.issuer.url)
    service.instead["/_github/idtoken"] = plain({"value": stranger.sign(CLAIMS, "shipway")})
    assert refusal(service) == (
        "the token of this job is refused: it names a key that the issuer does not publish"
    )


def test_a_token_for_aws_is_not_for_us(service: Service) -> None:
    token = service.issuer.sign(CLAIMS, "sts.amazonaws.com")
    service.instead["/_github/idtoken"] = plain({"value": token})
    assert refusal(service) == (
        'the token of this job is refused: it is not for the audience "shipway"'
    )


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "http://localhost:1/_github", "jwks_uri": "{issuer}/.well-known/jwks"},
        {"issuer": "{issuer}", "jwks_uri": "http://localhost:1/jwks"},
        {"issuer": "{issuer}", "jwks_uri": "https://attacker.example/jwks"},
        {"issuer": "{issuer}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{issuer}", "jwks_uri": 3},
        {"issuer": "{issuer}"},
        {},
    ],
)
def test_a_document_that_leads_elsewhere_is_not_followed(
    service: Service, document: dict[str, Any]
) -> None:
    told = json.loads(json.dumps(document).replace("{issuer}", service.issuer.url))
    service.instead["/_github/.well-known/openid-configuration"] = plain(told)
    assert refusal(service) == f"{service.issuer.url} does not describe itself"


@pytest.mark.parametrize("path", ["/_github/idtoken", "/_github/.well-known/openid-configuration"])
def test_a_redirect_is_not_followed(service: Service, path: str) -> None:
    there = f"http://localhost:{service.port}/stolen"
    service.instead[path] = plain({}, 302, Location=there)
    assert refusal(service).endswith("cannot be asked: 302 Found")
    assert "/stolen" not in service.asked


def test_a_service_that_fails_is_asked_again_and_then_given_up(service: Service) -> None:
    service.instead["/_github/idtoken"] = plain({}, 503)
    assert refusal(service) == "GitHub's token service cannot be asked: 503 Service Unavailable"
    assert service.asked == ["/_github/idtoken"] * 3


def test_a_service_that_fails_once_is_forgiven(service: Service) -> None:
    token = service.issuer.sign(CLAIMS, "shipway")
    answers = [plain({}, 500), plain({"value": token})]

    def next_answer() -> Answer:
        return answers.pop(0)()

    service.instead["/_github/idtoken"] = next_answer
    assert GithubTokens(service.variables()).claims(GITHUB_ISSUER)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "GitHub's token service answered no JSON object"),
        (b"[]", "GitHub's token service answered no JSON object"),
        (b"<html>", "GitHub's token service answered no JSON object"),
        (b"[" * 100_000, "GitHub's token service answered no JSON object"),
        (b" " * 300_000, "GitHub's token service answered no JSON object"),
        (b"{}", "GitHub's token service gave no token"),
        (b'{"value": null}', "GitHub's token service gave no token"),
        (b'{"value": ["a.b.c"]}', "GitHub's token service gave no token"),
        (
            b'{"value": "' + b"x" * 20_000 + b'"}',
            "the token of this job is refused: it is 20000 characters long",
        ),
    ],
)
def test_an_answer_that_is_no_token(service: Service, body: bytes, said: str) -> None:
    service.instead["/_github/idtoken"] = lambda: (200, {}, body)
    assert refusal(service) == said


def test_a_service_that_is_not_there(service: Service) -> None:
    nowhere = "http://127.0.0.1:1/idtoken?a=b"
    said = refusal(service, ACTIONS_ID_TOKEN_REQUEST_URL=nowhere)
    assert said == "GitHub's token service cannot be asked: [Errno 111] Connection refused"
