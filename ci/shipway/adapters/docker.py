"""The only place that imports python-on-whales: BuildKit through ``docker buildx``."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from python_on_whales import DockerClient, DockerException
from python_on_whales.client_config import ClientNotFoundError
from python_on_whales.exceptions import NoSuchImage
from python_on_whales.utils import run

from shipway.errors import BuildError, EngineError, ShipwayError, UsageError
from shipway.image.build import DEFAULT, BuildRequest
from shipway.image.context import ignore_file, with_kept_modes
from shipway.image.share import share
from shipway.values import Digest

_OWN_BUILDER = "shipway"
_CONTAINER = "docker-container"
# ECR takes a cache only as an OCI image manifest (AWS Containers blog, "Announcing remote cache
# support in Amazon ECR for BuildKit clients"); ignore-error has the build live without it.
_CACHE_TO = {
    "mode": "max",
    "image-manifest": "true",
    "oci-mediatypes": "true",
    "ignore-error": "true",
}
_KEPT_LINES = 20
# What `docker info` says of an image store that is containerd's.
_CONTAINERD_STORE = "io.containerd.snapshotter.v1"
_NO_EXPORTER = ("exporter is not supported for the docker driver", "oci exporter is not supported")
_WHERE_CONTEXT = "see [image] there; context is relative to the repository's top"
_WHERE_DOCKERFILE = "see [image] there; dockerfile is relative to the context"
# The sentence of BuildKit's frontend; an older builder put the file's name in brackets.
_EMPTY = re.compile(r"the Dockerfile (?:\(.*\) )?cannot be empty")
_NOT_FOUND = re.compile(r'failed to calculate checksum of ref \S+: "/(.+)": not found$')
_STEP = re.compile(r" > \[[^]]*\] (\w+)((?: --\S+)*)")
_FROM = re.compile(r" --from=(\S+)")
_UNTOUCHED = "nothing was published or changed"
_START_DOCKER = "start Docker, or point DOCKER_HOST at an engine that answers"


class Buildx:
    """``docker buildx`` of one engine.

    Args:
        host: A ``DOCKER_HOST`` value, or an empty text for what the environment says.
        config: A ``DOCKER_CONFIG`` folder, or ``None`` for the user's own.
        client: The docker command line client's path.
    """

    def __init__(self, *, host: str = "", config: Path | None = None, client: str = "") -> None:
        self._host = host or None
        self._config = config
        self._client = client or "docker"
        self._docker = DockerClient(host=self._host, config=config, client_call=[self._client])

    def build(self, request: BuildRequest, tell: Callable[[str], None]) -> Digest:
        """Build and export an OCI image layout; see :class:`shipway.image.build.Builder`.

        The folder appears whole or not at all: BuildKit writes beside it and it is renamed.
        Where the engine's own builder cannot export (the classic image store), a
        ``docker-container`` builder named ``shipway`` is made once and used.
        """
        for path, what, remedy in (
            (request.context, "context", _WHERE_CONTEXT),
            (request.dockerfile, "Dockerfile", _WHERE_DOCKERFILE),
        ):
            if not path.exists():
                raise BuildError(
                    f"the {what} {path} does not exist", where="ci/delivery.toml", remedy=remedy
                )
        try:
            builder = self._builder(request.builder)
            return self._export(request, builder, tell)
        except ClientNotFoundError as error:
            raise EngineError(
                "no docker command line client was found", remedy=_START_DOCKER
            ) from error
        except DockerException as error:
            if request.builder != DEFAULT or not _mentions(error, _NO_EXPORTER):
                raise _translated(error, request) from error
        tell(f"the engine's own builder cannot export an OCI layout; using {_OWN_BUILDER!r}")
        try:
            return self._export(request, self._builder(_CONTAINER), tell)
        except DockerException as error:
            raise _translated(error, request) from error

    def resolve(self, reference: str, builder: str) -> str:
        """What an image stands for now; see :class:`shipway.image.build.Builder`.

        A builder asks the registry first. The engine's own takes what the engine holds where the
        registry has no answer, if its image store is containerd's (BuildKit's
        util/resolver/pool.go); with the classic one a container builds, which knows nothing of the
        engine's images.
        """
        _, at, digest = reference.partition("@")
        if at:
            return digest
        try:
            return self._in_registry(reference) or (
                self._in_engine(reference) if builder == DEFAULT else ""
            )
        except (DockerException, ClientNotFoundError):
            return ""

    def _in_registry(self, reference: str) -> str:
        """A reference's digest in its registry; empty where it has no answer."""
        command = [*self._docker.buildx.imagetools.docker_cmd, "buildx", "imagetools"]
        with contextlib.suppress(DockerException, UsageError, ValueError, LookupError, TypeError):
            answer = run([*command, "inspect", reference, "--format", "{{json .Manifest}}"])
            return Digest(json.loads(str(answer))["digest"]).value
        return ""

    def _in_engine(self, reference: str) -> str:
        """The digest of an image that the engine's builder could start from; else empty."""
        status = self._docker.system.info().driver_status or []
        if not any(_CONTAINERD_STORE in entry for entry in status):
            return ""
        with contextlib.suppress(NoSuchImage):
            return str(self._docker.image.inspect(reference).id)
        return ""

    def _builder(self, setting: str) -> str:
        """The buildx builder of a setting, made once where it is one of ours."""
        if setting == DEFAULT:
            return ""
        remote = "://" in setting
        if not remote and setting != _CONTAINER:
            return setting
        sign = hashlib.sha256(setting.encode()).hexdigest()[:12]
        name = f"{_OWN_BUILDER}-{sign}" if remote else _OWN_BUILDER
        if not any(builder.name == name for builder in self._docker.buildx.list()):
            self._docker.buildx.create(
                setting if remote else None,
                name=name,
                driver="remote" if remote else "docker-container",
            )
        return name

    @contextlib.contextmanager
    def _signed_in(self, logins: Mapping[str, str]) -> Iterator[DockerClient]:
        """A client that may use the registry of the cache; the user's own settings stay.

        buildx reads passwords from a configuration folder and nowhere else, so there is one for as
        long as the build takes (0700, config.json 0600). Where the user's passwords are in a
        credential store, that store answers for every registry: then it is left to them.
        """
        own = Path(self._config or os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        settings = _settings(own / "config.json")
        if not logins or settings.get("credsStore"):
            yield self._docker
            return
        with tempfile.TemporaryDirectory(prefix="shipway-docker-") as made:
            folder = Path(made)
            for entry in own.iterdir() if own.is_dir() else ():
                if entry.name != "config.json":
                    (folder / entry.name).symlink_to(entry.resolve())
            auths = dict(settings.get("auths") or {})
            helpers = dict(settings.get("credHelpers") or {})
            for host, login in logins.items():
                auths[host] = {"auth": base64.b64encode(login.encode()).decode()}
                helpers.pop(host, None)
            file = os.open(folder / "config.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                json.dump({**settings, "auths": auths, "credHelpers": helpers}, stream)
            yield DockerClient(host=self._host, config=folder, client_call=[self._client])

    def _export(self, request: BuildRequest, builder: str, tell: Callable[[str], None]) -> Digest:
        request.destination.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=request.destination.parent))
        metadata = scratch / "metadata.json"
        fresh = scratch / "layout"
        before = _children()
        stack = contextlib.ExitStack()
        try:
            docker = stack.enter_context(self._signed_in(request.logins))
            lines = docker.buildx.build(
                with_kept_modes(request, scratch / "context"),
                file=request.dockerfile,
                platforms=list(request.platforms),
                # BuildKit reads the epoch from this argument (docs/build-repro.md).
                build_args={**request.build_args, "SOURCE_DATE_EPOCH": str(request.epoch)},
                build_contexts=dict(request.build_contexts),
                labels=dict(request.labels),
                # A BuildKit that does not know the version leaves it unread and writes v0.2.
                provenance={"mode": "max", "version": "v1"},
                cache_from=_cache(request.cache) or None,
                cache_to=_cache(request.cache, **_CACHE_TO) or None,
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
                # Not removed where it stands: another build may be linking its blobs into it.
                request.destination.rename(scratch / "before")
            fresh.rename(request.destination)
            share(request.destination)
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
            stack.close()
            shutil.rmtree(scratch, ignore_errors=True)
        return digest


def _settings(file: Path) -> dict[str, Any]:
    """The user's docker configuration; nothing where there is none that can be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _cache(reference: str, **more: str) -> dict[str, str]:
    return {"type": "registry", "ref": reference, **more} if reference else {}


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
    if _EMPTY.search(error.stderr or ""):
        # No step ran: what BuildKit said before are its start-up lines, of no use to anybody.
        return BuildError(
            f"the Dockerfile {request.dockerfile} is empty",
            where=str(request.dockerfile),
            remedy=f"write it, or see [image] in ci/delivery.toml; {_UNTOUCHED}",
        )
    if missing := _NOT_FOUND.search(cause):
        what, remedy = _not_copied(missing[1], said, request)
        if what:
            return BuildError(
                what, where=str(request.dockerfile), details=_excerpt(said), remedy=remedy
            )
    if _mentions(error, ("failed to resolve source metadata", "pull access denied")):
        remedy = "see the FROM lines: a base image could not be pulled"
    else:
        remedy = f"mend {request.dockerfile} and build again; {_UNTOUCHED}"
    return BuildError(
        cause.removeprefix("ERROR: ") or f"docker buildx build ended with {error.return_code}",
        where=str(request.dockerfile),
        details=_excerpt(said),
        remedy=remedy,
    )


def _not_copied(path: str, said: Sequence[str], request: BuildRequest) -> tuple[str, str]:
    """What a COPY or ADD did not find and what to do; empty where another step looked for it.

    BuildKit has the same words for a file of the context, of an earlier stage, of another image
    and of a mount. Which it was is told by the steps that it lists as failed.
    """
    steps = [step for line in said if (step := _STEP.match(line))]
    if not steps or any(step[1] not in {"COPY", "ADD"} for step in steps):
        return "", ""
    sources = {found[1] if (found := _FROM.search(step[2])) else "" for step in steps}
    if len(sources) != 1:
        return "", ""
    (source,) = sources
    if source:
        what = f"{source}, which COPY takes from, has no `/{path}`"
        return what, f"mend {request.dockerfile} and build again; {_UNTOUCHED}"
    ignore = ignore_file(request)
    if ignore.is_file() and (request.context / path).exists():
        what = f"{ignore} leaves `{path}` out of the context {request.context}"
        return what, f"take it back there, or mend {request.dockerfile}; {_UNTOUCHED}"
    what = f"the context {request.context} has no `{path}`"
    return what, f"add it, or mend {request.dockerfile}; {_UNTOUCHED}"


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
