"""The prober over real HTTP: a status, or why there was none; never an exception."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from shipway.adapters.http import HttpProber
from shipway.values import HttpAnswer

if TYPE_CHECKING:
    from tests.sandbox.http.conftest import Kit, Reply, Request


def test_the_status_of_one_get_without_following_redirects(kit: Kit) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        reply: Reply = kit.reply(status=302, headers={"Location": "/elsewhere"}, body=b"x")
        return reply

    with kit.serving(answer) as address:
        assert HttpProber().get(f"{address}/health?deep=1", 5) == HttpAnswer(status=302)
    (request,) = asked
    assert (request.method, request.path) == ("GET", "/health?deep=1")
    assert request.headers["User-Agent"].startswith("shipway/")


def test_a_proxy_of_the_environment_is_not_asked(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with kit.serving(lambda _: kit.reply(status=200)) as address:
        assert HttpProber().get(address, 5) == HttpAnswer(status=200)


def test_nobody_listens() -> None:
    answer = HttpProber().get("http://127.0.0.1:1/health", 5)
    assert answer.status is None
    assert answer.trouble == "ConnectionRefusedError: [Errno 111] Connection refused"


def test_a_connection_that_is_cut(kit: Kit) -> None:
    with kit.serving(lambda _: kit.reply(cut=True)) as address:
        answer = HttpProber().get(address, 5)
    assert answer.trouble == ("RemoteDisconnected: Remote end closed connection without response")


@pytest.mark.parametrize(
    ("address", "start"),
    [
        ("http://host:port/", "not an address: "),
        ("http://[::1/", "not an address: "),
        ("http://127.0.0.1:1/a b", "InvalidURL: "),
        (f"http://{'a' * 70}.example/", "UnicodeError: "),
    ],
)
def test_what_is_no_address(address: str, start: str) -> None:
    answer = HttpProber().get(address, 1)
    assert answer.status is None
    assert answer.trouble.startswith(start)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b""])
def test_a_page_that_never_ends_still_has_its_status(head: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(head)
                done.wait(5)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        answer = HttpProber().get(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.3)
        done.set()
        thread.join(5)
    if head:
        assert answer == HttpAnswer(status=200)
    else:
        assert answer == HttpAnswer(status=None, trouble="TimeoutError: timed out")
