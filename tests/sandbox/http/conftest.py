"""HTTP servers of our own on 127.0.0.1: a scripted AWS, and a scripted registry's carrier."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from shipway.aws.ecs import AwsEcs
from shipway.aws.session import Session

if TYPE_CHECKING:
    from pathlib import Path

_METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; ``cut`` closes the connection instead."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


Answer = Callable[[Request], Reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """A client that goes away is part of the play."""


@contextmanager
def serving(
    answer: Answer,
    *,
    read: Callable[[Any, int], bytes] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 until the context ends; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body go out apart: 40 ms for each answer else

        def _play(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = read(self, length) if read is not None else self.rfile.read(length)
            reply = answer(
                Request(method=self.command, path=self.path, headers=dict(self.headers), body=body)
            )
            if reply.cut:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    for method in _METHODS:
        setattr(Handler, f"do_{method}", Handler._play)
    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Clock:
    """Moves on only by sleeping, and can be told to do something when it does."""

    at: datetime = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
    then: dict[float, Callable[[], None]] = field(default_factory=dict)
    began: datetime = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    @property
    def seconds(self) -> float:
        return (self.at - self.began).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        for when in [when for when in self.then if when <= self.seconds]:
            self.then.pop(when)()


def error(code: str, message: str = "no", status: int = 400) -> Reply:
    """An error as AWS's JSON protocol says it."""
    body = json.dumps({"__type": f"com.amazonaws.x#{code}", "message": message}).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/x-amz-json-1.1"})


def xml_error(code: str, message: str = "no", status: int = 403) -> Reply:
    """An error as AWS's query protocol says it."""
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>{message}</Message></Error></ErrorResponse>"
    )
    return Reply(status=status, body=text.encode(), headers={"Content-Type": "text/xml"})


Scripted = Reply | dict[str, Any] | str | Callable[[dict[str, Any]], Any]


class Aws:
    """A scripted AWS: for each operation a row of answers, the last one again and again."""

    error = staticmethod(error)
    xml_error = staticmethod(xml_error)
    reply = Reply

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[tuple[str, float, str]] = []
        self.asked: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.script: dict[str, list[Scripted]] = {}
        self._lock = threading.Lock()

    def says(self, **script: Scripted | list[Scripted]) -> None:
        for name, answers in script.items():
            self.script[name] = answers if isinstance(answers, list) else [answers]

    def count(self, operation: str) -> int:
        return len(self.asked[operation])

    def __call__(self, request: Request) -> Reply:
        target = {key.lower(): value for key, value in request.headers.items()}
        key = target.get("authorization", "").partition("Credential=")[2].partition("/")[0]
        if "x-amz-target" in target:
            operation = target["x-amz-target"].rpartition(".")[2]
            asked = json.loads(request.body or b"{}")
        else:
            asked = {name: value[0] for name, value in parse_qs(request.body.decode()).items()}
            operation = asked["Action"]
        with self._lock:
            self.calls.append((operation, self.clock.seconds, key))
            self.asked[operation].append(asked)
            answers = self.script.get(operation)
            if not answers:
                return error("UnknownOperationException", f"nobody scripted {operation}")
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        found = answer(asked) if callable(answer) else answer
        if isinstance(found, Reply):
            return found
        if isinstance(found, str):
            return Reply(body=found.encode(), headers={"Content-Type": "text/xml"})
        return Reply(
            body=json.dumps(found).encode(), headers={"Content-Type": "application/x-amz-json-1.1"}
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Aws]:
    """A scripted AWS that the environment points at, with dummy credentials."""
    endpoint = Aws(clock)
    with serving(endpoint) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAFIRST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        yield endpoint


@pytest.fixture
def session(aws: Aws) -> Session:
    assert aws
    return Session("eu-west-1")


@pytest.fixture
def ecs(session: Session) -> AwsEcs:
    return AwsEcs(session)


@dataclass(frozen=True, slots=True)
class Kit:
    """What a test needs to serve something of its own."""

    serving: Any = serving
    reply: Any = Reply


@pytest.fixture
def kit() -> Kit:
    return Kit()
