"""Several receivers side by side: who fails or hangs holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.unit.notify.news import news

from shipway.notify.channel import Telling
from shipway.notify.news import News, Told


class Somebody:
    """Tells by a function."""

    def __init__(self, name: str, tell: Callable[[News], Told | None]) -> None:
        self.name = name
        self.tell = tell


def took(name: str) -> Told:
    return Told(receiver=name, event="delivered", good=True, text="took it")


def test_who_breaks_is_said_and_who_hangs_is_left() -> None:
    forever = threading.Event()

    def hangs(_: News) -> Told | None:
        forever.wait(30)
        return took("b")

    def breaks(_: News) -> Told | None:
        raise RuntimeError("a bug, with https://secret.example")

    channels = [
        Somebody("a", lambda _: took("a")),
        Somebody("b", hangs),
        Somebody("c", breaks),
        Somebody("d", lambda _: None),
    ]
    told = Telling(news(), channels).result(0.2, time.monotonic)
    forever.set()
    assert [(each.receiver, each.good, each.text) for each in told] == [
        ("a", True, "took it"),
        ("b", False, "did not answer in time"),
        ("c", False, "RuntimeError"),
    ]


def test_what_began_is_told_before_how_it_ended() -> None:
    order: list[str] = []
    slow = threading.Event()

    def first(told: News) -> Told | None:
        slow.wait(5)
        order.append(told.event)
        return took("a")

    def second(told: News) -> Told | None:
        order.append(told.event)
        return took("a")

    began = Telling(news("started"), [Somebody("a", first)])
    ended = Telling(news(), [Somebody("a", second)], began)
    slow.set()
    assert ended.result(5, time.monotonic) == (took("a"),)
    assert order == ["started", "delivered"]
