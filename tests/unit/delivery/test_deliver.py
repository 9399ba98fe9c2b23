"""A delivery as a whole: what is told, what is changed, what is recorded, how it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipway.errors import (
    AccessDeniedError,
    BuildError,
    GitError,
    PublishError,
    TerminatedError,
)
from shipway.image.build import BuildRequest, Place
from shipway.image.publish import StoredImage
from shipway.observer import Concluded, Detail, Failed, Finished, Planned
from shipway.rollout.snapshot import Trouble
from shipway.values import Digest, ImageReference

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.delivery.ending import DeliveryOutcome

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"
ONE, TWO = (Digest(f"sha256:{digit * 64}") for digit in "12")
LISTED = (
    "in the registry: aws ecr describe-images --repository-name shop --region eu-west-1",
    "delivered before: nox -s audit -- --env staging (--digest shows one whole)",
)
GIVE = "give the whole digest of one that is there; nothing was changed, what ran before still runs"
STAMP = "2026-11-22T23-40-58Z-3f9c2ab"
BEGIN = ["Heading", "Finished contract", "Planned"]
IDENTITY = ["Started identity", "Finished identity"]
BUILD = ["Started build", "Finished build"]
PUBLISH = ["Started publish", "Finished publish"]
DEPLOY = ["Started deploy", "Finished deploy"]
VERIFY = ["Started verify", "Finished verify"]
HOLD = ["Started hold", "Finished hold"]


def verdict(world: World, outcome: DeliveryOutcome) -> dict[str, Any]:
    """The record's verdict, which must be what the last event and the outcome say."""
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert len(world.of(Concluded)) == 1
    assert (last.kind, last.exit_code) == (outcome.kind, outcome.exit_code)
    assert last.evidence == f"evidence/staging/{STAMP}/"
    written: dict[str, Any] = world.record(outcome)["predicate"]["verdict"]
    assert written == {"kind": last.kind, "exitCode": last.exit_code, "text": last.text}
    return written


def failure(world: World) -> Failed:
    (failed,) = [event for event in world.events if isinstance(event, Failed)]
    return failed


def finished(world: World, stage: str) -> Finished:
    (finish,) = [
        event for event in world.events if isinstance(event, Finished) and event.stage == stage
    ]
    return finish


@pytest.mark.parametrize(
    ("task", "story", "changed"),
    [
        ("build", [*BEGIN, *BUILD], (0, 0, 0)),
        ("publish", [*BEGIN, *IDENTITY, *BUILD, *PUBLISH], (1, 0, 0)),
        ("deploy", [*BEGIN, *IDENTITY, *BUILD, *PUBLISH, *DEPLOY, *VERIFY, *HOLD], (1, 1, 1)),
        ("verify", [*BEGIN, *IDENTITY, *VERIFY], (0, 0, 0)),
    ],
)
def test_each_task_does_its_part_of_the_row(
    world: World, task: str, story: list[str], changed: tuple[int, int, int]
) -> None:
    outcome = world.deliver(task)
    assert (outcome.kind, outcome.exit_code) == ("succeeded", 0)
    assert world.story() == [*story, "Concluded"]
    assert world.changed == changed
    sentence = "Delivered." if task in {"publish", "deploy"} else "Done."
    assert verdict(world, outcome)["text"] == sentence
    (planned,) = world.of(Planned)
    assert isinstance(planned, Planned)
    stages = [event.stage for event in world.events if isinstance(event, Finished)]
    assert [name for name, _ in planned.stages] == stages[1:], "what is planned is what is done"


def test_a_whole_delivery_is_recorded(world: World) -> None:
    outcome = world.deliver()
    assert world.builder.layout is not None
    root, platforms = world.builder.layout.root, world.builder.layout.platforms
    assert outcome.image == ImageReference(URI, root)
    record = world.record(outcome)
    assert record["subject"] == [
        {"name": URI, "digest": {"sha256": root.value.removeprefix("sha256:")}}
    ]
    predicate = record["predicate"]
    assert predicate["build"] | {"bytes": 0} == {
        "digest": root.value,
        "platforms": {"linux/amd64": platforms[0][1].value},
        "steps": 2,
        "cachedSteps": 1,
        "bytes": 0,
        "standIns": {"base": "/elsewhere", "python": "assembled"},
        "builder": "default",
        "cache": {"reference": "", "troubles": []},
        "contentKey": "",
        "sourceDateEpoch": int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()),
        "reused": False,
        "builtBy": SHA,
    }
    assert predicate["image"]["reference"] == f"{URI}@{root}"
    assert predicate["image"]["tag"] == SHA
    assert predicate["scan"]["summary"] == "scan not available here"
    (service,) = predicate["services"]
    assert service["taskDefinition"].endswith(":task-definition/shop:42")
    assert service["previousTaskDefinition"].endswith(":task-definition/shop:41")
    assert service["verdict"]["name"] == "succeeded"
    assert predicate["verification"][0]["tasks"] == 1
    assert predicate["environment"]["repository"] == URI
    assert predicate["identity"]["account"] == "111122223333"


