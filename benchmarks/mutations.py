"""Broken configurations, made from the example's own files: none may end in a traceback or hang.

    python benchmarks/mutations.py                  20,000 of them
    python benchmarks/mutations.py --count 500 --seed 7

Each takes one of ``ci/delivery.toml`` and ``ci/release.toml``, changes it in one to four places
(bytes, lines, values, keys, hostile texts) and reads it as a delivery would. What may come of it is
a configuration or one clear error. Printed: how many of each, and the slowest, in seconds.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shipway.config import load as delivery_file
from shipway.errors import ConfigurationError
from shipway.policy import load as contract_file

ROOT: Final = Path(__file__).parents[1]
_HOSTILE: Final = (
    "9" * 5000,
    "0x" + "f" * 5000,
    '"' + "a" * 40_000 + '"',
    '"' + "*a" * 1000 + '"',
    "nan",
    "-inf",
    "1979-05-27T07:32:00Z",
    "[" * 200 + "]" * 200,
    "{ a = { b = { c = 1 } } }",
    '"\\u0000"',
    '"\\U0010FFFF"',
    "''",
    '"""\n"""',
    "[[]]",
    "true",
    "-1",
    "2.5e300",
)
_BYTES: Final = tuple("\"'\\#[]{}=.,\n\r\t\x00\x7f\x85\u2028é🚢")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one: ``read``, ``refused``, or the name of what was raised instead."""

    kind: str
    seconds: float
    text: str


def mutated(text: str, chance: random.Random) -> str:
    """The text, changed in one to four places."""
    for _ in range(chance.randint(1, 4)):
        text = chance.choice(_CHANGES)(text, chance)
    return text


def _character(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(_BYTES) + text[at + chance.randint(0, 1) :]


def _line(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[other])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            lines[at] += lines[other]
    return "\n".join(lines)


def _value(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    places = [index for index, line in enumerate(lines) if " = " in line]
    if not places:
        return text
    at = chance.choice(places)
    lines[at] = f"{lines[at].partition(' = ')[0]} = {chance.choice(_HOSTILE)}"
    return "\n".join(lines)


def _key(text: str, chance: random.Random) -> str:
    name = chance.choice(("k" * 40_000, '"\\u202e"', "a.b.c", '""', ".".join("x" * 200)))
    lines = text.split("\n")
    lines.insert(chance.randrange(len(lines) + 1), f"{name} = {chance.choice(_HOSTILE)}")
    return "\n".join(lines)


def _ends(text: str, chance: random.Random) -> str:
    return text.replace("\n", chance.choice(("\r\n", "\r", "\n\n", "\u2028")))


_CHANGES: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _character,
    _line,
    _value,
    _key,
    _ends,
)


def read(file: Path, *, contract: bool) -> Outcome:
    """Read it as a delivery would; nothing is raised."""
    began = time.perf_counter()
    text = ""
    try:
        (contract_file.load if contract else delivery_file.load)(file)
        kind = "read"
    except ConfigurationError as error:
        kind, text = "refused", "\n".join((str(error), *error.details, error.remedy))
    except BaseException as bug:  # noqa: BLE001  # this is what is looked for
        kind, text = type(bug).__name__, str(bug)
    return Outcome(kind=kind, seconds=time.perf_counter() - began, text=text)


def outcomes(count: int, seed: int, folder: Path) -> list[Outcome]:
    """So many, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    texts = [(ROOT / "ci" / name).read_text("utf-8") for name in ("delivery.toml", "release.toml")]
    found = []
    for number in range(count):
        file = folder / "mutated.toml"
        content = mutated(texts[number % 2], chance)
        file.write_text(content, encoding="utf-8", newline="")
        found.append(read(file, contract=bool(number % 2)))
    return found


def main() -> int:
    """Print what came of them; 1 where anything but a configuration or an error did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = outcomes(options.count, options.seed, Path(folder))
    kinds = Counter(outcome.kind for outcome in found)
    slowest = max(outcome.seconds for outcome in found)
    longest = max(len(line) for outcome in found for line in outcome.text.split("\n"))
    for kind, number in kinds.most_common():
        sys.stdout.write(f"{number:8} {kind}\n")
    sys.stdout.write(f"slowest {slowest:.2f} s; longest line of a message {longest} characters\n")
    return 0 if set(kinds) <= {"read", "refused"} else 1


if __name__ == "__main__":
    raise SystemExit(main())
