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
from shipway.git.checkout import blob, git_error, run_git
from shipway.policy.facts import Order, Signature, Standing, Tag
from shipway.policy.pattern import quoted

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PREFIX: Final = re.compile(r"[0-9a-f]{7,64}")
_SECONDS: Final = 60.0
_OPENPGP: Final = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
# Git verifies what begins at the last of these lines, in its own way (gpg-interface.c,
# parse_signed_buffer): one that stands above it, in the message, says nothing.
_SIGNATURE: Final = re.compile(
    r"^-----BEGIN (SSH SIGNATURE|PGP SIGNATURE|PGP|SIGNED)", re.MULTILINE
)
_SSH: Final = "SSH SIGNATURE"
_PGP: Final = "PGP SIGNATURE"
# The programs that verify are ours to name: the repository's configuration could name another.
_VERIFY: Final = (
    *("-c", "gpg.program=gpg"),
    *("-c", "gpg.ssh.program=ssh-keygen"),
    *("-c", "gpg.x509.program=false"),
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
            if not run_git(self.root, "rev-parse", "--verify", "--quiet", ref).returncode:
                break
        else:
            return "no-branch"
        if sha in self._output("rev-list", "--first-parent", ref).split():
            return "on"
        shallow = self._output("rev-parse", "--is-shallow-repository") == "true"
        return "shallow" if shallow else "off"

    def order(self, other: str, ours: str) -> Order:
        """How another commit stands to ours."""
        if other == ours:
            return "same"
        both_known = all(
            _COMMIT.fullmatch(sha)
            and not run_git(self.root, "cat-file", "-e", f"{sha}^{{commit}}").returncode
            for sha in (other, ours)
        )
        if not both_known:
            return "unknown"
        if self._is_ancestor(ours, other):
            return "older"
        return "newer" if self._is_ancestor(other, ours) else "apart"

    def tag(self, name: str) -> Tag | None:
        """The tag as origin has it now; its two lines tell an annotated tag from another."""
        ref = f"refs/tags/{name}"
        output = self._origin("ls-remote", "origin", ref, f"{ref}^{{}}")
        # Patterns of ls-remote match the ends of names: a branch "refs/tags/x" would answer too.
        rows = (line.partition("\t") for line in output.splitlines())
        objects = {name: object_id for object_id, _, name in rows}
        if ref not in objects:
            return None
        peeled = objects.get(f"{ref}^{{}}", "")
        return Tag(object=objects[ref], commit=peeled or objects[ref], annotated=bool(peeled))

    def commits(self, prefix: str) -> tuple[str, ...]:
        """The commits here whose ids begin with these digits (git-rev-parse(1), --disambiguate)."""
        if _PREFIX.fullmatch(prefix) is None:
            return ()
        ids = self._output("rev-parse", f"--disambiguate={prefix}").split()
        return tuple(one for one in ids if self._output("cat-file", "-t", one) == "commit")

    def origin_branch(self, branch: str) -> str:
        """The commit of origin's branch as it was fetched last; empty where it is not here."""
        ref = f"refs/remotes/origin/{branch}^{{commit}}"
        process = run_git(self.root, "rev-parse", "--verify", "--quiet", ref)
        return process.stdout.strip() if process.returncode == 0 else ""

    def file(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, its very bytes; ``None`` where it has none there."""
        return blob(self.root, f"{commit}:{path}")

    def signature(
        self, tag: Tag, name: str, keys: Sequence[str], commit: str = "HEAD"
    ) -> Signature | None:
        """Whether one of the keys in these files signed the tag; ``None`` where it is not signed.

        A signature counts for the name that stands in the tag object: anybody who may push could
        give an old signed object a new name (git-tag(1), "On Re-tagging"; the object's format is
        in git-mktag(1)). The files are read from the commit that is named. The tag object is
        fetched from origin without touching any ref here: a checkout may have put another in its
        place.
        """
        if not tag.annotated:
            return None
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        self._origin("fetch", *quietly, "origin", f"refs/tags/{name}")
        text = self._output("cat-file", "tag", tag.object)
        kinds = _SIGNATURE.findall(text)
        if not kinds:
            return None
        written = _name_of(text)
        if written != name:
            return Signature(
                good=False, said=f"it was signed as {quoted(written)}, not as {quoted(name)}"
            )
        if kinds[-1] not in {_SSH, _PGP}:
            return Signature(good=False, said="its signature is neither SSH's nor OpenPGP's")
        files = [self._output("cat-file", "blob", f"{commit}:{path}") for path in keys]
        with tempfile.TemporaryDirectory(prefix="shipway-keys-") as path:
            folder = Path(path)
            if kinds[-1] == _SSH:
                process = self._verify_ssh(
                    folder, tag, [file for file in files if _OPENPGP not in file]
                )
            else:
                process = self._verify_openpgp(
                    folder, tag, [file for file in files if _OPENPGP in file]
                )
        signer = _good_signature(process.stderr)
        return Signature(
            good=process.returncode == 0 and bool(signer),
            said=signer or _bad_signature(process.stderr),
        )

    def _verify_ssh(
        self, folder: Path, tag: Tag, files: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        allowed = folder / "allowed_signers"
        allowed.write_text("\n".join(files) + "\n", encoding="utf-8")
        signers = ("-c", f"gpg.ssh.allowedSignersFile={allowed}")
        # Nor may a key of this machine's own key ring count, should git take it for OpenPGP's.
        no_keys = {"GNUPGHOME": str(folder)}
        return run_git(self.root, *_VERIFY, *signers, "verify-tag", tag.object, variables=no_keys)

    def _verify_openpgp(
        self, folder: Path, tag: Tag, files: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        for text in files:
            _import(folder, text)
        return run_git(
            self.root, *_VERIFY, "verify-tag", tag.object, variables={"GNUPGHOME": str(folder)}
        )

    def _is_ancestor(self, descendant: str, ancestor: str) -> bool:
        arguments = ("merge-base", "--is-ancestor", ancestor, descendant)
        process = run_git(self.root, *arguments)
        if process.returncode not in {0, 1}:
            raise git_error(process, self.root, *arguments)
        return process.returncode == 0

    def _output(self, *arguments: str) -> str:
        process = run_git(self.root, *arguments)
        if process.returncode:
            raise git_error(process, self.root, *arguments)
        return process.stdout.rstrip("\n")

    def _origin(self, *arguments: str) -> str:
        process = run_git(
            self.root, *arguments, variables=_origin_variables(self.variables), seconds=_SECONDS
        )
        if process.returncode:
            error = git_error(process, self.root, *arguments)
            raise GitError(
                error.what,
                where="origin",
                remedy="in GitHub Actions give the step GITHUB_TOKEN with contents: read",
            )
        return process.stdout


def _origin_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that let git read origin: configuration by environment, not by argument.

    What ``actions/checkout`` may have left as a header is taken away first: GitHub answers 400 to
    two of them (git-config, http.extraHeader: an empty value resets the list).
    """
    token, server = variables.get("GITHUB_TOKEN", ""), variables.get("GITHUB_SERVER_URL", "")
    environment = {"GIT_SSH_COMMAND": variables.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")}
    if not token or not server.startswith("https://"):
        return environment
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    count = variables.get("GIT_CONFIG_COUNT", "0")
    first = int(count) if count.isdecimal() else 0
    for number, value in enumerate(("", f"AUTHORIZATION: basic {basic}"), first):
        environment[f"GIT_CONFIG_KEY_{number}"] = f"http.{server}/.extraheader"
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return {**environment, "GIT_CONFIG_COUNT": str(first + 2)}


def _import(folder: Path, text: str) -> None:
    command = ("gpg", "--homedir", str(folder), "--batch", "--quiet", "--no-autostart", "--import")
    try:
        process = subprocess.run(
            command, check=False, capture_output=True, input=text, text=True, timeout=_SECONDS
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise GitError(
            f"gpg cannot read the keys: {error}", remedy="install gnupg, or sign with SSH keys"
        ) from error
    if process.returncode:
        raise GitError(
            f"gpg cannot read the keys: {process.stderr.strip()[:200]}",
            remedy="see the files of signed_by in ci/release.toml",
        )


def _name_of(tag: str) -> str:
    """The name that a tag object was made with; its header ends at the first empty line."""
    header = tag.partition("\n\n")[0].splitlines()
    return next((line[4:] for line in header if line.startswith("tag ")), "")


def _good_signature(stderr: str) -> str:
    """Who signed it, in the words of ssh-keygen or gpg; empty where nobody that is allowed did."""
    line = next((line for line in stderr.splitlines() if "Good " in line), "")
    return line if "signature" in line and ("for " in line or "from " in line) else ""


def _bad_signature(stderr: str) -> str:
    """Why it is not good, in one line."""
    lines = [line.removeprefix("gpg: ").strip() for line in stderr.splitlines() if line.strip()]
    reasons = ("no principal", "no public key", "bad signature", "revoked", "expired", "not verify")
    reason = next((line for line in lines if any(word in line.lower() for word in reasons)), "")
    return (reason or (lines[-1] if lines else "its signature does not verify")).rstrip(".")
