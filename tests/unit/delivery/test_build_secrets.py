"""What of a build's secret a log could show must be hidden there."""

from __future__ import annotations

import json

import pytest

from shipway.delivery.build_secrets import hidden
from shipway.redact import redact

WORD = "canary-7f3a91"


@pytest.mark.parametrize(
    "secret",
    [
        WORD,
        f"//registry.example/:_authToken={WORD}\n",
        json.dumps({"password": WORD, "user": "bob", "port": 5432}, separators=(",", ":")),
        json.dumps({"password": WORD, "user": "bob"}, indent=1),
        json.dumps({"db": [{"connection": {"apiKey": WORD}}], "region": "eu-west-1"}),
        json.dumps({"url": f"postgres://bob:{WORD}@db/shop", "user": "bob"}),
        f"machine r.example login bob password {WORD}\n",
        f"machine r.example\nlogin bob\npassword {WORD} account bob\n",
    ],
)
def test_a_step_that_prints_the_part_it_needed_shows_nothing(secret: str) -> None:
    parts = set(hidden(secret.encode()))
    assert redact(f"cannot sign in with {WORD}", parts) == "cannot sign in with ***"


def test_what_is_no_secret_stays_readable() -> None:
    document = {"password": WORD, "host": "db.example", "region": "eu-west-1", "ssl": "true"}
    parts = set(hidden(json.dumps(document, separators=(",", ":")).encode()))
    line = "connecting to db.example in eu-west-1, ssl true"
    assert redact(line, parts) == line


def test_a_document_that_is_nested_for_ever_is_hidden_as_it_is() -> None:
    assert "[" * 100_000 in set(hidden(b"[" * 100_000))
