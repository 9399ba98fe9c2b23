"""``inv contract``: what the contract is compiled to, and every difference from it, by line.

The rule is written once, in ``ci/release.toml``. The gate reads it; the workflow and the IAM
documents are rendered from it and compared with what is committed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipway.cli.run_command import run_command
from shipway.config import load as delivery_file
from shipway.config.load import DeliveryFile
from shipway.console import Console
from shipway.errors import ConfigurationError, DriftError
from shipway.git import checkout
from shipway.image.dockerfile import missing_bases
from shipway.policy import load as contract_file
from shipway.policy.compile import bootstrap_template, drift, roles, trust, workflow
from shipway.policy.compile.drift import Difference
from shipway.policy.compile.job_condition import looser_than
from shipway.policy.compile.workflow import Region
from shipway.policy.contract import Contract
from shipway.policy.requirements import Runner
from shipway.util import regular

_CONTRACT = "ci/release.toml"
_DELIVERY = "ci/delivery.toml"
_DOCUMENTS = "ci/iam"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledContract:
    """What workflow and IAM documents must hold, compiled from the contract.

    Attributes:
        workflow: The workflow's file, from the repository's root.
        regions: What its marked regions must hold.
        documents: Every IAM template by its file, from the repository's root.
        runner: What kind of runner must run the job.
    """

    workflow: str
    regions: tuple[Region, ...]
    documents: Mapping[str, str]
    runner: Runner = "github-hosted"


def run(*, write: bool, json: bool) -> int:
    """Show the contract, then compare the three places or render two of them."""

    def work(console: Console) -> int:
        root = Path(os.path.relpath(checkout.root(Path.cwd())))
        contract, delivery = read(root)
        console.table("Release contract", _COLUMNS, table(contract))
        compiled = render(contract, delivery)
        _say_looser(contract, compiled, console)
        if write:
            for name in write_files(root, compiled):
                console.say(f"written: {name}")
        differing = differences(root, compiled)
        if differing:
            raise drift_error(differing, checkout.changed(root, (_CONTRACT, _DELIVERY)))
        console.say(no_difference(compiled))
        return 0

    return run_command(work, interrupted="run it again: it shows every difference", json=json)


def read(root: Path) -> tuple[Contract, DeliveryFile]:
    """The contract and the environments, each checked, and against each other.

    Raises:
        ConfigurationError: One of them is wrong, with the line.
    """
    contract = contract_file.load(root / _CONTRACT)
    delivery = delivery_file.load(root / _DELIVERY)
    contract_file.check_environments(contract, delivery.names)
    return contract, delivery


def render(contract: Contract, delivery: DeliveryFile) -> CompiledContract:
    """The regions of the workflow and every IAM template.

    Raises:
        ConfigurationError: The contract holds something that no workflow can say.
    """
    time = workflow.budget(contract, delivery)
    bases = bases_of(delivery)
    # People need no workflow: a contract that is about them alone has roles to render, or nothing.
    audiences = workflow.audiences(contract, delivery)
    stands = bool(contract.source or contract.triggers)
    regions = workflow.regions(contract, time, audiences) if stands else ()
    return CompiledContract(
        workflow=contract.source.workflow if contract.source and regions else "",
        regions=regions,
        documents={
            bootstrap_template.file_of(name): bootstrap_template.render(
                contract, delivery.environment(name), session=time.session, bases=bases
            )
            for name in roles.environments(contract)
        },
        runner=contract.source.runner if contract.source else "any",
    )


def bases_of(delivery: DeliveryFile) -> tuple[str, ...]:
    """What the Dockerfiles start from, as far as they can be read: a role may have to read it."""
    table = delivery.document.table
    images = table.get("images", {}).values() or [table.get("image", {})]
    root = Path(delivery.document.path).parent.parent
    return tuple(dict.fromkeys(base for image in images for base in _bases(root, image)))


def _bases(root: Path, image: Mapping[str, Any]) -> tuple[str, ...]:
    dockerfile = root / str(image.get("context", ".")) / str(image.get("dockerfile", "Dockerfile"))
    try:
        text = regular.text(dockerfile)
    except OSError:
        return ()
    arguments = {name: str(value) for name, value in image.get("build_args", {}).items()}
    return missing_bases(text, arguments)


def differences(root: Path, compiled: CompiledContract) -> tuple[Difference, ...]:
    """Everything in the repository that is not as the contract says."""
    differing: list[Difference] = []
    if compiled.workflow:
        differing += drift.compare_regions(
            compiled.workflow,
            _text(root / compiled.workflow),
            compiled.regions,
            runner=compiled.runner,
        )
    for name, expected in compiled.documents.items():
        differing += drift.compare_file(name, _text(root / name), expected, "the deploy roles")
    for file in sorted((root / _DOCUMENTS).glob("*.yaml")):
        name = f"{_DOCUMENTS}/{file.name}"
        if name not in compiled.documents:
            what = "no role is made for this environment: remove the file"
            differing.append(Difference(path=name, line=1, what=what))
    return tuple(differing)


def drift_error(differences: tuple[Difference, ...], changed: tuple[str, ...] = ()) -> DriftError:
    """One error with every line of every difference, and the remedy: render anew.

    Args:
        differences: At least one.
        changed: Which of the two files that are rendered was edited since the last commit.
    """
    count = "1 place differs" if len(differences) == 1 else f"{len(differences)} places differ"
    were = "were" if len(changed) > 1 else "was"
    edited = f"{' and '.join(changed)} {were} edited: " if changed else ""
    return DriftError(
        f"{count} from what {_CONTRACT} and {_DELIVERY} say",
        details=tuple(line for difference in differences for line in difference.lines),
        remedy=f"{edited}render them: nox -s contract -- --write; what was edited in a rendered "
        f"place belongs into {_CONTRACT} or {_DELIVERY}",
    )


def no_difference(compiled: CompiledContract) -> str:
    """That nothing differs, with every file from the repository's top, as differences have it."""
    files = (_CONTRACT, compiled.workflow, *compiled.documents)
    return f"No difference: {', '.join(name for name in files if name)}"


