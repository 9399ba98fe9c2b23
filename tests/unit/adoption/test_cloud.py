"""What is seen of an account, as far as its credentials let us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from shipway.adoption.answers import InitOptions
from shipway.adoption.cloud import look
from shipway.config.inventory import LiveService
from shipway.errors import AccessDeniedError, IdentityError, ShipwayError, UsageError
from shipway.values import Identity


@dataclass(frozen=True)
class Account:
    """An account with a few services."""

    names: tuple[tuple[str, str], ...] = (("acme", "tally"),)
    breaker: bool = True
    refused: frozenset[str] = frozenset()
    region: str = "eu-west-1"

    def identity(self) -> Identity:
        return Identity(account="111122223333", arn="arn:aws:iam::111122223333:user/x", user_id="x")

    def services(self) -> Sequence[tuple[str, str]]:
        self._ask("services")
        return self.names

    def service(self, cluster: str, service: str) -> LiveService:
        self._ask("service")
        return LiveService(
            cluster=cluster, service=service, container="api", circuit_breaker=self.breaker
        )

    def published(self) -> Mapping[str, str]:
        self._ask("published")
        return {"ssm:/tally/staging/cluster": "acme"}

    def _ask(self, what: str) -> None:
        if what in self.refused:
            raise AccessDeniedError(f"{what} is not allowed")


def seen(account: Account, **wanted: str) -> tuple[str, list[str]]:
    notes: list[str] = []
    live = look(account, InitOptions(**wanted), "tally", notes.append).live
    return (f"{live.cluster}/{live.service}" if live else ""), notes


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([], ""),
        (["acme/other"], "acme/other"),
        (["acme/other", "acme/tally", "acme/tally-worker"], "acme/tally"),
        (["acme/other", "acme/tally-web"], "acme/tally-web"),
        (["acme/one", "acme/two"], ""),
        (["a/tally", "b/tally"], ""),
    ],
)
def test_the_service_that_is_called_so_is_the_one(names: list[str], chosen: str) -> None:
    pairs = tuple((cluster, service) for cluster, service in (name.split("/") for name in names))
    live, notes = seen(Account(names=pairs))
    assert live == chosen
    assert any("--from-service" in note for note in notes) is (bool(names) and not chosen)


def test_a_service_that_is_named_is_taken() -> None:
    assert seen(Account(names=()), from_service="acme/web") == ("acme/web", [])
    arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/acme/web"
    assert seen(Account(names=()), from_service=arn) == ("acme/web", [])
    with pytest.raises(UsageError, match="CLUSTER/SERVICE"):
        seen(Account(), from_service="web")


def test_credentials_of_another_account_are_refused() -> None:
    with pytest.raises(IdentityError, match="111122223333, but staging is 444455556666") as error:
        seen(Account(), staging_account="444455556666")
    assert error.value.exit_code == 15
    assert seen(Account(), staging_account="111122223333")[0] == "acme/tally"


@pytest.mark.parametrize("what", ["services", "service", "published"])
def test_what_may_not_be_seen_is_told(what: str) -> None:
    live, notes = seen(Account(refused=frozenset({what})))
    assert notes == [f"not seen: {what} is not allowed"]
    assert bool(live) is (what == "published")


def test_a_service_that_is_named_must_be_seen() -> None:
    with pytest.raises(ShipwayError, match="not allowed"):
        seen(Account(refused=frozenset({"service"})), from_service="acme/tally")


def test_a_service_without_a_circuit_breaker_is_told() -> None:
    _, notes = seen(Account(breaker=False))
    assert len(notes) == 1
    assert "no deployment circuit breaker" in notes[0]
