"""Look at an AWS account, as far as its credentials let us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from shipway.adoption.answers import InitOptions
from shipway.adoption.facts import Cloud
from shipway.adoption.ports import Inventory
from shipway.config.inventory import LiveService
from shipway.errors import (
    AccessDeniedError,
    AwsError,
    ConfigurationError,
    CredentialsError,
    IdentityError,
    UsageError,
)

_T = TypeVar("_T")


def look(
    inventory: Inventory, wanted: InitOptions, name: str, note: Callable[[str], None]
) -> Cloud:
    """What there is, and the service that is to be delivered to.

    Args:
        inventory: The account.
        wanted: What flags say: an account, and perhaps the very service.
        name: What the repository is called; a service that alone is called so is the one.
        note: Takes what a person should know of what could not be seen.

    Raises:
        CredentialsError: There are no credentials.
        IdentityError: They belong to another account than the one that is named.
        ConfigurationError: There is no such service.
        AccessDeniedError: The service that is named may not be looked at.
    """
    identity = inventory.identity()
    if wanted.staging_account and identity.account != wanted.staging_account:
        raise IdentityError(
            f"these credentials belong to account {identity.account}, "
            f"but staging is {wanted.staging_account}",
            where=identity.arn,
            remedy="sign in to the other account, or say --offline: nothing is asked of AWS then",
        )
    if wanted.from_service:
        cluster, slash, service = wanted.from_service.rpartition("/")
        if not slash or not cluster or not service:
            raise UsageError(
                f"{wanted.from_service!r} is not CLUSTER/SERVICE",
                where="--from-service",
                remedy="such as --from-service acme/tally",
            )
        services: Sequence[tuple[str, str]] = [(cluster.rpartition("/")[2], service)]
    else:
        services = _seen(inventory.services, (), note)
    chosen = services if wanted.from_service else _alike(services, name)
    shown = tuple("/".join(pair) for pair in services)
    if shown and len(chosen) != 1:
        note(f"services there: {', '.join(shown[:8])}; --from-service names the one")
    live: LiveService | None = None
    if wanted.from_service:
        live = inventory.service(*chosen[0])
    elif len(chosen) == 1:
        live = _seen(partial(inventory.service, *chosen[0]), None, note)
    if live is not None and not live.circuit_breaker:
        note(
            f"{live.cluster}/{live.service} has no deployment circuit breaker, and a delivery asks "
            "for one: turn it on where the service is defined"
        )
    return Cloud(
        account=identity.account,
        region=inventory.region,
        services=shown,
        live=live,
        published=_seen(inventory.published, {}, note) if live else {},
    )


def _alike(services: Sequence[tuple[str, str]], name: str) -> Sequence[tuple[str, str]]:
    """The services called so; or the only one there is."""
    if len(services) == 1:
        return services
    exact = [pair for pair in services if pair[1] == name]
    return exact or [pair for pair in services if name in pair[1]]


def _seen(ask: Callable[[], _T], otherwise: _T, note: Callable[[str], None]) -> _T:
    """What may not be looked at is told, and asked of a person instead."""
    try:
        return ask()
    except (AccessDeniedError, AwsError, ConfigurationError, CredentialsError) as error:
        note(f"not seen: {error.what}")
        return otherwise
