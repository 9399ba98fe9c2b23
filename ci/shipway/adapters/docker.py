"""The only place that imports python-on-whales: BuildKit through ``docker buildx``."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from python_on_whales import DockerClient, DockerException
from python_on_whales.client_config import ClientNotFoundError
from python_on_whales.exceptions import NoSuchImage
from python_on_whales.utils import run

from shipway.adapters.building import BuildWatchdog, children, given_secrets, private_file
from shipway.doctor.finding import Looked, Unseen
from shipway.errors import BuildError, EngineError, UsageError
from shipway.image import build_failures
from shipway.image import cache as caching
from shipway.image.build import DEFAULT, BuildRequest, Stop
from shipway.image.build_failures import Attempt
from shipway.image.context import with_kept_modes
from shipway.image.share import share
from shipway.values import Digest

_OWN_BUILDER = "shipway"
_CONTAINER = "docker-container"
_INSTALL_BUILDX = "install docker-buildx (Debian, Ubuntu) or docker-buildx-plugin (docker.com)"
_WHERE_CONTEXT = "correct `context` there, which is relative to the repository's top"
_WHERE_DOCKERFILE = "correct `dockerfile` there, which is relative to the context"


@dataclass(frozen=True, slots=True)
class _Context:
    """An engine, as the docker client knows it.

    Attributes:
        name: The context's; the engine's own builder has the same.
        host: Its address.
    """

    name: str
    host: str


class _EngineCannotError(Exception):
    """The engine's own builder refused what a builder in a container can do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _failed(request: BuildRequest, builder: str, error: DockerException) -> Attempt:
    return Attempt(
        request=request, builder=builder, stderr=error.stderr or "", code=error.return_code
    )


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
        self._known: _Context | None = None

    def versions(self) -> tuple[Looked[str], Looked[str]]:
        """The version of buildx, and of the engine that answers; nothing is built or made."""
        return (
            self._asked("docker has no buildx plugin", _INSTALL_BUILDX, "buildx", "version"),
            self._asked(
                "no engine answers",
                build_failures.START_DOCKER,
                *("version", "--format", "{{.Server.Version}} {{.Server.Os}}"),
            ),
        )

    def _asked(self, problem: str, remedy: str, *words: str) -> Looked[str]:
        try:
            return str(run([*self._docker.docker_cmd, *words])).strip()
        except ClientNotFoundError:
            return Unseen(
                why="no docker command line client was found", remedy=build_failures.START_DOCKER
            )
        except DockerException as error:
            lines = tuple((error.stderr or "").strip().splitlines()[:1])
            return Unseen(why=problem, remedy=remedy, details=lines)

    def build(
        self, request: BuildRequest, tell: Callable[[str], None], stop: Stop | None = None
    ) -> Digest:
        """Build and export an OCI image layout; see :class:`shipway.image.build.Builder`.

        The folder appears whole or not at all: BuildKit writes beside it and it is renamed.
        Where the engine's own builder refuses what a delivery needs (the classic image store), a
        ``docker-container`` builder is made once for this engine and used. A cache that fails the
        build is left out.
        """
        place = request.place
        for path, own, what, remedy in (
            (request.context, place.context, "context", _WHERE_CONTEXT),
            (request.dockerfile, place.dockerfile, "Dockerfile", _WHERE_DOCKERFILE),
        ):
            if not path.exists():
                why = "is ignored by git, so no commit has it" if own.exists() else "does not exist"
                raise BuildError(f"the {what} {own} {why}", where="ci/delivery.toml", remedy=remedy)
        watchdog = BuildWatchdog(request, stop)
        try:
            return self._attempt(request, self._builder(request.builder), tell, watchdog)
        except ClientNotFoundError as error:
            raise EngineError(
                "no docker command line client was found", remedy=build_failures.START_DOCKER
            ) from error
        except DockerException as error:
            watchdog.raise_ended()
            raise build_failures.error_of(_failed(request, request.builder, error)) from error
        except _EngineCannotError as error:
            reason = error.reason
        tell(f"the engine's own builder refuses: {reason}; a builder in a container takes over")
        try:
            return self._attempt(request, self._builder(_CONTAINER), tell, watchdog)
        except DockerException as error:
            watchdog.raise_ended()
            raise build_failures.error_of(_failed(request, _CONTAINER, error)) from error

    def _attempt(
        self,
        request: BuildRequest,
        builder: str,
        tell: Callable[[str], None],
        watchdog: BuildWatchdog,
    ) -> Digest:
        """Build; once more without the cache where the cache is what failed it."""
        try:
            return self._export(request, builder, tell, watchdog)
        except DockerException as error:
            watchdog.raise_ended()
            said = error.stderr or ""
            own = request.builder == DEFAULT and not builder.startswith(_OWN_BUILDER)
            if own and build_failures.engine_cannot(said):
                reason = build_failures.what_engine_cannot(said)
                raise _EngineCannotError(reason) from error
            if not request.cache or not build_failures.cache_failed(said):
                raise
        tell(f"the cache {request.cache} failed the build; building once more without it")
        return self._export(replace(request, cache=""), builder, tell, watchdog)

    def resolve(self, reference: str, builder: str, logins: Mapping[str, str]) -> str:
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
            return self._in_registry(reference, logins) or (
                self._in_engine(reference) if builder == DEFAULT else ""
            )
        except (DockerException, ClientNotFoundError, ValueError, LookupError):
            return ""

    def _in_registry(self, reference: str, logins: Mapping[str, str]) -> str:
        """A reference's digest in its registry; empty where it has no answer."""
        builder = ("--builder", self._context().name)  # BUILDX_BUILDER may name one that is gone
        with (
            contextlib.suppress(DockerException, UsageError, ValueError, LookupError, TypeError),
            self._signed_in(logins) as docker,
        ):
            command = [*docker.docker_cmd, "buildx", *builder, "imagetools"]
            answer = run([*command, "inspect", reference, "--format", "{{json .Manifest}}"])
            return Digest(json.loads(str(answer))["digest"]).value
        return ""

    def _in_engine(self, reference: str) -> str:
        """The digest of an image that the engine's builder could start from; else empty.

        With containerd's image store the engine knows an image by its manifest's digest, with the
        classic one by its configuration's.
        """
        with contextlib.suppress(NoSuchImage):
            image = self._docker.image.inspect(reference)
            if any(named.endswith(f"@{image.id}") for named in image.repo_digests or ()):
                return str(image.id)
        return ""

    def _builder(self, setting: str) -> str:
        """The buildx builder of a setting, made once where it is one of ours.

        Buildx keeps with a builder the engine it was made on, so each engine has one of its own.
        The engine's own builder has the name of its context and is always named: BUILDX_BUILDER
        and ``docker buildx use`` choose another.
        """
        if setting not in {DEFAULT, _CONTAINER} and "://" not in setting:
            return setting
        if "://" in setting:
            return self._made(setting, "remote", setting)
        context = self._context()
        if setting == DEFAULT:
            return context.name
        return self._made(f"{_CONTAINER} {context.host}", _CONTAINER, None)

    def _made(self, seed: str, driver: str, endpoint: str | None) -> str:
        name = own_builder(seed)
        if self._has(name):
            return name
        try:
            self._docker.buildx.create(endpoint, name=name, driver=driver)
        except DockerException:
            # Another build on this machine may have been faster.
            if not self._has(name):
                raise
        return name

    def _has(self, name: str) -> bool:
        return any(builder.name == name for builder in self._docker.buildx.list())

    def _context(self) -> _Context:
        """The engine that the client talks to, and the name of its own builder."""
        if self._known is None:
            said = str(run([*self._docker.docker_cmd, "context", "inspect"]))
            try:
                answer = json.loads(said)[0]
                name, host = str(answer["Name"]), str(answer["Endpoints"]["docker"]["Host"])
            except (ValueError, LookupError, TypeError):  # no client of Docker's own: buildx says
                name, host = DEFAULT, self._host or ""
            self._known = _Context(name=name, host=host)
        return self._known

    @contextlib.contextmanager
    def _signed_in(self, logins: Mapping[str, str]) -> Iterator[DockerClient]:
        """A client that may use the registries of cache and bases; the user's own settings stay.

        buildx reads passwords from a configuration folder and nowhere else, so there is one for as
        long as the build takes (0700, and its config.json is a private file). Where the user's
        passwords are in a credential store, that store answers for every registry: then it is left
        to them.
        """
        # A user without an entry and without HOME has none: then "~" stays, and is no folder.
        own = Path(
            self._config or os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")  # noqa: PTH111  # Path.home raises there
        )
        settings = _settings(own / "config.json")
        if not logins or settings.get("credsStore"):
            yield self._docker
            return
        with contextlib.ExitStack() as stack:
            made = tempfile.TemporaryDirectory(prefix="shipway-docker-")
            folder = Path(stack.enter_context(made))
            for entry in own.iterdir() if own.is_dir() else ():
                if entry.name != "config.json":
                    (folder / entry.name).symlink_to(entry.resolve())
            auths = dict(settings.get("auths") or {})
            helpers = dict(settings.get("credHelpers") or {})
            for host, login in logins.items():
                auths[host] = {"auth": base64.b64encode(login.encode()).decode()}
                helpers.pop(host, None)
            content = json.dumps({**settings, "auths": auths, "credHelpers": helpers}).encode()
            (folder / "config.json").symlink_to(stack.enter_context(private_file(content)))
            yield DockerClient(host=self._host, config=folder, client_call=[self._client])

    def _export(
        self,
        request: BuildRequest,
        builder: str,
        tell: Callable[[str], None],
        watchdog: BuildWatchdog,
    ) -> Digest:
        request.destination.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=request.destination.parent))
        metadata = scratch / "metadata.json"
        fresh = scratch / "layout"
        before = children()
        stack = contextlib.ExitStack()
        try:
            docker = stack.enter_context(self._signed_in(request.logins))
            secrets = stack.enter_context(given_secrets(request.secrets))
            stack.enter_context(watchdog.watching(before))
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
                target=request.target or None,
                secrets=secrets,
                ssh=request.ssh or None,
                cache_from=dict(caching.importing(request.cache, request.name)) or None,
                cache_to=dict(caching.exporting(request.cache, request.name)) or None,
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
            for child in children() - before:
                os.kill(child, signal.SIGTERM)
            stack.close()
            shutil.rmtree(scratch, ignore_errors=True)
        return digest


def own_builder(seed: str) -> str:
    """The name of a builder of ours: one for each kind of builder on each engine."""
    return f"{_OWN_BUILDER}-{hashlib.sha256(seed.encode()).hexdigest()[:12]}"


def _settings(file: Path) -> dict[str, Any]:
    """The user's docker configuration; nothing where there is none that can be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
