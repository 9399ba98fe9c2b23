"""What is looked for in a work tree: its Dockerfile, and where its remote lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.adoption.look import address_of, dockerfile
from shipway.errors import ConfigurationError


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


def test_a_person_says_which_of_several_dockerfiles_is_delivered(tmp_path: Path) -> None:
    for name in ("api", "web"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\nEXPOSE 7\n", encoding="utf-8")
    asked: list[tuple[str, str]] = []

    def ask(question: str, default: str) -> str:
        asked.append((question, default))
        return "web/Dockerfile"

    seen = dockerfile(tmp_path, "", "", ask)
    assert (seen.path, seen.context, seen.port) == ("web/Dockerfile", "web", 7)
    assert seen.others == ("api/Dockerfile",)
    [(question, default)] = asked
    assert "api/Dockerfile, web/Dockerfile" in question
    assert default == "api/Dockerfile"
    assert dockerfile(tmp_path, "api/Dockerfile", ".", ask).context == "."
    assert len(asked) == 1
    with pytest.raises(ConfigurationError, match="2 Dockerfiles"):
        dockerfile(tmp_path, "", "")
