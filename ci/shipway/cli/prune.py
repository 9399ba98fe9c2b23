"""``inv prune``: what is old and used by nothing, shown; with --apply it is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway.cli.run_command import run_command
from shipway.config import load as delivery_file
from shipway.config.environment import Environment
from shipway.console import Console
from shipway.delivery import maintenance
from shipway.delivery import prune as pruning
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.status import open_environment
from shipway.embedded import entry
from shipway.errors import AccessDeniedError, UsageError
from shipway.image import leftovers
from shipway.observer import Concluded
from shipway.policy.contract import PRUNE
from shipway.rollout.plan import CHANGES, NO_CHANGE
from shipway.wiring import delivery_context

_LABEL = 12


def run(env: str, *, keep: int = pruning.KEEP, apply: bool = False, json: bool) -> int:
    """Show what would go, or take it away; nothing is raised but what is a bug of ours.

    Args:
        env: ``--env``: the environment whose revisions are looked at; empty for what lies on this
            machine.
        keep: How many of the newest stay.
        apply: Whether it is taken away.
        json: One JSON object of type ``prune`` instead of words.

    Returns:
        0 where nothing would go or it went, 3 where something would go.
    """

    def work(console: Console) -> int:
        context = delivery_context(console)
        if env:
            document = _revisions(env, context, console, keep=keep, apply=apply)
            going = sum(
                revision["goes"]
                for family in document["families"]
                for revision in family["revisions"]
            )
            shown = list(lines(document))
        else:
            document = _here(context, keep=keep, apply=apply)
            going = len(document["images"]) + len(document["sandboxes"])
            shown = list(local_lines(document))
        console.answer("prune", document, shown)
        return _conclude(going, console, apply=apply)

    return run_command(work, interrupted="what was taken away is gone", json=json)


def _conclude(going: int, console: Console, *, apply: bool) -> int:
    things = "1 thing" if going == 1 else f"{going} things"
    if not going:
        console(Concluded(text="Nothing to prune.", kind=NO_CHANGE.name, exit_code=0))
        return 0
    if apply:
        console(Concluded(text=f"Pruned {things}.", kind="pruned", exit_code=0))
        return 0
    text = f"{things} would go; --apply takes them away. Nothing was changed."
    console(Concluded(text=text, kind=CHANGES.name, exit_code=CHANGES.exit_code))
    return CHANGES.exit_code


def _revisions(
    env: str, context: DeliveryContext, console: Console, *, keep: int, apply: bool
) -> dict[str, Any]:
    # The contract first: who may not prune there takes nothing away.
    trigger = maintenance.asker(env, context, PRUNE) if apply else None
    environment, aws = open_environment(env, context)
    if trigger is not None:
        found = pruning.carry_out(environment, aws, context, trigger, keep=keep, observer=console)
    else:
        found = _look(environment, aws, context, keep)
    return {"environment": env, "keep": keep, "applied": apply, "families": found.document()}


def _look(
    environment: Environment, aws: Aws, context: DeliveryContext, keep: int
) -> pruning.Pruning:
    """See what would go: whoever may look may, whatever the contract says.

    Raises:
        RefusedError: AWS does not let them, because the contract gives that right to nobody.
        ShipwayError: As :func:`~shipway.delivery.prune.look` says.
    """
    try:
        return pruning.look(environment, aws, context, keep)
    except AccessDeniedError:
        maintenance.asker(environment.name, context, PRUNE)
        raise


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """What becomes of the revisions, in words: each that goes, and how many stay for what. Pure."""
    for family in document["families"]:
        revisions = family["revisions"]
        for revision in reversed(revisions):
            if revision["goes"]:
                yield f"   {'goes':<{_LABEL}}{revision['revision']}"
        reasons = [revision["stays"] for revision in revisions if not revision["goes"]]
        for reason in dict.fromkeys(reasons):
            count = reasons.count(reason)
            named = [each["revision"] for each in revisions if each["stays"] == reason]
            what = named[0] if count == 1 else f"{count} of {family['family']}"
            yield f"   {'stays':<{_LABEL}}{what}: {reason}"


def _here(context: DeliveryContext, *, keep: int, apply: bool) -> dict[str, Any]:
    declared = delivery_file.load(context.delivery_file)
    images = [
        image
        for name in declared.image_names
        for image in leftovers.old_images(context.cache, name, max(1, keep))
    ]
    worlds = entry.orphaned(context.cache.parent)
    if apply:
        _remove([*(image.folder for image in images), *worlds])
    return {
        "keep": keep,
        "applied": apply,
        "images": [{"folder": str(image.folder), "bytes": image.size} for image in images],
        "sandboxes": [str(folder) for folder in worlds],
    }


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            leftovers.remove(folder)
        except OSError as error:
            raise UsageError(
                f"{folder} cannot be taken away: {error.strerror}",
                where=str(error.filename or folder),
                remedy="see who owns it; what went before it is gone",
            ) from error


def local_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """What goes on this machine, in words. Pure."""
    for image in document["images"]:
        yield f"   {'image':<{_LABEL}}{image['folder']}  {image['bytes'] / 1e6:.1f} MB of its own"
    for folder in document["sandboxes"]:
        yield f"   {'sandbox':<{_LABEL}}{folder}  its checkout is gone"
