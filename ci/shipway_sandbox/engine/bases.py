"""Base images where no hub can be reached: assembled from Debian packages, and honest about it."""

from __future__ import annotations

import functools
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from shipway.errors import BuildError, EngineError
from shipway.image.dockerfile import missing_bases
from shipway_sandbox.engine import docker_api
from shipway_sandbox.engine.assemble import assemble
from shipway_sandbox.engine.base_plan import StandIn, plan_base, registry_of
from shipway_sandbox.engine.engine import Engine, gather
from shipway_sandbox.engine.engine_plan import Facts

__all__ = ["Provided", "adopt", "missing_bases", "named", "provide", "reachable"]

_REACH_SECONDS: Final = 1.5
_CONTENT: Final = "dev.shipway.content"
"""The label by which a stand-in says what it really is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """What became of the base images that were asked for.

    Attributes:
        contexts: Reference → ``docker-image://…`` of every stand-in that a build must name; where
            the engine holds a reference, or can pull it, there is none.
        stand_ins: Reference → name of every stand-in.
        notices: Every reference that can be had → what was told of it, nothing where it is what its
            name says.
    """

    contexts: Mapping[str, str]
    stand_ins: Mapping[str, str]
    notices: Mapping[str, str]

    def variables(self, before: Mapping[str, str]) -> dict[str, str]:
        """What a delivery's environment must hold for them, with what it held ``before``."""
        pairs = {"SHIPWAY_BUILD_CONTEXTS": self.contexts, "SHIPWAY_STAND_INS": self.stand_ins}
        return {
            variable: "\n".join(
                (
                    *before.get(variable, "").splitlines(),
                    *(f"{reference}={place}" for reference, place in places.items()),
                )
            )
            for variable, places in pairs.items()
        }


def named(dockerfiles: Iterable[Path]) -> tuple[str, ...]:
    """The references of these Dockerfiles, each once; a file that is not there names none."""
    texts = [file.read_text("utf-8", "replace") for file in dockerfiles if file.is_file()]
    return tuple(dict.fromkeys(reference for text in texts for reference in missing_bases(text)))


@functools.cache
def reachable(registry: str) -> bool:
    """Whether a registry answers within 1.5 seconds; asked once in a process, then remembered.

    401 is an answer: a registry says so to whoever has not logged in (OCI distribution-spec,
    "Determining Support").
    """
    verdict: list[bool] = []

    def ask() -> None:
        request = urllib.request.Request(f"https://{registry}/v2/", method="GET")
        try:
            with urllib.request.urlopen(request, timeout=_REACH_SECONDS) as response:  # noqa: S310 - https only
                verdict.append(response.status < 500)  # noqa: PLR2004 - HTTP server errors
        except urllib.error.HTTPError as error:
            with error:
                verdict.append(error.code in {401, 403, 404, 429})
        except (OSError, ValueError):
            verdict.append(False)

    # The resolver of the C library has no time-out of ours: leave it behind, it ends by itself.
    thread = threading.Thread(target=ask, name=f"reach-{registry}", daemon=True)
    thread.start()
    thread.join(_REACH_SECONDS)
    return bool(verdict and verdict[0])


def provide(
    engine: Engine,
    references: Iterable[str],
    cache: Path,
    tell: Callable[[str], None],
    *,
    facts: Facts | None = None,
    reach: Callable[[str], bool] = reachable,
) -> Provided:
    """Named build contexts for the base images that the engine can have in no other way.

    A reference that can be neither had nor stood in for is told and left out: the build that needs
    it will name the Dockerfile's line.

    Args:
        engine: Where the images are to be.
        references: As :func:`missing_bases` reads them.
        cache: Folder kept between runs.
        tell: Takes progress; each stand-in is told at every call, not only when it is made.
        facts: The machine, where the caller has looked at it already.
        reach: Says whether a registry can be reached.

    Raises:
        EngineError: A stand-in cannot be made, kept or loaded.
    """
    stand_ins: dict[str, str] = {}
    notices: dict[str, str] = {}
    for reference in references:
        if docker_api.has_image(engine.host, reference) or reach(registry_of(reference)):
            notices[reference] = ""
            continue
        facts = gather(os.environ) if facts is None else facts
        try:
            stand_in = plan_base(reference, facts)
        except BuildError as error:
            tell(f"{error.what} ({error.where}), so a build from it fails; {error.remedy}")
            continue
        labels = _labels(engine, stand_in)
        if labels is None:
            _load(engine, stand_in, facts, cache, tell)
            labels = _labels(engine, stand_in) or {}
        stand_ins[reference] = stand_in.name
        notices[reference] = (
            f"{reference} stands in: {labels.get(_CONTENT, stand_in.name)}, "
            "assembled from Debian packages (no hub reachable)"
        )
        tell(notices[reference])
    contexts = {reference: f"docker-image://{name}" for reference, name in stand_ins.items()}
    return Provided(contexts=contexts, stand_ins=stand_ins, notices=notices)


