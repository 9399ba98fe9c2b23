from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shipway.errors import RefusedError
from shipway.policy.trigger import Trigger, by_hand, from_github, in_github

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
OTHER = "a" * 40
ZERO = "0" * 40

ENV = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_SHA": SHA,
    "GITHUB_REPOSITORY": "octo/shop",
    "GITHUB_REPOSITORY_ID": "123",
    "GITHUB_ACTOR": "mona",
    "GITHUB_TRIGGERING_ACTOR": "hubot",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_WORKFLOW_REF": "octo/shop/.github/workflows/deploy.yml@refs/heads/main",
    "GITHUB_SERVER_URL": "https://github.com",
}
PUSH: dict[str, object] = {
    "ref": "refs/heads/main",
    "before": OTHER,
    "after": SHA,
    "created": False,
    "deleted": False,
    "forced": True,
    "repository": {"id": 123, "full_name": "octo/shop"},
}
TAG_ENV = ENV | {
    "GITHUB_REF": "refs/tags/v1-stable",
    "GITHUB_REF_NAME": "v1-stable",
    "GITHUB_REF_TYPE": "tag",
}
TAG = PUSH | {"ref": "refs/tags/v1-stable", "before": ZERO, "created": True, "forced": False}


def refused(env: Mapping[str, str], payload: Mapping[str, object] | None) -> tuple[str, ...]:
    with pytest.raises(RefusedError) as caught:
        from_github(env, payload)
    assert str(caught.value) == "GitHub's variables do not describe one trigger"
    assert caught.value.remedy == (
        "run it from a workflow that leaves GitHub's variables alone. Nothing was built or changed."
    )
    return caught.value.details


def test_a_push_is_read() -> None:
    assert from_github(ENV, PUSH) == Trigger(
        event="push",
        ref="refs/heads/main",
        sha=SHA,
        actor="mona",
        triggering_actor="hubot",
        repository="octo/shop",
        repository_id="123",
        run_id="42",
        run_attempt="2",
        workflow_ref="octo/shop/.github/workflows/deploy.yml@refs/heads/main",
        url="https://github.com/octo/shop/actions/runs/42",
        forced=True,
        before=OTHER,
        after=SHA,
    )


def test_a_tag_that_was_created_is_read() -> None:
    trigger = from_github(TAG_ENV, TAG)
    assert (trigger.ref, trigger.created, trigger.forced) == ("refs/tags/v1-stable", True, False)


def test_an_annotated_tags_event_names_the_tag_object_and_the_commit() -> None:
    payload = TAG | {"after": OTHER, "head_commit": {"id": SHA}}
    assert from_github(TAG_ENV, payload).sha == SHA


def test_a_branchs_event_must_name_the_commit_itself() -> None:
    payload = PUSH | {"after": OTHER, "head_commit": {"id": SHA}}
    assert refused(ENV, payload) == (f'GITHUB_SHA is "{SHA}", but the event\'s after is "{OTHER}"',)


def test_a_deletion_is_known_by_its_event() -> None:
    payload = TAG | {"before": SHA, "after": ZERO, "created": False, "deleted": True}
    trigger = from_github(TAG_ENV, payload)
    assert trigger.deleted
    assert trigger.ref == "refs/tags/v1-stable"


def test_variables_that_an_older_runner_does_not_set_may_be_missing() -> None:
    few = ENV.copy()
    for name in (
        "GITHUB_REF_NAME",
        "GITHUB_REPOSITORY_ID",
        "GITHUB_TRIGGERING_ACTOR",
        "GITHUB_WORKFLOW_REF",
        "GITHUB_SERVER_URL",
    ):
        del few[name]
    trigger = from_github(few, {"ref": "refs/heads/main", "after": SHA})
    assert (trigger.triggering_actor, trigger.repository_id, trigger.url) == ("mona", "", "")


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_EVENT_NAME",
        "GITHUB_REF",
        "GITHUB_REF_TYPE",
        "GITHUB_SHA",
        "GITHUB_REPOSITORY",
        "GITHUB_ACTOR",
        "GITHUB_RUN_ID",
        "GITHUB_RUN_ATTEMPT",
    ],
)
def test_a_variable_that_is_missing_or_empty_is_told(name: str) -> None:
    assert refused(ENV | {name: ""}, PUSH) == (f"{name} is not set",)
    assert refused({k: v for k, v in ENV.items() if k != name}, PUSH) == (f"{name} is not set",)


