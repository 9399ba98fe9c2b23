"""What is wrong with images only when several places of delivery.toml are seen together. Pure.

Asked of the file as it is written: references are looked up later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.config.images import declared_repositories, used_images
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, closest, dotted, nearest
from shipway.config.rules import shown

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SOURCES: Final = ("file", "env", "from")
_SHARED_CACHES: Final = re.compile(r"gha|s3://.*|local:.*")


def image_problems(table: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Problem]:
    """Everything about ``[image]``, ``[images]`` and who runs which image.

    Args:
        table: The whole file.
        keys: The keys that a table ``[environments.NAME]`` may have.
    """
    images = _tables(table.get("images"))
    if "images" in table and "image" in table:
        text = "is for one image, and [images] names several: move it to [images.NAME]"
        yield Problem(path=("image",), text=text)
    for path, image in (
        (("image",), table.get("image")),
        *((("images", key), image) for key, image in images.items()),
    ):
        yield from _secrets(path, image)
    yield from _caches(images)
    for name, environment in _tables(table.get("environments")).items():
        path = ("environments", name)
        yield from _arguments(path, environment)
        if "images" in table:
            yield from _several(path, environment, images)
        else:
            yield from _one(path, environment, keys)


def _secrets(path: KeyPath, image: object) -> Iterator[Problem]:
    """A secret comes from one place."""
    secrets = image.get("secrets") if isinstance(image, Mapping) else None
    for name, secret in _tables(secrets).items():
        given = [key for key in _SOURCES if secret.get(key)]
        if len(given) != 1 and not set(secret) - set(_SOURCES):
            what = f"has {' and '.join(given)}" if given else "says not where it comes from"
            yield Problem(path=(*path, "secrets", name), text=f"{what}: say one of file, env, from")


def _caches(images: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """One place that holds one cache; where there is room for more, each image has its own."""
    first: dict[str, str] = {}
    for key, image in images.items():
        cache = image.get("cache")
        if not isinstance(cache, str) or not cache or _SHARED_CACHES.fullmatch(cache):
            continue
        if first.setdefault(cache, key) != key:
            text = f"is that of the image {shown(first[cache])}, too: that place holds one"
            yield Problem(path=("images", key, "cache"), text=text)


def _arguments(path: KeyPath, environment: Mapping[str, Any]) -> Iterator[Problem]:
    """Build arguments where nothing is built."""
    if not environment.get("promote_from"):
        return
    tables = {(): environment} | {
        ("images", key): each for key, each in _tables(environment.get("images")).items()
    }
    for below, table in tables.items():
        if table.get("build_args"):
            text = "are those of a build, and promote_from takes the image as it is"
            yield Problem(path=(*path, *below, "build_args"), text=text)


def _one(path: KeyPath, environment: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Problem]:
    """One image alone: its repository stands in the environment, and nobody names it."""
    misspelt = any(closest(key, keys) == "repository" for key in environment if key not in keys)
    if not environment.get("repository") and not misspelt:
        text = "is missing; it should be an ECR repository's name or URI"
        yield Problem(path=(*path, "repository"), text=text)
    if "images" in environment:
        yield Problem(path=(*path, "images"), text="names images, and there is no [images]")
    for place, name in _named(path, environment):
        if isinstance(name, str) and _NAME.fullmatch(name):
            text = f"names the image {shown(name)}, and there is no [images]"
            yield Problem(path=place, text=text)


def _several(
    path: KeyPath, environment: Mapping[str, Any], images: Mapping[str, Any]
) -> Iterator[Problem]:
    """Many: each has a repository of its own, and each service says which one it runs."""
    for key in ("repository", "promote_repository", "build_args"):
        if key in environment:
            text = f"is about one image, and [images] names several: say it in {dotted(path)}"
            yield Problem(path=(*path, key), text=f"{text}.images.NAME")
    if environment.get("image_parameter") and len(images) > 1:
        text = "takes one image, and [images] names several: say it in each service"
        yield Problem(path=(*path, "image_parameter"), text=text)
    for key in _tables(environment.get("images")):
        if key not in images:
            text = f"names no image of [images]{nearest(key, images)}"
            yield Problem(path=(*path, "images", key), text=text)
    yield from _runs(path, environment, images)
    yield from _shared(path, environment)


def _runs(
    path: KeyPath, environment: Mapping[str, Any], images: Mapping[str, Any]
) -> Iterator[Problem]:
    """Who runs what: each place names an image that there is, and that lies somewhere."""
    places = {key: place for place, key in _named(path, environment) if isinstance(key, str)}
    for place, key in _named(path, environment):
        if key is None and len(images) > 1:
            text = f"is missing; it should be one of {', '.join(map(shown, images))}"
            yield Problem(path=place, text=text)
        elif isinstance(key, str) and _NAME.fullmatch(key) and key not in images:
            text = f"names no image of [images]{nearest(key, images)}"
            yield Problem(path=place, text=text)
    written = environment.get("images") or {}
    for key in used_images(environment, images):
        if isinstance(written, Mapping) and key not in written:
            runner = dotted(places.get(key, path))
            text = f"is missing: {runner} runs it, and nothing says where it lies (`repository`)"
            yield Problem(path=(*path, "images", key), text=text)


def _named(path: KeyPath, environment: Mapping[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    """Each place that names an image, or must; ``None`` where it does not."""
    services = _tables(environment.get("services"))
    for key, service in services.items():
        yield (*path, "services", key, "image"), service.get("image")
        for name, container in _tables(service.get("containers")).items():
            if "image" in container:
                place = (*path, "services", key, "containers", name, "image")
                yield place, container["image"]
    for kind in ("jobs", "schedules"):
        for key, task in _tables(environment.get(kind)).items():
            if "image" in task or not task.get("service"):
                yield (*path, kind, key, "image"), task.get("image")


def _shared(path: KeyPath, environment: Mapping[str, Any]) -> Iterator[Problem]:
    """Two images in one repository: the tag of a commit names one image."""
    if not environment.get("images"):
        return
    first: dict[str, str] = {}
    for key, repository in declared_repositories(environment).items():
        if repository and first.setdefault(repository, key) != key:
            text = f"is that of the image {shown(first[repository])}, too: a commit's tag names "
            text += "one image, so each needs a repository of its own"
            yield Problem(path=(*path, "images", key, "repository"), text=text)


def _tables(value: object) -> dict[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): table for key, table in value.items() if isinstance(table, Mapping)}
