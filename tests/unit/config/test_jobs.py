"""Jobs in delivery.toml: read, and refused with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.config.job import Job
from shipway.config.load import load
from shipway.config.resolve import resolve
from shipway.errors import ConfigurationError

GOOD = """\
schema = 1
name = "shop"
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "shop"
[environments.staging.services.web]
service = "web"
container = "web"
[environments.staging.services.worker]
service = "worker"
container = "worker"
"""
JOB = "environments.staging.jobs"
FOREIGN = "arn:aws:ecs:eu-west-1:999999999999:task-definition/x"


class Nothing:
    def resolve(self, references: object) -> dict[object, object]:
        raise AssertionError(references)


def jobs(tmp_path: Path, text: str) -> tuple[Job, ...]:
    file = tmp_path / "delivery.toml"
    file.write_text(GOOD + text, encoding="utf-8")
    declared = load(file).environment("staging")
    return resolve(declared, variables={}, published=Nothing()).jobs  # type: ignore[arg-type]


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        jobs(tmp_path, text)
    assert caught.value.exit_code == 10
    return [line.partition("  ")[2] for line in caught.value.details]


def test_a_job_is_read_with_what_it_leaves_out(tmp_path: Path) -> None:
    text = f"""
[{JOB}.migrate]
when = "before"
service = "worker"
command = ["python", "migrate.py"]
[{JOB}.warm]
when = "after"
task_definition = "arn:aws:ecs:eu-west-1:111122223333:task-definition/warm:3"
subnets = ["subnet-0a1b"]
security_groups = ["sg-0a1b"]
timeout = 60
"""
    migrate, warm = jobs(tmp_path, text)
    command = ("python", "migrate.py")
    assert migrate == Job(
        key="migrate", when="before", service="worker", network="worker", command=command
    )
    assert warm == Job(
        key="warm",
        when="after",
        task_definition="arn:aws:ecs:eu-west-1:111122223333:task-definition/warm:3",
        network="web",
        subnets=("subnet-0a1b",),
        security_groups=("sg-0a1b",),
        timeout=60,
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            'when = "before"',
            (f"{JOB}.a: says nothing to run: name a `service` of this environment, or a "
            "`task_definition`"),
        ),
        (
            'when = "before"\nservice = "web"\ntask_definition = "x"',
            (f"{JOB}.a.task_definition: stands beside service: only one of the two can hold; for "
            "the service's network alone say `network`"),
        ),
        (
            'when = "before"\nservice = "wep"',
            f'{JOB}.a.service: names no service of this environment; did you mean "web"?',
        ),
        (
            'when = "before"\ntask_definition = "x"\nnetwork = "wep"',
            f'{JOB}.a.network: names no service of this environment; did you mean "web"?',
        ),
        (
            'when = "before"\nservice = "web"\ntimeout = 0',
            f"{JOB}.a.timeout: should be a number of seconds from 1 to 86400, not 0",
        ),
        (
            'when = "before"\nservice = "web"\ntimeout = 86401',
            f"{JOB}.a.timeout: should be a number of seconds from 1 to 86400, not 86401",
        ),
        (
            'when = "later"\nservice = "web"',
            f'{JOB}.a.when: should be "before", "after" or "by-hand", not "later"',
        ),
        (
            'when = "before"\nservice = "web"\npublic_ip = true',
            f"{JOB}.a.public_ip: stands beside `subnets`, which are missing",
        ),
        (
            'when = "before"\nservice = "web"\nafter = ["a"]',
            f"{JOB}.a.after[0]: is this job itself",
        ),
        (
            'when = "before"\nservice = "web"\nafter = ["b"]',
            f'{JOB}.a.after[0]: there is no job "b" in this environment',
        ),
        (
            f'when = "before"\ntask_definition = "{FOREIGN}"',
            (
                f"{JOB}.a.task_definition: names {FOREIGN}, but the environment is in "
                "111122223333 eu-west-1"
            ),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_in_one_line(tmp_path: Path, keys: str, told: str) -> None:
    assert refused(tmp_path, f"[{JOB}.a]\n{keys}\n") == [told]


def test_a_circle_is_told_with_its_way(tmp_path: Path) -> None:
    text = "".join(
        f'[{JOB}.{key}]\nwhen = "before"\nservice = "web"\nafter = ["{other}"]\n'
        for key, other in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    assert refused(tmp_path, text) == [
        f"{JOB}.a.after[0]: leads round in a circle: a → b → c → a",
        f"{JOB}.b.after[0]: leads round in a circle: b → c → a → b",
        f"{JOB}.c.after[0]: leads round in a circle: c → a → b → c",
    ]


@pytest.mark.parametrize("when", ["after", "by-hand"])
def test_jobs_of_another_moment_are_not_waited_for(tmp_path: Path, when: str) -> None:
    text = f'[{JOB}.a]\nwhen = "before"\nservice = "web"\nafter = ["b"]\n'
    text += f'[{JOB}.b]\nwhen = "{when}"\nservice = "web"\n'
    [told] = refused(tmp_path, text)
    assert "only jobs of one `when` wait for each other" in told


def test_by_hand_nothing_is_waited_for(tmp_path: Path) -> None:
    text = f'[{JOB}.a]\nwhen = "by-hand"\nservice = "web"\nafter = ["b"]\n'
    text += f'[{JOB}.b]\nwhen = "by-hand"\nservice = "web"\n'
    assert "has no meaning by hand" in refused(tmp_path, text)[0]


def test_a_command_is_no_longer_than_ecs_takes_it(tmp_path: Path) -> None:
    text = f'[{JOB}.a]\nwhen = "before"\nservice = "web"\ncommand = ["{"x" * 8000}"]\n'
    assert "is longer than ECS takes" in refused(tmp_path, text)[0]
