"""A proxy on the loopback address, one for each judge, that counts the calls it makes of AWS.

A judge is told of it by ``HTTP_PROXY``: it signs for the server that it means and asks for it by
its whole address (RFC 9112, "absolute-form"), so that signatures stay right and ``Host`` is the
server's. It also tells when UpdateService was answered, which is when a rollout begins for whoever
asked for it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date"})
_TIMEOUT = 30.0
_OK = 200


class Calls:
    """What went through one proxy.

    Attributes:
        counts: Calls by operation.
        updated: Set once UpdateService was answered for the first time.
        updated_at: When that was, on the monotonic clock.
        updated_on: The same moment by the clock of the day, which ECS dates tasks by.
        service_deployment: The ARN of the service deployment that it began.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.updated = threading.Event()
        self.updated_at = 0.0
        self.updated_on = datetime.now(UTC)
        self.service_deployment = ""
        self._lock = threading.Lock()

    def add(self, operation: str, status: int, answer: bytes) -> None:
        """Count one call."""
        with self._lock:
            self.counts[operation] += 1
            if operation != "UpdateService" or status != _OK or self.updated.is_set():
                return
            self.updated_at, self.updated_on = time.monotonic(), datetime.now(UTC)
            service = json.loads(answer)["service"]
            self.service_deployment = str(service["currentServiceDeployment"])
            self.updated.set()


@contextlib.contextmanager
def counting(endpoint: str) -> Iterator[tuple[str, Calls]]:
    """A proxy in front of ``endpoint`` for as long as the context lasts: its URL, its counts."""
    calls = Calls()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.calls, server.upstream = calls, str(urlsplit(endpoint).netloc)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", calls
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    calls: Calls
    upstream: str

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a judge that was ended in the middle of a call is no fault."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._connection = http.client.HTTPConnection(self.server.upstream, timeout=_TIMEOUT)

    def finish(self) -> None:
        self._connection.close()
        super().finish()

    def do_POST(self) -> None:
        """Pass one call on."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = urlsplit(self.path)
        path = urlunsplit(("", "", asked.path, asked.query, ""))
        self._connection.request(self.command, path, body, dict(self.headers.items()))
        reply = self._connection.getresponse()
        answer = reply.read()
        self.server.calls.add(self._operation(body), reply.status, answer)
        headers = [(name, text) for name, text in reply.getheaders() if name.lower() not in _HOP]
        headers.append(("Content-Length", str(len(answer))))
        lines = "".join(f"{name}: {text}\r\n" for name, text in headers)
        # One write: header and body in two would wait for an acknowledgement between them.
        head = f"HTTP/1.1 {reply.status} {reply.reason}\r\n{lines}\r\n".encode("latin-1")
        self.wfile.write(head + answer)

    do_GET = do_POST  # noqa: N815  # the names that http.server looks for
    do_PUT = do_POST  # noqa: N815  # the same

    def _operation(self, body: bytes) -> str:
        target = self.headers.get("X-Amz-Target")
        if target:
            return str(target).rpartition(".")[2]
        action = parse_qs(body.decode("utf-8", "replace")).get("Action")
        return action[0] if action else urlsplit(self.path).path.rpartition("/")[2]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base names it so
        """Log nothing."""
