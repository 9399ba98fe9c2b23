"""The lock that tells who is still at work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway.errors import SandboxError
from shipway_sandbox import locks


def test_it_is_held_until_every_copy_is_closed(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not locks.held(lock)
    held = locks.take(lock, 0.0, "the one before")
    copy = os.dup(held)  # as a child has one
    os.close(held)
    with pytest.raises(SandboxError, match="the one before has not ended within 0 s") as raised:
        locks.wait(lock, 0.0, "the one before")
    assert raised.value.where == str(lock)
    assert locks.held(lock)
    os.close(copy)
    assert not locks.held(lock)
    locks.wait(lock, 0.0, "the one before")
    os.close(locks.take(lock, 0.0, "the one before"))
