"""MiniStack keeps nothing under a name that another user of this machine can have taken first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_LOADS = """
import os, sys
from pathlib import Path
from shipway_sandbox.emulator import hosting
hosting.set_environment(hosting.Settings(port=1, region="eu-west-1", account="1" * 12), "x")
opened = set()
def seen(event, words):
    if event in {"open", "os.mkdir"} and str(words[0]).startswith("/tmp/ministack"):
        opened.add(str(words[0]))
sys.addaudithook(seen)
hosting.load()
from ministack.services import athena, cognito, glue, s3
named = (cognito._RSA_KEY_PATH, cognito._POOL_KEYS_DIR, s3.DATA_DIR, glue.S3_DATA_DIR,
         athena.S3_DATA_DIR)
print(*named, *sorted(opened), sep="\\n")
"""


@pytest.mark.skipif(not Path("/tmp").is_dir(), reason="there is no /tmp")  # noqa: S108 - MiniStack's
def test_state_and_keys_are_in_memory_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADS],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    places = done.stdout.split()
    assert len(places) == 5, "and nothing of its own was opened or made in /tmp"
    assert [place for place in places if not place.startswith(f"{os.devnull}/")] == []
