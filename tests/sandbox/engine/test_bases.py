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
from shipway_sandbox.engine.authorities import further
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.engine.engine_plan import decide

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def private_engine(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    plan = decide(replace(engine.gather(os.environ), wish="", answer=None))
    with engine.start(cache, tmp_path_factory.mktemp("run"), lambda _: None, plan) as private:
        yield private


@pytest.fixture(scope="module")
def context(private_engine: Engine, cache: Path) -> str:
    text = (EXAMPLES / "shop/Dockerfile").read_text()
    progress: list[str] = []
    contexts = bases.provide(
        private_engine, bases.missing_bases(text), cache, progress.append, reach=lambda _: False
    ).contexts
    assert list(contexts) == ["python:3.13-slim"]
    assert progress[-1].startswith("python:3.13-slim stands in: ")
    assert "no hub reachable" in progress[-1]
    return f"python:3.13-slim={contexts['python:3.13-slim']}"


def docker(private_engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **private_engine.env},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def build(private_engine: Engine, context: str, app: Path, folder: Path) -> str:
    (folder / "Dockerfile").write_text((EXAMPLES / "shop/Dockerfile").read_text())
    (folder / "app.py").write_text(app.read_text())
    name = f"shop:{app.stem}"
    command = ("buildx", "build", "-q", "--provenance=mode=max", "--build-context", context)
    done = docker(
        private_engine, *command, "--build-arg", "COMMIT=3f9c2ab", "-t", name, str(folder)
    )
    assert done.returncode == 0, done.stderr
    return name


@contextmanager
def running(private_engine: Engine, image: str, *options: str) -> Iterator[str]:
    done = docker(private_engine, "run", "-d", "-p", "127.0.0.1::8080", *options, image)
    assert done.returncode == 0, done.stderr
    container = done.stdout.strip()
    try:
        yield container
    finally:
        docker(private_engine, "rm", "-f", container)


def get(private_engine: Engine, container: str, path: str) -> tuple[int, str] | None:
    """Status and body, or ``None`` where nobody answers."""
    port = docker(private_engine, "port", container, "8080").stdout.rpartition(":")[2].strip()
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_for(private_engine: Engine, container: str) -> tuple[int, str]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if answer := get(private_engine, container, "/health"):
            return answer
        time.sleep(0.05)
    pytest.fail(docker(private_engine, "logs", container).stdout)


def exit_code(private_engine: Engine, container: str, seconds: str = "20") -> int:
    done = subprocess.run(
        ["timeout", seconds, "docker", "wait", container],
        env={**os.environ, **private_engine.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, "still running"
    return int(done.stdout)


def test_the_shop_answers_and_ends_within_a_second(
    private_engine: Engine, context: str, tmp_path: Path
) -> None:
    image = build(private_engine, context, EXAMPLES / "shop/app.py", tmp_path)
    with running(private_engine, image) as container:
        status, body = wait_for(private_engine, container)
        assert status == 200
        assert json.loads(body)["commit"] == "3f9c2ab"
        page = get(private_engine, container, "/")
        assert page is not None
        assert "Ship chandler" in page[1]
        assert docker(private_engine, "exec", container, "id", "-u").stdout.strip() == "10001"
        docker(private_engine, "stop", container)
        assert "listens on 8080" in docker(private_engine, "logs", container).stdout
        assert exit_code(private_engine, container) == 0


@pytest.mark.parametrize(
    ("name", "code", "log"),
    [
        ("crash", 1, "KeyError: 'DATABASE_URL'"),
        ("crash-late", 1, "stock.json"),
        ("out-of-memory", 137, "listens on 8080"),
    ],
)
def test_a_release_that_ends(
    private_engine: Engine, context: str, tmp_path: Path, *, name: str, code: int, log: str
) -> None:
    image = build(private_engine, context, EXAMPLES / f"failures/{name}.py", tmp_path)
    with running(private_engine, image, "-m", "64m") as container:
        assert exit_code(private_engine, container) == code
        logs = docker(private_engine, "logs", container)
        assert log in logs.stdout + logs.stderr


def test_a_release_that_answers_500(private_engine: Engine, context: str, tmp_path: Path) -> None:
    image = build(private_engine, context, EXAMPLES / "failures/answers-500.py", tmp_path)
    with running(private_engine, image) as container:
        assert wait_for(private_engine, container)[0] == 500


def test_a_release_that_is_deaf_runs_and_never_answers(
    private_engine: Engine, context: str, tmp_path: Path
) -> None:
    image = build(private_engine, context, EXAMPLES / "failures/deaf.py", tmp_path)
    with running(private_engine, image) as container:
        time.sleep(1.5)
        assert get(private_engine, container, "/health") is None
        state = docker(private_engine, "inspect", "-f", "{{.State.Running}}", container)
        assert state.stdout.strip() == "true"


def test_a_dockerfile_can_use_a_shell_and_make_a_user(
    private_engine: Engine, context: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.13-slim\n"
        "RUN useradd --create-home ship && python -m pip --version && test -d /tmp\n"
        "USER ship\n"
        'CMD ["sh", "-c", "echo $HOME $(python -c \'import ssl; print(1 + 1)\')"]\n'
    )
    done = docker(
        private_engine, "buildx", "build", "--build-context", context, "-t", "u", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert docker(private_engine, "run", "--rm", "u").stdout.split() == ["/home/ship", "2"]
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    trusted = docker(private_engine, "run", "--rm", "u", "cat", bundle).stdout
    assert trusted.count("END CERTIFICATE") > 100
    # Whom this machine was told to trust is trusted in there, too.
    assert all(certificate in trusted for certificate in further(os.environ))


def test_the_warm_path_asks_the_engine_only(
    private_engine: Engine, context: str, tmp_path: Path
) -> None:
    reference = context.partition("=")[0]
    # A cache that is not there shows that nothing is read from it.
    warm = bases.provide(
        private_engine, (reference,), tmp_path / "none", lambda _: None, reach=lambda _: False
    ).contexts
    assert f"{reference}={warm[reference]}" == context
    assert not (tmp_path / "none").exists()


def test_what_the_engine_holds_needs_no_context(
    private_engine: Engine, context: str, cache: Path
) -> None:
    image = context.partition("docker-image://")[2]
    held = bases.provide(private_engine, (image,), cache, lambda _: None, reach=lambda _: False)
    assert held.contexts == {}


def test_a_base_that_nothing_stands_in_for_is_told_and_left_to_the_build(
    private_engine: Engine, context: str, cache: Path
) -> None:
    reference, _, place = context.partition("=")
    progress: list[str] = []
    wanted = ("pyton:3.13-slim", reference)
    provided = bases.provide(private_engine, wanted, cache, progress.append, reach=lambda _: False)
    assert provided.contexts == {reference: place}
    assert progress[0].startswith(
        "the base image pyton:3.13-slim is not here, and its registry cannot be reached "
        "(registry-1.docker.io), so a build from it fails; load it into the engine"
    )
    assert progress[1].startswith(f"{reference} stands in: ")
