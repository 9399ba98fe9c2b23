"""What a delivery asks the release contract to let through by name."""

from __future__ import annotations

import re
from typing import Final

from shipway.delivery.ports import DeliveryContext
from shipway.errors import UsageError
from shipway.policy.facts import Overrides
from shipway.policy.pattern import quoted
from shipway.policy.trigger import Trigger

_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")


def read_overrides(
    context: DeliveryContext, trigger: Trigger, overrides: Overrides | None
) -> Overrides:
    """What is to be let through: by the command line, or by a variable of the GitHub environment.

    Each names the one thing that it is about, so that a variable somebody forgot lets nothing else
    through.

    Raises:
        UsageError: What is named as the commit to go back to is none, or is more than one.
    """
    named, variables = overrides or Overrides(), context.variables
    back = named.rollback_to or variables.get("SHIPWAY_ROLLBACK_TO", "")
    if back:
        where = "--rollback-to" if named.rollback_to else "SHIPWAY_ROLLBACK_TO"
        _check_commit(context, trigger, back, where)
    return Overrides(
        rollback_to=back,
        through_freeze=named.through_freeze or variables.get("SHIPWAY_THROUGH_FREEZE", ""),
    )


def _check_commit(context: DeliveryContext, trigger: Trigger, back: str, where: str) -> None:
    """A few digits would be the beginning of many commits, and let any of them through."""
    remedy = "give the whole commit id; nothing was built or changed"
    if _COMMIT.fullmatch(back) is None:
        raise UsageError(
            f"{quoted(back)} is no commit: 7 to 64 lower-case hexadecimal digits name one",
            where=where,
            remedy=remedy,
        )
    if trigger.sha.startswith(back) and len(context.git.commits(back)) > 1:
        raise UsageError(
            f"{back} is the beginning of more than one commit", where=where, remedy=remedy
        )
