"""What a machine says of itself in text files: os-release(5) and apt's sources. Pure readers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from shipway_sandbox.engine.apt import Suite


def read_os_release(text: str) -> Mapping[str, str]:
    """The assignments of an os-release(5) file, without their quotes."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs if name.strip()}


def read_sources(files: Mapping[str, str]) -> tuple[Suite, ...]:
    """Read apt's sources of binary packages, in both of sources.list(5)'s forms.

    Args:
        files: Text of each file by its name; ``.sources`` files are deb822, others one-line.

    Returns:
        One entry for each URI; the keyring is empty where the source names none of its own.
    """
    suites: list[Suite] = []
    for name, text in sorted(files.items()):
        suites += _deb822(text) if name.endswith(".sources") else _one_line(text)
    return tuple(suites)


def _one_line(text: str) -> Iterator[Suite]:
    pattern = r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)"
    for line in text.splitlines():
        if match := re.fullmatch(pattern, line.partition("#")[0].strip()):
            options = dict(o.partition("=")[::2] for o in (match["options"] or "").split())
            yield from _suites(
                [match["uri"]], [match["suite"]], match["parts"].split(), options.get("signed-by")
            )


def _deb822(text: str) -> Iterator[Suite]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[last] = f"{fields.get(last, '')} {line.strip()}"
            else:
                label, _, value = line.partition(":")
                last = label.strip().lower()
                fields[last] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            yield from _suites(
                fields.get("uris", "").split(),
                fields.get("suites", "").split(),
                fields.get("components", "").split(),
                fields.get("signed-by"),
            )


def _suites(
    uris: Iterable[str], suites: Iterable[str], parts: Iterable[str], keyring: str | None
) -> Iterator[Suite]:
    # A key written out in the file itself, or several keyrings, are left to the default keyring.
    keys = keyring if keyring and re.fullmatch(r"/[^\s,]+", keyring) else ""
    pockets, components = tuple(suites), tuple(parts)
    for uri in uris:
        if "main" in components and pockets and re.match(r"(https?|file|mirror\+https?):", uri):
            yield Suite(pockets[0], uri.rstrip("/"), keys, pockets, components)
