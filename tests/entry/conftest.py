"""What a user types, as real processes: each is bounded, and ends with its test."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.entry.foreign import Foreign, Installed, Make, outside, run, uv
from tests.example import BLUEPRINT, PROJECT

from shipway.rehearsal.checkout import Checkout
from shipway.util.paths import cache_folder
from shipway_sandbox import world
from shipway_sandbox.world import World

ROOT = Path(__file__).resolve().parents[2]
INV = str(Path(sys.executable).with_name("inv"))
NOX = str(Path(sys.executable).with_name("nox"))
SHIPWAY = str(Path(sys.executable).with_name("shipway"))
# What would make a command act for the machine that runs the tests, and not for the test.
_FOREIGN = ("AWS_", "GITHUB_", "ACTIONS_", "RUNNER_", "SHIPWAY_", "GIT_", "INVOKE_", "NOX")
_AUTHOR = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")
_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """Plain lines without the time in front."""
        return [line[10:] if line[2:3] == ":" else line for line in self.out.splitlines()]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What ``--json`` printed; fails where a line is no JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """A folder, and the environment that commands typed there get."""

    folder: Path
    env: Mapping[str, str]

    def types(
        self, *words: str, env: Mapping[str, str] | None = None, seconds: float = _SECONDS
    ) -> Ended:
        """Type a command and wait for its end; ``inv`` is this environment's own."""
        began = time.monotonic()
        command = [{"inv": INV, "nox": NOX, "shipway": SHIPWAY}.get(words[0], words[0]), *words[1:]]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        code = process.returncode
        return Ended(code=code, out=out, err=err, seconds=time.monotonic() - began)

    def git(self, *words: str) -> str:
        """Run git here."""
        done = subprocess.run(
            ["git", *_AUTHOR, *words],
            cwd=self.folder,
            env=dict(self.env),
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip()

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a text that a file is sure to hold."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def alters_the_source(self, word: str) -> None:
        """Make the example another program than any test before saw, by a comment."""
        app = self.folder / "examples" / "shop" / "app.py"
        app.write_text(f"{app.read_text(encoding='utf-8')}# {word}\n", encoding="utf-8")

    def records(self) -> list[dict[str, Any]]:
        """Every delivery's record that lies here, oldest first."""
        found = self.folder.glob("evidence/*/*/record.json")
        records = [json.loads(path.read_bytes())["predicate"] for path in found]
        return sorted(records, key=lambda one: str(one["startedOn"]))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An XDG_CACHE_HOME that shares the user's downloads, but no sandbox that may run there.

    Every world that a test's own clone began in the background ends with it.
    """
    usual = cache_folder(os.environ)
    own = tmp_path_factory.mktemp("xdg")
    (own / "shipway").mkdir()
    # A private engine's data is guarded by a lock for the whole machine, so it can be shared.
    for name in ("engine", "bases", "docker"):
        (usual / name).mkdir(parents=True, exist_ok=True)
        (own / "shipway" / name).symlink_to(usual / name)
    for name in ("uv", "pip"):
        (usual.parent / name).mkdir(parents=True, exist_ok=True)
        (own / name).symlink_to(usual.parent / name)
    yield own
    for folder in (own / "shipway" / "sandbox").glob("*"):
        world.end(folder)


@pytest.fixture(scope="session")
def env(cache: Path) -> dict[str, str]:
    """A person's environment, without credentials and without CI's variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        kept.pop(name, None)
    return {
        **kept,
        "XDG_CACHE_HOME": str(cache),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


Open = Callable[[Path, Mapping[str, str]], Here]


@pytest.fixture(scope="session")
def open_folder() -> Open:
    """Stand in a folder with an environment."""
    return lambda folder, env: Here(folder=folder, env=env)


Plant = Callable[[], Here]


@pytest.fixture
def plant(tmp_path: Path, env: dict[str, str]) -> Plant:
    """Make a small repository with the shipped configuration and one commit."""

    def make() -> Here:
        here = Here(folder=tmp_path / "shop", env=env)
        (here.folder / "ci").mkdir(parents=True)
        for name in ("tasks.py", ".gitignore", "ci/delivery.toml", "ci/release.toml"):
            shutil.copy(ROOT / name, here.folder / name)
        shutil.copytree(ROOT / "examples", here.folder / "examples")
        here.git("init", "--quiet", "--initial-branch=main")
        here.git("add", "--all")
        here.git("commit", "--quiet", "--message=first")
        return here

    return make


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory, env: dict[str, str]) -> Here:
    """A clone of this repository, with what is not committed yet."""
    folder = tmp_path_factory.mktemp("clone") / "shipway"
    Checkout(ROOT, folder, PROJECT)
    return Here(folder=folder, env=env)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The sandbox in the background."""

    state: Mapping[str, Any]
    variables: Mapping[str, str]

    def person(self) -> dict[str, str]:
        """Variables by which a command acts as a person who took the local deploy role."""
        here = World(
            pid=0,
            state=self.state,
            variables=self.variables,
            claims=BLUEPRINT.plan.person,
            roles={layer.environment: layer.role for layer in BLUEPRINT.plan.layers},
        )
        return {"AWS_ENDPOINT_URL": here.endpoint, **here.person("local").variables()}

    def administrator(self, environment: str) -> dict[str, str]:
        """Variables by which a command reaches an environment's account as its root."""
        return {
            "AWS_ENDPOINT_URL": self.state["endpoint"],
            "AWS_ACCESS_KEY_ID": self.state["accounts"][environment],
            "AWS_SECRET_ACCESS_KEY": self.state["root_secret_access_key"],
        }


@pytest.fixture(scope="session")
def sandbox(clone: Here, cache: Path) -> Iterator[Running]:
    """``inv sandbox``, typed once for all tests that need a world; ended after them."""
    started = clone.types("inv", "sandbox")
    assert started.code == 0, started.out + started.err
    try:
        [file] = (cache / "shipway" / "sandbox").glob("example--shop-*/world.json")
        written = json.loads(file.read_bytes())
        yield Running(state=written["state"], variables=written["variables"])
    finally:
        ended = clone.types("inv", "sandbox", "--down")
        assert ended.code == 0, ended.out + ended.err


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both wheels, built once."""
    folder = tmp_path_factory.mktemp("dist")
    run(uv(), "build", "--quiet", "--all-packages", "--wheel", "--out-dir", str(folder))
    names = sorted(file.name.partition("-")[0] for file in folder.glob("*.whl"))
    assert names == ["shipway", "shipway_sandbox"]
    return folder


@pytest.fixture(scope="session")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("venv")
    run(uv(), "venv", "--quiet", "--clear", str(folder))
    wheel = next(dist.glob("shipway-*.whl"))
    there = outside(VIRTUAL_ENV=str(folder))
    run(uv(), "pip", "install", "--quiet", str(wheel), env=there)
    return Installed(programs=folder / "bin")


@pytest.fixture
def make(tmp_path: Path, env: dict[str, str], installed: Installed, open_folder: Open) -> Make:
    """Make a repository with these files, a remote at GitHub and one commit."""
    kept = {
        name: value for name, value in env.items() if name in outside() or name not in os.environ
    }
    path = os.pathsep.join([str(installed.programs), str(Path(uv()).parent), kept["PATH"]])

    def make(files: Mapping[str, str]) -> Foreign:
        folder = tmp_path / "foreign"
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        folder.mkdir(exist_ok=True)
        here = open_folder(folder, kept)
        here.git("init", "--quiet", "--initial-branch=main")
        here.git("remote", "add", "origin", "git@github.com:acme/foreign.git")
        here.git("add", "--all")
        here.git("commit", "--quiet", "--allow-empty", "--message=first")
        return Foreign(here=here, installed=installed, paths={"PATH": path})

    return make
