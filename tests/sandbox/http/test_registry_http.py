"""The push over real HTTP, against a registry that behaves as badly as registries do."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from shipway.aws.registry import DistributionClient
from shipway.errors import AccessDeniedError, PublishError, ShipwayError, TerminatedError
from shipway.image import layout
from shipway.image.publish import Pushed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import MadeLayout, MakeLayout
    from tests.sandbox.http.conftest import Kit, Reply, Request

    from shipway.image.layout import Layout

PASSWORD = "twelve-hour-token-of-ecr"  # noqa: S105  # made up
TOKEN = f"AWS:{PASSWORD}"
BASIC = f"Basic {base64.b64encode(TOKEN.encode()).decode()}"


@dataclass
class Hub:
    """A registry in memory; ``play`` answers instead of it where it gives something."""

    kit: Kit
    address: str = ""
    elsewhere: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    play: Callable[[Request], Reply | None] = lambda _: None
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            played: Reply = self.play(request) or self.answer(request)
            return played

    def answer(self, request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        name = path.rpartition("/")[2]
        status, headers = 404, {}
        if request.method == "HEAD":
            status = 200 if name in self.blobs else 404
        elif request.method == "POST":
            number = f"upload-{len(self.requests)}"
            self.parts[number] = b""
            base = self.elsewhere or ""
            status, headers = 202, {"Location": f"{base}/v2/team/shop/blobs/uploads/{number}?s=1"}
        elif request.method == "PATCH":
            self.parts[name] = request.body
            status, headers = 202, {"Location": f"{request.path}&state=2"}
        elif request.method == "PUT" and "uploads" in path:
            digest = query.rpartition("digest=")[2]
            content = self.parts.pop(name)
            whole = f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
            self.blobs[digest] = content
            status = 201 if whole else 400
        elif request.method == "PUT":
            self.manifests[name] = request.body
            digest = f"sha256:{hashlib.sha256(request.body).hexdigest()}"
            status, headers = 201, {"Docker-Content-Digest": digest}
        reply: Reply = self.kit.reply(status=status, headers=headers)
        return reply

    def refusal(self, status: int, code: str, message: str) -> Reply:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        reply: Reply = self.kit.reply(status=status, body=body)
        return reply

    def sent(self, method: str, part: str = "") -> list[Request]:
        return [one for one in self.requests if one.method == method and part in one.path]

    @property
    def uri(self) -> str:
        return f"{self.address.removeprefix('http://')}/team/shop"

    def push(self, image: Layout, tag: str = "tag") -> Pushed:
        return DistributionClient(self.uri, TOKEN).push(image, tag)

    def refuses(self, image: Layout) -> ShipwayError:
        with pytest.raises((PublishError, AccessDeniedError)) as caught:
            self.push(image)
        assert caught.value.where == self.uri
        return caught.value


@pytest.fixture
def hub(kit: Kit) -> Iterator[Hub]:
    made = Hub(kit)
    with kit.serving(made) as made.address:
        yield made


@pytest.fixture
def made(tmp_path: Path, make_layout: MakeLayout) -> MadeLayout:
    return make_layout(tmp_path / "layout", content=b"x" * 100_000, layers={"two": b"two"})


@pytest.fixture
def image(made: MadeLayout) -> Layout:
    return layout.read(made.folder)


def test_exactly_the_bytes_of_the_layout_arrive_and_the_tag_last(hub: Hub, image: Layout) -> None:
    pushed = hub.push(image)
    assert pushed == Pushed(digest=image.root.digest, blobs=len(image.blobs), bytes=image.size)
    assert hub.blobs == {blob.digest.value: blob.path.read_bytes() for blob in image.blobs}
    puts = [one.path.rpartition("/")[2] for one in hub.sent("PUT", "/manifests/")]
    assert puts == [*[child.digest.value for child in image.children], "tag"]
    assert hub.manifests["tag"] == image.root.content
    assert all(one.headers["Authorization"] == BASIC for one in hub.requests)


def test_what_is_there_is_not_sent_again(hub: Hub, image: Layout) -> None:
    hub.push(image)
    hub.requests.clear()
    assert hub.push(image, "other") == Pushed(digest=image.root.digest, blobs=0, bytes=0)
    assert hub.sent("POST") == hub.sent("PATCH") == []


def test_a_layer_is_sent_whole_with_its_length(hub: Hub, image: Layout) -> None:
    hub.push(image)
    lengths = sorted(int(one.headers["Content-Length"]) for one in hub.sent("PATCH"))
    assert lengths == sorted(blob.size for blob in image.blobs)
    assert all("Transfer-Encoding" not in one.headers for one in hub.sent("PATCH"))


def test_a_token_that_is_refused(hub: Hub, image: Layout) -> None:
    hub.play = lambda _: hub.refusal(401, "DENIED", "Your authorization token has expired.")
    error = hub.refuses(image)
    assert error.what.startswith("the registry refused blob sha256:")
    assert error.what.endswith(": 401")  # a HEAD has no words
    assert error.remedy == (
        "the registry refused the token: see that the role may ecr:InitiateLayerUpload"
    )


def test_a_repository_that_is_not_there(hub: Hub, image: Layout) -> None:
    hub.play = lambda request: (
        hub.refusal(404, "NAME_UNKNOWN", "no such repository") if request.method == "POST" else None
    )
    error = hub.refuses(image)
    assert error.what.endswith(": 404 NAME_UNKNOWN no such repository")
    assert error.remedy == "the repository does not exist; shipway never creates one"


def test_a_tag_that_may_not_move(hub: Hub, image: Layout) -> None:
    hub.play = lambda request: (
        hub.refusal(400, "TAG_INVALID", "The image tag 'tag' already exists")
        if request.path.endswith("/manifests/tag")
        else None
    )
    error = hub.refuses(image)
    assert error.what == (
        "the registry refused manifest tag: 400 TAG_INVALID The image tag 'tag' already exists"
    )
    assert error.remedy == "see the registry's own words above; nothing was rolled out"


def test_a_layer_that_was_lost_after_it_was_taken(hub: Hub, image: Layout) -> None:
    hub.play = lambda request: (
        hub.refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if "/manifests/sha256:" in request.path
        else None
    )
    error = hub.refuses(image)
    digest = image.children[0].digest
    assert error.what == (
        f"the registry refused manifest {digest}: 404 BLOB_UNKNOWN blob unknown to registry"
    )
    assert "tag" not in hub.manifests, "no tag stands for half an image"


def times(count: int, method: str, reply: Reply) -> Callable[[Request], Reply | None]:
    left = [count]

    def play(request: Request) -> Reply | None:
        if request.method != method or left[0] == 0:
            return None
        left[0] -= 1
        return reply

    return play


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 503), ("POST", 500), ("PATCH", 429), ("PUT", 500)]
)
def test_what_passes_is_tried_again(hub: Hub, image: Layout, method: str, status: int) -> None:
    hub.play = times(1, method, hub.refusal(status, "UNAVAILABLE", "later"))
    assert hub.push(image).digest == image.root.digest


def test_a_connection_that_is_cut_in_the_middle_of_an_upload(
    hub: Hub, image: Layout, kit: Kit
) -> None:
    hub.play = times(1, "PATCH", kit.reply(cut=True))
    assert hub.push(image).bytes == image.size
    assert len(hub.blobs) == len(image.blobs)


def test_what_does_not_pass_ends_with_words_and_without_an_address(
    hub: Hub, image: Layout, kit: Kit
) -> None:
    hub.play = times(99, "PATCH", kit.reply(cut=True))
    error = hub.refuses(image)
    assert error.what.startswith("the registry cannot be reached: Connection aborted: ")
    assert "s=1" not in error.what
    assert error.remedy == ("check the network, then publish again: layers that arrived are kept")
    assert "ecr:UploadLayerPart" in error.details[0], "a refusal may look like that"


def test_nobody_listens(image: Layout) -> None:
    with pytest.raises(PublishError) as caught:
        DistributionClient("127.0.0.1:1/team/shop", TOKEN).push(image, "tag")
    assert "Connection refused" in caught.value.what
    assert "/v2/" not in caught.value.what


def test_an_answer_without_a_place_to_upload_to(hub: Hub, image: Layout, kit: Kit) -> None:
    hub.play = times(99, "POST", kit.reply(status=202))
    assert hub.refuses(image).what.endswith(": 202")


def test_another_host_gets_no_password(hub: Hub, image: Layout, kit: Kit) -> None:
    other = Hub(kit)
    with ExitStack() as stack:
        other.address = stack.enter_context(kit.serving(other))
        other.parts, other.blobs = hub.parts, hub.blobs
        hub.elsewhere = other.address
        hub.push(image)
    assert {one.method for one in other.requests} == {"PATCH", "PUT"}
    assert all("Authorization" not in one.headers for one in other.requests)


def test_the_password_is_in_no_log_and_no_error(
    hub: Hub, image: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.play = times(99, "PUT", hub.refusal(403, "DENIED", "not authorized"))
    error = hub.refuses(image)
    seen = f"{caplog.text}{error}{error.details}{error.remedy}{error.__cause__}"
    assert "PUT" in caplog.text, "something was logged at all"
    for secret in (PASSWORD, BASIC.partition(" ")[2]):
        assert secret not in seen


def test_a_signal_is_not_waited_out(hub: Hub, image: Layout) -> None:
    answered = threading.Event()

    def ends(_signal: int, _frame: object) -> None:
        raise TerminatedError("ended by SIGTERM")

    def hold(request: Request) -> Reply | None:
        if request.method == "POST":
            if len(hub.sent("POST")) == 1:
                os.kill(os.getpid(), signal.SIGUSR1)
            hub.lock.release()
            answered.wait(10)
            hub.lock.acquire()
        return None

    hub.play = hold
    before = signal.signal(signal.SIGUSR1, ends)
    began = time.monotonic()
    try:
        with pytest.raises(TerminatedError):
            hub.push(image)
        took = time.monotonic() - began
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        answered.set()
        signal.signal(signal.SIGUSR1, before)
    assert took < 3, "the registry holds its answers for ten seconds"


def test_a_file_is_not_read_on_once_the_push_is_over(made: MadeLayout, hub: Hub) -> None:
    image = layout.read(made.folder)
    bad = image.blobs[0].digest.value
    hub.play = lambda request: (
        hub.refusal(403, "DENIED", "no") if request.path.endswith(bad) else None
    )
    assert "403" in hub.refuses(image).what
    assert hub.manifests == {}