def test_everything_that_is_missing_is_told_at_once() -> None:
    assert refused({"GITHUB_ACTIONS": "true"}, None) == (
        "GITHUB_EVENT_NAME is not set",
        "GITHUB_REF is not set",
        "GITHUB_REF_TYPE is not set",
        "GITHUB_SHA is not set",
        "GITHUB_REPOSITORY is not set",
        "GITHUB_ACTOR is not set",
        "GITHUB_RUN_ID is not set",
        "GITHUB_RUN_ATTEMPT is not set",
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("GITHUB_ACTIONS", "1", 'GITHUB_ACTIONS is not "true"'),
        (
            "GITHUB_EVENT_NAME",
            "by-hand",
            'GITHUB_EVENT_NAME should be the name of a GitHub event, not "by-hand"',
        ),
        (
            "GITHUB_EVENT_NAME",
            "push\n",
            r'GITHUB_EVENT_NAME should be the name of a GitHub event, not "push\n"',
        ),
        ("GITHUB_REF_TYPE", "Tag", 'GITHUB_REF_TYPE should be "branch" or "tag", not "Tag"'),
        ("GITHUB_SHA", "3f9c2ab", 'GITHUB_SHA should be a full commit id, not "3f9c2ab"'),
        ("GITHUB_SHA", f"{SHA}\n", f'GITHUB_SHA should be a full commit id, not "{SHA}\\n"'),
        (
            "GITHUB_SHA",
            SHA.upper(),
            f'GITHUB_SHA should be a full commit id, not "{SHA.upper()}"',
        ),
        ("GITHUB_REPOSITORY", "shop", 'GITHUB_REPOSITORY should be owner/name, not "shop"'),
        ("GITHUB_REPOSITORY_ID", "x", 'GITHUB_REPOSITORY_ID should be a number, not "x"'),
        ("GITHUB_RUN_ID", "٤٢", r'GITHUB_RUN_ID should be a number, not "\u0664\u0662"'),
        ("GITHUB_RUN_ATTEMPT", "0", 'GITHUB_RUN_ATTEMPT should be a number, not "0"'),
        (
            "GITHUB_REF_TYPE",
            "tag",
            'GITHUB_REF_TYPE is "tag", but GITHUB_REF is "refs/heads/main"',
        ),
        (
            "GITHUB_REF_NAME",
            "v1-stable",
            'GITHUB_REF_NAME is "v1-stable", but GITHUB_REF is "refs/heads/main"',
        ),
        (
            "GITHUB_SHA",
            OTHER,
            f'GITHUB_SHA is "{OTHER}", but the event\'s after is "{SHA}"',
        ),
        (
            "GITHUB_REPOSITORY",
            "octo/other",
            (
                'GITHUB_REPOSITORY is "octo/other", but the event\'s repository.full_name is '
                '"octo/shop"'
            ),
        ),
        (
            "GITHUB_REPOSITORY_ID",
            "124",
            'GITHUB_REPOSITORY_ID is "124", but the event\'s repository.id is "123"',
        ),
    ],
)
def test_a_variable_that_is_malformed_or_contradicts_is_told(
    name: str, value: str, problem: str
) -> None:
    assert refused(ENV | {name: value}, PUSH) == (problem,)


def test_a_branch_that_calls_itself_a_tag_stays_a_branch() -> None:
    ref = "refs/heads/refs/tags/v1-stable"
    env = ENV | {"GITHUB_REF": ref, "GITHUB_REF_NAME": "refs/tags/v1-stable"}
    assert from_github(env, PUSH | {"ref": ref}).ref == ref
    assert refused(env | {"GITHUB_REF_TYPE": "tag"}, PUSH | {"ref": ref}) == (
        f'GITHUB_REF_TYPE is "tag", but GITHUB_REF is "{ref}"',
    )


