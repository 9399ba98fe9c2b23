"""What a build failed of, from the words of docker, buildx and BuildKit: the culprit, or nobody.

The sentences are those of their sources: buildx ``build/utils.go``, ``build/opt.go`` and
``store/storeutil``, BuildKit's frontend and solver, containerd's resolver, podman's command line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shipway.errors import BuildError, EngineError, ShipwayError
from shipway.image import step_failures
from shipway.image.build import DEFAULT, BuildRequest
from shipway.image.context import ignore_place, left_out
from shipway.util.partitions import registry_home

_KEPT_LINES: Final = 20
_UNTOUCHED: Final = "nothing was published or changed"
START_DOCKER: Final = "start Docker, or point DOCKER_HOST at an engine that answers"
CONTAINERD_STORE: Final = (
    'turn on the engine\'s containerd image store ({"features": {"containerd-snapshotter": true}} '
    "in /etc/docker/daemon.json, then restart it)"
)

# "Attestation is not supported for the docker driver.", and of older releases "multiple platforms
# feature is currently not supported for docker driver": provenance, platforms, cache, exporter.
_ENGINE_CANNOT: Final = re.compile(
    r"(?:(?P<what>[a-z -]+?) )?(?:feature )?is (?:currently )?not supported for (?:the )?docker "
    r"driver",
    re.IGNORECASE,
)
_TOO_OLD: Final = re.compile(
    r"attestations? (?:is|are) not supported by the current buildkit", re.IGNORECASE
)
_CACHE_STEP: Final = re.compile(r"^ > (?:exporting|importing) cache ", re.MULTILINE)
_CACHE_CANNOT: Final = re.compile(
    r"cache export (?:feature )?is (?:currently )?not supported", re.IGNORECASE
)
_PODMAN: Final = re.compile(
    r"emulate docker cli using podman|(?:see|try) '(?:/\S*/)?podman|command [`'\"]?podman|"
    r"podman buildx",
    re.IGNORECASE,
)
_NO_ENGINE: Final = re.compile(
    r"cannot connect to the docker daemon|error during connect|"
    r"permission denied while trying to connect",
    re.IGNORECASE,
)
_NO_BUILDX: Final = re.compile(
    r"'buildx' is not a docker command|unknown flag: --metadata-file|"
    r"unknown command: docker buildx|"
    # The client takes buildx's own options for its own where it has no such command.
    r"run 'docker --help' for more information",
    re.IGNORECASE,
)
_NO_BUILDER: Final = re.compile(r"no builder \"?(?P<name>[^\"\n]+?)\"? found")
_NO_START: Final = re.compile(
    r"^ > \[internal\] (?:booting buildkit|waiting for connection)|failed to initialize builder|"
    r"no valid drivers found|failed to find driver|failed to list workers|"
    r"buildkitd\.sock: connect",
    re.MULTILINE,
)
_NO_TLS: Final = re.compile(r"TLS data loaded from environment", re.IGNORECASE)
# The sentence of BuildKit's frontend; an older builder put the file's name in brackets.
_EMPTY: Final = re.compile(r"the Dockerfile (?:\(.*\) )?cannot be empty")
# The second where a pattern begins with a folder that is not there (solver/llbsolver/file).
_NOT_FOUND: Final = re.compile(
    r'failed to calculate checksum of ref \S+: "/(?P<path>.+)": not found$|'
    r"lstat \S*/buildkit-mount[0-9]+/(?P<folder>.+): no such file or directory$"
)
_STEP: Final = re.compile(r" > \[[^]]*\] (\w+)((?: --\S+)*)")
_SHOWN: Final = re.compile(r"\d+\.\d+ ")
_FROM: Final = re.compile(r" --from=(\S+)")
_PULL: Final = re.compile(
    r"failed to resolve source metadata|pull access denied|failed to resolve reference|"
    r"^ > \[internal\] load metadata for |^ > resolve image config for ",
    re.MULTILINE,
)
_IMAGE: Final = re.compile(
    r"(?:load metadata for|source metadata for|image config for (?:docker-image://)?|"
    r"access denied for|resolve reference) ?\"?(?P<image>[^\s\":,]+(?:[:@][^\s\":,]+)*)"
)
_HELD_BACK: Final = re.compile(
    r"\b401\b|unauthorized|\b403\b|forbidden|access denied|authorization failed|"
    r"no basic auth credentials|insufficient_scope|failed to authorize|failed to fetch \w+ token",
    re.IGNORECASE,
)
_TOO_MANY: Final = re.compile(r"\b429\b|toomanyrequests|too many requests", re.IGNORECASE)
_NO_WAY: Final = re.compile(
    r"connection refused|i/o timeout|network is unreachable|tls handshake timeout|"
    r"proxyconnect|connection reset|no route to host",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(r"\b40[13]\b")
_CERTIFICATE: Final = re.compile(r"x509: ", re.IGNORECASE)
_NO_IMAGE: Final = re.compile(r": not found\b|manifest unknown|name unknown", re.IGNORECASE)
_MALFORMED: Final = re.compile(r"invalid reference format|could not parse ref", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A build that failed.

    Attributes:
        request: What was asked for.
        builder: Who built: ``default``, ``docker-container``, a name or an address.
        stderr: All that was said.
        code: The exit code of docker.
    """

    request: BuildRequest
    builder: str
    stderr: str
    code: int


