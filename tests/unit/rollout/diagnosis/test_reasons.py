"""ECS's own texts, as its documentation and its agent write them → what each proves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.rollout.diagnosis.reasons import exit_meaning, read
from shipway.rollout.log_tails import worth_reading
from shipway.rollout.snapshot import Container, Snapshot, Task

TEXTS = json.loads((Path(__file__).parent / "reasons.json").read_text(encoding="utf-8"))


def stopped(reason: str, code: str = "TaskFailedToStart", *containers: Container) -> Task:
    return Task(
        arn="arn:aws:ecs:eu-west-1:111122223333:task/prod/abc",
        task_definition="shop:42",
        last_status="STOPPED",
        stop_code=code,
        stopped_reason=reason,
        containers=containers,
    )


@pytest.mark.parametrize(("reason", "kind", "weight"), TEXTS)
def test_a_text_is_read_for_what_it_proves(reason: str, kind: str, weight: str) -> None:
    reading = read(stopped(reason))
    assert reading is not None
    assert (reading.kind, reading.weight) == (kind, weight)
    assert reading.ecs == reason
    assert reading.text


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UserInitiated", "person"),
        ("SpotInterruption", "spot"),
        ("TerminationNotice", "infrastructure"),
        ("InfrastructureHealth", "infrastructure"),
        ("ServiceSchedulerInitiated", "scaling"),
    ],
)
def test_what_others_stopped_is_no_failure(code: str, kind: str) -> None:
    reading = read(stopped("whatever", code, Container(name="web", exit_code=137)))
    assert reading is not None
    assert (reading.kind, reading.weight) == (kind, "ignored")


def test_the_container_that_ended_first_is_to_blame() -> None:
    reading = read(
        stopped(
            "Essential container in task exited",
            "EssentialContainerExited",
            Container(name="proxy", exit_code=143),
            Container(name="init", exit_code=0),
            Container(name="web", exit_code=3),
        )
    )
    assert reading is not None
    assert (reading.container, reading.exit_code) == ("web", 3)
    assert reading.text == 'container "web" exited with code 3'


def test_memory_is_blamed_on_the_container_that_was_killed_for_it() -> None:
    reading = read(
        stopped(
            "Essential container in task exited",
            "EssentialContainerExited",
            Container(name="side", exit_code=1),
            Container(
                name="web",
                exit_code=137,
                reason="OutOfMemoryError: Container killed due to memory usage",
            ),
        )
    )
    assert reading is not None
    assert (reading.kind, reading.container, reading.exit_code) == ("memory", "web", 137)


def test_a_task_that_is_still_stopping_is_not_read_before_its_code_is_there() -> None:
    task = Task(
        arn="t/1",
        task_definition="shop:42",
        last_status="DEPROVISIONING",
        desired_status="STOPPED",
        stop_code="EssentialContainerExited",
        stopped_reason="Essential container in task exited",
        containers=(Container(name="web"),),
    )
    assert read(task) is None


def test_equal_failures_have_equal_signatures_and_others_not() -> None:
    def signature(name: str, code: int) -> str:
        reading = read(stopped("x exited", "", Container(name=name, exit_code=code)))
        assert reading is not None
        return reading.signature

    assert signature("web", 1) == signature("web", 1)
    assert len({signature("web", 1), signature("web", 2), signature("proxy", 1)}) == 3


@pytest.mark.parametrize(
    ("code", "part"),
    [(137, "SIGKILL"), (139, "segmentation"), (143, "SIGTERM"), (126, "may not be executed"),
     (127, "not found in the image"),
     (0, "must keep running"), (150, "signal 22"), (77, "its log")],
)  # fmt: skip
def test_exit_codes_in_plain_words(code: int, part: str) -> None:
    assert part in exit_meaning(code)


@given(st.from_type(Task))
def test_any_task_can_be_read(task: Task) -> None:
    read(task)


HELPER = Container(name="migrate", exit_code=3, essential=False)


@pytest.mark.parametrize(
    ("containers", "culprit", "code", "helpers"),
    [
        ((HELPER, Container(name="web", exit_code=0)), "web", 0, '"migrate" with 3'),
        ((HELPER, Container(name="web", exit_code=1)), "web", 1, '"migrate" with 3'),
        (
            (HELPER, Container(name="proxy", exit_code=143), Container(name="web", exit_code=2)),
            "web",
            2,
            '"migrate" with 3',
        ),
        # A helper that was ended with the others has not failed.
        (
            (replace(HELPER, exit_code=137), Container(name="web", exit_code=1)),
            "web",
            1,
            "",
        ),
        # No essential container ever came up: what they waited for is the likeliest cause.
        ((HELPER, Container(name="web", reason="dependency did not succeed")), "migrate", 3, ""),
    ],
)
def test_a_helper_ends_no_task(
    containers: tuple[Container, ...], culprit: str, code: int, helpers: str
) -> None:
    reading = read(
        stopped("Essential container in task exited", "EssentialContainerExited", *containers)
    )
    assert reading is not None
    assert (reading.container, reading.exit_code) == (culprit, code)
    assert reading.helpers.partition(": ")[2] == helpers


def test_helpers_are_told_apart_by_the_task_definition() -> None:
    task = stopped("x", "x", Container(name="migrate"), Container(name="web"))
    seen = Snapshot(tasks=(task,), stopped=(task,)).with_helpers(frozenset({"migrate"}))
    for each in (*seen.tasks, *seen.stopped):
        assert {one.name: one.essential for one in each.containers} == {
            "migrate": False,
            "web": True,
        }
    assert worth_reading(
        stopped("x", "EssentialContainerExited", HELPER, Container(name="web", exit_code=0))
    ) == ("web", "migrate"), "the log of what ended the task comes first"
