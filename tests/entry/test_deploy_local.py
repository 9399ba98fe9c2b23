"""Deliveries to the embedded sandbox as a person types them, one after another."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from shipway.adapters.http import HttpProber

if TYPE_CHECKING:
    from tests.entry.conftest import Ended, Here, Running

ABSENT = "sha256:" + "0" * 63 + "1"


NOTIFY = """\
[notify.ops]
url = "env:OPS_HOOK"
environments = ["local"]
"""


@dataclass
class Told:
    """What arrived, in order."""

    env: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [event["type"].removeprefix("dev.cdevents.") for event in self.events]


@contextmanager
def listening() -> Iterator[Told]:
    """A receiver of CloudEvents on a free port."""
    inbox = Told(env={})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers.get_content_type() == "application/cloudevents+json"
            inbox.events.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        inbox.env["OPS_HOOK"] = f"http://127.0.0.1:{server.server_address[1]}/canary-path"
        try:
            yield inbox
        finally:
            server.shutdown()
            thread.join(10)


@dataclass
class Answers:
    """What customers got meanwhile."""

    counted: Counter[str] = field(default_factory=Counter)


@contextmanager
def probe(sandbox: Running) -> Iterator[Answers]:
    """Ask the local service all the while."""
    found, end, prober = Answers(), threading.Event(), HttpProber()
    url = f"{sandbox.state['endpoint']}/_alb/shop-local/health"

    def ask() -> None:
        while not end.wait(0.05):
            answer = prober.get(url, 5)
            found.counted[str(answer.status or answer.trouble)] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join(10)


def stages(ended: Ended, kind: str) -> dict[str, str]:
    """The words of each stage that ended this way."""
    return {one["stage"]: one["text"] for one in ended.events if one["type"] == kind}


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """Whoever is told of deliveries: a server of this machine."""
    with listening() as inbox:
        yield inbox


@pytest.fixture(scope="module")
def first(clone: Here, sandbox: Running, told: Told) -> Iterator[Ended]:
    """The first delivery, under way while customers ask."""
    clone.alters_the_source("deployed")  # another test may have published what is there
    clone.replace("ci/delivery.toml", "[environments.local]\n", f"{NOTIFY}[environments.local]\n")
    with probe(sandbox) as answers:
        ended = clone.types("inv", "deploy", "--env", "local", "--json", env=told.env)
    assert ended.code == 0, ended.out + ended.err
    assert set(answers.counted) == {"200"}
    yield ended
    clone.replace("ci/delivery.toml", NOTIFY, "")  # the clone is every test's


def test_the_first_delivery_walks_the_whole_row(first: Ended, clone: Here) -> None:
    done = stages(first, "finished")
    assert list(done) == ["contract", "identity", "build", "publish", "deploy", "verify", "hold"]
    assert "pushed" in done["publish"]
    assert "2 of 2 running" in done["deploy"]
    assert first.err == ""
    record = clone.records()[-1]
    [service] = record["services"]
    assert service["taskDefinition"] != service["previousTaskDefinition"]
    assert record["identity"]["arn"].startswith("arn:aws:sts::123456789012:assumed-role/")


def test_who_is_to_know_is_told_that_it_began_and_how_it_ended(
    first: Ended, told: Told, clone: Here
) -> None:
    kinds = ["pipelinerun.started", "service.deployed", "pipelinerun.finished"]
    assert [kind.removesuffix(".0.2.0") for kind in told.kinds()[:3]] == kinds
    [service] = [event for event in told.events[:3] if "service" in event["type"]]
    record = clone.records()[0]
    digest = record["image"]["reference"].partition("@sha256:")[2]
    assert digest in service["data"]["subject"]["content"]["artifactId"]
    assert record["announcements"][0]["good"] is True
    assert "canary-path" not in first.out
    [kept] = clone.folder.glob("evidence/*/*/announced.json")
    assert json.loads(kept.read_bytes())[0]["event"] == "delivered"
    verified = clone.types("inv", "audit", "--verify")
    assert verified.code == 0, verified.out + verified.err


@pytest.mark.usefixtures("first")
def test_the_second_pushes_nothing_and_says_so(clone: Here) -> None:
    ended = clone.types("inv", "deploy", "--env", "local")
    assert ended.code == 0, ended.out + ended.err
    assert "nothing built, nothing pushed: " in ended.out
    assert "web runs this image already; nothing was changed" in ended.out
    record = clone.records()[-1]
    assert record["image"]["pushed"] is None
    assert record["verdict"]["exitCode"] == 0


@pytest.mark.usefixtures("first")
def test_an_image_that_does_not_exist_changes_nothing(
    clone: Here, sandbox: Running, told: Told
) -> None:
    before = clone.records()[-1]["image"]["reference"]
    image = f"{sandbox.state['registry']}/shop-local@{ABSENT}"
    with probe(sandbox) as answers:
        ended = clone.types("inv", "deploy", "--env", "local", "--image", image, env=told.env)
    assert ended.code == 24, ended.out + ended.err
    assert ended.lines[-1] == "exit 24 (image-not-found)"
    assert f"there is no image {ABSENT} in " in ended.out
    assert "what ran before still runs" in ended.out
    assert told.kinds()[-1] == "pipelinerun.finished.0.2.0"
    custom = told.events[-1]["data"]["customData"]
    assert (custom["exitCode"], custom["verdict"]) == (24, "image-not-found")
    assert answers.counted["200"] > 5
    assert set(answers.counted) == {"200"}
    checked = clone.types("inv", "verify", "--env", "local", "--json")
    assert checked.code == 0, checked.out + checked.err
    digest = before.partition("@")[2]
    words = f"2 tasks of {digest[:19]}…, the service's task definition"
    assert words in stages(checked, "finished")["verify"]
    running = clone.records()[-1]["verification"][0]
    assert before.partition("@")[2] in str(running)


@pytest.mark.usefixtures("first")
def test_verify_alone_asks_several_times_and_changes_nothing(clone: Here) -> None:
    ended = clone.types("inv", "verify", "--env", "local")
    assert ended.code == 0, ended.out + ended.err
    assert "200, 5 in a row" in ended.out
    assert "services" not in clone.records()[-1]
