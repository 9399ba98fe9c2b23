"""What BuildKit said, as a person reads it; no engine is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import BuildError, EngineError, ShipwayError
from shipway.image.build import BuildRequest, Place
from shipway.image.build_failures import (
    Attempt,
    cache_failed,
    engine_cannot,
    error_of,
    what_engine_cannot,
)

UNTOUCHED = "nothing was published or changed"
START = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 31B done
#1 DONE 0.0s
"""


@pytest.fixture
def request_(tmp_path: Path) -> BuildRequest:
    """A context with a Dockerfile."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "Dockerfile").touch()
    return BuildRequest(
        context=tmp_path / "shop",
        dockerfile=tmp_path / "shop" / "Dockerfile",
        platforms=("linux/amd64",),
        destination=tmp_path / "out",
        epoch=0,
    )


def translated(said: str, request: BuildRequest, builder: str = "default") -> ShipwayError:
    return error_of(Attempt(request=request, builder=builder, stderr=said, code=1))


def not_found(*steps: str, path: str = "requirements.txt") -> str:
    """The end of BuildKit's output where a path is not there."""
    shown = "".join(f"------\n > [{step}:\n" for step in steps)
    ref = "zkd15t5fzpvb2v5y9c7d6lh0i::jmvhq2rqckntdcm5ixvbkd1p5"
    cause = f'failed to calculate checksum of ref {ref}: "/{path}": not found'
    return f"""{START}#5 ERROR: {cause}
{shown}------
Dockerfile:3
--------------------
   3 | >>> COPY requirements.txt .
--------------------
ERROR: failed to build: failed to solve: failed to compute cache key: {cause}
"""


@pytest.mark.parametrize(
    "step",
    [
        "2/3] COPY requirements.txt .",
        "stage-1 2/3] COPY --chmod=0644 requirements.txt .",
        "linux/amd64 2/3] ADD requirements.txt /from=here",
    ],
)
def test_a_file_that_the_context_does_not_have(request_: BuildRequest, step: str) -> None:
    error = translated(not_found(step), request_)
    assert error.what == f"the context {request_.context} has no `requirements.txt`"
    assert error.where == str(request_.dockerfile)
    assert error.remedy == f"add it, or mend {request_.dockerfile}; {UNTOUCHED}"
    assert "   3 | >>> COPY requirements.txt ." in error.details


def test_a_file_that_the_context_leaves_out(request_: BuildRequest) -> None:
    (request_.context / "requirements.txt").touch()
    for name in (".dockerignore", "Dockerfile.dockerignore"):
        ignore = request_.context / name
        ignore.write_text("*.txt\n", encoding="utf-8")
        error = translated(not_found("2/3] COPY requirements.txt ."), request_)
        said = f"{ignore} leaves `requirements.txt` out of the context {request_.context}"
        assert error.what == said
        assert error.remedy == f"take it back there, or mend {request_.dockerfile}; {UNTOUCHED}"


@pytest.mark.parametrize("pattern", [False, True])
def test_a_file_that_git_ignores(request_: BuildRequest, tmp_path: Path, *, pattern: bool) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    place = Place(request_.context, request_.dockerfile)
    copied = replace(request_, context=copy, dockerfile=copy / "Dockerfile", copy_of=place)
    said = not_found("2/3] COPY target/app.jar .", path="target/app.jar")
    if pattern:  # BuildKit's words for COPY target/*.jar
        file = "/var/lib/docker/tmp/buildkit-mount1103490745/target/app.jar"
        said += f"ERROR: failed to solve: lstat {file}: no such file or directory\n"
    assert translated(said, copied).what == f"the context {place.context} has no `target/app.jar`"
    (place.context / "target").mkdir()
    (place.context / "target" / "app.jar").touch()
    error = translated(said, copied)
    assert error.what.startswith("git ignores `target/app.jar`, so the commit that is built has no")
    assert error.where == str(place.dockerfile)
    assert "`artifacts` of [image] in ci/delivery.toml" in error.remedy
    for name in (".dockerignore", "Dockerfile.dockerignore"):
        (copy / name).write_text("target\n", encoding="utf-8")
        assert translated(said, copied).what == (
            f"{place.context / name} leaves `target/app.jar` out of the context {place.context}"
        )


def test_a_file_that_an_earlier_stage_does_not_have(request_: BuildRequest) -> None:
    said = not_found("stage-1 2/3] COPY --from=build /out/shop /shop", path="out/shop")
    error = translated(said, request_)
    assert error.what == "build, which COPY takes from, has no `/out/shop`"
    assert error.remedy == f"mend {request_.dockerfile} and build again; {UNTOUCHED}"


