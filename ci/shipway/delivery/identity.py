"""Be sure that AWS knows us as the right one, before anything is built or changed."""

from __future__ import annotations

import re

from shipway.config.environment import Environment, EnvironmentRef
from shipway.delivery.contract import Authorization
from shipway.delivery.environment import resolve_environment
from shipway.delivery.order import Order
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.renewing import keep_renewed
from shipway.delivery.stage import stage
from shipway.errors import AccessDeniedError, ConfigurationError, IdentityError
from shipway.evidence.facts.gate import IdentityFact
from shipway.evidence.journal import Journal
from shipway.policy.compile import people
from shipway.policy.requirements import ANYBODY, EnvironmentPolicy
from shipway.values import Identity

# STS and IAM key prefixes: IAM User Guide, "IAM identifiers", "Understanding unique ID prefixes".
_SHORT_LIVED = "ASIA"
# STS API Reference, AssumeRole: RoleSessionName.
_NO_SESSION = re.compile(r"[^A-Za-z0-9+=,.@_-]+")
_LONGEST_SESSION_NAME = 64


def pass_identity(
    authorization: Authorization, order: Order, aws: Aws, context: DeliveryContext, journal: Journal
) -> Environment:
    """Compare what STS says with the environment's account and the contract's role.

    Gives the environment with every reference that the order needs resolved against what its
    infrastructure publishes.

    A person whom the contract names as one of its people goes on as the role that it gives them.

    Raises:
        AccessDeniedError: That role does not take the person, or one of their rights lacks.
        IdentityError: Another account or role, or a long-lived key where none may be.
        CredentialsError: There are no credentials, or they ran out.
        UnresolvedReferenceError: Something that delivery.toml refers to is not published.
        ConfigurationError: A published value is not what it must be.
    """
    with stage("identity", journal, context.clock) as running:
        person = aws.identity()
        if _assumes(authorization, person):
            _assume(authorization, aws, person)
        identity, key = aws.identity(), aws.access_key_id()
        short = short_lived(identity, key)
        journal.note(
            IdentityFact(
                account=identity.account,
                arn=identity.arn,
                user_id=identity.user_id,
                role=identity.role,
                key=key[: len(_SHORT_LIVED)],
                short_lived=short,
                expected_account=authorization.destination.account,
                expected_role=_expected(authorization),
            )
        )
        right_account(identity, authorization.destination)
        if not short:
            _may_be_long_lived(identity, authorization)
        _right_role(identity, authorization)
        environment = resolve_environment(authorization, order, aws, context, journal)
        _same_role(environment, identity, authorization)
        keep_renewed(authorization, identity, aws, context, journal)
        running.text = f"assumed role {identity.role}" if identity.role else identity.arn
    return environment


def _assumes(authorization: Authorization, person: Identity) -> bool:
    """Whether a person is still to become the role that the contract gives to people."""
    environment_policy = authorization.environment_policy
    return (
        authorization.trigger.by_hand
        and environment_policy.makes_by_hand_role
        and person.role != environment_policy.by_hand_role
    )


def _assume(authorization: Authorization, aws: Aws, person: Identity) -> None:
    environment_policy, destination = authorization.environment_policy, authorization.destination
    if person.account not in people.accounts_of(environment_policy):
        right_account(person, destination)
    if not short_lived(person, aws.access_key_id()):
        _may_be_long_lived(person, authorization)
    try:
        aws.assume(hand_role(environment_policy, destination, person), session_name(person))
    except AccessDeniedError as denied:
        principals = ", ".join(environment_policy.by_hand_principals)
        raise AccessDeniedError(
            denied.what,
            where=denied.where,
            details=(f"it trusts {principals}; you are {person.arn}", *denied.details),
            remedy="let your own permissions hold that statement, or sign in as somebody whom "
            f"{authorization.contract.path} names; nothing was changed. The role is made by: "
            f"nox -s bootstrap -- --env {destination.name} --apply",
        ) from denied


def hand_role(
    environment_policy: EnvironmentPolicy, destination: EnvironmentRef, person: Identity
) -> str:
    """ARN of the role that the contract makes for people."""
    partition = person.arn.split(":")[1]
    path, name = environment_policy.role_path, environment_policy.by_hand_role
    return f"arn:{partition}:iam::{destination.account}:role{path}{name}"


def session_name(person: Identity) -> str:
    """The person's own name in the role's session, and so in CloudTrail and in the record.

    The session of a permission set has the name of whoever signed in; a user has their own.
    """
    name = _NO_SESSION.sub("-", person.arn.rpartition("/")[2])[:_LONGEST_SESSION_NAME]
    return name if len(name) > 1 else f"{name or 'person'}-by-hand"


def short_lived(identity: Identity, key: str) -> bool:
    """Both must say so: ``ASIA…`` is also a user's session, and the ARN is what STS says."""
    return key.startswith(_SHORT_LIVED) and bool(identity.role)


def _expected(authorization: Authorization) -> str:
    return authorization.environment_policy.role_for(by_hand=authorization.trigger.by_hand)


def right_account(identity: Identity, destination: EnvironmentRef) -> None:
    """Refuse credentials of another account than the environment's.

    Raises:
        IdentityError: They are.
    """
    if identity.account != destination.account:
        raise IdentityError(
            f"these credentials belong to account {identity.account}, "
            f"but {destination.name} is {destination.account}",
            where=identity.arn,
            remedy="sign in to the other account, or see `account` in ci/delivery.toml; "
            "nothing was changed",
        )


def _may_be_long_lived(identity: Identity, authorization: Authorization) -> None:
    if not authorization.trigger.by_hand:
        raise IdentityError(
            "a long-lived AWS key is in use in GitHub Actions",
            where=identity.arn,
            remedy="delete it from the secrets, and take a role by OIDC "
            "(aws-actions/configure-aws-credentials with id-token: write)",
        )
    if authorization.environment_policy.short_lived_keys_only:
        raise IdentityError(
            "a long-lived AWS key is in use, and "
            f"{authorization.destination.name} takes short-lived ones only",
            where=identity.arn,
            remedy="sign in with aws sso login or assume a role; nothing was changed",
        )


def _right_role(identity: Identity, authorization: Authorization) -> None:
    expected = _expected(authorization)
    if expected in {ANYBODY, identity.role}:
        return
    raise IdentityError(
        f"{authorization.destination.name} is delivered by role {expected or '(none)'}, "
        f"not by {identity.role or 'who you are'}",
        where=identity.arn,
        remedy="assume that role, or see [environments."
        f"{authorization.destination.name}] in {authorization.contract.path}; nothing was changed",
    )


def _same_role(environment: Environment, identity: Identity, authorization: Authorization) -> None:
    """``role`` in delivery.toml is wiring; it may not say something else than the contract."""
    expected = _expected(authorization)
    if environment.role and expected not in {ANYBODY, environment.role}:
        raise ConfigurationError(
            f"two files name another role for {environment.name}",
            details=(
                f"ci/delivery.toml: environments.{environment.name}.role is {environment.role}",
                (
                    f"{authorization.contract.path}: "
                    f"environments.{environment.name} asks for {expected}"
                ),
            ),
            remedy="take `role` out of ci/delivery.toml: the release contract says it",
        )
    if environment.role and identity.role != environment.role:
        raise IdentityError(
            f"{environment.name} is delivered by role {environment.role}, "
            f"not by {identity.role or 'who you are'}",
            where=identity.arn,
            remedy="assume that role, or see `role` in ci/delivery.toml; nothing was changed",
        )
