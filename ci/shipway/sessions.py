"""The nox sessions: an isolated environment, then the task of the same name.

Import them into a noxfile with ``from shipway.sessions import *``, or at the end of one that has
sessions of its own with ``shipway.sessions.import_sessions(nox)``. Nothing but nox and the standard
library is imported here: nox runs in an environment of its own.

What is installed is shipway and never the repository that it delivers, which may hold Python, Node
or Go: exactly what a lock file says that ``shipway upgrade`` wrote, hash by hash.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import nox

__all__ = [
    "audit",
    "bootstrap",
    "build",
    "contract",
    "deploy",
    "doctor",
    "lock",
    "logs",
    "plan",
    "prune",
    "publish",
    "rehearse",
    "resume",
    "rollback",
    "run",
    "sandbox",
    "status",
    "verify",
]

BACKEND: Final = "uv|virtualenv"
"""uv where there is one, else virtualenv."""

# The environment variables that a task of ours reads are passed on as they are; nox adds nothing.
_SANDBOX = ("--extra", "sandbox")
# What is in an image is catalogued where images are made; signing needs a package for key files.
ATTESTATIONS = ("--extra", "sbom", "--extra", "sign")

LOCK: Final = "ci/shipway.lock"
"""shipway with what attests an image: what CI installs, and every session that needs no sandbox."""
SANDBOX_LOCK: Final = "ci/shipway-sandbox.lock"
"""The same with the embedded world. A file of its own: that pins other versions of boto3."""

_OURS: Final[dict[str, Callable[..., Any]]] = {}


def _session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a session of ours, unless the repository has one of that name already.

    What nox must know is said for each session: a repository's ``nox.options`` stay its own, and
    bare ``nox`` runs none of ours.
    """
    _OURS[function.__name__] = function
    if function.__name__ not in nox.registry.get():
        _register(nox, function, function.__name__)
    return function


def _register(registrar: ModuleType, function: Callable[..., Any], name: str) -> None:
    registrar.session(name=name, venv_backend=BACKEND, reuse_venv=True, default=False)(function)


def import_sessions(registrar: ModuleType, *, prefix: str = "shipway-") -> None:
    """Add our sessions to a noxfile whose own are defined above this call, and stay as they are.

    Args:
        registrar: The module ``nox``.
        prefix: Stands before the name of each of ours whose own name the repository has taken.
    """
    for name, function in _OURS.items():
        registered = registrar.registry.get()
        if name in registered and registered[name].func is function:
            continue
        wanted = f"{prefix}{name}" if name in registered else name
        if wanted not in registered:
            _register(registrar, function, wanted)


def prepare(session: nox.Session, *extra_arguments: str) -> None:
    """Install shipway: what ``uv.lock`` says in its own checkout, elsewhere what its lock says.

    Without a virtual environment (``nox --no-venv``) nothing is installed: what is there is used.

    Args:
        session: The session.
        extra_arguments: ``--extra NAME``; in shipway's own checkout further ones of ``uv sync``.
    """
    if not _own_checkout():
        _install_locked(session, SANDBOX_LOCK if "sandbox" in extra_arguments else LOCK)
        return
    if session.venv_backend == "uv" and Path("uv.lock").is_file():
        session.run_install(
            "uv",
            "sync",
            "--frozen",
            "--no-default-groups",
            "--quiet",
            *extra_arguments,
            env={"UV_PROJECT_ENVIRONMENT": session.virtualenv.location, **_uv_settings()},
            silent=True,
        )
        return
    extras = [name for flag, name in pairwise(extra_arguments) if flag == "--extra"]
    extra = f"[{','.join(extras)}]" if extras else ""
    session.install("--quiet", "-e", f".{extra}", silent=True)


def _own_checkout() -> bool:
    """Whether nox runs in a checkout of shipway itself."""
    if not Path("ci/shipway/sessions.py").is_file():
        return False
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
        return bool(project["name"] == "shipway")
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _install_locked(session: nox.Session, lock: str) -> None:
    """Install a lock file as it is; it is whole, so nothing is resolved and nothing else comes."""
    if session.venv_backend == "none":
        return
    if not Path(lock).is_file():
        session.error(
            f"{lock} is missing: it pins shipway and all it needs. "
            "Write it with: shipway upgrade (and commit it)"
        )
    if session.venv_backend == "uv":
        # Not `uv pip install`: that would mix in the constraints of the repository's own project.
        words = ("uv", "pip", "sync", "--quiet", "--require-hashes", lock)
        session.run_install(*words, env=_uv_settings(), silent=True)
        return
    session.install("--quiet", "--require-hashes", "--no-deps", "-r", lock, silent=True)


def _uv_settings() -> dict[str, str]:
    # Company networks vouch for the registries with certificates of their own.
    return {"UV_SYSTEM_CERTS": "true", **_bytecode()}


def _bytecode() -> dict[str, str]:
    """Have uv keep bytecode where Python may not, as the environment of many an image says.

    Else each start compiles what it imports anew: 2.2 s instead of 0.6 s for the embedded AWS.
    """
    return {"UV_COMPILE_BYTECODE": "true"} if os.environ.get("PYTHONDONTWRITEBYTECODE") else {}