@pytest.mark.parametrize(
    "steps",
    [
        (),
        ("2/3] RUN --mount=type=bind,source=requirements.txt,target=/r true",),
        ("2/3] COPY a b", "build 2/3] COPY --from=base a b"),
    ],
)
def test_where_it_was_looked_for_is_not_guessed(
    request_: BuildRequest, steps: tuple[str, ...]
) -> None:
    error = translated(not_found(*steps), request_)
    assert error.what.startswith("failed to build: failed to solve: failed to compute cache key: ")
    assert error.remedy == f"mend {request_.dockerfile} and build again; {UNTOUCHED}"


@pytest.mark.parametrize(
    "cause", ["the Dockerfile cannot be empty", "the Dockerfile (Dockerfile) cannot be empty"]
)
def test_an_empty_dockerfile(request_: BuildRequest, cause: str) -> None:
    error = translated(f"{START}ERROR: failed to solve: {cause}\n", request_)
    assert isinstance(error, BuildError)
    assert error.what == f"the Dockerfile {request_.dockerfile} is empty"
    assert error.details == (), "no start-up lines"
    assert error.remedy == f"write it, or see [image] in ci/delivery.toml; {UNTOUCHED}"


@pytest.mark.parametrize(
    ("said", "what"),
    [
        # As buildx says it today, and as it said it before 0.11.
        ("ERROR: Attestation is not supported for the docker driver.", "attestation"),
        ("ERROR: Cache export is not supported for the docker driver.", "cache export"),
        (
            (
                "ERROR: Multi-platform build is not supported for the docker driver.\nSwitch to a "
                "different driver, or turn on the containerd image store, and try again."
            ),
            "multi-platform build",
        ),
        (
            "ERROR: failed to build: OCI exporter is not supported for the docker driver.",
            "oci exporter",
        ),
        (
            (
                "ERROR: multiple platforms feature is currently not supported for docker driver. "
                "Please switch to a different driver"
            ),
            "multiple platforms",
        ),
        (
            "ERROR: cache export feature is currently not supported for docker driver.",
            "cache export",
        ),
        ("error: attestations are not supported by the current buildkitd", "attestation"),
        ("ERROR: Attestations are not supported by the current BuildKit daemon", "attestation"),
    ],
)
def test_what_the_classic_image_store_refuses_leads_elsewhere(said: str, what: str) -> None:
    assert engine_cannot(said)
    assert what_engine_cannot(said) == what


def test_other_failures_lead_nowhere_else() -> None:
    assert not engine_cannot("ERROR: failed to solve: RUN x is not supported")
    assert not engine_cannot('ERROR: no builder "x" found')


def test_a_builder_that_was_named_and_is_too_old_is_named(request_: BuildRequest) -> None:
    said = "ERROR: Attestations are not supported by the current BuildKit daemon"
    error = translated(said, replace(request_, builder="mine"), "mine")
    assert isinstance(error, EngineError)
    assert "'mine'" in error.what
    assert "BuildKit 0.11 or newer" in error.remedy


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ("#9 ERROR: 403\n------\n > exporting cache to registry:\n------\nERROR: failed", True),
        ("------\n > importing cache manifest from x:\n------\nERROR: failed", True),
        ("ERROR: Cache export is not supported for the docker driver.", True),
        ("#9 exporting cache to registry\n#9 DONE\n------\n > [2/2] RUN x:\n------", False),
    ],
)
def test_whether_the_cache_failed_a_build(said: str, *, failed: bool) -> None:
    assert cache_failed(said) is failed


@pytest.mark.parametrize(
    "said",
    [
        "Error: unknown flag: --metadata-file\n\nSee 'podman buildx build --help'",
        (
            "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n"
            "Error: unknown flag: --provenance\nSee 'podman build --help'"
        ),
        "Error: unrecognized command `podman context`\nTry 'podman --help' for more information",
        "Error: unrecognized command `/usr/bin/podman buildx ls`",
    ],
)
def test_podman_is_told_apart(request_: BuildRequest, said: str) -> None:
    error = translated(said, request_)
    assert isinstance(error, EngineError)
    assert "podman" in error.what


@pytest.mark.parametrize(
    "said",
    [
        "docker: unknown command: docker buildx\n\nRun 'docker --help' for more information",
        "docker: 'buildx' is not a docker command.\nSee 'docker --help'",
        "unknown flag: --metadata-file\nSee 'docker --help'.",
    ],
)
def test_an_engine_without_buildx_says_how_to_get_it(request_: BuildRequest, said: str) -> None:
    error = translated(said, request_)
    assert isinstance(error, EngineError)
    assert error.what == "docker has no buildx plugin"
    assert "docker-buildx" in error.remedy


