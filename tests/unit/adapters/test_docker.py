"""What is refused before any engine is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shipway.adapters.docker import Buildx
from shipway.doctor.finding import Unseen
from shipway.errors import BuildError
from shipway.image.build import BuildRequest


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


@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("context", "correct `context` there, which is relative to the repository's top"),
        ("Dockerfile", "correct `dockerfile` there, which is relative to the context"),
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


def test_a_client_that_is_not_there_has_no_versions() -> None:
    buildx, engine = Buildx(client="/nowhere/docker").versions()
    assert isinstance(buildx, Unseen)
    assert isinstance(engine, Unseen)
    assert buildx.why == "no docker command line client was found"
    assert engine.remedy.startswith("start Docker")


def test_an_engine_that_does_not_answer_is_told_from_buildx(tmp_path: Path) -> None:
    client = tmp_path / "docker"
    client.write_text(
        '#!/bin/sh\ncase "$*" in *buildx*) echo v0.19;; *) echo refused >&2; exit 1;; esac\n'
    )
    client.chmod(0o755)
    buildx, engine = Buildx(client=str(client)).versions()
    assert buildx == "v0.19"
    assert isinstance(engine, Unseen)
    assert (engine.why, engine.details) == ("no engine answers", ("refused",))
