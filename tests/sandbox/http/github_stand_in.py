"""GitHub's REST API, played by a server of this machine as GitHub Docs describe it.

Lists come in pages with a ``Link`` header whose addresses name the repository by its number ("Using
pagination in the REST API"), a request without a user agent or with a wrong token is refused
("Getting started with the REST API", "Troubleshooting the REST API"), and what a token may not see
is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

if TYPE_CHECKING:
    from tests.sandbox.http.conftest import Kit, Reply, Request

TOKEN = "github_pat_canary0123456789abcdef"  # noqa: S105  # a test's own
REPOSITORY_ID = 424200
OWNER_ID = 4242
_LONGEST_PAGE = 100
_USUAL_PAGE = 30


def ruleset(number: int, name: str, *rules: str, target: str = "tag", **changes: Any) -> Any:
    """ "Get a repository ruleset", as far as it counts here."""
    return {
        "id": number,
        "name": name,
        "target": target,
        "source_type": "Repository",
        "source": "example/shop",
        "enforcement": "active",
        "bypass_actors": [],
        "node_id": "RRS_x",
        "conditions": {"ref_name": {"include": ["refs/tags/*-stable"], "exclude": []}},
        "rules": [{"type": rule} for rule in rules],
        **changes,
    }


@dataclass
class GithubStandIn:
    """One repository at GitHub.

    Attributes:
        kit: Makes replies.
        repository: ``OWNER/NAME``.
        rulesets: Whole, by their number in the order of the list.
        environments: "Get an environment", by name.
        policies: "List deployment branch policies", by the environment's name.
        instead: What is answered for paths that end so.
        asked: Every request.
        address: Where it is served.
    """

    kit: Kit
    repository: str = "example/shop"
    rulesets: list[Any] = field(default_factory=list)
    environments: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, list[Any]] = field(default_factory=dict)
    instead: dict[str, Reply] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    address: str = ""

    def __call__(self, request: Request) -> Reply:
        """Answer."""
        self.asked.append(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = urlsplit(request.path)
        path = url.path.replace(f"/repositories/{REPOSITORY_ID}", f"/repos/{self.repository}", 1)
        for end, reply in self.instead.items():
            if path.endswith(end):
                return reply
        if "user-agent" not in headers:
            return self._says(403, {"message": "Request forbidden by administrative rules."})
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return self._says(401, {"message": "Bad credentials", "status": "401"})
        return self._found(path, dict(parse_qsl(url.query)))

    def _found(  # noqa: PLR0911  # one answer for each place
        self, path: str, query: Mapping[str, str]
    ) -> Reply:
        match path.removeprefix("/repos/").split("/")[2:]:
            case _ if not path.startswith(f"/repos/{self.repository}"):
                return self._missing()
            case []:
                whole_repository = {"id": REPOSITORY_ID, "owner": {"id": OWNER_ID}}
                return self._says(200, whole_repository)
            case ["rulesets"]:
                whole = ("conditions", "rules", "bypass_actors")
                heads = [
                    {k: v for k, v in each.items() if k not in whole} for each in self.rulesets
                ]
                return self._page(path, query, heads, lambda items: items)
            case ["rulesets", number]:
                found = (each for each in self.rulesets if str(each["id"]) == number)
                document: Any = next(found, None)
                return self._says(200, document) if document else self._missing()
            case ["environments", name] if unquote(name) in self.environments:
                return self._says(200, self.environments[unquote(name)])
            case ["environments", name, "deployment-branch-policies"]:
                policies = self.policies[unquote(name)]
                count = len(policies)
                return self._page(
                    path,
                    query,
                    policies,
                    lambda items: {"total_count": count, "branch_policies": items},
                )
            case _:
                return self._missing()

    def _page(self, path: str, query: Mapping[str, str], items: list[Any], wrap: Any) -> Reply:
        size = min(int(query.get("per_page", _USUAL_PAGE)), _LONGEST_PAGE)
        number = int(query.get("page", 1))
        last = -(-len(items) // size) or 1
        shown = wrap(items[(number - 1) * size : number * size])
        base = path.replace(f"/repos/{self.repository}", f"/repositories/{REPOSITORY_ID}", 1)
        links = [("prev", number - 1), ("next", number + 1), ("last", last), ("first", 1)]
        text = ", ".join(
            f'<{self.address}{base}?{urlencode({**query, "page": at})}>; rel="{name}"'
            for name, at in links
            if (name == "prev" and at) or (name != "prev" and number < at <= last)
        )
        return self._says(200, shown, {"link": text} if text else {})

    def _missing(self) -> Reply:
        return self._says(404, {"message": "Not Found", "status": "404"})

    def _says(self, status: int, document: Any, headers: Mapping[str, str] | None = None) -> Reply:
        usual = {"Content-Type": "application/json; charset=utf-8", "X-RateLimit-Remaining": "4999"}
        body = json.dumps(document).encode()
        reply: Reply = self.kit.reply(
            status=status, body=body, headers={**usual, **(headers or {})}
        )
        return reply
