"""Builds with a real BuildKit, through the adapter and the stage that deliveries use."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipway.adapters.docker import Buildx
from shipway.errors import BuildError, EngineError
from shipway.image import build as building
from shipway.image import layout
from shipway.image.build import BuildRequest, BuiltImage, SecretMount
from shipway.observer import Event
from shipway.values import Commit

if TYPE_CHECKING:
    from shipway_sandbox.engine.engine import Engine

COMMIT = Commit(
    sha="3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7",
    time=datetime(2026, 11, 22, 23, 40, 58, tzinfo=UTC),
    clean=True,
    subject="Sell more",
    remote="https://github.com/octo/shop",
)
GOOD = """\
FROM scratch
ARG MODE
COPY busybox /bin/busybox
RUN ["/bin/busybox", "touch", "/made"]
COPY page /www/index.html
CMD ["/bin/busybox", "httpd", "-f"]
"""


@pytest.fixture(autouse=True)
def _engine(docker_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in docker_engine.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def context(tmp_path: Path, busybox_program: bytes) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "busybox").write_bytes(busybox_program)
    (folder / "busybox").chmod(0o755)
    (folder / "page").write_text("hello\n")
    (folder / "Dockerfile").write_text(GOOD)
    return folder


def request(context: Path, name: str = "out") -> BuildRequest:
    return BuildRequest(
        context=context,
        dockerfile=context / "Dockerfile",
        platforms=("linux/amd64",),
        destination=context.parent / "images" / name,
        epoch=int(COMMIT.time.timestamp()),
        build_args={"MODE": "plain"},
        labels=building.labels("shop", COMMIT),
    )


def build(asked: BuildRequest) -> BuiltImage:
    return building.build(Buildx(), asked, COMMIT, lambda _: None)


def refused(asked: BuildRequest) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build(asked)
    images = asked.destination.parent
    assert not images.exists() or list(images.iterdir()) == [], "nothing half-done is left"
    return caught.value


def test_an_image_is_built_whole_and_known_by_its_digest(context: Path) -> None:
    asked = request(context)
    built = build(asked)
    image = layout.read(asked.destination)
    assert image.root.digest == built.digest
    assert [platform for platform, _ in built.platforms] == ["linux/amd64"]
    assert built.size == image.size > (context / "busybox").stat().st_size / 4
    assert built.steps[0] == 3
    assert [path.name for path in asked.destination.parent.iterdir()] == ["out"]


def test_two_clones_give_one_image_whatever_their_umask(
    tmp_path: Path, busybox_program: bytes
) -> None:
    digests = []
    for umask in (0o022, 0o002, 0o077):
        folder = tmp_path / f"{umask:o}"
        before = os.umask(umask)
        try:
            (folder / "app" / "lib").mkdir(parents=True)
            (folder / "app" / "main").write_text("x")
            (folder / "app" / "lib" / "more").write_text("y")
            (folder / "app" / "link").symlink_to("main")
            descriptor = os.open(folder / "run", os.O_CREAT | os.O_WRONLY, 0o777)
            with os.fdopen(descriptor, "wb") as program:
                program.write(busybox_program)
            (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /app\nCOPY app /other\n")
        finally:
            os.umask(before)
        digests.append(build(request(folder, f"image-{umask:o}")).platforms)
    assert digests[0] == digests[1] == digests[2]


def documents(asked: BuildRequest) -> dict[str, dict[str, object]]:
    """Every blob of a layout that is JSON, by its digest."""
    found = {}
    for path in (asked.destination / "blobs" / "sha256").iterdir():
        try:
            found[f"sha256:{path.name}"] = json.loads(path.read_bytes())
        except ValueError:
            continue
    return found


def test_the_labels_and_the_provenance_are_in_it(context: Path) -> None:
    asked = request(context)
    build(asked)
    image = layout.read(asked.destination)
    blobs = documents(asked)
    plain = json.dumps(list(blobs.values()))
    assert (
        '"org.opencontainers.image.revision": "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"' in plain
    )
    assert '"org.opencontainers.image.created": "2026-11-22T23:40:58Z"' in plain
    assert len(image.children) == 2, "the image and its attestation"
    assert "https://slsa.dev/provenance/" in plain


def test_a_second_build_of_a_commit_is_the_same_image(context: Path) -> None:
    first = build(request(context))
    for name in ("busybox", "page", "Dockerfile"):
        os.utime(context / name, (1_000_000_000, 1_000_000_000))  # as another checkout has it
    second = build(request(context, "again"))
    assert second.platforms == first.platforms
    assert second.steps[1] >= 1, "something came from the cache"
    (context / "page").write_text("bye\n")
    assert build(request(context, "third")).platforms != first.platforms


def test_a_build_takes_the_place_of_the_one_before(context: Path) -> None:
    first = build(request(context))
    (context / "page").write_text("bye\n")
    second = build(request(context))
    assert second.platforms != first.platforms
    assert layout.read(request(context).destination).root.digest == second.digest


def test_buildkits_own_excerpt_of_what_failed(context: Path) -> None:
    (context / "Dockerfile").write_text(
        GOOD + 'RUN ["/bin/busybox", "sh", "-c", "echo no such thing >&2; exit 7"]\n'
    )
    error = refused(request(context))
    assert error.what.startswith("failed to solve: process ")
    assert error.what.endswith("did not complete successfully: exit code: 7")
    assert error.where == str(context / "Dockerfile")
    assert error.remedy == (
        f"mend {context / 'Dockerfile'} and build again; nothing was published or changed"
    )
    text = "\n".join(error.details)
    assert ">>> RUN" in text, "the line of the Dockerfile"


def test_a_dockerfile_that_is_none(context: Path) -> None:
    (context / "Dockerfile").write_text("FORM scratch\n")
    error = refused(request(context))
    assert "FORM" in error.what


def test_a_file_that_is_copied_and_not_there(context: Path) -> None:
    (context / "page").unlink()
    error = refused(request(context))
    assert error.what == f"the context {context} has no `page`"
    assert ">>> COPY" in "\n".join(error.details)


def test_a_file_that_is_copied_and_left_out(context: Path) -> None:
    (context / ".dockerignore").write_text("page\n")
    error = refused(request(context))
    assert error.what == f"{context / '.dockerignore'} leaves `page` out of the context {context}"


def test_an_empty_dockerfile(context: Path) -> None:
    (context / "Dockerfile").write_text("")
    error = refused(request(context))
    assert error.what == f"the Dockerfile {context / 'Dockerfile'} is empty"


def test_no_engine_answers(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{context.parent}/dead.sock")
    with pytest.raises(EngineError) as caught:
        build(request(context))
    assert caught.value.what == "no Docker engine answers"
    assert caught.value.remedy == "start Docker, or point DOCKER_HOST at an engine that answers"


def test_no_client(context: Path) -> None:
    with pytest.raises(EngineError) as caught:
        Buildx(client="/nowhere/docker").build(request(context), lambda _: None)
    assert caught.value.what == "no docker command line client was found"


BUILDING = """
import signal, sys
from dataclasses import replace
from pathlib import Path
from shipway.adapters.docker import Buildx
from shipway.cli.deliver import terminable
from shipway.errors import TerminatedError
from shipway.image.build import BuildRequest
context = Path(sys.argv[1])
request = BuildRequest(context=context, dockerfile=context / "Dockerfile",
    platforms=("linux/amd64",), destination=context.parent / "images" / "out", epoch=0)
