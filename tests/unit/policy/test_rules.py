"""Every rule beyond event and ref: kept, broken, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.policy import rules
from shipway.policy.contract import (
    TASKS,
    Contract,
    ContractEntry,
    EnvironmentPolicy,
    Grant,
    Rules,
    Source,
)
from shipway.policy.facts import (
    BeforeBuild,
    LiveRelease,
    Order,
    Overrides,
    Signature,
    Standing,
    Tag,
    VerifiedRelease,
)
from shipway.policy.requirements import Freeze
from shipway.policy.trigger import Trigger, by_hand
from shipway.values import Digest

SHA, OBJECT, OTHER = "3f9c2ab" + "0" * 33, "7a9" + "0" * 37, "a81be02" + "0" * 33
NOW = datetime(2026, 12, 24, 12, tzinfo=UTC)
WORKFLOW = "octo/shop/.github/workflows/deploy.yml@refs/tags/v1-stable"
CALLED = "corp/ci/.github/workflows/ship.yml@refs/tags/v1"
SOURCE = Source(
    repository="octo/shop", repository_id=123, owner_id=45, workflow=".github/workflows/deploy.yml"
)
TRIGGER = Trigger(
    event="push",
    ref="refs/tags/v1-stable",
    sha=SHA,
    repository="octo/shop",
    repository_id="123",
    owner_id="45",
    run_attempt="1",
    workflow_ref=WORKFLOW,
    job_workflow_ref=WORKFLOW,
    runner="github-hosted",
    environment="production",
    created=True,
    after=OBJECT,
    pushed=datetime(2026, 12, 24, 11, tzinfo=UTC),
    proven=True,
)
GOOD = Tag(object=OBJECT, commit=SHA, annotated=True)
CHRISTMAS = Freeze(
    name="christmas",
    start=datetime(2026, 12, 20, tzinfo=UTC),
    end=datetime(2027, 1, 2, tzinfo=UTC),
    reason="nobody is here",
)
ONE, TWO = Digest(f"sha256:{'1' * 64}"), Digest(f"sha256:{'2' * 64}")


def asks(**which: Any) -> Grant:
    entry = ContractEntry(
        name="stable",
        event="push",
        ref="refs/tags/*-stable",
        environments=("production",),
        tasks=TASKS,
        rules=Rules(**which),
    )
    return Grant(entry=entry, environment="production", tasks=TASKS)


def contract(**environment_policy: Any) -> Contract:
    settings = {
        "environment": "production",
        "github_environment": "production",
        **environment_policy,
    }
    return Contract(
        path="ci/release.toml",
        entries=(),
        source=SOURCE,
        environment_policies=(EnvironmentPolicy(**settings),),
    )


def before(
    allowed: Grant,
    trigger: Trigger = TRIGGER,
    *,
    facts: dict[str, Any] | None = None,
    overrides: Overrides | None = None,
    **environment_policy: Any,
) -> list[str]:
    before_build = BeforeBuild(**{"now": NOW, **(facts or {})})
    reasons = rules.before_build(
        contract(**environment_policy), allowed, trigger, before_build, overrides or Overrides()
    )
    return [f"{reason.rule}: {reason.why}" for reason in reasons]


def test_without_rules_a_proven_run_of_the_one_workflow_passes() -> None:
    assert before(asks()) == []


def test_a_person_needs_no_token_and_no_workflow() -> None:
    assert before(asks(), by_hand(sha=SHA)) == []


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        ("on", []),
        ("off", ["3f9c2ab is not on the first-parent history of main"]),
        ("no-branch", ["there is no branch main in this checkout"]),
        (
            "shallow",
            [
                (
                    "3f9c2ab is not in the part of main that is checked out; "
                    "fetch-depth: 0 gets the whole"
                )
            ],
        ),
        (None, ["3f9c2ab is not on the first-parent history of main"]),
    ],
)
def test_first_parent_of(standing: Standing | None, why: list[str]) -> None:
    lines = before(asks(first_parent_of="main"), facts={"standing": standing})
    assert lines == [f'first_parent_of = "main": {line}' for line in why]


LIGHT = Tag(object=SHA, commit=SHA, annotated=False)


@pytest.mark.parametrize(
    ("which", "trigger", "facts", "why"),
    [
        ({"tag_kind": "annotated"}, {}, {"tag": GOOD}, []),
        (
            {"tag_kind": "annotated"},
            {},
            {"tag": LIGHT},
            ['tag_kind = "annotated": it is a lightweight tag: git tag --annotate makes another'],
        ),
        ({"tag_kind": "annotated"}, {}, {}, ["tag: origin does not have it any more"]),
        (
            {"tag_kind": "annotated"},
            {},
            {"tag_trouble": "origin cannot be asked: no"},
            ["tag: origin cannot be asked: no"],
        ),
        (
            {"signed_by": ("keys",)},
            {},
            {"tag": GOOD, "signature": Signature(good=True, said="Good")},
            [],
        ),
        (
            {"signed_by": ("keys", "more")},
            {},
            {"tag": GOOD},
            ["signed_by: it is not signed; a key of keys, more must sign it"],
        ),
        (
            {"signed_by": ("keys",)},
            {},
            {"tag": GOOD, "signature": Signature(good=False, said="No principal matched")},
            ["signed_by: No principal matched; a key of keys must sign it"],
        ),
        ({"tag_must_be_new": True}, {}, {"tag": GOOD}, []),
        ({"tag_must_be_new": True}, {"after": SHA}, {"tag": LIGHT}, []),
        ({"tag_must_be_new": True}, {"after": SHA}, {"tag": GOOD}, []),
        (
            {"tag_must_be_new": True},
            {"created": False, "before": OTHER},
            {"tag": GOOD},
            ["tag_must_be_new: the push did not create the tag, it moved it from a81be02"],
        ),
        (
            {"tag_must_be_new": True},
            {},
            {"tag": replace(GOOD, commit=OTHER)},
            ["tag_must_be_new: it was pushed at 3f9c2ab, and is at a81be02 now"],
        ),
        (
            {"tag_must_be_new": True},
            {},
            {"tag": replace(GOOD, object=OTHER)},
            ["tag_must_be_new: it was made anew since: 7a90000 is a81be02"],
        ),
        (
            {"tag_must_be_new": True},
            {},
            {},
            ["tag_must_be_new: origin does not have it any more"],
        ),
        (
            {"tag_must_be_new": True, "tag_kind": "annotated", "signed_by": ("keys",)},
            {"created": False},
            {"tag": replace(LIGHT, commit=OTHER)},
            [
                "tag_must_be_new: the push did not create the tag, it moved it",
                "tag_must_be_new: it was pushed at 3f9c2ab, and is at a81be02 now",
                'tag_kind = "annotated": it is a lightweight tag: git tag --annotate makes another',
                "signed_by: it is not signed; a key of keys must sign it",
            ],
        ),
    ],
)
def test_rules_about_tags(
    which: dict[str, Any], trigger: dict[str, Any], facts: dict[str, Any], why: list[str]
) -> None:
    assert before(asks(**which), replace(TRIGGER, **trigger), facts=facts) == why


@pytest.mark.parametrize(
    ("now", "through_freeze", "frozen"),
    [
        (datetime(2026, 12, 19, 23, 59, 59, tzinfo=UTC), "", False),
        (datetime(2026, 12, 20, tzinfo=UTC), "", True),
        (datetime(2027, 1, 1, 23, 59, 59, tzinfo=UTC), "", True),
        (datetime(2027, 1, 2, tzinfo=UTC), "", False),
        (NOW, "christmas: INC-4711, payment is down", False),
        (NOW, " christmas : INC-4711", False),
        (NOW, "christmas", True),
        (NOW, "christmas:", True),
        (NOW, "christmas:  ", True),
        (NOW, "easter: INC-4711", True),
        (NOW, "Christmas: INC-4711", True),
        (NOW, "christmas-2: INC-4711", True),
        (NOW, ": INC-4711", True),
        (NOW, "true", True),
    ],
)
def test_a_freeze_holds_unless_it_is_gone_through_by_name(
    now: datetime, through_freeze: str, *, frozen: bool
) -> None:
    lines = before(
        asks(),
        facts={"now": now},
        overrides=Overrides(through_freeze=through_freeze),
        freeze=(CHRISTMAS,),
    )
    why = 'freeze "christmas": until 2027-01-02 00:00 UTC: nobody is here'
    assert lines == ([why] if frozen else [])


def test_going_through_a_freeze_says_which_and_why() -> None:
    environment_policy = EnvironmentPolicy(environment="production", freeze=(CHRISTMAS,))
    overrides = Overrides(through_freeze="christmas: INC-4711: payment is down")
    assert rules.lifted_freeze(environment_policy, NOW, overrides) == (
        CHRISTMAS,
        "INC-4711: payment is down",
    )
    assert (
        rules.lifted_freeze(environment_policy, datetime(2026, 12, 1, tzinfo=UTC), overrides)
        is None
    )


def test_every_broken_rule_is_named_at_once() -> None:
    lines = before(
        asks(first_parent_of="main", tag_must_be_new=True),
        replace(TRIGGER, proven=False, repository_id="666"),
        facts={"standing": "off", "tag": GOOD},
        freeze=(CHRISTMAS,),
    )
    assert [line.partition(":")[0] for line in lines] == [
        "signed token",
        "repository_id",
        'first_parent_of = "main"',
        'freeze "christmas"',
    ]


def at_aws(
    allowed: Grant | None = None,
    trigger: Trigger = TRIGGER,
    *,
    running: tuple[LiveRelease, ...] = (),
    verified: tuple[VerifiedRelease, ...] = (),
    rollback_to: str = "",
    **environment_policy: Any,
) -> list[str]:
    reasons = rules.at_aws(
        allowed or asks(),
        contract(**environment_policy).environment_policies[0],
        trigger,
        running=running,
        verified=verified,
        overrides=Overrides(rollback_to=rollback_to),
    )
    return [f"{reason.rule}: {reason.why}" for reason in reasons]


def runs(order: Order, commit: str = OTHER, **more: Any) -> LiveRelease:
    return LiveRelease(service="web", digest=ONE, commit=commit, order=order, **more)


FOREIGN = LiveRelease(service="web", foreign="nginx:1")


@pytest.mark.parametrize(
    ("running", "why"),
    [
        (runs("same", SHA), ""),
        (runs("older"), ""),
        (FOREIGN, ""),
        (runs("newer"), "web runs a81be02, which is newer than 3f9c2ab"),
        (runs("apart"), "web runs a81be02, which 3f9c2ab does not hold"),
        (
            runs("unknown"),
            "web runs a81be02, which this checkout does not know; fetch-depth: 0 gets the whole",
        ),
        (
            runs("unknown", ""),
            f"web runs {ONE.short}, which its repository does not have any more",
        ),
    ],
)
def test_not_older(running: LiveRelease, why: str) -> None:
    assert at_aws(running=(running,), not_older=True) == ([f"not_older: {why}"] if why else [])
    assert at_aws(running=(running,)) == []
    assert at_aws(running=(running,), not_older=True, rollback_to=SHA[:7]) == []
    of_another = at_aws(running=(running,), not_older=True, rollback_to=OTHER)
    assert of_another == ([f"not_older: {why}"] if why else []), "another commit was named"


AGAIN = replace(TRIGGER, run_attempt="2")
LATER, EARLIER = (datetime(2026, 12, 24, hour, tzinfo=UTC) for hour in (12, 10))


@pytest.mark.parametrize(
    ("running", "why"),
    [
        (runs("same", SHA, since=LATER), ""),
        (runs("older", since=EARLIER), ""),
        (replace(FOREIGN, since=EARLIER), ""),
        (runs("older", since=AGAIN.pushed), ""),  # with this very event, not after it
        (
            runs("older", since=LATER),
            "web runs a81be02 since 2026-12-24 12:00 UTC, later than this event",
        ),
        (
            replace(FOREIGN, since=LATER),
            "web runs nginx:1 since 2026-12-24 12:00 UTC, later than this event",
        ),
        (runs("newer", since=EARLIER), "web runs a81be02, and 3f9c2ab does not come after it"),
        (runs("apart"), "web runs a81be02, and 3f9c2ab does not come after it"),
        (runs("unknown"), "web runs a81be02, and 3f9c2ab does not come after it"),
    ],
)
def test_a_rerun_where_something_newer_was_deployed(running: LiveRelease, why: str) -> None:
    grant = asks(refuse_rerun_when_newer=True)
    expected = [f"refuse_rerun_when_newer: {why}"] if why else []
    assert at_aws(grant, AGAIN, running=(running,)) == expected
    assert at_aws(grant, TRIGGER, running=(running,)) == [], "a first attempt is no re-run"


def test_after_needs_one_record_that_still_holds() -> None:
    good = VerifiedRelease(record="r1", digests=frozenset({ONE}))
    lost = VerifiedRelease(
        record="r2", digests=frozenset({TWO}), why="staging's repository lost it"
    )
    assert at_aws(after="staging", verified=(good, lost)) == []
    assert at_aws(after="staging", verified=(lost,)) == [
        'after = "staging": staging\'s repository lost it'
    ]
    assert at_aws(after="staging") == [
        'after = "staging": no image of 3f9c2ab was verified in staging'
    ]


def test_the_image_must_be_the_one_that_was_verified() -> None:
    environment_policy = EnvironmentPolicy(environment="production", after="staging")
    good = VerifiedRelease(record="r1", digests=frozenset({ONE}))
    lost = VerifiedRelease(record="r2", digests=frozenset({TWO}), why="gone")
    assert rules.same_image(asks(), environment_policy, frozenset({ONE}), (good,)) == ()
    for digests, verified in (
        (frozenset({TWO}), (good,)),
        (frozenset({TWO}), (good, lost)),
        (frozenset({ONE, TWO}), (good,)),
        (frozenset({ONE}), ()),
    ):
        (reason,) = rules.same_image(asks(), environment_policy, digests, verified)
        assert reason.why.startswith("this is another image than the one verified in staging: ")


def test_a_named_image_must_be_of_the_commit_that_was_looked_at() -> None:
    environment_policy = EnvironmentPolicy(environment="production")
    strict = replace(environment_policy, not_older=True)
    assert rules.own_commit(asks(), environment_policy, TRIGGER, ()) == (), (
        "no rule looked at a commit"
    )
    assert rules.own_commit(asks(), strict, TRIGGER, (OTHER, SHA)) == ()
    (reason,) = rules.own_commit(
        asks(first_parent_of="main"), environment_policy, TRIGGER, (OTHER,)
    )
    assert (reason.rule, reason.why) == (
        "--image",
        "it is not of 3f9c2ab, the commit that was looked at",
    )


def test_just_before_the_rollout_only_what_can_change_is_asked_again() -> None:
    grant = asks(first_parent_of="main", tag_must_be_new=True)
    facts = BeforeBuild(now=NOW, tag=GOOD)
    frozen = contract(freeze=(CHRISTMAS,))
    assert rules.before_rollout(contract(), grant, TRIGGER, facts, Overrides()) == ()
    moved = replace(facts, tag=replace(GOOD, commit=OTHER))
    reasons = rules.before_rollout(frozen, grant, TRIGGER, moved, Overrides())
    assert [reason.rule for reason in reasons] == ["tag_must_be_new", 'freeze "christmas"']


def test_a_refusal_counts_the_rules_and_says_what_to_do() -> None:
    reasons = rules.before_build(
        contract(), asks(), replace(TRIGGER, proven=False), BeforeBuild(now=NOW), Overrides()
    )
    refused = rules.refusal(contract(), TRIGGER, reasons)
    assert refused.what == "push of refs/tags/v1-stable breaks a rule of ci/release.toml"
    assert refused.lines() == (
        "stable   signed token   no: this job shows none; give it `id-token: write`",
    )
    assert refused.remedy == (
        "Give the job `permissions: id-token: write`. Nothing was built or changed."
    )
    late = rules.refusal(contract(), TRIGGER, (*reasons, *reasons), late=True)
    assert late.what == "push of refs/tags/v1-stable breaks 2 rules of ci/release.toml"
    assert late.remedy.endswith("Nothing was rolled out; what ran before still runs.")
    assert late.error().late
    assert not refused.error().late


RUNNING = st.builds(
    LiveRelease,
    service=st.just("web"),
    digest=st.sampled_from([None, ONE]),
    foreign=st.just(""),
    commit=st.sampled_from(["", SHA, OTHER]),
    order=st.sampled_from(["same", "older", "newer", "apart", "unknown"]),
    since=st.sampled_from([None, EARLIER, LATER]),
)


@given(RUNNING)
def test_what_nobody_knows_is_never_taken_for_older(running: LiveRelease) -> None:
    allowed = at_aws(running=(running,), not_older=True) == []
    assert allowed == (running.order in {"same", "older"})


@pytest.mark.parametrize(
    ("called", "holds", "refused"),
    [
        ("", WORKFLOW, []),
        ("", "corp/ci/.github/workflows/ship.yml@refs/tags/v1", ["job_workflow_ref"]),
        (CALLED, CALLED, []),
        (CALLED, WORKFLOW, ["job_workflow_ref"]),
        (CALLED, CALLED.replace("v1", "v2"), ["job_workflow_ref"]),
    ],
)
def test_the_job_is_in_the_workflow_or_in_the_one_that_it_may_call(
    called: str, holds: str, refused: list[str]
) -> None:
    source = replace(SOURCE, called_workflow=called)
    trigger = replace(TRIGGER, job_workflow_ref=holds)
    differences = rules.source_differences(source, trigger, trigger.ref)
    assert [rule for rule, _ in differences] == refused
