"""Debian and Ubuntu packages in a folder: fetched and verified by apt, unpacked by dpkg.

A folder is trusted only once it was renamed into place, so that a killed download leaves nothing
that a later run would take for whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

from shipway.errors import EngineError
from shipway_sandbox import locks
from shipway_sandbox.engine import apt

Tell = Callable[[str], None]

_FORMAT: Final = 2  # raise it when what is done with the packages changes


def key(wanted: Sequence[apt.Wanted], architecture: str) -> str:
    """The folder name of a set of packages: the same for the same wish, in any order."""
    wishes = sorted(json.dumps(asdict(want), sort_keys=True) for want in wanted)
    text = json.dumps([_FORMAT, architecture, wishes])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def cached(cache: Path, name: str) -> Path | None:
    """The unpacked root, where it is complete."""
    folder = cache / name
    return folder / "root" if (folder / "packages.json").is_file() else None


def unpacked(
    wanted: Sequence[apt.Wanted],
    architecture: str,
    cache: Path,
    tell: Tell,
    *,
    label: str,
    finish: Callable[[Path], None] = lambda _root: None,
) -> Path:
    """The packages, unpacked together into one folder of the cache; without network if they are.

    Args:
        wanted: What to fetch; suites are fetched at the same time.
        architecture: As ``dpkg --print-architecture`` says.
        cache: The cache folder.
        tell: Takes progress, one short text at a time.
        label: Start of the folder's name, for a person's eye.
        finish: Completes and checks the root before it is trusted; may raise EngineError.

    Returns:
        The root; ``packages.json`` beside it lists file names and SHA-256 digests.

    Raises:
        EngineError: apt cannot be reached, refuses, or the disk is full. Nothing half-done stays
            that a later run would trust.
    """
    name = f"{label}-{key(wanted, architecture)}"
    if folder := cached(cache, name):
        return folder
    try:
        with locks.locked(cache / f"{name}.lock"):
            if folder := cached(cache, name):
                return folder  # another process did it while we waited
            for left in cache.glob(f".{name}.*"):
                shutil.rmtree(left, ignore_errors=True)
            scratch = cache / f".{name}.{os.getpid()}"
            scratch.mkdir()
            try:
                result = _fill(scratch, wanted, architecture, cache, tell)
                finish(result / "root")
                result.rename(cache / name)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise EngineError(
            f"packages cannot be kept: {error.strerror or error}",
            where=str(cache),
            remedy="make room there (about 600 MB), or name another folder for the cache",
        ) from error
    return cache / name / "root"


def _fill(
    scratch: Path, wanted: Sequence[apt.Wanted], architecture: str, cache: Path, tell: Tell
) -> Path:
    names = ", ".join(name for want in wanted for name in want.names)
    suites = " and ".join(dict.fromkeys(want.suite.name for want in wanted))
    tell(f"downloading from {suites}: {names}")
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        jobs = [
            pool.submit(_download, want, architecture, cache, scratch / f"debs{number}")
            for number, want in enumerate(wanted)
        ]
        files = [file for job in jobs for file in job.result()]
    result = scratch / "result"
    root = result / "root"
    root.mkdir(parents=True)
    tell(f"unpacking {len(files)} packages, {sum(f.stat().st_size for f in files) / 1e6:.0f} MB")
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda file: apt.run(["dpkg", "-x", str(file), str(root)]), files))
    merge_usr(root)
    record = {file.name: _sha256(file) for file in sorted(files)}
    (result / "packages.json").write_text(json.dumps(record, indent=1))
    return result


def merge_usr(root: Path) -> None:
    """Move ``/bin``, ``/sbin``, ``/lib*`` below ``/usr`` and leave links, as base-files does.

    Older packages still name the short paths, and dpkg -x would replace links made beforehand.
    """
    for name in ("bin", "sbin", "lib", "lib64"):
        short, full = root / name, root / "usr" / name
        if short.is_dir() and not short.is_symlink():
            _move(short, full)
        if full.is_dir() and not short.is_symlink():
            short.symlink_to(f"usr/{name}")


def _move(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        into = target / entry.name
        if entry.is_dir() and not entry.is_symlink() and into.is_dir():
            _move(entry, into)
        elif not os.path.lexists(into):
            entry.rename(into)
    shutil.rmtree(source)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _download(want: apt.Wanted, architecture: str, cache: Path, target: Path) -> list[Path]:
    """Download into ``target``; one retry with fresh lists where the ones we have do not do."""
    state = cache / "apt" / f"{want.suite.name}-{architecture}"
    with locks.locked(state / "lock"):
        fresh = not (state / "complete").is_file()
        if fresh:
            apt.update(want.suite, architecture, state)
        try:
            return apt.download(want, state, target)
        except EngineError:
            if fresh:
                raise
            # Lists of an earlier day name files that the mirror no longer has, or are damaged.
            apt.update(want.suite, architecture, state)
            return apt.download(want, state, target)
