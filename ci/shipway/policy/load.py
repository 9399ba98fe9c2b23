"""Read ``ci/release.toml``: every problem at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shipway.config.document import TomlDocument, parse, read
from shipway.config.positions import KeyPath
from shipway.config.problems import NOT_WRITTEN, Problem, configuration_error, line_of, nearest
from shipway.config.rules import problems_of, shown
from shipway.errors import ConfigurationError
from shipway.policy import contradictions, semantic_checks
from shipway.policy.contract import PRUNE, ROLLBACK, TASKS, Contract, ContractEntry, Task
from shipway.policy.requirements import EnvironmentPolicy, Freeze, Rules, Source
from shipway.policy.tables import AllowTable, ContractTable, EnvironmentPolicyTable, GithubTable

Lines = Mapping[KeyPath, int]
"""Where everything stands."""
Keys = Mapping[KeyPath, Mapping[str, int]]
"""Where the keys of each table stand."""


def load(file: Path) -> Contract:
    """Read and check the file.

    Raises:
        ConfigurationError: It is not there, not TOML, or says something wrong or contradictory;
            ``details`` holds one line for each problem.
    """
    return _contract(read(file, remedy=NOT_WRITTEN))


def load_bytes(content: bytes, path: str) -> Contract:
    """The same for bytes that were read elsewhere.

    Args:
        content: What the file holds.
        path: What it is called in messages.

    Raises:
        ConfigurationError: As :func:`load`.
    """
    return _contract(parse(content, path))


def _contract(document: TomlDocument) -> Contract:
    lines = document.lines
    problems: list[Problem] = []
    try:
        ContractTable.model_validate(document.table)
    except ValidationError as error:
        problems += problems_of(error, ContractTable)
    allows = dict(_valid_entries(document.table.get("allow")))
    environment_policies = dict(_valid_environment_policies(document.table.get("environments")))
    for index, allow in allows.items():
        problems += semantic_checks.problems(("allow", index), allow)
    problems += contradictions.between_entries(allows, lines)
    # Half a file would contradict itself where the other half is only misspelt.
    if not problems:
        problems += contradictions.between_tables(
            allows, environment_policies, lines, source="github" in document.table
        )
    if problems:
        raise configuration_error(problems, path=document.path, lines=lines)
    keys = _keys_by_table(lines)
    return Contract(
        path=document.path,
        sha256=document.sha256,
        entries=tuple(_entry(index, allow, lines, keys) for index, allow in allows.items()),
        source=_source(document.table.get("github"), lines, keys),
        environment_policies=tuple(
            _environment_policy(name, environment_policy, lines, keys)
            for name, environment_policy in environment_policies.items()
        ),
        contract_from=str(document.table.get("contract_from", "")),
    )


def check_environments(contract: Contract, names: Sequence[str]) -> None:
    """Every environment of the contract must be one of delivery.toml's.

    Raises:
        ConfigurationError: One is not; with the line in release.toml.
    """
    details = tuple(
        f"{contract.path}:{entry.environment_line}  {entry.name}: "
        f"there is no environment {shown(name)}{nearest(name, names)}"
        for entry in contract.entries
        for name in entry.environments
        if name not in names
    )
    if details:
        raise ConfigurationError(
            f"{contract.path} leads to environments that are not configured",
            details=details,
            remedy=f"name one of {', '.join(names)}, or add it to delivery.toml",
        )


def _valid_entries(tables: object) -> Iterator[tuple[int, AllowTable]]:
    """The entries whose keys and kinds of values are right, for the checks of what they mean."""
    for index, table in enumerate(tables if isinstance(tables, list) else []):
        try:
            yield index, AllowTable.model_validate(table)
        except ValidationError:
            continue


def _valid_environment_policies(tables: object) -> Iterator[tuple[str, EnvironmentPolicyTable]]:
    for name, table in tables.items() if isinstance(tables, dict) else ():
        try:
            yield name, EnvironmentPolicyTable.model_validate(table)
        except ValidationError:
            continue


def _tasks(named: Sequence[str]) -> tuple[Task, ...]:
    """An entry's tasks, which :mod:`.semantic_checks` found to be right."""
    row = [task for task in named if task != PRUNE]
    tasks = (ROLLBACK,) if row == [ROLLBACK] else TASKS[: len(row)]
    return (*tasks, PRUNE) if PRUNE in named else tasks


def _entry(index: int, allow: AllowTable, lines: Lines, keys: Keys) -> ContractEntry:
    at: KeyPath = ("allow", index)
    return ContractEntry(
        name=allow.name,
        event=allow.event,
        ref=allow.ref,
        environments=semantic_checks.environments(allow),
        tasks=_tasks(allow.tasks),
        rules=Rules(
            first_parent_of=allow.first_parent_of,
            tag_kind=allow.tag_kind,
            signed_by=tuple(allow.signed_by),
            tag_must_be_new=allow.tag_must_be_new,
            refuse_rerun_when_newer=allow.refuse_rerun_when_newer,
        ),
        line=lines[at],
        environment_line=line_of((*at, semantic_checks.environment_key(allow)), lines),
        lines=keys.get(at, {}),
    )


def _source(table: Any, lines: Lines, keys: Keys) -> Source | None:
    if table is None:
        return None
    github = GithubTable.model_validate(table)
    return Source(
        repository=github.repository,
        repository_id=github.repository_id,
        owner_id=github.owner_id,
        workflow=github.workflow,
        called_workflow=github.called_workflow,
        subject_claims=tuple(github.subject_claims),
        issuer=github.issuer,
        runner=github.runner,
        deployments=github.deployments,
        line=lines[("github",)],
        lines=keys.get(("github",), {}),
    )


def _environment_policy(
    name: str, environment_policy: EnvironmentPolicyTable, lines: Lines, keys: Keys
) -> EnvironmentPolicy:
    at: KeyPath = ("environments", name)
    default = "github_environment" not in environment_policy.model_fields_set
    return EnvironmentPolicy(
        environment=name,
        role=environment_policy.role,
        by_hand_role=environment_policy.by_hand_role,
        by_hand_principals=tuple(environment_policy.by_hand_principals),
        role_path=environment_policy.role_path,
        permissions_boundary=environment_policy.permissions_boundary,
        trust_policy_quota=environment_policy.trust_policy_quota,
        github_environment=name if default else environment_policy.github_environment,
        short_lived_keys_only=environment_policy.short_lived_keys_only,
        after=environment_policy.after,
        not_older=environment_policy.not_older,
        freeze=tuple(
            Freeze(
                name=freeze.name,
                start=freeze.start,
                end=freeze.until,
                reason=freeze.reason,
                line=line_of((*at, "freeze", index), lines),
            )
            for index, freeze in enumerate(environment_policy.freeze)
        ),
        line=line_of(at, lines),
        lines=keys.get(at, {}),
    )


def _keys_by_table(lines: Lines) -> Keys:
    """Where the keys of each table stand."""
    keys: dict[KeyPath, dict[str, int]] = {}
    for path, line in lines.items():
        keys.setdefault(path[:-1], {})[str(path[-1])] = line
    return keys
