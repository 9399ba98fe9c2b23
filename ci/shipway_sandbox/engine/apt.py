"""The ``apt-get`` command with lists, caches, sources and hooks of our own, not the machine's.

apt refuses whatever its keyring did not sign; each option by which a machine may have allowed
that is switched off here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.errors import EngineError

_UPDATE_SECONDS: Final = 100
_DOWNLOAD_SECONDS: Final = 180

# apt.conf(5): `#clear` works in files only. Hooks of the machine must not run for our lists.
_APT_CONF: Final = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Post-Invoke-Stats;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::CNF;
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "10";
Acquire::https::Timeout "10";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
Debug::NoLocking "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""


@dataclass(frozen=True, slots=True)
class Suite:
    """Where packages come from.

    Attributes:
        name: The codename, such as ``trixie``.
        uri: The mirror.
        keyring: File of the keys that must have signed the suite.
        pockets: Suites as apt knows them; more than one on Ubuntu (``noble``, ``noble-updates``).
        components: ``main``, and ``universe`` on Ubuntu.
    """

    name: str
    uri: str
    keyring: str
    pockets: tuple[str, ...]
    components: tuple[str, ...] = ("main",)

    def source(self, architecture: str) -> str:
        """The source in deb822 form (sources.list(5))."""
        return (
            f"Types: deb\nURIs: {self.uri}\nSuites: {' '.join(self.pockets)}\n"
            f"Components: {' '.join(self.components)}\nArchitectures: {architecture}\n"
            f"Signed-By: {self.keyring}\n"
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Packages of one suite; with ``closure`` also everything they depend on."""

    suite: Suite
    names: tuple[str, ...]
    closure: bool = False


def update(suite: Suite, architecture: str, state: Path) -> None:
    """Fetch the lists of a suite anew into ``state``; the file ``complete`` in it marks success.

    Raises:
        EngineError: The mirror cannot be reached, or its lists are not signed as they must be.
    """
    if not Path(suite.keyring).is_file():
        raise EngineError(
            f"the keys that sign {suite.name} are not on this machine",
            where=suite.keyring,
            remedy="apt-get install debian-archive-keyring (Debian) or ubuntu-keyring (Ubuntu)",
        )
    (state / "complete").unlink(missing_ok=True)
    for name in ("lists", "archives"):
        shutil.rmtree(state / name, ignore_errors=True)
        (state / name / "partial").mkdir(parents=True)
    (state / "status").write_text("")
    (state / "apt.conf").write_text(_APT_CONF)
    (state / "suite.sources").write_text(suite.source(architecture))
    run([*_apt(state), "update"], timeout=_UPDATE_SECONDS, suite=suite)
    (state / "complete").write_text("")


def download(want: Wanted, state: Path, target: Path) -> list[Path]:
    """Download packages, or their closure as apt's own solver finds it for an empty system.

    Raises:
        EngineError: As :func:`update`, or a package is not there.
    """
    shutil.rmtree(target, ignore_errors=True)
    (target / "partial").mkdir(parents=True)
    if want.closure:
        action = ["-y", "--no-install-recommends", "--download-only", "install", *want.names]
        options = ["-o", f"Dir::Cache::archives={target}"]
    else:
        action, options = ["download", *want.names], []
    run([*_apt(state), *options, *action], timeout=_DOWNLOAD_SECONDS, suite=want.suite, cwd=target)
    return sorted(target.glob("*.deb"))


def _apt(state: Path) -> list[str]:
    settings = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "Dir::Etc::sourcelist": state / "suite.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
    }
    options = [text for name, value in settings.items() for text in ("-o", f"{name}={value}")]
    return ["apt-get", "-q", "-c", str(state / "apt.conf"), *options]


_CAUSES: Final[Mapping[str, str]] = {
    "could not resolve": "connect this machine to its package mirror, or set DOCKER_HOST",
    "temporary failure": "connect this machine to its package mirror, or set DOCKER_HOST",
    "unable to connect": "connect this machine to its package mirror, or set DOCKER_HOST",
    "could not connect": "connect this machine to its package mirror, or set DOCKER_HOST",
    "connection failed": "connect this machine to its package mirror, or set DOCKER_HOST",
    "no_pubkey": "update the keys: apt-get install debian-archive-keyring",
    "is not signed": "the mirror is not the original: correct it in /etc/apt",
    "not valid yet": "set this machine's clock",
    "no space left": "make room in the cache folder (about 600 MB)",
    "don't have enough free space": "make room in the cache folder (about 600 MB)",
    "unable to locate package": "install a Docker engine by hand and set DOCKER_HOST",
}


def remedy_for(output: str) -> str:
    """What a person can do about apt's complaint."""
    low = output.lower()
    return next(
        (remedy for sign, remedy in _CAUSES.items() if sign in low),
        "see whether apt-get update works on this machine, or set DOCKER_HOST to an engine",
    )


def run(
    command: list[str],
    *,
    timeout: float = 120.0,
    suite: Suite | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command to its end, silently; its complaints become the error's details.

    Raises:
        EngineError: It fails, or does not end in time (seconds).
    """
    env = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy") or k == "PATH"}
    at = suite.uri if suite else ""
    verb = next((a for a in command if a in {"update", "download", "install"}), command[0])
    try:
        done = subprocess.run(
            # Were we killed, an apt-get left alone could spoil what the next run downloads.
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            env=env | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"apt-get {verb} did not end within {timeout:.0f} s",
            where=at,
            remedy="see whether the package mirror is reachable, or set DOCKER_HOST",
        ) from error
    if done.returncode:
        signs = ("E:", "W:", "dpkg")
        lines = [line for line in done.stderr.splitlines() if line.startswith(signs)]
        raise EngineError(
            f"{' '.join(dict.fromkeys((command[0], verb)))} failed with {done.returncode}",
            where=at,
            remedy=remedy_for(done.stderr),
            details=tuple(line[:300] for line in lines[-8:]),
        )