def test_buildkit_is_asked_for_exactly_this(world: World) -> None:
    world.deliver("build")
    assert world.builder.requests == [
        BuildRequest(
            context=world.root / ".laid-out",
            dockerfile=world.root / ".laid-out" / "Dockerfile",
            copy_of=Place(world.root, world.root / "Dockerfile"),
            platforms=("linux/amd64",),
            destination=world.root / ".cache" / "shop" / SHA,
            epoch=1_795_305_600,
            labels={
                "org.opencontainers.image.title": "shop",
                "org.opencontainers.image.created": "2026-11-22T00:00:00Z",
                "org.opencontainers.image.revision": SHA,
                "org.opencontainers.image.source": "https://github.com/octo/shop",
                "org.opencontainers.image.version": "3f9c2ab",
            },
            build_contexts={"base": "/elsewhere"},
            timeout=3600,
            name="shop",
        )
    ]


def test_a_build_alone_asks_no_aws(world: World) -> None:
    world.cloud.fails = AssertionError("nobody may ask who we are")
    assert world.deliver("build").kind == "succeeded"


def test_the_second_delivery_pushes_nothing_and_says_so(world: World) -> None:
    world.deliver()
    world.events.clear()
    outcome = world.deliver()
    assert outcome.kind == "succeeded"
    assert world.changed == (1, 1, 1), "as the first left it"
    assert world.builder.layout is not None
    short = world.builder.layout.root.short
    assert finished(world, "publish").text == (
        f"{URI}@{short}  tag 3f9c2ab  nothing pushed: it is there"
    )
    assert finished(world, "deploy").text == (
        "shop:42  shop-web runs this image already; nothing was changed"
    )


def test_an_image_that_exists_is_rolled_out_without_a_build(world: World) -> None:
    world.cloud.store.keep("old", ONE, TWO)
    outcome = world.deliver(image=ImageReference("shop", ONE))
    assert (outcome.kind, outcome.image) == ("succeeded", ImageReference(URI, ONE))
    assert world.story() == [*BEGIN, *IDENTITY, *PUBLISH, *DEPLOY, *VERIFY, *HOLD, "Concluded"]
    assert (world.builder.requests, world.changed) == ([], (0, 1, 1))
    assert finished(world, "publish").text == (
        f"shop@{ONE.short}  nothing built, nothing pushed: it is there"
    )
    verdict(world, outcome)


def test_an_image_that_does_not_exist(world: World) -> None:
    outcome = world.deliver(image=ImageReference(URI, ONE))
    assert (outcome.kind, outcome.exit_code) == ("image-not-found", 24)
    assert world.changed == (0, 0, 0)
    failed = failure(world)
    assert (failed.stage, failed.text) == ("publish", f"there is no image {ONE} in {URI}")
    assert failed.details == (
        Detail(label="where", lines=(f"{URI}@{ONE}",)),
        Detail(label="said", lines=LISTED),
        Detail(label="next", lines=(GIVE,)),
    )
    verdict(world, outcome)


def test_an_image_of_another_repository(world: World) -> None:
    outcome = world.deliver(image=ImageReference("elsewhere/shop", ONE))
    assert (outcome.kind, world.changed) == ("image-not-found", (0, 0, 0))
    failed = failure(world)
    assert failed.text == "elsewhere/shop is not the repository of staging"
    assert failed.details[-1] == Detail(
        label="next", lines=(f"give {URI}@{ONE}; nothing was changed",)
    )


def test_a_build_that_fails(world: World) -> None:
    world.builder.fails = BuildError("exit code: 1", where="Dockerfile", details=("   3 | RUN x",))
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("build-failed", 21)
    assert world.story()[-3:] == ["Started build", "Failed build", "Concluded"]
    assert world.changed == (0, 0, 0)
    assert failure(world).details == (
        Detail(label="where", lines=("Dockerfile",)),
        Detail(label="said", lines=("   3 | RUN x",)),
    )
    verdict(world, outcome)
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert last.details == (), "the failure was told where it happened"


def test_what_buildkit_says_is_not_what_it_made(world: World) -> None:
    world.builder.says = ONE
    outcome = world.deliver()
    assert (outcome.kind, world.changed) == ("build-failed", (0, 0, 0))


