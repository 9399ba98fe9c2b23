"""Whose credentials are renewed, as whom, and for whom nothing changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from shipway.evidence.archive import parsed
from shipway.observer import Noticed
from shipway.policy.requirements import GITHUB_ISSUER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.delivery.conftest import World

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop-deploy-staging"


def change(world: World, name: str, old: str, new: str) -> None:
    file = world.root / "ci" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_githubs_job_is_renewed_as_the_very_role_and_session_that_was_checked(
    world: World,
) -> None:
    world.push()
    assert world.deliver(env=None).kind == "succeeded"
    (renewal,) = world.cloud.renewals
    assert (renewal.role, renewal.arn) == (ROLE, world.cloud.arn)
    assert world.github.tokens == [], "no token is asked for before one is due"
    assert renewal.token() == "a token"
    assert world.github.tokens == [(GITHUB_ISSUER, "sts.amazonaws.com")]


def test_a_renewal_is_told_and_what_it_brings_is_hidden(world: World) -> None:
    world.push()
    world.deliver(env=None)
    (renewal,) = world.cloud.renewals
    renewal.hide(("new-secret-key",))
    renewal.tell("renewed, by no means new-secret-key", "warning")
    event = world.events[-1]
    assert isinstance(event, Noticed)
    assert (event.level, event.text) == ("warning", "renewed, by no means ***")


def test_the_record_has_when_it_was_and_as_whom_and_the_report_shows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push()
    ends = [datetime(2026, 11, 23, hour, 30, tzinfo=UTC) for hour in (0, 1)]

    def renew_by(token: object, *, renewed: Callable[[datetime], None], **more: object) -> None:
        del token, more
        for end in ends:
            renewed(end)

    monkeypatch.setattr(world.cloud, "renew_by", renew_by)
    outcome = world.deliver(env=None)
    delivery = world.record(outcome)["predicate"]
    identity = delivery["identity"]
    assert [(each["until"], each["role"]) for each in delivery["renewals"]] == [
        ("2026-11-23T00:30:00.000Z", identity["role"]),
        ("2026-11-23T01:30:00.000Z", identity["role"]),
    ]
    assert all(each["at"] >= delivery["startedOn"] for each in delivery["renewals"])
    assert outcome.evidence is not None
    page = (outcome.evidence / "report.html").read_text()
    assert "until 00:30, " in page
    assert f"until 01:30 UTC as {identity['role']}" in page


def test_a_record_without_renewals_is_read_as_one_of_before_they_were_noted(world: World) -> None:
    statement = world.record(world.deliver())
    assert "renewals" not in statement["predicate"]
    read = parsed(json.dumps(statement).encode())
    assert read is not None
    assert read.predicate.renewals == ()


def test_the_path_of_the_role_is_the_contracts(world: World) -> None:
    world.push()
    head = "[environments.staging]"
    change(world, "release.toml", head, f'{head}\nrole_path = "/ci/"')
    assert world.deliver(env=None).kind == "succeeded"
    (renewal,) = world.cloud.renewals
    assert renewal.role == f"arn:aws:iam::{ACCOUNT}:role/ci/shop-deploy-staging"


@pytest.mark.parametrize("value", ["off", "OFF"])
def test_a_job_can_keep_to_what_its_step_gave(world: World, value: str) -> None:
    world.push()
    world.variables["SHIPWAY_RENEW_CREDENTIALS"] = value
    assert world.deliver(env=None).kind == "succeeded"
    assert world.cloud.renewals == []


def test_a_person_keeps_their_own_credentials(world: World) -> None:
    assert world.deliver().kind == "succeeded"
    assert world.cloud.renewals == []


def test_whoever_is_turned_away_is_renewed_nowhere(world: World) -> None:
    world.push()
    world.cloud.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/another/ci"
    assert world.deliver(env=None).kind == "identity"
    assert world.cloud.renewals == []
