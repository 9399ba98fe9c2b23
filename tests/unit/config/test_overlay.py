"""What a service sets in its task definition: read, put together, and refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from shipway.config.load import load
from shipway.config.overlay import ContainerOverlay, Overlay
from shipway.config.references import Found, Reference, Resolution
from shipway.config.resolve import resolve
from shipway.errors import ConfigurationError

GOOD = """\
schema = 1
name = "shop"
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "shop"
[environments.staging.services.web]
service = "web"
container = "web"
"""
WEB = "environments.staging.services.web"


class Published:
    """Two parameters, one of them encrypted."""

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        return {
            reference: Found(text="looked-up", secret="secret" in str(reference))
            for reference in references
        }


def overlay(tmp_path: Path, text: str) -> Overlay:
    file = tmp_path / "delivery.toml"
    file.write_text(GOOD + text, encoding="utf-8")
    declared = load(file).environment("staging")
    return resolve(declared, variables={}, published=Published()).overlay("web")


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        overlay(tmp_path, text)
    assert caught.value.exit_code == 10
    return [line.partition("  ")[2] for line in caught.value.details]


def test_nothing_set_is_nothing(tmp_path: Path) -> None:
    assert overlay(tmp_path, "") == Overlay()


def test_a_services_own_keys_are_about_its_container_and_its_task(tmp_path: Path) -> None:
    text = f"""
environment = {{ LOG_LEVEL = "debug", HOST = "ssm:/shop/host" }}
secrets = {{ DB = "/shop/db" }}
command = ["serve", "-v"]
cpu = 512
memory = 1024
[{WEB}.containers.web]
memory = 256
[{WEB}.containers.worker]
image = "envoy:v2"
unset = ["OLD"]
"""
    assert overlay(tmp_path, text) == Overlay(
        cpu=512,
        memory=1024,
        containers=(
            ContainerOverlay(
                name="web",
                environment=(("LOG_LEVEL", "debug"), ("HOST", "looked-up")),
                secrets=(("DB", "/shop/db"),),
                command=("serve", "-v"),
                memory=256,
            ),
            ContainerOverlay(name="worker", image="envoy:v2", unset=("OLD",)),
        ),
    )


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            'secrets = { DB = "ssm:/shop/db" }',
            f'{WEB}.secrets.DB: should be written out, not referred to as "ssm:/shop/db"',
        ),
        (
            'environment = { DB = "ssm:/shop/secret" }',
            (
                f"{WEB}.environment.DB: ssm:/shop/secret is a SecureString, which a variable would "
                "show to everybody who sees the task definition: name the parameter in `secrets`"
            ),
        ),
        (
            'environment = { A = "1" }\nsecrets = { A = "/a" }',
            f"{WEB}.secrets.A: A is a variable of `environment`, too: ECS takes it once",
        ),
        (
            'environment = { A = "1" }\nunset = ["A"]',
            f"{WEB}.unset[0]: A is set beside it",
        ),
        (
            f'environment = {{ A = "1" }}\n[{WEB}.containers.web]\nenvironment = {{ B = "1" }}',
            (
                f"{WEB}.containers.web.environment: is set in the service itself, too: say it "
                "once, in environment"
            ),
        ),
        (
            f'same_image = ["job"]\n[{WEB}.containers.job]\nimage = "shop:v2"',
            f"{WEB}.containers.job.image: is that of a container that takes the delivered image",
        ),
        (
            "cpu = -1",
            f"{WEB}.cpu: should be CPU units from 0 to 196608, not -1",
        ),
        (
            f'[{WEB}.containers.proxy]\nimage = "latest"',
            (f'{WEB}.containers.proxy.image: names the image "latest", and there is no [images]'),
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path: Path, keys: str, told: str) -> None:
    assert refused(tmp_path, keys + "\n") == [told]