def test_a_registry_that_refuses(world: World) -> None:
    world.cloud.store.fails = PublishError("the registry refused blob x: 403", remedy="see above")
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("publish-failed", 22)
    assert world.changed == (0, 0, 0)
    assert failure(world).stage == "publish"
    verdict(world, outcome)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_tag_of_other_content(world: World, when: str) -> None:
    if when == "before":
        world.cloud.store.images[SHA] = StoredImage(digest=ONE, platforms=frozenset({TWO}))
    else:
        world.cloud.store.answers = ONE
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("digest-mismatch", 23)
    assert world.changed[1:] == (0, 0), "nothing was rolled out"
    verdict(world, outcome)


def test_a_release_that_is_rolled_back(world: World) -> None:
    world.cloud.ecs.ends = "rolled-back"
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("rolled-back", 31)
    assert world.story()[-3:] == ["Started deploy", "Failed deploy", "Concluded"]
    assert world.address.requests == 0, "what was rolled back is not verified"
    assert failure(world).subject == "web"
    assert verdict(world, outcome)["text"] == "Release failed: rolled back."
    (service,) = world.record(outcome)["predicate"]["services"]
    assert service["verdict"]["name"] == "rolled-back"


def test_a_release_that_never_ends(world: World) -> None:
    world.cloud.ecs.ends = "stuck"
    began = world.clock.now()
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("timed-out", 35)
    assert timedelta(seconds=900) <= world.clock.now() - began < timedelta(seconds=960)


@pytest.mark.parametrize("operation", ["register", "update"])
def test_a_change_that_iam_refuses(world: World, operation: str) -> None:
    denied = AccessDeniedError("ecs:Do is not allowed: no", remedy="allow ecs:Do")
    world.cloud.ecs.fails[operation] = denied
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("access-denied", 16)
    assert world.changed[2] == 0
    assert failure(world) == Failed(
        stage="deploy",
        text="ecs:Do is not allowed: no",
        details=(Detail(label="next", lines=("allow ecs:Do",)),),
    )
    verdict(world, outcome)


def test_a_service_that_cannot_be_seen_is_not_changed(world: World) -> None:
    world.cloud.ecs.trouble = Trouble(kind="access-denied", text="ecs:DescribeServices: no")
    outcome = world.deliver()
    assert (outcome.kind, world.changed) == ("access-denied", (0, 0, 0))
    assert failure(world).text == "ecs:DescribeServices: no"


def test_a_container_that_the_task_definition_has_not_is_told_before_a_build(world: World) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text()
    world.write("delivery.toml", text.replace('container = "web"', 'container = "wob"'))
    outcome = world.deliver()
    assert (outcome.kind, world.changed) == ("configuration", (0, 0, 0))
    failed = failure(world)
    assert failed.text == 'task definition shop has no container "wob"'
    assert failed.details == (
        Detail(
            label="where",
            lines=("ci/delivery.toml  environments.staging.services.web.container",),
        ),
        Detail(label="next", lines=('did you mean "web"?',)),
    )


def test_an_address_that_answers_wrongly(world: World) -> None:
    world.address.answers = [500]
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("verification-failed", 40)
    assert failure(world).text == "web did not answer 200 2 times in a row within 5 s"
    assert world.record(outcome)["predicate"]["services"][0]["verdict"]["name"] == "succeeded"
    verdict(world, outcome)


def interrupt_at(world: World, stage: str, signal: BaseException) -> None:
    match stage:
        case "open":
            world.opening = signal
        case "identity":
            world.cloud.fails = signal
        case "build":
            world.builder.fails = signal
        case "publish":
            world.cloud.store.fails = signal
        case "update":
            world.cloud.ecs.fails["update"] = signal
        case "watch":
            world.cloud.ecs.at_look[2] = signal
        case "verify":
            world.address.answers = [signal]


STAGES = ["open", "identity", "build", "publish", "update", "verify"]


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_ends_any_stage_with_a_record(world: World, stage: str) -> None:
    interrupt_at(world, stage, KeyboardInterrupt())
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("interrupted", 130)
    assert world.story()[-1] == "Concluded"
    if stage in {"open", "identity", "build", "publish"}:
        assert world.changed == (0, 0, 0)
    verdict(world, outcome)


@pytest.mark.parametrize("stage", [*STAGES, "watch"])
def test_sigterm_ends_any_stage_with_a_record(world: World, stage: str) -> None:
    interrupt_at(world, stage, TerminatedError("ended by SIGTERM", remedy="see the service"))
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("terminated", 143)
    verdict(world, outcome)
    if stage == "watch":
        (service,) = world.record(outcome)["predicate"]["services"]
        assert service["deploymentId"] == "ecs-svc/2"
        assert service["lastSeen"]["running"] == 1