def write_files(root: Path, compiled: CompiledContract) -> tuple[str, ...]:
    """Render what differs into the repository; the files that changed.

    Raises:
        ConfigurationError: The workflow is missing, or has no place for a region; or a file leads
            out of the repository, and nothing was written.
    """
    files = dict(compiled.documents)
    if compiled.workflow:
        text = _text(root / compiled.workflow)
        if text is None:
            raise ConfigurationError(
                f"there is no {compiled.workflow}",
                where=_CONTRACT,
                remedy="write it: shipway init",
            )
        filled = drift.fill_regions(compiled.workflow, text, compiled.regions)
        files = {compiled.workflow: filled, **files}
    changed = [name for name, content in files.items() if _text(root / name) != content]
    for name in changed:
        if regular.leads_out(root / name, root):
            raise ConfigurationError(
                f"{name} leads out of the repository; nothing was written",
                remedy="put a file there, and no link to one elsewhere",
            )
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(files[name], encoding="utf-8")
    return tuple(changed)


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", where=str(file), remedy="see that it is a text of yours"
        ) from error


_COLUMNS = ("entry", "trigger", "environment", "tasks", "role")


def table(contract: Contract) -> tuple[tuple[str, ...], ...]:
    """The contract for people: one row for each entry."""
    rows = []
    for entry in contract.entries:
        by_hand = entry not in contract.triggers
        names = {
            contract.environment_policy(name).role_for(by_hand=by_hand)
            for name in entry.environments
        }
        roles = sorted(
            "any identity of the account" if name in {"", "*"} else name for name in names
        )
        places, tasks = ", ".join(entry.environments), ", ".join(entry.tasks)
        rows.append((entry.name, entry.rule, places, tasks, ", ".join(roles)))
    return tuple(rows)


def _say_looser(contract: Contract, compiled: CompiledContract, console: Console) -> None:
    for name in roles.environments(contract):
        if trust.is_folded(contract, name):
            console.say(
                f"{name}: its trust policy would be too long with a statement for each entry; "
                "entries share one, and the gate compares the workflow's ref with the run's"
            )
    for entry in contract.triggers:
        if note := looser_than(entry):
            console.say(f"{entry.name}: the guard of {compiled.workflow} is wider: {note}")
