"""GitHub as a job sees it: the variables of a runner, the event's payload, the token's claims.

"Variables reference", "Webhook events and payloads" and "OpenID Connect reference" (GitHub Docs).
Everything here is a value; :meth:`GithubEvent.write` alone touches files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipway.errors import UsageError

_ZERO = "0" * 40
_SERVER = "https://github.com"
_API = "https://api.github.com"
NAMES = ("push", "pull_request", "pull_request_target", "workflow_dispatch")
"""The events that can be made here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubRepository:
    """A repository on GitHub.

    Attributes:
        name: Its name.
        owner: The owner's login.
        owner_id: The owner's number, which a rename does not change.
        id: Its own number.
        default_branch: Where pull requests go.
        visibility: ``private``, ``internal`` or ``public``.
        immutable_subject: Whether ``sub`` names the numbers too, as for repositories made or
            renamed since 2026-07-15.
    """

    name: str
    owner: str = "example"
    owner_id: int = 4242
    id: int = 424200
    default_branch: str = "main"
    visibility: str = "private"
    immutable_subject: bool = False

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.name}"

    def payload(self) -> dict[str, Any]:
        """The ``repository`` object of a webhook."""
        return {
            "id": self.id,
            "name": self.name,
            "full_name": self.full_name,
            "private": self.visibility != "public",
            "visibility": self.visibility,
            "default_branch": self.default_branch,
            "html_url": f"{_SERVER}/{self.full_name}",
            "clone_url": f"{_SERVER}/{self.full_name}.git",
            "owner": {"login": self.owner, "id": self.owner_id, "type": "Organization"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a workflow.

    Attributes:
        workflow: Its name.
        path: Its file.
        id: The run's number in all of GitHub.
        number: Its number in the repository.
        attempt: 1, or more after a re-run.
        actor: Who caused the event.
        actor_id: Their number.
        triggering_actor: Who started this attempt; empty for the actor.
        environment: The job's GitHub environment, or empty.
    """

    workflow: str = "Deploy"
    path: str = ".github/workflows/deploy.yml"
    id: int = 9_000_000_001
    number: int = 17
    attempt: int = 1
    actor: str = "octocat"
    actor_id: int = 583231
    triggering_actor: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubEvent:
    """What a job is given.

    Attributes:
        name: The event's name.
        environment: The variables that a runner sets, without those for tokens.
        payload: What lies at ``GITHUB_EVENT_PATH``.
        claims: The claims of its tokens, without ``aud`` and times.
        may_ask_for_tokens: False for a pull request from a fork, which gets no ``id-token: write``.
    """

    name: str
    environment: Mapping[str, str]
    payload: Mapping[str, Any]
    claims: Mapping[str, Any]
    may_ask_for_tokens: bool = True
    files: tuple[str, ...] = field(
        default=(
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_ENV",
            "GITHUB_PATH",
            "GITHUB_STATE",
        )
    )

    def write(self) -> None:
        """Write the payload, and make the files that a job appends to."""
        path = Path(self.environment["GITHUB_EVENT_PATH"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.payload, indent=2), encoding="utf-8")
        for name in self.files:
            Path(self.environment[name]).touch()
        Path(self.environment["RUNNER_TEMP"]).mkdir(exist_ok=True)

    def with_tokens(self, request_url: str, request_token: str) -> dict[str, str]:
        """The variables with those by which a job with ``id-token: write`` asks for tokens."""
        return {
            **self.environment,
            "ACTIONS_ID_TOKEN_REQUEST_URL": request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": request_token,
        }


def subject(repository: GithubRepository, name: str, ref: str, environment: str) -> str:
    """The ``sub`` claim: the environment wins over the pull request, and that over the ref."""
    where = repository.full_name
    if repository.immutable_subject:
        where = f"{repository.owner}@{repository.owner_id}/{repository.name}@{repository.id}"
    if environment:
        return f"repo:{where}:environment:{environment}"
    if name == "pull_request":
        return f"repo:{where}:pull_request"
    return f"repo:{where}:ref:{ref}"


def _split(ref: str) -> tuple[str, str]:
    """Type and short name of a full ref.

    Raises:
        UsageError: It is no full ref.
    """
    for prefix, kind in (
        ("refs/heads/", "branch"),
        ("refs/tags/", "tag"),
        ("refs/pull/", "branch"),
    ):
        if ref.startswith(prefix) and len(ref) > len(prefix):
            return kind, ref.removeprefix(prefix)
    raise UsageError(f"{ref[:100]!r} is no full ref", remedy="give refs/heads/… or refs/tags/…")


def event(
    name: str,
    *,
    ref: str,
    sha: str,
    folder: Path,
    workspace: Path,
    repository: GithubRepository,
    run: Run | None = None,
    head_ref: str = "",
    head: GithubRepository | None = None,
    inputs: Mapping[str, str] | None = None,
) -> GithubEvent:
    """Make an event as GitHub gives it to a job.

    Args:
        name: ``push``, ``pull_request``, ``pull_request_target`` or ``workflow_dispatch``.
        ref: The full ref; ``refs/pull/7/merge`` for a pull request.
        sha: The commit that the job runs on.
        folder: Where the payload and the files that a job writes lie.
        workspace: The checked-out commit.
        repository: Where the workflow runs.
        run: Which run it is.
        head_ref: A pull request's branch.
        head: A pull request's own repository, where it is a fork.
        inputs: What was typed in for ``workflow_dispatch``.

    Raises:
        UsageError: The event or the ref is none that is known here.
    """
    if name not in NAMES:
        raise UsageError(f"{name!r} is no event that can be made here: {', '.join(NAMES)}")
    run = run or Run()
    kind, short = _split(ref)
    pulled = name.startswith("pull_request")
    base_ref = repository.default_branch if pulled else ""
    workflow_ref = f"{repository.full_name}/{run.path}@{ref}"
    environment = {
        **_runner(folder, workspace),
        "GITHUB_ACTOR": run.actor,
        "GITHUB_ACTOR_ID": str(run.actor_id),
        "GITHUB_BASE_REF": base_ref,
        "GITHUB_EVENT_NAME": name,
        "GITHUB_HEAD_REF": head_ref if pulled else "",
        "GITHUB_JOB": "deploy",
        "GITHUB_REF": ref,
        "GITHUB_REF_NAME": short,
        "GITHUB_REF_PROTECTED": "true" if short == repository.default_branch else "false",
        "GITHUB_REF_TYPE": kind,
        "GITHUB_REPOSITORY": repository.full_name,
        "GITHUB_REPOSITORY_ID": str(repository.id),
        "GITHUB_REPOSITORY_OWNER": repository.owner,
        "GITHUB_REPOSITORY_OWNER_ID": str(repository.owner_id),
        "GITHUB_RUN_ATTEMPT": str(run.attempt),
        "GITHUB_RUN_ID": str(run.id),
        "GITHUB_RUN_NUMBER": str(run.number),
        "GITHUB_SHA": sha,
        "GITHUB_TRIGGERING_ACTOR": run.triggering_actor or run.actor,
        "GITHUB_WORKFLOW": run.workflow,
        "GITHUB_WORKFLOW_REF": workflow_ref,
        "GITHUB_WORKFLOW_SHA": sha,
    }
    forked = head is not None and head.id != repository.id
    return GithubEvent(
        name=name,
        environment=environment,
        payload=_payload(
            name,
            ref=ref,
            sha=sha,
            repository=repository,
            run=run,
            head_ref=head_ref,
            head=head,
            inputs=inputs or {},
        ),
        claims=_claims(environment, repository, run, workflow_ref),
        may_ask_for_tokens=not (forked and name == "pull_request"),
    )


def _runner(folder: Path, workspace: Path) -> dict[str, str]:
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": _API,
        "GITHUB_ENV": str(folder / "env"),
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_GRAPHQL_URL": f"{_API}/graphql",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_PATH": str(folder / "path"),
        "GITHUB_RETENTION_DAYS": "90",
        "GITHUB_SERVER_URL": _SERVER,
        "GITHUB_STATE": str(folder / "state"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_WORKSPACE": str(workspace),
        "RUNNER_ARCH": "X64",
        "RUNNER_ENVIRONMENT": "github-hosted",
        "RUNNER_NAME": "GitHub Actions 1",
        "RUNNER_OS": "Linux",
        "RUNNER_TEMP": str(folder / "temp"),
        "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
    }


def _claims(
    given: Mapping[str, str], repository: GithubRepository, run: Run, workflow_ref: str
) -> dict[str, Any]:
    claims = {
        "sub": subject(
            repository, given["GITHUB_EVENT_NAME"], given["GITHUB_REF"], run.environment
        ),
        "actor": run.actor,
        "actor_id": str(run.actor_id),
        "base_ref": given["GITHUB_BASE_REF"],
        "check_run_id": str(run.id + 1),
        "event_name": given["GITHUB_EVENT_NAME"],
        "head_ref": given["GITHUB_HEAD_REF"],
        "job_workflow_ref": workflow_ref,
        "job_workflow_sha": given["GITHUB_SHA"],
        "ref": given["GITHUB_REF"],
        "ref_protected": given["GITHUB_REF_PROTECTED"],
        "ref_type": given["GITHUB_REF_TYPE"],
        "repository": repository.full_name,
        "repository_id": str(repository.id),
        "repository_owner": repository.owner,
        "repository_owner_id": str(repository.owner_id),
        "repository_visibility": repository.visibility,
        "run_attempt": str(run.attempt),
        "run_id": str(run.id),
        "run_number": str(run.number),
        "runner_environment": "github-hosted",
        "sha": given["GITHUB_SHA"],
        "workflow": run.workflow,
        "workflow_ref": workflow_ref,
        "workflow_sha": given["GITHUB_SHA"],
    }
    return {**claims, "environment": run.environment} if run.environment else claims


def _payload(
    name: str,
    *,
    ref: str,
    sha: str,
    repository: GithubRepository,
    run: Run,
    head_ref: str,
    head: GithubRepository | None,
    inputs: Mapping[str, str],
) -> dict[str, Any]:
    common = {
        "repository": repository.payload(),
        "sender": {"login": run.actor, "id": run.actor_id, "type": "User"},
    }
    if name == "workflow_dispatch":
        return {"ref": ref, "workflow": run.path, "inputs": dict(inputs), **common}
    if name == "push":
        commit = {"id": sha, "message": "", "author": {"name": run.actor}, "distinct": True}
        return {
            "ref": ref,
            "before": _ZERO,
            "after": sha,
            "created": True,
            "deleted": False,
            "forced": False,
            "base_ref": None,
            "commits": [commit],
            "head_commit": commit,
            "pusher": {"name": run.actor},
            **common,
        }
    source = head or repository
    parts = ref.split("/")
    number = int(parts[2]) if ref.startswith("refs/pull/") and parts[2].isdigit() else 1
    pull = {
        "number": number,
        "state": "open",
        "merged": False,
        "head": {
            "ref": head_ref,
            "sha": sha,
            "repo": {**source.payload(), "fork": source != repository},
        },
        "base": {"ref": repository.default_branch, "sha": _ZERO, "repo": repository.payload()},
        "user": {"login": run.actor, "id": run.actor_id},
    }
    return {"action": "synchronize", "number": number, "pull_request": pull, **common}
