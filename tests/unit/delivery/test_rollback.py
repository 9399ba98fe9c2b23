"""Going back, from the order to the record: by the gate, the lock, the watch and the hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fake_clock import Clock

from shipway.delivery.order import Order
from shipway.delivery.plan import plan_delivery
from shipway.errors import NoReleaseError, RefusedError
from shipway.lock.lease import claim, look
from shipway.lock.log import Holder
from shipway.observer import Concluded, Failed, Noticed
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.delivery.ending import DeliveryOutcome
    from shipway.delivery.planned import DeliveryPlan

NAME = "/shipway/shop/staging/lock"
FREEZE = (
    'freeze = [{ name = "winter", from = 2026-01-01T00:00:00Z, until = 2027-01-01T00:00:00Z, '
    'reason = "nobody is here" }]'
)
SHAS = {name: name * 40 for name in "abcd"}


def release(world: World, name: str) -> DeliveryOutcome:
    """Deliver a commit of its own, whose image is another one."""
    world.git.commit = replace(world.git.commit, sha=SHAS[name])
    world.builder.content = name.encode()
    return world.deliver()


def good(world: World, names: str) -> list[DeliveryOutcome]:
    outcomes = [release(world, name) for name in names]
    assert [outcome.exit_code for outcome in outcomes] == [0] * len(names)
    return outcomes


def record(world: World, outcome: DeliveryOutcome) -> Any:
    return world.record(outcome)["predicate"]


def change_contract(world: World, old: str, new: str) -> None:
    file = world.root / "ci" / "release.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    world.write("release.toml", text.replace(old, new))


def test_a_release_that_turned_out_bad_is_left_for_the_one_before_it(world: World) -> None:
    _, second, third = good(world, "abc")
    registered = dict(world.cloud.ecs.definitions)
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    # The very revision that was good: nothing is registered again.
    service = record(world, outcome)["services"][0]
    assert service["taskDefinition"] == record(world, second)["services"][0]["taskDefinition"]
    assert world.cloud.ecs.definitions == registered
    assert world.cloud.ecs.updates[-1] == service["taskDefinition"]
    delivery = record(world, outcome)
    assert delivery["commit"]["sha"] == SHAS["b"]
    assert third.image is not None
    assert delivery["wentBack"]["left"] == [str(third.image.digest)]
    assert delivery["wentBack"]["asked"] == "previous"
    assert delivery["verification"]
    assert [hold["end"] for hold in delivery["holds"]] == ["held"]
    assert delivery["lock"]["released"] is True
    assert outcome.evidence is not None
    assert "bbbbbbb" in outcome.evidence.name


def plan_back(world: World, to: str = "previous") -> DeliveryPlan:
    """What ``rollback --plan`` shows; it changed nothing and left no record."""
    before = (world.changed, len(list(world.root.glob("evidence/staging/*"))))
    order = Order(task="rollback", environment="staging", to=to)
    try:
        return plan_delivery(order, world.context, world.events.append)
    finally:
        assert (world.changed, len(list(world.root.glob("evidence/staging/*")))) == before
        assert look(world.cloud.locks, NAME).free


def test_its_plan_is_what_it_carries_out(world: World) -> None:
    _, second, _ = good(world, "abc")
    plan = plan_back(world)
    assert (plan.exit_code, plan.kind, plan.changes) == (3, "changes", 1)
    document: Any = plan.document()
    assert second.image is not None
    assert document["image"]["reference"] == str(second.image)
    assert document["back_to"]["commit"] == document["commit"] == SHAS["b"]
    assert document["jobs"] == []
    [web] = document["services"]
    assert web["action"] == "known-revision"
    outcome = world.deliver("rollback")
    assert record(world, outcome)["services"][0]["taskDefinition"] == web["again"]
    again = plan_back(world)
    assert (again.exit_code, again.kind, again.changes) == (0, "no-change", 0)


def test_its_plan_to_a_release_whose_image_is_gone_is_refused(world: World) -> None:
    first, _ = good(world, "ab")
    assert first.image is not None
    world.cloud.store.images = {
        name: image
        for name, image in world.cloud.store.images.items()
        if image.digest != first.image.digest
    }
    with pytest.raises(NoReleaseError, match="gone"):
        plan_back(world)
    last = world.events[-1]
    assert isinstance(last, Concluded)
    assert (last.kind, last.exit_code) == ("no-release", 28)


def test_its_plan_is_refused_as_it_would_be(world: World) -> None:
    good(world, "ab")
    change_contract(world, 'by_hand_role = "*"', f'by_hand_role = "*"\n{FREEZE}')
    with pytest.raises(RefusedError) as refused:
        plan_back(world)
    assert any("nobody is here" in line for line in refused.value.details)


def test_typed_twice_it_goes_back_once_and_says_how_to_go_further(world: World) -> None:
    first, second, _ = good(world, "abc")
    assert world.deliver("rollback").exit_code == 0
    updates = len(world.cloud.ecs.updates)
    again = world.deliver("rollback")
    assert (again.exit_code, again.image) == (0, second.image)
    assert len(world.cloud.ecs.updates) == updates
    assert first.image is not None
    word = first.image.digest.value[7:19]
    texts = [event.text for event in world.of(Noticed) if isinstance(event, Noticed)]
    assert any(f"nox -s rollback -- --env staging --to {word}" in text for text in texts)
    further = world.deliver("rollback", to=word)
    assert (further.exit_code, further.image) == (0, first.image)


def test_after_a_release_that_was_put_back_it_changes_nothing(world: World) -> None:
    _, second = good(world, "ab")
    world.address.answers = [500]
    assert release(world, "c").exit_code == 40
    world.address.answers = [200]
    updates = len(world.cloud.ecs.updates)
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    assert len(world.cloud.ecs.updates) == updates


def test_a_bad_release_that_was_left_in_service_is_gone_back_from(world: World) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    world.write("delivery.toml", f'{text}on_failure = "leave"\n')
    _, second = good(world, "ab")
    world.address.answers = [500]
    assert release(world, "c").exit_code == 40
    world.address.answers = [200]
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)


def test_a_revision_that_was_deregistered_is_made_anew_with_the_image(world: World) -> None:
    _, second, _ = good(world, "abc")
    arn = record(world, second)["services"][0]["taskDefinition"]
    definitions = world.cloud.ecs.definitions
    definitions[arn] = replace(definitions[arn], active=False)
    count = len(definitions)
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    assert len(definitions) == count + 1


def test_an_image_that_is_gone_is_refused_before_anything_changes(world: World) -> None:
    _, second, _ = good(world, "abc")
    assert second.image is not None
    world.cloud.store.images = {
        name: image
        for name, image in world.cloud.store.images.items()
        if image.digest != second.image.digest
    }
    before = world.changed
    outcome = world.deliver("rollback")
    assert (outcome.kind, outcome.exit_code) == ("no-release", 28)
    assert world.changed == before
    failed = world.of(Failed)[-1]
    assert isinstance(failed, Failed)
    assert "gone" in failed.text
    assert any("--to" in line for detail in failed.details for line in detail.lines)
    assert look(world.cloud.locks, NAME).free


def test_without_records_there_is_no_way_back(world: World) -> None:
    outcome = world.deliver("rollback")
    assert outcome.exit_code == 28
    assert world.changed == (0, 0, 0)


def test_a_record_that_the_chain_does_not_have_counts_for_nothing(world: World) -> None:
    first, second, _ = good(world, "abc")
    assert second.evidence is not None
    file = second.evidence / "record.json"
    file.write_text(file.read_text(encoding="utf-8").replace("mona", "eve"), encoding="utf-8")
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, first.image)


def test_records_of_other_machines_are_read_in_s3(world: World) -> None:
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    table = '[evidence]\ns3 = "s3://keep/records"\n'
    world.write("delivery.toml", text.replace("[environments", f"{table}[environments", 1))
    _, second, _ = good(world, "abc")
    (world.root / "evidence").rename(world.root / "elsewhere")
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)


def test_the_contract_may_allow_nothing_but_going_back(world: World) -> None:
    good(world, "ab")
    hand = 'environments = ["staging"]\ntasks = '
    change_contract(world, f'{hand}["build", "publish", "deploy", "verify"]', f'{hand}["rollback"]')
    for task in ("deploy", "build", "verify"):
        assert world.deliver(task).exit_code == 20
    assert world.deliver("rollback").exit_code == 0


def test_who_may_only_publish_may_not_go_back(world: World) -> None:
    good(world, "ab")
    hand = 'environments = ["staging"]\ntasks = ["build", "publish"'
    change_contract(world, f'{hand}, "deploy", "verify"]', f"{hand}]")
    before = world.changed
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, world.changed) == (20, before)


def test_an_older_commit_may_be_gone_back_to_though_no_release_may_be_older(world: World) -> None:
    change_contract(world, 'by_hand_role = "*"', 'by_hand_role = "*"\nnot_older = true')
    world.git.orders = {SHAS["a"]: "older", SHAS["b"]: "older"}
    world.cloud.store.keep("first", Digest(f"sha256:{'0' * 64}"))
    _, second, _ = good(world, "abc")
    world.git.orders = {SHAS["c"]: "newer"}
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    assert record(world, outcome)["rollbackTo"]["commit"] == SHAS["b"]


def test_a_freeze_holds_until_it_is_gone_through_by_name(world: World) -> None:
    good(world, "ab")
    change_contract(world, 'by_hand_role = "*"', f'by_hand_role = "*"\n{FREEZE}')
    assert world.deliver("rollback").exit_code == 20


def test_it_waits_for_nobody_and_says_who_delivers(world: World) -> None:
    good(world, "ab")
    ada = Holder(nonce="a1", owner="ada", run="", version="", since="", expiry=180)
    claim(world.cloud.locks, NAME, ada, Clock())
    before = world.changed
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, world.changed) == (26, before)


@pytest.mark.parametrize("task", ["deploy", "rollback"])
def test_a_failure_names_the_line_that_goes_back(world: World, task: str) -> None:
    good(world, "ab")
    world.address.answers = [500]
    outcome = release(world, "c") if task == "deploy" else world.deliver("rollback")
    assert outcome.exit_code == 40
    last: Any = world.events[-1]
    assert any("nox -s rollback -- --env staging" in line for line in last.details)


FILE = "infra/task.json"


def change_delivery(world: World, more: str, old: str = "", new: str = "") -> None:
    """Have the tree's delivery.toml say more of its one service, which is the last table."""
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    assert old in text
    world.write("delivery.toml", f"{text.replace(old, new)}{more}")


