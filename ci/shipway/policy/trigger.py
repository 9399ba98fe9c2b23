"""Who asks: GitHub's variables and event, or a person at a keyboard, as one frozen value.

Pure: the environment and the payload are given, nothing is read here. Whatever is missing or says
two things at once is refused, for a trigger that is not certain may release nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shipway.errors import RefusedError
from shipway.policy.pattern import quoted

BY_HAND = "by-hand"
"""The event of a person; no GitHub event has this name."""

# Git, hash-function-transition: object names are 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_EVENT = re.compile(r"[a-z][a-z_]{0,63}")

# GitHub Docs, Variables reference: set in every workflow run, but for GITHUB_REF, which is set
# where a branch or tag is there; without one nothing can be released.
_REQUIRED = (
    "GITHUB_EVENT_NAME",
    "GITHUB_REF",
    "GITHUB_REF_TYPE",
    "GITHUB_SHA",
    "GITHUB_REPOSITORY",
    "GITHUB_ACTOR",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_ATTEMPT",
)
# Set in every job, and by nothing else that a person has at hand (the same page; the last two are
# those of actions/toolkit, for id-token: write and for artifacts).
_TRACES = (
    "GITHUB_RUN_ID",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_EVENT_PATH",
    "RUNNER_ENVIRONMENT",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
)
_SHAPES = (
    ("GITHUB_EVENT_NAME", _EVENT, "the name of a GitHub event"),
    ("GITHUB_REF_TYPE", re.compile("branch|tag"), '"branch" or "tag"'),
    ("GITHUB_SHA", _SHA, "a full commit id"),
    ("GITHUB_REPOSITORY", _REPOSITORY, "owner/name"),
    ("GITHUB_REPOSITORY_ID", _NUMBER, "a number"),
    ("GITHUB_REPOSITORY_OWNER_ID", _NUMBER, "a number"),
    ("GITHUB_RUN_ID", _NUMBER, "a number"),
    ("GITHUB_RUN_ATTEMPT", _NUMBER, "a number"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What asks for a delivery. Names are people's to choose: never put one into a command.

    Attributes:
        event: GitHub's event name, or ``by-hand``.
        ref: The full ref as GitHub or git gave it, unchecked; may be empty by hand.
        sha: The full id of the commit.
        actor: Who started it first; recorded, never decided by.
        triggering_actor: Who started this run or re-run; recorded, never decided by.
        repository: ``owner/name``.
        repository_id: GitHub's number for it, which survives a rename; may be empty.
        run_id: GitHub's number of the run.
        run_attempt: ``1``, or more for a re-run.
        workflow_ref: ``owner/name/.github/workflows/file.yml@ref``.
        url: Where the run can be looked at.
        created: Whether a push made the ref.
        deleted: Whether a push removed the ref.
        forced: Whether a push moved the ref to a commit that does not descend from the old one.
        before: What the ref pointed to before a push; empty where the event does not say.
        after: What the ref pointed to after it: the tag object's id for an annotated tag.
        pushed: When it was pushed, in UTC; ``None`` where the event does not say.
        fork: Whether the code comes from another repository than the one the run belongs to.
        owner_id: GitHub's number for the repository's owner; may be empty without a token.
        job_workflow_ref: The workflow that holds the job, which a reusable one is for itself;
            empty without a token, for no variable says it.
        runner: ``github-hosted`` or ``self-hosted``; may be empty without a token.
        environment: The GitHub environment that the job runs in, empty for none; only a token
            says it.
        proven: Whether GitHub signed what is said here (:mod:`shipway.policy.claims`).
    """

    event: str
    ref: str = ""
    sha: str = ""
    actor: str = ""
    triggering_actor: str = ""
    repository: str = ""
    repository_id: str = ""
    run_id: str = ""
    run_attempt: str = ""
    workflow_ref: str = ""
    url: str = ""
    created: bool = False
    deleted: bool = False
    forced: bool = False
    before: str = ""
    after: str = ""
    pushed: datetime | None = None
    fork: bool = False
    owner_id: str = ""
    job_workflow_ref: str = ""
    runner: str = ""
    environment: str = ""
    proven: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether a person asks, from a machine that is no GitHub runner."""
        return self.event == BY_HAND

    @property
    def rerun(self) -> bool:
        """Whether GitHub runs it again: the same event, perhaps long ago."""
        return self.run_attempt not in {"", "1"}

    @property
    def described(self) -> str:
        """A few words for a person: ``push of refs/heads/main``; safe to print whatever the ref."""
        return "by hand" if self.by_hand else f"{self.event} of {quoted(self.ref, plain=True)}"


def in_github(env: Mapping[str, str]) -> bool:
    """Whether GitHub Actions runs us (GitHub Docs, Variables reference: always ``true`` there)."""
    return env.get("GITHUB_ACTIONS") == "true"


def by_hand(*, sha: str = "", actor: str = "", ref: str = "", repository: str = "") -> Trigger:
    """The trigger of a person; ``ref`` is recorded and decides nothing."""
    return Trigger(
        event=BY_HAND,
        ref=ref,
        sha=sha,
        actor=actor,
        triggering_actor=actor,
        repository=repository,
    )


def from_github(env: Mapping[str, str], payload: Mapping[str, object] | None) -> Trigger:
    """Read GitHub's variables and the event's payload.

    Args:
        env: The process's environment.
        payload: The JSON object in the file that ``GITHUB_EVENT_PATH`` names; a push cannot be
            trusted without it, for only the payload tells a deletion from a push.

    Raises:
        RefusedError: A variable is missing or malformed, or two of them, or a variable and the
            payload, contradict each other; ``details`` holds one line for each.
    """
    payload = payload or {}
    problems = _variables(env)
    if not problems:
        problems = [*_ref(env), *_repository(env, payload)]
        if env["GITHUB_EVENT_NAME"] == "push":
            problems += _push(env, payload)
    if problems:
        raise RefusedError(
            "GitHub's variables do not describe one trigger",
            details=tuple(problems),
            remedy="run it from a workflow that leaves GitHub's variables alone. "
            "Nothing was built or changed.",
        )
    server, repository = env.get("GITHUB_SERVER_URL", ""), env["GITHUB_REPOSITORY"]
    return Trigger(
        event=env["GITHUB_EVENT_NAME"],
        ref=env["GITHUB_REF"],
        sha=env["GITHUB_SHA"],
        actor=env["GITHUB_ACTOR"],
        triggering_actor=env.get("GITHUB_TRIGGERING_ACTOR") or env["GITHUB_ACTOR"],
        repository=repository,
        repository_id=env.get("GITHUB_REPOSITORY_ID", ""),
        run_id=env["GITHUB_RUN_ID"],
        run_attempt=env["GITHUB_RUN_ATTEMPT"],
        workflow_ref=env.get("GITHUB_WORKFLOW_REF", ""),
        url=f"{server}/{repository}/actions/runs/{env['GITHUB_RUN_ID']}" if server else "",
        created=payload.get("created") is True,
        deleted=payload.get("deleted") is True,
        forced=payload.get("forced") is True,
        before=_text(payload, "before"),
        after=_text(payload, "after"),
        pushed=_pushed(payload),
        fork=_from_fork(env["GITHUB_EVENT_NAME"], payload),
        owner_id=env.get("GITHUB_REPOSITORY_OWNER_ID", ""),
        runner=env.get("RUNNER_ENVIRONMENT", ""),
    )


def half_in_github(env: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that only a job of GitHub Actions has, where ``GITHUB_ACTIONS`` denies being one.

    Whoever takes that one variable away would be a person at a keyboard, who may do other things.
    """
    return () if in_github(env) else tuple(name for name in _TRACES if env.get(name))


