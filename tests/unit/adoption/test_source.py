"""Where shipway came from, and the lock files that get the same again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shipway.adoption import locks
from shipway.adoption.source import (
    LOCK,
    SANDBOX_LOCK,
    InstalledFrom,
    lock_text,
    only_here,
    requirements,
    source_of,
)
from shipway.errors import ConfigurationError, UsageError

WHEEL = "file:///dist/shipway-0.1.0-py3-none-any.whl"
GIT = {"vcs_info": {"vcs": "git", "commit_id": "3f9c2ab"}}
ARCHIVE = "https://github.com/acme/shipway/archive"


@pytest.mark.parametrize(
    ("direct_url", "to", "shipway", "sandbox"),
    [
        (None, "", "==0.1.0", "==0.1.0"),
        (None, "0.2.0", "==0.2.0", "==0.2.0"),
        (
            {"url": WHEEL, "archive_info": {}},
            "",
            f" @ {WHEEL}",
            " @ file:///dist/shipway_sandbox-0.1.0-py3-none-any.whl",
        ),
        (
            {"url": "https://host/w/shipway-0.1.0-py3-none-any.whl", "archive_info": {}},
            "0.2.0",
            " @ https://host/w/shipway-0.2.0-py3-none-any.whl",
            " @ https://host/w/shipway_sandbox-0.2.0-py3-none-any.whl",
        ),
        (
            {"url": "https://github.com/acme/shipway.git", **GIT},
            "",
            f" @ {ARCHIVE}/3f9c2ab.zip",
            f" @ {ARCHIVE}/3f9c2ab.zip#subdirectory=ci/shipway_sandbox",
        ),
        (
            {"url": "ssh://git@github.com/acme/shipway", **GIT},
            "0.2.0",
            f" @ {ARCHIVE}/refs/tags/v0.2.0.zip",
            f" @ {ARCHIVE}/refs/tags/v0.2.0.zip#subdirectory=ci/shipway_sandbox",
        ),
    ],
)
def test_a_lock_is_resolved_from_where_shipway_came_from(
    direct_url: dict[str, Any] | None, to: str, shipway: str, sandbox: str
) -> None:
    source = source_of("0.1.0", direct_url, to)
    assert requirements(source, LOCK) == (f"shipway[sbom,sign]{shipway}",)
    assert requirements(source, SANDBOX_LOCK) == (
        f"shipway[sandbox,sbom,sign]{shipway}",
        f"shipway-sandbox{sandbox}",
    )


@pytest.mark.parametrize(
    ("direct_url", "why"),
    [
        ({"url": "file:///src/shipway", "dir_info": {"editable": True}}, "from a folder"),
        ({"url": "https://git.acme.example/shipway.git", **GIT}, "no archive is known"),
    ],
)
def test_what_no_hash_can_pin_is_refused(direct_url: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as refused:
        source_of("0.1.0", direct_url)
    assert "uv build --all-packages" in refused.value.remedy


def test_a_version_is_a_version() -> None:
    with pytest.raises(UsageError, match="no version"):
        source_of("0.1.0", None, "--index-url")


class Resolver:
    """Answers with one line."""

    def resolve(self, requirements: Sequence[str]) -> str:
        return f"{requirements[0]} \\\n    --hash=sha256:aa\n"


def test_a_wheel_that_changed_since_it_was_installed_is_refused(tmp_path: Any) -> None:
    kept = {"url": WHEEL, "archive_info": {"hashes": {"sha256": "bb"}}}
    source = source_of("0.1.0", kept)
    with pytest.raises(ConfigurationError, match="has changed"):
        locks.resolved(source, LOCK, tmp_path, Resolver())
    same = InstalledFrom(url=source.url, sandbox_url=source.sandbox_url, sha256="aa")
    text = locks.resolved(same, LOCK, tmp_path, Resolver())
    assert text.startswith("# Written by `shipway upgrade`")


def test_a_wheel_of_the_repository_is_named_from_its_root() -> None:
    resolved = "shipway @ file:///work/tally/ci/wheels/shipway-0.1.0.whl \\\n    --hash=sha256:aa\n"
    own = lock_text(LOCK, resolved, "/work/tally")
    assert "\n./ci/wheels/shipway-0.1.0.whl \\\n" in own
    assert not only_here(own)
    foreign = lock_text(LOCK, resolved, "/work/other")
    assert only_here(foreign) == ("file:///work/tally/ci/wheels/shipway-0.1.0.whl",)
    assert "CI" in locks.note_of([own, foreign])


@pytest.mark.parametrize("root", ["/work/mein Gerät/Zähl Dienst", "/work/100%/c++"])
def test_a_wheel_of_the_repository_is_found_whatever_its_folder_is_called(root: str) -> None:
    url = Path(root, "ci", "wheels", "shipway-0.1.0.whl").as_uri()
    resolved = f"shipway @ {url} \\\n    --hash=sha256:aa\n"
    own = lock_text(LOCK, resolved, root)
    assert "\n./ci/wheels/shipway-0.1.0.whl \\\n" in own
    assert locks.note_of([own]) == ""


def test_a_wheel_that_git_ignores_is_told_for_ci_would_lack_it() -> None:
    resolved = "shipway @ file:///work/tally/ci/wheels/shipway-0.1.0.whl \\\n    --hash=sha256:aa\n"
    own = lock_text(LOCK, resolved, "/work/tally")
    rules = {"ci/wheels/shipway-0.1.0.whl": "ci/wheels/.gitignore:1:*"}
    note = locks.note_of([own], lambda path: rules.get(path, ""))
    assert "ci/wheels/shipway-0.1.0.whl" in note
    assert "ci/wheels/.gitignore:1:*" in note
    assert locks.note_of([own], lambda _: "") == ""


@pytest.mark.parametrize("file", ["ci/delivery.toml", LOCK, SANDBOX_LOCK])
def test_locks_are_written_only_where_shipway_was_adopted(tmp_path: Path, file: str) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "deploy.toml").write_text("somebody else's")
    with pytest.raises(ConfigurationError, match="has not adopted shipway") as caught:
        locks.check_adopted(tmp_path)
    assert caught.value.where == str(tmp_path)
    assert "nothing was written" in caught.value.what
    assert "shipway init" in caught.value.remedy
    (tmp_path / file).write_text("")
    locks.check_adopted(tmp_path)
