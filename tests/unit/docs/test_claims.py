"""What the pages say beside their commands: examples load, and what they name is there.

Their commands are read as a person types them in ``tests/entry/test_readme.py``; links and paths of
the repository in ``test_pages.py``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from tests.unit.docs.vocabulary import ROOT, SNAKE, codes, keys, literals, options, unknown_names

from shipway.config import load as delivery_file
from shipway.policy import load as contract_file
from shipway.reference import record_schema

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "examples/*/*.md")
    for page in ROOT.glob(pattern)
)
_BLOCK = re.compile(r"^```(?P<language>[a-z]+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"\b(?:exit codes? |ends with |exit )(\d{1,3})(?: to (\d+))?")
_MADE = re.compile(r"(?:[\w.-]+/)*(?P<name>[\w.-]*\.(?:jsonl?|html|lock))")
_ACTION = re.compile(r"(?P<service>ecr|ecs|kms|s3|iam|sts|logs|ssm):(?P<action>[A-Z][a-z]\w+)")
_CONTAINERS = frozenset({137})  # exit codes of containers, not ours
# Words with an underscore that are no keys of ours, each with whose they are.
_FOREIGN = frozenset(
    {
        "must_env",  # ecspresso's
        "credential_process",  # the AWS SDK's configuration file
        "from_registry",  # CDK
        "ignore_changes",  # Terraform
        "include_claim_keys",  # GitHub's OIDC customisation
        "job_workflow_ref",  # a claim of GitHub's tokens
        "login_session",  # the AWS SDK's configuration file
        "pull_request",  # GitHub's events
        "pull_request_target",
        "repository_dispatch",
        "role_arn",  # the AWS SDK's configuration file
        "shipway_sandbox",  # the package
        "task_definition",  # Terraform
        "source_profile",  # the AWS SDK's configuration file
        "sso_session",
        "sso_start_url",
        "workflow_dispatch",
    }
)
_OTHERS = ("aws ", "docker ", "gh ", "git ", "python ", "uv ")


def blocks(language: str) -> list[tuple[str, str]]:
    """The fenced blocks of one language, each with its page."""
    return [
        (page, match["text"])
        for page in PAGES
        for match in _BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))
        if match["language"] == language
    ]


def spans(page: str) -> list[str]:
    """What stands between backticks on a page, outside of its blocks."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return re.findall(r"`([^`\n]+)`", text)


# -- examples


SERVICE: Mapping[str, Any] = {"service": "web", "container": "web"}
PLACE: Mapping[str, Any] = {
    "account": "111122223333",
    "region": "eu-west-1",
    "repository": "web",
    "cluster": "web",
    "services": {"web": SERVICE},
}
DELIVERY: Mapping[str, Any] = {
    "schema": 1,
    "name": "web",
    "environments": {"local": PLACE, "staging": PLACE, "production": PLACE},
}
CONTRACT: Mapping[str, Any] = {
    "github": {
        "repository": "octo/shop",
        "repository_id": 1,
        "owner_id": 1,
        "workflow": ".github/workflows/deploy.yml",
    },
    "schema": 1,
    "allow": [
        {"name": "person", "event": "by-hand", "environments": ["staging"], "tasks": ["build"]}
    ],
    "environments": {"staging": {"by_hand_role": "*"}},
}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A document with what an example says of it."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), Mapping)
        result[key] = merged(base[key], value) if both else value
    return result


def toml(value: Any) -> str:
    """A value as inline TOML."""
    if isinstance(value, Mapping):
        inside = (f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(inside)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value) if isinstance(value, (str, bool, int, float)) else value.isoformat()


def loaded(table: Mapping[str, Any], folder: Path) -> None:
    """Read an example as the file that it is a part of.

    Raises:
        ConfigurationError: That file would be refused.
    """
    contract = "allow" in table or "github" in table
    several = "images" in table  # which is not the one image of the file that others are part of
    whole = table if several else merged(CONTRACT if contract else DELIVERY, table)
    file = folder / ("release.toml" if contract else "delivery.toml")
    text = "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in whole.items())
    file.write_text(text, encoding="utf-8")
    (contract_file if contract else delivery_file).load(file)


@pytest.mark.parametrize("text", [text for _, text in blocks("toml")])
def test_an_example_of_toml_loads(text: str, tmp_path: Path) -> None:
    loaded(tomllib.loads(text), tmp_path)


def test_an_example_that_does_not_load_is_noticed(tmp_path: Path) -> None:
    for wrong in ({"environments": {"staging": {"rol": "x"}}}, {"allow": [{"name": "x"}]}):
        with pytest.raises(Exception, match="problem"):
            loaded(wrong, tmp_path)


def test_an_example_of_python_or_json_can_be_read() -> None:
    for page, text in blocks("python"):
        compile(text, page, "exec")
    for _, text in blocks("json"):
        json.loads(text)
    known = {
        "console",
        "toml",
        "python",
        "json",
        "mermaid",
        "text",
        "yaml",
        "dockerfile",
        "diff",
        "hcl",
    }
    languages = {
        match["language"]
        for page in PAGES
        for match in _BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))
    }
    assert languages <= known


# -- names


def wrong_names(span: str, folder: Path = ROOT) -> Iterator[str]:
    """What a piece of code names and is not there; a path may count from the page's folder."""
    if (folder / span).exists():
        return
    yield from (name for name in unknown_names(f"`{span}`") if not span.startswith(_OTHERS))
    if not span.startswith(("GITHUB_", "$", "/", "~")):
        yield from (word for word in SNAKE.findall(span) if word not in keys() | _FOREIGN)
    for match in _ACTION.finditer(span):
        if match["action"] not in actions(match["service"]):
            yield match[0]
    made = _MADE.fullmatch(span)
    if made and not any(made["name"] in text for text in literals()):
        yield span
    dotted = re.fullmatch(r"[a-z]+(?:\.[a-zA-Z]+)+", span) and not span.endswith(".md")
    if dotted and not (made or known_path(span)):
        yield span


@cache
def actions(service: str) -> frozenset[str]:
    """The API's operations, which IAM's actions are called after."""
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


def known_path(span: str) -> bool:
    """``evidence.s3`` of delivery.toml, ``predicate.chain`` of a record, or a file or module."""
    first, *rest = span.split(".")
    if all(part in keys() for part in (first, *rest)):
        return True
    definitions = record_schema.schema()["$defs"]
    tops = [definitions["Statement"], definitions["Delivery"]]
    if any(within(definitions, top, (first, *rest)) for top in tops):
        return True
    return any([*ROOT.rglob(f"ci/**/{span}"), *ROOT.glob(span)]) or first == "nox"


def within(definitions: Any, schema: Any, path: tuple[str, ...]) -> bool:
    """Whether a path of keys leads somewhere in a schema."""
    if "$ref" in schema:
        return within(definitions, definitions[schema["$ref"].rpartition("/")[2]], path)
    if any(within(definitions, part, path) for part in schema.get("anyOf", ())):
        return True
    if not path:
        return True
    inner = schema.get("properties", {}).get(path[0])
    return inner is not None and within(definitions, inner, path[1:])


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    folder = (ROOT / page).parent
    wrong = {span: names for span in spans(page) if (names := [*wrong_names(span, folder)])}
    assert wrong == {}


@pytest.mark.parametrize(
    "span",
    [
        "shipway deploy --envv staging",
        "nox -s nosuch",
        "--no-such-option",
        "SHIPWAY_NO_SUCH",
        "not_there = true",
        "ecr:PutNothing",
        "nothing.json",
        "predicate.nothing",
        "docs/nothing.md",
    ],
)
def test_a_name_that_is_not_there_is_noticed(span: str) -> None:
    assert [*wrong_names(span)]


# -- exit codes


def wrong_codes(text: str) -> list[str]:
    """The exit codes that a page speaks of and no run ends with."""
    said = [match for match in _CODE.finditer(text) if not match[2]]
    return [match[1] for match in said if int(match[1]) not in codes() | _CONTAINERS]


def column(page: str, head: str) -> list[str]:
    """The cells of a page's tables below one head."""
    cells, found = list[str](), -1
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        row = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            found = -1
        elif head in row:
            found = row.index(head)
        elif 0 <= found < len(row) and not set(row[found]) <= {"-", ":"}:
            cells.append(row[found])
    return cells


@pytest.mark.parametrize("page", PAGES)
def test_an_exit_code_that_is_named_exists(page: str) -> None:
    assert wrong_codes((ROOT / page).read_text(encoding="utf-8")) == []
    assert {int(code) for code in column(page, "exit")} <= codes()


def test_an_exit_code_that_is_not_there_is_noticed() -> None:
    assert wrong_codes("it ends with 99, exit code 16") == ["99"]
    assert column("docs/adopt.md", "exit")


def test_an_option_in_a_page_is_one_of_a_task() -> None:
    """That there is something to check: each page's options are looked up."""
    said = " ".join(span for page in PAGES for span in spans(page))
    assert len({*re.findall(r"(?<= )--[a-z-]+", said)} & options()) > 5
