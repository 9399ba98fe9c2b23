"""The git adapter against real repositories, the hostile ones included."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipway.adoption import look
from shipway.errors import GitError
from shipway.git import checkout
from shipway.git.history import GitHistory
from shipway.rehearsal.checkout import Checkout, Project

WHEN = "2026-11-22T23:40:58+00:00"
PEOPLE = {
    "GIT_AUTHOR_NAME": "Mona",
    "GIT_AUTHOR_EMAIL": "mona@example.org",
    "GIT_COMMITTER_NAME": "Mona",
    "GIT_COMMITTER_EMAIL": "mona@example.org",
    "GIT_AUTHOR_DATE": WHEN,
    "GIT_COMMITTER_DATE": WHEN,
}


def run(where: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), *words],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, **PEOPLE},
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs the tests is read."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    run(root, "init", "--quiet", "--initial-branch=main")
    return root


@pytest.fixture
def repo(empty: Path) -> Path:
    (empty / "app.py").write_text("print('hello')\n")
    (empty / ".gitignore").write_text("ignored\n")
    run(empty, "add", ".")
    run(empty, "commit", "--quiet", "--message", "Sell more · now\n\nMuch more.")
    return empty


def refused(where: Path) -> GitError:
    with pytest.raises(GitError) as caught:
        checkout.head(where)
    return caught.value


def test_the_commit_is_known_with_its_time_and_subject(repo: Path) -> None:
    found = checkout.head(repo)
    assert found.sha == run(repo, "rev-parse", "HEAD")
    assert found.time == datetime(2026, 11, 22, 23, 40, 58, tzinfo=UTC)
    assert (found.clean, found.subject, found.remote) == (True, "Sell more · now", "")


def test_the_top_is_found_from_anywhere_below(repo: Path) -> None:
    below = repo / "a" / "b"
    below.mkdir(parents=True)
    assert checkout.root(below) == repo


@pytest.mark.parametrize(
    "name", ["app.py", "new.txt", "--version", "a\nb", "\N{SNOWMAN}", ";rm -rf x", "$(id)", " "]
)
def test_a_changed_or_a_new_file_is_a_difference_whatever_its_name(repo: Path, name: str) -> None:
    (repo / name).write_text("changed")
    assert not checkout.head(repo).clean


def test_a_name_that_is_no_utf_8(repo: Path) -> None:
    with open(os.fsencode(repo) + b"/\xff\xfe", "w"):  # noqa: PTH123  # pathlib speaks text
        pass
    assert not checkout.head(repo).clean


def test_a_file_that_is_staged_or_deleted_is_a_difference(repo: Path) -> None:
    (repo / "app.py").unlink()
    assert not checkout.head(repo).clean
    run(repo, "rm", "--quiet", "app.py")
    assert not checkout.head(repo).clean


def test_a_file_that_is_ignored_is_none(repo: Path) -> None:
    (repo / "ignored").write_text("x")
    assert checkout.head(repo).clean


def test_the_configuration_cannot_hide_a_difference(repo: Path) -> None:
    run(repo, "config", "status.showUntrackedFiles", "no")
    (repo / "new").write_text("x")
    assert not checkout.head(repo).clean


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_the_index_cannot_hide_a_difference(repo: Path, flag: str) -> None:
    run(repo, "update-index", flag, "app.py")
    (repo / "app.py").write_text("changed")
    assert not checkout.head(repo).clean


@pytest.mark.parametrize(
    "name", ["GIT_LITERAL_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"]
)
def test_no_variable_gives_a_path_another_meaning(
    repo: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(repo, "update-index", "--assume-unchanged", "app.py")
    (repo / "app.py").write_text("changed")
    monkeypatch.setenv(name, "1")
    assert not checkout.head(repo).clean


def test_what_a_sparse_checkout_leaves_out_is_no_difference(repo: Path) -> None:
    run(repo, "update-index", "--skip-worktree", "app.py")
    (repo / "app.py").unlink()
    assert checkout.head(repo).clean


def test_no_commit_yet(empty: Path) -> None:
    error = refused(empty)
    assert error.what == "this repository has no commit yet"
    assert error.where == str(empty)
    assert error.remedy == "commit first: an image is named by the commit it was built from"


def test_no_repository(tmp_path: Path) -> None:
    error = refused(tmp_path)
    assert error.what == ("git log: not a git repository (or any of the parent directories): .git")
    assert error.remedy == "run this inside the repository that is to be delivered"


def test_no_folder(tmp_path: Path) -> None:
    error = refused(tmp_path / "nowhere")
    assert error.what.startswith("git log: cannot change to ")


def test_no_git(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refused(repo)
    assert (error.what, error.remedy) == ("git is not installed", "install git")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://github.com/octo/shop", "https://github.com/octo/shop"),
        ("https://x:ghs_token@github.com/octo/shop.git", "https://github.com/octo/shop.git"),
        ("https://me@corp:ghs_token@github.com/octo/shop", "https://github.com/octo/shop"),
        ("https://ghs_token@github.com/octo/shop@v1", "https://github.com/octo/shop@v1"),
        ("https://host/shop?private_token=ghs_token", "https://host/shop"),
        ("git@github.com:octo/shop.git", "git@github.com:octo/shop.git"),
        ("ssh://git@github.com/octo/shop", "ssh://github.com/octo/shop"),
    ],
)
def test_a_token_in_the_address_goes_nowhere(repo: Path, url: str, kept: str) -> None:
    run(repo, "remote", "add", "origin", url)
    found = checkout.head(repo)
    assert found.remote == kept
    assert "ghs_token" not in repr(found)


@pytest.mark.parametrize("key", ["core.fsmonitor", "core.pager", "gpg.program", "core.hooksPath"])
def test_no_program_that_the_repository_names_is_run(repo: Path, tmp_path: Path, key: str) -> None:
    proof = tmp_path / "ran"
    program = tmp_path / "hooks" / "post-index-change"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {proof}\n")
    program.chmod(0o755)
    run(repo, "config", key, str(program.parent if key == "core.hooksPath" else program))
    run(repo, "config", "log.showSignature", "true")
    os.utime(repo / "app.py", (0, 0))
    found = checkout.head(repo)
    assert found.clean
    assert checkout.root(repo) == repo
    assert not proof.exists()


def test_that_program_would_have_run_otherwise(repo: Path, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    program = tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {proof}\n")
    program.chmod(0o755)
    run(repo, "config", "core.fsmonitor", str(program))
    run(repo, "status")
    assert proof.exists()


def test_a_git_hook_that_starts_us_does_not_mislead(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    run(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert checkout.head(repo).subject == "Sell more · now"
    assert checkout.root(repo) == repo


def test_who_works_here(repo: Path) -> None:
    assert checkout.user(repo) == ""
    run(repo, "config", "user.email", "mona@example.org")
    assert checkout.user(repo) == "mona@example.org"


def test_which_rule_ignores_a_file(repo: Path) -> None:
    wheels = repo / "ci" / "wheels"
    wheels.mkdir(parents=True)
    (wheels / "shop.whl").write_bytes(b"")
    assert checkout.ignored_by(repo, "ci/wheels/shop.whl") == ""
    (wheels / ".gitignore").write_text("*")  # as `uv build --out-dir` leaves it
    assert checkout.ignored_by(repo, "ci/wheels/shop.whl") == "ci/wheels/.gitignore:1:*"
    run(repo, "add", "--force", "ci/wheels/shop.whl")
    assert checkout.ignored_by(repo, "ci/wheels/shop.whl") == ""


@pytest.mark.parametrize("branches", [("main",), ("trunk",), ("develop", "release/1")])
def test_a_rehearsed_release_is_on_every_branch_that_the_contract_asks_about(
    repo: Path, tmp_path: Path, branches: tuple[str, ...]
) -> None:
    run(repo, "branch", "--move", branches[0])
    project = Project(repository="acme/shop", dockerfile="app.py", branches=branches)
    clone = Checkout(repo, tmp_path / "clone", project)
    release = clone.release("", "a release")
    history = GitHistory(clone.folder, {})
    assert [history.standing(release, branch) for branch in branches] == ["on"] * len(branches)


def test_an_edit_of_delivery_toml_is_for_one_release_alone(repo: Path, tmp_path: Path) -> None:
    (repo / "ci").mkdir(exist_ok=True)
    (repo / "ci" / "delivery.toml").write_text("hold = 60\n")
    project = Project(repository="acme/shop", dockerfile="app.py")
    clone = Checkout(repo, tmp_path / "clone", project)
    delivery = clone.folder / "ci" / "delivery.toml"
    delivery.write_text("hold = 1\n")  # what somebody changes in the clone stays
    told = []
    for edit in (None, "# {}".format, str.upper, None):
        clone.release("", "a release", edit)
        told.append(run(clone.folder, "show", "HEAD:ci/delivery.toml"))
    assert told == ["hold = 1", "# hold = 1", "HOLD = 1", "hold = 1"]


@pytest.mark.parametrize(
    ("branches", "expected"),
    [
        ((), "main"),
        (("feature/init",), "main"),
        (("trunk",), "trunk"),
        (("master", "topic"), "master"),
    ],
)
def test_releases_come_from_the_default_branch_whatever_is_checked_out(
    repo: Path, branches: tuple[str, ...], expected: str
) -> None:
    """``main`` is made by the fixture; the first name that is no feature branch takes its place."""
    if branches and branches[0] in {"trunk", "master"}:
        run(repo, "branch", "--move", branches[0])
    for branch in branches[-1:]:
        run(repo, "checkout", "--quiet", "-B", branch)
    assert look.remote(repo, "acme/shop", "").branch == expected


def test_the_default_branch_of_origin_goes_before_a_usual_name(repo: Path) -> None:
    run(repo, "update-ref", "refs/remotes/origin/develop", "HEAD")
    run(repo, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    assert look.remote(repo, "acme/shop", "").branch == "develop"


def test_files_that_were_edited_since_the_commit_are_told_apart(repo: Path) -> None:
    names = ("app.py", "été shop.toml", "none.toml")
    assert checkout.changed(repo, names) == ()
    (repo / "app.py").write_text("print('bye')\n")
    (repo / "été shop.toml").write_text("")
    assert checkout.changed(repo, names) == ("app.py", "été shop.toml")
    run(repo, "add", "app.py")
    assert checkout.changed(repo, names[:1]) == ("app.py",), "staged is edited, too"
    assert checkout.changed(repo.parent, names) == (), "no repository: nothing is known"


def test_the_files_that_differ_are_named(repo: Path) -> None:
    (repo / "été shop").mkdir()
    (repo / "été shop" / "new file").touch()
    (repo / "app.py").write_text("print('bye')\n")
    run(repo, "mv", ".gitignore", "ignore")
    found = checkout.head(repo)
    assert (found.clean, set(found.changes)) == (
        False,
        {".gitignore", "app.py", "ignore", "été shop/"},
    )
    for number in range(20):
        (repo / f"more-{number}").touch()
    assert len(checkout.head(repo).changes) == 10


@pytest.mark.parametrize("kind", ["worktree", "submodule"])
def test_a_work_tree_whose_git_folder_is_elsewhere(repo: Path, tmp_path: Path, kind: str) -> None:
    sha = checkout.head(repo).sha
    if kind == "worktree":
        place = tmp_path / "übersicht two"
        run(repo, "worktree", "add", "--quiet", "-b", "two", str(place))
    else:
        above = tmp_path / "above"
        above.mkdir()
        run(above, "init", "--quiet")
        allowed = ("-c", "protocol.file.allow=always")
        run(above, *allowed, "submodule", "--quiet", "add", str(repo), "sub shop")
        place = above / "sub shop"
    assert (place / ".git").is_file()
    assert checkout.root(place / ".") == place
    found = checkout.head(place)
    assert (found.sha, found.clean) == (sha, True)
    (place / "app.py").write_text("")
    assert checkout.head(place).changes == ("app.py",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a checkout to somebody else")
def test_a_checkout_of_somebody_elses_is_told_with_its_place(repo: Path) -> None:
    for place in (repo, *repo.rglob("*")):
        os.chown(place, 12345, 12345, follow_symlinks=False)
    error = refused(repo)
    assert "dubious ownership" in str(error)
    assert f"git config --global --add safe.directory {repo}" in error.remedy