def run_task(session: nox.Session, task: str, arguments: Sequence[str]) -> None:
    """Run a task of the same name with what stands behind ``--``."""
    attestations = ATTESTATIONS if task in {"publish", "deploy", "doctor"} else ()
    embedded = _embedded(arguments, unnamed=task == "build" and "GITHUB_ACTIONS" not in os.environ)
    prepare(session, *(_SANDBOX if embedded else ()), *attestations)
    _invoke(session, task, *arguments)


def _invoke(session: nox.Session, task: str, *arguments: str) -> None:
    """Run a task, and leave it the time that it needs to end well when it is interrupted.

    nox by itself ends a command 0.3 s after Ctrl-C and kills it 0.2 s later. At a terminal Ctrl-C
    reaches the task too, which asks ECS to roll back and watches that. Elsewhere nox alone may have
    been told, and ends the task with SIGTERM: it writes its record within the 7.5 s that GitHub's
    runner gives to what is cancelled (GitHub Docs, "Canceling a workflow").
    """
    interrupt_seconds, terminate_seconds = (None, None) if sys.stdin.isatty() else (1.0, 6.0)
    session.run(
        "shipway",
        task,
        *arguments,
        interrupt_timeout=interrupt_seconds,
        terminate_timeout=terminate_seconds,
    )


def _embedded(arguments: Sequence[str], *, unnamed: bool = False) -> bool:
    """Whether it goes to the embedded sandbox, which needs more packages.

    Args:
        arguments: What stands behind ``--``.
        unnamed: Whether that is so too where no environment is named and there is a sandbox.
    """
    options = list(arguments)
    environment = next(
        (word.partition("=")[2] for word in options if word.startswith("--env=")), ""
    )
    for option in ("-e", "--env"):
        if option in options[:-1]:
            environment = options[options.index(option) + 1]
    try:
        declared = tomllib.loads(Path("ci/delivery.toml").read_text(encoding="utf-8"))
        tables = declared["environments"]
        if not environment and unnamed:
            return any(table.get("sandbox") for table in tables.values())
        return bool(tables[environment].get("sandbox"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False  # the task itself says what is wrong with the file, and where


@_session
def build(session: nox.Session) -> None:
    """Build the image with BuildKit; no AWS account is needed."""
    run_task(session, "build", session.posargs)


@_session
def publish(session: nox.Session) -> None:
    """Build, and push to the environment's ECR repository what it lacks."""
    run_task(session, "publish", session.posargs)


@_session
def deploy(session: nox.Session) -> None:
    """Build, publish, roll out, watch until it holds, verify, record."""
    run_task(session, "deploy", session.posargs)


@_session
def rollback(session: nox.Session) -> None:
    """Go back to the last release that was verified and held; ``-- --to`` names another."""
    run_task(session, "rollback", session.posargs)


@_session
def plan(session: nox.Session) -> None:
    """Show what deploy would do, and change nothing; 3 for changes reaches a shell as 1."""
    run_task(session, "plan", session.posargs)


@_session
def status(session: nox.Session) -> None:
    """Show what runs where since when by whom, and whether it is what the last record says."""
    run_task(session, "status", session.posargs)


@_session
def doctor(session: nox.Session) -> None:
    """Check all that a delivery will need, and change nothing."""
    run_task(session, "doctor", session.posargs)


@_session
def logs(session: nox.Session) -> None:
    """Show what a service's containers wrote; ``-- --follow`` reads on until Ctrl-C."""
    run_task(session, "logs", session.posargs)


@_session
def lock(session: nox.Session) -> None:
    """Show who holds an environment; hold it for maintenance, or release it."""
    run_task(session, "lock", session.posargs)


@_session
def prune(session: nox.Session) -> None:
    """Show what is old and used by nothing; ``-- --apply`` takes it away."""
    run_task(session, "prune", session.posargs)


@_session
def verify(session: nox.Session) -> None:
    """Prove that what runs is what was shipped, and that it answers."""
    run_task(session, "verify", session.posargs)


@_session
def resume(session: nox.Session) -> None:
    """Answer the PAUSE hook that a deployment waits at, and watch what comes of it."""
    run_task(session, "resume", session.posargs)


@_session
def run(session: nox.Session) -> None:
    """Run one job of an environment to its end: ``-- JOB --env ENVIRONMENT``."""
    run_task(session, "run", session.posargs)


@_session
def sandbox(session: nox.Session) -> None:
    """Start the embedded AWS in the background, or end it with ``-- --down``."""
    prepare(session, *_SANDBOX)
    _invoke(session, "sandbox", *session.posargs)


@_session
def rehearse(session: nox.Session) -> None:
    """Walk a whole delivery, good and bad releases, in the sandbox; no account is needed."""
    prepare(session, *_SANDBOX, *ATTESTATIONS)
    _invoke(session, "rehearse", *session.posargs)


@_session
def contract(session: nox.Session) -> None:
    """Compare workflow and IAM documents with the release contract; ``-- --write`` renders them."""
    prepare(session)
    _invoke(session, "contract", *session.posargs)


@_session
def bootstrap(session: nox.Session) -> None:
    """Print an environment's deploy role as CloudFormation; ``-- --apply`` makes it."""
    prepare(session, *(_SANDBOX if _embedded(session.posargs) else ()))
    _invoke(session, "bootstrap", *session.posargs)


@_session
def audit(session: nox.Session) -> None:
    """Show what was delivered, all that is known of an image, or whether the evidence holds."""
    prepare(session)
    _invoke(session, "audit", *session.posargs)
