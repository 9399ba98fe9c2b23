"""What the product says in its messages exists: keys, commands, options, variables and pages.

Read from the source, so that a message is checked that no test provokes.
"""

from __future__ import annotations

import pytest
from tests.unit.docs.vocabulary import SNAKE, keys, sentences, unknown_names

# Words with an underscore that are no keys of ours: other people's, each with whose.
_FOREIGN = frozenset(
    {
        "buildx_buildkit",  # buildx's containers
        "credential_process",  # the AWS SDK's configuration file
        "include_claim_keys",  # GitHub's OIDC customisation
        "job_workflow_ref",  # a claim of GitHub's tokens
        "launch_type",  # ECS, in its own messages
        "services_stable",  # botocore's waiter
        "shipway_sandbox",  # the package
        "workflow_dispatch",  # GitHub's event
    }
)


def unknown_keys(text: str) -> list[str]:
    return [word for word in SNAKE.findall(text) if word not in keys() | _FOREIGN]


def test_a_message_names_commands_options_and_pages_that_exist() -> None:
    wrong = {where: names for where, text in sentences() if (names := unknown_names(text))}
    assert wrong == {}


def test_a_message_names_keys_that_exist() -> None:
    wrong = {where: words for where, text in sentences() if (words := unknown_keys(text))}
    assert wrong == {}


def test_there_are_messages_to_walk() -> None:
    said = " ".join(text for _, text in sentences())
    assert "nox -s contract -- --write" in said
    assert "docs/configuration.md" in said
    assert "promote_repository" in said


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("say require_breaker = false", ["require_breaker"]),
        ("turn require_alarm off", ["require_alarm"]),
        ("say require_circuit_breaker = false", []),
        ("`not_older` is asked", []),
    ],
)
def test_a_key_that_is_not_there_is_noticed(text: str, wrong: list[str]) -> None:
    assert unknown_keys(text) == wrong


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("run shipway bootstap --env staging", 1),
        ("then shipway upgrade", 0),
        ("then shipway upgrde", 1),
        ("none that shipway wrote", 0),
        ("the stack makes it, shipway never does", 0),
        ("write them: nox -s contract -- --wrte", 2),
        ("nox -s resume continues it; with --rollback it goes back", 0),
        ("nox -s nosuch", 1),
        ("inv audit --verify names it", 0),
        ("see docs/configuration.md", 0),
        ("see docs/nowhere.md", 1),
        ("set SHIPWAY_EVIDENCE", 0),
        ("set SHIPWAY_NOTHING", 1),
        ("give it with --imge", 1),
    ],
)
def test_what_is_not_there_is_noticed(text: str, count: int) -> None:
    assert len(unknown_names(text)) == count
