"""Releases that must fail, side by side: each in a copy of its environment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.example import BLUEPRINT

from shipway.embedded.blueprint import Blueprint
from shipway.rehearsal.copies import copies, with_copies
from shipway.rehearsal.scenarios import scenarios
from shipway.rehearsal.walks import lanes
from shipway_sandbox.plan import OwnTemplate

PLANNED = scenarios(BLUEPRINT.contract, listens=True)
COPIES = copies(BLUEPRINT, PLANNED.failing)


def _with(count: int, memory: int) -> Blueprint:
    """The example with other tasks in production."""
    plan = BLUEPRINT.plan
    layers = tuple(
        replace(
            layer,
            services=tuple(replace(each, count=count, memory=memory) for each in layer.services),
        )
        for layer in plan.layers
    )
    return replace(BLUEPRINT, plan=replace(plan, layers=layers))


def test_there_is_a_copy_for_each_rollout_that_must_fail_but_the_first() -> None:
    assert [copy.layer.environment for copy in COPIES] == [
        "production-copy-2",
        "production-copy-3",
        "production-copy-4",
    ]


def test_a_copy_is_the_environment_in_another_account() -> None:
    original = BLUEPRINT.layer("production")
    copy = COPIES[0].layer
    assert copy.account != original.account
    assert copy.account.startswith("000")
    assert (copy.role, copy.cluster, copy.repository) == (
        original.role,
        original.cluster,
        original.repository,
    )
    assert original.account not in str(copy)
    assert copy.access_parameters["CreateProvider"] == "true"
    accounts = {each.layer.account for each in COPIES}
    balancers = {service.balancer for each in COPIES for service in each.layer.services}
    assert len(accounts) == len(balancers) == len(COPIES)


def test_a_scenario_in_a_copy_sees_it_under_the_environments_name() -> None:
    whole = with_copies(BLUEPRINT, COPIES)
    seen = COPIES[1].blueprint(whole)
    assert seen.layer("production").account == COPIES[1].layer.account
    assert seen.layer("staging") == BLUEPRINT.layer("staging")
    assert len(whole.plan.registries) == len(COPIES)


@pytest.mark.parametrize(("count", "memory"), [(3, 16), (5, 16), (2, 600)])
def test_what_is_large_is_not_copied(count: int, memory: int) -> None:
    tasks = count * len(BLUEPRINT.layer("production").services)
    made = copies(_with(count, memory), PLANNED.failing)
    assert bool(made) is (tasks <= 4 and tasks * memory <= 1024)


def test_templates_of_ones_own_are_not_copied() -> None:
    template = OwnTemplate(stack="shop", file="infra/compute.yaml", text="{}")
    layers = tuple(replace(layer, templates=(template,)) for layer in BLUEPRINT.plan.layers)
    templated = replace(BLUEPRINT, plan=replace(BLUEPRINT.plan, layers=layers))
    assert copies(templated, PLANNED.failing) == ()


def test_each_scenario_is_walked_once_and_no_two_rollouts_share_an_environment() -> None:
    walked = lanes(PLANNED, COPIES)
    scenarios_walked = [scenario for lane in walked for scenario in lane.scenarios]
    names = sorted(scenario.name for scenario in scenarios_walked)
    assert names == sorted(scenario.name for scenario in PLANNED.failing)
    for lane in walked:
        rolling = [scenario for scenario in lane.scenarios if scenario.variant]
        assert len(rolling) <= 1
    assert len({lane.copy.layer.account for lane in walked if lane.copy}) == len(COPIES)


def test_without_copies_they_are_walked_one_after_the_other() -> None:
    (failing,) = lanes(PLANNED, ())
    assert failing.scenarios == PLANNED.failing
