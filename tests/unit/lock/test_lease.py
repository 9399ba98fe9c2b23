"""Taking, keeping and giving back, with somebody else in between at every step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.fake_clock import Clock
from tests.unit.fake_lock_log import LockLog

from shipway.errors import AwsError, LockLostError
from shipway.lock.lease import Lease, claim, look, release
from shipway.lock.log import NEVER, Holder, Written

NAME = "/shipway/shop/staging/lock"
ADA = Holder(nonce="a1", owner="ada", run="https://run/1", version="0.3", since="", expiry=180)
BOB = replace(ADA, nonce="b2", owner="bob")


@pytest.fixture
def log() -> LockLog:
    return LockLog(Clock())


def take(log: LockLog, holder: Holder) -> Lease:
    lease = claim(log, NAME, holder, Clock()).lease
    assert lease is not None
    return lease


def _quickly(log: LockLog, holder: Holder) -> None:
    take(log, holder)


def owner(log: LockLog) -> str:
    holder = look(log, NAME).lock.holder
    return holder.owner if holder else ""


def test_it_is_taken_with_two_calls_and_given_back_with_one(log: LockLog) -> None:
    lease = take(log, ADA)
    assert log.calls == ["read", "write"]
    assert lease.release() == ""
    assert log.calls == ["read", "write", "write"]
    assert look(log, NAME).free


def test_it_says_since_when_by_the_clock_of_aws(log: LockLog) -> None:
    """An hour of difference between two machines changes nothing."""
    wrong = Clock(at=log.clock.now() - timedelta(hours=1))
    lease = claim(log, NAME, ADA, wrong).lease
    assert lease is not None
    assert lease.holder.since == log.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    for hours in (-1, 1):
        theirs = Clock(at=log.clock.now() + timedelta(hours=hours))
        assert claim(log, NAME, BOB, theirs).lease is None


def test_the_second_is_told_who_has_it(log: LockLog) -> None:
    take(log, ADA)
    claimed = claim(log, NAME, BOB, Clock())
    assert claimed.lease is None
    assert claimed.standing.lock.holder is not None
    assert claimed.standing.lock.holder.owner == "ada"
    assert claimed.standing.left == 180


def test_of_two_who_see_it_free_the_first_has_it(log: LockLog) -> None:
    log.before_write.append(lambda: _quickly(log, ADA))
    claimed = claim(log, NAME, BOB, Clock())
    assert claimed.lease is None
    assert claimed.standing.lock.holder is not None
    assert claimed.standing.lock.holder.owner == "ada"
    # The parameter shows Bob's entry, and whoever looks reads back to the one that counts.
    assert owner(log) == "ada"


def test_a_reading_that_lags_lets_nobody_in(log: LockLog) -> None:
    take(log, ADA)
    log.behind = 1  # Bob reads that the parameter is not there
    assert claim(log, NAME, BOB, Clock()).lease is None
    assert owner(log) == "ada"


def test_a_release_in_between_lets_the_second_in(log: LockLog) -> None:
    def quick() -> None:
        take(log, ADA).release()

    log.before_write.append(quick)
    lease = claim(log, NAME, BOB, Clock()).lease
    assert lease is not None
    assert owner(log) == "bob"


def test_one_that_ran_out_is_taken_over_and_its_owner_is_told(log: LockLog) -> None:
    ada = take(log, ADA)
    log.wait(181)
    claimed = claim(log, NAME, BOB, Clock())
    assert claimed.lease is not None
    assert claimed.standing.expired is not None
    assert claimed.standing.expired.owner == "ada"
    assert claimed.lease.token > ada.token
    with pytest.raises(LockLostError) as caught:
        ada.renew()
    assert "bob" in caught.value.what
    assert NAME in caught.value.where
    # What she does not have she cannot give back.
    assert ada.release() == ""
    assert owner(log) == "bob"


def test_of_two_who_take_one_over_the_first_has_it(log: LockLog) -> None:
    take(log, ADA)
    log.wait(181)
    eve = replace(ADA, nonce="e5", owner="eve")
    log.before_write.append(lambda: _quickly(log, eve))
    assert claim(log, NAME, BOB, Clock()).lease is None
    assert owner(log) == "eve"


def test_signs_of_life_keep_it(log: LockLog) -> None:
    ada = take(log, ADA)
    for _ in range(10):
        log.wait(170)
        ada.renew()
    assert ada.signs == 10
    assert claim(log, NAME, BOB, Clock()).lease is None


def test_one_that_lost_the_race_does_not_hide_the_owner_from_her_own_signs(log: LockLog) -> None:
    ada = take(log, ADA)
    log.write(NAME, Written(state="claimed", basis=0, holder=BOB).text)
    ada.renew()
    ada.renew()
    assert owner(log) == "ada"
    assert ada.release() == ""
    assert look(log, NAME).free


def test_somebody_may_release_it_in_her_place_and_she_is_told(log: LockLog) -> None:
    ada = take(log, ADA)
    release(log, NAME, look(log, NAME), "eve")
    assert look(log, NAME).free
    with pytest.raises(LockLostError, match="eve released it"):
        ada.renew()


def test_a_parameter_that_was_deleted_is_a_lost_lock(log: LockLog) -> None:
    ada = take(log, ADA)
    ada.renew()
    log.versions.clear()
    with pytest.raises(LockLostError, match="deleted"):
        ada.renew()


def test_a_release_of_another_never_frees_a_later_holder(log: LockLog) -> None:
    """Eve looked while Ada had it; she writes after Bob took it over."""
    take(log, ADA)
    seen = look(log, NAME)
    log.wait(181)
    bob = take(log, BOB)
    release(log, NAME, seen, "eve")
    assert owner(log) == "bob"
    bob.renew()
    assert not bob.lost


def test_one_for_maintenance_never_runs_out(log: LockLog) -> None:
    take(log, replace(ADA, expiry=NEVER, reason="moving the database"))
    log.wait(10**6)
    assert claim(log, NAME, BOB, Clock()).lease is None


def test_a_release_that_aws_does_not_take_is_no_error(log: LockLog) -> None:
    ada = take(log, ADA)
    log.fails = AwsError("AWS cannot be reached")
    assert ada.release() == "AWS cannot be reached"


def test_a_hundred_losers_are_read_back_in_tens(log: LockLog) -> None:
    take(log, ADA)
    for number in range(25):
        loser = replace(BOB, nonce=f"b{number}")
        log.write(NAME, Written(state="claimed", basis=0, holder=loser).text)
    log.calls.clear()
    assert owner(log) == "ada"
    assert log.calls.count("read") == 4
