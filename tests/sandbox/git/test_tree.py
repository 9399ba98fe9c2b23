"""A commit laid out for a build, out of real repositories: what a fresh clone has, and no more."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shipway.config.images import ImageSettings
from shipway.errors import BuildError, GitError
from shipway.git import checkout, tree
from shipway.image.source import Source, in_work_tree, of_commit

PEOPLE = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "Mona"),
        ("EMAIL", "mona@example.org"),
        ("DATE", "2026-11-22T23:40:58+00:00"),
    )
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


def git(where: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(where), "-c", "protocol.file.allow=always", *words],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, **PEOPLE},
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test's own, and a place for what is laid out."""
    for name in ("home", "scratch"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    return tmp_path / "home"


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


def commit(root: Path, **files: str | bytes) -> None:
    write(root, files)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "Sell more")


def repository(root: Path, files: dict[str, str | bytes]) -> Path:
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, **files)
    return root


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(
        tmp_path / "shop",
        {
            "Dockerfile": "FROM scratch\nCOPY . /\n",
            ".gitignore": ".env\ntarget/\n",
            "app/main.py": "print('hello')\n",
        },
    )


Laid = dict[str, str]


@pytest.fixture
def lay_out(tmp_path: Path) -> Callable[..., tuple[Laid, Source]]:
    def lay(root: Path, **more: object) -> tuple[Laid, Source]:
        settings: dict[str, object] = {"context": ".", "dockerfile": "Dockerfile", **more}
        wanted = ImageSettings(name="shop", platforms=(), build_args={}, **settings)  # type: ignore[arg-type]
        found = checkout.head(root)
        assert found.clean, found.changes
        with tree.laid_out(root, found.sha) as laid_out:
            source = of_commit(wanted, root, laid_out)
            seen = files_of(source.context)
            if source.dockerfile.is_file():
                seen["DOCKERFILE"] = source.dockerfile.read_text()
        assert list((tmp_path / "scratch").iterdir()) == [], "nothing of it stays"
        return seen, source

    return lay


