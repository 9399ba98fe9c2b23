"""The gate: who asks, may they, where does it go, and are we who we must be?"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from dataclasses import dataclass
from pathlib import Path

from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.config.environment import Environment, Image, Place
from shipway.errors import IdentityError, RefusedError
from shipway.evidence.record import Journal
from shipway.observer import Heading
from shipway.ports import Aws, Yard
from shipway.release import load as contract_file
from shipway.release.contract import Allowed, Refused, Task, decide
from shipway.release.trigger import Trigger, by_hand, from_github, in_github
from shipway.stage import stage
from shipway.values import Commit, Identity

# STS and IAM key prefixes: IAM User Guide, "IAM identifiers", "Understanding unique ID prefixes".
_LONG_LIVED = "AKIA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What the contract allowed, and the place it leads to."""

    trigger: Trigger
    allowed: Allowed
    place: Place


def pass_contract(
    asked: Task | None, environment: str | None, yard: Yard, commit: Commit, journal: Journal
) -> Passed:
    """Read the trigger and ask the release contract.

    Raises:
        RefusedError: The contract does not allow it; nothing was built or changed.
        ConfigurationError: The contract or delivery.toml is wrong.
    """
    with stage("contract", journal, yard.clock, quiet=True) as running:
        trigger = read_trigger(yard, commit)
        journal.note("trigger", trigger)
        contract = contract_file.load(yard.contract_file)
        journal.note(
            "contract",
            {"path": "ci/release.toml", "sha256": _sha256(yard.contract_file.read_bytes())},
        )
        declared = delivery_file.load(yard.delivery_file)
        contract_file.check_environments(contract, declared.names)
        decision = decide(contract, trigger, environment=environment, task=asked)
        if isinstance(decision, Refused):
            journal.note("decision", {"allowed": False, "reasons": decision.reasons})
            raise decision.error()
        _same_commit(trigger, commit)
        journal.note(
            "decision",
            {
                "allowed": True,
                "entry": decision.entry.name,
                "environment": decision.environment,
                "tasks": decision.tasks,
            },
        )
        journal.environment = decision.environment
        place = resolve.find(declared.environment(decision.environment), yard.variables)
        journal(_heading(trigger, place, commit))
        running.text = decision.text
    return Passed(trigger=trigger, allowed=decision, place=place)


def _heading(trigger: Trigger, place: Place, commit: Commit) -> Heading:
    state = "clean" if commit.clean else "with changes"
    return Heading(
        environment=place.name,
        account=place.account,
        region=place.region,
        trigger=f"{trigger.described}: {trigger.actor}".removesuffix(": "),
        commit=f"{commit.short} ({state})",
    )


def read_trigger(yard: Yard, commit: Commit) -> Trigger:
    """GitHub's event where this runs in GitHub Actions, a person's hand elsewhere.

    Raises:
        RefusedError: GitHub's variables are missing or contradict the event.
    """
    if not in_github(yard.variables):
        actor = f"{yard.git.user() or getpass.getuser()} on {socket.gethostname()}"
        return by_hand(sha=commit.sha, actor=actor, repository=commit.remote)
    path = yard.variables.get("GITHUB_EVENT_PATH", "")
    return from_github(yard.variables, _payload(Path(path)) if path else None)


def _payload(path: Path) -> dict[str, object]:
    try:
        payload = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RefusedError(
            f"the event that GitHub describes cannot be read: {error}",
            where="GITHUB_EVENT_PATH",
            remedy="nothing was built or changed; run the workflow again",
        ) from error
    if not isinstance(payload, dict):
        raise RefusedError(
            "the event that GitHub describes is no JSON object",
            where="GITHUB_EVENT_PATH",
            remedy="nothing was built or changed; run the workflow again",
        )
    return payload


def _same_commit(trigger: Trigger, commit: Commit) -> None:
    """What is checked out must be what was triggered, to the byte, unless a person rehearses."""
    if trigger.by_hand:
        return
    if trigger.sha != commit.sha:
        raise RefusedError(
            f"{trigger.described} is about {trigger.sha[:7]}, but {commit.short} is checked out",
            remedy="check out the commit of the event; nothing was built or changed",
        )
    if not commit.clean:
        raise RefusedError(
            f"the work tree differs from {commit.short}, the commit of {trigger.described}",
            remedy="a step before this one changed or left files; nothing was built or changed",
        )


def image_of(passed: Passed, yard: Yard) -> Image:
    """What is to be built, for a build that reaches no AWS.

    Raises:
        UnresolvedReferenceError: ``[image]`` refers to something that only AWS knows.
    """
    declared = delivery_file.load(yard.delivery_file).environment(passed.place.name)
    return resolve.image(declared, yard.variables)


def pass_identity(passed: Passed, aws: Aws, yard: Yard, journal: Journal) -> Environment:
    """Be sure that AWS knows us as the right one, before anything is built or changed.

    Gives the environment with every reference resolved against what its infrastructure publishes.

    Raises:
        IdentityError: Another account or role, or a long-lived key where none may be.
        CredentialsError: There are no credentials, or they ran out.
        UnresolvedReferenceError: Something that delivery.toml refers to is not published.
        ConfigurationError: A published value is not what it must be.
    """
    with stage("identity", journal, yard.clock) as running:
        found = aws.identity()
        journal.note("identity", found)
        place = passed.place
        if found.account != place.account:
            raise IdentityError(
                f"these credentials belong to account {found.account}, "
                f"but {place.name} is {place.account}",
                where=found.arn,
                remedy="sign in to the other account, or see `account` in ci/delivery.toml; "
                "nothing was changed",
            )
        if in_github(yard.variables):
            _short_lived(found, aws.access_key_id())
        environment = _arrive(passed, aws, yard, journal)
        if environment.role and found.role != environment.role:
            raise IdentityError(
                f"{environment.name} is delivered by role {environment.role}, "
                f"not by {found.role or 'who you are'}",
                where=found.arn,
                remedy="assume that role, or see `role` in ci/delivery.toml; nothing was changed",
            )
        running.text = f"assumed role {found.role}" if found.role else found.arn
    return environment


def _short_lived(found: Identity, key: str) -> None:
    if key.startswith(_LONG_LIVED) or not found.role:
        raise IdentityError(
            "a long-lived AWS key is in use in GitHub Actions",
            where=found.arn,
            remedy="delete it from the secrets, and take a role by OIDC "
            "(aws-actions/configure-aws-credentials with id-token: write)",
        )


def _arrive(passed: Passed, aws: Aws, yard: Yard, journal: Journal) -> Environment:
    declared = delivery_file.load(yard.delivery_file).environment(passed.place.name)
    environment = resolve.resolve(declared, variables=yard.variables, published=aws.published)
    journal.note(
        "environment",
        {
            "name": environment.name,
            "account": environment.account,
            "region": environment.region,
            "cluster": environment.cluster,
            "repository": environment.repository_uri,
            "services": {one.key: one.service for one in environment.services},
        },
    )
    return environment


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
