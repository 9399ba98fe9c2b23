"""The gate: who asks, may they, and where does it go?

It is passed three times: before anything is asked of AWS, before anything is built, and just before
the rollout. Whatever it refuses, it names every rule that failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.config.environment import Environment, EnvironmentRef
from shipway.config.images import ImageSettings
from shipway.config.load import DeliveryFile
from shipway.config.origin import registry_of
from shipway.config.problems import nearest
from shipway.config.references import Reference
from shipway.delivery import facts, live_facts
from shipway.delivery import trigger as who
from shipway.delivery.governing import PolicyPlace, governing
from shipway.delivery.overrides import read_overrides
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import stage
from shipway.errors import RefusedError
from shipway.evidence.facts.gate import (
    ConfigurationFact,
    ContractFact,
    FreezeOverrideFact,
    LiveReleaseFact,
    RollbackOverrideFact,
    VerifiedReleaseFact,
)
from shipway.evidence.journal import Journal
from shipway.image.publish import PublishedImage
from shipway.observer import Heading, Noticed
from shipway.policy import load as contract_file
from shipway.policy import rules
from shipway.policy.contract import Contract, Grant, Reason, Refused, Task, decide
from shipway.policy.facts import BeforeBuild, Overrides, VerifiedRelease
from shipway.policy.pattern import quoted
from shipway.policy.requirements import EnvironmentPolicy
from shipway.policy.trigger import BY_HAND, Trigger
from shipway.util.paths import evidence_folder
from shipway.values import Commit, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """What the contract allowed, and the place it leads to.

    Attributes:
        trigger: Who asks.
        grant: The entry that allows it.
        destination: Where it goes.
        contract: The contract it was asked of.
        declared: ``ci/delivery.toml`` as it was when the contract was asked; nobody reads it again.
        overrides: What is to be let through by name.
        policy: Where the contract was read, and what belongs to it is.
        verified: What the environment before has verified; empty where no rule asks.
    """

    trigger: Trigger
    grant: Grant
    destination: EnvironmentRef
    contract: Contract
    declared: DeliveryFile
    overrides: Overrides
    policy: PolicyPlace
    verified: tuple[VerifiedRelease, ...] = ()

    @property
    def environment_policy(self) -> EnvironmentPolicy:
        """What the environment asks."""
        return self.contract.environment_policy(self.destination.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateContext:
    """Where the rules look: the environment, its AWS, the outside, and the journal."""

    environment: Environment
    aws: Aws
    context: DeliveryContext
    journal: Journal


def pass_contract(
    task: Task | None,
    environment: str | None,
    context: DeliveryContext,
    commit: Commit,
    journal: Journal,
    *,
    overrides: Overrides | None = None,
) -> Authorization:
    """Read the trigger and ask the release contract.

    Args:
        task: The one task that was asked for, where it was not the whole row.
        environment: ``--env``. By hand a build needs none: it reaches no environment.
        context: The outside.
        commit: What is checked out.
        journal: Keeps what was found and decided.
        overrides: What the command line asks to be let through; what it leaves out, variables say.

    Raises:
        RefusedError: The contract does not allow it; nothing was built or changed.
        ConfigurationError: The contract or delivery.toml is wrong.
    """
    with stage("contract", journal, context.clock, quiet=True) as running:
        contract, policy = governing(context)
        journal.note(ContractFact(path=policy.contract, sha256=contract.sha256))
        trigger = who.read_trigger(context, commit, contract, journal)
        journal.note(facts.trigger_fact(trigger))
        declared = delivery_file.load(context.delivery_file)
        document = declared.document
        journal.note(ConfigurationFact(path="ci/delivery.toml", sha256=document.sha256))
        contract_file.check_environments(contract, declared.names)
        if trigger.by_hand and task == "build" and environment is None:
            environment = _where_to_build(contract, declared)
        decision = decide(contract, trigger, environment=environment, task=task)
        if isinstance(decision, Refused):
            refused = _with_source(decision, contract, trigger)
            raise _refused(journal, _with_nearest(refused, environment, declared))
        overrides = read_overrides(context, trigger, overrides)
        before = live_facts.before_build(decision, trigger, context, policy)
        journal.note(facts.before_build_fact(before))
        broken = rules.before_build(contract, decision, trigger, before, overrides)
        if broken:
            broken += _other_commit(decision, trigger, commit)
            raise _refused(journal, rules.refusal(contract, trigger, broken))
        _same_commit(trigger, commit)
        destination = resolve.find(declared.environment(decision.environment), context.variables)
        automated = (
            None
            if destination.sandbox
            else rules.by_hand_is_a_person(contract, decision, trigger, context.variables)
        )
        if automated is not None:
            raise _refused(journal, automated)
        journal.note(facts.allowed_fact(decision))
        journal.environment = decision.environment
        journal(_heading(trigger, destination, commit))
        authorization = Authorization(
            trigger=trigger,
            grant=decision,
            destination=destination,
            contract=contract,
            declared=declared,
            overrides=overrides,
            policy=policy,
        )
        _through(authorization, before, journal)
        running.text = decision.text
    return authorization


def pass_rules(authorization: Authorization, gate: GateContext) -> Authorization:
    """Ask the rules about what runs and what was verified, before anything is built.

    Raises:
        RefusedError: A rule is broken; nothing was built or changed.
        ShipwayError: AWS does not answer.
    """
    context, journal = gate.context, gate.journal
    with stage("contract", journal, context.clock, quiet=True):
        verified = authorization.verified or _verified(authorization, gate)
        broken = _at_aws(authorization, gate, verified)
        if authorization.environment_policy.after:
            journal.note_all(VerifiedReleaseFact, facts.verified_facts(verified))
        if broken:
            raise _refused(
                journal, rules.refusal(authorization.contract, authorization.trigger, broken)
            )
        back = authorization.overrides.rollback_to
        if (
            authorization.environment_policy.not_older
            and back
            and authorization.trigger.sha.startswith(back)
        ):
            text = f"may be older than what runs: {back} was asked for by name"
            journal(Noticed(stage="contract", text=text, level="warning"))
            journal.note(RollbackOverrideFact(commit=back, by=authorization.trigger.actor))
    return replace(authorization, verified=verified)


def pass_again(
    authorization: Authorization,
    gate: GateContext,
    images: Sequence[PublishedImage],
    *,
    named: bool,
) -> None:
    """Ask once more just before the rollout: time has passed, and the images are known now.

    Args:
        authorization: What was allowed.
        gate: Where the rules look.
        images: What is to be rolled out.
        named: Whether the one image was named on the command line, not built from the commit.

    Raises:
        RefusedError: A rule is broken by now; nothing was rolled out.
    """
    context, journal = gate.context, gate.journal
    with stage("contract", journal, context.clock, quiet=True):
        grant, trigger, environment_policy = (
            authorization.grant,
            authorization.trigger,
            authorization.environment_policy,
        )
        now = live_facts.before_build(grant, trigger, context, authorization.policy, late=True)
        broken = rules.before_rollout(
            authorization.contract, grant, trigger, now, authorization.overrides
        )
        broken += _at_aws(authorization, gate, authorization.verified)
        # All images of one verified release: two of different ones never ran together.
        digests: frozenset[Digest] = frozenset[Digest]().union(
            *(image.platforms or {image.reference.digest} for image in images)
        )
        broken += rules.same_image(grant, environment_policy, digests, authorization.verified)
        if named:
            tags = gate.aws.repository(gate.environment).tags(images[0].reference.digest)
            broken += rules.own_commit(grant, environment_policy, trigger, tags)
        if broken:
            late = rules.refusal(authorization.contract, trigger, broken, late=True)
            raise _refused(journal, late)


def _where_to_build(contract: Contract, declared: DeliveryFile) -> str | None:
    """Whose image a build makes by hand where none is named; ``None`` where nobody may build.

    The embedded sandbox's, which brings its engine; then one that asks for no variable.
    """
    tables = declared.document.table["environments"]
    allowed = (
        name
        for entry in contract.entries
        if entry.event == BY_HAND and "build" in entry.tasks
        for name in entry.environments
    )

    def needs(name: str) -> tuple[bool, bool]:
        words = (str(tables[name]["account"]), str(tables[name]["region"]))
        return not tables[name].get("sandbox"), any(map(Reference.parse, words))

    return min(allowed, key=needs, default=None)


def images_of(authorization: Authorization, context: DeliveryContext) -> tuple[ImageSettings, ...]:
    """What is to be built, for a build that reaches no AWS.

    Raises:
        UnresolvedReferenceError: What is built refers to something that only AWS knows.
    """
    declared = authorization.declared.environment(authorization.destination.name)
    return resolve.images(declared, context.variables)


def _verified(authorization: Authorization, gate: GateContext) -> tuple[VerifiedRelease, ...]:
    before, context = authorization.environment_policy.after, gate.context
    if not before:
        return ()
    destination = registry_of(authorization.declared, before, context.variables)
    folder = evidence_folder(context.root, context.variables)
    s3 = gate.environment.evidence.s3
    return live_facts.verified(folder, destination, gate.aws, authorization.trigger.sha, s3=s3)


def _at_aws(
    authorization: Authorization, gate: GateContext, verified: tuple[VerifiedRelease, ...]
) -> tuple[Reason, ...]:
    trigger, again = (
        authorization.trigger,
        authorization.grant.entry.rules.refuse_rerun_when_newer,
    )
    if authorization.environment_policy.not_older or (again and trigger.rerun):
        git = gate.context.git
        now = live_facts.running(gate.aws, gate.environment, git, trigger.sha)
        gate.journal.note_all(LiveReleaseFact, facts.running_facts(now))
    else:
        now = ()
    return rules.at_aws(
        authorization.grant,
        authorization.environment_policy,
        trigger,
        running=now,
        verified=verified,
        overrides=authorization.overrides,
    )


def _with_source(refused: Refused, contract: Contract, trigger: Trigger) -> Refused:
    """A refusal that also says where the run came from, if that alone would refuse it."""
    foreign = rules.source_differences(contract.source, trigger, trigger.ref)
    more = tuple(Reason(entry="[github]", rule=rule, why=why) for rule, why in foreign)
    return replace(refused, reasons=(*refused.reasons, *more))


def _with_nearest(refused: Refused, environment: str | None, declared: DeliveryFile) -> Refused:
    """A refusal that also says that the environment is nowhere: mostly a slip of the finger."""
    if not environment or environment in declared.names:
        return refused
    near = nearest(environment, declared.names) or "."
    sentence = f"There is no environment {quoted(environment, plain=True)}"
    remedy = f"{sentence} in {declared.document.path}{near} {refused.remedy}"
    return replace(refused, remedy=remedy)


def _through(authorization: Authorization, before: BeforeBuild, journal: Journal) -> None:
    """Tell and record that a freeze is gone through."""
    lifted = rules.lifted_freeze(
        authorization.environment_policy, before.now, authorization.overrides
    )
    if lifted is None:
        return
    freeze, why = lifted
    text = f"goes through the freeze {freeze.name}: {why}"
    journal(Noticed(stage="contract", text=text, level="warning"))
    journal.note(FreezeOverrideFact(name=freeze.name, why=why, by=authorization.trigger.actor))


def _refused(journal: Journal, refused: Refused) -> RefusedError:
    journal.note(facts.refused_fact(refused))
    return refused.error()


def _heading(trigger: Trigger, destination: EnvironmentRef, commit: Commit) -> Heading:
    state = "clean" if commit.clean else "with changes"
    return Heading(
        environment=destination.name,
        account=destination.account,
        region=destination.region,
        trigger=f"{trigger.described}: {trigger.actor}".removesuffix(": "),
        commit=f"{commit.short} ({state})",
    )


def _other_commit(grant: Grant, trigger: Trigger, commit: Commit) -> tuple[Reason, ...]:
    """The same as :func:`_same_commit`, where other rules are broken too."""
    try:
        _same_commit(trigger, commit)
    except RefusedError as error:
        return (Reason(entry=grant.entry.name, rule="commit", why=error.what),)
    return ()


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
            details=tuple(f"differs: {path}" for path in commit.changes),
            remedy="a step before this one changed or left files; nothing was built or changed",
        )