def files_of(folder: Path) -> Laid:
    """Each path below, and what it is."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[f"{name}/"] = f"{mode:o}"
        else:
            found[name] = f"{mode:o} {path.read_bytes().decode('utf-8', 'replace')}"
    return found


Lay = Callable[..., tuple[Laid, Source]]


def test_a_folder_that_is_a_context_of_its_own_comes_from_the_commit(repo: Path) -> None:
    files = {"libs/shared/tool.py": "one", "libs/shared/.dockerignore": "*.md\n", "web/Main": "m"}
    commit(repo, **files, **{"web/Dockerfile": "FROM scratch\n"})
    write(repo, {"libs/shared/.env": "TOKEN=canary\n"})
    with tree.laid_out(repo, checkout.head(repo).sha) as laid_out:
        wanted = ImageSettings(
            name="shop",
            context="web",
            dockerfile="Dockerfile",
            platforms=(),
            build_args={},
            contexts={"shared": "libs/shared", "base": "docker-image://debian"},
        )
        made_from = of_commit(wanted, repo, laid_out)
        assert list(made_from.contexts) == ["shared"]
        assert files_of(made_from.contexts["shared"]) == {
            ".dockerignore": "644 *.md\n",
            "tool.py": "644 one",
        }
        assert sorted(files_of(made_from.context)) == ["Dockerfile", "Main"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("target", "has nothing that git keeps"),
        ("nowhere", "is no folder"),
        ("../beside", "outside of the repository"),
    ],
)
def test_a_named_context_that_no_commit_has_is_refused(
    repo: Path, lay_out: Lay, place: str, why: str
) -> None:
    write(repo, {"target/app.jar": "jar"})
    with pytest.raises(BuildError, match=why) as refused:
        lay_out(repo, contexts={"shared": place}, key="web")
    assert "contexts" in refused.value.remedy
    assert "[images.web]" in refused.value.remedy


def test_what_git_ignores_is_not_there_and_is_told(repo: Path, lay_out: Lay) -> None:
    write(repo, {".env": "TOKEN=canary\n", "target/app.jar": "jar", "target/x/y": "z"})
    seen, source = lay_out(repo)
    assert seen == {
        "Dockerfile": "644 FROM scratch\nCOPY . /\n",
        "DOCKERFILE": "FROM scratch\nCOPY . /\n",
        ".gitignore": "644 .env\ntarget/\n",
        "app/": "755",
        "app/main.py": "644 print('hello')\n",
    }
    assert (source.ignored, source.absent, source.artifacts) == ((".env", "target/"), (), {})


def test_what_dockerignore_names_is_neither_written_nor_told(repo: Path, lay_out: Lay) -> None:
    commit(
        repo,
        **{
            ".dockerignore": "docs/*\nDockerfile\n.dockerignore\n**/secret*\n!docs/kept\n.env\n",
            "docs/long": "x",
            "docs/kept": "y",
            "app/secret.txt": "z",
            "empty/secret": "z",
        },
    )
    write(repo, {".env": "TOKEN=canary\n"})
    seen, source = lay_out(repo)
    # What names itself is needed all the same, and a folder stays of which all files are left out.
    assert set(seen) == {
        *(".dockerignore", ".gitignore", "Dockerfile", "DOCKERFILE"),
        *("app/", "app/main.py", "docs/", "docs/kept", "empty/"),
    }
    assert source.ignored == ()


def test_modes_links_and_names_are_those_of_a_clone(
    repo: Path, lay_out: Lay, tmp_path: Path
) -> None:
    write(repo, {"run me.sh": "#!/bin/sh\n", "café/naïve": "é"})
    (repo / "run me.sh").chmod(0o700)
    (repo / os.fsdecode(b"caf\xe9")).write_text("latin")
    (repo / "link").symlink_to("app/main.py")
    (repo / "away").symlink_to("/etc/hostname")
    commit(repo)
    before = os.umask(0o077)
    try:
        seen, _ = lay_out(repo)
    finally:
        os.umask(before)
    git(tmp_path, "clone", "--quiet", str(repo), "clone")
    git_folder = tmp_path / "clone" / ".git"
    git_folder.rename(tmp_path / "elsewhere")
    del seen["DOCKERFILE"]
    assert seen == files_of(tmp_path / "clone")
    assert seen["run me.sh"].startswith("755 ")
    assert seen["away"] == "-> /etc/hostname"


def test_no_setting_of_this_clone_changes_what_is_built(repo: Path, lay_out: Lay) -> None:
    commit(repo, **{".gitattributes": "*.bat text eol=crlf\nkept export-ignore\n", "kept": "1\n"})
    commit(repo, **{"run.bat": "one\ntwo\n", "page": "one\n"})
    git(repo, "config", "core.autocrlf", "true")
    git(repo, "config", "core.fileMode", "false")
    write(repo, {".git/info/attributes": "page filter=lie\n"})
    git(repo, "config", "filter.lie.clean", "printf 'one\\n'")
    git(repo, "config", "filter.lie.smudge", "printf 'malicious\\n'")
    write(repo, {"page": "another\n"})
    git(repo, "add", "page")
    (repo / "app" / "main.py").chmod(0o755)
    seen, _ = lay_out(repo)
    assert seen["page"] == "644 one\n"
    assert seen["run.bat"] == "644 one\r\ntwo\r\n", "the commit's own attributes count"
    assert seen["kept"] == "644 1\n", "a clone has it, though an archive has not"
    assert seen["app/main.py"] == "644 print('hello')\n"


def test_a_file_behind_the_index_cannot_get_in(repo: Path, lay_out: Lay) -> None:
    git(repo, "config", "core.checkStat", "minimal")
    git(repo, "config", "core.trustctime", "false")
    file = repo / "app" / "main.py"
    os.utime(file, (1_000_000_000, 1_000_000_000))
    git(repo, "update-index", "--refresh")
    file.write_text("print('hallo')\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    seen, _ = lay_out(repo)
    assert seen["app/main.py"] == "644 print('hello')\n"


def test_an_object_that_is_replaced_here_is_the_commits_own(repo: Path, lay_out: Lay) -> None:
    mine = git(repo, "rev-parse", "HEAD:app/main.py")
    write(repo, {"other": "print('evil!')\n"})
    other = git(repo, "hash-object", "-w", "other")
    (repo / "other").unlink()
    git(repo, "replace", mine, other)
    seen, _ = lay_out(repo)
    assert seen["app/main.py"] == "644 print('hello')\n"
    write(repo, {"app/main.py": "print('evil!')\n"})
    assert not checkout.head(repo).clean, "the replacement does not make it clean"


def test_the_context_may_be_a_part_and_the_dockerfile_beside_it(repo: Path, lay_out: Lay) -> None:
    commit(
        repo,
        **{
            "build/web file": "FROM scratch\nCOPY main.py /\n",
            "build/web file.dockerignore": "*.md\n",
            "app/.dockerignore": "*.py\n",
            "app/README.md": "x",
            "other/large": "y" * 1000,
        },
    )
    write(repo, {".env": "x", "app/target/x": "y"})
    seen, source = lay_out(repo, context="app", dockerfile="../build/web file")
    assert set(seen) == {".dockerignore", "main.py", "DOCKERFILE"}
    assert source.ignored == ("target/",)


def test_a_dockerfile_may_be_a_link_and_so_may_the_context(repo: Path, lay_out: Lay) -> None:
    write(repo, {"docker/base": "FROM scratch\n"})
    (repo / "app" / "Dockerfile").symlink_to("../docker/base")
    (repo / "current").symlink_to("app")
    commit(repo)
    seen, _ = lay_out(repo, context="current")
    assert seen["DOCKERFILE"] == "FROM scratch\n"
    assert "main.py" in seen


@pytest.mark.parametrize("key", ["context", "dockerfile"])
def test_what_lies_outside_of_the_repository_is_refused(
    repo: Path, lay_out: Lay, tmp_path: Path, key: str
) -> None:
    write(tmp_path, {"away/Dockerfile": "FROM scratch\n"})
    value = "../away" if key == "context" else "../away/Dockerfile"
    with pytest.raises(BuildError, match="outside of the repository") as caught:
        lay_out(repo, **{key: value})
    assert f"`{key}` of [image]" in caught.value.remedy


def test_a_changed_work_tree_takes_nothing_from_outside_either(repo: Path) -> None:
    wanted = ImageSettings(
        name="shop",
        context=".",
        dockerfile="Dockerfile",
        platforms=(),
        build_args={},
        contexts={"up": "../.."},
    )
    with pytest.raises(BuildError, match="outside of the repository") as caught:
        in_work_tree(wanted, repo)
    assert "`contexts.up` of [image]" in caught.value.remedy


def test_an_artifact_is_taken_where_it_is_named(repo: Path, lay_out: Lay) -> None:
    write(repo, {"target/app-1.2.jar": "jar", "target/classes/x": "y", "dist/page": "<p>"})
    write(repo, {".git/info/exclude": "dist/\n"})
    (repo / "target" / "app-1.2.jar").chmod(0o600)
    seen, source = lay_out(repo, artifacts=("target/*.jar", "dist"))
    assert seen["target/app-1.2.jar"] == "644 jar"
    assert (seen["dist/page"], seen["target/"]) == ("644 <p>", "755")
    assert "target/classes/" not in seen
    assert set(source.artifacts) == {"target/*.jar", "dist"}
    write(repo, {"target/app-1.2.jar": "another"})
    _, other = lay_out(repo, artifacts=("target/*.jar", "dist"))
    assert other.artifacts["dist"] == source.artifacts["dist"]
    assert other.artifacts["target/*.jar"] != source.artifacts["target/*.jar"]


@pytest.mark.parametrize(
    ("pattern", "detail"),
    [
        ("target/*.jar", ""),
        ("app/main.py", "the commit has it"),
        ("app", "the commit has it"),
        ("left", ".dockerignore leaves it out"),
    ],
)
def test_an_artifact_that_is_not_there_is_told(
    repo: Path, lay_out: Lay, pattern: str, detail: str
) -> None:
    commit(repo, **{".dockerignore": "left\n", ".gitignore": "left\n"})
    write(repo, {"left/x": "y"})
    with pytest.raises(BuildError, match="of `artifacts`") as caught:
        lay_out(repo, artifacts=(pattern,))
    assert (caught.value.where, "".join(caught.value.details)) == (
        "ci/delivery.toml",
        caught.value.details[0] if detail else "",
    )
    assert detail in "".join(caught.value.details)


def large(repo: Path, content: str, here: str | None) -> None:
    """A file that the commit has in Git LFS, and what of it the work tree has."""
    pointer = POINTER.format(oid=hashlib.sha256(content.encode()).hexdigest(), size=len(content))
    commit(repo, **{".gitattributes": "*.bin filter=lfs -text\n", "model.bin": pointer})
    if here is not None:
        git(repo, "config", "filter.lfs.clean", f"printf '{pointer}'".replace("\n", "\\n"))
        write(repo, {"model.bin": here})
        git(repo, "add", "model.bin")


def test_a_large_file_is_known_by_its_digest(repo: Path, lay_out: Lay) -> None:
    large(repo, "weights", "weights")
    assert lay_out(repo)[0]["model.bin"] == "644 weights"


def test_a_large_file_may_lie_in_lfs_own_store(repo: Path, lay_out: Lay) -> None:
    large(repo, "weights", None)
    oid = hashlib.sha256(b"weights").hexdigest()
    write(repo, {f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}": "weights"})
    assert lay_out(repo)[0]["model.bin"] == "644 weights"


@pytest.mark.parametrize("here", [None, "tampered"])
def test_a_large_file_that_is_not_here_is_told(repo: Path, lay_out: Lay, here: str | None) -> None:
    large(repo, "weights", here)
    with pytest.raises(BuildError, match="in Git LFS, and the file is not here") as caught:
        lay_out(repo)
    assert "git lfs pull" in caught.value.remedy
    commit(repo, **{".dockerignore": "*.bin\n"})
    assert "model.bin" not in lay_out(repo)[0], "it need not be here where nobody builds from it"


def test_a_link_is_no_large_file_and_nothing_is_written_through_it(
    repo: Path, lay_out: Lay, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    oid = hashlib.sha256(b"weights").hexdigest()
    pointer = POINTER.format(oid=oid, size=7)
    elsewhere.write_text(pointer)
    write(repo, {f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}": "weights"})
    (repo / "out.bin").symlink_to(elsewhere)
    (repo / "gone.bin").symlink_to("nowhere")
    commit(repo, **{".gitattributes": "*.bin filter=lfs -text\n"})

    seen, _ = lay_out(repo)

    assert elsewhere.read_text() == pointer
    assert seen["gone.bin"] == "-> nowhere"


def test_what_another_filter_makes_is_refused(repo: Path, lay_out: Lay) -> None:
    commit(repo, **{".gitattributes": "sealed filter=crypt\n", "sealed": "XYZ\n"})
    assert lay_out(repo)[0]["sealed"] == "644 XYZ\n"
    git(repo, "config", "filter.crypt.clean", "printf 'XYZ\\n'")
    write(repo, {"sealed": "plain\n"})
    git(repo, "add", "sealed")
    with pytest.raises(BuildError, match="the filter 'crypt'") as caught:
        lay_out(repo)
    assert caught.value.where == "sealed"


def test_a_submodule_is_its_own_commit(repo: Path, lay_out: Lay, tmp_path: Path) -> None:
    deep = repository(tmp_path / "deep", {"core.c": "int x;\n"})
    library = repository(tmp_path / "library", {"lib.c": "int y;\n", ".gitignore": "*.o\n"})
    git(library, "submodule", "add", "--quiet", str(deep), "vendor/deep")
    commit(library)
    git(repo, "submodule", "add", "--quiet", str(library), "lib")
    commit(repo)
    git(repo, "submodule", "update", "--quiet", "--init", "--recursive")
    write(repo, {"lib/left.o": "o"})
    seen, source = lay_out(repo)
    assert seen["lib/lib.c"] == "644 int y;\n"
    assert seen["lib/vendor/deep/core.c"] == "644 int x;\n"
    assert (seen["lib/vendor/"], "lib/left.o" in seen, source.absent) == ("755", False, ())
    git(repo, "submodule", "deinit", "--quiet", "--force", "lib")
    seen, source = lay_out(repo)
    assert (seen["lib/"], source.absent) == ("755", ("lib",))
    assert "lib/lib.c" not in seen


def test_a_worktree_a_shallow_clone_and_sha256(repo: Path, lay_out: Lay, tmp_path: Path) -> None:
    expected, _ = lay_out(repo)
    git(repo, "worktree", "add", "--quiet", "--detach", str(tmp_path / "work tree"))
    assert lay_out(tmp_path / "work tree")[0] == expected
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")
    assert lay_out(tmp_path / "shallow")[0] == expected
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet", "--object-format=sha256")
    write(tmp_path / "new", {"Dockerfile": "FROM scratch\n"})
    commit(tmp_path / "new")
    assert "Dockerfile" in lay_out(tmp_path / "new")[0]


def test_a_sparse_checkout_is_built_whole(repo: Path, lay_out: Lay) -> None:
    commit(repo, **{"other/x": "y"})
    git(repo, "sparse-checkout", "set", "app")
    assert not (repo / "other").exists()
    assert lay_out(repo)[0]["other/x"] == "644 y"


def test_a_file_that_a_partial_clone_has_not_is_told(
    repo: Path, lay_out: Lay, tmp_path: Path
) -> None:
    commit(repo, **{"other/x": "y"})
    git(repo, "config", "uploadpack.allowFilter", "true")
    words = ("--sparse", "--filter=blob:none", f"file://{repo}", "partial")
    git(tmp_path, "clone", "--quiet", *words)
    with pytest.raises(GitError) as caught:
        lay_out(tmp_path / "partial")
    assert "sparse" in caught.value.remedy
