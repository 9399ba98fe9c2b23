from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.release.contract import TASKS, Allowed, Contract, Entry, Refused, decide
from shipway.release.events import NEVER
from shipway.release.trigger import Trigger, by_hand

CONTRACT = Contract(
    path="ci/release.toml",
    entries=(
        Entry(
            name="main",
            event="push",
            ref="refs/heads/main",
            environments=("staging",),
            tasks=TASKS[:2],
        ),
        Entry(
            name="stable",
            event="push",
            ref="refs/tags/*-stable",
            environments=("production",),
            tasks=TASKS,
        ),
        Entry(
            name="by-hand",
            event="by-hand",
            ref="",
            environments=("local", "sandbox", "staging"),
            tasks=TASKS,
        ),
    ),
)

ONLY = "only letters, digits and . _ + - / are accepted"
TAG, BRANCH, OTHER = (
    "the ref is a tag",
    "the ref is a branch",
    "the ref is neither a branch nor a tag",
)


def holds(named: str) -> tuple[str, str]:
    text = f"the ref holds {named}; {ONLY}"
    return text, text


def malformed(why: str) -> tuple[str, str]:
    text = f"the ref is malformed: {why}"
    return text, text


# A ref, and why the entries "main" and "stable" refuse a push of it.
HOSTILE: list[tuple[str, tuple[str, str]]] = [
    # Branches that want to look like stable tags.
    ("refs/heads/v1-stable", ('"v1-stable" is not "main"', BRANCH)),
    (
        "refs/heads/refs/tags/v1-stable",
        ('"refs/tags/v1-stable" is not "main"', BRANCH),
    ),
    ("refs/heads/tags/v1-stable", ('"tags/v1-stable" is not "main"', BRANCH)),
    ("refs/heads/-stable", ('"-stable" is not "main"', BRANCH)),
    # Tags that want to look like main.
    ("refs/tags/main", (TAG, '"main" does not end in "-stable"')),
    ("refs/tags/refs/heads/main", (TAG, '"refs/heads/main" does not end in "-stable"')),
    # Nearly main.
    ("refs/heads/main2", ('"main2" is not "main"', BRANCH)),
    ("refs/heads/xmain", ('"xmain" is not "main"', BRANCH)),
    ("refs/heads/main/x", ('"main/x" is not "main"', BRANCH)),
    ("refs/heads/x/main", ('"x/main" is not "main"', BRANCH)),
    ("refs/heads/feature/main", ('"feature/main" is not "main"', BRANCH)),
    ("refs/heads/mai", ('"mai" is not "main"', BRANCH)),
    ("refs/heads/Main", ('"Main" differs from "main" in upper and lower case', BRANCH)),
    ("refs/heads/MAIN", ('"MAIN" differs from "main" in upper and lower case', BRANCH)),
    ("refs/heads/main-", ('"main-" is not "main"', BRANCH)),
    # Nearly stable.
    ("refs/tags/v1.0.1", (TAG, '"v1.0.1" does not end in "-stable"')),
    ("refs/tags/v1-stable2", (TAG, '"v1-stable2" does not end in "-stable"')),
    ("refs/tags/v1-stable-rc", (TAG, '"v1-stable-rc" does not end in "-stable"')),
    ("refs/tags/v1-stable.", malformed('it ends in "." or ".lock"')),
    ("refs/tags/v1-unstable", (TAG, '"v1-unstable" does not end in "-stable"')),
    ("refs/tags/v1_stable", (TAG, '"v1_stable" does not end in "-stable"')),
    ("refs/tags/v1stable", (TAG, '"v1stable" does not end in "-stable"')),
    ("refs/tags/stable", (TAG, '"stable" does not end in "-stable"')),
    (
        "refs/tags/v1-STABLE",
        (TAG, '"v1-STABLE" differs from "*-stable" in upper and lower case'),
    ),
    (
        "refs/tags/v1-Stable",
        (TAG, '"v1-Stable" differs from "*-stable" in upper and lower case'),
    ),
    ("refs/tags/a/b-stable", (TAG, '"a/b-stable" has a "/", where * stops')),
    ("refs/tags/rel/v1-stable", (TAG, '"rel/v1-stable" has a "/", where * stops')),
    ("refs/tags/-stable/x", (TAG, '"-stable/x" does not end in "-stable"')),
    # Neither branch nor tag, or not in full.
    ("refs/pull/7/merge", (OTHER, OTHER)),
    ("refs/pull/7/head", (OTHER, OTHER)),
    ("refs/remotes/origin/main", (OTHER, OTHER)),
    ("refs/notes/main", (OTHER, OTHER)),
    ("refs/stash", (OTHER, OTHER)),
    ("main", (OTHER, OTHER)),
    ("heads/main", (OTHER, OTHER)),
    ("tags/v1-stable", (OTHER, OTHER)),
    ("v1-stable", (OTHER, OTHER)),
    ("HEAD", (OTHER, OTHER)),
    ("REFS/heads/main", (OTHER, OTHER)),
    ("refs/Heads/main", (OTHER, OTHER)),
    ("refs/TAGS/v1-stable", (OTHER, OTHER)),
    ("xrefs/heads/main", (OTHER, OTHER)),
    ("3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7", (OTHER, OTHER)),
    ("", ("there is no ref", "there is no ref")),
    # Whitespace and control characters.
    ("refs/heads/main\n", holds("U+000A")),
    ("refs/heads/main\r", holds("U+000D")),
    ("refs/heads/main\r\n", holds("U+000D")),
    ("\nrefs/heads/main", holds("U+000A")),
    ("refs/heads/main ", holds('" "')),
    (" refs/heads/main", holds('" "')),
    ("refs/heads/main\t", holds("U+0009")),
    ("refs/heads/main\0", holds("U+0000")),
    ("refs/heads/main\x7f", holds("U+007F")),
    ("refs/heads/main\x1b[2K", holds("U+001B")),
    ("refs/tags/v1-stable\n", holds("U+000A")),
    ("refs/tags/v1\n-stable", holds("U+000A")),
    ("refs/tags/x\nrefs/tags/v1-stable", holds("U+000A")),
    ("refs/heads/main\u2028", holds("U+2028")),
    ("refs/heads/main\u00a0", holds("U+00A0")),
    ("refs/heads/ma\u200bin", holds("U+200B")),
    ("refs/heads/\u202emain", holds("U+202E")),
    ("\ufeffrefs/heads/main", holds("U+FEFF")),
    # Letters and signs of other scripts that look alike.
    ("refs/heads/m\u0430in", holds("U+0430")),
    ("refs/heads/ma\u0456n", holds("U+0456")),
    ("refs/heads/\uff4dain", holds("U+FF4D")),
    ("refs/heads/main\u0301", holds("U+0301")),
    ("refs/tags/v\u0661-stable", holds("U+0661")),
    ("refs/tags/v\uff11-stable", holds("U+FF11")),
    ("refs/tags/v1\u2010stable", holds("U+2010")),
    ("refs/tags/v1\u2212stable", holds("U+2212")),
    ("refs/tags/v1-\u0455table", holds("U+0455")),
    ("refs/tags/v1-\ufb06able", holds("U+FB06")),
    ("refs\u2215heads\u2215main", holds("U+2215")),
    ("refs/heads\uff0fmain", holds("U+FF0F")),
    # What a shell, a log or a template would read.
    ("refs/tags/$(id)-stable", holds('"$"')),
    ("refs/tags/`id`-stable", holds('"`"')),
    ("refs/tags/v1;id-stable", holds('";"')),
    ("refs/tags/v1-stable;x", holds('";"')),
    ("refs/tags/v1&&id-stable", holds('"&"')),
    ("refs/tags/v1|id-stable", holds('"|"')),
    ("refs/tags/v1>x-stable", holds('">"')),
    ("refs/tags/${{github.token}}-stable", holds('"$"')),
    ("refs/tags/{{7*7}}-stable", holds('"{"')),
    ("refs/tags/%0A::error::-stable", holds('"%"')),
    ("refs/tags/::error::-stable", holds('":"')),
    ("refs/tags/v1'-stable", holds('"\'"')),
    ('refs/tags/v1"-stable', holds("'\"'")),
    ("refs/tags/v1\\-stable", holds('"\\"')),
    ("refs/tags/v1#-stable", holds('"#"')),
    ("refs/tags/v1,v2-stable", holds('","')),
    ("refs/tags/v1=2-stable", holds('"="')),
    # What a pattern or git itself would read.
    ("refs/tags/*-stable", holds('"*"')),
    ("refs/tags/?-stable", holds('"?"')),
    ("refs/tags/[a]-stable", holds('"["')),
    ("refs/tags/!v1-stable", holds('"!"')),
    ("refs/tags/v1~1-stable", holds('"~"')),
    ("refs/tags/v1^{}-stable", holds('"^"')),
    ("refs/tags/v1@{1}-stable", holds('"@"')),
    ("refs/heads/main@{0}", holds('"@"')),
    ("refs/heads/main:refs/heads/x", holds('":"')),
    ("refs/tags/../heads/main", malformed('it holds ".."')),
    ("refs/tags/v1..v2-stable", malformed('it holds ".."')),
    ("refs/tags/.v1-stable", malformed('a part of it begins with "."')),
    ("refs/tags/./v1-stable", malformed('a part of it begins with "."')),
    ("refs/tags//v1-stable", malformed("a part of it is empty")),
    ("refs//tags/v1-stable", malformed("a part of it is empty")),
    ("/refs/tags/v1-stable", malformed("a part of it is empty")),
    ("refs/heads/main/", malformed("a part of it is empty")),
    ("refs/heads/", malformed("a part of it is empty")),
    ("refs/tags/", malformed("a part of it is empty")),
    ("refs/heads/main.lock", malformed('it ends in "." or ".lock"')),
    # Sizes.
    (
        "refs/tags/" + "a" * 1_048_576 + "-stable",
        ("the ref is 1048593 characters long", "the ref is 1048593 characters long"),
    ),
    (
        "refs/tags/" + "a" * 1100 + "-stable",
        ("the ref is 1117 characters long", "the ref is 1117 characters long"),
    ),
]