def _variables(env: Mapping[str, str]) -> list[str]:
    problems = [f"{name} is not set" for name in _REQUIRED if not env.get(name)]
    if not in_github(env):
        problems.insert(0, 'GITHUB_ACTIONS is not "true"')
    for name, shape, expected in _SHAPES:
        value = env.get(name, "")
        if value and not shape.fullmatch(value):
            problems.append(f"{name} should be {expected}, not {quoted(value)}")
    return problems


def _ref(env: Mapping[str, str]) -> list[str]:
    """``GITHUB_REF_TYPE`` and ``GITHUB_REF_NAME`` must say what ``GITHUB_REF`` says."""
    ref, kind = env["GITHUB_REF"], env["GITHUB_REF_TYPE"]
    problems = []
    for prefix, expected in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if ref.startswith(prefix) and kind != expected:
            problems.append(f"GITHUB_REF_TYPE is {quoted(kind)}, but GITHUB_REF is {quoted(ref)}")
    if kind == "tag" and not ref.startswith(("refs/tags/", "refs/heads/")):
        problems.append(f'GITHUB_REF_TYPE is "tag", but GITHUB_REF is {quoted(ref)}')
    name = env.get("GITHUB_REF_NAME", "")
    short = ref.removeprefix("refs/tags/" if kind == "tag" else "refs/heads/")
    if name and short not in (ref, name):
        problems.append(f"GITHUB_REF_NAME is {quoted(name)}, but GITHUB_REF is {quoted(ref)}")
    return problems


