"""What GitHub's API says of a repository's locks, for whoever has a token."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, Final, TypeVar
from urllib.parse import quote

from shipway.doctor.finding import Looked, Unseen
from shipway.doctor.github import GithubFacts, Protection, RefPolicy, Ruleset
from shipway.github.api import Answer, Ask, address, asker, headers, limited, token_of
from shipway.policy.requirements import Source

_SECONDS: Final = 10.0
_PAGE: Final = 100
_MOST_PAGES: Final = 10
_MOVED: Final = frozenset({301, 302, 307, 308})
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_SERVER: Final = range(500, 600)

T = TypeVar("T")


class GithubApi:
    """Implements :class:`shipway.doctor.ports.Github`.

    Args:
        variables: The process's environment variables: ``GITHUB_TOKEN`` or ``GH_TOKEN``, and
            ``GITHUB_API_URL`` where GitHub is a company's own ("Variables", GitHub Docs).
        ask: One request.
    """

    def __init__(self, variables: Mapping[str, str], ask: Ask | None = None) -> None:
        self._ask = ask or asker(_SECONDS)
        self._base = address(variables)
        self._token = token_of(variables)

    def facts(self, source: Source, environment: str) -> Looked[GithubFacts]:
        """The repository, its tag rulesets and an environment; see the port."""
        if not self._token:
            return Unseen(
                why="no token", remedy="set GITHUB_TOKEN or GH_TOKEN: GH_TOKEN=$(gh auth token)"
            )
        if not self._base:
            return Unseen(
                why="GITHUB_API_URL is no https:// address, and a token goes to no other",
                remedy="set it to https://HOST/api/v3, or unset it",
            )
        place = f"/repos/{source.repository}"
        numbers = _seen(lambda: self._numbers(place), "Metadata: read")
        return GithubFacts(
            numbers=numbers,
            rulesets=_seen(lambda: self._rulesets(place), "Metadata: read"),
            environment=_seen(
                lambda: self._environment(place, environment, known=isinstance(numbers, tuple)),
                "Actions: read",
            )
            if environment
            else None,
        )

    def _numbers(self, place: str) -> tuple[int, int]:
        document = self._get(place)
        return int(document["id"]), int(document["owner"]["id"])

    def _rulesets(self, place: str) -> tuple[Ruleset, ...]:
        """Those of the repository and of its organisation.

        The list has no rules and no conditions, so each is asked for ("Get a repository ruleset").
        """
        query = f"includes_parents=true&targets=tag&per_page={_PAGE}"
        documents = [
            self._get(f"{place}/rulesets/{int(entry['id'])}")
            for listed in self._pages(f"{place}/rulesets?{query}")
            for entry in listed
            if entry.get("target", "tag") == "tag"
        ]
        return tuple(map(_ruleset, documents))

    def _environment(self, place: str, name: str, *, known: bool) -> Protection | None:
        address = f"{place}/environments/{quote(name, safe='')}"
        try:
            document = self._get(address)
        except urllib.error.HTTPError as error:
            # GitHub answers 404 too for what a token may not see: only where it sees the
            # repository is the environment missing.
            if error.code != _NOT_FOUND or not known:
                raise
            return None
        rules = tuple(str(rule["type"]) for rule in document.get("protection_rules", ()))
        policy = document.get("deployment_branch_policy")
        if policy is None:
            return Protection(rules=rules, refs="any")
        if policy["protected_branches"]:
            return Protection(rules=rules, refs="protected")
        policies = _seen(lambda: self._policies(address), "Actions: read")
        return Protection(rules=rules, refs="named", policies=policies)

    def _policies(self, address: str) -> tuple[RefPolicy, ...]:
        return tuple(
            # A server of before there were tags says no type.
            RefPolicy(kind=str(entry.get("type") or "branch"), name=str(entry["name"]))
            for page in self._pages(f"{address}/deployment-branch-policies?per_page={_PAGE}")
            for entry in page["branch_policies"]
        )

    def _get(self, path: str) -> Any:
        return json.loads(self._answer(f"{self._base}{path}").content)

    def _pages(self, path: str) -> Iterator[Any]:
        """Every page of a list, or none at all: a lock on the next page is no lock that lacks.

        Raises:
            ValueError: A further page is at another place, where no token goes, or there is no end.
        """
        url = f"{self._base}{path}"
        for _ in range(_MOST_PAGES):
            answer = self._answer(url)
            yield json.loads(answer.content)
            if not (url := answer.further):
                return
            if not url.startswith(f"{self._base}/"):
                raise ValueError("a further page is at another place")
        raise ValueError(f"a list has more than {_MOST_PAGES} pages")

    def _answer(self, url: str) -> Answer:
        return self._ask("GET", url, headers(self._token), None)


def _seen(look: Callable[[], T], right: str) -> Looked[T]:
    """What a look gives, or why it gave nothing.

    Args:
        look: Asks GitHub.
        right: The permission that a fine-grained token needs for it.
    """
    try:
        return look()
    except urllib.error.HTTPError as error:
        return _refused(error, right)
    except HTTPException as error:  # its words may hold a part of what a variable holds
        return Unseen(why=f"GitHub cannot be reached: {type(error).__name__}")
    except OSError as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        return Unseen(why=f"GitHub cannot be reached: {cause}")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Unseen(why=f"what answered is not GitHub's API: {type(error).__name__}")


def _refused(error: urllib.error.HTTPError, right: str) -> Unseen:
    """Why GitHub did not say it ("Troubleshooting the REST API", GitHub Docs)."""
    answers = f"GitHub answers HTTP {error.code}"
    if error.code == _UNAUTHORIZED:
        return Unseen(why=f"{answers}: the token does not hold", remedy="gh auth login")
    if error.code in _MOVED:
        why = f"{answers}: the repository was renamed or moved"
        return Unseen(why=why, remedy="correct repository in [github] of ci/release.toml")
    if when := limited(error):
        why = f"{answers}: the token has asked too often for now"
        return Unseen(why=why, remedy=f"ask again {when}")
    if error.code in _SERVER:
        return Unseen(why=f"{answers}: it has trouble of its own", remedy="ask again later")
    if "required" in error.headers.get("x-github-sso", ""):
        why = f"{answers}: the organisation asks for single sign-on"
        return Unseen(why=why, remedy="authorise the token for it: Settings, Tokens, Configure SSO")
    why = f"{answers}: the token may not see it"
    return Unseen(why=why, remedy=f"a fine-grained token needs {right} for this repository")


def _ruleset(document: Mapping[str, Any]) -> Ruleset:
    names = (document.get("conditions") or {}).get("ref_name") or {}
    return Ruleset(
        name=str(document["name"]),
        active=document.get("enforcement") == "active",
        include=tuple(map(str, names.get("include", ()))),
        exclude=tuple(map(str, names.get("exclude", ()))),
        rules=tuple(str(rule["type"]) for rule in document.get("rules", ())),
    )
