"""What git and a real origin say of branches, tags and signatures."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shipway.errors import GitError
from shipway.git.checkout import run_git
from shipway.git.history import GitHistory
from shipway.policy.facts import Tag

SECONDS = 60


def run(*words: str, where: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        words,
        cwd=where,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **(env or {})},
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=SECONDS,
    )
    return done.stdout.strip()


@dataclass
class Place:
    """An origin, somebody who works on it, and the checkout that a job has of it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def job(self) -> Path:
        return self.folder / "job"

    @property
    def history(self) -> GitHistory:
        return GitHistory(self.job, self.variables)

    def git(self, *words: str, where: Path | None = None) -> str:
        named = ("-c", "user.name=Mona", "-c", "user.email=mona@example.org")
        return run("git", *named, *words, where=where or self.work)

    def commit(self, name: str) -> str:
        (self.work / name).write_text(name)
        self.git("add", name)
        self.git("commit", "--quiet", "--message", name)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        self.git("push", "--quiet", "--force", "origin", *refs)

    def check_out(self, *options: str) -> GitHistory:
        """What actions/checkout leaves: all branches, and tags as lightweight ones."""
        run("git", "clone", "--quiet", *options, f"file://{self.origin}", "job", where=self.folder)
        return self.history


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    run("git", "init", "--quiet", "--bare", "--initial-branch=main", "origin.git", where=tmp_path)
    run("git", "clone", "--quiet", "origin.git", "work", where=tmp_path)
    made.git("checkout", "--quiet", "-B", "main")
    return made


@dataclass
class Line:
    """A history: first, then a merge of a side branch, then the tip."""

    first: str
    side: str
    merge: str
    tip: str


