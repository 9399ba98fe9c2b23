"""Which requests are turned away unread: another host's, a page's."""

from __future__ import annotations

import pytest

from shipway_sandbox.emulator.door.visitors import Request, refusal

PORT = 4566
OURS = f"localhost:{PORT}"


def request(method: str = "POST", path: str = "/", host: str = OURS, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(
        method=method, path=path, raw_path=path, headers={"host": host, **named}, query={}
    )


@pytest.mark.parametrize(
    "host",
    [OURS, OURS.upper(), f"127.0.0.1:{PORT}", f"127.0.0.2:{PORT}", f"cdk-assets.localhost:{PORT}"],
)
def test_a_loopback_name_with_the_port_is_ours(host: str) -> None:
    assert refusal(request(host=host), PORT) == ""


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "localhost:80",
        f"evil.example:{PORT}",
        f"localhost.evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"evil.example.localhost:{PORT}",
        f"10.0.0.1:{PORT}",
        f"0.0.0.0:{PORT}",
        f"2130706433:{PORT}",
        f"[::1]:{PORT}",
        f"evil.example@localhost:{PORT}",
        f"169.254.169.254:{PORT}",
    ],
)
@pytest.mark.parametrize("path", ["/", "/_alb/shop/", "/v2/", "/_github/idtoken"])
def test_another_host_is_not(host: str, path: str) -> None:
    assert "is not this server" in refusal(request("GET", path, host), PORT)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"http://{OURS}", ""])
@pytest.mark.parametrize("path", ["/", "/bucket/key", "/v2/", "/_shipway/health", "/_github/jobs"])
def test_no_page_speaks_to_the_sandbox_not_even_one_that_it_serves(origin: str, path: str) -> None:
    assert "may not speak to the sandbox" in refusal(request("GET", path, origin=origin), PORT)
    assert "may not speak to the sandbox" in refusal(request("POST", path, origin=origin), PORT)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nor_one_that_says_where_it_is_by_another_header(site: str) -> None:
    assert refusal(request("GET", "/bucket/key", sec_fetch_site=site), PORT)
    assert not refusal(request("GET", "/_alb/shop/", sec_fetch_site=site), PORT)
    assert refusal(request("POST", "/_alb/shop/", sec_fetch_site=site), PORT)


def test_a_load_balancer_is_read_from_anywhere_and_written_to_from_itself() -> None:
    foreign, own = "https://evil.example", f"http://{OURS}"
    assert not refusal(request("GET", "/_alb/shop/", origin=foreign), PORT)
    assert not refusal(request("HEAD", "/_alb/shop/", origin=foreign), PORT)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert refusal(request(method, "/_alb/shop/", origin=foreign), PORT)
        assert not refusal(request(method, "/_alb/shop/", origin=own), PORT)
        assert not refusal(request(method, "/_alb/shop/"), PORT)


def scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {
        "method": "GET",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"x=1&x=2&y=",
        "headers": list(headers),
    }


def test_a_request_is_read_once() -> None:
    read = Request.read(scope((b"Host", b"localhost"), (b"X-A", b"1"), (b"x-a", b"2")), b"body")
    assert (read.path, read.raw_path, read.body) == ("/a b", "/a%20b", b"body")
    assert read.headers == {"host": "localhost", "x-a": "1,2"}
    assert read.query == {"x": ["1", "2"], "y": [""]}


@pytest.mark.parametrize(
    "name", [b"Host", b"AUTHORIZATION", b"origin", b"X-Amz-Target", b"X-Amz-Date"]
)
def test_what_decides_is_said_once(name: bytes) -> None:
    with pytest.raises(ValueError, match="is given twice"):
        Request.read(scope((name, b"a"), (name.lower(), b"b")))
