"""The schemas as an editor sees them: what shipway reads is valid, and what it refuses is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shipway.adoption import contract_files, schemas
from shipway.adoption.answers import Answers, Place
from shipway.adoption.facts import Dockerfile, Remote
from shipway.config import load as delivery_file
from shipway.errors import ConfigurationError
from shipway.policy import load as contract_file

ROOT = Path(__file__).resolve().parents[2]
LOADERS = {"delivery": delivery_file.load, "release": contract_file.load}
FIRST_LINE = "#:schema ./{}.schema.json"

# In this repository's own files: what is written in place of what.
TYPOS: tuple[tuple[str, str, str], ...] = (
    ("delivery", 'container = "web"', 'contaner = "web"'),
    ("delivery", "sandbox = true", 'sandbox = "true"'),
    ("delivery", 'account = "123456789012"', "account = 123456789012"),
    ("delivery", 'account = "123456789012"', 'account = "12345678901"'),
    ("delivery", 'account = "123456789012"', 'account = "ssm:/account"'),
    ("delivery", "timeout = 180", "timeout = 0"),
    ("delivery", "timeout = 180", 'timeout = "cfn:NoOutput"'),
    ("delivery", 'path = "/health"', 'path = "health"'),
    ("delivery", "schema = 1", "schema = 2"),
    ("delivery", "[environments.local]", "[environments.Local]"),
    ("delivery", "max = { critical = 0 }", "max = { grave = 0 }"),
    ("delivery", "max = { critical = 0 }", "max = { critical = -1 }"),
    ("delivery", 'platforms = ["linux/amd64"]', "platforms = []"),
    ("delivery", "consecutive = 10", 'on_failure = "wait"'),
    ("release", "tag_must_be_new = true", "tag_must_be_knew = true"),
    ("release", 'tag_kind = "annotated"', 'tag_kind = "lightweight"'),
    ("release", 'tag_kind = "annotated"', 'tag_kind = ""'),
    ("release", "owner_id = 4242", "owner_id = 0"),
    ("release", 'repository = "example/shop"', 'repository = "shop"'),
    ("release", 'name = "stable"', 'name = "ssm:/stable"'),
    ("release", "not_older = true", 'not_older = "env:NOT_OLDER"'),
)
FREEZE = """role = "other"
freeze = [
  { name = "w", reason = "x", from = 2026-12-20T00:00:00Z, until = 2027-01-02T00:00:00Z },
]"""
# What may be written there all the same.
RIGHT: tuple[tuple[str, str, str], ...] = (
    ("delivery", "timeout = 180", 'timeout = "env:TIMEOUT"'),
    ("delivery", 'container = "web"', 'container = "cfn:Stack.Container"'),
    ("delivery", 'account = "123456789012"', 'account = "env:ACCOUNT"'),
    ("delivery", "consecutive = 10", 'on_failure = "ssm:/on/failure"'),
    ("delivery", "consecutive = 10", 'on_failure = "leave"'),
    ("delivery", 'dockerfile = "Dockerfile"', 'build_args = { BASE = "3.13", X = "env:X" }'),
    ("release", 'role = "shop-deploy-local"', FREEZE),
)


def program(*words: str) -> subprocess.CompletedProcess[str]:
    """One of the checkers that are installed beside this Python."""
    path = str(Path(sys.executable).with_name(words[0]))
    return subprocess.run(
        [path, *words[1:]], check=False, capture_output=True, text=True, timeout=60
    )


def refused_by_schema(name: str, files: list[Path]) -> set[str]:
    """The files that the schema refuses, by one call of check-jsonschema."""
    schema = ROOT / "ci" / "shipway" / "adoption" / f"{name}.schema.json"
    done = program("check-jsonschema", "-o", "json", "--schemafile", str(schema), *map(str, files))
    answer: dict[str, Any] = json.loads(done.stdout)
    assert not answer.get("parse_errors"), done.stdout
    return {Path(error["filename"]).name for error in answer.get("errors", ())}


def refused_by_us(name: str, files: list[Path]) -> set[str]:
    refused = set()
    for file in files:
        try:
            LOADERS[name](file)
        except ConfigurationError:
            refused.add(file.name)
    return refused


def variants(name: str, changes: tuple[tuple[str, str, str], ...], folder: Path) -> list[Path]:
    text = (ROOT / "ci" / f"{name}.toml").read_text(encoding="utf-8")
    made = []
    for number, (own, before, after) in enumerate(changes):
        if own == name:
            assert before in text, before
            made.append(folder / f"{number:02}.toml")
            made[-1].write_text(text.replace(before, after), encoding="utf-8")
    return made


@pytest.mark.parametrize("name", LOADERS)
def test_a_typo_is_refused_by_the_schema_as_by_us(name: str, tmp_path: Path) -> None:
    wrong = variants(name, TYPOS, tmp_path)
    names = {file.name for file in wrong}
    assert refused_by_us(name, wrong) == names
    assert refused_by_schema(name, wrong) == names


@pytest.mark.parametrize("name", LOADERS)
def test_what_we_read_is_valid(name: str, tmp_path: Path) -> None:
    right = [ROOT / "ci" / f"{name}.toml", *variants(name, RIGHT, tmp_path)]
    assert refused_by_us(name, right) == set()
    assert refused_by_schema(name, right) == set()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The files of ``init`` for somebody's service, with the schemas that lie beside them."""
    place = Place(
        account="env:AWS_ACCOUNT_ID",
        region="env:AWS_REGION",
        repository="ssm:/tally/staging/repository",
        cluster="ssm:/tally/staging/cluster",
        service="ssm:/tally/staging/service",
        url="ssm:/tally/staging/url",
    )
    answers = Answers(
        name="tally",
        key="api",
        dockerfile=Dockerfile(path="Dockerfile"),
        remote=Remote(host="ghe.example.com", repository="acme/tally", branch="trunk"),
        repository_id=7,
        owner_id=8,
        container="app",
        port=7010,
        health_path="/ready",
        production_tags="v*",
        local=place,
        staging=place,
        production=place,
    )
    texts: dict[str, str | None] = {
        contract_files.DELIVERY: contract_files.delivery(answers),
        contract_files.RELEASE: contract_files.release(answers, ".github/workflows/deploy.yml"),
    }
    (tmp_path / "ci").mkdir()
    for path, text in {**texts, **schemas.wanted(texts)}.items():
        (tmp_path / path).write_text(text or "", encoding="utf-8")
    return tmp_path / "ci"


@pytest.mark.parametrize("name", LOADERS)
def test_what_init_writes_is_valid_and_names_its_schema(written: Path, name: str) -> None:
    file = written / f"{name}.toml"
    assert file.read_text(encoding="utf-8").splitlines()[0] == FIRST_LINE.format(name)
    assert refused_by_schema(name, [file]) == set()


def test_an_editor_finds_the_schema_by_itself(written: Path) -> None:
    """Taplo is what Even Better TOML runs; no schema is named on its command line."""
    files = [str(written / f"{name}.toml") for name in LOADERS]
    right = program("taplo", "check", *files)
    assert right.returncode == 0, right.stderr
    text = (written / "delivery.toml").read_text(encoding="utf-8")
    (written / "delivery.toml").write_text(text.replace("container", "contaner"), encoding="utf-8")
    wrong = program("taplo", "check", *files)
    assert wrong.returncode == 1
    assert "'contaner' was unexpected" in wrong.stderr


def test_our_own_files_name_the_schema_that_lies_in_the_wheel() -> None:
    for name in LOADERS:
        first = (ROOT / "ci" / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
        assert (ROOT / "ci" / first.removeprefix("#:schema ./")).is_file()
