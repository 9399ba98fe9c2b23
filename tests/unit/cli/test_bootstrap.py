"""Whoever makes a role is told which of the locks before it GitHub does not hold."""

from __future__ import annotations

import io
from pathlib import Path

from shipway.cli.bootstrap import show_locks
from shipway.console import open_console
from shipway.doctor.finding import Looked, Unseen
from shipway.doctor.github import GithubFacts, Protection
from shipway.policy import load
from shipway.policy.requirements import Source

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = load.load(ROOT / "ci" / "release.toml")


class Api:
    """GitHub, with this repository and no lock at all, or nobody who answers."""

    def __init__(self, *, answers: bool = True) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def facts(self, source: Source, environment: str) -> Looked[GithubFacts]:
        self.asked.append(environment)
        if not self._answers:
            return Unseen(why="no token", remedy="set GITHUB_TOKEN")
        return GithubFacts(
            numbers=(source.repository_id, source.owner_id),
            rulesets=(),
            environment=Protection(rules=(), refs="any"),
        )


def said(api: Api, environment: str) -> str:
    stream = io.StringIO()
    with open_console(mode="lines", stream=stream, env={}) as console:
        show_locks(api, CONTRACT, environment, console)
    return stream.getvalue()


def test_every_lock_that_lacks_is_named_with_its_remedy() -> None:
    api = Api()
    text = said(api, "production")
    assert "✗ ruleset for *-stable" in text
    assert "every branch and tag may deploy to it" in text
    assert "→ add a tag ruleset on refs/tags/*-stable" in text
    assert api.asked == ["production"]


def test_what_nobody_looked_at_is_said() -> None:
    assert "not checked: no token" in said(Api(answers=False), "production")


def test_where_no_run_of_github_leads_github_is_not_asked() -> None:
    api = Api()
    assert said(api, "sandbox") == ""
    assert api.asked == []
