from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.errors import BuildError
from shipway_sandbox.engine.base_plan import plan_base, registry_of
from shipway_sandbox.engine.engine_plan import Facts

BOOKWORM = Facts(
    distribution="debian", release="12", codename="bookworm", architecture="amd64", apt=True
)


@pytest.mark.parametrize(
    ("reference", "suite", "name"),
    [
        ("python:3.13-slim", "trixie", "shipway-sandbox/python:3.13-debian13-2"),
        ("python:3.13.5-slim-trixie", "trixie", "shipway-sandbox/python:3.13-debian13-2"),
        ("python:3.11", "bookworm", "shipway-sandbox/python:3.11-debian12-2"),
        ("python:3.14-slim", "trixie", "shipway-sandbox/python:3.13-debian13-2"),
        ("python", "trixie", "shipway-sandbox/python:3.13-debian13-2"),
        ("docker.io/library/python:3", "trixie", "shipway-sandbox/python:3.13-debian13-2"),
        ("public.ecr.aws/docker/library/python:3.11-slim", "bookworm",
         "shipway-sandbox/python:3.11-debian12-2"),
        ("busybox:1.36", "trixie", "shipway-sandbox/busybox:1-debian13-2"),
        ("node:20-slim", "trixie", "shipway-sandbox/node:20-debian13-1"),
        ("node:18.19-bookworm", "bookworm", "shipway-sandbox/node:18-debian12-1"),
        ("node:22-slim", "trixie", "shipway-sandbox/node:20-debian13-1"),
        ("golang:1.24", "trixie", "shipway-sandbox/golang:1.24-debian13-1"),
        ("golang:1.19-bullseye", "bookworm", "shipway-sandbox/golang:1.19-debian12-1"),
        ("gcr.io/distroless/static", "trixie", "shipway-sandbox/static:any-debian13-1"),
        ("gcr.io/distroless/static-debian12:nonroot", "trixie",
         "shipway-sandbox/static:any-debian13-1-nonroot"),
    ],
)  # fmt: skip
def test_the_nearest_debian_release_stands_in(reference: str, suite: str, name: str) -> None:
    stand_in = plan_base(reference, BOOKWORM)
    assert (stand_in.packages.suite.name, stand_in.name) == (suite, name)


def test_who_an_image_runs_as_is_part_of_its_name() -> None:
    # Else one would be taken for the other.
    nobody = plan_base("gcr.io/distroless/static:latest", BOOKWORM)
    nonroot = plan_base("gcr.io/distroless/static:nonroot", BOOKWORM)
    assert (nobody.user, nonroot.user) == ("", "nonroot")
    assert nobody.name != nonroot.name
    assert plan_base("node:nonroot", BOOKWORM).user == ""


def test_ubuntu_has_one_python_only() -> None:
    facts = replace(BOOKWORM, distribution="ubuntu", release="24.04", codename="noble")
    stand_in = plan_base("python:3.11", facts)
    assert stand_in.name == "shipway-sandbox/python:3-ubuntu24.04-2"
    assert stand_in.distribution == "Ubuntu 24.04"


@pytest.mark.parametrize(
    "reference",
    [
        "debian:12",
        "node:22-alpine",
        "golang:1.24-alpine",
        "static:1",
        "someone/node:20",
        "gcr.io/distroless/static:debug",
        "gcr.io/distroless/python3",
        "python:3.13-alpine",
        "python:3.13-windowsservercore",
        "ghcr.io/someone/python:3.13",
        "someone/python:3.13",
        "registry.example:5000/python:3",
        "",
    ],
)
def test_what_nothing_honest_can_stand_in_for_is_an_error(reference: str) -> None:
    with pytest.raises(BuildError) as caught:
        plan_base(reference, BOOKWORM)
    assert "python:*" in caught.value.remedy


def test_without_apt_nothing_can_be_assembled() -> None:
    with pytest.raises(BuildError, match="python:3"):
        plan_base("python:3", replace(BOOKWORM, apt=False))


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("python:3", "registry-1.docker.io"),
        ("library/python", "registry-1.docker.io"),
        ("docker.io/library/python", "registry-1.docker.io"),
        ("ghcr.io/a/b:1", "ghcr.io"),
        ("localhost:5000/a", "localhost:5000"),
        ("localhost/a", "localhost"),
    ],
)
def test_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry
