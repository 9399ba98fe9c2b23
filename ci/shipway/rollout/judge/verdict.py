"""Every way a rollout can end, each with a name, an exit code and a sentence.

A verdict is about one service deployment, ours. It is said once and never changes. Codes 30 to 39
and 41 belong to rollouts alone; ``access-denied`` and ``credentials`` share the code of the error
of the same name, because the remedy is the same wherever they strike.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """One way to end.

    Attributes:
        name: What machines read: in ``--json``, in the evidence, in ``$GITHUB_OUTPUT``.
        exit_code: What ``inv deploy`` ends with.
        sentence: What it means, for a person who has never met it.
    """

    name: str
    exit_code: int
    sentence: str

    @property
    def good(self) -> bool:
        """Whether our revision is in service."""
        return self.exit_code == 0

    @property
    def fails_release(self) -> bool:
        """Whether what is delivered together with this service has to go back with it.

        Not where somebody still has to answer, somebody else deployed, or nothing could be seen.
        """
        return not self.good and self.name not in _UNDECIDED

    def __str__(self) -> str:
        return self.name


_UNDECIDED = frozenset({"paused", "superseded", "access-denied", "credentials"})

SUCCEEDED = Verdict(
    "succeeded", 0, "ECS put our revision into service and its running tasks carry our digest."
)
SUCCEEDED_NO_TASKS = Verdict(
    "succeeded-no-tasks",
    0,
    "Our revision is in service, and the service's desired count is 0: nothing runs.",
)
ALREADY_RUNNING = Verdict(
    "already-running", 0, "The service runs exactly this image already; nothing was changed."
)
FAILING = Verdict("failing", 30, "Our revision cannot come into service, and was left as it is.")
ROLLED_BACK = Verdict(
    "rolled-back", 31, "Our revision failed and the earlier one was put back into service."
)
ROLLBACK_FAILED = Verdict(
    "rollback-failed", 32, "Our revision failed and the earlier one did not come back."
)
STOPPED = Verdict("stopped", 33, "Somebody else stopped our service deployment.")
SUPERSEDED = Verdict("superseded", 34, "A newer deployment of the same service replaced ours.")
TIMED_OUT = Verdict(
    "timed-out", 35, "The time for the rollout ran out while ECS was still working on it."
)
ALARM = Verdict("alarm", 36, "A CloudWatch alarm ended our service deployment.")
PAUSED = Verdict(
    "paused", 37, "The deployment waits at a PAUSE hook for somebody to continue or roll back."
)
NO_CAPACITY = Verdict("no-capacity", 38, "ECS found no place to run a single task of our revision.")
SERVICE_MISSING = Verdict(
    "service-missing", 39, "The service is not in the cluster, or is being deleted."
)
DID_NOT_HOLD = Verdict(
    "did-not-hold",
    41,
    "Our revision came into service and did not stay good for as long as `hold` asks.",
)
ACCESS_DENIED = Verdict(
    "access-denied", 16, "IAM refused to show the service; the rollout goes on unwatched."
)
CREDENTIALS = Verdict(
    "credentials", 14, "The AWS credentials ran out; the rollout goes on unwatched."
)

VERDICTS: tuple[Verdict, ...] = (
    SUCCEEDED,
    SUCCEEDED_NO_TASKS,
    ALREADY_RUNNING,
    FAILING,
    ROLLED_BACK,
    ROLLBACK_FAILED,
    STOPPED,
    SUPERSEDED,
    TIMED_OUT,
    ALARM,
    PAUSED,
    NO_CAPACITY,
    SERVICE_MISSING,
    DID_NOT_HOLD,
    ACCESS_DENIED,
    CREDENTIALS,
)
"""All of them, in the order of the reference."""
