"""Where an image's source is in the repository: outside of it no commit says what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.config.images import ImageSettings
from shipway.errors import BuildError

UNTOUCHED: Final = "nothing was built or changed"
"""How every refusal of a source ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are from the repository's top; empty for the top itself.

    Attributes:
        context: The folder that is sent to BuildKit.
        dockerfile: A link is kept, as BuildKit follows it; the folders before it are not.
        target: What the Dockerfile is in the end.
        named: The folders of `contexts`, by their names there.
    """

    context: str
    dockerfile: str
    target: str
    named: Mapping[str, str]


def places_of(wanted: ImageSettings, root: Path) -> Places:
    """Look where everything is.

    Raises:
        BuildError: Something is outside of the repository.
    """
    top = root.resolve()

    def inside(given: Path, real: Path, key: str) -> str:
        try:
            path = real.relative_to(top).as_posix()
        except ValueError:
            raise BuildError(
                f"{given} is outside of the repository, so no commit says what is in it",
                where="ci/delivery.toml",
                remedy=f"name one inside as `{key}` of {table_of(wanted)}; {UNTOUCHED}",
            ) from None
        return "" if path == "." else path

    given = root / wanted.context
    dockerfile = given / wanted.dockerfile
    return Places(
        context=inside(given, given.resolve(), "context"),
        dockerfile=inside(dockerfile, dockerfile.parent.resolve() / dockerfile.name, "dockerfile"),
        target=inside(dockerfile, dockerfile.resolve(), "dockerfile"),
        named={
            name: inside(root / place, (root / place).resolve(), f"contexts.{name}")
            for name, place in folders_of(wanted).items()
        },
    )


def table_of(wanted: ImageSettings) -> str:
    """The table of delivery.toml that an image is written in, for messages."""
    return f"[images.{wanted.key}]" if wanted.key else "[image]"


def folders_of(wanted: ImageSettings) -> dict[str, str]:
    """The named contexts that are folders; the others are addresses."""
    return {name: place for name, place in wanted.contexts.items() if "://" not in place}
