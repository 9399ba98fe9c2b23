"""The environments of the embedded world, each in an account of its own, as at AWS.

The world knows no release contract: it is handed what is rendered here. The roles of staging and
production are those of ``ci/iam`` to the letter, which a test compares: a rehearsal proves what
will be applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shipway.policy.compile import bootstrap_template
from shipway.policy.compile.permissions import statement
from shipway.policy.compile.resources import Resources
from shipway.policy.contract import TASKS, Contract, ContractEntry, EnvironmentPolicy, Source, Task
from shipway_sandbox.compute import Layer
from shipway_sandbox.github import GITHUB, GithubRepository, Run
from shipway_sandbox.plan import WorldPlan

_REPOSITORY: Final = GithubRepository()

SESSION_SECONDS: Final = 3600
"""How long a session of a deploy role may last."""

_SOURCE: Final = Source(
    repository=GITHUB,
    repository_id=_REPOSITORY.id,
    owner_id=_REPOSITORY.owner_id,
    workflow=Run().path,
)
_LAPTOP_REF: Final = "refs/heads/laptop"
LAPTOP: Final[Mapping[str, str]] = {
    "sub": f"repo:{GITHUB}:environment:local",
    "repository": GITHUB,
    "repository_id": str(_SOURCE.repository_id),
    "repository_owner_id": str(_SOURCE.owner_id),
    "environment": "local",
    "ref": _LAPTOP_REF,
    "job_workflow_ref": f"{GITHUB}/{_SOURCE.workflow}@{_LAPTOP_REF}",
}
"""The claims by which a person at a keyboard gets the local environment's role.

There is no GitHub on a laptop: this stands for how people sign in at AWS.
"""


def _entry(name: str, ref: str, environment: str, tasks: tuple[Task, ...]) -> ContractEntry:
    return ContractEntry(name=name, event="push", ref=ref, environments=(environment,), tasks=tasks)


_ENTRIES: Final = (
    _entry("laptop", _LAPTOP_REF, "local", TASKS),
    _entry("main", "refs/heads/main", "staging", ("build", "publish")),
    _entry("stable", "refs/tags/*-stable", "production", TASKS),
)

CONTRACT: Final = Contract(
    path="ci/release.toml",
    entries=_ENTRIES,
    source=_SOURCE,
    environment_policies=tuple(
        EnvironmentPolicy(environment=name, role=f"shop-deploy-{name}", github_environment=name)
        for name in ("local", "staging", "production")
    ),
)
"""What the sandbox's roles are rendered from."""

# What a person may look at when something is misspelt; no run in CI needs it.
_PERSON: Final = (
    statement(
        "SayWhatIsThere",
        ["ecs:ListServices", "ssm:GetParametersByPath"],
        ["*"],
    ),
)


def _layer(environment: str) -> Layer:
    local = environment == "local"
    published = ("cluster", "repository", "service", *(("url",) if local else ()))
    needs = Resources(
        environment=environment,
        services=("web",),
        parameters=tuple(f"/shop/{environment}/{name}" for name in published),
        stacks=() if local else (f"shop-{environment}",),
    )
    further = _PERSON if local else ()
    access = bootstrap_template.compose(CONTRACT, needs, session=SESSION_SECONDS, further=further)
    return Layer(environment=environment, repository=f"shop-{environment}", access=access)


PLAN: Final = WorldPlan(
    layers=tuple(_layer(name) for name in ("local", "staging", "production")), person=LAPTOP
)
"""What the embedded world is made of."""