def engine_cannot(stderr: str) -> bool:
    """Whether the engine's own builder refused what a builder in a container can do.

    The classic image store refuses provenance, a cache's export, several platforms and an OCI
    layout, each in a sentence of its own; an engine's BuildKit before 0.11 knows no attestations.
    """
    return bool(_ENGINE_CANNOT.search(stderr) or _TOO_OLD.search(stderr))


def what_engine_cannot(stderr: str) -> str:
    """What it refused, in buildx's own words."""
    match = _ENGINE_CANNOT.search(stderr)
    return ((match["what"] or "") if match else "").strip().lower() or "attestation"


def cache_failed(stderr: str) -> bool:
    """Whether it was the cache in the registry that failed the build."""
    return bool(_CACHE_STEP.search(stderr) or _CACHE_CANNOT.search(stderr))


def error_of(attempt: Attempt) -> ShipwayError:
    """The error that a person sees; who is to blame is named, or nobody is."""
    return _of_the_engine(attempt) or _of_the_builder(attempt) or _of_the_build(attempt)


def _of_the_engine(attempt: Attempt) -> ShipwayError | None:
    said = attempt.stderr
    if _PODMAN.search(said):
        return EngineError(
            "`docker` is podman's here, which has no BuildKit",
            details=_last(said),
            remedy="install Docker's own client and buildx (Debian, Ubuntu: docker-cli and "
            "docker-buildx) and point DOCKER_HOST at a Docker engine, or name a BuildKit: "
            '[image] builder = "tcp://…"',
        )
    if _NO_ENGINE.search(said):
        return EngineError("no Docker engine answers", details=_last(said), remedy=START_DOCKER)
    if _NO_BUILDX.search(said):
        return EngineError(
            "docker has no buildx plugin",
            remedy="install docker-buildx (Debian, Ubuntu) or docker-buildx-plugin (docker.com)",
        )
    if _NO_TLS.search(said):
        return EngineError(
            "buildx makes no builder for an engine whose certificates are in the environment",
            details=_last(said),
            remedy="make a context of it (docker context create) and use that, or "
            f"{CONTAINERD_STORE}",
        )
    return None


def _of_the_builder(attempt: Attempt) -> ShipwayError | None:
    said = attempt.stderr
    if missing := _NO_BUILDER.search(said):
        return EngineError(
            f"there is no buildx builder {missing['name']!r} on this machine",
            where="ci/delivery.toml",
            remedy="see `builder` of [image] there; docker buildx ls lists the builders, "
            "docker buildx create makes one",
        )
    if _TOO_OLD.search(said) or _ENGINE_CANNOT.search(said):
        return EngineError(
            f"the builder {attempt.builder!r} cannot do what a delivery needs: "
            f"{_cause(said) or what_engine_cannot(said)}",
            where=_where(attempt),
            remedy="take BuildKit 0.11 or newer, or leave `builder` of [image] out",
        )
    if _NO_START.search(said):
        return EngineError(
            f"the builder {attempt.builder!r} does not start",
            where=_where(attempt),
            details=tuple(filter(None, (_cause(said), *_excerpt(said.splitlines())))),
            remedy=_start_it(attempt),
        )
    return None


def _where(attempt: Attempt) -> str:
    return "" if attempt.request.builder == DEFAULT else "ci/delivery.toml"


def _start_it(attempt: Attempt) -> str:
    if "://" in attempt.request.builder:
        return f"see that a BuildKit answers at {attempt.request.builder}; {_UNTOUCHED}"
    if _PULL.search(attempt.stderr) or "moby/buildkit" in attempt.stderr:
        return (
            "BuildKit's own image must come from its registry or be on the engine: let the engine "
            f"reach it, or {CONTAINERD_STORE}, which needs no such builder; {_UNTOUCHED}"
        )
    return (
        "see why: docker ps --all --filter name=buildx_buildkit, then docker logs of it; or "
        f"{CONTAINERD_STORE}, which needs no such builder; {_UNTOUCHED}"
    )


