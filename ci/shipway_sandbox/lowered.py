"""A server without root: in a child of another user, which sees what it needs and no more.

Where root starts the sandbox, a private engine's owner for one, the embedded AWS needs nothing of
that. It runs as a user of its own, a number of those that systemd keeps for such users ("Users,
Groups, UIDs and GIDs on systemd systems": 61184 to 65519). Folders on the way to its program that
other users may not enter, such as /root, are replaced by empty ones in a mount namespace of its
own, in which only what it needs is mounted again. What stays in its hands is the engine's socket.

Its parent stays root, holds no port, and writes the file of secrets.
"""

from __future__ import annotations

import compileall
import contextlib
import ctypes
import importlib.util
import json
import os
import pwd
import signal
import stat
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import shipway

Publish = Callable[[dict[str, Any]], None]
"""Takes what a server says of itself, secrets included, once it answers."""

Work = Callable[[Publish], int]
"""A server: it gets where to publish, and gives an exit code; it raises nothing."""

_FIRST_USER: Final = 61184
_LAST_USER: Final = 65519
# linux/sched.h, linux/mount.h, linux/prctl.h
_CLONE_NEWNS: Final = 0x00020000
_MS_BIND_REC: Final = 0x1000 | 0x4000
_MS_PRIVATE_REC: Final = 0x40000 | 0x4000
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_SERVICES: Final = (
    "alb", "cloudformation", "cloudwatch*", "ec2", "ecr", "ecs", "iam*", "kms", "s3",
    "secretsmanager", "ssm", "sts", "tagging",
)  # fmt: skip
_UNIX: Final = "unix://"
_ENTER: Final = stat.S_IXOTH
_READ: Final = stat.S_IXOTH | stat.S_IROTH


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What another user needs to see of the machine beside what all users see.

    Attributes:
        needed: Folders and sockets, mounted again at their own places.
        closed: Folders that are replaced by empty ones first.
    """

    needed: tuple[Path, ...]
    closed: tuple[Path, ...]


class CannotLowerError(Exception):
    """The server cannot run as another user here; the text says why."""


def view(folders: Iterable[Path], socket: Path | None) -> View:
    """Decide what has to be opened for another user.

    Args:
        folders: Of the program: they must be readable for all once one is there.
        socket: The engine's, where it has one.

    Raises:
        CannotLowerError: A folder of the program is closed itself.
    """
    needed = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    for folder in needed:
        if folder.stat().st_mode & _READ != _READ:
            raise CannotLowerError(f"{folder} is readable for its owner only")
    if socket is not None and socket.exists():
        needed.append(socket)
    behind = {path: closed for path in needed if (closed := _closed(path)) is not None}
    # A folder within a needed one comes with it.
    inner = {path for path in behind if any(other in path.parents for other in behind)}
    return View(
        needed=tuple(path for path in behind if path not in inner),
        closed=tuple(sorted(set(behind.values()))),
    )


def _closed(path: Path) -> Path | None:
    """The outermost folder above a path that other users cannot enter."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & _ENTER:
            return folder
    return None


def program_folders() -> list[Path]:
    """Where this program and its modules are read from."""
    places = [sys.base_prefix, sys.prefix, *sys.path, *shipway.__path__, str(Path(__file__).parent)]
    return [Path(place).resolve() for place in places if place]


def socket_of(docker: str) -> Path | None:
    """The socket of an engine's address; ``None`` for one that is reached by the network."""
    address = docker or os.environ.get("DOCKER_HOST") or f"{_UNIX}/var/run/docker.sock"
    return Path(address.removeprefix(_UNIX)).resolve() if address.startswith(_UNIX) else None


def free_user() -> int:
    """The number of a user that nobody is."""
    named = {entry.pw_uid for entry in pwd.getpwall()}
    running = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                running.add(entry.stat().st_uid)
    span = _LAST_USER - _FIRST_USER + 1
    users = (_FIRST_USER + (os.getpid() + step) % span for step in range(span))
    return next(user for user in users if user not in named | running)


def serve(
    work: Work,
    publish: Publish,
    *,
    docker: str,
    sockets: Sequence[Any],
) -> int:
    """Run a server as another user, or here where that cannot be; the answer is an exit code.

    Args:
        work: The server.
        publish: Takes that, with the rights of this process.
        docker: The engine's address; empty for ``DOCKER_HOST``.
        sockets: What it listens on; closed here once it is the other's.
    """
    compile_modules()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            code = _as_another(work, writing, docker)
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        if told.readline() != b"lowered\n":
            os.waitpid(child, 0)
            return work(publish)
        for socket in sockets:
            socket.close()

        def pass_on(number: int, _frame: FrameType | None) -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, pass_on)
        if line := told.readline():
            publish(json.loads(line))
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def compile_modules() -> None:
    """Write down what Python makes of MiniStack, for another user cannot: it takes seconds each."""
    found = importlib.util.find_spec("ministack")
    for place in (found.submodule_search_locations or []) if found else []:
        for file in (*Path(place).glob("*.py"), *Path(place, "core").glob("*.py")):
            compileall.compile_file(file, quiet=2)
        for name in _SERVICES:
            for file in Path(place, "services").glob(f"{name}.py"):
                compileall.compile_file(file, quiet=2)
            compileall.compile_dir(Path(place, "services", name), quiet=2)


def _as_another(work: Work, writing: int, docker: str) -> int:
    parent = os.getppid()
    with os.fdopen(writing, "wb", buffering=0) as told:
        try:
            socket = socket_of(docker)
            _lower(view(program_folders(), socket), socket)
        except (CannotLowerError, OSError):
            return 0
        _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            return 0
        told.write(b"lowered\n")
        return work(lambda state: _tell(told.write, state))


def _tell(write: Callable[[bytes], Any], state: dict[str, Any]) -> None:
    write(json.dumps(state).encode() + b"\n")


def _lower(seen: View, socket: Path | None) -> None:
    """Become another user for good.

    Raises:
        OSError: The kernel allows no mount namespace here, or no other user.
    """
    user = free_user()
    groups = [socket.stat().st_gid] if socket is not None and socket.exists() else []
    if seen.closed:
        _mount_again(seen)
    os.chdir("/")
    os.setgroups(groups)
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.environ["HOME"] = "/nonexistent"
    if socket is not None and not os.access(socket, os.R_OK | os.W_OK):
        raise CannotLowerError(f"{socket} is its owner's alone")


def _mount_again(seen: View) -> None:
    _call("unshare", _CLONE_NEWNS)
    _call("mount", b"none", b"/", None, _MS_PRIVATE_REC, None)
    # Opened in this namespace: the kernel mounts nothing that belongs to another.
    held = {path: os.open(path, os.O_PATH) for path in seen.needed}
    kinds = {path: path.is_dir() for path in seen.needed}
    for folder in seen.closed:
        _call("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"mode=0755,size=1m")
    for path, descriptor in held.items():
        target = path if kinds[path] else path.parent
        target.mkdir(parents=True, exist_ok=True, mode=0o755)
        if not kinds[path]:
            path.touch()
        source = f"/proc/self/fd/{descriptor}".encode()
        _call("mount", source, os.fsencode(path), None, _MS_BIND_REC, None)
        os.close(descriptor)


def _call(name: str, *arguments: Any) -> None:
    """One call of libc that Python has no name for.

    Raises:
        OSError: It failed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    words = [
        ctypes.c_ulong(argument) if isinstance(argument, int) else argument
        for argument in arguments
    ]
    if getattr(libc, name)(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
