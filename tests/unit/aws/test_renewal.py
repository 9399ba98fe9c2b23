"""Credentials over the hours of a job: when they are renewed, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from botocore.credentials import Credentials
from tests.unit.fake_clock import Clock

from shipway.aws.renewal import AGAIN, BEFORE_THE_END, FIRST, Renewed, RenewedCredentials, due
from shipway.aws.session import Session
from shipway.errors import (
    AccessDeniedError,
    CancelledError,
    RefusedError,
    ShipwayError,
    TerminatedError,
)

HOUR = timedelta(hours=1)


@dataclass
class Job:
    """A job with a clock of its own, and what GitHub and STS answer it."""

    clock: Clock = field(default_factory=Clock)
    lasts: timedelta = HOUR
    refuses: ShipwayError | None = None
    fetched: int = 0
    told: list[tuple[str, str]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    ends: list[datetime] = field(default_factory=list)
    waiting: list[Callable[[], object]] = field(default_factory=list)
    beside: bool = False

    def __post_init__(self) -> None:
        self.credentials = RenewedCredentials(
            Credentials("step", "step-secret", "step-token").get_frozen_credentials(),
            self.fetch,
            tell=lambda text, level: self.told.append((text, level)),
            hide=self.hide,
            renewed=self.ends.append,
            now=self.clock.now,
            start=self.start,
        )

    def start(self, work: Callable[[], object]) -> None:
        if self.beside:
            self.waiting.append(work)
        else:
            work()

    def hide(self, values: Iterable[str]) -> None:
        self.hidden |= set(values)

    def fetch(self) -> Renewed:
        self.fetched += 1
        if self.refuses is not None:
            raise self.refuses
        return Renewed(
            access_key_id=f"key-{self.fetched}",
            secret_access_key=f"secret-{self.fetched}",
            session_token=f"token-{self.fetched}",
            ends=self.clock.now() + self.lasts,
        )

    def after(self, passed: timedelta) -> str:
        """The key that a request is signed with, some time later."""
        self.clock.sleep(passed.total_seconds())
        return str(self.credentials.get_frozen_credentials().access_key)


def test_the_first_comes_early_and_each_other_well_before_the_end() -> None:
    job = Job()
    assert job.after(FIRST - timedelta(seconds=1)) == "step"
    assert job.fetched == 0
    assert job.after(timedelta(seconds=1)) == "key-1"
    assert job.after(HOUR - BEFORE_THE_END - timedelta(seconds=1)) == "key-1"
    assert job.after(timedelta(seconds=1)) == "key-2"
    assert job.fetched == 2
    assert job.told == [
        ("credentials renewed from GitHub's token until 00:45 UTC", "info"),
        ("credentials renewed from GitHub's token until 01:30 UTC", "info"),
    ]
    assert [f"{ends:%H:%M}" for ends in job.ends] == ["00:45", "01:30"]


def test_three_hours_without_a_request_signed_by_what_has_ended() -> None:
    job = Job()
    ends = [job.clock.now() + timedelta(minutes=15)]
    for _ in range(180):
        job.after(timedelta(minutes=1))
        if job.fetched == len(ends):
            ends.append(job.clock.now() + job.lasts)
        assert job.clock.now() < ends[-1]
    assert job.fetched == 4, "5, 50, 95 and 140 minutes after the identity was checked"


def test_the_three_parts_are_always_of_one_session() -> None:
    job = Job()
    job.after(FIRST)
    keys = job.credentials.get_frozen_credentials()
    assert (keys.access_key, keys.secret_key, keys.token) == ("key-1", "secret-1", "token-1")
    assert (job.credentials.access_key, job.credentials.token) == ("key-1", "token-1")
    assert job.hidden == {"key-1", "secret-1", "token-1"}
    assert "secret-1" not in repr(job.fetch())


def test_what_fails_is_told_once_and_tried_again_while_the_old_ones_hold() -> None:
    job = Job(refuses=RefusedError("GitHub's token service cannot be asked: 503"))
    assert job.after(FIRST) == "step"
    assert job.after(AGAIN / 2) == "step"
    assert job.fetched == 1
    assert job.after(AGAIN) == "step"
    assert job.fetched == 2
    first = (
        "the credentials hold for as long as their step asked and could not be renewed: "
        "GitHub's token service cannot be asked: 503"
    )
    assert job.told == [(first, "warning")], "the same trouble is told once"
    job.refuses = AccessDeniedError("sts:AssumeRoleWithWebIdentity is not allowed")
    job.after(AGAIN)
    assert job.told[1][0].endswith("could not be renewed: " + job.refuses.what)
    job.refuses = None
    assert job.after(AGAIN) == "key-4"
    assert job.told[-1][1] == "info"


def test_the_end_of_what_could_not_be_renewed_is_said() -> None:
    job = Job()
    job.after(FIRST)
    job.refuses = RefusedError("no")
    assert job.after(HOUR - BEFORE_THE_END) == "key-1"
    text = "the credentials hold until 00:45 UTC and could not be renewed: no"
    assert job.told[-1] == (text, "warning")
    assert job.after(HOUR) == "key-1", "and then AWS says what there is to say"


def test_nobody_waits_for_a_renewal_while_the_old_ones_hold() -> None:
    job = Job(beside=True)
    assert job.after(FIRST) == "step"
    assert job.after(timedelta(seconds=1)) == "step"
    assert (len(job.waiting), job.fetched) == (1, 0), "one at a time"
    job.waiting.pop()()
    assert job.after(timedelta(seconds=1)) == "key-1"
    assert job.waiting == []


def test_whoever_comes_when_they_have_ended_waits_for_new_ones() -> None:
    job = Job(beside=True)
    job.after(FIRST)
    job.waiting.pop()()
    assert job.after(2 * HOUR) == "key-2", "a build took two hours and asked AWS nothing"
    assert job.waiting == []


def test_what_aws_refused_is_renewed_at_once() -> None:
    job = Job()
    assert job.credentials.renew() is True
    assert job.after(timedelta(0)) == "key-1"
    job.refuses = RefusedError("no")
    assert job.credentials.renew() is False


@pytest.mark.parametrize("error", [CancelledError("x"), TerminatedError("x")])
def test_a_signal_is_not_taken_for_a_failure(error: ShipwayError) -> None:
    job = Job(refuses=error)
    with pytest.raises(type(error)):
        job.after(FIRST)
    job.refuses = None
    assert job.after(timedelta(0)) == "key-2", "and nothing is locked"


@pytest.mark.parametrize(("lasts", "before"), [(60, 15), (720, 15), (30, 15), (15, 7.5), (2, 1)])
def test_a_short_session_is_renewed_at_its_half(lasts: int, before: float) -> None:
    now = Clock().now()
    ends = now + timedelta(minutes=lasts)
    assert due(now, ends) == ends - timedelta(minutes=before)


def _nothing(*_: object) -> None:
    """Take a line or a value and keep it to oneself."""


@pytest.mark.parametrize("token", ["", "session"])
def test_only_the_keys_of_a_step_are_renewed(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIASTEP")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    session = Session("eu-west-1")
    asked: list[datetime] = []

    def refused() -> str:
        asked.append(Clock().now())
        raise RefusedError("no")

    session.renew_by(
        refused, tell=_nothing, hide=_nothing, renewed=_nothing, role="arn:role", arn="arn:x/y"
    )
    assert session.access_key_id() == "ASIASTEP"
    assert session.elsewhere("eu-central-1").access_key_id() == "ASIASTEP"
    assert asked == [], "nothing is asked before it is due"
    assert session.renew() is False
    assert len(asked) == (1 if token else 0), "a key without a session is no step's"
