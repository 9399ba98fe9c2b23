"""What is said of a service: as recorded, drifted by hand or by a stack, not recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shipway.cli.status import lines
from shipway.config.environment import Service
from shipway.delivery.status import drift, look, open_environment, status
from shipway.errors import AwsError, ConfigurationError, IdentityError
from shipway.evidence import archive, history
from shipway.evidence.standing import RecordedRelease
from shipway.policy.facts import LiveRelease
from shipway.rollout.snapshot import Snapshot, TargetHealth, Trouble
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.delivery.status import ServiceStatus

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")
WEB = Service(key="web", service="shop-web", container="web")
RECORDED = RecordedRelease(
    task_definition="td/shop:42", image=ONE, commit=SHA, by="mona", record="r", at="2026"
)


def live(revision: int, digest: str, by: str = "") -> TaskDefinition:
    web = ContainerDefinition(name="web", image=f"host/shop@{digest}")
    return TaskDefinition(arn=f"td/shop:{revision}", containers=(web,), registered_by=by)


def looked(world: World) -> tuple[ServiceStatus, ...]:
    environment, aws = open_environment("staging", world.context)
    evidence = world.root / "evidence"
    deliveries = history.deliveries(archive.read(evidence), "staging") if evidence.is_dir() else ()
    return look(environment, aws, world.context, deliveries)


def test_what_was_delivered_is_as_recorded(world: World) -> None:
    world.deliver()
    [web] = looked(world)
    assert (web.drift, web.commit, web.running) == ("", SHA, 1)
    assert web.by.startswith("mona@example.org on ")
    assert web.task_definition.endswith("shop:42")


def test_what_a_work_tree_with_changes_left_is_not_called_its_commit(world: World) -> None:
    """Neither by the record nor, without one, by the image's tag."""
    world.git.commit = replace(world.git.commit, clean=False)
    assert world.deliver().exit_code == 0
    [web] = looked(world)
    assert (web.commit, web.changed) == (SHA, True)
    assert f"  {SHA[:7]}+changes  " in next(iter(lines([web])))
    (world.root / "evidence").rename(world.root / "elsewhere")
    [web] = looked(world)
    assert (web.recorded, web.commit, web.changed) == (None, SHA, True)


def test_who_found_it_running_did_not_bring_it_there(world: World) -> None:
    world.deliver()
    world.deliver()
    [web] = looked(world)
    assert web.recorded is not None
    assert web.recorded.at.startswith("2026-11-22T23:40:58")


def test_a_release_that_was_rolled_back_leaves_what_ran_before(world: World) -> None:
    world.cloud.ecs.ends = "rolled-back"
    assert world.deliver().kind == "rolled-back"
    [web] = looked(world)
    assert web.recorded is not None
    assert web.recorded.task_definition.endswith("shop:41")
    assert web.by.startswith("roll-back (mona@example.org on ")
    assert (web.drift, web.task_definition) == ("", web.recorded.task_definition)


def test_without_a_record_nothing_differs_from_it(world: World) -> None:
    [web] = looked(world)
    assert (web.recorded, web.drift, web.commit) == (None, "", "")


def test_an_update_by_hand_is_drift(world: World) -> None:
    world.deliver()
    ecs = world.cloud.ecs
    arn = ecs.updates[0].replace("shop:42", "shop:77")
    ecs.definitions[arn] = replace(ecs.definitions[ecs.updates[0]], arn=arn)
    ecs.updates.append(arn)
    [web] = looked(world)
    assert web.drift.startswith("shop:77 runs, not shop:42: the same image in another revision")


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("arn:aws:sts::1:assumed-role/admin/mona", "registered by admin/mona"),
        (
            "arn:aws:sts::1:assumed-role/cfn-exec/AWSCloudFormation",
            "a stack registered it (cfn-exec/AWSCloudFormation)",
        ),
        ("", "somebody updated the service by other means"),
    ],
)
def test_drift_says_what_and_who(by: str, words: str) -> None:
    assert drift(WEB, live(43, TWO, by), RECORDED) == (
        f"shop:43 runs, not shop:42: another image (host/shop@{TWO}); {words}"
    )
    assert drift(WEB, live(42, ONE, by), RECORDED) == ""
    unknown = replace(RECORDED, task_definition="")
    assert drift(WEB, live(43, TWO, by), unknown) == "", "the record does not know how it ended"


def test_the_worst_target_group_counts() -> None:
    targets = tuple(
        TargetHealth(group=group, id=str(number), port=80, state=state)
        for number, (group, state) in enumerate(
            [("a", "healthy"), ("a", "healthy"), ("b", "healthy"), ("b", "unhealthy")]
        )
    )
    snapshot = Snapshot(task_definition="td/shop:42", desired=2, running=2, targets=targets)
    web = status(WEB, snapshot, live(42, ONE), LiveRelease(commit="a" * 40), RECORDED)
    assert (web.healthy, web.by, web.commit) == (1, "mona", SHA)
    unbalanced = replace(snapshot, targets=())
    assert status(WEB, unbalanced, live(42, ONE), LiveRelease(), None).healthy is None


def test_other_accounts_and_unknown_environments_are_told(world: World) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        open_environment("nowhere", world.context)
    world.cloud.account = "999999999999"
    with pytest.raises(IdentityError, match="999999999999"):
        open_environment("staging", world.context)


def test_ecs_that_does_not_answer_is_no_drift(world: World) -> None:
    world.cloud.ecs.trouble = Trouble(kind="unreachable", text="no route")
    with pytest.raises(AwsError, match="no route"):
        looked(world)
