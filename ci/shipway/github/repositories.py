"""What GitHub's API says of a repository: the two numbers that the contract holds."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Final, NoReturn

from shipway import __version__
from shipway.errors import ConfigurationError
from shipway.util.within import within

_API: Final = "https://api.github.com/repos"
_SECONDS: Final = 10.0
_LARGEST_ANSWER: Final = 1024 * 1024


def numbers(repository: str) -> tuple[int, int]:
    """The numbers of ``OWNER/NAME`` and of its owner.

    GitHub's own program ``gh`` is asked where it is signed in, for it sees private repositories;
    else the public API, without credentials ("Get a repository", GitHub REST API).

    Raises:
        ConfigurationError: Neither knows it; the remedy says how to find them.
    """
    try:
        document = json.loads(_by_gh(repository) or _by_http(repository))
        return int(document["id"]), int(document["owner"]["id"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError, RecursionError) as error:
        raise _unknown(repository, f"GitHub does not say them: {_reason(error)}") from error


def unasked(repository: str) -> NoReturn:
    """The same where GitHub may not be asked.

    Raises:
        ConfigurationError: Always; the remedy says how to find them.
    """
    raise _unknown(repository, "GitHub was not asked")


def _unknown(repository: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the numbers of {repository} and of its owner are not known: {why}",
        where="[github] of ci/release.toml",
        remedy=f"gh api repos/{repository} --jq '.id, .owner.id' prints the two: say them as "
        "--repository-id and --owner-id",
    )


def _reason(error: Exception) -> str:
    """Why GitHub gave no answer that can be used, without Python's own brackets and numbers."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(getattr(cause, "strerror", None) or cause)


def _by_gh(repository: str) -> str:
    if shutil.which("gh") is None:
        return ""
    try:
        process = subprocess.run(
            ["gh", "api", f"repos/{repository}"],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if process.returncode else process.stdout


def _by_http(repository: str) -> bytes:
    request = urllib.request.Request(  # noqa: S310  # the address begins with https:// above
        f"{_API}/{repository}",
        headers={
            "Accept": "application/vnd.github+json",
            "User-Agent": f"shipway/{__version__}",
        },
    )

    def ask() -> bytes:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # the same
            content: bytes = answer.read(_LARGEST_ANSWER)
        return content

    return within(_SECONDS, ask)
