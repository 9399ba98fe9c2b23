"""The release workflow: nothing but a version's tag publishes, and no job may do more than it must.

What the files mean is checked by ``nox -s lint`` (zizmor, jactionlint, GitHub's schema).
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from shipway.policy.pattern import matches

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


def jobs(text: str) -> dict[str, str]:
    """Each job's text by its name."""
    body = text.partition("\njobs:\n")[2]
    parts = re.split(r"^  ([a-z]+):\n", body, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def permissions(job: str) -> set[str]:
    [block] = re.findall(r"^    permissions:\n((?:      .*\n)+)", job, re.MULTILINE)
    return set(re.findall(r"^      ([a-z-]+: [a-z]+)", block, re.MULTILINE))


def test_only_a_tag_that_begins_with_v_starts_it() -> None:
    [on] = re.findall(r"^on:\n((?:  .*\n)+)", RELEASE, re.MULTILINE)
    assert re.findall(r"^  (\w+):", on, re.MULTILINE) == ["push"]
    assert re.findall(r"^    (\w+):", on, re.MULTILINE) == ["tags"]
    wanted = re.findall(r'^      - "([^"!]+)"', on, re.MULTILINE)
    assert wanted == ["v[0-9]*"]
    condition = " ".join(jobs(RELEASE)["build"].partition("if: >-")[2].split())
    assert condition.startswith("github.event_name == 'push' && !github.event.deleted")
    assert "startsWith(github.ref, 'refs/tags/v')" in condition


def test_the_examples_own_releases_are_none_of_ours() -> None:
    contract = tomllib.loads((ROOT / "ci" / "release.toml").read_text(encoding="utf-8"))
    tags = [
        entry["ref"] for entry in contract["allow"] if entry.get("ref", "").startswith("refs/tags")
    ]
    assert [matches(ref, "refs/tags/v1.0.0-stable") for ref in tags] == [True]
    assert '- "!*-stable"' in RELEASE
    assert "!endsWith(github.ref, '-stable')" in RELEASE


def test_each_job_has_what_it_needs_and_no_more() -> None:
    assert "\npermissions: {}\n" in RELEASE
    assert {name: permissions(job) for name, job in jobs(RELEASE).items()} == {
        "build": {"contents: read"},
        "attest": {"id-token: write", "attestations: write"},
        "publish": {"id-token: write"},
    }
    assert "secrets." not in RELEASE


def test_nothing_is_published_that_was_not_built_checked_and_attested_before() -> None:
    made = jobs(RELEASE)
    assert "    needs: build\n" in made["attest"]
    assert "    needs: attest\n" in made["publish"]
    assert "      name: pypi\n" in made["publish"]
    # What could run code of somebody else has no right to sign or to publish.
    assert "run:" not in made["attest"] + made["publish"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_its_commit(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text(encoding="utf-8"))
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v[0-9]+\.[0-9]+\.[0-9]+", comment), action


def test_an_action_has_one_commit_everywhere() -> None:
    used = {
        match
        for file in WORKFLOWS
        for match in re.findall(r"uses: (\S+)@(\S+)", file.read_text(encoding="utf-8"))
    }
    assert len(used) == len({name for name, _ in used})


def test_uv_is_the_one_of_the_lock() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    [locked] = [each["version"] for each in lock["package"] if each["name"] == "uv"]
    assert f"'uv=={locked}'" in RELEASE
