"""Who asks: what GitHub signed, or a person at a keyboard."""

from __future__ import annotations

import getpass
import json
import os
import socket
from pathlib import Path
from typing import Final

from shipway.delivery.ports import DeliveryContext
from shipway.errors import RefusedError
from shipway.evidence.facts.gate import ClaimsFact
from shipway.evidence.journal import Journal
from shipway.policy.claims import prove
from shipway.policy.contract import Contract
from shipway.policy.requirements import GITHUB_ISSUER
from shipway.policy.trigger import Trigger, by_hand, from_github, half_in_github, in_github
from shipway.util import regular
from shipway.values import Commit

# GitHub Docs, Webhook events and payloads: payloads are capped at 25 MB.
_LARGEST_EVENT: Final = 25 * 1000 * 1000


def read_trigger(
    context: DeliveryContext, commit: Commit, contract: Contract, journal: Journal
) -> Trigger:
    """What GitHub signed where this runs in GitHub Actions, a person's hand elsewhere.

    Where the job may ask for no token, GitHub's variables say who asks; the rules then refuse it.

    Raises:
        RefusedError: The token is not good, or variables and event contradict it or each other.
    """
    if not in_github(context.variables):
        return _unproven(context, commit)
    issuer = contract.source.issuer if contract.source else GITHUB_ISSUER
    claims = context.proof.claims(issuer)
    if claims is None:
        return _unproven(context, commit)
    journal.note(ClaimsFact(extra=claims))
    return prove(claims, context.variables, _payload(context))


def _unproven(context: DeliveryContext, commit: Commit) -> Trigger:
    """Who asks, by what nobody has signed."""
    if in_github(context.variables):
        return from_github(context.variables, _payload(context))
    traces = half_in_github(context.variables)
    if traces:
        raise RefusedError(
            'this is a job of GitHub Actions, but GITHUB_ACTIONS is not "true"',
            details=tuple(f"{name} is set" for name in traces),
            remedy="leave GitHub's variables alone; a person at a keyboard has none of these. "
            "Nothing was built or changed.",
        )
    actor = f"{context.git.user() or _user()} on {socket.gethostname()}"
    return by_hand(sha=commit.sha, actor=actor, repository=commit.remote)


def _user() -> str:
    """The name of who runs this; a container's user may have none, and a number always."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database; OSError from Python 3.13 on
        return f"user {os.getuid()}"


def _payload(context: DeliveryContext) -> dict[str, object] | None:
    path = context.variables.get("GITHUB_EVENT_PATH", "")
    if not path:
        return None
    try:
        payload = json.loads(regular.content(Path(path), _LARGEST_EVENT))
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
