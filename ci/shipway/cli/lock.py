"""``inv lock``: who holds an environment, and holding or releasing it by hand."""

from __future__ import annotations

from shipway.cli.run_command import run_command
from shipway.console import Console
from shipway.delivery import maintenance
from shipway.delivery.status import open_environment
from shipway.errors import UsageError
from shipway.observer import Concluded
from shipway.wiring import delivery_context


def run(
    env: str, *, hold: str = "", release: bool = False, held_by: str = "", json: bool = False
) -> int:
    """Look, hold or release; nothing is raised but what is a bug of ours.

    Args:
        env: ``--env``.
        hold: Hold it for this reason.
        release: Give it back.
        held_by: Whose it is that is released, as it was shown; empty for one's own.
        json: One JSON object of type ``lock`` instead of words.

    Returns:
        0; 26 where it was to be held and somebody else holds it.
    """

    def work(console: Console) -> int:
        if hold and release:
            raise UsageError("--hold and --release are two things", remedy="give one of them")
        if held_by and not release:
            raise UsageError("--held-by says whose lock is released", remedy="add --release")
        context = delivery_context(console)
        # The contract first: who may not deploy there holds and releases nothing.
        trigger = maintenance.asker(env, context) if hold or release else None
        environment, aws = open_environment(env, context)
        end = "Nothing was changed."
        if trigger is not None and hold:
            found = maintenance.hold(environment, aws, context, trigger, hold)
            end = f"Held. To release it: nox -s lock -- --env {env} --release"
        elif trigger is not None:
            before = maintenance.give_back(environment, aws, trigger, held_by)
            found = maintenance.seen(environment, aws)
            end = f"Released; it was held by {before.described}." if before else "Nobody held it."
        else:
            found = maintenance.seen(environment, aws)
        document = maintenance.document(environment, found)
        console.answer("lock", document, [f"   lock       {document['text']}"])
        kind = "free" if found.free else "held"
        console(Concluded(text=end, kind=kind, exit_code=0))
        return 0

    return run_command(work, interrupted="see who holds it with: lock", json=json)
