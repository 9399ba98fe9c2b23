"""Broken configurations, made from the example's own files: none may end in a traceback or hang.

    python benchmarks/mutations.py                  20,000 of them
    python benchmarks/mutations.py --count 500 --seed 7
    python benchmarks/mutations.py --only 137       what the 137th looks like

Each takes one of ``ci/delivery.toml``, ``ci/release.toml`` and ``ci/waivers.toml``, changes it in
one to four places (bytes, lines, values, keys, hostile texts) and does with it what a delivery and
``nox -s contract`` do before they touch anything: read it, hold it against the others, render
workflow and roles, look its references up, plan the sandbox. What may come of it is a configuration
or one clear error. Printed: how many of each, and the slowest, in seconds of the clock and of the
processor, for the clock also counts what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from shipway.cli import contract as contract_task
from shipway.config import waivers
from shipway.config.references import Found, Reference, Resolution
from shipway.config.resolve import resolve
from shipway.embedded.blueprint import draw
from shipway.errors import ConfigurationError, UnresolvedReferenceError

ROOT: Final = Path(__file__).parents[1]
_TODAY: Final = date(2026, 11, 28)
_WAIVERS: Final = """\
schema = 1
[[waiver]]
id = "CVE-2026-1"
package = "openssl"
digest = "all"
owner = "mona"
reason = "not reachable"
expires = 2026-12-01
"""
_TURNS: Final = (
    "ci/delivery.toml",
    "ci/release.toml",
    "ci/delivery.toml",
    "ci/release.toml",
    "ci/waivers.toml",
)
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
# What most keys take, so that some of what is put in somewhere stands.
_USUAL: Final = (
    "true",
    "1",
    "60",
    '"a"',
    '"ssm:/a/b"',
    '"env:HOME"',
    '["a"]',
    "{}",
    "{ a = 1 }",
    "[]",
)
_BYTES: Final = tuple("\"'\\#[]{}=.,\n\r\t\x00\x7f\x85\u2028é🚢")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one.

    Attributes:
        kind: ``read``, ``refused``, or the name of what was raised instead.
        seconds: By the clock.
        processor: Seconds of the processor.
        text: The message.
        number: Which mutation it was, so that ``--only`` finds it again.
    """

    kind: str
    seconds: float
    processor: float
    text: str
    number: int = 0


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


def _known(text: str, chance: random.Random) -> str:
    """A key that some table has, with a value that it may not take, under any table."""
    lines = text.split("\n")
    value = chance.choice((*_HOSTILE, *_USUAL))
    lines.insert(chance.randrange(len(lines) + 1), f"{chance.choice(_KNOWN)} = {value}")
    return "\n".join(lines)


def _keys(schema: Any) -> set[str]:
    """Every key that a JSON Schema knows, however deep."""
    if isinstance(schema, list):
        return set().union(*map(_keys, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
    return own.union(*map(_keys, schema.values()))


def _all_keys() -> tuple[str, ...]:
    schemas = (ROOT / "ci" / "shipway" / "adoption").glob("*.schema.json")
    return tuple(sorted(set().union(*(_keys(json.loads(file.read_bytes())) for file in schemas))))


_KNOWN: Final = _all_keys()
_CHANGES: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _character,
    _line,
    _value,
    _key,
    _known,
    _ends,
)


class _Published:
    """What the infrastructure publishes: an address where one is asked for, or one name."""

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        return {
            reference: Found(
                text="https://a.example" if "url" in reference.name.lower() else "shop"
            )
            for reference in references
        }


def _use(root: Path) -> None:
    contract, delivery = contract_task.read(root)
    waivers.load(root / "ci" / "waivers.toml", _TODAY)
    contract_task.render(contract, delivery)
    draw(contract, delivery)
    variables = {"SHIPWAY_SANDBOX_ACCOUNT": "123456789012", "SHIPWAY_SANDBOX_REGION": "eu-west-1"}
    for name in delivery.names:
        resolve(delivery.environment(name), variables=variables, published=_Published())


def read(root: Path) -> Outcome:
    """Use the files below a root as a delivery would; nothing is raised."""
    began, worked = time.perf_counter(), time.process_time()
    text = ""
    try:
        _use(root)
        kind = "read"
    except (ConfigurationError, UnresolvedReferenceError) as error:
        kind, text = "refused", "\n".join((str(error), *error.details, error.remedy))
    except BaseException as bug:  # noqa: BLE001  # this is what is looked for
        kind, text = type(bug).__name__, str(bug)
    return Outcome(
        kind=kind,
        seconds=time.perf_counter() - began,
        processor=time.process_time() - worked,
        text=text,
    )


def _originals() -> dict[str, str]:
    ours = ("ci/delivery.toml", "ci/release.toml")
    return {
        **{name: (ROOT / name).read_text("utf-8") for name in ours},
        "ci/waivers.toml": _WAIVERS,
    }


def drawn(number: int, seed: int) -> tuple[str, str]:
    """One mutation, the same for the same seed: its file and the text."""
    chance = random.Random(f"{seed} {number}")  # noqa: S311  # repeatable, not secret
    name = _TURNS[number % len(_TURNS)]
    return name, mutated(_originals()[name], chance)


def outcomes(count: int, seed: int, folder: Path) -> list[Outcome]:
    """So many, the same for the same seed."""
    found = []
    (folder / "ci").mkdir()
    for number in range(count):
        changed, text = drawn(number, seed)
        for name, original in {**_originals(), changed: text}.items():
            (folder / name).write_text(original, encoding="utf-8", newline="")
        found.append(replace(read(folder), number=number))
    return found


def main() -> int:
    """Print what came of them; 1 where anything but a configuration or an error did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="print this one's text and do nothing with it")
    options = parser.parse_args()
    if options.only is not None:
        sys.stdout.write("{}\n{}".format(*drawn(options.only, options.seed)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = outcomes(options.count, options.seed, Path(folder))
    return _report(found)


def _report(found: Sequence[Outcome]) -> int:
    kinds = Counter(outcome.kind for outcome in found)
    for kind, number in kinds.most_common():
        sys.stdout.write(f"{number:8} {kind}\n")
    for outcome in found:
        if outcome.kind not in {"read", "refused"}:
            sys.stdout.write(f"  {outcome.number}: {outcome.kind}: {outcome.text[:200]}\n")
    by_clock = max(found, key=lambda outcome: outcome.seconds)
    by_processor = max(found, key=lambda outcome: outcome.processor)
    longest = max(len(line) for outcome in found for line in outcome.text.split("\n"))
    sys.stdout.write(
        f"slowest by the clock {by_clock.seconds:.2f} s (number {by_clock.number}), of the "
        f"processor {by_processor.processor:.2f} s (number {by_processor.number})\n"
        f"longest line of a message {longest} characters\n"
    )
    return 0 if set(kinds) <= {"read", "refused"} else 1


if __name__ == "__main__":
    raise SystemExit(main())
