"""Which old revisions nothing needs any more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shipway.aws.task_definition import read
from shipway.rollout.prune import MOST, Fate, Keeps, candidates, judged
from shipway.rollout.task_definition import TaskDefinition

REPOSITORY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tally"
DIGEST = "sha256:" + "a" * 64
STACK = [{"key": "aws:cloudformation:stack-name", "value": "tally-prod"}]


def arn(revision: int, family: str = "tally") -> str:
    return f"arn:aws:ecs:eu-west-1:111122223333:task-definition/{family}:{revision}"


def definition(
    revision: int, image: str = f"{REPOSITORY}@{DIGEST}", tags: object = ()
) -> TaskDefinition:
    containers = [{"name": "agent", "image": "agent:7"}, {"name": "app", "image": image}]
    document = {
        "taskDefinitionArn": arn(revision),
        "family": "tally",
        "containerDefinitions": containers,
    }
    return read({"taskDefinition": document, "tags": tags})


def fates(*, newest: int = 2, uses: Mapping[str, str] | None = None, of: int = 6) -> dict[int, str]:
    keeps = Keeps(newest=newest, uses=uses or {}, recorded={"tally:3": "bbbbbbb of yesterday"})
    active = [arn(revision) for revision in range(of, 0, -1)]
    found = candidates(active, keeps)
    read_all = {fate.arn: definition(int(fate.label.rpartition(":")[2])) for fate in found}
    return {
        int(fate.label.rpartition(":")[2]): fate.stays
        for fate in judged(found, read_all, REPOSITORY)
    }


def test_the_newest_stay_and_what_a_good_release_ran() -> None:
    assert fates() == {
        6: "one of the newest 2",
        5: "one of the newest 2",
        4: "",
        3: "ran in the good release bbbbbbb of yesterday",
        2: "",
        1: "",
    }


@pytest.mark.parametrize(
    ("uses", "stays"),
    [
        ({"tally:1": "service web of shop"}, {1: "used by service web of shop"}),
        ({"tally:4": "the schedule nightly"}, {4: "used by the schedule nightly"}),
        # A family alone stands for its newest revision, now and when the schedule comes.
        ({"tally": "the rule hourly"}, {6: "used by the rule hourly"}),
        ({"tally-2:1": "service web of shop", "tall:1": "x"}, {}),
    ],
)
def test_what_is_used_stays_whoever_uses_it(
    uses: Mapping[str, str], stays: Mapping[int, str]
) -> None:
    before, after = fates(newest=1), fates(newest=1, uses=uses)
    assert after == {**before, **stays}
    assert before[6] == "the newest"


@pytest.mark.parametrize(
    ("image", "tags", "stays"),
    [
        (f"{REPOSITORY}@{DIGEST}", (), ""),
        (f"{REPOSITORY}@{DIGEST}", STACK, "the stack tally-prod made it"),
        (f"{REPOSITORY}:v1", (), f"runs no image of {REPOSITORY} by its digest"),
        (f"{REPOSITORY}-tools@{DIGEST}", (), f"runs no image of {REPOSITORY} by its digest"),
        ("redis:7", (), f"runs no image of {REPOSITORY} by its digest"),
    ],
)
def test_only_what_we_registered_goes_and_nothing_of_a_stack(
    image: str, tags: object, stays: str
) -> None:
    found = judged([Fate(arn=arn(1))], {arn(1): definition(1, image, tags)}, REPOSITORY)
    assert [fate.stays for fate in found] == [stays]


def test_what_was_not_read_stays() -> None:
    (fate,) = judged([Fate(arn=arn(1))], {}, REPOSITORY)
    assert fate.stays == f"{MOST} go at a time, the oldest first"
