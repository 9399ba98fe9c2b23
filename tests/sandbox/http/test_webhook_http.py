"""What is told to others, over real HTTP: taken, refused, slow, elsewhere, and never inside."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from shipway.adapters.webhook import HttpPoster
from shipway.notify.ports import Post, PostAnswer

if TYPE_CHECKING:
    from tests.sandbox.http.conftest import Kit, Reply, Request

BODY = b'{"text": "Delivered"}'
# AWS is a server of this machine: so are those who are told.
CONFINED = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}


def post(url: str, seconds: float = 5.0, poster: HttpPoster | None = None) -> PostAnswer:
    request = Post(url=url, headers={"Content-Type": "application/json", "X-A": "b"}, body=BODY)
    return (poster or HttpPoster(CONFINED)).post(request, seconds)


def test_what_is_sent_arrives_as_it_is(kit: Kit) -> None:
    arrived: list[Request] = []

    def answer(request: Request) -> Reply:
        arrived.append(request)
        reply: Reply = kit.reply(status=202)
        return reply

    with kit.serving(answer) as address:
        assert post(f"{address}/hook?to=ops") == PostAnswer(status=202)
    [request] = arrived
    assert (request.method, request.path, request.body) == ("POST", "/hook?to=ops", BODY)
    assert request.headers["X-A"] == "b"
    assert request.headers["User-Agent"].startswith("shipway/")


def test_a_redirect_is_an_answer_and_not_followed(kit: Kit) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        reply: Reply = kit.reply(status=307, headers={"Location": "http://169.254.169.254/"})
        return reply

    with kit.serving(answer) as address:
        found = post(f"{address}/hook")
    assert (found.status, asked) == (307, ["/hook"])
    assert "not followed" in found.trouble


def test_whoever_is_slow_is_left(kit: Kit) -> None:
    held = threading.Event()

    def answer(_: Request) -> Reply:
        held.wait(10)
        reply: Reply = kit.reply()
        return reply

    with kit.serving(answer) as address:
        began = time.monotonic()
        assert post(address, 0.3) == PostAnswer(status=None, trouble="did not answer in time")
        assert time.monotonic() - began < 3
        held.set()


def test_what_breaks_is_said_without_the_address(kit: Kit) -> None:
    with kit.serving(lambda _: kit.reply(status=503, headers={"Retry-After": "7"})) as address:
        assert post(address) == PostAnswer(status=503, retry_after=7.0)
    with kit.serving(lambda _: kit.reply(cut=True)) as address:
        broken = post(f"{address}/secret-path")
        assert broken.status is None
        assert "secret-path" not in broken.trouble
    gone = post("http://127.0.0.1:1/secret-path")
    assert gone.trouble == "Connection refused"


def test_nothing_leaves_where_aws_is_this_machine() -> None:
    answer = post("https://hooks.slack.com/services/T/B/x")
    assert answer.final
    assert "a server of this machine" in answer.trouble


@pytest.mark.parametrize(
    "inside",
    ["169.254.169.254", "10.1.2.3", "127.0.0.1", "::1", "::127.0.0.1", "::ffff:0:a9fe:a9fe"],
)
def test_a_name_that_leads_inside_is_not_asked(inside: str) -> None:
    poster = HttpPoster({}, lambda *_: ["93.184.215.14", inside])
    answer = post("https://hooks.example.com/x", poster=poster)
    assert answer == PostAnswer(
        status=None, trouble="the address leads into a private network", final=True
    )


def test_this_machine_is_not_told_where_aws_is_not(kit: Kit) -> None:
    with kit.serving(lambda _: kit.reply()) as address:
        answer = post(address, poster=HttpPoster({}))
    assert answer.final
    assert "https://" in answer.trouble


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once() -> None:
    """DNS rebinding: the address that was judged is the one that is connected to."""
    asked: list[str] = []
    connected: list[str] = []

    def lookup(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14"] if len(asked) == 1 else ["169.254.169.254"]

    def connect(at: tuple[str, int], _: float) -> socket.socket:
        connected.append(at[0])
        raise ConnectionRefusedError(111, "Connection refused")

    answer = post("https://rebinding.example/x", poster=HttpPoster({}, lookup, connect))
    assert (answer.status, answer.trouble) == (None, "Connection refused")
    assert (asked, connected) == (["rebinding.example"], ["93.184.215.14"])


def test_a_machine_without_ipv6_takes_the_next_address() -> None:
    connected: list[str] = []

    def connect(at: tuple[str, int], seconds: float) -> socket.socket:
        connected.append(at[0])
        assert 0 < seconds < 5
        raise OSError(101, "Network is unreachable")

    found = ["2606:4700::1111", *(f"93.184.215.{number}" for number in range(100))]
    poster = HttpPoster({}, lambda *_: found, connect)
    assert post("https://hooks.example.com/x", poster=poster).trouble == "Network is unreachable"
    assert connected == found[:4]


def test_a_name_that_is_never_looked_up_is_left_in_time() -> None:
    held = threading.Event()

    def lookup(*_: object) -> list[str]:
        held.wait(10)
        return []

    began = time.monotonic()
    answer = post("https://hooks.example.com/x", 0.2, HttpPoster({}, lookup))
    assert answer == PostAnswer(status=None, trouble="did not answer in time")
    assert time.monotonic() - began < 2
    held.set()


def test_whoever_drips_is_left_in_time() -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                client, _ = server.accept()
                with client:
                    client.recv(65536)
                    while not over.wait(0.05):
                        client.sendall(b"H")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        began = time.monotonic()
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", 0.3)
        assert answer == PostAnswer(status=None, trouble="did not answer in time")
        assert time.monotonic() - began < 2
        over.set()
        thread.join(5)


def test_no_password_goes_in_the_clear_to_a_proxy_over_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "https://me:hunter2@127.0.0.1:1")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    answer = post("https://hooks.example.com/x", poster=HttpPoster({}))
    assert answer.final
    assert "behind a proxy that is reached over TLS" in answer.trouble
    assert "hunter2" not in answer.trouble
