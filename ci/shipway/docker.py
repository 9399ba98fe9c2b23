"""The only place that imports python-on-whales: BuildKit through ``docker buildx``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from python_on_whales import DockerClient, DockerException
from python_on_whales.client_config import ClientNotFoundError

from shipway.errors import BuildError, EngineError, ShipwayError
from shipway.image.build import BuildRequest
from shipway.values import Digest

_OWN_BUILDER = "shipway"
_KEPT_LINES = 20
_NO_EXPORTER = ("exporter is not supported for the docker driver", "oci exporter is not supported")
_START_DOCKER = "start Docker, or point DOCKER_HOST at an engine that answers"


class Buildx:
    """``docker buildx`` of one engine.

    Args:
        host: A ``DOCKER_HOST`` value, or an empty text for what the environment says.
        config: A ``DOCKER_CONFIG`` folder, or ``None`` for the user's own.
        client: The docker command line client's path.
    """

    def __init__(self, *, host: str = "", config: Path | None = None, client: str = "") -> None:
        self._docker = DockerClient(
            host=host or None, config=config, client_call=[client or "docker"]
        )

    def build(self, request: BuildRequest, tell: Callable[[str], None]) -> Digest:
        """Build and export an OCI image layout; see :class:`shipway.image.build.Builder`.

        The folder appears whole or not at all: BuildKit writes beside it and it is renamed.
        Where the engine's own builder cannot export (the classic image store), a
        ``docker-container`` builder named ``shipway`` is made once and used.
        """
        for path, what in ((request.context, "context"), (request.dockerfile, "Dockerfile")):
            if not path.exists():
                raise BuildError(
                    f"the {what} {path} does not exist",
                    where="ci/delivery.toml",
                    remedy="see [image] there; paths are relative to the repository's top",
                )
        try:
            return self._export(request, request.builder, tell)
        except ClientNotFoundError as error:
            raise EngineError(
                "no docker command line client was found", remedy=_START_DOCKER
            ) from error
        except DockerException as error:
            if request.builder or not _mentions(error, _NO_EXPORTER):
                raise _translated(error, request) from error
        tell(f"the engine's own builder cannot export an OCI layout; using {_OWN_BUILDER!r}")
        try:
            self._ensure_builder()
            return self._export(request, _OWN_BUILDER, tell)
        except DockerException as error:
            raise _translated(error, request) from error

    def _ensure_builder(self) -> None:
        if not any(builder.name == _OWN_BUILDER for builder in self._docker.buildx.list()):
            self._docker.buildx.create(name=_OWN_BUILDER, driver="docker-container")

    def _export(self, request: BuildRequest, builder: str, tell: Callable[[str], None]) -> Digest:
        request.destination.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=request.destination.parent))
        metadata = scratch / "metadata.json"
        fresh = scratch / "layout"
        before = _children()
        try:
            lines = self._docker.buildx.build(
                request.context,
                file=request.dockerfile,
                platforms=list(request.platforms),
                # BuildKit reads the epoch from this argument (docs/build-repro.md).
                build_args={**request.build_args, "SOURCE_DATE_EPOCH": str(request.epoch)},
                build_contexts=dict(request.build_contexts),
                labels=dict(request.labels),
                provenance={"mode": "max"},
                output={
                    "type": "oci",
                    "tar": "false",
                    "dest": str(fresh),
                    "rewrite-timestamp": "true",
                },
                metadata_file=metadata,
                builder=builder or None,
                progress="plain",
                stream_logs=True,
            )
            for line in cast("Iterator[str]", lines):
                tell(line.rstrip("\n"))
            digest = Digest(json.loads(metadata.read_bytes())["containerimage.digest"])
            if request.destination.exists():
                shutil.rmtree(request.destination)
            fresh.rename(request.destination)
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(
                f"what BuildKit exported cannot be read: {error}",
                where=str(request.destination),
                remedy="see that the disk is not full and the folder can be written",
            ) from error
        finally:
            # Where Ctrl-C or SIGTERM ended the loop above, buildx still runs: python-on-whales
            # keeps no handle on it.
            for child in _children() - before:
                os.kill(child, signal.SIGTERM)
            shutil.rmtree(scratch, ignore_errors=True)
        return digest


def _children() -> set[int]:
    """Processes that this thread started and nobody waited for; none where there is no /proc."""
    try:
        listed = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()
    except OSError:
        return set()
    return {int(child) for child in listed.split()}


def _mentions(error: DockerException, words: Sequence[str]) -> bool:
    said = (error.stderr or "").lower()
    return any(word in said for word in words)


def _translated(error: DockerException, request: BuildRequest) -> ShipwayError:
    said = (error.stderr or "").splitlines()
    cause = next((line for line in reversed(said) if line.startswith("ERROR: ")), "")
    if _mentions(
        error,
        (
            "cannot connect to the docker daemon",
            "error during connect",
            "permission denied while trying to connect",
        ),
    ):
        return EngineError(
            "no Docker engine answers", details=tuple(said[-2:]), remedy=_START_DOCKER
        )
    if _mentions(
        error,
        (
            "'buildx' is not a docker command",
            "unknown flag: --metadata-file",
            "unknown command: docker buildx",
            # The client takes buildx's own options for its own where it has no such command.
            "run 'docker --help' for more information",
        ),
    ):
        return EngineError(
            "docker has no buildx plugin",
            remedy="install docker-buildx (Debian, Ubuntu) or docker-buildx-plugin (docker.com)",
        )
    if _mentions(error, ("failed to resolve source metadata", "pull access denied")):
        remedy = "see the FROM lines: a base image could not be pulled"
    else:
        remedy = f"mend {request.dockerfile} and build again; nothing was published or changed"
    return BuildError(
        cause.removeprefix("ERROR: ") or f"docker buildx build ended with {error.return_code}",
        where=str(request.dockerfile),
        details=_excerpt(said),
        remedy=remedy,
    )


def _excerpt(said: list[str]) -> tuple[str, ...]:
    """What the failed step said and where it stands in the Dockerfile, else the last lines.

    BuildKit shows the step's last words between two short rulers, then the Dockerfile's lines
    between two long ones.
    """
    rulers = [number for number, line in enumerate(said) if line == "------"]
    if len(rulers) < 2:  # noqa: PLR2004 - no step ran: an excerpt of the Dockerfile at most
        rulers = [number for number, line in enumerate(said) if line.startswith("------")]
    start = rulers[-2] + 1 if len(rulers) > 1 else max(0, len(said) - _KEPT_LINES)
    kept = [line for line in said[start:] if not line.startswith(("------", "ERROR: "))]
    return tuple(kept[-_KEPT_LINES:])
