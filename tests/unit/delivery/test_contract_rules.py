"""The rules of the contract at the gate: what is asked of whom, when, and what is recorded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from shipway.errors import AccessDeniedError, GitError, RefusedError
from shipway.evidence.store import RecordStore
from shipway.image.publish import StoredImage
from shipway.observer import Concluded, Failed, Noticed
from shipway.policy.facts import Signature, Tag
from shipway.values import Digest, ImageReference

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.config.environment import EnvironmentRef

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
OTHER = "a81be02" + "0" * 33
OLD = Digest(f"sha256:{'0' * 64}")
LEFT_ALONE = (0, 0, 0)


def ask(world: World, *, entry: str = "", environment: str = "") -> None:
    """Add rules to the contract's entry "stable" and to the environment staging."""
    path = world.root / "ci" / "release.toml"
    text = path.read_text()
    text = text.replace('ref = "refs/tags/*-stable"', f'ref = "refs/tags/*-stable"\n{entry}')
    path.write_text(text.replace('by_hand_role = "*"', f'by_hand_role = "*"\n{environment}'))


def broken(world: World, **order: Any) -> list[str]:
    """Deliver, be refused, and say by which rules."""
    outcome = world.deliver(
        env=None if world.variables.get("GITHUB_ACTIONS") else "staging", **order
    )
    assert (outcome.kind, outcome.exit_code) == ("refused", 20)
    assert world.changed[1:] == (0, 0), "nothing was rolled out"
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.stage == "contract"
    decision = world.record(outcome)["predicate"]["decision"]
    assert decision["allowed"] is False
    return [f"{reason['rule']}: {reason['why']}" for reason in decision["reasons"]]


def delivered(world: World, **order: Any) -> dict[str, Any]:
    """Deliver, succeed, and give the record's predicate."""
    env = None if world.variables.get("GITHUB_ACTIONS") else "staging"
    outcome = world.deliver(env=env, **order)
    assert (outcome.kind, outcome.exit_code) == ("succeeded", 0)
    predicate: dict[str, Any] = world.record(outcome)["predicate"]
    return predicate


def test_the_verified_claims_are_in_the_record(world: World) -> None:
    world.push()
    predicate = delivered(world)
    assert predicate["claims"] == world.github.signs
    assert predicate["trigger"]["proven"] is True
    assert world.github.issuers == ["https://token.actions.githubusercontent.com"]


def test_a_refused_trigger_has_its_claims_in_the_record_too(world: World) -> None:
    world.push("refs/tags/v1.0.1")
    outcome = world.deliver(env=None)
    predicate = world.record(outcome)["predicate"]
    assert predicate["claims"]["ref"] == "refs/tags/v1.0.1"
    assert predicate["decision"]["allowed"] is False


def test_without_a_token_everything_in_github_is_refused(world: World) -> None:
    world.push("refs/heads/main")
    world.github.signs = None
    assert broken(world) == ["signed token: this job shows none; give it `id-token: write`"]
    assert world.opened == 0


def test_a_token_that_is_not_good_is_the_end(world: World) -> None:
    world.push()
    world.github.signs = RefusedError("the token of this job is refused: it has expired")
    outcome = world.deliver(env=None)
    assert (outcome.kind, world.opened) == ("refused", 0)


def test_the_contract_says_who_must_have_signed(world: World) -> None:
    path = world.root / "ci" / "release.toml"
    own = 'owner_id = 45\nissuer = "https://ghes.example/_services/token"'
    path.write_text(path.read_text().replace("owner_id = 45", own))
    world.push()
    delivered(world)
    assert world.github.issuers == ["https://ghes.example/_services/token"]


def test_variables_that_say_something_else_than_the_token_are_named(world: World) -> None:
    world.push()
    world.variables["GITHUB_RUN_ID"] = "43"
    world.variables["GITHUB_REPOSITORY_ID"] = "666"
    outcome = world.deliver(env=None)
    assert (outcome.kind, world.opened) == ("refused", 0)
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.text == "what GitHub signed and what this job says differ"
    assert failed.details[0].lines == (
        'GITHUB_REPOSITORY_ID is "666", but GitHub signed repository_id "123"',
        'GITHUB_RUN_ID is "43", but GitHub signed run_id "42"',
    )


@pytest.mark.parametrize(
    "trace", ["GITHUB_RUN_ID", "ACTIONS_ID_TOKEN_REQUEST_URL", "RUNNER_ENVIRONMENT"]
)
def test_a_job_that_denies_being_one_is_no_person(world: World, trace: str) -> None:
    world.variables[trace] = "1"
    outcome = world.deliver()
    assert (outcome.kind, world.opened) == ("refused", 0)
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.text == 'this is a job of GitHub Actions, but GITHUB_ACTIONS is not "true"'
    assert failed.details[0].lines == (f"{trace} is set",)


