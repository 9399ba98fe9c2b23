"""Ctrl-C, SIGTERM and a closed terminal in the middle of ``inv deploy``, as a real process."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.sandbox.rollouts.planted import INV, plant

# Deaf to SIGTERM: a roll-back lasts until ECS kills it, and a second signal finds it going on.
_SLOW = "trap '' TERM; /bin/busybox sleep 60"
_SECONDS = 60.0
_UNDER_WAY = "SCALE_UP"
_ASKED = "asks ECS to stop the service deployment and roll back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """How the command ended.

    Attributes:
        code: Its exit code.
        out: All it printed.
        seconds: From the last signal to its end.
        records: The records it wrote.
        deployment: Our service deployment's status when it had ended.
    """

    code: int
    out: str
    seconds: float
    records: list[Any]
    deployment: str


def _signals(*sent: tuple[str, int]) -> Callable[[Any], Typed]:
    """Type ``inv deploy``; send each signal once the text before it was printed."""

    def typed(shop: Any) -> Typed:
        folder = plant(shop)
        digest = shop.grounds.image(_SLOW).partition("@")[2]
        log = folder.with_suffix(".log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [INV, "deploy", "--env", "sandbox", "--image", f"tests@{digest}"],
                cwd=folder,
                env={**shop.grounds.variables(), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + _SECONDS
            for text, number in sent:
                while text not in log.read_text():
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.05)
                process.send_signal(number)
            began = time.monotonic()
            code = process.wait(_SECONDS)
            seconds = time.monotonic() - began
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        records = [
            json.loads(path.read_bytes())
            for path in sorted(folder.glob("evidence/sandbox/*/record.json"))
        ]
        arn = shop.described()["currentServiceDeployment"]
        return Typed(
            code=code,
            out=log.read_text(),
            seconds=seconds,
            records=records,
            deployment=shop.deployment(arn)["status"],
        )

    return typed


_SERVICE = {"balanced": True, "settings": {"healthCheckGracePeriodSeconds": 60}}
PARTS = {
    "Ctrl-C": (_SERVICE, _signals((_UNDER_WAY, signal.SIGINT))),
    "Ctrl-C twice": (_SERVICE, _signals((_UNDER_WAY, signal.SIGINT), (_ASKED, signal.SIGINT))),
    "SIGTERM": (_SERVICE, _signals((_UNDER_WAY, signal.SIGTERM))),
    "SIGHUP": (_SERVICE, _signals((_UNDER_WAY, signal.SIGHUP))),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_record_is_written_whatever_the_signal(stories: Any, name: str) -> None:
    typed = stories[name]
    assert "Traceback" not in typed.out
    (record,) = typed.records
    (service,) = record["predicate"]["services"]
    assert service["serviceDeployment"]
    assert record["predicate"]["verdict"]["exitCode"] == typed.code, typed.out
    assert f"exit {typed.code} (" in typed.out


def test_ctrl_c_asks_ecs_to_roll_back_and_watches(stories: Any) -> None:
    typed = stories["Ctrl-C"]
    assert _ASKED in typed.out
    assert "Ctrl-C once more leaves" in typed.out
    assert "rolled back at your request to shop-" in typed.out, typed.out
    assert (typed.code, typed.deployment) == (31, "ROLLBACK_SUCCESSFUL")


def test_ctrl_c_twice_leaves(stories: Any) -> None:
    typed = stories["Ctrl-C twice"]
    assert typed.code == 130, typed.out
    assert "interrupted twice" in typed.out
    assert typed.seconds < 5


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_it_leaves_within_five_seconds(stories: Any, name: str) -> None:
    typed = stories[name]
    assert typed.code == 143, typed.out
    assert f"ended by {name}" in typed.out
    assert typed.seconds < 5
    # It asked for nothing: what ECS was doing goes on.
    assert typed.deployment == "IN_PROGRESS"
    assert _ASKED not in typed.out