def test_a_tag_that_calls_itself_a_branch_is_told() -> None:
    assert refused(TAG_ENV | {"GITHUB_REF_TYPE": "branch"}, TAG) == (
        'GITHUB_REF_TYPE is "branch", but GITHUB_REF is "refs/tags/v1-stable"',
    )


def test_a_tag_must_have_a_tags_ref() -> None:
    env = {**ENV, "GITHUB_EVENT_NAME": "release", "GITHUB_REF_TYPE": "tag", "GITHUB_REF": "v1"}
    assert refused(env, {})[0] == 'GITHUB_REF_TYPE is "tag", but GITHUB_REF is "v1"'


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"ref": "refs/heads/x"},
            'GITHUB_REF is "refs/heads/main", but the event\'s ref is "refs/heads/x"',
        ),
        ({"ref": ""}, "the event's ref is missing"),
        ({"after": 7}, "the event's after is missing"),
        ({"deleted": "no"}, "the event's deleted should be true or false"),
        ({"created": 1}, "the event's created should be true or false"),
        ({"forced": None}, "the event's forced should be true or false"),
        ({"deleted": True}, "the event's deleted and after contradict each other"),
        ({"after": ZERO}, "the event's deleted and after contradict each other"),
        ({"created": True}, "the event's created and before contradict each other"),
    ],
)
def test_a_push_that_contradicts_its_variables_is_told(
    change: dict[str, object], problem: str
) -> None:
    assert refused(ENV, PUSH | change) == (problem,)


@pytest.mark.parametrize("payload", [None, {}])
def test_a_push_without_its_event_is_refused(payload: dict[str, object] | None) -> None:
    assert refused(ENV, payload) == (
        "the event's ref is missing",
        "the event's after is missing",
    )


def pull(head: Any) -> dict[str, object]:
    return {
        "pull_request": {"head": head},
        "repository": {"id": 123, "full_name": "octo/shop"},
    }


@pytest.mark.parametrize(
    ("payload", "fork"),
    [
        (pull({"repo": {"id": 123, "full_name": "octo/shop"}}), False),
        (pull({"repo": {"id": 999, "full_name": "mallory/shop"}}), True),
        (pull({"repo": {"id": 999, "full_name": "octo/shop"}}), True),
        (pull({"repo": None}), True),
        (pull(None), True),
        ({}, True),
    ],
)
@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_pull_requests_code_may_come_from_a_fork(
    event: str, payload: dict[str, object], *, fork: bool
) -> None:
    env = ENV | {"GITHUB_EVENT_NAME": event, "GITHUB_REF": "refs/pull/7/merge"}
    assert from_github(env | {"GITHUB_REF_NAME": "7/merge"}, payload).fork is fork


@pytest.mark.parametrize(
    ("head", "fork"), [({"id": 123, "full_name": "octo/shop"}, False), ({"id": 9}, True)]
)
def test_a_triggering_runs_code_may_come_from_a_fork(
    head: dict[str, object], *, fork: bool
) -> None:
    payload = {
        "workflow_run": {"head_repository": head},
        "repository": {"id": 123, "full_name": "octo/shop"},
    }
    env = ENV | {"GITHUB_EVENT_NAME": "workflow_run"}
    assert from_github(env, payload).fork is fork


def test_by_hand_is_no_event_of_github() -> None:
    trigger = by_hand(sha=SHA, actor="you@laptop", ref="refs/heads/x", repository="octo/shop")
    assert trigger.by_hand
    assert trigger.described == "by hand"
    assert trigger.triggering_actor == "you@laptop"
    assert not from_github(ENV, PUSH).by_hand


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, False), ({"GITHUB_ACTIONS": "true"}, True), ({"GITHUB_ACTIONS": "false"}, False)],
)
def test_github_says_so_itself(env: dict[str, str], *, expected: bool) -> None:
    assert in_github(env) is expected


def test_a_description_cannot_mislead_a_log() -> None:
    trigger = Trigger(event="push", ref="refs/heads/x\n::error::y")
    assert trigger.described == r'push of "refs/heads/x\n::error::y"'