BOOTING = """\
#1 [internal] booting buildkit
#1 pulling image moby/buildkit:buildx-stable-1 0.0s done
#1 ERROR: Error response from daemon: failed to resolve reference "docker.io/moby/buildkit:x": {0}
------
 > [internal] booting buildkit:
------
ERROR: Error response from daemon: failed to resolve reference "docker.io/moby/buildkit:x": {0}
"""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (BOOTING.format("no such host"), "containerd image store"),
        (
            (
                "#1 [internal] booting buildkit\n#1 ERROR: exit code 1\n------\n > [internal] "
                "booting buildkit:\n------\nERROR: exit code 1"
            ),
            "docker logs",
        ),
        ("ERROR: failed to initialize builder x (x0): context deadline exceeded", "docker logs"),
        (
            (
                "error: dial unix /run/buildkit/buildkitd.sock: connect: no such file or "
                "directory\nERROR: failed to build: listing workers for Build: failed to list "
                "workers: Unavailable"
            ),
            "docker logs",
        ),
    ],
)
def test_a_builder_that_does_not_start_is_no_fault_of_the_dockerfile(
    request_: BuildRequest, said: str, words: str
) -> None:
    error = translated(said, request_, "docker-container")
    assert isinstance(error, EngineError)
    assert error.what == "the builder 'docker-container' does not start"
    assert said.rpartition("ERROR: ")[2].strip() in error.details
    assert words in error.remedy
    assert str(request_.dockerfile) not in error.remedy


def test_a_buildkit_elsewhere_that_does_not_answer_is_named(request_: BuildRequest) -> None:
    said = "#1 ERROR: context deadline exceeded\n------\n > [internal] waiting for connection:\n"
    remote = replace(request_, builder="tcp://buildkit:1234")
    error = translated(f"{said}------\nERROR: context deadline exceeded", remote, remote.builder)
    assert "tcp://buildkit:1234" in error.remedy


def test_a_builder_that_is_missing_is_named(request_: BuildRequest) -> None:
    error = translated('ERROR: no builder "nope" found', replace(request_, builder="nope"), "nope")
    assert isinstance(error, EngineError)
    assert error.what == "there is no buildx builder 'nope' on this machine"
    assert "mend" not in error.remedy


def pulling(image: str, why: str) -> str:
    return f"""\
#2 [internal] load metadata for {image}
#2 ERROR: {why}
------
 > [internal] load metadata for {image}:
------
ERROR: failed to solve: {image}: failed to resolve source metadata for {image}: {why}
"""


ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/base:1"


@pytest.mark.parametrize(
    ("image", "why", "words"),
    [
        (
            "docker.io/library/a:1",
            (
                "failed to authorize: failed to fetch oauth token: unexpected "
                "status from GET request to https://auth.docker.io/token: 401 Unauthorized"
            ),
            "docker login docker.io",
        ),
        (
            "ghcr.io/x/y:1",
            ("unexpected status from HEAD request to https://ghcr.io/v2: 403 Forbidden"),
            "docker login ghcr.io",
        ),
        (
            "docker.io/library/nope:1",
            (
                "pull access denied, repository does not exist or may "
                "require authorization: server message: insufficient_scope: authorization failed"
            ),
            "docker login docker.io",
        ),
        (
            ECR,
            f"unexpected status from HEAD request to https://{ECR}: 401 Unauthorized",
            "aws ecr get-login-password --region eu-west-1",
        ),
        (
            ECR,
            "failed to do request: connection reset by peer after 401 Unauthorized",
            "docker login",
        ),
        (
            "docker.io/library/a:1",
            ("429 Too Many Requests - toomanyrequests: you have reached your pull rate limit"),
            "asked too often",
        ),
        (
            "docker.io/library/a:1",
            (
                'failed to do request: Head "https://registry-1.docker.io": dial '
                "tcp: lookup registry-1.docker.io: no such host"
            ),
            "the name registry-1.docker.io did not resolve for the builder",
        ),
        (
            "r.example:5000/a:1",
            "dial tcp 10.0.0.1:5000: connect: connection refused",
            "r.example:5000 could not be reached",
        ),
        (
            "r.example/a:1",
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            "does not trust the certificate of r.example",
        ),
        (
            "docker.io/library/a:9",
            "docker.io/library/a:9: not found",
            "has no docker.io/library/a:9",
        ),
        ("a:", "invalid reference format", "names no image"),
    ],
)
def test_who_keeps_a_base_image_back_is_named(
    request_: BuildRequest, image: str, why: str, words: str
) -> None:
    error = translated(pulling(image, why), request_)
    assert isinstance(error, BuildError)
    assert words in error.remedy


@given(st.sampled_from(["no such host", "i/o timeout", "connection reset by peer", ""]), st.text())
def test_a_401_is_never_the_networks(network: str, noise: str) -> None:
    request = BuildRequest(
        context=Path("/c"),
        dockerfile=Path("/c/Dockerfile"),
        platforms=(),
        destination=Path("/o"),
        epoch=0,
    )
    why = f"{' '.join(noise.split())} {network}: 401 Unauthorized"
    remedy = translated(pulling("docker.io/library/a:1", why), request).remedy
    assert "could not be reached" not in remedy
    assert "did not resolve" not in remedy
