"""Deliveries to the embedded sandbox as a person types them, one after another."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from shipway.adapters.http import HttpProber

if TYPE_CHECKING:
    from tests.entry.conftest import Ended, Here, Running

ABSENT = "sha256:" + "0" * 63 + "1"


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
def first(clone: Here, sandbox: Running) -> Ended:
    """The first delivery, under way while customers ask."""
    clone.alters_the_source("deployed")  # another test may have published what is there
    with probe(sandbox) as answers:
        ended = clone.types("inv", "deploy", "--env", "local", "--json")
    assert ended.code == 0, ended.out + ended.err
    assert set(answers.counted) == {"200"}
    return ended


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
def test_an_image_that_does_not_exist_changes_nothing(clone: Here, sandbox: Running) -> None:
    before = clone.records()[-1]["image"]["reference"]
    image = f"{sandbox.state['registry']}/shop-local@{ABSENT}"
    with probe(sandbox) as answers:
        ended = clone.types("inv", "deploy", "--env", "local", "--image", image)
    assert ended.code == 24, ended.out + ended.err
    assert ended.lines[-1] == "exit 24 (image-not-found)"
    assert f"there is no image {ABSENT} in " in ended.out
    assert "what ran before still runs" in ended.out
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