def test_git_and_origin_are_asked_what_a_rule_asks_and_nothing_else(world: World) -> None:
    world.push()
    delivered(world)
    assert world.git.questions == []


def test_the_commit_must_be_on_the_branch(world: World) -> None:
    ask(world, entry='first_parent_of = "main"')
    world.push()
    delivered(world)
    assert world.git.questions == [f"standing {SHA} main"]
    world.events.clear()
    world.git.stands = "off"
    world.cloud.ecs.updates.clear()
    outcome = world.deliver(env=None)
    assert outcome.kind == "refused"


def test_broken_rules_and_a_strange_checkout_are_told_together(world: World) -> None:
    ask(world, entry='first_parent_of = "main"')
    world.push()
    world.git.stands = "off"
    world.git.commit = replace(world.git.commit, sha="b" * 40)
    assert broken(world) == [
        'first_parent_of = "main": 3f9c2ab is not on the first-parent history of main',
        "commit: push of refs/tags/v1-stable is about 3f9c2ab, but bbbbbbb is checked out",
    ]
    assert world.opened == 0


NEW = 'tag_must_be_new = true\ntag_kind = "annotated"\nsigned_by = ["ci/signers"]'
TAG = Tag(object="7" * 40, commit=SHA, annotated=True)


def test_a_tag_that_keeps_every_rule(world: World) -> None:
    ask(world, entry=NEW)
    world.push()
    world.git.tags["v1-stable"] = TAG
    world.git.signed = Signature(good=True, said="Good signature for mona")
    predicate = delivered(world)
    assert predicate["facts"]["signature"]["said"] == "Good signature for mona"
    assert world.git.questions == [
        "tag v1-stable",
        f"signature {TAG.object} v1-stable ci/signers",
        "tag v1-stable",
    ], "asked again just before the rollout"


def test_origin_that_cannot_be_asked_keeps_no_rule(world: World) -> None:
    ask(world, entry=NEW)
    world.push()
    world.git.tags["v1-stable"] = GitError("git ls-remote: could not read Username")
    assert broken(world) == [
        "tag_must_be_new: origin cannot be asked: git ls-remote: could not read Username"
    ]


def test_a_tag_whose_signature_cannot_be_looked_at(world: World) -> None:
    ask(world, entry=NEW)
    world.push()
    world.git.tags["v1-stable"] = TAG
    world.git.signed = GitError("git cat-file: no such file")
    assert broken(world) == [
        "signed_by: git cat-file: no such file; a key of ci/signers must sign it"
    ]


def test_a_tag_that_moves_while_the_image_is_built_is_not_rolled_out(world: World) -> None:
    ask(world, entry="tag_must_be_new = true")
    world.push()
    world.git.tags["v1-stable"] = TAG
    append = world.events.append

    def move(event: Any) -> None:
        append(event)
        if getattr(event, "stage", "") == "publish":
            world.git.tags["v1-stable"] = replace(TAG, commit=OTHER)

    outcome = world.deliver_to(move, env=None)
    assert (outcome.kind, world.changed) == ("refused", (1, 0, 0)), "published, not rolled out"
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert last.text == "Refused: nothing was rolled out."
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert failed.details[-1].lines == (
        (
            "Push another tag; a tag that was released stays where it is. "
            "Nothing was rolled out; what ran before still runs."
        ),
    )


FREEZE = (
    'freeze = [{ name = "winter", from = 2026-11-20T00:00:00Z, until = 2026-11-30T00:00:00Z, '
    'reason = "stocktaking" }]'
)
FROZEN = 'freeze "winter": until 2026-11-30 00:00 UTC: stocktaking'


def test_a_freeze_holds_for_github_and_for_people(world: World) -> None:
    ask(world, environment=FREEZE)
    assert broken(world) == [FROZEN]
    world.events.clear()
    world.push()
    assert broken(world) == [FROZEN]


def test_a_freeze_is_gone_through_by_name_and_recorded(world: World) -> None:
    ask(world, environment=FREEZE)
    world.push()
    world.variables["SHIPWAY_THROUGH_FREEZE"] = "winter: INC-4711"
    predicate = delivered(world)
    assert predicate["throughFreeze"] == {"name": "winter", "why": "INC-4711", "by": "mona"}
    noticed = [event.text for event in world.events if isinstance(event, Noticed)]
    assert "goes through the freeze winter: INC-4711" in noticed


def runs(world: World, *tags: str) -> None:
    """Have the service run an image of the repository under these tags."""
    for tag in tags or ("latest",):
        world.cloud.store.images[tag] = StoredImage(digest=OLD, platforms=frozenset({OLD}))
    world.cloud.store.images[OLD.value] = StoredImage(digest=OLD, platforms=frozenset({OLD}))


