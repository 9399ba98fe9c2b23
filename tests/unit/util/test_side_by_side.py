"""Calls side by side come back as if one had come after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from shipway.errors import AwsError
from shipway.util.side_by_side import WIDTH, in_waves, look_up

SECONDS = 5.0


@dataclass
class Outside:
    """Counts who is in it at once; a call waits there until so many others came, or it may go."""

    company: int = 1
    fails: dict[int, BaseException] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    most: int = 0
    _inside: int = 0
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def call(self, item: int) -> str:
        with self._moved:
            self.calls.append(item)
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._moved.notify_all()
            self._moved.wait_for(lambda: self.most >= self.company, SECONDS)
            self._inside -= 1
        if item in self.fails:
            raise self.fails[item]
        return f"{item}"


def test_each_key_is_asked_once_and_comes_back_in_its_order() -> None:
    outside = Outside(company=3)
    assert look_up(outside.call, [3, 1, 3, 2, 1]) == {3: "3", 1: "1", 2: "2"}
    assert sorted(outside.calls) == [1, 2, 3]
    assert outside.most == 3


def test_no_more_are_asked_at_once_than_are_let() -> None:
    outside = Outside(company=WIDTH)
    look_up(outside.call, range(100))
    assert outside.most == WIDTH
    narrow = Outside(company=2)
    look_up(narrow.call, range(10), 2)
    assert narrow.most == 2


def test_one_alone_is_asked_in_the_thread_that_asks() -> None:
    assert look_up(lambda _: threading.get_ident(), ["web"]) == {"web": threading.get_ident()}
    assert look_up(lambda _: threading.get_ident(), []) == {}


def test_of_several_that_fail_the_first_of_the_keys_is_told() -> None:
    fails: dict[int, BaseException] = {number: AwsError(f"{number}") for number in (4, 2, 3)}
    outside = Outside(company=5, fails=fails)
    with pytest.raises(AwsError, match="2"):
        look_up(outside.call, [1, 2, 3, 4, 5])


def test_a_failure_leaves_what_has_not_begun() -> None:
    outside = Outside(fails={0: AwsError("0")})

    def call(item: int) -> str:
        answer = outside.call(item)
        time.sleep(0.01)  # as long as a call takes, or all would be over before the failure counts
        return answer

    with pytest.raises(AwsError):
        look_up(call, range(500), 2)
    assert len(outside.calls) < 500


def changed(outside: Outside, count: int) -> tuple[list[int], dict[int, str]]:
    done: list[int] = []

    def tell(item: int, result: str) -> None:
        assert result == f"{item}"
        assert threading.current_thread() is threading.main_thread()
        done.append(item)

    refused = in_waves(outside.call, range(count), tell)
    return done, {index: error.what for index, error in refused.items()}


def test_changes_begin_alone_and_grow() -> None:
    widths: list[int] = []
    seen: list[int] = []
    at_once = threading.Semaphore(WIDTH)

    def call(item: int) -> int:
        with at_once:
            return item

    def done(item: int, _: int) -> None:
        seen.append(item)

    begin = 0
    while begin < 100:
        widths.append(max(1, min(WIDTH, begin)))
        begin += widths[-1]
    assert widths[:7] == [1, 1, 2, 4, 8, 16, 16]
    assert in_waves(call, range(100), done) == {}
    assert seen == list(range(100))
    assert len(widths) == 11


@pytest.mark.parametrize(
    ("refused", "begun"),
    [((0,), [0]), ((1,), [0, 1]), ((2,), [0, 1, 2, 3]), ((5, 6), list(range(8)))],
)
def test_a_change_that_is_refused_ends_its_wave_and_no_other_begins(
    refused: tuple[int, ...], begun: list[int]
) -> None:
    outside = Outside(fails={number: AwsError(f"{number} refused") for number in refused})
    done, failures = changed(outside, 50)
    assert sorted(outside.calls) == begun
    assert done == [number for number in begun if number not in refused]
    assert failures == {number: f"{number} refused" for number in refused}


class KilledError(BaseException):
    """As what a signal's handler raises, or a bug."""


def test_whatever_else_ends_a_wave_what_came_about_is_told_first() -> None:
    done: list[int] = []
    outside = Outside(fails={5: KilledError()})

    def tell(item: int, _: str) -> None:
        done.append(item)

    with pytest.raises(KilledError):
        in_waves(outside.call, range(50), tell)
    assert done == [0, 1, 2, 3, 4, 6, 7]


def interrupted(call: Callable[[int], str], done: Callable[[int, str], None]) -> None:
    in_waves(call, range(4), done)


def test_a_signal_in_a_wave_is_heard_once_what_is_under_way_is_known() -> None:
    """The handler of a signal runs in the main thread: here what it raises comes from ``done``."""
    told: list[int] = []

    def tell(item: int, _: str) -> None:
        told.append(item)
        if item == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(Outside().call, tell)
    assert told == [0, 1]
