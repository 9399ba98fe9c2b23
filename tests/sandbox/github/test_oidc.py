"""GitHub's token service over real HTTP: asked, verified, and attacked where it can be."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shipway.errors import RefusedError
from shipway.github.oidc import GithubTokens
from shipway.policy.requirements import GITHUB_ISSUER
from shipway.util.authorities import machine_context
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


@pytest.fixture
def forger(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server that has a certificate for this machine's name, of an authority of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "authority.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = tmp_path / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"value": "a.b.c"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its own name
            assert format, args

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that is refused is what is asked here."""
            assert request, client_address

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", pem
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_no_variable_replaces_the_authorities_of_the_machine(
    forger: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, pem = forger
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(pem))
    monkeypatch.setenv("SSL_CERT_DIR", str(pem.parent))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    # What Python believes by itself: the variable does replace them there.
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  # our own server
        assert answer.status == 200
    variables = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{address}/idtoken?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
    }
    with pytest.raises(RefusedError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        GithubTokens(variables).claims(GITHUB_ISSUER)
    assert "cannot be asked" in caught.value.what


def test_the_machines_authorities_are_believed_and_their_lack_is_told(tmp_path: Path) -> None:
    assert machine_context().get_ca_certs()
    with pytest.raises(OSError, match=r"no certificate authorities: .*nowhere\.pem"):
        machine_context([str(tmp_path / "nowhere.pem")])
