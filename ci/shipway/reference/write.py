"""The command line that the pages' generators share: one output path, and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def write_page(
    module: str, page: str, *, description: str, argv: Sequence[str] | None = None
) -> None:
    """Write a page to the path that the command line names.

    Args:
        module: What ``python -m`` was given, for the usage line.
        page: The whole text.
        description: What the page holds, for ``--help``.
        argv: The arguments; ``None`` means the process's own.

    Raises:
        SystemExit: 0 after ``--help``, 2 where the arguments are wrong; nothing is written then.
        OSError: The file cannot be written.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("out", type=Path, help="the file to write")
    parser.parse_args(argv).out.write_text(page, encoding="utf-8")