def test_what_runs_is_not_asked_unless_a_rule_asks(world: World) -> None:
    world.push()
    assert "running" not in delivered(world)


@pytest.mark.parametrize("tag", [OTHER, f"{OTHER}-dirty", f"{OTHER}-dirty-0123456789ab"])
def test_an_older_commit_is_refused_before_anything_is_built(world: World, tag: str) -> None:
    ask(world, environment="not_older = true")
    world.push()
    runs(world, tag)
    world.git.orders[OTHER] = "newer"
    assert broken(world) == ["not_older: web runs a81be02, which is newer than 3f9c2ab"]
    assert (world.changed, world.builder.requests) == (LEFT_ALONE, [])


def test_the_nearest_of_an_images_commits_counts(world: World) -> None:
    ask(world, environment="not_older = true")
    world.push()
    runs(world, OTHER, "b" * 40, "latest")
    world.git.orders |= {OTHER: "newer", "b" * 40: "older"}
    (now,) = delivered(world)["running"]
    assert (now["commit"], now["order"]) == ("b" * 40, "older")


def test_a_placeholder_is_older_than_everything(world: World) -> None:
    ask(world, environment="not_older = true")
    world.push()
    runs(world, "bootstrap")
    (now,) = delivered(world)["running"]
    assert now["commit"] == ""


def test_an_image_that_left_the_repository_keeps_no_rule(world: World) -> None:
    ask(world, environment="not_older = true")
    world.push()
    assert broken(world) == [
        f"not_older: web runs {OLD.short}, which its repository does not have any more"
    ]


def test_an_older_commit_that_was_asked_for_by_name_is_recorded(world: World) -> None:
    ask(world, environment="not_older = true")
    world.push()
    runs(world, OTHER)
    world.git.orders[OTHER] = "newer"
    world.variables["SHIPWAY_ROLLBACK_TO"] = SHA[:7]
    assert delivered(world)["rollbackTo"] == {"commit": SHA[:7], "by": "mona"}


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (SHA[:6], "is no commit: 7 to 64 lower-case hexadecimal digits name one"),
        (SHA[:1], "is no commit: 7 to 64 lower-case hexadecimal digits name one"),
        ("main", '"main" is no commit'),
        (SHA[:7].upper(), "is no commit"),
        (SHA[:7], f"{SHA[:7]} is the beginning of more than one commit"),
    ],
)
def test_what_names_no_single_commit_lets_nothing_through(
    world: World, named: str, says: str
) -> None:
    ask(world, environment="not_older = true")
    world.push()
    runs(world, OTHER)
    world.git.orders[OTHER] = "newer"
    world.git.begins = (SHA, f"{SHA[:7]}{'0' * 33}")
    world.variables["SHIPWAY_ROLLBACK_TO"] = named
    outcome = world.deliver(env=None)
    assert (outcome.kind, outcome.exit_code) == ("usage", 2)
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert says in failed.text
    assert world.changed[1:] == (0, 0), "nothing was rolled out"


def test_a_rerun_after_something_newer(world: World) -> None:
    ask(world, entry="refuse_rerun_when_newer = true")
    world.push()
    runs(world, OTHER)
    world.git.orders[OTHER] = "newer"
    assert delivered(world), "the first attempt is no re-run"
    world.events.clear()
    world.cloud.ecs.updates.clear()
    world.cloud.ecs.definitions = {
        world.cloud.ecs.primary: world.cloud.ecs.definitions[world.cloud.ecs.primary]
    }
    world.variables["GITHUB_RUN_ATTEMPT"] = "2"
    world.github.signs = {**world.claims, "run_attempt": "2"}
    assert broken(world) == [
        "refuse_rerun_when_newer: web runs a81be02, and 3f9c2ab does not come after it"
    ]


def test_a_named_image_must_be_of_the_tags_commit(world: World) -> None:
    ask(world, environment="not_older = true")
    world.push()
    runs(world, OTHER)
    world.git.orders[OTHER] = "older"
    image = ImageReference(world.cloud.store.uri, OLD)
    assert broken(world, image=image) == [
        "--image: it is not of 3f9c2ab, the commit that was looked at"
    ]


BEFORE = """
[[allow]]
name = "before"
event = "push"
ref = "refs/heads/before"
environment = "before"
tasks = ["build", "publish", "deploy", "verify"]
[environments.before]
role = "x"
"""


