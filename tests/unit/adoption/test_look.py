"""Where a remote lies, as git writes it."""

from __future__ import annotations

import pytest

from shipway.adoption.look import address_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("git@github.com:acme/tally.git", ("github.com", "acme/tally")),
        ("https://github.com/acme/tally", ("github.com", "acme/tally")),
        ("https://x:token@github.com/acme/tally.js.git/", ("github.com", "acme/tally.js")),
        ("ssh://git@github.acme.example:22/acme/tally.git", ("github.acme.example", "acme/tally")),
        ("git@gitlab.com:acme/tally.git", None),
        ("https://github.com/acme", None),
        ("/srv/git/tally.git", None),
        ("", None),
    ],
)
def test_a_remote_at_github_is_known(url: str, address: tuple[str, str] | None) -> None:
    assert address_of(url) == address
