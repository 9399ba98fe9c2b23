"""How long it takes to adopt the smallest service: from wheels to what answers, on a bare machine.

Everything is typed as a person types it, in a repository and with caches made for the occasion:
uv's, the packages of a Docker engine, the sandbox. ``--warm`` keeps the user's own caches.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

GOAL_SECONDS = 120.0
_ROOT = Path(__file__).resolve().parents[1]
_GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.invalid")
_DOCKERFILE = """\
FROM busybox:1.37
COPY index.html /www/index.html
EXPOSE 8080
CMD ["busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""
_INIT = ("--yes", "--offline", "--repository-id", "424242", "--owner-id", "4242")
_FOREIGN = ("AWS_", "GITHUB_", "ACTIONS_", "SHIPWAY_", "UV_", "VIRTUAL_ENV", "PYTHONPATH")


def main() -> int:
    """Measure and print; whether the goal was kept is said, and never an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", action="store_true", help="keep the user's own caches")
    parser.add_argument("--rehearse", action="store_true", help="rehearse, too")
    options = parser.parse_args()
    uv = shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is not installed: python -m pip install uv")
    with tempfile.TemporaryDirectory(prefix="shipway-adopt-") as made:
        root = Path(made)
        environ = _environment(root, uv, warm=options.warm)
        _run((uv, "build", "--quiet", "--all-packages", "--out-dir", str(root / "dist")), _ROOT)
        repository = _repository(root / "pier", environ)
        rows = list(_steps(root, uv, repository, environ, rehearse=options.rehearse))
    print("| step | seconds |")
    print("| --- | ---: |")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.1f} |")
    whole = sum(seconds for name, seconds in rows if "init" in name or "deploy" in name)
    kept = "kept" if whole <= GOAL_SECONDS else "MISSED"
    caches = "the user's caches" if options.warm else "no cache"
    goal = f"Goal: {GOAL_SECONDS:.0f} s: {kept}."
    print(f"\nFrom init to verified, with {caches}: {whole:.0f} s. {goal}")
    return 0


def _environment(root: Path, uv: str, *, warm: bool) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    path = os.pathsep.join((str(root / "venv/bin"), str(Path(uv).parent), kept["PATH"]))
    cache = {} if warm else {"XDG_CACHE_HOME": str(root / "cache")}
    return {**kept, **cache, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true"}


def _repository(folder: Path, environ: Mapping[str, str]) -> Path:
    folder.mkdir()
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    (folder / "index.html").write_text("moored\n", encoding="utf-8")
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("remote", "add", "origin", "https://github.com/acme/pier.git"),
        ("add", "--all"),
        ("commit", "--quiet", "--message=first"),
    ):
        _run((*_GIT, *words), folder, environ)
    return folder


def _steps(
    root: Path, uv: str, repository: Path, environ: Mapping[str, str], *, rehearse: bool
) -> Iterator[tuple[str, float]]:
    programs = root / "venv/bin"

    def timed(name: str, *commands: tuple[str, ...]) -> tuple[str, float]:
        began = time.monotonic()
        for command in commands:
            _run(command, repository, environ)
        return name, time.monotonic() - began

    [wheel] = (root / "dist").glob("shipway-*.whl")
    python = str(programs / "python")
    yield timed(
        "install the wheel",
        (uv, "venv", "--quiet", str(root / "venv")),
        (uv, "pip", "install", "--quiet", "--python", python, str(wheel)),
    )
    yield timed("shipway init", (str(programs / "shipway"), "init", *_INIT))
    with _ended(repository, environ):
        nox = str(programs / "nox")
        yield timed("nox -s deploy -- --env local", (nox, "-s", "deploy", "--", "--env", "local"))
    if rehearse:
        yield timed("nox -s rehearse", (nox, "-s", "rehearse"))


@contextmanager
def _ended(repository: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Have the sandbox that a delivery leaves in the background end, whatever happens."""
    try:
        yield
    finally:
        for shipway in repository.glob(".nox/deploy/bin/shipway"):
            _run((str(shipway), "sandbox", "--down"), repository, environ)


def _run(command: tuple[str, ...], where: Path, environ: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=where, env=environ, check=False, capture_output=True, text=True, timeout=900
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stderr}{done.stdout}"
        )


if __name__ == "__main__":
    sys.exit(main())
