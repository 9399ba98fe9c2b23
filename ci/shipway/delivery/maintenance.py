"""An environment's lock by hand: held for a reason, given back, or taken from whoever is dead."""

from __future__ import annotations

from collections.abc import Mapping

from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.config.environment import Environment
from shipway.delivery import locking
from shipway.delivery import trigger as who
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.errors import ConfigurationError, UsageError
from shipway.evidence.journal import Journal
from shipway.lock.lease import claim, look, release
from shipway.lock.log import NEVER, Holder, Standing
from shipway.observer import Event
from shipway.policy import load as contract_file
from shipway.policy import rules
from shipway.policy.contract import ROLLBACK, Refused, Task, decide
from shipway.policy.trigger import Trigger


def asker(name: str, context: DeliveryContext, task: Task = ROLLBACK) -> Trigger:
    """Who asks: whoever the contract lets run a task there, and nobody else.

    Whoever may deploy or go back holds and releases the lock.

    No rule about commits or freezes is asked: nothing is delivered.

    Args:
        name: The environment.
        context: The outside.
        task: What the contract must let them run.

    Raises:
        RefusedError: The contract lets them not.
        ConfigurationError: The contract or delivery.toml is wrong.
    """
    commit = context.git.head()
    contract = contract_file.load(context.contract_file)
    journal = Journal(commit, clock=context.clock, observer=_nobody)
    trigger = who.read_trigger(context, commit, contract, journal)
    decision = decide(contract, trigger, environment=name, task=task)
    if isinstance(decision, Refused):
        raise decision.error()
    declared = delivery_file.load(context.delivery_file).environment(name)
    if not resolve.find(declared, context.variables).sandbox:
        automated = rules.by_hand_is_a_person(contract, decision, trigger, context.variables)
        if automated is not None:
            raise automated.error()
    return trigger


def _nobody(_: Event) -> None:
    """Nothing of this is told: there is no delivery."""


def seen(environment: Environment, aws: Aws) -> Standing:
    """How the lock stands.

    Raises:
        ConfigurationError: delivery.toml says that the environment has none.
        ShipwayError: AWS refused, or does not answer.
    """
    if not environment.lock.parameter:
        raise ConfigurationError(
            f"{environment.name} has no lock",
            where=f"ci/delivery.toml  environments.{environment.name}.lock.use",
            remedy="take `use = false` away to have one",
        )
    return look(aws.locks, environment.lock.parameter)


def hold(
    environment: Environment, aws: Aws, context: DeliveryContext, trigger: Trigger, reason: str
) -> Standing:
    """Hold the lock until somebody releases it.

    Args:
        environment: What is held.
        aws: Its AWS.
        context: The outside.
        trigger: Who holds it.
        reason: What for, as everybody else will read it.

    Raises:
        LockedError: Somebody else holds it.
        ConfigurationError: The environment has no lock.
        ShipwayError: AWS refused, or does not answer.
    """
    seen(environment, aws)
    us = locking.holder(trigger, NEVER, reason)
    claimed = claim(aws.locks, environment.lock.parameter, us, context.clock)
    if claimed.lease is None:
        raise locking.refusal(environment, claimed.standing)
    return seen(environment, aws)


def give_back(environment: Environment, aws: Aws, trigger: Trigger, held_by: str) -> Holder | None:
    """Release what one holds oneself, or what somebody else does where that is said in words.

    Args:
        environment: What is released.
        aws: Its AWS.
        trigger: Who releases.
        held_by: Whose it is, as it was shown; empty for one's own.

    Returns:
        Who held it; ``None`` where nobody did.

    Raises:
        UsageError: It is somebody else's than was said.
        ConfigurationError: The environment has no lock.
        ShipwayError: AWS refused, or does not answer.
    """
    found = seen(environment, aws)
    theirs = found.lock.holder
    if theirs is None:
        return None
    objection(environment, theirs, us=trigger.actor, held_by=held_by)
    release(aws.locks, environment.lock.parameter, found, trigger.actor)
    return theirs


def objection(environment: Environment, theirs: Holder, *, us: str, held_by: str) -> None:
    """See that whoever releases knows whose it is. Pure.

    Raises:
        UsageError: They do not.
    """
    if theirs.owner == (held_by or us):
        return
    command = f'nox -s lock -- --env {environment.name} --release --held-by "{theirs.owner}"'
    raise UsageError(
        f"{environment.name} is held by {theirs.described}",
        where=environment.lock.parameter,
        remedy=f"see that it is dead, then: {command}. Nothing was changed",
    )


def document(environment: Environment, found: Standing) -> Mapping[str, object]:
    """How the lock stands, as a JSON object."""
    theirs = found.lock.holder
    return {
        "environment": environment.name,
        "parameter": environment.lock.parameter,
        "held": not found.free,
        "expired": found.expired is not None,
        "owner": theirs.owner if theirs else "",
        "run": theirs.run if theirs else "",
        "version": theirs.version if theirs else "",
        "since": theirs.since if theirs else "",
        "reason": theirs.reason if theirs else "",
        "expiry": theirs.expiry if theirs else None,
        "left": found.left,
        "text": text(environment, found),
    }


def text(environment: Environment, found: Standing) -> str:
    """How the lock stands, in one line."""
    theirs = found.lock.holder
    if theirs is None:
        return f"{environment.name} is held by nobody"
    return f"{environment.name} is held by {theirs.described}; {locking.sign_of_life(found)}"