OTHER_FAMILY = b'{"family": "other", "containerDefinitions": [{"name": "web", "image": "a"}]}'


@pytest.mark.parametrize("content", [None, b"{", OTHER_FAMILY], ids=["none", "broken", "other"])
@pytest.mark.parametrize("clean", [True, False])
def test_no_task_definitions_file_of_today_stands_in_the_way(
    world: World, content: bytes | None, *, clean: bool
) -> None:
    _, second, _ = good(world, "abc")
    registered = dict(world.cloud.ecs.definitions)
    change_delivery(world, f'task_definition = "{FILE}"\n')
    world.git.commit = replace(world.git.commit, sha=SHAS["d"], clean=clean)
    if content is not None:
        world.git.files[f"{SHAS['d']}:{FILE}"] = content
        (world.root / "infra").mkdir()
        (world.root / FILE).write_bytes(content)
    plan = plan_back(world)
    document: Any = plan.document()
    assert (plan.exit_code, document["services"][0]["action"]) == (3, "known-revision")
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    assert world.cloud.ecs.definitions == registered


@pytest.mark.parametrize(
    "more",
    [
        'environment = { API = "ssm:/shop/not/published" }\n',
        'cpu = 512\ncommand = ["serve", "-v"]\n',
        'containers = { sidecar = { image = "ssm:/shop/not/published" } }\n',
        '[environments.staging.build_args]\nVERSION = "env:NOT_SET_HERE"\n',
        (
            "[environments.staging.jobs.migrate]\n"
            'when = "before"\ntask_definition = "ssm:/shop/not/published"\n'
        ),
    ],
)
def test_what_is_set_for_a_new_revision_a_build_or_a_job_stands_in_no_way_back(
    world: World, more: str
) -> None:
    _, second, _ = good(world, "abc")
    change_delivery(world, more)
    registered = dict(world.cloud.ecs.definitions)
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    # Typed again it stays: nothing that delivery.toml sets by now makes a revision of its own.
    updates = len(world.cloud.ecs.updates)
    assert world.deliver("rollback").exit_code == 0
    assert (len(world.cloud.ecs.updates), world.cloud.ecs.definitions) == (updates, registered)