def _repository(env: Mapping[str, str], payload: Mapping[str, object]) -> list[str]:
    repository = payload.get("repository")
    if not isinstance(repository, Mapping):
        return []
    problems = []
    for variable, field in (("GITHUB_REPOSITORY", "full_name"), ("GITHUB_REPOSITORY_ID", "id")):
        value, in_event = env.get(variable, ""), repository.get(field)
        if value and in_event is not None and str(in_event) != value:
            problems.append(
                f"{variable} is {quoted(value)}, but the event's repository.{field} is "
                f"{quoted(str(in_event))}"
            )
    return problems


def _push(env: Mapping[str, str], payload: Mapping[str, object]) -> list[str]:
    """The payload of a push must be there and tell the same ref and commit.

    GitHub Docs, Webhook events and payloads, push. For an annotated tag ``after`` is the tag
    object's id while ``GITHUB_SHA`` is the commit's, which ``head_commit.id`` then is.
    """
    ref, after, before = (_text(payload, field) for field in ("ref", "after", "before"))
    problems = [
        f"the event's {field} is missing" for field in ("ref", "after") if not _text(payload, field)
    ]
    problems += [
        f"the event's {field} should be true or false"
        for field in ("created", "deleted", "forced")
        if not isinstance(payload.get(field, False), bool)
    ]
    if problems:
        return problems
    if ref != env["GITHUB_REF"]:
        problems.append(
            f"GITHUB_REF is {quoted(env['GITHUB_REF'])}, but the event's ref is {quoted(ref)}"
        )
    deleted = not after.strip("0")
    if deleted != (payload.get("deleted") is True):
        problems.append("the event's deleted and after contradict each other")
    if payload.get("created") is True and before.strip("0"):
        problems.append("the event's created and before contradict each other")
    head = payload.get("head_commit")
    commits = {after}
    if ref.startswith("refs/tags/") and isinstance(head, Mapping):
        commits.add(_text(head, "id"))
    if not deleted and env["GITHUB_SHA"] not in commits:
        problems.append(
            f"GITHUB_SHA is {quoted(env['GITHUB_SHA'])}, but the event's after is {quoted(after)}"
        )
    return problems


def _from_fork(event: str, payload: Mapping[str, object]) -> bool:
    """Whether a pull request's, or a triggering run's, head is another repository.

    GitHub Docs, Webhook events and payloads: ``head.repo`` is null when the fork was deleted.
    """
    if event.startswith("pull_request"):
        pull = payload.get("pull_request")
        head = pull.get("head") if isinstance(pull, Mapping) else None
        source = head.get("repo") if isinstance(head, Mapping) else None
    elif event == "workflow_run":
        run = payload.get("workflow_run")
        source = run.get("head_repository") if isinstance(run, Mapping) else None
    else:
        return False
    repository = payload.get("repository")
    if not isinstance(source, Mapping) or not isinstance(repository, Mapping):
        return True
    return any(source.get(field) != repository.get(field) for field in ("id", "full_name"))


def _pushed(payload: Mapping[str, object]) -> datetime | None:
    """``repository.pushed_at``, which a push gives in seconds since 1970 (the same page).

    A re-run is given the payload of the first attempt, so it tells when the event was.
    """
    repository = payload.get("repository")
    seconds = repository.get("pushed_at") if isinstance(repository, Mapping) else None
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _text(mapping: Mapping[str, object], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
