"""Somebody between a delivery and AWS, who sees every call and may end the caller at one of them.

The sandbox answers to every name of the loopback network, so that a witness at another of its
addresses and the same port passes requests on as they are: signatures stay whole.
"""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

_QUERY_ACTION: Final = re.compile(rb"(?:^|&)Action=(\w+)")
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_SECONDS: Final = 60.0


@dataclass(kw_only=True)
class Victim:
    """Whom a witness ends, and at which call.

    Attributes:
        operation: The call that has its effect, and whose answer is never heard.
        saying: What the call must say besides.
        process: Who makes it; killed with SIGKILL.
    """

    operation: str
    saying: bytes = b""
    process: subprocess.Popen[bytes] | None = None
    known: threading.Event = field(default_factory=threading.Event)

    def is_at(self, operation: str, body: bytes) -> bool:
        return operation == self.operation and self.saying in body

    def kill(self) -> None:
        assert self.known.wait(_SECONDS)
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(_SECONDS)


class Witness(ThreadingHTTPServer):
    """Passes calls on to the sandbox; its ``victim`` does not live to hear one answer."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, sandbox: str) -> None:
        self.sandbox = urlsplit(sandbox)
        assert self.sandbox.port is not None
        self.victim: Victim | None = None
        super().__init__((address, self.sandbox.port), _Handler)
        self.endpoint = f"http://{address}:{self.sandbox.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Witness

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sandbox = self.server.sandbox
        connection = http.client.HTTPConnection(
            str(sandbox.hostname), sandbox.port, timeout=_SECONDS
        )
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        victim = self.server.victim
        if victim is not None and victim.is_at(self._operation(body), body):
            assert answer.status == http.HTTPStatus.OK, content
            victim.kill()
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815  # http.server's names

    def _operation(self, body: bytes) -> str:
        """Which operation a call names, in AWS's JSON protocols or in its query protocol."""
        target = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        action = _QUERY_ACTION.search(body)
        return target or (action[1].decode() if action else "")

    def log_message(self, *_: Any) -> None:
        """Tell nothing: a delivery makes a hundred calls."""


@contextmanager
def standing(address: str, sandbox: str) -> Iterator[Witness]:
    """A witness at an address of the loopback network, before the sandbox at its endpoint."""
    with Witness(address, sandbox) as witness:
        thread = threading.Thread(target=witness.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield witness
        finally:
            witness.shutdown()
            thread.join(_SECONDS)
