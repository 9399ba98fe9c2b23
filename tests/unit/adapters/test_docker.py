"""What BuildKit said, as a person reads it; no engine is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from python_on_whales import DockerException

from shipway.adapters import docker
from shipway.adapters.docker import Buildx
from shipway.errors import BuildError, ShipwayError
from shipway.image.build import BuildRequest

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


def translated(said: str, request: BuildRequest) -> ShipwayError:
    error = DockerException(["docker"], 1, stderr=said.encode())
    return docker._translated(error, request)


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
    ("what", "remedy"),
    [
        ("context", "see [image] there; context is relative to the repository's top"),
        ("Dockerfile", "see [image] there; dockerfile is relative to the context"),
    ],
)
def test_what_delivery_toml_names_is_not_there(
    request_: BuildRequest, what: str, remedy: str
) -> None:
    missing = request_.context.parent / "nowhere"
    context = replace(request_, context=missing)
    asked = context if what == "context" else replace(request_, dockerfile=missing)
    with pytest.raises(BuildError) as caught:
        Buildx().build(asked, lambda _: None)
    assert caught.value.what == f"the {what} {missing} does not exist"
    assert caught.value.where == "ci/delivery.toml"
    assert caught.value.remedy == remedy


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
