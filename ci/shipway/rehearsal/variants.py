"""Releases that must fail, made from anybody's image without its help. Pure.

A failing release is the repository's own Dockerfile with a few lines behind it: another program in
the place of the image's own, from a named build context that the rehearsal brings. The image, its
user, its port and its task definition stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONTEXT: Final = "shipway-rehearsal"
"""The named build context: a static busybox and a script for each variant."""
_FOLDER: Final = "/.shipway-rehearsal"
_BUSYBOX: Final = f"{_FOLDER}/busybox"
CRASH: Final = "crash"
CRASH_LATER: Final = "crash-later"
DEAF: Final = "deaf"
ANSWERS_500: Final = "answers-500"

LAST_WORDS: Final = "rehearsal: this release cannot start, a setting is missing"
"""What a crashing release says; the diagnosis must show it."""
_LATER_SECONDS: Final = 3


def scripts(port: int) -> Mapping[str, str]:
    """What each variant runs, as busybox's shell reads it.

    Args:
        port: What the service listens on; 0 for a worker, which nobody asks.
    """
    serve = f"{_BUSYBOX} httpd -p {port} -h {_FOLDER}" if port else ":"
    refuse = f"{_BUSYBOX} head -n 1 >/dev/null; {_BUSYBOX} cat {_FOLDER}/answer"
    return {
        CRASH: f"echo '{LAST_WORDS}' >&2\nexit 1\n",
        CRASH_LATER: (
            f"{serve}\n{_BUSYBOX} sleep {_LATER_SECONDS}\necho '{LAST_WORDS}' >&2\nexit 3\n"
        ),
        DEAF: f"trap 'exit 0' TERM\nwhile :; do {_BUSYBOX} sleep 1; done\n",
        ANSWERS_500: (
            "trap 'kill $child; exit 0' TERM\n"
            f"{_BUSYBOX} nc -ll -p {port} -e {_BUSYBOX} sh -c '{refuse}' & child=$!\n"
            "wait $child\n"
        ),
    }


def files(busybox: bytes, port: int) -> Mapping[str, tuple[bytes, int]]:
    """What the named context holds: name → content and mode.

    Args:
        busybox: The program, statically linked.
        port: What the service listens on.
    """
    answer = b"HTTP/1.1 500 Rehearsal\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return {
        "busybox": (busybox, 0o755),
        "answer": (answer, 0o644),
        **{name: (text.encode(), 0o644) for name, text in scripts(port).items()},
    }


def dockerfile(text: str, variant: str) -> str:
    """A Dockerfile whose image runs a variant in the place of its own program."""
    program = f'["{_BUSYBOX}", "sh", "{_FOLDER}/{variant}"]'
    return (
        f"{text.rstrip()}\n\n"
        "# The rehearsal makes this release fail.\n"
        f"COPY --from={CONTEXT} / {_FOLDER}/\n"
        f"ENTRYPOINT {program}\n"
        "CMD []\n"
    )
