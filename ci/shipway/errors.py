"""Everything that can go wrong, each with an exit code, what happened, and what to do.

The tree::

    ShipwayError                 1   a bug of ours, or a failure nobody has named yet
    ├── UsageError               2   an argument that cannot be: a malformed digest, a time-out of 0
    ├── ConfigurationError      10   delivery.toml or release.toml says something wrong
    ├── UnresolvedReferenceError 11   ssm:, cfn: or env: names something that is not published
    ├── EngineError             12   no Docker engine answers, and none can be started here
    ├── SandboxError            13   the embedded sandbox cannot run: port in use, package missing
    ├── CredentialsError        14   no AWS credentials, or they ran out
    ├── IdentityError           15   credentials of the wrong account or the wrong kind
    ├── AccessDeniedError       16   IAM refused one action on one resource
    ├── AwsError                17   AWS cannot be reached, or refused a call for another reason
    ├── GitError                18   no repository, no commit, no such tag
    ├── DriftError              19   workflow or IAM documents differ from the release contract
    ├── RefusedError            20   the release contract does not allow this
    ├── BuildError              21   BuildKit could not build the image
    ├── PublishError            22   the registry refused the image
    ├── DigestError             23   the registry holds another digest than the one built
    ├── ImageNotFoundError      24   the image asked for is not in the repository
    ├── ScanError               25   the scan gate did not pass
    ├── LockedError             26   somebody else delivers there, or holds it for maintenance
    ├── LockLostError           27   the lock was taken or released by somebody else meanwhile
    ├── NoReleaseError          28   there is no release to go back to
    ├── RolloutError      30–39, 41  our revision is not in service, or did not hold; see Verdict
    ├── VerificationError       40   what answers is not what was shipped
    ├── ImageParameterError     42   the release holds; its parameter could not be written
    ├── ScheduleError           43   the release holds; a scheduled task could not be moved to it
    ├── JobError                44   a job before or after the rollout, or by hand, did not end well
    ├── EvidenceError           50   the record could not be written, or does not verify
    ├── UnmetError              60   the rehearsal left an acceptance criterion unmet
    └── CancelledError         130   Ctrl-C (TerminatedError 143: SIGTERM)

A foreign exception is translated once, in the adapter that met it, with ``raise … from``.
Only :mod:`shipway.console` prints an error; only the task runner turns one into an exit code.
"""

from __future__ import annotations

import re
from typing import Protocol


class ShipwayError(Exception):
    """A failure a person can act on.

    Args:
        what: One sentence: what is wrong. Starts lower-case, without a final full stop needed.
        where: The place it stands in: ``ci/delivery.toml:31`` or an AWS resource; may be empty.
        remedy: One sentence: what to do next; may be empty only where nothing can be done.
        details: Further lines, already short, printed below ``what`` in order.

    Attributes:
        aftermath: What became of the services meanwhile, for the headline: ``web rolled back,
            worker put back``. Empty where the kind of the error says it all.
    """

    exit_code: int = 1
    kind: str = "error"

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", details: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.details = details
        self.aftermath = ""


class UsageError(ShipwayError):
    """An argument that cannot be."""

    exit_code = 2
    kind = "usage"


class ConfigurationError(ShipwayError):
    """A configuration file says something wrong; ``details`` holds one line for each problem."""

    exit_code = 10
    kind = "configuration"


class UnresolvedReferenceError(ShipwayError):
    """A value refers to something that the infrastructure does not publish."""

    exit_code = 11
    kind = "unresolved-reference"


class EngineError(ShipwayError):
    """No Docker engine answers."""

    exit_code = 12
    kind = "no-engine"


class SandboxError(ShipwayError):
    """The embedded sandbox cannot run here."""

    exit_code = 13
    kind = "sandbox"


class CredentialsError(ShipwayError):
    """There are no AWS credentials, they ran out, or the clock that signs with them is wrong."""

    exit_code = 14
    kind = "credentials"


class IdentityError(ShipwayError):
    """The credentials belong to the wrong account, or are of a kind that is not accepted."""

    exit_code = 15
    kind = "identity"


# Troubleshoot access denied error messages (IAM User Guide): AWS's own words.
_DENIAL = re.compile(r"not authorized to perform: ([\w-]+:\w+) on resource: (\S+)")


class AccessDeniedError(ShipwayError):
    """IAM refused one action; ``what`` names the action, ``where`` the resource.

    Args:
        what: One sentence, AWS's own words included.
        where: The resource.
        remedy: What to do next.
        details: Further lines; without them the statement that would allow it, where AWS says
            what it refused on which resource.
    """

    exit_code = 16
    kind = "access-denied"

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", details: tuple[str, ...] = ()
    ) -> None:
        denial = _DENIAL.search(what)
        if denial and not details and '"Action"' not in what:
            details = (allowing(denial[1], denial[2]),)
        super().__init__(what, where=where, remedy=remedy, details=details)


def denied_action(text: str) -> str:
    """The action that AWS names in a refusal, which may be another than the one that was called."""
    denial = _DENIAL.search(text)
    return denial[1] if denial else ""


def allowing(action: str, resource: str) -> str:
    """The statement that a role's policy lacks, in one line."""
    return f'add {{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}'


class AwsError(ShipwayError):
    """AWS cannot be reached or refused a call for a reason that has no class of its own."""

    exit_code = 17
    kind = "aws"


class GitError(ShipwayError):
    """Git could not say what commit this is."""

    exit_code = 18
    kind = "git"


class DriftError(ShipwayError):
    """The workflow or an IAM document differs from the contract; ``details`` names each place."""

    exit_code = 19
    kind = "drift"


class RefusedError(ShipwayError):
    """The release contract does not allow this trigger; nothing was built or changed.

    Args:
        what: Who may not do what.
        where: Who or what said so; may be empty.
        remedy: What to do next.
        details: Every rule that failed.
        late: Whether it was found out after the image was built, just before the rollout.
    """

    exit_code = 20
    kind = "refused"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        details: tuple[str, ...] = (),
        late: bool = False,
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, details=details)
        self.late = late


class BuildError(ShipwayError):
    """BuildKit could not build the image."""

    exit_code = 21
    kind = "build-failed"


class PublishError(ShipwayError):
    """The registry refused the image."""

    exit_code = 22
    kind = "publish-failed"


class DigestError(ShipwayError):
    """The registry holds another digest than the one that was built."""

    exit_code = 23
    kind = "digest-mismatch"


class ImageNotFoundError(ShipwayError):
    """The image asked for is not in the repository."""

    exit_code = 24
    kind = "image-not-found"


class ScanError(ShipwayError):
    """The scan gate did not pass."""

    exit_code = 25
    kind = "scan-blocked"


class LockedError(ShipwayError):
    """Somebody else holds the environment's lock; nothing was changed."""

    exit_code = 26
    kind = "locked"


class LockLostError(ShipwayError):
    """The environment's lock is not ours any more; nothing was rolled out after that."""

    exit_code = 27
    kind = "lock-lost"


class NoReleaseError(ShipwayError):
    """There is no release to go back to, or its image is gone; nothing was changed."""

    exit_code = 28
    kind = "no-release"


class VerdictLike(Protocol):
    """What an error needs of a :class:`~shipway.rollout.judge.verdict.Verdict`."""

    @property
    def name(self) -> str:
        """What machines read."""
        ...

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        ...


class RolloutError(ShipwayError):
    """ECS did not put our revision into service; the verdict says how it ended.

    Args:
        what: The verdict's reason in one line.
        verdict: Gives this error its ``exit_code`` and its ``kind``.
        where: The service.
        remedy: What to do next.
        details: Further lines.
    """

    exit_code = 30
    kind = "failing"

    def __init__(
        self,
        what: str,
        *,
        verdict: VerdictLike,
        where: str = "",
        remedy: str = "",
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, details=details)
        self.verdict = verdict
        self.exit_code = verdict.exit_code
        self.kind = verdict.name


class VerificationError(ShipwayError):
    """What answers is not what was shipped.

    Args:
        what: What is wrong.
        where: The service, or its address.
        remedy: What to do next.
        details: Further lines.
        subject: The service's name in delivery.toml.
        at_fault: Whether it is the release that is wrong. Not where nothing could be seen, and not
            where somebody else deployed in between.
        log: The last lines of the tasks' log.
    """

    exit_code = 40
    kind = "verification-failed"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        details: tuple[str, ...] = (),
        subject: str = "",
        at_fault: bool = False,
        log: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, remedy=remedy, details=details)
        self.subject = subject
        self.at_fault = at_fault
        self.log = log


class ImageParameterError(ShipwayError):
    """The release is in service, but the parameter that a stack reads does not name its image."""

    exit_code = 42
    kind = "image-parameter"


class ScheduleError(ShipwayError):
    """The release is in service, but a task that the clock starts does not follow it."""

    exit_code = 43
    kind = "schedule"


class JobError(ShipwayError):
    """A job did not end well: before the rollout nothing moved, after it what moved went back."""

    exit_code = 44
    kind = "job-failed"


class EvidenceError(ShipwayError):
    """The record could not be written, or does not verify."""

    exit_code = 50
    kind = "evidence"


class UnmetError(ShipwayError):
    """The rehearsal left an acceptance criterion unmet."""

    exit_code = 60
    kind = "unmet"


class UnreadyError(ShipwayError):
    """`doctor`: something that a delivery needs is wrong; nothing was changed."""

    exit_code = 61
    kind = "not-ready"


class CancelledError(ShipwayError):
    """A person pressed Ctrl-C."""

    exit_code = 130
    kind = "interrupted"


class TerminatedError(ShipwayError):
    """SIGTERM arrived, or SIGHUP: the terminal is gone."""

    exit_code = 143
    kind = "terminated"
