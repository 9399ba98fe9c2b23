"""Whom a delivery tells, and whether they can be told: without sending anything. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shipway.config.notify import Receiver
from shipway.doctor.finding import Finding, ok, wrong
from shipway.util.addresses import objection


def judge(receivers: Sequence[Receiver], *, confined: bool) -> Iterator[Finding]:
    """Each ``[notify.NAME]`` of an environment.

    Args:
        receivers: They, looked up.
        confined: Whether AWS is a server of this machine.
    """
    for receiver in receivers:
        name = f"notify {receiver.name}"
        if receiver.trouble:
            yield wrong(
                name,
                f"nobody would be told: {receiver.trouble}",
                f"correct [notify.{receiver.name}] in ci/delivery.toml, or publish the value",
            )
        elif why := objection(receiver.url, confined=confined):
            yield wrong(
                name,
                f"nobody would be told: the address {why}",
                "give an https:// address that everybody reaches",
            )
        else:
            signed = "signed" if receiver.secret else "not signed"
            yield ok(name, f"{', '.join(receiver.events)} as {receiver.format}, {signed}")
