"""What of a workflow follows from the contract: its triggers and its job, in marked regions.

Pure. "Workflow syntax for GitHub Actions" (GitHub Docs). Everything between two markers is ours;
all else is the repository's, as long as it stays out of what the regions decide.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shipway.config.environment import RUNS_WAIT
from shipway.config.load import DeliveryFile
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, configuration_error
from shipway.errors import ConfigurationError
from shipway.policy.compile import job_condition, trust
from shipway.policy.compile.resources import audience_of
from shipway.policy.contract import Contract
from shipway.policy.pattern import BRANCHES, TAGS

BUILD_SECONDS: Final = 900
"""What a runner may take to install, build and publish, before a rollout begins."""
ROLLBACK_SECONDS: Final = 600
"""What a roll-back may take after a rollout used its time up (``Policy.rollback_timeout``)."""
_DEFAULT_TIMEOUT: Final = 900
_DEFAULT_VERIFY: Final = 60
_DEFAULT_HOLD: Final = 60
_DEFAULT_JOB: Final = 900
_LONGEST_JOB: Final = 21600
"""Seconds after which GitHub ends a job of a runner of its own ("Actions limits", GitHub Docs)."""
_STEP_MINUTES: Final = 5
_SHORTEST_SESSION: Final = 3600
_LONGEST_SESSION: Final = 43200

# Events that carry a tag or branch and need nothing beside their name in `on:`.
_PLAIN: Final = {
    "release": ("    types:", "      - published"),
    "repository_dispatch": (),
    "workflow_dispatch": (),
    "deployment": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Lines that stand between ``# >>> name`` and ``# <<< name``.

    Attributes:
        name: What it is called in its markers.
        lines: Its content, indented as it stands in the file.
        what: For people: what it decides.
    """

    name: str
    lines: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a job and its credentials may last: more than a rollout with its roll-back."""

    minutes: int
    session: int


def budget(contract: Contract, delivery: DeliveryFile) -> Budget:
    """Derived from the time-outs in delivery.toml of every environment an event leads to.

    All services of an environment roll out at once, are verified one after the other, and held at
    once; its jobs run one after the other.

    Raises:
        ConfigurationError: A hold is so long that neither a job nor a role's session lasts to its
            end.
    """
    longest = 0
    for name in trust.environments(contract):
        table = delivery.document.table["environments"][name]
        services: Collection[dict[str, Any]] = table["services"].values()
        default = _seconds(table.get("timeout"), _DEFAULT_TIMEOUT)
        rollout = max(_seconds(service.get("timeout"), default) for service in services)
        verify = sum(
            _seconds(service.get("verify_timeout"), _DEFAULT_VERIFY) for service in services
        )
        hold = max(_hold(table, service) for service in services)
        # One after the other; those by hand are no part of a delivery.
        jobs = sum(
            _seconds(job.get("timeout"), _DEFAULT_JOB)
            for job in table.get("jobs", {}).values()
            if job["when"] != "by-hand"
        )
        wait = _wait(table.get("lock", {}))
        rest = BUILD_SECONDS + wait + jobs + rollout + verify + ROLLBACK_SECONDS
        _check_hold(contract, delivery, name, rest=rest)
        longest = max(longest, wait + jobs + rollout + verify + hold)
    seconds = BUILD_SECONDS + longest + ROLLBACK_SECONDS
    minutes = math.ceil(seconds / 60 / _STEP_MINUTES) * _STEP_MINUTES
    session = min(_LONGEST_SESSION, max(_SHORTEST_SESSION, minutes * 60))
    return Budget(minutes=minutes, session=session)


def _wait(lock: Mapping[str, Any]) -> int:
    """How long a run waits for the environment's lock."""
    return _seconds(lock.get("wait"), RUNS_WAIT) if lock.get("use", True) else 0


def _hold(table: Mapping[str, Any], service: Mapping[str, Any]) -> int:
    return _seconds(service.get("hold"), _seconds(table.get("hold"), _DEFAULT_HOLD))


def _check_hold(contract: Contract, delivery: DeliveryFile, name: str, *, rest: int) -> None:
    """Refuse a hold that is written out and cannot be watched to its end.

    Raises:
        ConfigurationError: It, with everything before and after, outlasts a job or a session.
    """
    document = delivery.document
    environment = document.table["environments"][name]
    hosted = contract.source is not None and contract.source.runner == "github-hosted"
    limit, what = (
        (_LONGEST_JOB, "a job of a GitHub-hosted runner")
        if hosted
        else (_LONGEST_SESSION, "the longest session of a role")
    )
    path: KeyPath = ("environments", name)
    written = [((*path, "hold"), environment.get("hold"))] + [
        ((*path, "services", key, "hold"), service.get("hold"))
        for key, service in environment["services"].items()
    ]
    problems = [
        Problem(
            path=at,
            text=f"{seconds} seconds cannot be held: {what} ends after {limit} s, and build, "
            f"rollout, verification and roll-back may take {rest} s of them",
        )
        for at, value in written
        if value is not None and (seconds := _seconds(value, 0)) and seconds + rest > limit
    ]
    if problems:
        raise configuration_error(problems, path=document.path, lines=document.lines)


def _seconds(value: object, otherwise: int) -> int:
    """A time that the file spells out; one that it refers to is known to AWS alone."""
    text = str(value)
    return int(text) if text.isdigit() else otherwise