@pytest.fixture
def line(place: Place) -> Line:
    first = place.commit("first")
    place.git("checkout", "--quiet", "-b", "side")
    side = place.commit("side")
    place.git("checkout", "--quiet", "main")
    place.commit("second")
    place.git("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    merge = place.git("rev-parse", "HEAD")
    tip = place.commit("tip")
    place.push("main", "side")
    return Line(first, side, merge, tip)


def test_first_parents(place: Place, line: Line) -> None:
    history = place.check_out()
    for sha in (line.first, line.merge, line.tip):
        assert history.standing(sha, "main") == "on"
    assert history.standing(line.side, "main") == "off", "merged, but never the branch's own"
    assert history.standing("b" * 40, "main") == "off"
    assert history.standing(line.tip, "elsewhere") == "no-branch"


def test_the_branch_is_origins_not_a_local_one(place: Place, line: Line) -> None:
    history = place.check_out()
    place.git("checkout", "--quiet", "--detach", where=place.job)
    place.git("branch", "--force", "main", "origin/side", where=place.job)
    assert history.standing(line.side, "main") == "off"
    assert history.standing(line.tip, "main") == "on"


def test_a_shallow_checkout_cannot_tell(place: Place, line: Line) -> None:
    history = place.check_out("--depth=1")
    assert history.standing(line.tip, "main") == "on"
    assert history.standing(line.first, "main") == "shallow"


def test_a_graft_of_this_clone_is_no_history(place: Place, line: Line) -> None:
    history = place.check_out()
    # git replace(1) took the place of such files; git still believes them.
    grafts = place.job / ".git" / "info" / "grafts"
    grafts.write_text(f"{line.tip} {line.side}\n")
    assert history.standing(line.side, "main") == "off"
    grafts.unlink()
    assert history.standing(line.side, "main") == "off"


def test_git_says_nothing_of_the_grafts_that_it_is_not_to_see(place: Place, line: Line) -> None:
    """What it says beside an answer is shown where it fails."""
    place.check_out()
    told = run_git(place.job, "rev-parse", f"{line.tip}^{{commit}}")
    assert (told.returncode, told.stderr) == (0, "")


def test_the_order_of_commits(place: Place, line: Line) -> None:
    history = place.check_out()
    place.git("checkout", "--quiet", "--detach", line.first)
    apart = place.commit("apart")
    place.git("push", "--quiet", "origin", f"{apart}:refs/heads/apart")
    place.git("fetch", "--quiet", "origin", where=place.job)
    assert history.order(line.tip, line.tip) == "same"
    assert history.order(line.first, line.tip) == "older"
    assert history.order(line.side, line.tip) == "older"
    assert history.order(line.tip, line.first) == "newer"
    assert history.order(apart, line.tip) == "apart"
    assert history.order("b" * 40, line.tip) == "unknown"
    assert history.order("--help", line.tip) == "unknown"


def test_a_tag_is_asked_of_origin(place: Place, line: Line) -> None:
    place.git("tag", "light", line.tip)
    place.git("tag", "--annotate", "--message", "x", "v1-stable", line.tip)
    place.push("light", "v1-stable")
    history = place.check_out()
    # What actions/checkout does to an annotated tag.
    place.git("tag", "--force", "v1-stable", line.tip, where=place.job)
    made = place.git("rev-parse", "v1-stable")
    assert history.tag("v1-stable") == Tag(object=made, commit=line.tip, annotated=True)
    assert history.tag("light") == Tag(object=line.tip, commit=line.tip, annotated=False)
    assert history.tag("absent") is None
    place.git("push", "--quiet", "origin", ":refs/tags/v1-stable")
    assert history.tag("v1-stable") is None


def test_a_tag_that_moved_is_seen_without_a_fetch(place: Place, line: Line) -> None:
    place.git("tag", "v1-stable", line.first)
    place.push("v1-stable")
    history = place.check_out()
    place.git("tag", "--force", "v1-stable", line.tip)
    place.push("v1-stable")
    found = history.tag("v1-stable")
    assert found is not None
    assert found.commit == line.tip


def test_a_branch_with_a_tags_whole_name_is_no_tag(place: Place, line: Line) -> None:
    place.git("push", "--quiet", "origin", f"{line.side}:refs/heads/refs/tags/v1-stable")
    history = place.check_out()
    assert history.tag("v1-stable") is None
    assert line.tip


def test_a_file_is_read_as_origins_branch_has_it_whatever_is_checked_out(place: Place) -> None:
    contract = "schema = 1\r\n# gr\u00fcn\n\n".encode()
    (place.work / "release.toml").write_bytes(contract)
    place.git("-c", "core.autocrlf=false", "add", "release.toml")
    place.git("commit", "--quiet", "--message", "protected")
    place.push("main")
    place.git("checkout", "--quiet", "-b", "topic")
    (place.work / "release.toml").write_bytes(b"everything = true\n")
    place.git("commit", "--quiet", "--all", "--message", "my own")
    place.push("topic")
    history = place.check_out("--branch=topic")
    place.git("branch", "--force", "main", "origin/topic", where=place.job)
    commit = history.origin_branch("main")
    assert commit == place.git("rev-parse", "main")
    assert history.file(commit, "release.toml") == contract
    assert history.file(commit, "none.toml") is None
    assert history.file("HEAD", "release.toml") == b"everything = true\n"
    assert history.origin_branch("elsewhere") == ""


def test_an_origin_that_is_not_there(place: Place, line: Line) -> None:
    history = place.check_out()
    place.git("remote", "set-url", "origin", f"file://{place.folder}/gone.git", where=place.job)
    with pytest.raises(GitError, match=r"git ls-remote") as caught:
        history.tag("v1-stable")
    assert caught.value.remedy.startswith("in GitHub Actions give the step GITHUB_TOKEN")
    assert line.tip


def test_a_token_for_origin_is_in_no_argument_and_no_message(place: Place, line: Line) -> None:
    place.variables = {"GITHUB_TOKEN": "canary", "GITHUB_SERVER_URL": "https://localhost:1"}
    history = place.check_out()
    place.git("remote", "set-url", "origin", "https://localhost:1/octo/shop", where=place.job)
    with pytest.raises(GitError) as caught:
        history.tag("v1-stable")
    assert "canary" not in f"{caught.value}{caught.value.remedy}"
    assert "canary" not in (place.job / ".git" / "config").read_text()
    assert line.tip


def ssh_key(folder: Path, name: str) -> tuple[Path, str]:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name, where=folder)
    return folder / name, (folder / f"{name}.pub").read_text().strip()


def signed_with_ssh(place: Place, tag: str, key: Path) -> None:
    place.git(
        "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}",
        "tag", "--sign", "--message", tag, tag,
    )  # fmt: skip
    place.push(tag)


