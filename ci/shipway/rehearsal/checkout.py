"""The repository that the rehearsal releases from: a clone, so that nobody's own is touched."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from shipway.errors import GitError, SandboxError

_AUTHOR: Final = (
    "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.invalid",
    "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false", "-c", "core.hooksPath=/dev/null",
)  # fmt: skip
_APP: Final = "examples/shop/app.py"
_SECONDS: Final = 60.0


class Checkout:
    """A clone with its work tree as the caller's: what is not committed there is committed here.

    Its origin answers, as GitHub's would: a bare repository inside the clone's own ``.git``, which
    git is told to ask in the place of the address that everybody sees.

    Args:
        source: The caller's repository.
        folder: Where the clone is made; the caller removes it.
        repository: ``OWNER/NAME`` at GitHub.
    """

    def __init__(self, source: Path, folder: Path, repository: str) -> None:
        self.folder = folder
        self.repository = repository
        url = f"https://github.com/{repository}.git"
        _git(source, "clone", "--quiet", "--no-hardlinks", str(source), str(folder))
        _git(folder, "remote", "set-url", "origin", url)
        _git(folder, "checkout", "--quiet", "-B", "main")
        self._take_changes(source)
        self._app = self.head()
        origin = folder / ".git" / "origin.git"
        _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
        _git(folder, "config", f"url.file://{origin}.insteadOf", url)
        self._push("HEAD:refs/heads/main")

    def head(self) -> str:
        """The commit that is checked out."""
        return _git(self.folder, "rev-parse", "HEAD")

    def release(self, variant: str, message: str) -> str:
        """Commit a variant of the example service on main and push it; the commit's id.

        Raises:
            SandboxError: The variant is not in ``examples/failures``.
        """
        _git(self.folder, "checkout", "--quiet", self._app, "--", _APP)
        if variant:
            source = self.folder / "examples" / "failures" / variant
            if not source.is_file():
                raise SandboxError(
                    f"examples/failures/{variant} is not in this repository",
                    where=str(source),
                    remedy="rehearse in a checkout of shipway; elsewhere: inv deploy --env local",
                )
            shutil.copyfile(source, self.folder / _APP)
        self._commit(message)
        self._push("HEAD:refs/heads/main")
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

    def _push(self, refspec: str) -> None:
        _git(self.folder, "push", "--quiet", "origin", refspec)

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

    def _commit(self, message: str) -> None:
        _git(self.folder, "add", "--all")
        _git(self.folder, *_AUTHOR, "commit", "--quiet", "--allow-empty", "--message", message)


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
