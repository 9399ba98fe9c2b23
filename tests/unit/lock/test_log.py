"""Who holds a lock, by the log alone: every way in which two writers can meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shipway.lock.log import (
    NEVER,
    Entry,
    Holder,
    Lock,
    State,
    Written,
    judge,
    moment,
    parsed,
    standing,
)

AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
ADA = Holder(
    nonce="a1", owner="ada", run="https://run/1", version="0.3", since=moment(AT), expiry=180
)
BOB = replace(ADA, nonce="b2", owner="bob", run="process 7 on laptop")


def entry(
    version: int, state: State, holder: Holder, basis: int | None = None, *, seconds: float = 0
) -> Entry:
    known = version - 1 if basis is None else basis
    written = Written(state=state, basis=known, holder=holder)
    return Entry(version=version, modified=AT + timedelta(seconds=seconds), written=written)


@pytest.mark.parametrize(
    ("entries", "owner"),
    [
        ([], None),
        ([entry(1, "claimed", ADA)], "ada"),
        ([entry(1, "claimed", ADA), entry(2, "released", ADA)], None),
        ([entry(1, "claimed", ADA), entry(2, "renewed", ADA)], "ada"),
        # Both saw nobody: the first one has it, whoever the parameter shows.
        ([entry(1, "claimed", ADA), entry(2, "claimed", BOB, 0)], "ada"),
        # The first one was done before the second came.
        ([entry(1, "claimed", ADA), entry(2, "released", ADA), entry(3, "claimed", BOB, 0)], "bob"),
        # Its lease had run out by then.
        ([entry(1, "claimed", ADA), entry(2, "claimed", BOB, 0, seconds=181)], "bob"),
        # Ada comes back after Bob took it over: her sign of life and her release count no more.
        (
            [
                entry(1, "claimed", ADA),
                entry(2, "claimed", BOB, seconds=200),
                entry(3, "renewed", ADA, 1, seconds=201),
                entry(4, "released", ADA, 1, seconds=202),
            ],
            "bob",
        ),
        # A sign of life that comes late, before anybody took it, keeps it.
        ([entry(1, "claimed", ADA), entry(2, "renewed", ADA, seconds=300)], "ada"),
        # A sign of life that was under way when it was given back takes nothing.
        ([entry(1, "claimed", ADA), entry(2, "released", ADA), entry(3, "renewed", ADA, 1)], None),
        # One that was sent twice, as its answer was lost.
        ([entry(1, "claimed", ADA, 0), entry(2, "claimed", ADA, 0)], "ada"),
        ([entry(1, "claimed", ADA), entry(2, "renewed", ADA), entry(3, "renewed", ADA, 1)], "ada"),
    ],
)
def test_who_holds_it(entries: list[Entry], owner: str | None) -> None:
    lock = judge(entries, Lock())
    assert (lock.holder.owner if lock.holder else None) == owner
    assert lock.version == len(entries)


def test_the_first_entry_that_can_be_read_is_taken_for_held() -> None:
    released = entry(105, "released", ADA, 3)
    assert judge([released]).holder == ADA
    assert judge([released, entry(106, "released", ADA)]).holder is None


def test_what_shipway_did_not_write_lets_nobody_in() -> None:
    lock = judge([Entry(version=4, modified=AT, written=parsed("locked by hand"))])
    assert lock.holder is not None
    assert lock.holder.owner == "unknown"
    assert not standing(lock, AT + timedelta(days=9)).free


@pytest.mark.parametrize(
    ("expiry", "silent", "left"),
    [
        (180, 0, 180),
        (180, 179, 1),
        (180, 180, 0),
        (180, 181, None),
        (NEVER, 10**6, None),
        # AWS's own clock went back, or an answer came late: nobody takes anything.
        (180, -3600, 3780),
    ],
)
def test_a_lease_runs_out_by_the_clock_of_aws(
    expiry: int, silent: float, left: float | None
) -> None:
    lock = Lock(version=3, holder=replace(ADA, expiry=expiry), seen=AT)
    found = standing(lock, AT + timedelta(seconds=silent))
    assert found.left == left
    assert found.free == (left is None and expiry != NEVER)
    assert found.expired == (lock.holder if found.free else None)


def test_nothing_runs_out_where_aws_does_not_say_the_time() -> None:
    found = standing(Lock(version=3, holder=ADA, seen=AT), None)
    assert not found.free
    assert found.left is None


def test_an_entry_is_read_back_as_it_was_written() -> None:
    written = Written(state="released", basis=7, holder=ADA, by="eve")
    assert parsed(written.text) == written
    assert len(written.text) < 4096  # a standard parameter


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": "held"}', "[" * 5000])
def test_other_texts_are_no_entries(text: str) -> None:
    assert parsed(text) is None


def test_an_entry_of_a_newer_version_is_read() -> None:
    newer = Written(state="claimed", basis=0, holder=ADA).text.replace("{", '{"host": "x", ', 1)
    assert parsed(newer) == Written(state="claimed", basis=0, holder=ADA)