@pytest.fixture
def signers(place: Place, line: Line) -> tuple[Path, Path]:
    """A key that the repository allows, and one of a stranger."""
    good, public = ssh_key(place.folder, "good")
    stranger, _ = ssh_key(place.folder, "stranger")
    (place.work / "signers").write_text(f"mona@example.org {public}\n")
    (place.work / "nobody").write_text("# nobody\n")
    place.git("add", "signers", "nobody")
    place.git("commit", "--quiet", "--message", "keys")
    place.push("main")
    assert line.tip
    return good, stranger


def look(place: Place, name: str, *keys: str) -> tuple[bool, str] | None:
    history = GitHistory(place.job, {})
    tag = history.tag(name)
    assert tag is not None
    found = history.signature(tag, name, keys)
    return (found.good, found.said) if found else None


def test_signatures_of_ssh_keys(place: Place, signers: tuple[Path, Path]) -> None:
    good, stranger = signers
    signed_with_ssh(place, "good-stable", good)
    signed_with_ssh(place, "stranger-stable", stranger)
    place.git("tag", "--annotate", "--message", "x", "bare-stable")
    place.git("tag", "light-stable")
    place.push("bare-stable", "light-stable")
    place.check_out()
    for name in ("good-stable", "stranger-stable"):
        place.git("tag", "--force", name, "HEAD", where=place.job)
    before = place.git("for-each-ref", where=place.job)
    found = look(place, "good-stable", "nobody", "signers")
    assert found is not None
    assert found[0]
    assert found[1].startswith('Good "git" signature for mona@example.org with ED25519 key')
    assert look(place, "good-stable", "nobody") == (False, "No principal matched")
    assert look(place, "stranger-stable", "signers") == (False, "No principal matched")
    assert look(place, "bare-stable", "signers") is None
    assert look(place, "light-stable", "signers") is None
    assert place.git("for-each-ref", where=place.job) == before, "no ref was touched"
    with pytest.raises(GitError, match="git cat-file"):
        look(place, "good-stable", "absent")


def test_a_repository_cannot_name_the_program_that_verifies(
    place: Place, signers: tuple[Path, Path]
) -> None:
    signed_with_ssh(place, "stranger-stable", signers[1])
    place.check_out()
    liar = place.folder / "liar"
    liar.write_text('#!/bin/sh\necho "Good \\"git\\" signature for mona with key" >&2\nexit 0\n')
    liar.chmod(0o755)
    place.git("config", "gpg.ssh.program", str(liar), where=place.job)
    place.git("config", "gpg.ssh.allowedSignersFile", str(liar), where=place.job)
    assert look(place, "stranger-stable", "signers") == (False, "No principal matched")


def test_a_signature_counts_for_the_name_it_was_made_for(
    place: Place, signers: tuple[Path, Path]
) -> None:
    signed_with_ssh(place, "v1-rc", signers[0])
    signed = place.git("rev-parse", "v1-rc")
    place.git("push", "--quiet", "origin", f"{signed}:refs/tags/v1-stable")
    place.check_out()
    assert look(place, "v1-rc", "signers") is not None
    assert look(place, "v1-stable", "signers") == (
        False,
        'it was signed as "v1-rc", not as "v1-stable"',
    )


def test_a_name_in_the_message_is_not_the_tags(place: Place, signers: tuple[Path, Path]) -> None:
    place.git(
        "-c", "gpg.format=ssh", "-c", f"user.signingkey={signers[0]}",
        "tag", "--sign", "--message", "tag v2-stable", "v2-rc",
    )  # fmt: skip
    signed = place.git("rev-parse", "v2-rc")
    place.git("push", "--quiet", "origin", f"{signed}:refs/tags/v2-stable")
    place.check_out()
    found = look(place, "v2-stable", "signers")
    assert found is not None
    assert not found[0]


def openpgp_key(folder: Path, who: str) -> dict[str, str]:
    """A key in a key ring of its own, and the variable that has gpg use that."""
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    run(
        "gpg", "--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase", "",
        "--quick-generate-key", f"{who} <{who}@example.org>", "ed25519", "sign", "never",
        where=folder, env=env,
    )  # fmt: skip
    return env