def before(world: World, **changes: Any) -> dict[str, Any]:
    """Have an environment before staging, whose record says that this commit was verified."""
    ask(world, environment='after = "before"')
    contract = world.root / "ci" / "release.toml"
    contract.write_text(contract.read_text() + BEFORE)
    delivery = world.root / "ci" / "delivery.toml"
    text = delivery.read_text()
    more = text[text.index("[environments.staging]") :].replace("staging]", "before]")
    more = more.replace("environments.staging", "environments.before").replace(
        "111122223333", "999988887777"
    )
    delivery.write_text(f"{text}\n{more}")
    predicate = {
        "commit": {"sha": SHA, "clean": True},
        "environment": {"name": "before"},
        "verdict": {"kind": "succeeded", "exitCode": 0},
        "verification": [{"key": "web", "answers": 5}],
        "image": {"reference": f"{world.cloud.store.uri}@{OLD}", "platforms": [OLD.value]},
        **changes,
    }
    record = {"predicateType": "https://shipway.dev/delivery/v1", "predicate": predicate}
    content = json.dumps(record).encode()
    place = "before/2026-11-22T20-00-00Z-3f9c2ab"
    RecordStore(world.root / "evidence").keep(place, lambda _: {"record.json": content})
    return predicate


def test_a_record_that_its_chain_does_not_have_proves_nothing(world: World) -> None:
    world.push()
    before(world, image={"reference": f"{world.cloud.store.uri}@{OLD}", "platforms": []})
    world.cloud.elsewhere.keep("x", OLD, OLD)
    (path,) = world.root.glob("evidence/before/*/record.json")
    path.write_bytes(path.read_bytes().replace(b"[]", b"[ ]", 1))
    (why,) = broken(world)
    assert why.endswith(f"record.json is not what {world.root / 'evidence' / 'chain.jsonl'} has")


NOT_VERIFIED = 'after = "before": no image of 3f9c2ab was verified in before'


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": {"sha": OTHER, "clean": True}},
        {"commit": {"sha": SHA, "clean": False}},
        {"environment": {"name": "elsewhere"}},
        {"verdict": {"kind": "rolled-back", "exitCode": 31}},
        {"verification": []},
        {"verification": None},
    ],
)
def test_a_record_that_does_not_say_it_proves_nothing(
    world: World, changes: dict[str, Any]
) -> None:
    world.push()
    before(world, **changes)
    assert broken(world) == [NOT_VERIFIED]
    assert world.builder.requests == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"predicate": 1}', "[" * 9000])
def test_a_record_that_was_cut_off_proves_nothing(world: World, content: str) -> None:
    world.push()
    before(world)
    (path,) = world.root.glob("evidence/before/*/record.json")
    path.write_text(content)
    assert broken(world) == [NOT_VERIFIED]


def test_the_registry_must_still_hold_what_was_verified(world: World) -> None:
    world.push()
    before(world)
    assert broken(world) == [
        f'after = "before": before\'s repository does not have {OLD.short} any more'
    ]


def test_a_registry_that_environments_share_is_asked_where_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push()
    before(world)
    delivery = world.root / "ci" / "delivery.toml"
    head, _, own = delivery.read_text().partition("[environments.before]")
    uri = "555566667777.dkr.ecr.us-east-1.amazonaws.com/shop"
    own = re.sub('repository = ".*"', f'repository = "{uri}"', own)
    delivery.write_text(f"{head}[environments.before]{own}")
    asked: list[EnvironmentRef] = []
    at = world.cloud.repository_at

    def repository_at(destination: EnvironmentRef, name: str) -> Any:
        asked.append(destination)
        return at(destination, name)

    monkeypatch.setattr(world.cloud, "repository_at", repository_at)
    assert len(broken(world)) == 1
    assert {(place.account, place.region) for place in asked} == {("555566667777", "us-east-1")}


def test_a_registry_that_refuses_keeps_no_rule(world: World) -> None:
    world.push()
    before(world)
    world.cloud.elsewhere.finds = AccessDeniedError("ecr:BatchGetImage is not allowed")
    (why,) = broken(world)
    assert why.endswith(f"for {OLD.short}: ecr:BatchGetImage is not allowed")


def test_another_image_than_the_one_that_was_verified_is_not_rolled_out(world: World) -> None:
    world.push()
    before(world)
    world.cloud.elsewhere.keep("x", OLD, OLD)
    assert broken(world) == [
        f'after = "before": this is another image than the one verified in before: {OLD.short}'
    ]
    assert world.changed == (1, 0, 0)


def test_the_very_image_that_was_verified_is_rolled_out(world: World) -> None:
    world.push()
    before(world)
    world.cloud.elsewhere.keep("x", OLD, OLD)
    runs(world, SHA)
    image = ImageReference(world.cloud.store.uri, OLD)
    predicate = delivered(world, image=image)
    (seen,) = predicate["verifiedBefore"]
    assert seen["digests"] == [OLD.value]
    assert seen["why"] == ""


def test_the_time_of_a_push_is_read_from_its_event(world: World) -> None:
    world.push()
    world.payload = {**world.payload, "repository": {"id": 123, "pushed_at": 1_700_000_000}}
    trigger = delivered(world)["trigger"]
    assert trigger["pushed"] == datetime.fromtimestamp(1_700_000_000, UTC).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")
