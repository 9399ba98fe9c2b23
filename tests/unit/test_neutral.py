"""The product speaks of nobody's service: what it knows of the example it reads from ``ci/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The wiring of this repository's own example, as every repository has one.
OWN = ("ci/delivery.toml", "ci/release.toml", "ci/iam/")


def named(root: Path) -> Iterator[str]:
    """Every line below ``ci/`` that names the example, in any case."""
    for file in sorted((root / "ci").rglob("*")):
        path = file.relative_to(root).as_posix()
        if path.startswith(OWN) or "__pycache__" in path or not file.is_file():
            continue
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            if "shop" in line.lower():
                yield f"{path}:{number}"


def test_the_product_names_no_example() -> None:
    assert list(named(ROOT)) == []


def test_a_name_of_the_example_is_noticed(tmp_path: Path) -> None:
    for path in ("ci/shipway/a.py", "ci/delivery.toml", "ci/iam/staging.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text('one\nname = "Shop"\n', encoding="utf-8")
    assert list(named(tmp_path)) == ["ci/shipway/a.py:2"]