def test_the_table_is_as_long_as_it_should_be_and_names_no_ref_twice() -> None:
    refs = [ref for ref, _ in HOSTILE]
    assert len(refs) == len(set(refs)) >= 80


@pytest.mark.parametrize(("ref", "why"), HOSTILE, ids=[repr(ref)[:40] for ref, _ in HOSTILE])
def test_a_hostile_ref_is_refused_and_told_why(ref: str, why: tuple[str, str]) -> None:
    decision = decide(CONTRACT, Trigger(event="push", ref=ref), environment=None)
    assert isinstance(decision, Refused)
    assert tuple(reason.why for reason in decision.reasons) == (
        *why,
        "this was started by GitHub",
    )
    for line in (decision.what, decision.remedy, *decision.lines()):
        assert line.isprintable()
        assert line.isascii()
        assert len(line) < 400


@pytest.mark.parametrize("event", sorted(NEVER))
@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/tags/v1-stable"])
def test_an_event_that_anybody_can_cause_is_refused_even_by_a_contract_that_names_it(
    event: str, ref: str
) -> None:
    entry = Entry(name="trap", event=event, ref=ref, environments=("production",), tasks=TASKS)
    contract = Contract(path="x", entries=(entry, *CONTRACT.entries))
    decision = decide(contract, Trigger(event=event, ref=ref), environment=None)
    assert isinstance(decision, Refused)
    assert decision.reasons[0].why == f"{event} can never release: {NEVER[event]}"


