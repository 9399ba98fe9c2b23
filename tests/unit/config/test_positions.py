from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.config.positions import KeyPath, positions

ROOT = Path(__file__).parents[3]


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


AWKWARD = '''\
a = 2020-01-01 10:00:00 # a blank inside a time
b.c."d.e" = """x""\\""""" # [not.a.table]
'q' = [ {x = 1, y = '}'}, # ] a comment with a bracket
 """m
]""", 3 ]
"" = ''

[[t.u]]
v = {a.b = 1, c = [ [1],[2
]]}
[t.u.w]
k = 'it "is'
[[t.u]]
[[t.u.deep]]
n = 0x1F
[[t.u.deep]]
[ spaced . "key" ]
z = true'''


def test_every_kind_of_key_and_value_has_its_line() -> None:
    tomllib.loads(AWKWARD)
    assert positions(AWKWARD) == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 2,
        ("b", "c", "d.e"): 2,
        ("q",): 3,
        ("q", 0): 3,
        ("q", 0, "x"): 3,
        ("q", 0, "y"): 3,
        ("q", 1): 4,
        ("q", 2): 5,
        ("",): 6,
        ("t",): 8,
        ("t", "u"): 8,
        ("t", "u", 0): 8,
        ("t", "u", 0, "v"): 9,
        ("t", "u", 0, "v", "a"): 9,
        ("t", "u", 0, "v", "a", "b"): 9,
        ("t", "u", 0, "v", "c"): 9,
        ("t", "u", 0, "v", "c", 0): 9,
        ("t", "u", 0, "v", "c", 0, 0): 9,
        ("t", "u", 0, "v", "c", 1): 9,
        ("t", "u", 0, "v", "c", 1, 0): 9,
        ("t", "u", 0, "w"): 11,
        ("t", "u", 0, "w", "k"): 12,
        ("t", "u", 1): 13,
        ("t", "u", 1, "deep"): 14,
        ("t", "u", 1, "deep", 0): 14,
        ("t", "u", 1, "deep", 0, "n"): 15,
        ("t", "u", 1, "deep", 1): 16,
        ("spaced",): 17,
        ("spaced", "key"): 17,
        ("spaced", "key", "z"): 18,
    }


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "uv.lock", "ci/delivery.toml", "ci/release.toml"]
)
def test_real_files_have_a_line_for_exactly_the_keys_that_tomllib_reads(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    lines, rows = positions(text), text.split("\n")
    assert set(lines) == set(paths(tomllib.loads(text)))
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert path[-1] in rows[line - 1], (path, line)


KEYS = st.text(st.sampled_from("ab-_.\"' é#[]=\\\n"), max_size=4)
TEXTS = st.text(st.sampled_from("x\"'\\\n#]},= é"), max_size=8)


def written(text: str) -> str:
    """A basic string, escaped as TOML v1.0.0 asks."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


VALUES = st.recursive(
    TEXTS.map(written)
    | TEXTS.map(lambda text: '"""\n' + written(text)[1:-1].replace("\\n", "\n") + '"""')
    | st.sampled_from(["1", "-2.5e3", "true", "'#]'", "'''a\n''b'''", "1979-05-27 07:32:00"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[ " + " , # c ]\n".join(items) + "\n]")
        | st.dictionaries(KEYS, inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{written(k)} = {v}" for k, v in table.items()) + "}"
        )
    ),
    max_leaves=6,
)


@given(
    st.lists(
        st.tuples(st.booleans(), st.dictionaries(KEYS, VALUES, max_size=3)),
        min_size=1,
        max_size=5,
    )
)
def test_any_document_has_a_line_for_exactly_its_keys(
    sections: list[tuple[bool, dict[str, str]]],
) -> None:
    rows: list[str] = []
    for number, (array, pairs) in enumerate(sections):
        rows.append(f"[[array]]  # [{number}" if array else f"[table.{number}]")
        rows += [f"{written(key)} = {value}" for key, value in pairs.items()]
    text = "\n".join(rows)
    lines, split = positions(text), text.split("\n")
    assert set(lines) == set(paths(tomllib.loads(text)))
    for path, line in lines.items():
        if len(path) == 3:
            key = str(path[2])
            assert written(key) in split[line - 1]
