"""Git and GitHub: the commit that is checked out, and what is signed of the job."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipway.image.source import TreeFile
from shipway.policy.facts import Order, Signature, Standing, Tag
from shipway.values import Commit


@dataclass
class CommitFiles:
    """The files of a repository in memory that its commit has."""

    root: Path
    folder: Path
    unkept: tuple[str, ...] = ()

    def files(self) -> tuple[TreeFile, ...]:
        kept = ("ci", "Dockerfile", ".dockerignore", "app.py")
        paths = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return tuple(TreeFile(str(path)) for path in sorted(paths) if path.parts[0] in kept)

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def lay_out(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(self.read(path))

    def filters(self, paths: Sequence[str]) -> Mapping[str, str]:
        assert paths is not None
        return {}

    def others(self) -> tuple[str, ...]:
        return self.unkept

    def other_files(self) -> tuple[str, ...]:
        return tuple(path for path in self.unkept if not path.endswith("/"))

    def large_file(self, oid: str) -> Path:
        return self.root / ".git" / "lfs" / oid


@dataclass
class Repo:
    """The commit that is checked out, and what git and origin know of others."""

    commit: Commit
    stands: Standing = "on"
    orders: dict[str, Order] = field(default_factory=dict)
    tags: dict[str, Tag | BaseException] = field(default_factory=dict)
    signed: Signature | BaseException | None = None
    begins: tuple[str, ...] = ()
    branches: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    root: Path = Path("nowhere")
    unkept: tuple[str, ...] = ()

    def commits(self, prefix: str) -> tuple[str, ...]:
        return tuple(sha for sha in self.begins if sha.startswith(prefix))

    def standing(self, sha: str, branch: str) -> Standing:
        self.questions.append(f"standing {sha} {branch}")
        return self.stands

    def order(self, other: str, ours: str) -> Order:
        return "same" if other == ours else self.orders.get(other, "unknown")

    def tag(self, name: str) -> Tag | None:
        self.questions.append(f"tag {name}")
        answer = self.tags.get(name)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def origin_branch(self, branch: str) -> str:
        return self.branches.get(branch, "")

    def file(self, commit: str, path: str) -> bytes | None:
        return self.files.get(f"{commit}:{path}")

    def signature(
        self, tag: Tag, name: str, keys: Sequence[str], commit: str = "HEAD"
    ) -> Signature | None:
        where = "" if commit == "HEAD" else f" in {commit}"
        self.questions.append(f"signature {tag.object} {name} {','.join(keys)}{where}")
        if isinstance(self.signed, BaseException):
            raise self.signed
        return self.signed

    def head(self) -> Commit:
        return self.commit

    def user(self) -> str:
        return "mona@example.org"

    @contextmanager
    def laid_out(self, sha: str) -> Iterator[CommitFiles]:
        assert sha == self.commit.sha
        # A folder for each of several at once, as git's is one for each build.
        folder = self.root / ".laid-out"
        try:
            folder.mkdir()
        except FileExistsError:
            folder = Path(tempfile.mkdtemp(prefix=".laid-out-", dir=self.root))
        yield CommitFiles(self.root, folder, self.unkept)


@dataclass
class Github:
    """What GitHub signs of this job."""

    signs: dict[str, Any] | BaseException | None = None
    issuers: list[str] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)

    def claims(self, issuer: str) -> Mapping[str, object] | None:
        self.issuers.append(issuer)
        if isinstance(self.signs, BaseException):
            raise self.signs
        return self.signs

    def token(self, issuer: str, audience: str) -> str:
        self.tokens.append((issuer, audience))
        return "a token"
