"""What `inv build` costs over the bare `docker buildx build` of the same thing: one command.

Both build the same context with the same flags on the same engine, turn by turn; the order changes
with every turn, so that neither is always the second. Two builds are measured: one where all comes
from the cache and only the export is done, and one that works for half a minute.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shipway.util.paths import cache_folder
from shipway_sandbox.engine import busybox, engine

GOAL_SECONDS = 1.5
GOAL_PERCENT = 5.0
WORK_SECONDS = 30
_GIT = ("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.invalid")
_DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY stamp /stamp
RUN ["/bin/busybox", "sleep", "{seconds}"]
COPY page /page
"""
_CONTRACT = """\
schema = 1
[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["bench"]
tasks = ["build"]
[environments.bench]
by_hand_role = "*"
"""
_DELIVERY = """\
schema = 1
name = "shop"
[image]
context = "context"
[environments.bench]
account = "123456789012"
region = "eu-west-1"
repository = "shop"
cluster = "shop"
[environments.bench.services.web]
service = "web"
container = "web"
"""


def main() -> int:
    """Measure, print, and say whether the goals are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="turns of the cached build")
    parser.add_argument("--long-runs", type=int, default=2, help="turns of the long one")
    options = parser.parse_args()
    cache = cache_folder(os.environ)
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as made:
        root = Path(made)
        with engine.start(cache, root / "engine", lambda _text: None) as docker:
            program = busybox.program(cache, lambda _text: None)
            environ = {**os.environ, **docker.env, "XDG_CACHE_HOME": str(root / "cache")}
            given: dict[str, Any] = {"program": program, "environ": environ}
            short = _measure(root, "all from cache", seconds=0, runs=options.runs, **given)
            name, runs = f"{WORK_SECONDS} s of work", options.long_runs
            long = _measure(root, name, seconds=WORK_SECONDS, runs=runs, **given)
    print("| build | buildx, s | inv build, s | overhead, s | overhead |")
    print("| --- | ---: | ---: | ---: | ---: |")
    kept = True
    for name, bare, ours in (short, long):
        extra = ours - bare
        percent = 100 * extra / bare
        print(f"| {name} | {bare:.2f} | {ours:.2f} | {extra:+.2f} | {percent:+.1f} % |")
        kept = kept and extra <= GOAL_SECONDS and (name == short[0] or percent <= GOAL_PERCENT)
    print(
        f"\nMedians. Goal: at most {GOAL_SECONDS} s, and at most {GOAL_PERCENT:.0f} % of a build "
        f"that works for {WORK_SECONDS} s: {'kept' if kept else 'MISSED'}."
    )
    return 0 if kept else 1


def _measure(
    root: Path,
    name: str,
    *,
    seconds: int,
    runs: int,
    program: bytes,
    environ: Mapping[str, str],
) -> tuple[str, float, float]:
    repository = root / f"work-{seconds}"
    context = repository / "context"
    context.mkdir(parents=True)
    (context / "busybox").write_bytes(program)
    (context / "busybox").chmod(0o755)
    (context / "page").write_text("hello\n")
    (context / "stamp").write_text("0\n")
    (context / "Dockerfile").write_text(_DOCKERFILE.format(seconds=seconds))
    (repository / "ci").mkdir()
    (repository / "ci" / "release.toml").write_text(_CONTRACT)
    (repository / "ci" / "delivery.toml").write_text(_DELIVERY)
    (repository / "tasks.py").write_text("from shipway.tasks import namespace\n")
    (repository / ".gitignore").write_text("evidence/\n__pycache__/\n")
    _run((*_GIT[:1], "init", "--quiet"), repository, environ)
    _commit(repository, environ)

    def bare() -> None:
        epoch = _run(("git", "log", "-1", "--format=%ct"), repository, environ).strip()
        out = root / "bare"
        command = (
            *("docker", "buildx", "build", str(context), "--file", str(context / "Dockerfile")),
            *("--platform", "linux/amd64", "--provenance", "mode=max,version=v1"),
            *("--build-arg", f"SOURCE_DATE_EPOCH={epoch}", "--progress", "plain"),
            *("--metadata-file", str(root / "metadata.json")),
            *("--output", f"type=oci,tar=false,dest={out},rewrite-timestamp=true"),
        )
        _run(command, repository, environ)

    def ours() -> None:
        _run((sys.executable, "-m", "invoke", "build", "--env", "bench"), repository, environ)

    bare()
    ours()
    times: dict[Callable[[], None], list[float]] = {bare: [], ours: []}
    for turn in range(runs):
        for build in (bare, ours) if turn % 2 else (ours, bare):
            if seconds:
                (context / "stamp").write_text(f"{turn} {build.__name__}\n")
                _commit(repository, environ)
            began = time.monotonic()
            build()
            times[build].append(time.monotonic() - began)
    return name, statistics.median(times[bare]), statistics.median(times[ours])


def _commit(repository: Path, environ: Mapping[str, str]) -> None:
    _run((*_GIT, "add", "--all"), repository, environ)
    _run((*_GIT, "commit", "--quiet", "--allow-empty", "--message", "x"), repository, environ)


def _run(command: tuple[str, ...], where: Path, environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=where, env=environ, check=False, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stderr}{done.stdout}"
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