def audiences(contract: Contract, delivery: DeliveryFile) -> dict[str, str]:
    """What a token is for, by the environment that an event leads to."""
    tables = delivery.document.table["environments"]
    return {name: audience_of(tables[name]["region"]) for name in trust.environments(contract)}


def regions(
    contract: Contract, time: Budget, audiences: Mapping[str, str] | None = None
) -> tuple[Region, ...]:
    """Every region of the workflow.

    Args:
        contract: The release contract.
        time: How long it may take.
        audiences: What a token is for, by environment; one that is not named is in AWS's first
            partition, for which the OIDC step needs no word.

    Raises:
        ConfigurationError: The contract has no event, does not say which repository it is about,
            or names an event that needs more than the contract knows.
    """
    if contract.source is None or not contract.triggers:
        raise ConfigurationError(
            "no event of the contract can start a workflow",
            where=contract.path,
            remedy="add [github] and an [[allow]] with an event such as push",
        )
    return (
        Region(name="on", lines=tuple(_on(contract)), what="the events and refs that start it"),
        Region(
            name="job", lines=tuple(_job(contract, time)), what="who passes, where, for how long"
        ),
        # A called workflow has the OIDC step, and its own repository says how long it lasts.
        *(() if contract.source.called_workflow else (_session(contract, time, audiences or {}),)),
    )


def _session(contract: Contract, time: Budget, audiences: Mapping[str, str]) -> Region:
    lines = [f"role-duration-seconds: {time.session}"]
    if any(audience != trust.AUDIENCE for audience in audiences.values()):
        chosen = job_condition.choice(
            contract.triggers,
            lambda entry: audiences.get(entry.environments[0], trust.AUDIENCE),
        )
        lines.append(f"audience: {chosen}")
    return Region(
        name="session",
        lines=tuple(f"          {line}" for line in lines),
        what="how long the credentials last, and for whose STS they are"
        if lines[1:]
        else "how long the credentials last",
    )


def _on(contract: Contract) -> list[str]:
    lines = ["on:"]
    pushed = [entry.ref for entry in contract.triggers if entry.event == "push"]
    if pushed:
        lines.append("  push:")
        for key, prefix in (("branches", BRANCHES), ("tags", TAGS)):
            names = [ref.removeprefix(prefix) for ref in pushed if ref.startswith(prefix)]
            if names:
                lines.append(f"    {key}:")
                lines += [f"      - {_pattern(name)}" for name in dict.fromkeys(names)]
    for event in dict.fromkeys(
        trigger.event for trigger in contract.triggers if trigger.event != "push"
    ):
        if event not in _PLAIN:
            entry = next(trigger for trigger in contract.triggers if trigger.event == event)
            raise ConfigurationError(
                f"a workflow cannot be rendered for the event {event}: "
                "the contract does not say when it comes",
                where=f"{contract.path}:{entry.lines.get('event', entry.line)}",
                remedy="dispatch the workflow from a scheduled one, and allow workflow_dispatch",
            )
        lines += [f"  {event}:", *_PLAIN[event]]
    return lines


def _pattern(name: str) -> str:
    return f'"{name}"' if "*" in name else name


def _job(contract: Contract, time: Budget) -> list[str]:
    entries = contract.triggers

    def environment(name: str) -> str:
        return contract.environment_policy(name).github_environment

    github_environment = job_condition.choice(
        entries, lambda entry: environment(entry.environments[0])
    )
    place = job_condition.choice(entries, lambda entry: entry.environments[0])
    lines = [
        "# It holds where `on:` is ignored. GitHub compares without case; the gate and AWS",
    ]
    lines += ["# compare every character.", "if: >-"]
    lines += [f"  {part}" for part in job_condition.job_condition(contract)]
    called = contract.source.called_workflow if contract.source else ""
    tells = contract.source is not None and contract.source.deployments
    if called:
        lines += _call(called, github_environment)
    elif github_environment and tells:
        lines += [
            "environment:",
            f"  name: {github_environment}",
            "  url: ${{ steps.deploy.outputs.url }} # of what was delivered; none before that",
        ]
    elif github_environment:
        lines.append(f"environment: {github_environment}")
    lines += [
        "# One delivery at a time to each environment, and none is dropped while it waits.",
        "concurrency:",
        f"  group: deploy-{place}",
        "  cancel-in-progress: false",
        "  queue: max",
        "permissions:",
        "  contents: read # checkout, and where a tag points now",
        "  id-token: write # the gate's proof, and AWS by OIDC: no key is stored anywhere",
    ]
    if tells:
        lines.append("  deployments: write # the environment page says what was delivered")
    if not called:
        lines.append(
            f"timeout-minutes: {time.minutes} # build, rollout, roll-back and verification"
        )
    return [f"    {line}" for line in lines]


def _call(called: str, github_environment: str) -> list[str]:
    """The call of the workflow that holds the job, at the very ref that the contract pins.

    "Reuse workflows" (GitHub Docs): a job that calls one has neither an environment nor a time-out
    of its own, so the environment is handed on as an input.
    """
    file, _, ref = called.partition("@")
    lines = [f"uses: {file}@{ref.removeprefix(BRANCHES).removeprefix(TAGS)}"]
    if github_environment:
        lines += ["with:", f"  environment: {github_environment}"]
    return lines
