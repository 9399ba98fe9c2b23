"""A static busybox: the program inside the bootstrap image of every environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from shipway.errors import EngineError, SandboxError
from shipway_sandbox.engine.apt import Wanted
from shipway_sandbox.engine.engine import gather
from shipway_sandbox.engine.engine_plan import own_suite
from shipway_sandbox.engine.packages import unpacked


def program(cache: Path, tell: Callable[[str], None]) -> bytes:
    """Debian's or Ubuntu's busybox-static, from the cache or fetched; else the machine's own.

    Raises:
        SandboxError: There is none here and no package manager to get it from.
    """
    facts = gather(os.environ)
    try:
        wanted = (Wanted(own_suite(facts), ("busybox-static",)),)
        root = unpacked(wanted, facts.architecture, cache / "engine", tell, label="busybox")
    except EngineError as error:
        installed = shutil.which("busybox.static") or shutil.which("busybox")
        if installed is None:
            raise SandboxError(
                "the bootstrap image needs a static busybox, and there is none",
                remedy="install busybox (its static variant) with your package manager",
                details=(error.what,),
            ) from error
        return Path(installed).read_bytes()
    # Debian 12 has it in /bin, later releases in /usr/bin.
    return next(
        path for path in (root / "bin/busybox", root / "usr/bin/busybox") if path.is_file()
    ).read_bytes()
