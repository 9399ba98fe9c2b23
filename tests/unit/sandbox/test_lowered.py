"""What another user has to be shown of the machine; nothing is mounted here."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway_sandbox.lowered import CannotLowerError, View, free_user, socket_of, view


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its owner's alone, with a program and an engine in it."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001 and folder != tmp_path:
            folder.chmod(folder.stat().st_mode | 0o001)
    tmp_path.chmod(0o755)
    made = tmp_path / "home"
    (made / "program" / "lib").mkdir(parents=True)
    (made / "run").mkdir()
    (made / "run" / "docker.sock").touch()
    made.chmod(0o700)
    return made


def test_what_all_users_may_enter_is_left_as_it_is(tmp_path: Path, home: Path) -> None:
    del home
    (tmp_path / "open").mkdir()
    assert view([tmp_path / "open"], None) == View(needed=(), closed=())


def test_a_closed_home_is_replaced_and_the_program_in_it_shown_again(home: Path) -> None:
    program, socket = home / "program", home / "run" / "docker.sock"
    assert view([program, program / "lib", home / "nothing"], socket) == View(
        needed=(program, socket), closed=(home,)
    )


def test_only_the_outermost_closed_folder_is_replaced(home: Path) -> None:
    (home / "program").chmod(0o711)
    inner = home / "program" / "lib"
    (home / "run").chmod(0o700)
    seen = view([inner], home / "run" / "docker.sock")
    assert seen == View(needed=(inner, home / "run" / "docker.sock"), closed=(home,))


def test_a_program_for_its_owner_only_is_run_by_nobody_else(home: Path) -> None:
    (home / "program").chmod(0o750)
    with pytest.raises(CannotLowerError, match=r"program is readable for its owner only"):
        view([home / "program"], None)


@pytest.mark.parametrize(
    ("docker", "socket"),
    [
        ("unix:///nowhere/docker.sock", Path("/nowhere/docker.sock")),
        ("tcp://127.0.0.1:2375", None),
    ],
)
def test_the_engines_socket_is_that_of_its_address(docker: str, socket: Path | None) -> None:
    assert socket_of(docker) == socket


def test_the_user_is_one_of_those_that_nobody_is() -> None:
    assert 61184 <= free_user() <= 65519
