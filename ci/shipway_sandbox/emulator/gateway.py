"""The ASGI layer around MiniStack: its door, GitHub's issuer, our admin calls, the registry's.

Nothing is answered with headers of CORS: no page may read what the sandbox says.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import asyncio
import concurrent.futures
import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from ministack import app as ministack_app

from shipway_sandbox.emulator import admin, registry
from shipway_sandbox.emulator import alb as balancers
from shipway_sandbox.emulator.answers import revise
from shipway_sandbox.emulator.door import guard, visitors
from shipway_sandbox.emulator.door.operations import Operation
from shipway_sandbox.emulator.door.visitors import BALANCERS, Request
from shipway_sandbox.issuer import Issuer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Reply = tuple[int, dict[str, Any], bytes]

_THREADS = 48
_LARGEST_BODY = 256 * 1024 * 1024
_CORS = b"access-control-"


class Gateway:
    """One ASGI application: ours first, MiniStack for the rest.

    Args:
        issuer: GitHub's token service.
        secret: What admin calls must send as ``Authorization: Bearer``.
        port: Where the server listens.
        ready: Called once, on the server's event loop, when requests can be served.
    """

    def __init__(
        self, issuer: Issuer, secret: str, port: int, ready: Callable[[], Awaitable[None]]
    ) -> None:
        self._issuer = issuer
        self._secret = secret
        self._port = port
        self._ready = ready
        self.last_request = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope of ASGI: the server's lifespan, or an HTTP request."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        try:
            request = Request.read(scope)
        except ValueError as error:
            await _answer(send, _json(400, {"message": str(error)}))
            return
        if turned_away := visitors.refusal(request, self._port):
            await _drain(receive)
            await _answer(send, _json(403, {"message": turned_away}))
            return
        self.last_request = time.monotonic()
        await self._serve(request, scope, receive, _without_cors(send))

    async def _serve(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = request.path, dict(request.headers)
        if path.startswith("/_github/"):
            body = await _body(receive)
            await _answer(send, self._github(scope, path, headers, body))
        elif path.startswith("/_shipway/"):
            body = await _body(receive)
            await _answer(send, self._admin(scope, path, headers, body))
        elif path.startswith("/v2/") or path == "/v2":
            refused = registry.refusal(scope["method"], path, headers)
            if refused is not None:
                await _drain(receive)
                await _answer(send, refused)
            else:
                await ministack_app.app(scope, receive, send)
        elif path.startswith(BALANCERS):
            balancers.enter(path.split("/")[2])
            await ministack_app.app(scope, receive, send)
        elif path.startswith("/_"):
            await _drain(receive)
            await _answer(send, _json(404, {"message": f"nothing stands at {path}"}))
        else:
            await self._aws(scope, receive, send)

    async def _aws(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A call of an AWS service, by someone who is known, about something that is served."""
        body = await _body(receive)
        request = Request.read(scope, body)
        operation = guard.admitted(request)
        if not isinstance(operation, Operation):
            await _answer(send, operation)
            return
        if refused := revise.refusal(operation, body):
            await _answer(send, guard.failure(request, operation, refused.code, refused.message))
            return
        if revise.is_looked_at(operation):
            send = _revised(request, operation, send)
        await ministack_app.app(scope, _again(body, receive), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """MiniStack's own start would sweep other people's containers; this is all it needs."""
        await receive()
        loop = asyncio.get_running_loop()
        ministack_app._MAIN_LOOP = loop
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(_THREADS, "ministack"))
        await send({"type": "lifespan.startup.complete"})
        await self._ready()
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _allowed(self, headers: dict[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given, self._secret)

    def _github(self, scope: Scope, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if path == "/_github/jobs" and scope["method"] == "POST":
            if not self._allowed(headers):
                return _json(401, {"message": "Bad credentials"})
            try:
                token = self._issuer.register(json.loads(body))
            except (ValueError, TypeError, KeyError) as error:
                return _json(422, {"message": f"not a job context: {error}"})
            return _json(201, {"request_token": token, "request_url": self._issuer.request_url})
        query = dict(parse_qsl(scope.get("query_string", b"").decode()))
        status, answer = self._issuer.serve(
            path.removeprefix("/_github"), query, headers.get("authorization", "")
        )
        return _json(status, answer)

    def _admin(self, scope: Scope, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if not self._allowed(headers):
            return _json(401, {"message": "the admin secret is in sandbox.json"})
        query = dict(parse_qsl(scope.get("query_string", b"").decode()))
        return admin.serve(scope["method"], path.removeprefix("/_shipway"), query, body)


def _json(status: int, value: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


async def _body(receive: Receive) -> bytes:
    """All of a body; what is beyond the largest is left out, and no signature fits the rest."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if size <= _LARGEST_BODY:
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for the next one who reads it; then what comes after it."""
    messages: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body}]

    async def next_message() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return next_message


def _without_cors(send: Send) -> Send:
    """Answers as they are, but for what would let a page of another origin read them."""

    async def pass_on(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value)
                for name, value in message.get("headers", [])
                if not name.lower().startswith(_CORS)
            ]
            message = {**message, "headers": kept}
        await send(message)

    return pass_on


def _revised(request: Request, operation: Operation, send: Send) -> Send:
    """Hold an answer until it is whole, and send what AWS would have answered."""
    begun: list[MutableMapping[str, Any]] = []
    parts: list[bytes] = []

    async def hold(message: MutableMapping[str, Any]) -> None:
        if message["type"] != "http.response.body":
            begun.append(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        start = begun[0]
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        answer = revise.Answer(start["status"], headers.get("content-type", ""), b"".join(parts))
        outcome = revise.revised(operation, request.body, answer)
        if isinstance(outcome, revise.Failure):
            reply = guard.failure(request, operation, outcome.code, outcome.message)
            await _answer(send, reply)
            return
        kept = {name: value for name, value in headers.items() if name != "content-length"}
        await _answer(send, (outcome.status, kept, outcome.body))

    return hold


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass


async def _answer(send: Send, reply: Reply) -> None:
    status, headers, body = reply
    listed = [(name.encode(), str(value).encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
