"""Start the embedded world, join it, end it; its packages are an extra that may be missing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shipway.errors import SandboxError, ShipwayError

if TYPE_CHECKING:
    from shipway_sandbox.world import World


IDLE_SECONDS: Final = 1800.0
"""A background world that nobody asks anything for this long ends by itself."""


def background(root: Path, cache: Path, progress: Callable[[str], None]) -> World:
    """Join the world that runs in the background, or start it.

    Args:
        root: The repository's root.
        cache: shipway's cache folder; there is one world for each.
        progress: Takes progress, a line at a time.

    Raises:
        SandboxError: A package lacks, or it could not be started; nothing of it is left running.
        EngineError: There is no Docker engine and none can be started here.
    """
    try:
        from shipway.embedded.roles import PLAN  # noqa: PLC0415  # an extra: only if asked for
        from shipway_sandbox import world  # noqa: PLC0415  # the same
    except ImportError as error:
        raise _missing(error) from error
    return world.background(PLAN, cache, dockerfiles(root), progress, idle=IDLE_SECONDS)


def owned(
    root: Path, run: Path, cache: Path, progress: Callable[[str], None]
) -> AbstractContextManager[World]:
    """A world of our own, which ends with the context or with this process, kill -9 included.

    Args:
        root: The repository's root.
        run: Folder of this run: logs and secrets.
        cache: shipway's cache folder.
        progress: Takes progress, a line at a time.

    Raises:
        SandboxError: A package lacks, or it could not be started.
        EngineError: There is no Docker engine and none can be started here.
    """
    try:
        from shipway.embedded.roles import PLAN  # noqa: PLC0415  # an extra: only if asked for
        from shipway_sandbox import world  # noqa: PLC0415  # the same
    except ImportError as error:
        raise _missing(error) from error
    return world.owned(PLAN, run, cache, dockerfiles(root), progress)


def end(cache: Path) -> bool:
    """End the background world and all it started; whether there was one.

    Raises:
        SandboxError: A package lacks, or it did not end in time.
    """
    try:
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for
    except ImportError as error:
        raise _missing(error) from error
    return world.end(cache)


def dockerfiles(root: Path) -> tuple[Path, ...]:
    """The Dockerfile that delivery.toml names, so that its base images are at hand."""
    from shipway.config import load  # noqa: PLC0415  # pydantic is needed only to start one

    try:
        image = load.load(root / "ci" / "delivery.toml").document.table["image"]
        return (root / image["context"] / image["dockerfile"],)
    except (ShipwayError, LookupError, TypeError):
        return ()  # the delivery itself says what is wrong with the file


def _missing(error: ImportError) -> SandboxError:
    return SandboxError(
        f"the embedded sandbox needs {error.name}", remedy="pip install 'shipway[sandbox]'"
    )
