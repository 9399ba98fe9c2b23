"""What an environment asks before and while it is delivered to, as types: the scan, the lock."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shipway.config.environment import Severity
from shipway.config.names import Switch
from shipway.config.rules import Table, number, one_of


class ScanTable(Table):
    """What an environment asks of ECR's scan of the image, before it is rolled out."""

    required: Switch = Field(
        default=False,
        description="Refuse an image without a finished, fresh scan: not scanned, failed, "
        "unsupported, limit exceeded, still pending after `wait`, not readable. Where `max` is "
        "set it is true unless `false` is written: then such an image goes on, recorded as not "
        "available, and never called clean.",
    )
    most: dict[
        Annotated[
            Severity,
            one_of("critical", "high", "medium", "low", "informational", "undefined"),
        ],
        Annotated[int, number("findings", 0, 100000)],
    ] = Field(
        default={},
        alias="max",
        description="The most findings of a severity: `{ critical = 0, high = 3 }`. More of them "
        "refuse the image, required or not, and where it is set a scan is required unless "
        "`required = false` is written. A severity that is not named has no limit.",
    )
    only_fixable: Switch = Field(
        default=False,
        description="Leave out findings that no version mends yet. Basic scanning does not say "
        "it: its findings all count.",
    )
    wait: Annotated[int, number("seconds", 0, 3600)] = Field(
        default=300, description="Seconds that a scan may still take."
    )
    max_age: Annotated[int, number("days", 1, 365)] = Field(
        default=30,
        description="Days after which a finished scan is stale. Continuous scanning never is.",
    )


class LockTable(Table):
    """How deliveries to an environment keep out of each other's way."""

    use: Switch = Field(
        default=True,
        description="Take the environment's lock before the first change, and give it back at the "
        "end. Without it two deliveries at once may meet.",
    )
    wait: Annotated[int, number("seconds", 0, 86400)] = Field(
        default=0,
        description="Seconds to wait for whoever holds the lock; 0 refuses at once. Where it is "
        "not written, a person is refused at once and a run of GitHub Actions waits for 600.",
    )
    expiry: Annotated[int, number("seconds", 4, 3600)] = Field(
        default=180,
        description="Seconds after the last sign of life from which on the lock of a delivery that "
        "died may be taken over. A delivery shows four signs of life in that time.",
    )
