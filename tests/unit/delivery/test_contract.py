"""The gate: nothing is opened, built or changed by what it turns away."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shipway.errors import AwsError, CredentialsError
from shipway.observer import Concluded, Failed, Finished, Heading
from shipway.values import Digest, ImageReference

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
ROLE = "arn:aws:sts::111122223333:assumed-role/shop-deploy-staging/ci"


def failure(world: World) -> Failed:
    """The one failure that was told, after which the last word came."""
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    assert isinstance(world.events[-1], Concluded)
    return failed


def lines(failed: Failed) -> dict[str, str]:
    """What stands under each label; lines of one label are joined."""
    return {detail.label: "\n".join(detail.lines) for detail in failed.details}


def refused(world: World, env: str | None = None) -> Failed:
    """Deliver, be refused, and see that nothing outside was even opened."""
    outcome = world.deliver(env=env)
    assert (outcome.kind, outcome.exit_code, outcome.image) == ("refused", 20, None)
    assert (world.opened, world.changed, world.builder.requests) == (0, (0, 0, 0), [])
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert (last.text, last.kind, last.exit_code) == (
        "Refused: nothing was built or changed.",
        "refused",
        20,
    )
    assert outcome.evidence is not None
    assert outcome.evidence.parent == world.root / "evidence" / "refused"
    record = world.record(outcome)
    assert record["subject"] == [
        {"name": "https://github.com/octo/shop", "digest": {"gitCommit": SHA}}
    ]
    assert record["predicate"]["verdict"]["kind"] == "refused"
    return failure(world)


def test_by_hand_the_person_and_the_machine_are_named(world: World) -> None:
    outcome = world.deliver("build")
    assert world.of(Heading) == [
        Heading(
            environment="staging",
            account="111122223333",
            region="eu-west-1",
            trigger=f"by hand: mona@example.org on {socket.gethostname()}",
            commit="3f9c2ab (clean)",
        )
    ]
    predicate = world.record(outcome)["predicate"]
    assert predicate["trigger"]["event"] == "by-hand"
    assert predicate["trigger"]["sha"] == SHA
    contract = (world.root / "ci" / "release.toml").read_bytes()
    assert predicate["contract"] == {
        "path": "ci/release.toml",
        "sha256": hashlib.sha256(contract).hexdigest(),
    }
    assert predicate["decision"] == {
        "allowed": True,
        "entry": "by-hand",
        "environment": "staging",
        "tasks": ["build", "publish", "deploy", "verify"],
    }


def test_by_hand_a_tree_with_changes_is_a_rehearsal(world: World) -> None:
    world.git.commit = replace(world.git.commit, clean=False)
    assert world.deliver("build").exit_code == 0
    (heading,) = world.of(Heading)
    assert isinstance(heading, Heading)
    assert heading.commit == "3f9c2ab (with changes)"


def test_by_hand_an_environment_must_be_named(world: World) -> None:
    failed = refused(world)
    assert (failed.stage, failed.text) == ("contract", "by hand, but no environment was named")
    assert lines(failed)["next"] == "Name it with --env: staging. Nothing was built or changed."


OTHER = """
[environments.other]
account = ACCOUNT
region = "eu-west-1"
repository = "ssm:/shop/other/repository"
cluster = "shop"
[environments.other.services.web]
service = "shop-web"
container = "web"
"""


@pytest.mark.parametrize(
    ("environments", "account", "sandbox"),
    [
        ('["staging"]', '"111122223333"', ""),
        ('["staging", "other"]', '"111122223333"', ""),
        ('["other", "staging"]', '"111122223333"', "sandbox = true\n"),
        ('["other", "staging"]', '"env:NOT_SET_HERE"', ""),
    ],
    ids=["the only one", "the first", "the sandbox first", "not one that asks for a variable"],
)
def test_a_build_by_hand_needs_no_environment(
    world: World, environments: str, account: str, sandbox: str
) -> None:
    staging = "[environments.staging]\n"
    declared, contract = world.root / "ci" / "delivery.toml", world.root / "ci" / "release.toml"
    text = declared.read_text().replace(staging, f"{staging}{sandbox}")
    declared.write_text(text + OTHER.replace("ACCOUNT", account))
    text = contract.read_text().replace('["staging"]', environments)
    more = '[environments.other]\nby_hand_role = "*"\n' if "other" in environments else ""
    contract.write_text(text + more)
    assert world.deliver("build", env=None).exit_code == 0
    (heading,) = world.of(Heading)
    assert isinstance(heading, Heading)
    assert heading.environment == "staging"
    assert len(world.builder.requests) == 1
    assert world.deliver("publish", env=None).kind == "refused", "what reaches AWS is named"


def test_nobody_builds_whom_the_contract_does_not_let(world: World) -> None:
    contract = world.root / "ci" / "release.toml"
    text = contract.read_text().replace('by_hand_role = "*"\n', "")
    start = text.index('[[allow]]\nname = "by-hand"')
    contract.write_text(text[:start] + text[text.index("[github]") :])
    assert world.deliver("build", env=None).kind == "refused"
    assert world.builder.requests == []
    assert failure(world).text == "by hand is not an approved release trigger"


@pytest.mark.parametrize(
    ("env", "near"), [("stagin", '; did you mean "staging"?'), ("nowhere", ".")]
)
def test_an_environment_that_is_nowhere_is_told_as_such(world: World, env: str, near: str) -> None:
    failed = refused(world, env)
    assert failed.text == f"by hand may not release to {env}"
    files = world.root / "ci"
    assert lines(failed)["next"] == (
        f"There is no environment {env} in {files / 'delivery.toml'}{near} "
        f"{files / 'release.toml'} says what may be done by hand. Nothing was built or changed."
    )


def test_in_github_the_contract_names_the_environment(world: World) -> None:
    world.push()
    outcome = world.deliver(env=None)
    assert outcome.kind == "succeeded"
    (heading,) = world.of(Heading)
    assert isinstance(heading, Heading)
    assert (heading.environment, heading.trigger) == (
        "staging",
        "push of refs/tags/v1-stable: mona",
    )


def test_a_deploy_in_github_does_just_what_the_contract_says(world: World) -> None:
    world.push("refs/heads/main")
    outcome = world.deliver(env=None)
    assert (outcome.kind, outcome.exit_code) == ("succeeded", 0)
    assert world.changed == (1, 0, 0), "published, not deployed"
    stages = [event.stage for event in world.events if isinstance(event, Finished)]
    assert stages == ["contract", "identity", "build", "publish"]


def test_a_task_that_the_contract_does_not_allow_is_refused(world: World) -> None:
    world.push("refs/heads/main")
    outcome = world.deliver("verify", env=None)
    assert outcome.kind == "refused"
    assert failure(world).text == "push of refs/heads/main may not verify"


def test_an_image_to_be_deployed_where_deploying_is_not_allowed(world: World) -> None:
    world.push("refs/heads/main")
    image = ImageReference("shop", Digest(f"sha256:{'1' * 64}"))
    assert world.deliver(env=None, image=image).kind == "refused"
    assert failure(world).text == "push of refs/heads/main may not deploy"


def test_another_tag_is_refused_with_every_rule(world: World) -> None:
    world.push("refs/tags/v1.0.1")
    failed = refused(world)
    assert failed.text == "push of refs/tags/v1.0.1 is not an approved release trigger"
    assert lines(failed) == {
        "": """\