@pytest.mark.parametrize(
    "message",
    ["x\n-----BEGIN SSH SIGNATURE-----\nx", "-----BEGIN SSH SIGNATURE-----", "plain"],
)
def test_a_key_of_this_machines_own_key_ring_counts_for_nothing(
    place: Place, signers: tuple[Path, Path], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git verifies what stands last; a line above it once sent it to whatever gpg knew here."""
    assert signers
    env = openpgp_key(place.folder, "mallory")
    monkeypatch.setenv("GNUPGHOME", env["GNUPGHOME"])
    try:
        key = ("-c", "user.signingkey=mallory@example.org")
        place.git(*key, "tag", "--sign", "--message", message, "evil-stable")
        place.push("evil-stable")
        place.check_out()
        found = look(place, "evil-stable", "signers")
    finally:
        run("gpgconf", "--kill", "all", where=place.folder, env=env)
    assert found is not None
    assert not found[0]


@pytest.mark.parametrize("mark", ["SIGNED MESSAGE", "PGP MESSAGE"])
def test_a_signature_of_another_kind_is_refused(
    place: Place, signers: tuple[Path, Path], mark: str
) -> None:
    assert signers
    message = f"x\n-----BEGIN SSH SIGNATURE-----\nx\n-----BEGIN {mark}-----\nx"
    place.git("tag", "--annotate", "--message", message, "other-stable")
    place.push("other-stable")
    place.check_out()
    assert look(place, "other-stable", "signers") == (
        False,
        "its signature is neither SSH's nor OpenPGP's",
    )


def test_the_commits_that_begin_so(place: Place, line: Line) -> None:
    history = GitHistory(place.work, {})
    assert history.commits(line.tip[:7]) == (line.tip,)
    assert history.commits(line.tip[:6]) == (), "too few digits name nothing"
    tree = place.git("rev-parse", f"{line.tip}^{{tree}}")
    assert history.commits(tree) == (), "a tree is no commit"


def test_a_signature_over_something_else(place: Place, signers: tuple[Path, Path]) -> None:
    signed_with_ssh(place, "good-stable", signers[0])
    text = place.git("cat-file", "tag", "good-stable")
    changed = place.folder / "changed"
    renamed = text.replace("tag good-stable", "tag changed-stable")
    changed.write_text(renamed.replace("tagger Mona", "tagger Mallory") + "\n")
    made = place.git("hash-object", "-t", "tag", "-w", str(changed))
    place.git("push", "--quiet", "origin", f"{made}:refs/tags/changed-stable")
    place.check_out()
    found = look(place, "changed-stable", "signers")
    assert found is not None
    assert not found[0]
    assert "signature" in found[1].lower()


def test_signatures_of_openpgp_keys(place: Place, line: Line) -> None:
    home = place.folder / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    for who in ("mona", "mallory"):
        run(
            "gpg", "--batch", "--quiet", "--pinentry-mode=loopback", "--passphrase", "",
            "--quick-generate-key", f"{who} <{who}@example.org>", "ed25519", "sign", "never",
            where=place.folder, env=env,
        )  # fmt: skip
    try:
        armoured = run("gpg", "--armor", "--export", "mona@example.org", where=home, env=env)
        (place.work / "keys.asc").write_text(f"{armoured}\n")
        place.git("add", "keys.asc")
        place.git("commit", "--quiet", "--message", "keys")
        for who in ("mona", "mallory"):
            named = ("-c", f"user.signingkey={who}@example.org", "-c", "user.name=x")
            tag = ("tag", "--sign", "--message", who, f"{who}-stable")
            email = ("-c", "user.email=x@example.org")
            run("git", *named, *email, *tag, where=place.work, env=env)
        place.push("main", "mona-stable", "mallory-stable")
        place.check_out()
        found = look(place, "mona-stable", "keys.asc")
        assert found is not None
        assert found[0]
        assert 'Good signature from "mona <mona@example.org>"' in found[1]
        bad = look(place, "mallory-stable", "keys.asc")
        assert bad is not None
        assert not bad[0]
        assert "No public key" in bad[1]
    finally:
        run("gpgconf", "--kill", "all", where=home, env=env)
    assert line.tip
