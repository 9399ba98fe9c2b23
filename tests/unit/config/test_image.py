from __future__ import annotations

from pathlib import Path

import pytest

from shipway.config.images import ImageSettings
from shipway.config.load import load
from shipway.config.resolve import images
from shipway.errors import ConfigurationError, UnresolvedReferenceError

FILE = """\
schema = 1
name = "shop"
[image]
build_args = { BASE = "env:BASE", MODE = "plain" }
[environments.staging]
account = "env:NOT_ASKED"
region = "eu-west-1"
repository = "ssm:/not/asked"
cluster = "ssm:/not/asked"
services = { web = { service = "ssm:/not/asked", container = "web" } }
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ci").mkdir()
    monkeypatch.chdir(tmp_path)
    file = Path("ci/delivery.toml")
    file.write_text(FILE, encoding="utf-8")
    return file


def test_the_image_is_known_without_aws(file: Path) -> None:
    assert images(load(file).environment("staging"), {"BASE": "debian"}) == (
        ImageSettings(
            name="shop",
            context=".",
            dockerfile="Dockerfile",
            platforms=("linux/amd64",),
            build_args={"BASE": "debian", "MODE": "plain"},
            region="eu-west-1",
        ),
    )


def test_an_image_that_needs_a_variable_is_told(file: Path) -> None:
    with pytest.raises(UnresolvedReferenceError) as caught:
        images(load(file).environment("staging"), {})
    assert caught.value.details == (
        "ci/delivery.toml:4  image.build_args.BASE: env:BASE is not set",
    )


def test_an_image_that_only_aws_knows_is_told(file: Path) -> None:
    file.write_text(FILE.replace("env:BASE", "ssm:/base"), encoding="utf-8")
    with pytest.raises(UnresolvedReferenceError) as caught:
        images(load(file).environment("staging"), {})
    assert caught.value.details == (
        (
            "ci/delivery.toml:4  image.build_args.BASE: ssm:/base: only AWS knows it, "
            "and a build asks no AWS"
        ),
    )


def test_an_image_that_a_variable_makes_wrong_is_told(file: Path) -> None:
    file.write_text(FILE.replace("[image]", '[image]\ncontext = "env:C"'), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        images(load(file).environment("staging"), {"BASE": "x", "C": "a\n"})
    assert caught.value.details == (
        r'ci/delivery.toml:4  image.context: should be a folder, not "a\n" (from env:C)',
    )