main      push refs/heads/main      no: the ref is a tag
stable    push refs/tags/*-stable   no: "v1.0.1" does not end in "-stable"
by-hand   by hand                   no: this was started by GitHub""",
        "next": "To release this commit, push a tag such as v1.0.1-stable. "
        "Nothing was built or changed.",
    }


def test_githubs_variables_without_a_commit(world: World) -> None:
    world.push()
    del world.variables["GITHUB_SHA"]
    failed = refused(world)
    assert failed.text == "what GitHub signed and what this job says differ"
    assert lines(failed)[""] == "GITHUB_SHA is not set"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "cannot be read: [Errno 2] No such file or directory: '{path}'"),
        ("{", "cannot be read: Expecting property name enclosed in double quotes: line 1 column 2"),
        ("[]", "is no JSON object"),
        ("[" * 100_000, "cannot be read: maximum recursion depth exceeded"),
    ],
)
def test_an_event_that_cannot_be_read(world: World, text: str | None, complaint: str) -> None:
    world.push()
    path = world.root / ".event.json"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    failed = refused(world)
    expected = complaint.format(path=path)
    assert failed.text.startswith(f"the event that GitHub describes {expected}")
    assert lines(failed)["where"] == "GITHUB_EVENT_PATH"
    assert lines(failed)["next"] == "nothing was built or changed; run the workflow again"


@pytest.mark.parametrize(
    ("kind", "complaint"), [("pipe", "it is no regular file"), ("large", "it has more than")]
)
def test_an_event_is_read_at_once_and_has_an_end(world: World, kind: str, complaint: str) -> None:
    world.push()
    path = world.root / ".event.json"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        with path.open("wb") as file:
            file.truncate(25_000_001)
    assert complaint in refused(world).text


def test_an_event_that_contradicts_githubs_variables(world: World) -> None:
    world.push()
    payload = {"ref": "refs/heads/main", "after": SHA, "before": "a" * 40, "deleted": False}
    (world.root / ".event.json").write_text(json.dumps(payload))
    assert lines(refused(world))[""] == (
        'GITHUB_REF is "refs/tags/v1-stable", but the event\'s ref is "refs/heads/main"'
    )


def test_another_commit_is_checked_out(world: World) -> None:
    world.push()
    world.git.commit = replace(world.git.commit, sha="b" * 40)
    outcome = world.deliver(env=None)
    assert (outcome.kind, world.opened) == ("refused", 0)
    failed = failure(world)
    assert failed.text == (
        "push of refs/tags/v1-stable is about 3f9c2ab, but bbbbbbb is checked out"
    )
    assert lines(failed)["next"] == (
        "check out the commit of the event; nothing was built or changed"
    )


def test_a_dirty_tree_in_github(world: World) -> None:
    world.push()
    changes = ("package-lock.json", "dist/")
    world.git.commit = replace(world.git.commit, clean=False, changes=changes)
    failed = refused(world)
    assert lines(failed)[""] == "differs: package-lock.json\ndiffers: dist/"
    assert failed.text == (
        "the work tree differs from 3f9c2ab, the commit of push of refs/tags/v1-stable"
    )
    assert lines(failed)["next"] == (
        "a step before this one changed or left files; nothing was built or changed"
    )


def test_a_contract_that_is_not_there(world: World) -> None:
    (world.root / "ci" / "release.toml").unlink()
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code, world.opened) == ("configuration", 10, 0)
    assert failure(world).stage == "contract"


def test_a_contract_about_an_environment_that_is_not_there(world: World) -> None:
    contract = (world.root / "ci" / "release.toml").read_text()
    world.write("release.toml", contract.replace('"staging"', '"stagin"'))
    outcome = world.deliver()
    assert (outcome.kind, world.opened) == ("configuration", 0)
    assert "said" in lines(failure(world))


def unknown(world: World) -> Failed:
    """Deliver, be turned away as somebody else, with nothing built or changed."""
    outcome = world.deliver(env=None if world.variables else "staging")
    assert (outcome.kind, outcome.exit_code) == ("identity", 15)
    assert (world.changed, world.builder.requests) == ((0, 0, 0), [])
    failed = failure(world)
    assert failed.stage == "identity"
    return failed


def test_the_wrong_account(world: World) -> None:
    world.cloud.account = "999988887777"
    failed = unknown(world)
    assert failed.text == (
        "these credentials belong to account 999988887777, but staging is 111122223333"
    )
    assert lines(failed) == {
        "where": ROLE,
        "next": (
            "sign in to the other account, or see `account` in ci/delivery.toml; "
            "nothing was changed"
        ),
    }


@pytest.mark.parametrize(
    ("key", "arn"),
    [
        ("AKIAEXAMPLE", ROLE),
        ("ASIAEXAMPLE", "arn:aws:iam::111122223333:user/ci"),
        ("ASIAEXAMPLE", "arn:aws:sts::111122223333:federated-user/ci"),
    ],
)
def test_a_long_lived_key_in_github(world: World, key: str, arn: str) -> None:
    world.push()
    world.cloud.key, world.cloud.arn = key, arn
    failed = unknown(world)
    assert failed.text == "a long-lived AWS key is in use in GitHub Actions"
    assert lines(failed) == {
        "where": arn,
        "next": (
            "delete it from the secrets, and take a role by OIDC "
            "(aws-actions/configure-aws-credentials with id-token: write)"
        ),
    }


def test_a_person_may_use_their_own_key(world: World) -> None:
    world.cloud.key, world.cloud.arn = "AKIAEXAMPLE", "arn:aws:iam::111122223333:user/mona"
    assert world.deliver("verify").kind == "succeeded"
    finished = [event for event in world.events if isinstance(event, Finished)]
    assert finished[1].text == "arn:aws:iam::111122223333:user/mona"


def test_the_role_that_delivery_toml_names(world: World) -> None:
    delivery = (world.root / "ci" / "delivery.toml").read_text()
    world.write(
        "delivery.toml", delivery.replace('cluster = "shop"', 'cluster = "shop"\nrole = "deployer"')
    )
    failed = unknown(world)
    assert failed.text == "staging is delivered by role deployer, not by shop-deploy-staging"
    assert lines(failed) == {
        "where": ROLE,
        "next": "assume that role, or see `role` in ci/delivery.toml; nothing was changed",
    }
    world.events.clear()
    world.cloud.arn = ROLE.replace("shop-deploy-staging", "deployer")
    assert world.deliver("publish").kind == "succeeded"


def test_no_credentials(world: World) -> None:
    world.cloud.fails = CredentialsError("no AWS credentials were found", remedy="sign in")
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("credentials", 14)
    assert failure(world).text == "no AWS credentials were found"


def test_a_reference_to_something_that_is_not_published(world: World) -> None:
    world.cloud.published.values.clear()
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("unresolved-reference", 11)
    assert (world.changed, world.builder.requests) == ((0, 0, 0), [])
    failed = failure(world)
    assert (failed.stage, failed.text) == (
        "identity",
        "1 reference of environment staging cannot be resolved",
    )
    details = lines(failed)["said"].splitlines()
    assert details[0].endswith(
        "environments.staging.repository: ssm:/shop/repository does not exist in "
        "111122223333 eu-west-1"
    )
    assert details[1].strip() == "Published there: /shop/repo"


def test_a_world_that_cannot_be_opened_is_told_with_the_last_word(world: World) -> None:
    world.opening = AwsError("no world", where="here", remedy="make one", details=("a", "b"))
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("aws", 17)
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert last.details == ("here: no world", "a", "b")
    assert last.remedy == "make one"
    assert world.of(Failed) == []
