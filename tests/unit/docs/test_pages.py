"""The pages that people read: every link and every path they name is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tests.unit.docs.vocabulary import literals

ROOT = Path(__file__).parents[3]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "examples/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    links = [link for link in _LINK.findall(text) if "://" not in link and link[:7] != "mailto:"]
    return [link for link in links if not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


def named(text: str) -> set[str]:
    """The paths in a text between backticks, product and repository alike."""
    spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    suffixes = (".py", ".toml", ".yaml", ".yml", ".lock", ".md", "/")
    return {span for span in spans if " " not in span and span.endswith(suffixes)}


def missing(paths: set[str]) -> list[str]:
    """The paths of the repository that are neither there nor made by the product.

    Words in capitals, as in ``ci/iam/ENVIRONMENT.yaml``, stand for any name.
    """
    folders = (ROOT, ROOT / "ci" / "shipway")
    # By the first delivery, in the folder and in the bucket; and by the session that makes pages.
    made = ("evidence/", "prefix/", "site/")
    here = {path for path in paths if not path.startswith(("/", "~", "refs/", *made))}
    return sorted(
        path
        for path in here - literals()
        if not any([*top.glob(re.sub(r"\b[A-Z]{4,}\b", "*", path))] for top in folders)
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_somewhere(page: str) -> None:
    assert broken(ROOT / page) == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](nowhere.md) [d](page.md#one)\n", "utf-8")
    assert broken(page) == ["#two", "nowhere.md"]


DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
SITE = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", SITE)
def test_a_page_of_the_site_links_to_nothing_outside(page: str) -> None:
    """There is nothing above ``docs/`` where the site lies; zensical itself looks at pages only."""
    text = _FENCE.sub("", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert [link for link in _LINK.findall(text) if link.startswith(("../", "/"))] == []


def test_every_page_is_in_the_sites_navigation_and_on_its_first_page() -> None:
    settings = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    assert sorted(page for entry in settings["project"]["nav"] for page in entry.values()) == SITE
    first = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert {*_LINK.findall(first), "index.md"} == {*SITE, "run.svg"}


@pytest.mark.parametrize("page", [*DOCUMENTS, *(f"docs/{page}" for page in SITE)])
def test_a_path_that_is_named_is_there(page: str) -> None:
    assert missing(named((ROOT / page).read_text(encoding="utf-8"))) == []


def test_a_path_that_is_not_there_is_noticed() -> None:
    assert missing(named("`errors.py`, `no/such.py`, `ci/nowhere/`")) == [
        "ci/nowhere/",
        "no/such.py",
    ]


def test_the_layers_are_those_that_the_lint_enforces() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [layers] = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    page = ARCHITECTURE.read_text(encoding="utf-8")
    assert "```text\n" + "\n".join(layers) + "\n```" in page


def test_every_module_group_of_the_product_has_a_row() -> None:
    """A room that nobody can find from the page is a room without a door."""
    paths = named(ARCHITECTURE.read_text(encoding="utf-8"))
    product = ROOT / "ci" / "shipway"
    rooms = {
        file.parent.relative_to(product).as_posix()
        for file in product.rglob("*.py")
        if file.parent != product
    }
    assert {room for room in rooms if not any(p.startswith(f"{room}/") for p in paths)} == set()