def adopt(
    engine: Engine,
    references: Iterable[str],
    cache: Path,
    tell: Callable[[str], None],
) -> Provided:
    """Like :func:`provide`, but in a private engine a stand-in goes by the base's own name.

    BuildKit's ``rewrite-timestamp`` leaves the layers of a base alone only where it is resolved by
    a FROM line; for a named context it unpacks and packs them again at every build (4 s for
    Python; see moby/buildkit 4663 and 4805). Nobody else's engine gets such a name, and the
    stand-in's labels, which the built image inherits, say what it is.
    """
    wanted = tuple(references)
    if not engine.private:
        return provide(engine, wanted, cache, tell)
    for reference in wanted:
        _forget(engine, reference)
    provided = provide(engine, wanted, cache, tell)
    contexts = dict(provided.contexts)
    for reference, name in provided.stand_ins.items():
        if "@" not in reference and _tagged(engine, name, reference):
            del contexts[reference]
    return replace(provided, contexts=contexts)


def _tagged(engine: Engine, name: str, reference: str) -> bool:
    repository, _, tag = reference.rpartition(":")
    if not repository or "/" in tag:
        repository, tag = reference, "latest"
    path = f"/images/{quote(name, safe='/:')}/tag?{urlencode({'repo': repository, 'tag': tag})}"
    return docker_api.call(engine.host, "POST", path)[0] == HTTPStatus.CREATED


def _forget(engine: Engine, reference: str) -> None:
    """Take the name away from a stand-in of an earlier run; a real image keeps it."""
    path = f"/images/{quote(reference, safe='/:@')}"
    document = docker_api.read_json(engine.host, f"{path}/json")
    if document is not None and _CONTENT in (document["Config"].get("Labels") or {}):
        docker_api.call(engine.host, "DELETE", f"{path}?noprune=1")


def _labels(engine: Engine, stand_in: StandIn) -> Mapping[str, str] | None:
    document = docker_api.read_json(engine.host, f"/images/{stand_in.name}/json")
    return None if document is None else dict(document["Config"].get("Labels") or {})


def _load(
    engine: Engine, stand_in: StandIn, facts: Facts, cache: Path, tell: Callable[[str], None]
) -> None:
    """Load the stand-in into the engine, from the cache or made now."""
    file = cache / "bases" / f"{stand_in.name.replace('/', '_').replace(':', '_')}.tar"
    try:
        if not file.is_file():
            packed = assemble(stand_in, facts, cache, tell)
            file.parent.mkdir(parents=True, exist_ok=True)
            scratch = file.with_suffix(f".{os.getpid()}")
            scratch.write_bytes(packed)
            scratch.rename(file)
        content = file.read_bytes()
    except OSError as error:
        raise EngineError(
            f"the base image cannot be kept: {error.strerror or error}",
            where=str(file),
            remedy="make room there (about 300 MB), or name another folder for the cache",
        ) from error
    tell(f"loading {stand_in.name}, {len(content) / 1e6:.0f} MB")
    status, answer = docker_api.call(
        engine.host, "POST", "/images/load?quiet=1", timeout=60.0, body=content
    )
    text = answer[-300:].decode(errors="replace").strip()
    if status != 200 or '"error"' in text:  # noqa: PLR2004 - HTTP OK
        file.unlink(missing_ok=True)  # a damaged file would fail for ever
        raise EngineError(
            "the Docker engine does not take the assembled base image",
            where=stand_in.name,
            remedy="run again: the image is then assembled anew",
            details=(text,),
        )
