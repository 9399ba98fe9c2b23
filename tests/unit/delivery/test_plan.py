"""What a plan finds out on the way of a delivery, and that nothing is changed by it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipway.cli.plan import show
from shipway.console import open_console
from shipway.delivery.order import Order
from shipway.delivery.plan import plan_delivery
from shipway.delivery.planned import DeliveryPlan
from shipway.errors import IdentityError, ImageNotFoundError, RefusedError, RolloutError
from shipway.image.build import REVISION
from shipway.observer import Concluded
from shipway.rollout.snapshot import Trouble
from shipway.values import Digest, ImageReference

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"
ONE = Digest(f"sha256:{'1' * 64}")


def planned(world: World, **order: Any) -> DeliveryPlan:
    """A plan; whatever it comes to, it changed nothing."""
    try:
        order = {"environment": "staging", **order}
        return plan_delivery(Order(**order), world.context, world.events.append)
    finally:
        assert world.changed == (0, 0, 0)
        assert world.builder.requests == []
        assert world.cloud.store.taken == []
        assert not (world.root / "evidence").exists()


def answer(plan: DeliveryPlan) -> tuple[int, str, int]:
    return plan.exit_code, plan.kind, plan.changes


def test_an_image_that_is_not_there_would_be_built_and_rolled_out(world: World) -> None:
    plan = planned(world)
    assert answer(plan) == (3, "changes", 2)
    document: Any = plan.document()
    assert document["image"]["how"] == "built"
    assert document["image"]["reference"] == ""
    [web] = document["services"]
    assert (web["action"], web["task_definition"].rpartition("/")[2]) == ("new-revision", "shop:41")
    assert web["changes"] == [
        {
            "field": "web.image",
            "before": f"{URI}@sha256:{'0' * 64}",
            "after": f"{URI}@(to be built)",
        }
    ]
    assert document["decision"]["rules"] == [{"rule": "by hand", "holds": True}]


def test_what_a_delivery_left_is_no_change(world: World) -> None:
    assert world.deliver().exit_code == 0
    root = world.builder.layout.root if world.builder.layout else ONE
    world.cloud.store.built_by[root] = {REVISION: SHA}
    world.builder.requests.clear()
    pushes, definitions, updates = world.changed
    plan = plan_delivery(Order(environment="staging"), world.context, world.events.append)
    assert world.changed == (pushes, definitions, updates)
    assert world.builder.requests == []
    assert answer(plan) == (0, "no-change", 0)
    [web] = plan.steps
    assert (web.revision, web.adopt) == (None, None)


def test_its_steps_are_those_that_a_delivery_carries_out(world: World) -> None:
    world.cloud.store.keep(SHA, ONE, ONE)
    named = ImageReference(URI, ONE)
    [step] = planned(world, image=named).steps
    assert step.revision is not None
    assert world.deliver(image=named).exit_code == 0
    carried_out = world.cloud.ecs.definitions[world.cloud.ecs.updates[0]]
    assert replace(carried_out, arn="") == step.revision


def test_an_image_that_was_named_and_is_not_there_ends_the_plan(world: World) -> None:
    with pytest.raises(ImageNotFoundError, match=str(ONE)):
        planned(world, image=ImageReference(URI, ONE))


def test_what_only_publishes_shows_the_image_alone(world: World) -> None:
    world.push("refs/heads/main")
    plan = planned(world, environment=None)
    assert plan.tasks == ("build", "publish")
    assert (plan.steps, plan.changes) == ((), 1)


def test_a_trigger_that_is_refused_ends_with_every_reason(world: World) -> None:
    world.push("refs/tags/v1")
    with pytest.raises(RefusedError) as refused:
        planned(world, environment=None)
    assert any("stable" in line for line in refused.value.details)
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert (last.kind, last.exit_code, last.details) == ("refused", 20, ()), "told once"


def test_a_rule_that_is_broken_at_aws_is_told_beside_the_rest(world: World) -> None:
    contract = (world.root / "ci" / "release.toml").read_text(encoding="utf-8")
    world.write("release.toml", contract + "not_older = true\n")
    live = Digest(f"sha256:{'0' * 64}")
    newer = "9" * 40
    world.cloud.store.keep(newer, live, live)
    world.git.orders[newer] = "newer"
    plan = planned(world)
    assert plan.exit_code == RefusedError.exit_code
    assert len(plan.steps) == 1, "what would change is shown all the same"
    document: Any = plan.document()
    assert {rule["rule"]: rule["holds"] for rule in document["decision"]["rules"]} == {
        "by hand": True,
        "not_older": False,
    }
    [refusal] = document["refusals"]
    assert "newer" in str(refusal["details"])


def test_an_alarm_that_does_not_exist_would_end_it(world: World) -> None:
    delivery = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    world.write("delivery.toml", delivery + 'alarms = ["shop-5xx"]\n')
    plan = planned(world)
    assert plan.kind == "configuration"
    assert "shop-5xx" in str(plan.document()["refusals"])


def test_credentials_of_another_account_plan_nothing(world: World) -> None:
    world.cloud.account = "999999999999"
    with pytest.raises(IdentityError):
        planned(world)


def test_a_cluster_that_is_not_there_is_told(world: World) -> None:
    world.cloud.ecs.trouble = Trouble(kind="missing", text="no cluster")
    with pytest.raises(RolloutError, match="cluster shop does not exist"):
        planned(world)


def test_a_promotion_would_copy_and_does_not(world: World) -> None:
    delivery = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    before = delivery.partition("[environments.staging]")[2].partition("[")[0]
    world.write(
        "delivery.toml",
        delivery.replace("[environments.staging]", '[environments.staging]\npromote_from = "dev"')
        + f"[environments.dev]{before}[environments.dev.services.web]\n"
        'service = "shop-web"\ncontainer = "web"\n',
    )
    world.cloud.elsewhere.keep(SHA, ONE, ONE)
    plan = planned(world)
    assert plan.image is not None
    assert (plan.image.how, plan.image.there) == ("promoted", False)
    assert answer(plan) == (3, "changes", 2)
    assert str(plan.image.reference) == f"{URI}@{ONE}"


def test_a_change_of_the_task_definition_alone_is_a_release(world: World) -> None:
    """The image runs already; what delivery.toml sets beside it does not."""
    world.cloud.store.keep(SHA, ONE, ONE)
    named = ImageReference(URI, ONE)
    assert world.deliver(image=named).exit_code == 0
    world.cloud.store.beside.clear()
    file = world.root / "ci" / "delivery.toml"
    file.write_text(file.read_text() + 'environment = { DB_PASSWORD = "canary", MODE = "new" }\n')
    order = Order(environment="staging", image=named)
    plan = plan_delivery(order, world.context, world.events.append)
    document: Any = plan.document()
    assert answer(plan) == (3, "changes", 1)
    assert {each["field"]: each["after"] for each in document["services"][0]["changes"]} == {
        "web.environment.DB_PASSWORD": "***",
        "web.environment.MODE": "new",
    }
    outcome = world.deliver(image=named)
    assert outcome.exit_code == 0
    revision = world.cloud.ecs.definitions[world.cloud.ecs.updates[-1]]
    assert dict(revision.container("web").environment)["MODE"] == "new"
    assert "canary" not in str(world.record(outcome))
    assert "canary" not in str(world.events)
    again = plan_delivery(order, world.context, world.events.append)
    assert answer(again) == (0, "no-change", 0)


def in_a_job(world: World, folder: Path, **order: Any) -> tuple[int, str, str]:
    """The exit code, the job's summary and the step's outputs."""
    summary, outputs = folder / "summary.md", folder / "outputs"
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
    }
    with open_console(mode="actions", stream=io.StringIO(), env=env) as console:
        code = show(Order(environment="staging", **order), world.context, console)
    return code, summary.read_text(encoding="utf-8"), outputs.read_text(encoding="utf-8")


def test_the_summary_of_a_job_has_the_whole_plan(world: World, tmp_path: Path) -> None:
    code, summary, outputs = in_a_job(world, tmp_path)
    assert code == 3
    assert summary.startswith("## ✓ 2 changes. Nothing was changed.")
    block = summary.partition("```text\n")[2].partition("\n```")[0]
    assert "shop:41 → new revision" in block
    assert "web.image" in block
    assert "(to be built)" in block
    assert "Exit code 3 (changes)" in summary
    assert "\nchanges\n" in outputs
    assert world.changed == (0, 0, 0)


def test_the_summary_of_a_job_that_is_refused_says_why(world: World, tmp_path: Path) -> None:
    missing = ImageReference(URI, ONE)
    code, summary, outputs = in_a_job(world, tmp_path, image=missing)
    assert code not in {0, 3}
    assert "## ✗" in summary
    assert str(ONE) in summary
    assert f"\n{code}\n" in outputs
