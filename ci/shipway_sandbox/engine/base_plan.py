"""What can stand in for a base image where no hub can be reached. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from shipway.errors import BuildError
from shipway_sandbox.engine import authorities
from shipway_sandbox.engine.apt import Suite, Wanted
from shipway_sandbox.engine.engine_plan import Facts, engine_suite, own_suite
from shipway_sandbox.engine.recipes import HAD, Recipe, recipe_for

_RELEASES: Final[Mapping[str, str]] = {"bookworm": "12", "trixie": "13"}
_NONROOT: Final = "nonroot"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """What to assemble for a reference.

    Attributes:
        reference: As it stands in the Dockerfile.
        recipe: What it is made of.
        name: The image's name in the engine, the same for the same content.
        distribution: Such as ``Debian 13``.
        packages: What to fetch.
        user: Whom the image runs as; empty for root.
        authorities: Certificates that it trusts beside the distribution's.
    """

    reference: str
    recipe: Recipe
    name: str
    distribution: str
    packages: Wanted
    user: str = ""
    authorities: tuple[str, ...] = ()


def registry_of(reference: str) -> str:
    """The registry's host of a reference, ``registry-1.docker.io`` for names without one.

    The first part of a name is a host where it has a dot or a colon, or is ``localhost``
    (distribution/reference, normalize.go).
    """
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost") and first != "docker.io":
        return first
    return "registry-1.docker.io"


def plan_base(reference: str, facts: Facts) -> StandIn:
    """Choose what stands in for ``reference``.

    Raises:
        BuildError: Nothing honest can.
    """
    name, _, _digest = reference.partition("@")
    repository, _, tag = name.partition(":") if "/" not in name else _split(name)
    recipe = recipe_for(repository, tag)
    if recipe is None:
        raise BuildError(
            f"the base image {reference} is not here, and its registry cannot be reached",
            where=registry_of(reference),
            remedy=f"load it into the engine (docker load), or connect this machine; {HAD}",
        )
    if facts.distribution not in {"debian", "ubuntu"} or not facts.apt:
        raise BuildError(
            f"the base image {reference} is not here, and its registry cannot be reached",
            where=registry_of(reference),
            remedy="load it into the engine (docker load), or connect this machine; only on "
            "Debian and Ubuntu can one be assembled from packages",
        )
    suite = _suite(recipe, tag, facts)
    release = _RELEASES.get(suite.name, facts.release)
    known = (series for series, at in recipe.releases.items() if at == suite.name)
    version = next(known, recipe.otherwise)
    distribution = "ubuntu" if facts.distribution == "ubuntu" else "debian"
    user = _NONROOT if tag.startswith(_NONROOT) and _NONROOT in recipe.users else ""
    trusted = facts.authorities if recipe.trusts else ()
    parts = (
        version,
        f"{distribution}{release}",
        str(recipe.raised),
        authorities.tag(trusted),
        user,
    )
    return StandIn(
        reference=reference,
        recipe=recipe,
        name=f"shipway-sandbox/{recipe.kind}:{'-'.join(filter(None, parts))}",
        distribution=f"{distribution.title()} {release}",
        packages=Wanted(suite, recipe.packages, closure=recipe.closure),
        user=user,
        authorities=trusted,
    )


def _split(name: str) -> tuple[str, str, str]:
    path, slash, last = name.rpartition("/")
    repository, colon, tag = last.partition(":")
    return f"{path}{slash}{repository}", colon, tag


def _suite(recipe: Recipe, tag: str, facts: Facts) -> Suite:
    """The suite that has the version asked for, else the one the engine came from."""
    newest = engine_suite(facts)
    if facts.distribution != "debian":
        return newest
    match = re.match(recipe.series, tag)
    codename = recipe.releases.get(match[0], newest.name) if match else newest.name
    if codename == newest.name:
        return newest
    own = own_suite(facts)
    return own if codename == own.name else replace(newest, name=codename, pockets=(codename,))
