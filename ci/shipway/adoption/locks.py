"""The two lock files, resolved from where this shipway came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from shipway import __version__
from shipway.adoption.ports import Resolver
from shipway.adoption.source import (
    LOCK,
    SANDBOX_LOCK,
    InstalledFrom,
    in_repository,
    lock_text,
    only_here,
    requirements,
    source_of,
)
from shipway.errors import ConfigurationError

LOCKS = (LOCK, SANDBOX_LOCK)
_DELIVERY = "ci/delivery.toml"


def check_adopted(root: Path) -> None:
    """See that a repository is one that releases with shipway, before locks are written there.

    Raises:
        ConfigurationError: It has neither a lock file of ours nor a ``ci/delivery.toml``.
    """
    if any((root / name).is_file() for name in (*LOCKS, _DELIVERY)):
        return
    raise ConfigurationError(
        f"this repository has not adopted shipway: it has no {_DELIVERY}; nothing was written",
        where=str(root.resolve()),
        remedy="shipway init writes all that a delivery needs, the lock files too; or go to the "
        "repository that is meant",
    )


def installed_from(to: str = "") -> InstalledFrom:
    """Where the shipway that runs here was installed from; see :func:`source_of`.

    Raises:
        ConfigurationError: From a place that no hash can pin, or that lacks a file by now.
        UsageError: ``to`` is no version.
    """
    source = source_of(__version__, _direct_url(), to)
    for url in (source.url, source.sandbox_url):
        if url.startswith("file://") and not Path(unquote(urlsplit(url).path)).is_file():
            raise ConfigurationError(
                "there is no such file beside the shipway that is installed",
                where=unquote(urlsplit(url).path),
                remedy="put the wheels of shipway and shipway-sandbox into one folder, in the "
                "same version (uv build --all-packages), and install from there",
            )
    return source


def _direct_url() -> Mapping[str, Any] | None:
    try:
        text = metadata.distribution("shipway").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # the source alone, through PYTHONPATH
        return {"url": Path(__file__).parents[2].as_uri(), "dir_info": {}}
    return json.loads(text) if text else None


def resolved(source: InstalledFrom, lock: str, root: Path, resolver: Resolver) -> str:
    """One lock file's text.

    Raises:
        ConfigurationError: It cannot be resolved, or the file is no longer what was installed.
    """
    text = resolver.resolve(requirements(source, lock))
    if source.sha256 and f"sha256:{source.sha256}" not in text:
        raise ConfigurationError(
            "the file has changed since it was installed: its hash is another one",
            where=source.url,
            remedy="install it again, then the same command once more",
        )
    return lock_text(lock, text, str(root.resolve()))


def all_resolved(
    root: Path, resolver: Resolver, *, to: str = "", wanted: Sequence[str] = LOCKS
) -> Mapping[str, str]:
    """The lock files' texts; resolved side by side, for each waits for the index.

    Raises:
        ConfigurationError: See :func:`installed_from` and :func:`resolved`.
        UsageError: ``to`` is no version.
    """
    if not wanted:
        return {}
    source = installed_from(to)
    with ThreadPoolExecutor(len(wanted)) as pool:
        texts = pool.map(lambda lock: resolved(source, lock, root, resolver), wanted)
        return dict(zip(wanted, texts, strict=True))


def note_of(texts: Sequence[str], ignored: Callable[[str], str] = lambda _: "") -> str:
    """What a person should know who commits locks; empty where they hold everywhere.

    Args:
        texts: The lock files' texts.
        ignored: Says which rule has git ignore a path of the repository; empty where none does.
    """
    if files := [unquote(file) for text in texts for file in only_here(text)]:
        return (
            f"The locks name files of this machine alone, such as {files[0]}: for CI put the "
            "wheels into the repository, such as ci/wheels/, install from there, and run "
            "shipway upgrade"
        )
    for file in in_repository(texts):
        if rule := ignored(file):
            return (
                f"The locks name {file}, which git ignores ({rule}), so that CI would not have "
                "it: take that rule away, then commit the wheels with the locks"
            )
    return ""