def tell(line):
    if "started" in line:
        print("started", flush=True)
try:
    with terminable():
        Buildx().build(request, tell)
except TerminatedError:
    sys.exit(143)
"""


def test_sigterm_ends_buildx_too(context: Path) -> None:
    (context / "Dockerfile").write_text(
        GOOD + 'RUN ["/bin/busybox", "sh", "-c", "echo started; exec /bin/busybox sleep 60"]\n'
    )
    command = [sys.executable, "-W", "ignore", "-c", BUILDING, str(context)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    finally:
        process.kill()
        process.wait(5)
        if process.stdout is not None:
            process.stdout.close()
    deadline = time.monotonic() + 5
    while _mentions(str(context)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _mentions(str(context)) == []
    assert list((context.parent / "images").iterdir()) == []


SECRET = b"canary-licence-7f3a91"
TAKES = """\
RUN --mount=type=secret,id=licence ["/bin/busybox", "sh", "-c", \
"/bin/busybox wc -c < /run/secrets/licence > /length; /bin/busybox sleep 2"]
"""


def test_a_secret_reaches_its_step_and_nothing_that_is_kept_or_told(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = context.parent / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (context / "Dockerfile").write_text(GOOD + TAKES)
    secret = SecretMount(id="licence", value=SECRET)
    told, argued = [], set[str]()

    def tell(event: Event) -> None:
        told.append(str(event))
        argued.update(_mentions(SECRET.decode()))

    asked = replace(request(context), secrets=(secret,), logins={"r.example": "AWS:canary-login"})
    built = building.build(Buildx(), asked, COMMIT, tell)
    assert argued == set()
    assert "canary" not in "".join(told)
    kept = [file for file in built.folder.rglob("*") if file.is_file()]
    contents = [file.read_bytes() for file in kept]
    contents += [gzip.decompress(one) for one in contents if one.startswith(b"\x1f\x8b")]
    assert any(f"{len(SECRET)}\n".encode() in one for one in contents), "the step read it"
    assert not [one for one in contents if b"canary" in one]
    assert list(temporary.iterdir()) == []


def _mentions(word: str) -> list[str]:
    """Command lines of running processes with this word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line:
            found.append(line)
    return found


def test_the_default_builder_is_the_engines_own_whatever_the_environment_says(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILDX_BUILDER", "one-that-is-gone")
    assert build(request(context)).size


def test_a_builder_that_is_not_there_is_named(context: Path) -> None:
    with pytest.raises(EngineError) as caught:
        build(replace(request(context), builder="one-that-is-gone"))
    assert "'one-that-is-gone'" in caught.value.what
    assert "docker buildx ls" in caught.value.remedy


def test_each_engine_has_a_builder_of_its_own(
    context: Path, tmp_path: Path, docker_engine: Engine
) -> None:
    """Another address is another engine, for all that buildx knows."""
    other = tmp_path / "other.sock"
    other.symlink_to(docker_engine.host.removeprefix("unix://"))
    hosts = {docker_engine.host, f"unix://{other}"}
    asked = replace(request(context), builder="docker-container")
    for host in hosts:
        # Without a hub there is no BuildKit image to start; the builder is there all the same.
        with suppress(EngineError):
            building.build(Buildx(host=host), asked, COMMIT, lambda _: None)
    listed = subprocess.run(
        ("docker", "buildx", "ls", "--format", "{{json .}}"), capture_output=True, check=True
    ).stdout.splitlines()
    builders = [json.loads(line) for line in listed]
    ours = {one["Name"]: one["Nodes"] for one in builders if one["Name"].startswith("shipway-")}
    try:
        assert hosts <= {node["Endpoint"] for nodes in ours.values() for node in nodes}
    finally:
        for name in ours:
            subprocess.run(("docker", "buildx", "rm", "--force", name), check=False)
