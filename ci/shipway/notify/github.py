"""GitHub's deployments and their statuses, so that a repository's environment page is true.

"REST API endpoints for deployments" and "… for deployment statuses" (GitHub Docs,
https://docs.github.com/en/rest/deployments/deployments). What GitHub does by itself
("Deploying with GitHub Actions"): a job that names an environment makes a deployment of the run's
commit, and gives it the job's state as its status, at the beginning and at the end. So of a run the
deployment is there, and only told what the job does not say: the address, what is done, how it
ended. A delivery without one, by hand above all, gets one of its own. A release that failed is a
``failure``, and what was in service before stays the active one, for that is what serves.

A successful status makes earlier deployments inactive, but for those of a production environment
(``auto_inactive``): those are told one by one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from shipway.errors import CancelledError, TerminatedError
from shipway.notify.news import News, Told, one_line, shortened

NAME: Final = "github"
State = Literal["in_progress", "success", "failure", "error", "inactive"]
_STATES: Final[Mapping[str, State]] = {
    "started": "in_progress",
    "delivered": "success",
    "rolled-back": "success",
    "failed": "failure",
}
_LONGEST: Final = 140
"""Characters of a description (the same page)."""
_LOOKED_AT: Final = 10
"""Deployments of an environment that may still be called active; each is a call."""
_CANCELLED: Final = frozenset({CancelledError.kind, TerminatedError.kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment at GitHub.

    Attributes:
        id: GitHub's number.
        sha: The commit.
        production: Whether users meet its environment (``production_environment``).
        transient: Whether its environment goes away by itself (``transient_environment``).
    """

    id: int
    sha: str
    production: bool = False
    transient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A status of a deployment.

    Attributes:
        state: GitHub's word.
        log: Where the output is: a run's job, where a job set it.
        url: Where the environment answers; empty for none.
        description: A few words.
    """

    state: str
    log: str = ""
    url: str = ""
    description: str = ""


class Deployments(Protocol):
    """The deployments of one repository.

    Every method raises ``OSError`` with a reason for a person where GitHub does not do it.
    """

    def of(self, environment: str) -> Sequence[Deployment]:
        """Those of an environment, the newest first."""
        ...

    def statuses(self, deployment: int) -> Sequence[Status]:
        """A deployment's, the newest first."""
        ...

    def create(self, environment: str, sha: str, description: str) -> int:
        """Make one of a commit that GitHub has, whatever its checks say; its number."""
        ...

    def set(self, deployment: int, status: Status) -> None:
        """Give one a further status."""
        ...


class GithubChannel:
    """Tells GitHub; implements :class:`shipway.notify.channel.Channel`.

    Args:
        deployments: GitHub.
        environment: GitHub's name of the environment.
        run: The run's address where a job of it names that environment; empty otherwise.
    """

    name = NAME

    def __init__(self, deployments: Deployments, environment: str, run: str) -> None:
        self._deployments = deployments
        self._environment = environment
        self._run = run
        self._id: int | None = None

    def tell(self, news: News) -> Told:
        """Set the status of this delivery's deployment; where it went well, no other is active."""
        try:
            mine = self._mine(news)
            status = status_of(news)
            self._deployments.set(mine, status)
            if status.state == "success":
                self._end_others(mine)
        except OSError as error:
            return Told(receiver=NAME, event=news.event, good=False, text=str(error))
        text = f"deployment {mine} to {self._environment} is {status.state}"
        return Told(receiver=NAME, event=news.event, good=True, text=text)

    def _mine(self, news: News) -> int:
        if self._id is None:
            self._id = self._of_this_run(news.commit) if self._run else None
        if self._id is None:
            description = shortened(one_line(f"{news.application} by {news.actor}"), _LONGEST)
            self._id = self._deployments.create(self._environment, news.commit, description)
        return self._id

    def _of_this_run(self, commit: str) -> int | None:
        """The deployment that the run's job made."""
        for deployment in self._deployments.of(self._environment)[:_LOOKED_AT]:
            if deployment.sha == commit and any(
                is_of_run(status.log, self._run)
                for status in self._deployments.statuses(deployment.id)
            ):
                return deployment.id
        return None

    def _end_others(self, mine: int) -> None:
        for other in self._deployments.of(self._environment)[:_LOOKED_AT]:
            # GitHub ends all others by itself.
            if other.id == mine or not (other.production or other.transient):
                continue
            newest = next(iter(self._deployments.statuses(other.id)), None)
            if newest is not None and newest.state == "success":
                description = "another release is in service"
                self._deployments.set(
                    other.id, Status(state="inactive", log=newest.log, description=description)
                )


def status_of(news: News) -> Status:
    """What a delivery's deployment is told. Pure."""
    words = {
        "started": "is being rolled out",
        "delivered": "delivered: verified and held",
        "rolled-back": "went back to this release: verified and held",
        "failed": news.text,
    }
    state: State = _STATES[news.event]
    if news.event == "failed" and news.kind in _CANCELLED:
        state = "error"
    return Status(
        state=state,
        log=news.run,
        url=news.url if state != "failure" else "",
        description=shortened(one_line(words[news.event]), _LONGEST),
    )


def is_of_run(log: str, run: str) -> bool:
    """Whether a status's log is of a job of a run: ``…/actions/runs/42/job/7`` is of run 42.

    Args:
        log: The status's ``log_url``.
        run: The run's address, ``https://github.com/OWNER/NAME/actions/runs/42``, an attempt's
            after it.
    """
    mine = re.search(r"/actions/runs/(\d+)(?:/|$)", run)
    theirs = re.search(r"/actions/runs/(\d+)(?:/|$)", log)
    return mine is not None and theirs is not None and mine[1] == theirs[1]
