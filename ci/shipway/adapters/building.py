"""What a running ``docker buildx build`` is given and bounded by: secrets, time, an end.

No secret is an argument: buildx is told a file or the name of a variable, and hands the content to
BuildKit itself ("docker buildx build --secret", Docker's reference). No secret of ours is on a disk
either, where this system has files in memory: nobody takes away what a killed process left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from shipway.errors import BuildError
from shipway.image.build import BuildRequest, SecretMount, Stop

_LOOK_SECONDS: Final = 0.1


@contextlib.contextmanager
def given_secrets(secrets: Sequence[SecretMount]) -> Iterator[list[str]]:
    """What ``--secret`` takes for each; what was fetched lies in a private file meanwhile."""
    with contextlib.ExitStack() as stack:
        words = []
        for secret in secrets:
            if secret.variable:
                words.append(f"id={secret.id},env={secret.variable}")
                continue
            file = secret.file
            if file is None:
                file = stack.enter_context(private_file(secret.value))
            words.append(f"id={secret.id},src={file}")
        yield words


@contextlib.contextmanager
def private_file(content: bytes) -> Iterator[Path]:
    """A file for processes of this user, whose content is gone with this process, killed or not.

    It is in memory (memfd_create(2)) and reached through this process's descriptor (proc_pid_fd(5):
    others need the right to trace it). A system without such files gets one of mode 0600 in a
    folder of mode 0700, which a process that is killed leaves behind.
    """
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("shipway"), "wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(content)
            stream.flush()
            yield Path(f"/proc/{os.getpid()}/fd/{stream.fileno()}")
        return
    with tempfile.TemporaryDirectory(prefix="shipway-secret-") as folder:
        file = Path(folder) / "content"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        yield file


class BuildWatchdog:
    """Ends a build whose time is over, or that nobody wants any more.

    Args:
        request: What is built; its ``timeout`` is counted from here on, in all attempts together.
        stop: Ends it where it is set; ``None`` where nobody will.
    """

    def __init__(self, request: BuildRequest, stop: Stop | None) -> None:
        self._request = request
        self._stop = stop
        self._end = time.monotonic() + request.timeout if request.timeout else None
        self._done = threading.Event()
        self._ended = ""

    @contextlib.contextmanager
    def watching(self, before: set[int]) -> Iterator[None]:
        """Watch the processes that this thread starts meanwhile.

        Args:
            before: Those that it started earlier, which are not the build's.
        """
        if self._stop is None and self._end is None:
            yield
            return
        self._done.clear()
        builder = threading.get_native_id()
        watch = threading.Thread(
            target=self._watch, args=(builder, before), name="shipway-build", daemon=True
        )
        watch.start()
        try:
            yield
        finally:
            self._done.set()
            watch.join()

    def raise_ended(self) -> None:
        """Say why the build was ended; nothing where it ended by itself.

        Raises:
            BuildError: Its time was over, or it was stopped.
        """
        if self._ended == "stopped":
            raise BuildError(
                "ended, for another image could not be made",
                remedy="see that image; nothing was rolled out",
            )
        if self._ended:
            raise BuildError(
                f"the build took longer than {self._request.timeout} s and was ended",
                where=str(self._request.dockerfile),
                remedy="see its last step, or raise `timeout` of the image in ci/delivery.toml; "
                "nothing was published or changed",
            )

    def _watch(self, builder: int, before: set[int]) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            if self._stop is not None and self._stop.is_set():
                self._ended = "stopped"
            elif self._end is not None and time.monotonic() > self._end:
                self._ended = "late"
            if self._ended:
                # Again at each look: one that comes to life meanwhile is ended, too.
                for child in children(builder) - before:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGTERM)


def children(thread: int | None = None) -> set[int]:
    """Processes that a thread started and nobody waited for; none where there is no /proc.

    Args:
        thread: Its native id; ``None`` for the one that asks.
    """
    thread = threading.get_native_id() if thread is None else thread
    try:
        listed = Path(f"/proc/self/task/{thread}/children").read_text()
    except OSError:
        return set()
    return {int(child) for child in listed.split()}
