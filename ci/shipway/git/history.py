"""What git and origin know of commits, branches and tags: the facts behind the contract's rules."""

from __future__ import annotations

import base64
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.errors import GitError
from shipway.git.checkout import ask, failed
from shipway.policy.facts import Order, Signature, Standing, Tag

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SECONDS: Final = 60.0
_OPENPGP: Final = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_SIGNATURES: Final = ("-----BEGIN SSH SIGNATURE-----", "-----BEGIN PGP SIGNATURE-----")
# The programs that verify are ours to name: the repository's configuration could name another.
_VERIFY: Final = (
    *("-c", "gpg.program=gpg"),
    *("-c", "gpg.ssh.program=ssh-keygen"),
    *("-c", "gpg.ssh.revocationFile="),
    *("-c", "gpg.minTrustLevel=undefined"),
)


@dataclass(frozen=True, slots=True)
class GitHistory:
    """One repository and its origin; implements :class:`shipway.policy.facts.History`.

    Args:
        root: The repository.
        variables: The process's environment: ``GITHUB_TOKEN`` opens origin where it is private.
    """

    root: Path
    variables: Mapping[str, str]

    def standing(self, sha: str, branch: str) -> Standing:
        """Whether a commit is on a branch's first-parent history, as origin had it when fetched."""
        for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            if not ask(self.root, "rev-parse", "--verify", "--quiet", ref).returncode:
                break
        else:
            return "no-branch"
        if sha in self._said("rev-list", "--first-parent", ref).split():
            return "on"
        shallow = self._said("rev-parse", "--is-shallow-repository") == "true"
        return "shallow" if shallow else "off"

    def order(self, other: str, ours: str) -> Order:
        """How another commit stands to ours."""
        if other == ours:
            return "same"
        known = all(
            _COMMIT.fullmatch(one)
            and not ask(self.root, "cat-file", "-e", f"{one}^{{commit}}").returncode
            for one in (other, ours)
        )
        if not known:
            return "unknown"
        if self._holds(ours, other):
            return "older"
        return "newer" if self._holds(other, ours) else "apart"

    def tag(self, name: str) -> Tag | None:
        """The tag as origin has it now; its two lines tell an annotated tag from another."""
        ref = f"refs/tags/{name}"
        listed = self._origin("ls-remote", "origin", ref, f"{ref}^{{}}")
        # Patterns of ls-remote match the ends of names: a branch "refs/tags/x" would answer too.
        rows = (line.partition("\t") for line in listed.splitlines())
        found = {name: object_id for object_id, _, name in rows}
        if ref not in found:
            return None
        peeled = found.get(f"{ref}^{{}}", "")
        return Tag(object=found[ref], commit=peeled or found[ref], annotated=bool(peeled))

    def signature(self, tag: Tag, name: str, keys: Sequence[str]) -> Signature | None:
        """Whether one of the keys in these files signed the tag; ``None`` where it is not signed.

        The files are read from the commit that is checked out. The tag object is fetched from
        origin without touching any ref here: a checkout may have put another in its place.
        """
        if not tag.annotated:
            return None
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        self._origin("fetch", *quietly, "origin", f"refs/tags/{name}")
        text = self._said("cat-file", "tag", tag.object)
        kind = next((mark for mark in _SIGNATURES if mark in text), "")
        if not kind:
            return None
        files = [self._said("cat-file", "blob", f"HEAD:{path}") for path in keys]
        with tempfile.TemporaryDirectory(prefix="shipway-keys-") as made:
            folder = Path(made)
            if "SSH" in kind:
                done = self._verify_ssh(
                    folder, tag, [file for file in files if _OPENPGP not in file]
                )
            else:
                done = self._verify_openpgp(folder, tag, [one for one in files if _OPENPGP in one])
        said = _said_by(done.stderr)
        return Signature(good=done.returncode == 0 and bool(said), said=said or _why(done.stderr))

    def _verify_ssh(
        self, folder: Path, tag: Tag, files: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        allowed = folder / "allowed_signers"
        allowed.write_text("\n".join(files) + "\n", encoding="utf-8")
        signers = ("-c", f"gpg.ssh.allowedSignersFile={allowed}")
        return ask(self.root, *_VERIFY, *signers, "verify-tag", tag.object)

    def _verify_openpgp(
        self, folder: Path, tag: Tag, files: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        for text in files:
            _import(folder, text)
        return ask(self.root, *_VERIFY, "verify-tag", tag.object, more={"GNUPGHOME": str(folder)})

    def _holds(self, descendant: str, ancestor: str) -> bool:
        words = ("merge-base", "--is-ancestor", ancestor, descendant)
        done = ask(self.root, *words)
        if done.returncode not in {0, 1}:
            raise failed(done, self.root, *words)
        return done.returncode == 0

    def _said(self, *words: str) -> str:
        done = ask(self.root, *words)
        if done.returncode:
            raise failed(done, self.root, *words)
        return done.stdout.rstrip("\n")

    def _origin(self, *words: str) -> str:
        done = ask(self.root, *words, more=_opening(self.variables), seconds=_SECONDS)
        if done.returncode:
            error = failed(done, self.root, *words)
            raise GitError(
                error.what,
                where="origin",
                remedy="in GitHub Actions give the step GITHUB_TOKEN with contents: read",
            )
        return done.stdout


def _opening(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that let git read origin: configuration by environment, not by argument.

    What ``actions/checkout`` may have left as a header is taken away first: GitHub answers 400 to
    two of them (git-config, http.extraHeader: an empty value resets the list).
    """
    token, server = variables.get("GITHUB_TOKEN", ""), variables.get("GITHUB_SERVER_URL", "")
    opened = {"GIT_SSH_COMMAND": variables.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")}
    if not token or not server.startswith("https://"):
        return opened
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    count = variables.get("GIT_CONFIG_COUNT", "0")
    first = int(count) if count.isdecimal() else 0
    for number, value in enumerate(("", f"AUTHORIZATION: basic {basic}"), first):
        opened[f"GIT_CONFIG_KEY_{number}"] = f"http.{server}/.extraheader"
        opened[f"GIT_CONFIG_VALUE_{number}"] = value
    return {**opened, "GIT_CONFIG_COUNT": str(first + 2)}


def _import(folder: Path, text: str) -> None:
    command = ("gpg", "--homedir", str(folder), "--batch", "--quiet", "--no-autostart", "--import")
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, input=text, text=True, timeout=_SECONDS
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise GitError(
            f"gpg cannot read the keys: {error}", remedy="install gnupg, or sign with SSH keys"
        ) from error
    if done.returncode:
        raise GitError(
            f"gpg cannot read the keys: {done.stderr.strip()[:200]}",
            remedy="see the files of signed_by in ci/release.toml",
        )


def _said_by(stderr: str) -> str:
    """Who signed it, in the words of ssh-keygen or gpg; empty where nobody that is allowed did."""
    good = next((line for line in stderr.splitlines() if "Good " in line), "")
    return good if "signature" in good and ("for " in good or "from " in good) else ""


def _why(stderr: str) -> str:
    """Why it is not good, in one line."""
    lines = [line.removeprefix("gpg: ").strip() for line in stderr.splitlines() if line.strip()]
    known = ("no principal", "no public key", "bad signature", "revoked", "expired", "not verify")
    said = next((one for one in lines if any(word in one.lower() for word in known)), "")
    return (said or (lines[-1] if lines else "its signature does not verify")).rstrip(".")
