"""What a nox session installs, decided from its words and its environment."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

import pytest

from shipway import sessions


class Session:
    """Takes down what would be installed and run."""

    venv_backend = "uv"
    virtualenv = SimpleNamespace(location="/environment")

    def __init__(self) -> None:
        self.installed: list[tuple[str, ...]] = []
        self.env: dict[str, str] = {}
        self.ran: list[tuple[str, ...]] = []
        self.patience: list[tuple[float | None, float | None]] = []

    def run_install(self, *arguments: str, env: dict[str, str], **_rest: Any) -> None:
        self.installed.append(arguments)
        self.env = env

    def install(self, *words: str, silent: bool) -> None:
        assert silent
        self.installed.append(words)

    def error(self, text: str) -> NoReturn:
        raise RuntimeError(text)

    def run(
        self, *arguments: str, interrupt_timeout: float | None, terminate_timeout: float | None
    ) -> None:
        self.ran.append(arguments)
        self.patience.append((interrupt_timeout, terminate_timeout))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/delivery.toml").write_text(
        "[environments.local]\nsandbox = true\n[environments.staging]\n", encoding="utf-8"
    )
    (tmp_path / "uv.lock").touch()
    (tmp_path / "ci/shipway").mkdir()
    (tmp_path / "ci/shipway/sessions.py").touch()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shipway"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return Session()


@pytest.fixture(params=["", '[project]\nname = "tally"\n', "[tool.ruff]\n", "= no TOML"])
def foreign(session: Any, request: pytest.FixtureRequest) -> Any:
    """The same in a repository of somebody else's, which may be a Python project or none."""
    Path("pyproject.toml").write_text(request.param, encoding="utf-8")
    for lock in (sessions.LOCK, sessions.SANDBOX_LOCK):
        Path(lock).touch()
    return session


@pytest.mark.parametrize(("value", "compiled"), [("1", "true"), ("", None), (None, None)])
def test_bytecode_is_kept_where_python_may_not_keep_it(
    session: Any, monkeypatch: pytest.MonkeyPatch, value: str | None, compiled: str | None
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    if value is not None:
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", value)
    sessions.prepare(session)
    assert session.env.get("UV_COMPILE_BYTECODE") == compiled


@pytest.mark.parametrize(
    ("arguments", "embedded"),
    [
        (["--env", "local"], True),
        (["--env=local"], True),
        (["--env", "staging"], False),
        (["--env", "nowhere"], False),
        (["--env"], False),
        ([], False),
    ],
)
def test_the_sandbox_is_installed_where_it_is_named(
    session: Any, arguments: list[str], *, embedded: bool
) -> None:
    sessions.run_task(session, "verify", arguments)
    assert ("sandbox" in session.installed[0]) is embedded
    assert session.ran == [("shipway", "verify", *arguments)]


@pytest.mark.parametrize(
    ("task", "words", "actions", "needed"),
    [
        ("build", [], False, True),
        ("build", ["--json"], False, True),
        ("build", [], True, False),
        ("build", ["-e", "local"], True, True),
        ("build", ["-e", "staging"], False, False),
        ("publish", [], False, False),
    ],
)
def test_a_build_without_an_environment_may_be_one_for_the_sandbox(
    session: Any,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    words: list[str],
    *,
    actions: bool,
    needed: bool,
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    if actions:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    sessions.run_task(session, task, words)
    assert ("sandbox" in " ".join(session.installed[0])) is needed


def test_an_unreadable_file_is_for_the_task_to_tell(session: Any) -> None:
    Path("ci/delivery.toml").write_text("environments = [", encoding="utf-8")
    sessions.run_task(session, "build", ["--env", "local"])
    assert "sandbox" not in session.installed[0]
    assert session.ran == [("shipway", "build", "--env", "local")]


@pytest.mark.parametrize(("terminal", "patience"), [(True, (None, None)), (False, (1.0, 6.0))])
def test_who_presses_ctrl_c_leaves_the_end_to_the_task(
    session: Any,
    monkeypatch: pytest.MonkeyPatch,
    patience: tuple[float | None, float | None],
    *,
    terminal: bool,
) -> None:
    """Elsewhere than at a terminal nox alone is told, so it must end the task before the runner."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: terminal))
    sessions.run_task(session, "deploy", ["--env", "local"])
    assert session.patience == [patience]


@pytest.mark.parametrize(
    ("backend", "install"),
    [
        ("uv", ("uv", "pip", "sync", "--quiet", "--require-hashes")),
        ("virtualenv", ("--quiet", "--require-hashes", "--no-deps", "-r")),
    ],
)
@pytest.mark.parametrize(
    ("words", "lock"),
    [
        (["--env", "local"], "ci/shipway-sandbox.lock"),
        (["--env", "staging"], "ci/shipway.lock"),
        ([], "ci/shipway.lock"),
    ],
)
def test_a_foreign_repository_gets_what_its_lock_says(
    foreign: Any, backend: str, install: tuple[str, ...], words: list[str], lock: str
) -> None:
    foreign.venv_backend = backend
    sessions.run_task(foreign, "deploy", words)
    assert foreign.installed == [(*install, lock)]
    assert foreign.ran == [("shipway", "deploy", *words)]


def test_a_lock_that_is_missing_is_told_with_its_remedy(foreign: Any) -> None:
    Path(sessions.LOCK).unlink()
    with pytest.raises(RuntimeError, match=r"ci/shipway\.lock is missing: .* shipway upgrade"):
        sessions.prepare(foreign)
    assert foreign.installed == []


def test_without_an_environment_nothing_is_installed(foreign: Any) -> None:
    foreign.venv_backend = "none"
    sessions.prepare(foreign)
    assert foreign.installed == []


class Nox(ModuleType):
    """What a noxfile knows of nox: the sessions that are registered, and how."""

    def __init__(self, own: list[str]) -> None:
        super().__init__("nox")
        self.known: dict[str, Any] = {name: SimpleNamespace(func=object()) for name in own}
        self.options: list[dict[str, Any]] = []
        self.registry = SimpleNamespace(get=lambda: dict(self.known))

    def session(self, *, name: str, **options: Any) -> Any:
        def register(function: Any) -> None:
            assert name not in self.known
            self.known[name] = SimpleNamespace(func=function)
            self.options.append(options)

        return register


def test_a_repositorys_own_sessions_stay() -> None:
    nox = Nox(["tests", "build"])
    own = dict(nox.known)
    sessions.import_sessions(nox)
    assert {name: nox.known[name] for name in own} == own
    assert set(nox.known) - set(own) == {
        *(name for name in sessions.__all__ if name != "build"),
        "shipway-build",
    }


def test_ours_are_no_default_and_need_nothing_of_noxs_options() -> None:
    nox = Nox([])
    sessions.import_sessions(nox)
    wanted = {"venv_backend": "uv|virtualenv", "reuse_venv": True, "default": False}
    assert nox.options == [wanted] * len(sessions.__all__)


def test_importing_them_twice_is_the_same_as_once() -> None:
    nox = Nox(["build"])
    sessions.import_sessions(nox)
    once = dict(nox.known)
    sessions.import_sessions(nox)
    assert nox.known == once
