"""From what GitHub signed to the trigger: the claims decide, and everything else must agree.

Pure: the token was verified by :mod:`shipway.github.oidc`, the claims are given here. The runner's
variables and the event's payload lie where any step of the job can change them; the claims do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shipway.errors import RefusedError
from shipway.policy.pattern import quoted
from shipway.policy.trigger import Trigger, from_github

Claims = Mapping[str, object]

AUDIENCE = "shipway"
"""The audience of the token that the gate asks for: one that is good for nothing else."""

# GitHub Docs, OpenID Connect reference: the claims that every token has, and the variable that
# says the same (Variables reference). `job_workflow_ref` has none. The actor is recorded, never
# decided by, and a re-run may give another one: he is not compared.
_SAME = {
    "event_name": "GITHUB_EVENT_NAME",
    "ref": "GITHUB_REF",
    "ref_type": "GITHUB_REF_TYPE",
    "sha": "GITHUB_SHA",
    "repository": "GITHUB_REPOSITORY",
    "repository_id": "GITHUB_REPOSITORY_ID",
    "repository_owner_id": "GITHUB_REPOSITORY_OWNER_ID",
    "run_id": "GITHUB_RUN_ID",
    "run_attempt": "GITHUB_RUN_ATTEMPT",
    "workflow_ref": "GITHUB_WORKFLOW_REF",
    "runner_environment": "RUNNER_ENVIRONMENT",
}
_NEEDED = (*_SAME, "job_workflow_ref")
_MAY_BE = ("environment",)


def prove(claims: Claims, env: Mapping[str, str], payload: Mapping[str, object] | None) -> Trigger:
    """The trigger that GitHub signed.

    Args:
        claims: The claims of a verified token.
        env: The process's environment.
        payload: The event, as ``GITHUB_EVENT_PATH`` holds it: it alone says whether a ref was
            created or deleted.

    Raises:
        RefusedError: A claim is missing, or a variable or the event says something else;
            ``details`` names every difference.
    """
    problems = [f"the token has no claim {name}" for name in _NEEDED if not _text(claims, name)]
    problems += [
        f"the token's claim {name} should be a text"
        for name in _MAY_BE
        if not isinstance(claims.get(name, ""), str)
    ]
    problems += [
        f"{variable} is {quoted(env[variable])}, but GitHub signed {name} "
        f"{quoted(_text(claims, name))}"
        for name, variable in _SAME.items()
        if _text(claims, name) and env.get(variable) and env[variable] != _text(claims, name)
    ]
    unproven: Trigger | None = None
    try:
        unproven = from_github(env, payload)
    except RefusedError as error:
        problems += error.details
    if problems or unproven is None:
        raise RefusedError(
            "what GitHub signed and what this job says differ",
            details=tuple(problems),
            remedy="run it from a workflow that leaves GitHub's variables alone. "
            "Nothing was built or changed.",
        )
    return replace(
        unproven,
        event=_text(claims, "event_name"),
        ref=_text(claims, "ref"),
        sha=_text(claims, "sha"),
        repository=_text(claims, "repository"),
        repository_id=_text(claims, "repository_id"),
        owner_id=_text(claims, "repository_owner_id"),
        run_id=_text(claims, "run_id"),
        run_attempt=_text(claims, "run_attempt"),
        workflow_ref=_text(claims, "workflow_ref"),
        job_workflow_ref=_text(claims, "job_workflow_ref"),
        runner=_text(claims, "runner_environment"),
        environment=_text(claims, "environment"),
        proven=True,
    )


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