def test_ctrl_c_while_updating_says_that_ecs_goes_on(world: World) -> None:
    interrupt_at(world, "update", KeyboardInterrupt())
    world.deliver()
    assert failure(world) == Failed(
        stage="deploy",
        text="interrupted while services were being updated",
        details=(
            Detail(
                label="next",
                lines=("what was updated goes on in ECS; run verify to see what runs",),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            "deploy",
            "the new revision is in service and was not verified: run verify to prove it",
        ),
        ("verify", "nothing further is changed"),
    ],
)
def test_ctrl_c_while_verifying_says_what_is_in_service(
    world: World, task: str, words: str
) -> None:
    if task == "verify":
        assert world.deliver().kind == "succeeded"
        world.events.clear()
    interrupt_at(world, "verify", KeyboardInterrupt())
    world.deliver(task)
    failed = failure(world)
    assert (failed.stage, failed.text) == ("verify", "interrupted")
    assert failed.details == (Detail(label="next", lines=(words,)),)


def test_ctrl_c_once_during_the_watch_is_a_wish_not_an_end(world: World) -> None:
    interrupt_at(world, "watch", KeyboardInterrupt())
    before = world.cloud.ecs.primary
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("rolled-back", 31)
    assert world.cloud.ecs.updates[-1] == before, "this ECS cannot be asked: it is put back"
    assert isinstance(world.events[-1], Concluded)
    assert world.events[-1].text == "Release failed: web put back."
    noticed = [getattr(event, "text", "") for event in world.events]
    assert any(text.startswith("interrupted;") for text in noticed)


def test_ctrl_c_twice_during_the_watch_leaves(world: World) -> None:
    world.cloud.ecs.ends = "stuck"
    world.cloud.ecs.at_look = {2: KeyboardInterrupt(), 3: KeyboardInterrupt()}
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code) == ("interrupted", 130)
    failed = failure(world)
    assert failed.text == "interrupted twice: the rollout goes on without being watched"
    assert failed.details == (
        Detail(label="next", lines=("see the service's deployments in ECS, or run verify",)),
    )
    verdict(world, outcome)


def test_a_success_that_cannot_be_recorded_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(world.root / "nowhere"))
    (world.root / "evidence").write_text("in the way")
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code, outcome.evidence) == ("evidence", 50, None)
    assert world.events[-1] == Concluded(
        text="Delivered, but not recorded.",
        kind="evidence",
        exit_code=50,
        details=("the record cannot be written: File exists",),
        remedy="free or mount that place, or name another in SHIPWAY_EVIDENCE; "
        "this delivery ended as: succeeded (exit 0)",
    )


def test_a_failure_that_cannot_be_recorded_stays_that_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(world.root / "nowhere"))
    (world.root / "evidence").write_text("in the way")
    world.cloud.ecs.ends = "rolled-back"
    outcome = world.deliver()
    assert (outcome.kind, outcome.exit_code, outcome.evidence) == ("rolled-back", 31, None)
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert last.details == (
        "what ran before runs again; the way further back: nox -s rollback -- --env staging --plan",
        "the record cannot be written: File exists",
    )


def test_what_was_left_in_service_ends_with_the_line_that_goes_back(world: World) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    world.write("delivery.toml", f'{text}on_failure = "leave"\n')
    world.address.answers = [500]
    assert world.deliver().exit_code == 40
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert last.details == ("to go back: nox -s rollback -- --env staging",)


def test_a_bug_is_recorded_and_shown_as_it_is(world: World) -> None:
    world.builder.fails = ZeroDivisionError("by zero")
    with pytest.raises(ZeroDivisionError):
        world.deliver()
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert (last.kind, last.exit_code) == ("error", 1)
    assert last.details == ("ZeroDivisionError: by zero",)
    assert (world.root / last.evidence / "record.json").is_file()


def test_without_a_commit_nothing_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_commit() -> None:
        raise GitError("this repository has no commit yet")

    monkeypatch.setattr(world.git, "head", no_commit)
    with pytest.raises(GitError):
        world.deliver()
    assert world.events == []
    assert not (world.root / "evidence").exists()


def test_two_rehearsals_of_one_dirty_commit_have_two_tags(world: World) -> None:
    world.git.commit = replace(world.git.commit, clean=False)
    world.deliver("publish")
    world.builder.content = b"two"
    world.deliver("publish")
    tags = world.cloud.store.pushes
    assert len(set(tags)) == 2
    assert all(tag.startswith(f"{SHA}-dirty-") for tag in tags)


def test_a_published_image_lies_in_the_cache_of_its_commit(world: World) -> None:
    world.deliver("publish")
    assert (world.root / ".cache" / "shop" / SHA / "index.json").is_file()
    assert Path(world.builder.requests[0].destination).name == SHA