NAMES = st.text(st.sampled_from("main-stblev1./\n$А"), max_size=12)  # noqa: RUF001  # a Cyrillic letter
REFS = st.builds(
    str.__add__, st.sampled_from(["refs/heads/", "refs/tags/", "refs/", "", "x"]), NAMES
) | st.sampled_from(["refs/heads/main", "refs/tags/v1-stable", *(ref for ref, _ in HOSTILE[:90])])
EVENTS = st.sampled_from(["push", "by-hand", "workflow_dispatch", "Push", "", *NEVER])


@given(
    st.builds(Trigger, event=EVENTS, ref=REFS, deleted=st.booleans(), fork=st.booleans()),
    st.none() | st.sampled_from(["local", "sandbox", "staging", "production", "", "x"]),
    st.none() | st.sampled_from(TASKS),
)
def test_nothing_outside_the_contract_is_ever_allowed(
    trigger: Trigger, environment: str | None, task: object
) -> None:
    decision = decide(CONTRACT, trigger, environment=environment, task=task)  # type: ignore[arg-type]
    if isinstance(decision, Refused):
        assert len(decision.reasons) == len(CONTRACT.entries)
        return
    assert task is None or task in decision.tasks
    assert environment in (None, decision.environment)
    if trigger.event == "by-hand":
        assert environment in ("local", "sandbox", "staging")
        assert decision.tasks == ("build", "publish", "deploy", "verify")
        return
    assert trigger.event == "push"
    assert not trigger.deleted
    assert not trigger.fork
    if decision.environment == "staging":
        assert trigger.ref == "refs/heads/main"
        assert decision.tasks == ("build", "publish")
    else:
        assert decision.environment == "production"
        assert trigger.ref.isascii()
        assert trigger.ref.startswith("refs/tags/")
        assert trigger.ref.endswith("-stable")
        assert trigger.ref.count("/") == 2
        assert trigger.ref.isprintable()
        assert "$" not in trigger.ref


@pytest.mark.parametrize("environment", ["local", "sandbox", "staging"])
def test_what_the_contract_says_is_allowed(environment: str) -> None:
    hand = decide(CONTRACT, by_hand(), environment=environment)
    assert isinstance(hand, Allowed)
    assert hand.text == f"by hand → {environment}: build, publish, deploy, verify"
