"""The nox sessions: an isolated environment, then the task of the same name.

Import them into a noxfile with ``from shipway.sessions import *``. Nothing but nox and the
standard library is imported here: nox runs in an environment of its own.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import nox

__all__ = [
    "audit",
    "bootstrap",
    "build",
    "contract",
    "deploy",
    "publish",
    "rehearse",
    "resume",
    "sandbox",
    "verify",
]

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

# The environment variables that a task of ours reads are passed on as they are; nox adds nothing.
_SANDBOX = ("--extra", "sandbox")
# What is in an image is catalogued where images are made; signing needs a package for key files.
ATTESTATIONS = ("--extra", "sbom", "--extra", "sign")


def prepare(session: nox.Session, *extra_arguments: str) -> None:
    """Install shipway: exactly what ``uv.lock`` says, in a checkout of shipway itself.

    Args:
        session: The session.
        extra_arguments: Further ``uv sync`` arguments, such as ``--extra sandbox``.
    """
    if session.venv_backend == "uv" and Path("uv.lock").is_file():
        session.run_install(
            "uv",
            "sync",
            "--frozen",
            "--no-default-groups",
            "--quiet",
            *extra_arguments,
            env={
                "UV_PROJECT_ENVIRONMENT": session.virtualenv.location,
                # Company networks vouch for the registries with certificates of their own.
                "UV_SYSTEM_CERTS": "true",
                **_bytecode(),
            },
            silent=True,
        )
        return
    extras = [name for flag, name in pairwise(extra_arguments) if flag == "--extra"]
    extra = f"[{','.join(extras)}]" if extras else ""
    session.install("--quiet", "-e", f".{extra}", silent=True)


def _bytecode() -> dict[str, str]:
    """Have uv keep bytecode where Python may not, as the environment of many an image says.

    Else each start compiles what it imports anew: 2.2 s instead of 0.6 s for the embedded AWS.
    """
    return {"UV_COMPILE_BYTECODE": "true"} if os.environ.get("PYTHONDONTWRITEBYTECODE") else {}


def run_task(session: nox.Session, task: str, arguments: Sequence[str]) -> None:
    """Run a task of the same name with what stands behind ``--``."""
    attestations = ATTESTATIONS if task in {"publish", "deploy"} else ()
    prepare(session, *(_SANDBOX if _embedded(arguments) else ()), *attestations)
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
        "inv",
        task,
        *arguments,
        interrupt_timeout=interrupt_seconds,
        terminate_timeout=terminate_seconds,
    )


def _embedded(arguments: Sequence[str]) -> bool:
    """Whether the environment that is named is the embedded sandbox, which needs more packages."""
    options = list(arguments)
    environment = next(
        (word.partition("=")[2] for word in options if word.startswith("--env=")), ""
    )
    if "--env" in options[:-1]:
        environment = options[options.index("--env") + 1]
    try:
        declared = tomllib.loads(Path("ci/delivery.toml").read_text(encoding="utf-8"))
        return bool(declared["environments"][environment].get("sandbox"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False  # the task itself says what is wrong with the file, and where


@nox.session
def build(session: nox.Session) -> None:
    """Build the image with BuildKit; no AWS account is needed."""
    run_task(session, "build", session.posargs)


@nox.session
def publish(session: nox.Session) -> None:
    """Build, and push to the environment's ECR repository what it lacks."""
    run_task(session, "publish", session.posargs)


@nox.session
def deploy(session: nox.Session) -> None:
    """Build, publish, roll out, watch until it holds, verify, record."""
    run_task(session, "deploy", session.posargs)


@nox.session
def verify(session: nox.Session) -> None:
    """Prove that what runs is what was shipped, and that it answers."""
    run_task(session, "verify", session.posargs)


@nox.session
def resume(session: nox.Session) -> None:
    """Answer the PAUSE hook that a deployment waits at, and watch what comes of it."""
    run_task(session, "resume", session.posargs)


@nox.session
def sandbox(session: nox.Session) -> None:
    """Start the embedded AWS in the background, or end it with ``-- --down``."""
    prepare(session, *_SANDBOX)
    _invoke(session, "sandbox", *session.posargs)


@nox.session
def rehearse(session: nox.Session) -> None:
    """Walk a whole delivery, good and bad releases, in the sandbox; no account is needed."""
    prepare(session, *_SANDBOX, *ATTESTATIONS)
    _invoke(session, "rehearse", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """Compare workflow and IAM documents with the release contract; ``-- --write`` renders them."""
    prepare(session)
    _invoke(session, "contract", *session.posargs)


@nox.session
def bootstrap(session: nox.Session) -> None:
    """Print an environment's deploy role as CloudFormation; ``-- --apply`` makes it."""
    prepare(session, *(_SANDBOX if _embedded(session.posargs) else ()))
    _invoke(session, "bootstrap", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Show what was delivered, all that is known of an image, or whether the evidence holds."""
    prepare(session)
    _invoke(session, "audit", *session.posargs)
