"""What a nox session installs, decided from its words and its environment."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
    monkeypatch.chdir(tmp_path)
    return Session()


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
    assert session.ran == [("inv", "verify", *arguments)]


def test_an_unreadable_file_is_for_the_task_to_tell(session: Any) -> None:
    Path("ci/delivery.toml").write_text("environments = [", encoding="utf-8")
    sessions.run_task(session, "build", ["--env", "local"])
    assert "sandbox" not in session.installed[0]
    assert session.ran == [("inv", "build", "--env", "local")]


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
