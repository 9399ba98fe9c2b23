"""What stands behind ``shipway init``: look, ask what cannot be seen, show, write."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shipway.adoption import cloud, contract_files, locks, look, plan, schemas
from shipway.adoption.answers import Answers, InitOptions, decide, name_of
from shipway.adoption.change import FileChange, read, write
from shipway.adoption.facts import Cloud, Dockerfile, Remote
from shipway.cli.contract import CompiledContract, render
from shipway.cli.contract import read as read_contract
from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.console.safe import clean
from shipway.errors import (
    AwsError,
    CancelledError,
    ConfigurationError,
    CredentialsError,
    UsageError,
)
from shipway.git import checkout
from shipway.github import repositories
from shipway.wiring import inventory, resolver

_NOTHING = "nothing was written"
# Files that nobody reads line by line.
_LONG = frozenset({*locks.LOCKS, *schemas.SCHEMAS.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Whoever sits there, or nobody: then the default is the answer."""

    console: Console
    present: bool

    def ask(self, question: str, default: str) -> str:
        """An answer; an empty line is the default.

        Raises:
            CancelledError: The input has ended (Ctrl-D): nobody said yes.
        """
        if not self.present:
            return default
        # Both may name files of the repository, whose names hold whatever a file's can.
        sys.stdout.write(f" ? {clean(question)}  [{clean(default)}] ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise CancelledError("the input has ended", remedy=_NOTHING)
        return line.strip() or default

    def agrees(self) -> bool:
        """Whether the files are to be written."""
        return self.present and self.ask("write these files?", "yes").lower() in {"y", "yes"}


def run(wanted: InitOptions, *, yes: bool, offline: bool, json: bool) -> int:
    """Write what a delivery from this repository needs; gives the exit code."""

    def work(console: Console) -> int:
        wanted.check()
        if offline and wanted.from_service:
            raise UsageError(
                "a service cannot be looked at without asking AWS",
                where="--offline",
                remedy="leave out --offline or --from-service",
            )
        root = Path(os.path.relpath(checkout.root(Path.cwd())))
        person = _Person(console=console, present=sys.stdin.isatty() and not yes and not json)
        changes = _changes(root, wanted, person, offline=offline)
        if not changes:
            console.say("Nothing to do: everything that a delivery needs is here.")
            return 0
        _show(changes, console)
        if not yes and not person.agrees():
            raise UsageError(
                f"it was not confirmed; {_NOTHING}",
                remedy="answer yes on a terminal, or say --yes",
            )
        write(root, changes)
        console.say(f"written: {', '.join(change.path for change in changes)}")
        texts = [change.after for change in changes if change.path in locks.LOCKS]
        if note := locks.note_of(texts, partial(checkout.ignored_by, root)):
            console.say(note)
        _next(console)
        return 0

    return run_command(work, interrupted=_NOTHING, json=json)


def _changes(
    root: Path, wanted: InitOptions, person: _Person, *, offline: bool
) -> tuple[FileChange, ...]:
    """Everything that is to be written, decided before anything is."""
    if plan.contract_is_there(root):
        contract, delivery = read_contract(root)
        image = delivery.document.table.get("image", {})
        context = str(image.get("context", "."))
        name = str(Path(context, str(image.get("dockerfile", "Dockerfile"))))
        dockerfile = Dockerfile(path=name, context=context)
        texts: Mapping[str, str] = {}
        rendered = render(contract, delivery)
    else:
        answers = _answers(root, wanted, person, offline=offline)
        place = plan.workflow_place(root)
        dockerfile = answers.dockerfile
        texts = {
            contract_files.RELEASE: contract_files.release(answers, place),
            contract_files.DELIVERY: contract_files.delivery(answers),
        }
        rendered = _render(texts)
    missing = [lock for lock in locks.LOCKS if read(root, lock) is None]
    if missing:
        person.console.say("resolving shipway and all it needs, with hashes")
    return plan.changes(
        root,
        dockerfile,
        contract=texts,
        workflow=rendered.workflow,
        regions=rendered.regions,
        rendered=rendered.documents,
        locks=locks.all_resolved(root, resolver(), wanted=missing),
    )


def _render(texts: Mapping[str, str]) -> CompiledContract:
    """What the contract makes of workflow and roles; its files are checked as they will be read.

    Raises:
        ConfigurationError: An answer or a flag cannot be; nothing was written.
    """
    with tempfile.TemporaryDirectory(prefix="shipway-") as folder:
        for name, text in texts.items():
            file = Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        try:
            return render(*read_contract(Path(folder)))
        except ConfigurationError as error:
            here = f"{folder}{os.sep}"
            raise ConfigurationError(
                error.what.replace(here, ""),
                where=error.where.replace(here, ""),
                details=tuple(line.replace(here, "") for line in error.details),
                remedy=f"correct the answer or the flag that this comes from; {_NOTHING}",
            ) from error


def _answers(root: Path, wanted: InitOptions, person: _Person, *, offline: bool) -> Answers:
    ask = person.ask if person.present else None
    dockerfile = look.dockerfile(root, wanted.dockerfile, wanted.context, ask)
    remote = look.remote(root, wanted.repository, wanted.branch)
    person.console.say(_found(dockerfile, remote))
    if dockerfile.others:
        person.console.say(
            f"left alone: {', '.join(dockerfile.others)}; what is written delivers one image, to "
            "as many services as run it (--worker NAME=COMMAND); more of them: [images.NAME], by "
            "hand"
        )
    account = None if offline else _account(wanted, remote, person.console)
    if account is not None:
        person.console.say(_found_at_aws(account))

    return decide(
        wanted,
        dockerfile,
        remote,
        account,
        ask=person.ask,
        numbers=partial(_numbers, remote.repository, person, offline=offline),
    )


def _numbers(repository: str, person: _Person, *, offline: bool) -> tuple[int, int]:
    """GitHub's numbers for the repository and its owner: GitHub says them, or the person.

    Raises:
        ConfigurationError: Neither does.
    """
    try:
        return repositories.unasked(repository) if offline else repositories.numbers(repository)
    except ConfigurationError as error:
        if not person.present:
            raise
        person.console.say(f"{error.what}; {error.remedy}")
        typed = InitOptions(
            repository_id=person.ask("GitHub's number for the repository", ""),
            owner_id=person.ask("GitHub's number for its owner", ""),
        )
        typed.check()
        if not (typed.repository_id and typed.owner_id):
            raise
        return int(typed.repository_id), int(typed.owner_id)


def _account(wanted: InitOptions, remote: Remote, console: Console) -> Cloud | None:
    """What there is at AWS; ``None`` where it cannot be looked at and need not be."""
    try:
        return cloud.look(inventory(wanted.region), wanted, name_of(remote.repository), console.say)
    except (CredentialsError, AwsError) as error:
        if wanted.from_service:
            raise
        console.say(f"AWS was not looked at: {error.what}")
        return None


def _found(dockerfile: Dockerfile, remote: Remote) -> str:
    facts = [
        f"EXPOSE {dockerfile.port}" if dockerfile.port else "no EXPOSE",
        f"health {dockerfile.health_path}" if dockerfile.health_path else "",
        f"user {dockerfile.user}" if dockerfile.user else "user root",
    ]
    told = ", ".join(fact for fact in facts if fact)
    return f"found: {dockerfile.path} ({told}), {remote.host}/{remote.repository}, {remote.branch}"


def _found_at_aws(account: Cloud) -> str:
    place = f"found: {account.account} {account.region}"
    live = account.live
    if live is None:
        return f"{place}: {len(account.services)} services, none of them known to be this one"
    facts = [f"container {live.container}"]
    facts += [f"port {live.port}"] if live.port else []
    facts += [f"health {live.health_path}"] if live.health_path else []
    return f"{place}: cluster {live.cluster}, service {live.service} ({', '.join(facts)})"


def _show(changes: tuple[FileChange, ...], console: Console) -> None:
    """The diff; of a file that nobody reads only its length."""
    for change in changes:
        if change.path in _LONG:
            console.say(f"--- /dev/null\n+++ {change.path}  ({change.after.count(chr(10))} lines)")
        else:
            console.say("\n".join(change.diff()))


def _next(console: Console) -> None:
    rows = (
        ("nox -s rehearse", "your service, good and bad, on this machine"),
        ("shipway bootstrap --env staging --apply", "the role that GitHub takes there"),
        ("git push", "after a commit: the push publishes to staging"),
    )
    console.table("Next", ("command", "what it does"), rows)
