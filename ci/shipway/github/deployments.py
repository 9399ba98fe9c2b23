"""GitHub's deployments by its REST API; see :mod:`shipway.notify.github` for what is told."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from shipway.github.api import Ask, address, asker, headers, limited, token_of
from shipway.notify.github import Deployment, Status
from shipway.util.loopback import aws_is_here, is_loopback, parts

_SECONDS: Final = 5.0
_LISTED: Final = 30
_FORBIDDEN: Final = frozenset({401, 403, 404})
_UNPROCESSABLE: Final = frozenset({409, 422})
_NOT_GITHUB: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    HTTPException,
)

T = TypeVar("T")


class GithubDeployments:
    """Implements :class:`shipway.notify.github.Deployments`.

    Args:
        variables: The process's environment variables: ``GITHUB_TOKEN`` or ``GH_TOKEN``, and
            ``GITHUB_API_URL``.
        repository: ``OWNER/NAME``.
        ask: One request.
    """

    def __init__(
        self, variables: Mapping[str, str], repository: str, ask: Ask | None = None
    ) -> None:
        self._variables = variables
        self._place = f"/repos/{repository}/deployments"
        self._ask = ask or asker(_SECONDS)

    def of(self, environment: str) -> Sequence[Deployment]:
        """List deployments; see the port."""
        query = urlencode({"environment": environment, "per_page": _LISTED}, quote_via=quote)
        return self._call("GET", f"{self._place}?{query}", None, _deployments)

    def statuses(self, deployment: int) -> Sequence[Status]:
        """List deployment statuses; see the port."""
        path = f"{self._place}/{deployment}/statuses?per_page={_LISTED}"
        return self._call("GET", path, None, _statuses)

    def create(self, environment: str, sha: str, description: str) -> int:
        """Create a deployment; see the port.

        Without ``auto_merge: false`` GitHub would merge the default branch into what is deployed,
        and without an empty list in ``required_contexts`` refuse a commit whose checks still run.
        """
        body = {
            "ref": sha,
            "environment": environment,
            "description": description,
            "auto_merge": False,
            "required_contexts": [],
        }
        return self._call("POST", self._place, body, _number)

    def set(self, deployment: int, status: Status) -> None:
        """Create a deployment status; see the port."""
        body = {"state": status.state, "description": status.description}
        body |= {"log_url": status.log} if status.log else {}
        body |= {"environment_url": status.url} if status.url else {}
        self._call("POST", f"{self._place}/{deployment}/statuses", body, _number)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        read: Callable[[Any], T],
    ) -> T:
        token = token_of(self._variables)
        if not token:
            raise OSError("there is no token: set GITHUB_TOKEN or GH_TOKEN")
        base = address(self._variables)
        if not base:
            raise OSError("GITHUB_API_URL is no https:// address, and a token goes to no other")
        if aws_is_here(self._variables) and not is_loopback(parts(base)):
            raise OSError("AWS is a server of this machine, and no release for GitHub")
        sent = {**headers(token), "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        try:
            return read(json.loads(self._ask(method, f"{base}{path}", sent, content).content))
        except urllib.error.HTTPError as error:
            raise OSError(_refused(error, method)) from error
        except OSError as error:
            cause = getattr(error, "reason", error)
            raise OSError(f"GitHub cannot be reached: {cause}") from error
        except _NOT_GITHUB as error:
            raise OSError(f"what answered is not GitHub's API: {type(error).__name__}") from error


def _deployments(document: Any) -> tuple[Deployment, ...]:
    return tuple(
        Deployment(
            id=int(entry["id"]),
            sha=str(entry["sha"]),
            production=entry.get("production_environment") is True,
            transient=entry.get("transient_environment") is True,
        )
        for entry in document
    )


def _statuses(document: Any) -> tuple[Status, ...]:
    return tuple(
        Status(
            state=str(entry["state"]),
            log=str(entry.get("log_url") or entry.get("target_url") or ""),
            url=str(entry.get("environment_url") or ""),
            description=str(entry.get("description") or ""),
        )
        for entry in document
    )


def _number(document: Any) -> int:
    return int(document["id"])


def _refused(error: urllib.error.HTTPError, method: str) -> str:
    answers = f"GitHub answers HTTP {error.code}"
    if when := limited(error):
        return f"{answers}: the token has asked too often; ask again {when}"
    if error.code in _FORBIDDEN:
        right = "deployments: write" if method == "POST" else "deployments: read"
        return f"{answers}: the token needs {right}"
    if error.code in _UNPROCESSABLE:
        return f"{answers}: it may not have that commit; push it"
    return answers
