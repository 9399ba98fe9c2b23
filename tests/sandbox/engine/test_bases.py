"""The shop, built on an assembled base image, and the mistakes that must show."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from shipway_sandbox.engine import bases, engine
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.engine.engine_plan import decide

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def found(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    plan = decide(replace(engine.gather(os.environ), wish="", answer=None))
    with engine.start(cache, tmp_path_factory.mktemp("run"), lambda _: None, plan) as private:
        yield private


@pytest.fixture(scope="module")
def context(found: Engine, cache: Path) -> str:
    text = (EXAMPLES / "shop/Dockerfile").read_text()
    told: list[str] = []
    contexts = bases.provide(
        found, bases.missing_bases(text), cache, told.append, reach=lambda _: False
    ).contexts
    assert list(contexts) == ["python:3.13-slim"]
    assert told[-1].startswith("python:3.13-slim stands in: ")
    assert "no hub reachable" in told[-1]
    return f"python:3.13-slim={contexts['python:3.13-slim']}"


def docker(found: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **found.env},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def build(found: Engine, context: str, app: Path, folder: Path) -> str:
    (folder / "Dockerfile").write_text((EXAMPLES / "shop/Dockerfile").read_text())
    (folder / "app.py").write_text(app.read_text())
    name = f"shop:{app.stem}"
    command = ("buildx", "build", "-q", "--provenance=mode=max", "--build-context", context)
    done = docker(found, *command, "--build-arg", "COMMIT=3f9c2ab", "-t", name, str(folder))
    assert done.returncode == 0, done.stderr
    return name


@contextmanager
def running(found: Engine, image: str, *options: str) -> Iterator[str]:
    done = docker(found, "run", "-d", "-p", "127.0.0.1::8080", *options, image)
    assert done.returncode == 0, done.stderr
    container = done.stdout.strip()
    try:
        yield container
    finally:
        docker(found, "rm", "-f", container)


def get(found: Engine, container: str, path: str) -> tuple[int, str] | None:
    """Status and body, or ``None`` where nobody answers."""
    port = docker(found, "port", container, "8080").stdout.rpartition(":")[2].strip()
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_for(found: Engine, container: str) -> tuple[int, str]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if answer := get(found, container, "/health"):
            return answer
        time.sleep(0.05)
    pytest.fail(docker(found, "logs", container).stdout)


def exit_code(found: Engine, container: str, seconds: str = "20") -> int:
    done = subprocess.run(
        ["timeout", seconds, "docker", "wait", container],
        env={**os.environ, **found.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, "still running"
    return int(done.stdout)


def test_the_shop_answers_and_ends_within_a_second(
    found: Engine, context: str, tmp_path: Path
) -> None:
    image = build(found, context, EXAMPLES / "shop/app.py", tmp_path)
    with running(found, image) as container:
        status, body = wait_for(found, container)
        assert status == 200
        assert json.loads(body)["commit"] == "3f9c2ab"
        page = get(found, container, "/")
        assert page is not None
        assert "Ship chandler" in page[1]
        assert docker(found, "exec", container, "id", "-u").stdout.strip() == "10001"
        docker(found, "stop", container)
        assert "listens on 8080" in docker(found, "logs", container).stdout
        assert exit_code(found, container) == 0


@pytest.mark.parametrize(
    ("name", "code", "log"),
    [
        ("crash", 1, "KeyError: 'DATABASE_URL'"),
        ("crash-late", 1, "stock.json"),
        ("out-of-memory", 137, "listens on 8080"),
    ],
)
def test_a_release_that_ends(
    found: Engine, context: str, tmp_path: Path, *, name: str, code: int, log: str
) -> None:
    image = build(found, context, EXAMPLES / f"failures/{name}.py", tmp_path)
    with running(found, image, "-m", "64m") as container:
        assert exit_code(found, container) == code
        logs = docker(found, "logs", container)
        assert log in logs.stdout + logs.stderr


def test_a_release_that_answers_500(found: Engine, context: str, tmp_path: Path) -> None:
    image = build(found, context, EXAMPLES / "failures/answers-500.py", tmp_path)
    with running(found, image) as container:
        assert wait_for(found, container)[0] == 500


def test_a_release_that_is_deaf_runs_and_never_answers(
    found: Engine, context: str, tmp_path: Path
) -> None:
    image = build(found, context, EXAMPLES / "failures/deaf.py", tmp_path)
    with running(found, image) as container:
        time.sleep(1.5)
        assert get(found, container, "/health") is None
        state = docker(found, "inspect", "-f", "{{.State.Running}}", container)
        assert state.stdout.strip() == "true"


def test_a_dockerfile_can_use_a_shell_and_make_a_user(
    found: Engine, context: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.13-slim\n"
        "RUN useradd --create-home ship && python -m pip --version && test -d /tmp\n"
        "USER ship\n"
        'CMD ["sh", "-c", "echo $HOME $(python -c \'import ssl; print(1 + 1)\')"]\n'
    )
    done = docker(found, "buildx", "build", "--build-context", context, "-t", "u", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert docker(found, "run", "--rm", "u").stdout.split() == ["/home/ship", "2"]


def test_the_warm_path_asks_the_engine_only(found: Engine, context: str, tmp_path: Path) -> None:
    reference = context.partition("=")[0]
    # A cache that is not there shows that nothing is read from it.
    warm = bases.provide(
        found, (reference,), tmp_path / "none", lambda _: None, reach=lambda _: False
    ).contexts
    assert f"{reference}={warm[reference]}" == context
    assert not (tmp_path / "none").exists()


def test_what_the_engine_holds_needs_no_context(found: Engine, context: str, cache: Path) -> None:
    image = context.partition("docker-image://")[2]
    held = bases.provide(found, (image,), cache, lambda _: None, reach=lambda _: False)
    assert held.contexts == {}


def test_a_base_that_nothing_stands_in_for_is_told_and_left_to_the_build(
    found: Engine, context: str, cache: Path
) -> None:
    reference, _, place = context.partition("=")
    told: list[str] = []
    wanted = ("pyton:3.13-slim", reference)
    provided = bases.provide(found, wanted, cache, told.append, reach=lambda _: False)
    assert provided.contexts == {reference: place}
    assert told[0].startswith(
        "the base image pyton:3.13-slim is not here, and its registry cannot be reached "
        "(registry-1.docker.io), so a build from it fails; load it into the engine"
    )
    assert told[1].startswith(f"{reference} stands in: ")
