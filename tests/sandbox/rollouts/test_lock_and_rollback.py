"""Two deliveries at once, an owner that is killed, the way back: real processes, one service."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.rollouts.ground import GOOD
from tests.sandbox.rollouts.planted import INV, configure, plant

_SECONDS = 60.0
_UNDER_WAY = "SCALE_UP"
_EXPIRY = 4
_SETTINGS = "hold = 1\n[environments.sandbox.lock]\nexpiry = {expiry}\nwait = {wait}\n"
# It never answers its load balancer: the rollout goes on until somebody ends it.
_SILENT = "trap 'exit 0' TERM; /bin/busybox sleep 60 & wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """How a command ended, what it said, and the record that it left, if it left one."""

    code: int
    out: str
    record: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """Everything that was typed, in order.

    Attributes:
        good: Two releases that went well.
        second: Somebody delivers while somebody else does.
        foreseen: Somebody asks what going back would do, after the owner was killed.
        back: Somebody goes back, while the rollout is failing.
        written: What was written of the lock, in order.
        runs: The task definition that the service has in the end.
    """

    good: Sequence[Typed]
    second: Typed
    foreseen: Typed
    back: Typed
    written: Sequence[str]
    runs: str


class Keyboard:
    """Types commands in one repository."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.folder: Path = plant(shop, _settings(wait=0))
        self._logs = 0

    def begins(self, *words: str) -> tuple[subprocess.Popen[bytes], Path]:
        self._logs += 1
        log = self.folder.with_suffix(f".{self._logs}.log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [INV, *words, "--env", "sandbox"],
                cwd=self.folder,
                env={**self.shop.grounds.variables(), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return process, log

    def types(self, *words: str) -> Typed:
        before = set(self._records())
        process, log = self.begins(*words)
        try:
            code = process.wait(_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        records = [json.loads(path.read_bytes()) for path in set(self._records()) - before]
        return Typed(
            code=code, out=log.read_text(), record=records[0]["predicate"] if records else None
        )

    def deploys(self, script: str) -> Typed:
        return self.types("deploy", "--image", self.image(script))

    def image(self, script: str) -> str:
        return f"tests@{self.shop.grounds.image(script).partition('@')[2]}"

    def _records(self) -> list[Path]:
        return list(self.folder.glob("evidence/sandbox/*/record.json"))


def _settings(*, wait: int) -> str:
    return _SETTINGS.format(expiry=_EXPIRY, wait=wait)


def _night(shop: Any) -> Night:
    """One service, from two good releases to the way back from a third."""
    keyboard = Keyboard(shop)
    good = [keyboard.deploys(f"{GOOD} # night {number}") for number in (1, 2)]
    process, log = keyboard.begins("deploy", "--image", keyboard.image(_SILENT))
    try:
        deadline = time.monotonic() + _SECONDS
        while _UNDER_WAY not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        second = keyboard.deploys(f"{GOOD} # night 1")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(_SECONDS)
    # The tree as somebody leaves it at night; going back needs nothing of what it says here.
    configure(shop, keyboard.folder, f'task_definition = "gone.json"\n{_settings(wait=30)}')
    foreseen = keyboard.types("rollback", "--plan")
    back = keyboard.types("rollback")
    versions = shop.grounds.ssm.get_parameter_history(Name=f"/shipway/{shop.name}/sandbox/lock")[
        "Parameters"
    ]
    return Night(
        good=good,
        second=second,
        foreseen=foreseen,
        back=back,
        written=[json.loads(version["Value"])["state"] for version in versions],
        runs=str(shop.described()["taskDefinition"]),
    )


_SERVICE: dict[str, Any] = {
    "balanced": True,
    "settings": {"healthCheckGracePeriodSeconds": 60},
}
PARTS = {"a night": (_SERVICE, _night)}


@pytest.fixture(scope="module")
def night(stories: Any) -> Night:
    told = stories["a night"]
    assert isinstance(told, Night)
    return told


def test_each_delivery_takes_it_and_gives_it_back(night: Night) -> None:
    assert [typed.code for typed in night.good] == [0, 0], [typed.out for typed in night.good]
    held = [typed.record["lock"] for typed in night.good]
    assert [lock["released"] for lock in held] == [True, True]
    assert held[0]["token"] == 1
    assert held[1]["token"] > held[0]["token"]
    assert night.written[0] == "claimed"
    assert night.written[-1] == "released"


def test_of_two_at_once_the_second_is_refused_and_told_by_whom(night: Night) -> None:
    assert night.second.code == 26, night.second.out
    assert "sandbox is held by " in night.second.out
    assert "since 20" in night.second.out
    assert "nox -s lock -- --env sandbox" in night.second.out
    assert "services" not in night.second.record


def test_a_killed_owners_lock_is_taken_over_once_it_ran_out(night: Night) -> None:
    lock = night.back.record["lock"]
    assert "process " in lock["takenOver"], night.back.out
    assert 0 <= lock["waited"] <= 30
    assert lock["token"] > night.good[1].record["lock"]["token"]


def test_after_two_good_releases_and_a_bad_one_it_ends_on_the_second_good_one(
    night: Night,
) -> None:
    [second] = night.good[1].record["services"]
    assert night.back.code == 0, night.back.out
    [service] = night.back.record["services"]
    assert service["taskDefinition"] == second["taskDefinition"]
    assert night.back.record["image"]["reference"] == night.good[1].record["image"]["reference"]
    assert night.back.record["wentBack"]["asked"] == "previous"
    assert [hold["end"] for hold in night.back.record["holds"]] == ["held"]
    name = second["taskDefinition"].rpartition("/")[2]
    assert (night.foreseen.code, night.foreseen.record) == (3, None), night.foreseen.out
    assert f"→ {name}, registered before" in night.foreseen.out
    assert night.runs.rpartition("/")[2] == name
