"""Whether AWS knows whoever asks as one who may deliver. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shipway.config.environment import EnvironmentRef
from shipway.doctor.finding import Finding, Looked, Unseen, needed, not_checked, ok, wrong
from shipway.policy.requirements import ANYBODY, EnvironmentPolicy
from shipway.values import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks, and as whom a delivery would go on.

    Attributes:
        person: Who the credentials at hand are of.
        acting: The same, or the role that they took on.
        refused: Why the role that the contract makes for people does not take them.
        short_lived: Whether the key is a session's.
        by_hand: Whether a person asks, and no run of GitHub's.
    """

    person: Looked[Identity]
    acting: Looked[Identity]
    refused: Unseen | None = None
    short_lived: bool = True
    by_hand: bool = True


def judge(
    access: Access, destination: EnvironmentRef, environment_policy: EnvironmentPolicy
) -> Iterator[Finding]:
    """Credentials, account, role and the kind of key."""
    if isinstance(access.person, Unseen):
        yield needed("credentials", access.person)
        return
    yield ok("credentials", access.person.arn)
    if isinstance(access.acting, Unseen):
        yield needed("account", access.acting)
        return
    yield _account(access.acting, destination)
    yield _role(access, access.acting, destination, environment_policy)
    if access.by_hand and not access.short_lived and environment_policy.short_lived_keys_only:
        yield wrong(
            "key",
            f"it is a long-lived one, and {destination.name} takes short-lived ones only",
            "sign in with aws sso login, or assume a role",
        )
    elif not access.by_hand and not access.short_lived:
        yield wrong(
            "key",
            "a long-lived AWS key is in use in GitHub Actions",
            "delete it from the secrets, and take a role by OIDC "
            "(aws-actions/configure-aws-credentials with id-token: write)",
        )
    else:
        yield ok("key", "short-lived" if access.short_lived else "long-lived, which may be here")


def _account(acting: Identity, destination: EnvironmentRef) -> Finding:
    if acting.account == destination.account:
        return ok("account", f"{destination.account} {destination.region}")
    return wrong(
        "account",
        f"these credentials belong to account {acting.account}, "
        f"but {destination.name} is {destination.account}",
        "sign in to the other account, or see `account` in ci/delivery.toml",
    )


def _role(
    access: Access,
    acting: Identity,
    destination: EnvironmentRef,
    environment_policy: EnvironmentPolicy,
) -> Finding:
    name = destination.name
    if destination.sandbox:
        return ok("role", f"{acting.role or acting.arn}, which the sandbox gives")
    expected = environment_policy.role_for(by_hand=access.by_hand)
    if not expected:
        who = "nobody by hand" if access.by_hand else "no run of GitHub's"
        return not_checked("role", f"the contract lets {who} deliver to {name}")
    if expected == ANYBODY:
        return ok("role", "any identity of the account may deliver by hand")
    if acting.role == expected:
        return ok("role", f"assumed role {expected}")
    if access.refused is not None:
        principals = ", ".join(environment_policy.by_hand_principals)
        return wrong(
            "role",
            f"{expected} does not take you: {access.refused.why.partition(': ')[0]}",
            "let your own permissions hold that statement, or sign in as somebody whom the "
            f"contract names; the role is made by: nox -s bootstrap -- --env {name} --apply",
            f"it trusts {principals}; you are {acting.arn}",
            *access.refused.details,
        )
    return wrong(
        "role",
        f"{name} is delivered by role {expected}, not by {acting.role or 'who you are'}",
        f"assume {expected}, or see [environments.{name}] in the release contract",
    )
