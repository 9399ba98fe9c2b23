"""The only place that runs uv: requirements in, each version with its hashes out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shipway.errors import ConfigurationError

_SECONDS: Final = 300.0
_LINES: Final = 8
# The oldest Python that shipway runs on: what is resolved for it and upwards holds on every one.
_PYTHON: Final = "3.11"


class Uv:
    """Implements :class:`shipway.adoption.ports.Resolver`."""

    def resolve(self, requirements: Sequence[str]) -> str:
        """Every package that is needed, on every platform, as a requirements file with hashes.

        Raises:
            ConfigurationError: There is no uv, or it finds no versions that go together.
        """
        # In an empty folder: the settings of the repository's own uv project (overrides,
        # constraints, sources) are not about what shipway needs.
        with tempfile.TemporaryDirectory(prefix="shipway-") as folder:
            file = Path(folder, "requirements.in")
            file.write_text(
                "".join(f"{requirement}\n" for requirement in requirements), encoding="utf-8"
            )
            process = self._run(
                *("pip", "compile", "--quiet", "--generate-hashes", "--universal"),
                *("--python-version", _PYTHON, "--no-header", "--no-annotate", "--no-sources"),
                file.name,
                folder=folder,
            )
        if process.returncode:
            lines = [line.strip() for line in process.stderr.splitlines() if line.strip()]
            raise ConfigurationError(
                f"uv cannot resolve {requirements[0]}",
                details=tuple(lines[:_LINES]),
                remedy="see uv's own words above; an index of your own is named by UV_INDEX, "
                "a folder of wheels by UV_FIND_LINKS",
            )
        return process.stdout

    def _run(self, *words: str, folder: str) -> subprocess.CompletedProcess[str]:
        beside = Path(sys.executable).with_name("uv")
        program = str(beside) if beside.is_file() else shutil.which("uv")
        if program is None:
            raise ConfigurationError(
                "uv is not installed, and only uv writes lock files for every platform",
                remedy="python -m pip install uv, then the same command again",
            )
        try:
            return subprocess.run(
                [program, *words],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                # Company networks vouch for the registries with certificates of their own.
                env={**os.environ, "UV_SYSTEM_CERTS": "true", "NO_COLOR": "1"},
                text=True,
                errors="replace",
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise ConfigurationError(
                f"uv gave no answer within {_SECONDS:.0f} s", remedy="see whether the index answers"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"uv cannot be run: {error.strerror}", where=program, remedy="install it again"
            ) from error