def test_a_deregistered_revision_is_made_anew_without_what_the_tree_sets(world: World) -> None:
    _, second, _ = good(world, "abc")
    change_delivery(world, 'command = ["serve", "-v"]\n')
    arn = record(world, second)["services"][0]["taskDefinition"]
    definitions = world.cloud.ecs.definitions
    definitions[arn] = replace(definitions[arn], active=False)
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    made: Any = definitions[world.cloud.ecs.updates[-1]].document
    assert "command" not in made["containerDefinitions"][0]


def test_a_container_that_delivery_toml_calls_otherwise_by_now_is_found_by_the_record(
    world: World,
) -> None:
    _, second, _ = good(world, "abc")
    change_delivery(world, "", 'container = "web"', 'container = "app"')
    outcome = world.deliver("rollback")
    assert (outcome.exit_code, outcome.image) == (0, second.image)
    delivery = record(world, outcome)
    [service] = delivery["services"]
    assert service["taskDefinition"] == record(world, second)["services"][0]["taskDefinition"]
    assert delivery["verification"][0]["service"]["container"] == "web"


def test_what_runs_is_verified_whatever_the_tree_sets(world: World) -> None:
    good(world, "a")
    change_delivery(world, f'task_definition = "{FILE}"\n')
    assert world.deliver("verify").exit_code == 0
