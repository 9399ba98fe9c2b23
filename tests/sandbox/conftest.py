"""One Docker engine for all tests of this room: the one that answers, or a private one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipway.sandbox import busybox, engine
from shipway.sandbox.engine import Engine


def _cache() -> Path:
    return Path(os.environ.get("SHIPWAY_TEST_CACHE") or Path.home() / ".cache" / "shipway")


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Started once: a second private engine would take docker0 from the first."""
    run = tmp_path_factory.mktemp("engine")
    with engine.start(_cache(), run, lambda _text: None) as found:
        yield found


@pytest.fixture(scope="session")
def busybox_program() -> bytes:
    """A static busybox, from the machine's own packages."""
    return busybox.program(_cache(), lambda _text: None)
