"""Only a CONNECT proxy leads out: the push and the probe go through it as boto3's calls do."""

from __future__ import annotations

import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.sandbox.http.test_registry_http import TOKEN, Hub

from shipway.adapters.http import HttpProber
from shipway.adapters.webhook import HttpPoster
from shipway.aws.registry import DistributionClient
from shipway.errors import PublishError
from shipway.image import layout
from shipway.notify.ports import Post
from shipway.util.proxies import Proxy, proxy_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeLayout
    from tests.sandbox.http.conftest import Kit

HOST = "registry.test"  # RFC 6761: it never resolves
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
BUNDLES = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _nobodys_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES), *BUNDLES):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Connect:
    """A proxy that knows CONNECT alone, and leads every name to one port of this machine."""

    port: int
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            first, *lines = head.decode().split("\r\n")
            method, place, _ = first.split(" ")
            self.asked.append(place)
            self.authorizations += [
                line.partition(": ")[2]
                for line in lines
                if line.lower().startswith("proxy-authorization:")
            ]
            if method != "CONNECT":
                client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.port)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                ends = {client: server, server: client}
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        if not (data := end.recv(65536)):
                            return
                        ends[end].sendall(data)


@contextmanager
def accepting(serve: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of HOST and of this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.DNSName(HOST),
                    *(
                        x509.IPAddress(ipaddress.ip_address(address))
                        for address in ("192.0.2.1", "127.0.0.1")
                    ),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@dataclass
class Out:
    """What lies behind the proxy: a registry over TLS, and what the proxy was asked for."""

    hub: Hub
    proxy: Connect
    address: str
    bundle: str


@pytest.fixture
def out(kit: Kit, tmp_path: Path) -> Iterator[Out]:
    chain, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    hub = Hub(kit)
    with kit.serving(hub) as plain:
        port = int(plain.rpartition(":")[2])

        def unwrap(client: socket.socket) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(client, server_side=True) as inner,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                threading.Thread(target=_pour, args=(server, inner), daemon=True).start()
                _pour(inner, server)

        with accepting(unwrap) as tls:
            proxy = Connect(tls)
            with accepting(proxy.serve) as at:
                yield Out(hub=hub, proxy=proxy, address=f"127.0.0.1:{at}", bundle=str(chain))


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("user", ["", "me:p%40ss@"])
def test_layers_and_probes_go_through_it(
    out: Out, make_layout: MakeLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}{out.address}")
    image = layout.read(make_layout(tmp_path / "layout", content=b"x" * 100_000).folder)
    client = DistributionClient(f"{HOST}/team/shop", TOKEN, out.bundle)
    assert client.push(image, "tag").digest == image.root.digest
    assert out.hub.blobs
    monkeypatch.setenv("AWS_CA_BUNDLE", out.bundle)
    out.hub.play = lambda _: out.hub.kit.reply(status=204)
    assert HttpProber().get(f"https://{HOST}/health", 5).status == 204
    assert set(out.proxy.asked) == {f"{HOST}:443"}
    expected = {"Basic bWU6cEBzcw=="} if user else set()
    assert set(out.proxy.authorizations) == expected


def test_no_proxy_is_honoured(out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://{out.address}")
    monkeypatch.setenv("no_proxy", "localhost,.test")
    answer = HttpProber().get(f"https://{HOST}/health", 5)
    assert (answer.status, out.proxy.asked) == (None, [])
    with pytest.raises(PublishError, match="cannot be reached"):
        DistributionClient(f"{HOST}/team/shop", TOKEN, out.bundle).manifest("tag")
    assert out.proxy.asked == []


def test_a_certificate_that_nobody_vouches_for_is_told_at_once(
    out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{out.address}")
    with pytest.raises(PublishError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        DistributionClient(f"{HOST}/team/shop", TOKEN).manifest("tag")
    assert "AWS_CA_BUNDLE" in caught.value.remedy
    assert len(out.proxy.asked) == 1, "once more would be no better"
    answer = HttpProber().get(f"https://{HOST}/health", 5)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.trouble


@pytest.mark.parametrize(
    ("url", "proxies", "through"),
    [
        ("https://a.example/x", {"https_proxy": "proxy.example:3128"}, "http://proxy.example:3128"),
        ("https://a.example/x", {"http_proxy": "http://proxy.example"}, None),
        ("https://[2001:db8::1]/", {"HTTPS_PROXY": "http://[::2]:1"}, "http://[::2]:1"),
        ("https://a.example/x", {"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ("https://u@a.example/x", {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.example"}, None),
        (
            "https://b.a.example",
            {"HTTPS_PROXY": "http://p", "NO_PROXY": "a.example:443"},
            "http://p",
        ),
        ("http://127.0.0.1:4566/v2/", {"HTTP_PROXY": "http://p"}, None),
        ("http://localhost/", {"HTTP_PROXY": "http://p"}, None),
    ],
)
def test_the_way_is_that_of_every_other_tool(
    monkeypatch: pytest.MonkeyPatch, url: str, proxies: dict[str, str], through: str | None
) -> None:
    for name, value in proxies.items():
        monkeypatch.setenv(name, value)
    proxy = proxy_for(url)
    assert (proxy.url if proxy else None) == through


def test_a_password_of_a_proxy_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy.example:1")
    proxy = proxy_for("https://a.example")
    assert isinstance(proxy, Proxy)
    assert "hunter2" not in repr(proxy)
    assert repr(proxy) == "Proxy('http://proxy.example:1')"


def test_news_goes_through_it_and_believes_the_same_authorities(
    out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{out.address}")
    out.hub.play = lambda _: out.hub.kit.reply(status=204)
    post = Post(url=f"https://{HOST}/hook", headers={}, body=b"{}")
    assert HttpPoster({"AWS_CA_BUNDLE": out.bundle}).post(post, 5).status == 204
    assert out.proxy.asked == [f"{HOST}:443"]
    assert "certificate is not believed" in HttpPoster({}).post(post, 5).trouble


def test_news_goes_to_the_address_that_was_judged(out: Out) -> None:
    """The name never resolves: what was looked up is connected to, with TLS for the name."""
    asked: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], _seconds: float) -> socket.socket:
        asked.append(address)
        return socket.create_connection(("127.0.0.1", out.proxy.port))

    variables = {"AWS_CA_BUNDLE": out.bundle}
    poster = HttpPoster(variables, lambda *_: ["93.184.215.14"], connect)
    out.hub.play = lambda _: out.hub.kit.reply(status=204)
    answer = poster.post(Post(url=f"https://{HOST}/hook", headers={}, body=b"{}"), 5)
    assert answer.status == 204
    assert asked == [("93.184.215.14", 443)]
