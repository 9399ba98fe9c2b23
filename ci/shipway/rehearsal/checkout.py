"""The repository that the rehearsal releases from: a clone, so that nobody's own is touched."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shipway.errors import GitError
from shipway.rehearsal import variants

_AUTHOR: Final = (
    "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.invalid",
    "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false", "-c", "core.hooksPath=/dev/null",
)  # fmt: skip
DEFAULT_BRANCH: Final = "main"
"""What the clone's branch is called where the contract asks about none."""
_DELIVERY: Final = "ci/delivery.toml"
_SECONDS: Final = 60.0
Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What the rehearsal must know of the repository that it releases from.

    Attributes:
        repository: ``OWNER/NAME`` at GitHub.
        dockerfile: The Dockerfile's path from the repository's root.
        branches: The branches that hold every release: those whose history the contract asks
            about. The first one is checked out.
        addresses: Line of ``ci/delivery.toml`` (from 1) → an address that is written there, and
            the one of the sandbox that is asked in its place.
        swaps: Texts of ``ci/delivery.toml``, each with what stands in its place wherever it is.
    """

    repository: str
    dockerfile: str = "Dockerfile"
    branches: tuple[str, ...] = (DEFAULT_BRANCH,)
    addresses: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    swaps: tuple[tuple[str, str], ...] = ()


class Checkout:
    """A clone with its work tree as the caller's: what is not committed there is committed here.

    It reads the caller's objects where they lie and writes only its own, so a long history costs
    nothing.

    Its origin answers, as GitHub's would: a bare repository inside the clone's own ``.git``, which
    git is told to ask in the place of the address that everybody sees.

    Args:
        source: The caller's repository.
        folder: Where the clone is made; the caller removes it.
        project: What is known of it.
    """

    def __init__(self, source: Path, folder: Path, project: Project) -> None:
        self.folder = folder
        self.project = project
        self._unedited: bytes | None = None
        url = f"https://github.com/{project.repository}.git"
        _git(source, "clone", "--quiet", "--shared", str(source), str(folder))
        _git(folder, "remote", "set-url", "origin", url)
        _git(folder, "checkout", "--quiet", "-B", project.branches[0])
        self._take_changes(source)
        self._point_at_the_sandbox()
        self._app = self.head()
        origin = folder / ".git" / "origin.git"
        initial = f"--initial-branch={project.branches[0]}"
        _git(folder, "init", "--quiet", "--bare", initial, str(origin))
        _borrow(origin, folder)
        _git(folder, "config", f"url.file://{origin}.insteadOf", url)
        self._push_branches()

    def head(self) -> str:
        """The commit that is checked out."""
        return _git(self.folder, "rev-parse", "HEAD")

    def release(self, variant: str, message: str, edit: Edit | None = None) -> str:
        """Commit a release and push it to every branch; the commit's id.

        Args:
            variant: How the release fails, see :mod:`.variants`; empty for the repository's own.
            message: The commit's message.
            edit: Gives another text of delivery.toml, for this release alone.

        Raises:
            SandboxError: delivery.toml cannot be edited.
        """
        dockerfile = self.project.dockerfile
        _git(self.folder, "checkout", "--quiet", self._app, "--", dockerfile)
        self._edit_delivery(edit)
        if variant:
            path = self.folder / dockerfile
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
            changed = variants.dockerfile(text, variant)
            path.write_text(changed, encoding="utf-8", errors="surrogateescape")
        self._commit(message)
        self._push_branches()
        return self.head()

    def tag(self, ref: str) -> str:
        """Give the commit that is checked out the tag of a ref, and push it.

        Returns:
            What the ref holds at origin: the tag object's id, or the commit's for other refs.
        """
        if not ref.startswith("refs/tags/"):
            return self.head()
        name = ref.removeprefix("refs/tags/")
        _git(self.folder, *_AUTHOR, "tag", "--annotate", "--message", name, name)
        self._push(ref)
        return _git(self.folder, "rev-parse", ref)

    def _edit_delivery(self, edit: Edit | None) -> None:
        """Take the edit of the release before back, and make this one's."""
        delivery = self.folder / _DELIVERY
        if self._unedited is not None:
            delivery.write_bytes(self._unedited)
        self._unedited = delivery.read_bytes() if edit is not None else None
        if edit is not None:
            delivery.write_text(edit(delivery.read_text(encoding="utf-8")), encoding="utf-8")

    def _push_branches(self) -> None:
        self._push(*(f"HEAD:refs/heads/{branch}" for branch in self.project.branches))

    def _push(self, *refspecs: str) -> None:
        _git(self.folder, "push", "--quiet", "origin", *refspecs)

    def _take_changes(self, source: Path) -> None:
        listed = _git(source, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        wanted = {name for name in listed.split("\0") if name}
        for name in wanted:
            original, copy = source / name, self.folder / name
            if original.is_file() and not original.is_symlink():
                if copy.is_file() and copy.read_bytes() == original.read_bytes():
                    continue
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(original, copy)
            elif not original.exists():
                copy.unlink(missing_ok=True)
        if _git(self.folder, "status", "--porcelain"):
            self._commit("Work that is not committed yet")

    def _point_at_the_sandbox(self) -> None:
        """Have addresses that are written out lead to the sandbox; no rehearsal asks the real one.

        The lines keep their places, for messages name them.
        """
        if not self.project.addresses and not self.project.swaps:
            return
        file = self.folder / _DELIVERY
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        for number, (written, sandbox) in self.project.addresses.items():
            lines[number - 1] = lines[number - 1].replace(written, sandbox)
        text = "".join(lines)
        for written, instead in self.project.swaps:
            text = text.replace(written, instead)
        file.write_text(text, encoding="utf-8")
        self._commit("Addresses of the sandbox")

    def _commit(self, message: str) -> None:
        _git(self.folder, "add", "--all")
        _git(self.folder, *_AUTHOR, "commit", "--quiet", "--allow-empty", "--message", message)


def _borrow(bare: Path, lender: Path) -> None:
    """Have a bare repository read another's objects, so that no push copies them.

    gitrepository-layout(5), objects/info/alternates: a path there is relative to ``objects``.
    """
    objects = lender / ".git" / "objects"
    (bare / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")


def _git(where: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ("git", "-C", str(where), *words),
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
        )
    except FileNotFoundError as error:
        raise GitError("git is not installed", remedy="install git") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git gave no answer within {_SECONDS:.0f} s", where=str(where)) from error
    except subprocess.CalledProcessError as error:
        raise GitError(
            f"git {' '.join(words[:2])}: {error.stderr.strip()}", where=str(where)
        ) from error
    return done.stdout.rstrip("\n")
