from __future__ import annotations

import pytest

from shipway_sandbox.emulator.targets import (
    PASSED,
    Check,
    ProbeOutcome,
    RegisteredTarget,
    choose,
    judge,
    shown,
)

CHECK = Check(healthy=2, unhealthy=2)
WRONG = ProbeOutcome("Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]")


def target(
    name: str = "10.0.0.1", state: str = "initial", deployment: str = ""
) -> RegisteredTarget:
    return RegisteredTarget("group", name, 80, deployment, state=state)


@pytest.mark.parametrize(
    ("codes", "status", "accepted"),
    [
        ("200", 200, True),
        ("200", 204, False),
        ("200,302", 302, True),
        ("200-299", 299, True),
        ("200-299", 300, False),
        ("", 200, False),
        ("abc", 200, False),
    ],
)
def test_matcher(codes: str, status: int, accepted: bool) -> None:  # noqa: FBT001  # a table
    assert Check(codes=codes).accepts(status) is accepted


def test_new_target_needs_one_pass_only() -> None:
    new = target()
    assert judge(new, PASSED, CHECK)
    assert (new.state, new.reason) == ("healthy", "")


def test_failures_count_only_in_a_row() -> None:
    checked = target()
    assert not judge(checked, WRONG, CHECK)
    assert checked.state == "initial"
    assert judge(checked, WRONG, CHECK)
    assert (checked.state, checked.reason, checked.description) == (
        "unhealthy", WRONG.reason, WRONG.description,
    )  # fmt: skip
    assert not judge(checked, PASSED, CHECK)
    assert judge(checked, PASSED, CHECK)
    assert checked.state == "healthy"
    judge(checked, WRONG, CHECK)
    judge(checked, PASSED, CHECK)
    judge(checked, WRONG, CHECK)
    assert checked.state == "healthy"


def test_draining_target_stays_draining() -> None:
    leaving = target(state="draining")
    assert not judge(leaving, PASSED, CHECK)
    assert leaving.state == "draining"


def test_requests_go_to_healthy_ones_then_to_all_that_serve() -> None:
    good, bad, leaving = target("a", "healthy"), target("b", "unhealthy"), target("c", "draining")
    everyone = [leaving, bad, good]
    assert {choose(everyone, turn, {}) is good for turn in range(5)} == {True}
    assert {choose([leaving, bad], turn, {}) is bad for turn in range(5)} == {True}
    assert choose([leaving], 0, {}) is None
    assert choose([], 0, {}) is None


def test_turns_are_shared_fairly() -> None:
    two = [target("a", "healthy"), target("b", "healthy")]
    taken = [choose(two, turn, {}) for turn in range(10)]
    assert taken.count(two[0]) == taken.count(two[1]) == 5


@pytest.mark.parametrize("weight", [0.0, 10.0, 50.0, 100.0])
def test_weights_split_by_deployment(weight: float) -> None:
    new, old = target("a", "healthy", "new"), target("b", "healthy", "old")
    weights = {"new": weight, "old": 100.0 - weight}
    taken = [choose([new, old], turn, weights) for turn in range(100)]
    assert taken.count(new) == weight


def test_weight_of_a_deployment_without_targets_is_no_outage() -> None:
    old = target("b", "healthy", "old")
    assert choose([old], 3, {"new": 100.0, "old": 0.0}) is old


def test_unused_group_says_so() -> None:
    assert shown(target(state="healthy"), used=False)["state"] == "unused"
    assert shown(target(state="healthy"), used=True)["state"] == "healthy"
    assert shown(target(state="draining"), used=False)["state"] == "draining"
