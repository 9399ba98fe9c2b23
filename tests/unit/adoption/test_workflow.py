"""The workflow that others get is this repository's own, but for how shipway gets there."""

from __future__ import annotations

from pathlib import Path

from shipway.adoption import files
from shipway.cli.contract import read, render

ROOT = Path(__file__).resolve().parents[3]
# What installs and starts shipway, and what only a delivery.toml that names no account needs.
_OTHERWISE = ("nox", "ci/shipway.lock", "shipway deploy", "shipway contract", "AWS_ACCOUNT_ID: ")
# Here nox is installed first, in a line of its own.
_TWO_LINES = "        run: |"


def test_the_template_is_this_repositorys_own_workflow() -> None:
    compiled = render(*read(ROOT))
    text = files.workflow(compiled.regions, compiled.workflow)
    own = (ROOT / compiled.workflow).read_text(encoding="utf-8")

    def kept(workflow: str) -> list[str]:
        return [
            line
            for line in workflow.splitlines()
            if line != _TWO_LINES and not any(word in line for word in _OTHERWISE)
        ]

    assert kept(text) == kept(own)
    assert (own.count(_TWO_LINES), text.count(_TWO_LINES)) == (1, 0)
    assert "--require-hashes" in text
    assert "\n        run: exec shipway deploy\n" in text
