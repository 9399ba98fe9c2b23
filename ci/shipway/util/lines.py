"""One line for one thing, whatever a value holds.

A value with a line break in it would go on as a line of ours: it could say that something is well,
or end the block of Markdown that a plan was pasted into.
"""

from __future__ import annotations

import re
from typing import Final

# What str.splitlines() splits at.
_BREAK: Final = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def on_one_line(text: str) -> str:
    r"""A text whose line breaks are written out, ``\n``. Pure."""
    return _BREAK.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
