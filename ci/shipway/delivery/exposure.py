"""Whether the image listens where the live service sends its requests, as far as both say it.

EXPOSE binds nobody ("EXPOSE", Docker's reference), so a difference is told and never refused here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from shipway.config.environment import Environment
from shipway.config.images import ImageSettings
from shipway.image.dockerfile_words import UnsureError
from shipway.image.final_stage import FinalStage, final_stage
from shipway.observer import Noticed, Observer
from shipway.util import regular


def warn(
    root: Path, image: ImageSettings, ports: Mapping[str, tuple[int, ...]], observer: Observer
) -> None:
    """Tell of every service whose ports the Dockerfile does not expose.

    Args:
        root: The repository's root.
        image: What is built.
        ports: Key of each service → the ports that its live container maps.
        observer: Is told.
    """
    for key, text in differences(read(root, image), ports):
        observer(Noticed(stage="deploy", subject=key, text=text, level="warning"))


def warn_of_each(
    root: Path, environment: Environment, ports: Mapping[str, tuple[int, ...]], observer: Observer
) -> None:
    """The same for every image of an environment: each with the services that run it."""
    for key in environment.keys:
        served = {
            service.key: ports[service.key]
            for service in environment.services
            if service.image == key and service.key in ports
        }
        warn(root, environment.about(key).image, served, observer)


def read(root: Path, image: ImageSettings) -> FinalStage:
    """What the Dockerfile says; nothing where it cannot be read, for the build tells that better.

    Args:
        root: The repository's root.
        image: What is built.
    """
    try:
        text = regular.text(root / image.context / image.dockerfile)
        return final_stage(text, image.target)
    except (OSError, UnsureError):
        return FinalStage()


def differences(
    stage: FinalStage, ports: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, str]]:
    """Key of a service, and what a person should know before its rollout.

    Args:
        stage: What the Dockerfile says.
        ports: Key of each service → the ports that its live container maps.
    """
    for key, mapped in ports.items():
        if mapped and not any(stage.serves(port) for port in mapped):
            text = f"its task definition maps port {', '.join(map(str, mapped))}, and the "
            text += f"Dockerfile has EXPOSE {' '.join(stage.exposed)}: health checks fail where it "
            text += "does not listen there"
            yield key, text
