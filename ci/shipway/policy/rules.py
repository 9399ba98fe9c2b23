"""What the contract asks beyond event and ref, decided: facts in, every broken rule out.

Pure. The facts come from git, from origin and from AWS through the ports of
:mod:`shipway.policy.facts`; what cannot be found out is a broken rule, never a kept one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from shipway.policy.automation import build_service
from shipway.policy.contract import Contract, Grant, Reason, Refused
from shipway.policy.facts import BeforeBuild, LiveRelease, Overrides, Standing, VerifiedRelease
from shipway.policy.pattern import quoted
from shipway.policy.requirements import EnvironmentPolicy, Freeze, Source
from shipway.policy.trigger import Trigger
from shipway.values import Digest

_NOTHING = "Nothing was built or changed."
_LATE = "Nothing was rolled out; what ran before still runs."
_STANDING: dict[Standing, str] = {
    "off": "{commit} is not on the first-parent history of {branch}",
    "no-branch": "there is no branch {branch} in this checkout",
    "shallow": "{commit} is not in the part of {branch} that is checked out; fetch-depth: 0 gets "
    "the whole",
}


def source_differences(
    source: Source | None, trigger: Trigger, ref: str
) -> tuple[tuple[str, str], ...]:
    """How a run differs from the one repository and workflow that may release: rule and why.

    Args:
        source: What the contract says; nothing may come from GitHub without it.
        trigger: Who asks.
        ref: The ref that the workflow's own file must be of.
    """
    if trigger.by_hand:
        return ()
    if source is None:
        return (("[github]", "the contract names no repository that may release"),)
    file = f"{source.repository}/{source.workflow}@{ref}"
    pairs = [
        ("repository", source.repository, trigger.repository),
        ("repository_id", str(source.repository_id), trigger.repository_id),
        ("owner_id", str(source.owner_id), trigger.owner_id),
        ("workflow", file, trigger.workflow_ref),
    ]
    if trigger.proven:
        # A reusable workflow runs in the caller's name, but is not the caller's file.
        pairs.append(("job_workflow_ref", source.called_workflow or file, trigger.job_workflow_ref))
    if source.runner != "any":
        pairs.append(("runner", source.runner, trigger.runner))
    return tuple(
        (name, f"it is {quoted(actual, plain=True)}, not {expected}")
        for name, expected, actual in pairs
        if actual != expected
    )


def before_build(
    contract: Contract, grant: Grant, trigger: Trigger, facts: BeforeBuild, overrides: Overrides
) -> tuple[Reason, ...]:
    """Every rule that is broken before anything is asked of AWS.

    Args:
        contract: The contract.
        grant: What its entry allows.
        trigger: Who asks.
        facts: The time, and what git and origin say.
        overrides: What was asked to be let through by name.
    """
    entry, environment_policy = grant.entry, contract.environment_policy(grant.environment)
    broken = [
        *_proof(trigger, environment_policy),
        *source_differences(contract.source, trigger, trigger.ref),
        *_history(grant, trigger, facts),
        *_tag(grant, trigger, facts),
        *_frozen(environment_policy, facts.now, overrides),
    ]
    return _reasons(entry.name, broken)


def by_hand_is_a_person(
    contract: Contract, grant: Grant, trigger: Trigger, variables: Mapping[str, str]
) -> Refused | None:
    """The refusal of a machine that says it is a person; ``None`` where none asks.

    Args:
        contract: The contract.
        grant: What its entry allows people.
        trigger: Who asks.
        variables: The process's environment.
    """
    automation = build_service(variables) if trigger.by_hand else None
    if automation is None:
        return None
    service, name = automation
    why = f"{service} runs this: {name} is set"
    return Refused(
        what=f"by hand is for a person, and no person asks for {grant.environment}",
        reasons=_reasons(grant.entry.name, [("by hand", why)]),
        remedy=f"deliver by an event that {contract.path} allows; on your own machine unset "
        f"{name}. {_NOTHING}",
    )


def at_aws(
    grant: Grant,
    environment_policy: EnvironmentPolicy,
    trigger: Trigger,
    *,
    running: Sequence[LiveRelease],
    verified: Sequence[VerifiedRelease],
    overrides: Overrides,
) -> tuple[Reason, ...]:
    """Every rule that is broken by what runs, and by what was verified before.

    Args:
        grant: What the entry allows.
        environment_policy: What the environment asks.
        trigger: Who asks.
        running: What each service runs now; only where a rule asks.
        verified: What is known of this commit's images in the environment before.
        overrides: What was asked to be let through by name.
    """
    broken: list[tuple[str, str]] = []
    rolls_back = bool(overrides.rollback_to) and trigger.sha.startswith(overrides.rollback_to)
    if environment_policy.not_older and not rolls_back:
        broken += [("not_older", why) for release in running if (why := _older(release, trigger))]
    if grant.entry.rules.refuse_rerun_when_newer and trigger.rerun:
        broken += [
            ("refuse_rerun_when_newer", why)
            for release in running
            if (why := _newer(release, trigger))
        ]
    if environment_policy.after and all(release.why for release in verified):
        none = f"no image of {trigger.sha[:7]} was verified in {environment_policy.after}"
        whys = [release.why for release in verified] or [none]
        broken += [(f'after = "{environment_policy.after}"', why) for why in whys]
    return _reasons(grant.entry.name, broken)


def before_rollout(
    contract: Contract, grant: Grant, trigger: Trigger, facts: BeforeBuild, overrides: Overrides
) -> tuple[Reason, ...]:
    """Every rule that broke while the image was built: the tag moved, or a freeze began."""
    environment_policy = contract.environment_policy(grant.environment)
    moved = _moved(trigger, facts) if grant.entry.rules.tag_must_be_new else ()
    return _reasons(grant.entry.name, [*moved, *_frozen(environment_policy, facts.now, overrides)])


def same_image(
    grant: Grant,
    environment_policy: EnvironmentPolicy,
    digests: frozenset[Digest],
    verified: Sequence[VerifiedRelease],
) -> tuple[Reason, ...]:
    """Whether the image that is to be rolled out is one that the environment before verified.

    Args:
        grant: What the entry allows.
        environment_policy: What the environment asks.
        digests: The image's own digest, or those of its platforms' manifests.
        verified: What was verified in the environment before.
    """
    if not environment_policy.after or any(
        not release.why and digests <= release.digests for release in verified
    ):
        return ()
    digests_text = (
        ", ".join(sorted(digest.short for release in verified for digest in release.digests))
        or "none"
    )
    why = (
        f"this is another image than the one verified in {environment_policy.after}: {digests_text}"
    )
    return _reasons(grant.entry.name, [(f'after = "{environment_policy.after}"', why)])


def own_commit(
    grant: Grant, environment_policy: EnvironmentPolicy, trigger: Trigger, tags: Sequence[str]
) -> tuple[Reason, ...]:
    """Whether an image that was named, not built, is of the commit that the rules looked at.

    Args:
        grant: What the entry allows.
        environment_policy: What the environment asks.
        trigger: Who asks, and about which commit.
        tags: The image's tags: the commits that it was built from.
    """
    rules = grant.entry.rules
    about_commit = rules.about_tags or rules.first_parent_of or rules.refuse_rerun_when_newer
    if (
        not (about_commit or environment_policy.not_older or environment_policy.after)
        or trigger.sha in tags
    ):
        return ()
    why = f"it is not of {trigger.sha[:7]}, the commit that was looked at"
    return _reasons(grant.entry.name, [("--image", why)])


def refusal(
    contract: Contract, trigger: Trigger, reasons: tuple[Reason, ...], *, late: bool = False
) -> Refused:
    """The refusal of a trigger that an entry allows, were it not for its rules.

    Args:
        contract: The contract.
        trigger: Who asks.
        reasons: The broken rules.
        late: Whether the image was built already.
    """
    count = "a rule" if len(reasons) == 1 else f"{len(reasons)} rules"
    return Refused(
        what=f"{trigger.described} breaks {count} of {contract.path}",
        reasons=reasons,
        remedy=f"{_step(reasons, contract)} {_LATE if late else _NOTHING}",
        late=late,
    )


def lifted_freeze(
    environment_policy: EnvironmentPolicy, now: datetime, overrides: Overrides
) -> tuple[Freeze, str] | None:
    """The freeze that is gone through, and why, for the record."""
    name, _, why = overrides.through_freeze.partition(":")
    frozen = next((freeze for freeze in environment_policy.freeze if freeze.holds(now)), None)
    if frozen is None or name.strip() != frozen.name or not why.strip():
        return None
    return frozen, why.strip()


def _reasons(entry: str, broken: Sequence[tuple[str, str]]) -> tuple[Reason, ...]:
    return tuple(Reason(entry=entry, rule=rule, why=why) for rule, why in broken)


def _proof(trigger: Trigger, environment_policy: EnvironmentPolicy) -> Iterator[tuple[str, str]]:
    if trigger.by_hand:
        return
    if not trigger.proven:
        yield "signed token", "this job shows none; give it `id-token: write`"
    elif trigger.environment != environment_policy.github_environment:
        environment = quoted(trigger.environment, plain=True) if trigger.environment else "none"
        yield (
            "github_environment",
            f"the job runs in {environment}, not in {environment_policy.github_environment}",
        )


def _history(grant: Grant, trigger: Trigger, facts: BeforeBuild) -> Iterator[tuple[str, str]]:
    branch = grant.entry.rules.first_parent_of
    if branch and facts.standing != "on":
        text = _STANDING[facts.standing or "off"]
        yield f'first_parent_of = "{branch}"', text.format(commit=trigger.sha[:7], branch=branch)


def _tag(grant: Grant, trigger: Trigger, facts: BeforeBuild) -> Iterator[tuple[str, str]]:
    rules, tag = grant.entry.rules, facts.tag
    if not rules.about_tags:
        return
    if rules.tag_must_be_new:
        if not trigger.created:
            was = f" from {trigger.before[:7]}" if trigger.before.strip("0") else ""
            yield "tag_must_be_new", f"the push did not create the tag, it moved it{was}"
        yield from _moved(trigger, facts)
    if tag is None:
        if not rules.tag_must_be_new:
            yield "tag", facts.tag_trouble or "origin does not have it any more"
        return
    if rules.tag_kind == "annotated" and not tag.annotated:
        yield 'tag_kind = "annotated"', "it is a lightweight tag: git tag --annotate makes another"
    if rules.signed_by:
        files = ", ".join(rules.signed_by)
        if facts.signature is None:
            yield "signed_by", f"it is not signed; a key of {files} must sign it"
        elif not facts.signature.good:
            yield "signed_by", f"{facts.signature.said}; a key of {files} must sign it"


def _moved(trigger: Trigger, facts: BeforeBuild) -> Iterator[tuple[str, str]]:
    tag = facts.tag
    if tag is None:
        yield "tag_must_be_new", facts.tag_trouble or "origin does not have it any more"
    elif tag.commit != trigger.sha:
        now = tag.commit[:7]
        yield "tag_must_be_new", f"it was pushed at {trigger.sha[:7]}, and is at {now} now"
    elif trigger.after not in {"", trigger.sha, tag.object}:
        yield "tag_must_be_new", f"it was made anew since: {trigger.after[:7]} is {tag.object[:7]}"


def _frozen(
    environment_policy: EnvironmentPolicy, now: datetime, overrides: Overrides
) -> Iterator[tuple[str, str]]:
    for freeze in environment_policy.freeze:
        if freeze.holds(now) and lifted_freeze(environment_policy, now, overrides) is None:
            until = freeze.end.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
            yield f'freeze "{freeze.name}"', f"until {until}: {quoted(freeze.reason)[1:-1]}"


def _older(running: LiveRelease, trigger: Trigger) -> str:
    where = f"{running.service} runs "
    if running.foreign or running.order in {"same", "older"}:
        return ""
    if not running.commit:
        image = running.digest.short if running.digest else "an image"
        return f"{where}{image}, which its repository does not have any more"
    now = running.commit[:7]
    if running.order == "newer":
        return f"{where}{now}, which is newer than {trigger.sha[:7]}"
    if running.order == "unknown":
        return f"{where}{now}, which this checkout does not know; fetch-depth: 0 gets the whole"
    return f"{where}{now}, which {trigger.sha[:7]} does not hold"


def _newer(running: LiveRelease, trigger: Trigger) -> str:
    """Whether something else was deployed since the event that is run again."""
    if running.order == "same":
        return ""
    digest = running.digest.short if running.digest else ""
    now = running.commit[:7] or running.foreign or digest
    if trigger.pushed and running.since and running.since > trigger.pushed:
        at = running.since.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"{running.service} runs {now} since {at}, later than this event"
    if running.foreign or running.order == "older":
        return ""
    return f"{running.service} runs {now}, and {trigger.sha[:7]} does not come after it"


def _step(reasons: tuple[Reason, ...], contract: Contract) -> str:
    """The next step that mends the first rule for which there is one."""
    rules = {reason.rule.partition(" ")[0].removesuffix("=") for reason in reasons}
    steps = (
        ("signed", "Give the job `permissions: id-token: write`."),
        (
            "freeze",
            'Wait for its end, or go through it: SHIPWAY_THROUGH_FREEZE="NAME: why".',
        ),
        (
            "not_older",
            "To go back all the same: SHIPWAY_ROLLBACK_TO=COMMIT.",
        ),
        ("refuse_rerun_when_newer", "Push a new tag instead of running the old event again."),
        ("first_parent_of", "Merge the commit first, then tag the merge."),
        ("tag_must_be_new", "Push another tag; a tag that was released stays where it is."),
    )
    says = f"{contract.path} says what is asked."
    return next((text for rule, text in steps if rule in rules), says)
