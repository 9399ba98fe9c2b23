"""Where this shipway came from, and the requirements that get the same again. Pure.

"Direct URL Data Structure" (PyPA specifications, PEP 610): an installer leaves ``direct_url.json``
beside what it installed from a file, an address or a repository, and none for an index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote

from shipway.errors import ConfigurationError, UsageError

LOCK: Final = "ci/shipway.lock"
SANDBOX_LOCK: Final = "ci/shipway-sandbox.lock"
_EXTRAS: Final = {LOCK: "sbom,sign", SANDBOX_LOCK: "sandbox,sbom,sign"}
_WHEELS: Final = "build wheels there (uv build --all-packages) and install the one from dist/"
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+!_-]*")
# "Binary distribution format" and "Source distribution file name" (PyPA specifications).
_FILE: Final = re.compile(r"shipway-(?P<version>[^-/]+)(?P<rest>-[^/]+\.whl|\.tar\.gz|\.zip)")
_FROM_FILE: Final = re.compile(r"^shipway(?:-sandbox)? @ file://(?P<path>/\S+)", re.MULTILINE)
"""A wheel on this machine; the address is percent-encoded (RFC 8089), a folder's name is not."""
_GITHUB: Final = re.compile(r"(?:https://|ssh://git@|git@)github\.com[/:](?P<name>[^/]+/[^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledFrom:
    """Where shipway and its sandbox are installed from.

    Attributes:
        version: The version, where it is an index that is asked; else empty.
        url: Where shipway lies, where it is no index; else empty.
        sandbox_url: Where shipway-sandbox lies, at the same place.
        sha256: What shipway's file is known to hash to; empty where the installer kept nothing.
    """

    version: str = ""
    url: str = ""
    sandbox_url: str = ""
    sha256: str = ""


def source_of(version: str, direct_url: Mapping[str, Any] | None, to: str = "") -> InstalledFrom:
    """Where this shipway came from, or where another version of it lies at the same place.

    Args:
        version: The version that is installed.
        direct_url: What ``direct_url.json`` holds; ``None`` where an index was asked.
        to: Another version; empty for the same.

    Raises:
        ConfigurationError: It came from a place that no hash can pin.
        UsageError: ``to`` is no version.
    """
    if to and not _VERSION.fullmatch(to):
        raise UsageError(f"{to!r} is no version", where="--to", remedy="such as --to 0.2.0")
    if direct_url is None:
        return InstalledFrom(version=to or version)
    url = str(direct_url.get("url", "")).partition("#")[0]
    if "vcs_info" in direct_url:
        return _of_repository(url, str(direct_url["vcs_info"].get("commit_id", "")), to)
    folder, _, name = url.rpartition("/")
    file = _FILE.fullmatch(name)
    if "dir_info" in direct_url or file is None:
        raise ConfigurationError(
            "this shipway was installed from a folder, which no hash can pin",
            where=url,
            remedy=_WHEELS,
        )
    at, rest = to or file["version"], file["rest"]
    hashes = direct_url.get("archive_info", {}).get("hashes", {})
    found = InstalledFrom(
        url=f"{folder}/shipway-{at}{rest}",
        sandbox_url=f"{folder}/shipway_sandbox-{at}{rest}",
        sha256=str(hashes.get("sha256", "")),
    )
    return found if at == file["version"] else replace(found, sha256="")


def _of_repository(url: str, commit: str, to: str) -> InstalledFrom:
    """GitHub's archive of the commit: pip checks hashes of files, not of repositories."""
    match = _GITHUB.match(url)
    if match is None:
        raise ConfigurationError(
            "this shipway was installed from a git repository that no archive is known of, "
            "and pip has no hash for a repository",
            where=url,
            remedy=_WHEELS,
        )
    name = match["name"].removesuffix(".git")
    at = f"refs/tags/v{to}" if to else commit
    archive = f"https://github.com/{name}/archive/{at}.zip"
    return InstalledFrom(url=archive, sandbox_url=f"{archive}#subdirectory=ci/shipway_sandbox")


def requirements(source: InstalledFrom, lock: str) -> tuple[str, ...]:
    """What a lock file is resolved from, a requirement each (PEP 508)."""
    if source.url:
        shipway, sandbox = f" @ {source.url}", f" @ {source.sandbox_url}"
    else:
        shipway = sandbox = f"=={source.version}"
    named = f"shipway[{_EXTRAS[lock]}]{shipway}"
    return (named, f"shipway-sandbox{sandbox}") if lock == SANDBOX_LOCK else (named,)


def lock_text(lock: str, resolved: str, root: str) -> str:
    """The lock file: who writes it, then what was resolved.

    Args:
        lock: The file, from the repository's root.
        resolved: What uv resolved, a requirement with its hashes each.
        root: The repository's root as an absolute path; a wheel that lies in the repository is
            named from there, so that it is found on every machine.
    """
    what = "shipway and its sandbox" if lock == SANDBOX_LOCK else "shipway"
    who = "rehearsals and the local environment install" if lock == SANDBOX_LOCK else "CI installs"

    def from_root(match: re.Match[str]) -> str:
        path = unquote(match["path"])
        below = path.removeprefix(f"{root.rstrip('/')}/")
        # A path in a requirements file ends at white space: such a one stays an address.
        return match[0] if below == path or " " in below else f"./{below}"

    head = (
        f"# Written by `shipway upgrade`: what {who},",
        f"# {what} and all it needs, each with its hashes. Do not edit it; commit it.",
    )
    return "\n".join(head) + "\n" + _FROM_FILE.sub(from_root, resolved).rstrip("\n") + "\n"


def only_here(text: str) -> tuple[str, ...]:
    """Files that a lock names on this machine alone, so that no other can install it."""
    return tuple(dict.fromkeys(re.findall(r"^\S+ @ (file://\S+)", text, re.MULTILINE)))


def in_repository(texts: Iterable[str]) -> tuple[str, ...]:
    """Files of the repository that locks install from, as paths from its root."""
    files = (re.findall(r"^\./(\S+)", text, re.MULTILINE) for text in texts)
    return tuple(dict.fromkeys(file for found in files for file in found))