def _of_the_build(attempt: Attempt) -> ShipwayError:
    request, said = attempt.request, attempt.stderr.splitlines()
    cause = _cause(attempt.stderr)
    if _EMPTY.search(attempt.stderr):
        # No step ran: what BuildKit said before are its start-up lines, of no use to anybody.
        return BuildError(
            f"the Dockerfile {request.place.dockerfile} is empty",
            where=str(request.place.dockerfile),
            remedy=f"write it, or see [image] in ci/delivery.toml; {_UNTOUCHED}",
        )
    if missing := _NOT_FOUND.search(cause):
        what, remedy = _not_copied(missing["path"] or missing["folder"], said, request)
        if what:
            return BuildError(
                what, where=str(request.place.dockerfile), details=_excerpt(said), remedy=remedy
            )
    remedy = f"mend {request.place.dockerfile} and build again; {_UNTOUCHED}"
    if _PULL.search(attempt.stderr):
        remedy = _pull_it(attempt.stderr, cause)
    elif met := step_failures.culprit((*step_failures.own_lines(said), cause)):
        return BuildError(
            met.what,
            where=str(request.place.dockerfile),
            details=(cause, *_excerpt(said)),
            remedy=met.remedy,
        )
    return BuildError(
        cause or f"docker buildx build ended with {attempt.code}",
        where=str(request.place.dockerfile),
        details=_excerpt(said),
        remedy=remedy,
    )


def _pull_it(said: str, cause: str) -> str:
    """What to do about a base image that did not come; a 401 is never the network's."""
    match = _IMAGE.search(said)
    image = match["image"] if match else "the image"
    first = image.partition("/")[0]
    host = first if "." in first or ":" in first else "docker.io"
    words = cause or said
    refused = bool(_REFUSED.search(words))
    if not refused and (name := step_failures.unresolved(words)):
        return f"{name} did not resolve for the builder: see its DNS and proxy; {_UNTOUCHED}"
    remedies = (
        (_MALFORMED, "a FROM line names no image: see the variables in it"),
        (
            _TOO_MANY,
            (
                f"{host} was asked too often: wait, docker login {host}, or take the base from a "
                "registry of your own"
            ),
        ),
        (
            None if refused else _NO_WAY,
            f"{host} could not be reached from the builder: see its network and proxy",
        ),
        (_CERTIFICATE, f"the builder does not trust the certificate of {host}"),
        (
            _HELD_BACK if registry_home(host) and "403" in words else None,
            (
                "allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on it to who builds; "
                f"another account's repository must allow it in its own policy, too: {image}"
            ),
        ),
        (
            _HELD_BACK,
            (
                f"{host} does not give {image} to this login: docker login {host}"
                f"{_password(host)}, or see that its name is right, for a private image may look "
                "as if it were not there"
            ),
        ),
        (_NO_IMAGE, f"see the FROM lines: {host} has no {image}"),
    )
    for pattern, remedy in remedies:
        if pattern and pattern.search(words):
            return f"{remedy}; {_UNTOUCHED}"
    return "see the FROM lines: a base image could not be pulled"


def _password(host: str) -> str:
    home = registry_home(host)
    if home is None:
        return ""
    return f" (aws ecr get-login-password --region {home[1]} gives the password)"


def _cause(stderr: str) -> str:
    lines = (line for line in reversed(stderr.splitlines()) if line.startswith("ERROR: "))
    return next(lines, "").removeprefix("ERROR: ")


def _last(stderr: str) -> tuple[str, ...]:
    return tuple(stderr.splitlines()[-2:])


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
        return what, f"mend {request.place.dockerfile} and build again; {_UNTOUCHED}"
    place = request.place
    if (place.context / path).exists():
        if left_out(request, path):
            ignore = ignore_place(request)
            what = f"{ignore} leaves `{path}` out of the context {place.context}"
            return what, f"take it back there, or mend {place.dockerfile}; {_UNTOUCHED}"
        if request.copy_of is not None:
            what = f"git ignores `{path}`, so the commit that is built has no such file"
            remedy = f"build it in {place.dockerfile}, or name it in `artifacts` of [image] in "
            return what, f"{remedy}ci/delivery.toml; {_UNTOUCHED}"
    what = f"the context {place.context} has no `{path}`"
    return what, f"add it, or mend {request.place.dockerfile}; {_UNTOUCHED}"


def _excerpt(said: list[str]) -> tuple[str, ...]:
    """What the failed step said and where it stands in the Dockerfile, else the last lines.

    BuildKit shows the step's last words between two short rulers, then the Dockerfile's lines
    between two long ones. The step's own lines stand in their place: there are more of them, and
    without their times.
    """
    rulers = [number for number, line in enumerate(said) if line == "------"]
    if len(rulers) < 2:  # noqa: PLR2004 - no step ran: an excerpt of the Dockerfile at most
        rulers = [number for number, line in enumerate(said) if line.startswith("------")]
    start = rulers[-2] + 1 if len(rulers) > 1 else max(0, len(said) - _KEPT_LINES)
    kept = [line for line in said[start:] if not line.startswith(("------", "ERROR: "))]
    own = step_failures.own_lines(said)
    shown = [number for number, line in enumerate(kept) if _SHOWN.match(line)]
    if shown and len(own) >= len(shown):
        return (*kept[: shown[0]], *own, *kept[shown[-1] + 1 :])
    return tuple(kept[-_KEPT_LINES:])
