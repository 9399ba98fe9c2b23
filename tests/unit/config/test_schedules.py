"""Schedules in delivery.toml: read, and refused with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.config.load import load
from shipway.config.resolve import resolve
from shipway.config.schedule import Schedule
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
"""
AT = "environments.staging.schedules"
FOREIGN = "arn:aws:events:eu-west-1:999999999999:rule/x"


class Nothing:
    def resolve(self, references: object) -> dict[object, object]:
        raise AssertionError(references)


def schedules(tmp_path: Path, text: str) -> tuple[Schedule, ...]:
    file = tmp_path / "delivery.toml"
    file.write_text(GOOD + text, encoding="utf-8")
    declared = load(file).environment("staging")
    return resolve(declared, variables={}, published=Nothing()).schedules  # type: ignore[arg-type]


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        schedules(tmp_path, text)
    assert caught.value.exit_code == 10
    return [line.partition("  ")[2] for line in caught.value.details]


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ('rule = "nightly"', ("rule", "default", "nightly", "nightly")),
        (
            'rule = "arn:aws:events:eu-west-1:111122223333:rule/nightly"',
            ("rule", "default", "nightly", "nightly"),
        ),
        (
            'rule = "arn:aws:events:eu-west-1:111122223333:rule/shop/nightly"',
            ("rule", "shop", "nightly", "shop/nightly"),
        ),
        ('schedule = "nightly"', ("schedule", "default", "nightly", "default/nightly")),
        (
            'schedule = "nightly"\ngroup = "reports"',
            ("schedule", "reports", "nightly", "reports/nightly"),
        ),
        (
            'schedule = "arn:aws:scheduler:eu-west-1:111122223333:schedule/reports/nightly"',
            ("schedule", "reports", "nightly", "reports/nightly"),
        ),
    ],
)  # fmt: skip
def test_each_is_known_by_name_or_arn(
    tmp_path: Path, lines: str, known: tuple[str, str, str, str]
) -> None:
    [schedule] = schedules(tmp_path, f'[{AT}.a]\nservice = "web"\n{lines}\n')
    assert (schedule.key, schedule.service) == ("a", "web")
    assert (schedule.kind, schedule.group, schedule.name, schedule.path) == known


def test_a_family_of_its_own_is_kept_without_its_revision(tmp_path: Path) -> None:
    lines = 'schedule = "a"\ntask_definition = "report:7"\ncontainer = "app"'
    [schedule] = schedules(tmp_path, f"[{AT}.a]\n{lines}\n")
    assert (schedule.task_definition, schedule.container) == ("report", "app")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('service = "web"', f"{AT}.a: names nothing that starts it: say `rule` or `schedule`"),
        (
            'rule = "a"\nschedule = "a"\nservice = "web"',
            f"{AT}.a.schedule: stands beside rule: only one of the two can hold",
        ),
        ('rule = "a"', f"{AT}.a: says nothing to run: say `service` or `task_definition`"),
        (
            'rule = "a"\nservice = "web"\ntask_definition = "b"',
            f"{AT}.a.task_definition: stands beside service: only one of the two can hold",
        ),
        (
            'rule = "a"\nservice = "wep"',
            f'{AT}.a.service: names no service of this environment; did you mean "web"?',
        ),
        (
            'rule = "a"\ngroup = "b"\nservice = "web"',
            f"{AT}.a.group: is that of `schedule`, which is missing",
        ),
        (
            'rule = "a"\nservice = "web"\ncontainer = "web"',
            f"{AT}.a.container: is one of `task_definition`, which is missing",
        ),
        ('rule = "a b"\nservice = "web"', f"{AT}.a.rule: should be the name or ARN of a rule of"),
        ('rule = "a"\nservice = "web"\nruel = 1', f"{AT}.a.ruel: unknown key; did you mean"),
        (f'rule = "{FOREIGN}"\nservice = "web"', f"{AT}.a.rule: "),
    ],
)
def test_what_cannot_be_is_told_with_its_key(tmp_path: Path, lines: str, told: str) -> None:
    problems = refused(tmp_path, f"[{AT}.a]\n{lines}\n")
    assert len(problems) == 1, problems
    assert problems[0].startswith(told), problems
