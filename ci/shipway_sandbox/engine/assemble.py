"""Make a small root file system of Debian packages into an image. No root rights, no chroot."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from shipway.errors import EngineError
from shipway_sandbox.engine.base_plan import StandIn
from shipway_sandbox.engine.engine_plan import Facts
from shipway_sandbox.engine.packages import unpacked
from shipway_sandbox.engine.recipes import PYTHON
from shipway_sandbox.engine.rootfs import RootfsImage, archive, layer

_LEFT_OUT: Final = re.compile(
    r"usr/share/(doc|man|locale|lintian|info|perl5|bash-completion|pixmaps|polkit-1|applications)/"
    r"|usr/lib/[^/]+/(gconv|perl-base|ossl-modules|engines-3)/"
    r"|usr/lib/python3[^/]*/(test|idlelib|turtledemo|EXTERNALLY-MANAGED)"
    r"|usr/s?bin/(openssl|dpkg[^/]*|perl.*|tar|update-[^/]*|debconf[^/]*)$"
    r"|(var/lib/dpkg|usr/share/dpkg|usr/lib/dpkg|etc/cron|etc/alternatives|usr/lib/systemd)/"
)

_USERS: Final = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP: Final = "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n"
_SHADOW: Final = "root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n"

# Everything a small service needs. pip, and what only a developer imports, compile when used.
_NOT_COMPILED: Final = (
    "/(test|tests|idlelib|turtledemo|tkinter|ensurepip|lib2to3|pydoc_data|dist-packages|unittest"
    "|curses|dbm|distutils|wsgiref|xmlrpc|__phello__)/|/(pydoc|turtle|pdb|doctest|_pydecimal)\\.py"
)


def assemble(stand_in: StandIn, facts: Facts, cache: Path, tell: Callable[[str], None]) -> bytes:
    """Fetch the packages, complete them, and pack them as an archive for ``docker load``.

    Raises:
        EngineError: The packages cannot be had, or their Python does not run here.
    """
    recipe = stand_in.recipe
    root = unpacked(
        (stand_in.packages,),
        facts.architecture,
        cache / "engine",
        tell,
        label=recipe.kind,
        finish=_compile if recipe is PYTHON else _nothing,
    )
    record = json.loads((root.parent / "packages.json").read_text())
    version = _version(record, recipe.version_of)
    content = f"{stand_in.distribution}'s {recipe.title} {version}"
    content += f", {recipe.lacks}" if recipe.lacks else ""
    content += ", with this machine's own authorities" if stand_in.authorities else ""
    applets = _busybox_links(root) if recipe.shell else {}
    # Debian's own programs win over busybox's of the same name.
    links = {path: to for path, to in applets.items() if not os.path.lexists(root / path)}
    tell(f"assembling {stand_in.name}")
    packed, diff_id = layer(
        root,
        keep=lambda path: not (_LEFT_OUT.match(path) or re.match(recipe.left_out, path)),
        files={
            "etc/passwd": _USERS + "".join(map(_user, recipe.users.items())),
            "etc/group": _GROUP + "".join(f"{n}:x:{i}:\n" for n, i in recipe.users.items()),
            "etc/shadow": _SHADOW,
            "etc/ssl/certs/ca-certificates.crt": _authorities(root, stand_in.authorities),
            "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        },
        folders={
            "tmp": 0o1777,
            "var/tmp": 0o1777,
            "root": 0o700,
            "home": 0o755,
            "run": 0o755,
            "usr/local/bin": 0o755,
            "proc": 0o555,
            "sys": 0o555,
            "dev": 0o755,
            **recipe.folders,
        },
        links={**links, **recipe.links},
    )
    labels = {
        "dev.shipway.content": content,
        "dev.shipway.stands-in-for": recipe.kind,
        "org.opencontainers.image.title": f"{content}, assembled from Debian packages",
    }
    image = RootfsImage(
        name=stand_in.name,
        architecture=facts.architecture,
        environment={**recipe.environment, "LANG": "C.UTF-8"},
        command=recipe.command,
        user=stand_in.user,
        labels=labels,
    )
    return archive(image, packed, diff_id)


def _authorities(root: Path, further: tuple[str, ...]) -> str:
    """One bundle of the certificate authorities, as ca-certificates' own script would write it.

    Args:
        root: The unpacked packages.
        further: Those of the machine that assembles it.
    """
    packaged = (
        file.read_text() for file in sorted(root.glob("usr/share/ca-certificates/mozilla/*.crt"))
    )
    return "".join(f"{text.rstrip()}\n" for text in (*packaged, *further))


def _user(user: tuple[str, int]) -> str:
    """A line of passwd(5)."""
    name, number = user
    return f"{name}:x:{number}:{number}:{name}:/home/{name}:/bin/sh\n"


def _nothing(_root: Path) -> None:
    """Leave the packages as they are."""


def _version(record: Mapping[str, str], package: str) -> str:
    """A package's upstream version, from the names of its files."""
    for name in record:
        if match := re.fullmatch(rf"{package}_(?:[0-9]+%3a)?([0-9.]+).*\.deb", name):
            return match[1]
    return "of unknown version"


def _busybox_links(root: Path) -> dict[str, str]:
    """``usr/bin/NAME`` → busybox for each of its applets."""
    listed = subprocess.run(
        [str(root / "usr/bin/busybox"), "--list"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    names = [name for name in listed.stdout.split() if re.fullmatch(r"[a-z0-9\[._-]+", name)]
    return {f"usr/bin/{name}": "busybox" for name in names if name != "busybox"}


def _compile(root: Path) -> None:
    """Write the byte code that the packages' scripts would write, with the unpacked Python itself.

    A non-root user of the image could never store it, and would compile at each start. Unchecked
    hashes instead of time stamps keep the result the same each time (PEP 552).

    Raises:
        EngineError: The unpacked Python does not run.
    """
    loader = next(root.glob("usr/lib/*-linux-gnu*/ld-linux-*.so.*"), None)
    python = next(root.glob("usr/bin/python3.[0-9]*"), None)
    if loader is None or python is None:
        raise EngineError(
            f"the packages hold no Python for {platform.machine()}",
            remedy="load the base image into the engine (docker load)",
        )
    libraries = ":".join(str(path) for path in root.glob("usr/lib/*-linux-gnu*"))
    library = next(root.glob("usr/lib/python3.[0-9]*"))
    done = subprocess.run(
        [
            *(str(loader), "--library-path", libraries, str(python), "-S", "-m", "compileall"),
            *("-q", "-x", _NOT_COMPILED, "--invalidation-mode", "unchecked-hash"),
            *("-s", str(root), "-p", "/", str(library)),
        ],
        env={"PYTHONHOME": str(root / "usr"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise EngineError(
            "the byte code of the assembled Python cannot be written",
            where=str(root),
            remedy="load the base image into the engine (docker load)",
            details=tuple((done.stdout + done.stderr).splitlines()[-5:]),
        )
