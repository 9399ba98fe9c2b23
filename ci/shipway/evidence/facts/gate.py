"""Facts of the gate: who asked, what the contract said, who we were and where it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shipway.evidence.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFileFact(Fact):
    """A file that was read, by the SHA-256 of the very bytes that were."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFact(InputFileFact):
    """The release contract that was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFact(InputFileFact):
    """What says where things live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsFact(Fact):
    """The claims that GitHub signed, to the letter: they are all ``extra``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFact(Fact):
    """Who asked; the fields are those of :class:`shipway.policy.trigger.Trigger`."""

    event: str
    ref: str = ""
    sha: str = ""
    actor: str = ""
    triggering_actor: str = ""
    repository: str = ""
    repository_id: str = ""
    run_id: str = ""
    run_attempt: str = ""
    workflow_ref: str = ""
    url: str = ""
    created: bool = False
    deleted: bool = False
    forced: bool = False
    before: str = ""
    after: str = ""
    pushed: str | None = None
    fork: bool = False
    owner_id: str = ""
    job_workflow_ref: str = ""
    runner: str = ""
    environment: str = ""
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFact(Fact):
    """A tag as origin had it."""

    object: str
    commit: str
    annotated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSignatureFact(Fact):
    """What became of looking at the tag's signature; ``said`` is why not, or by whom."""

    good: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeBuildFact(Fact):
    """What the rules knew before AWS was asked; empty where no rule asked."""

    now: str
    standing: str | None
    tag: TagFact | None
    tag_trouble: str
    signature: TagSignatureFact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonFact(Fact):
    """Why one entry of the contract did not allow it."""

    entry: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFact(Fact):
    """What the contract said: the entry and its tasks, or why not."""

    allowed: bool | None
    entry: str = ""
    environment: str = ""
    tasks: tuple[str, ...] = ()
    reasons: tuple[ReasonFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeOverrideFact(Fact):
    """A freeze that somebody went through, and why."""

    name: str
    why: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackOverrideFact(Fact):
    """An older commit that somebody asked for by name."""

    commit: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReleaseFact(Fact):
    """What one service ran before the rollout."""

    service: str
    digest: str | None
    foreign: str
    commit: str
    changed: bool = False
    order: str
    since: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedReleaseFact(Fact):
    """A record of the environment before that says this commit was verified there."""

    record: str
    digests: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFact(Fact):
    """Who AWS said we are, and whom it should have said; of the key only its kind is kept."""

    account: str
    arn: str
    user_id: str
    role: str
    key: str
    short_lived: bool
    expected_account: str
    expected_role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalFact(Fact):
    """Credentials of a long job that were renewed from GitHub's token; of the keys nothing is kept.

    Attributes:
        at: When.
        until: When the new ones end, as STS says.
        role: The role's name; its session is that of ``identity``.
    """

    at: str
    until: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFact(Fact):
    """The environment's lock as this delivery held it; times in seconds.

    Attributes:
        parameter: The SSM parameter.
        token: The version that took it; every later holder's is higher.
        owner: By whom it was held.
        run: The run's address, or the process and the machine.
        since: When it was taken, by AWS's clock.
        expiry: After how long without a sign of life others could have taken it.
        waited: How long it was waited for.
        taken_over: Whose lease had run out; empty where nobody's had.
        signs: How often it was renewed.
        lost: Why it was ours no more before the end; empty where it was.
        released: Whether it was given back; ``None`` where the record was written before.
    """

    parameter: str
    token: int
    owner: str
    run: str
    since: str
    expiry: int
    waited: float
    taken_over: str
    signs: int
    lost: str
    released: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFact(Fact):
    """Where it went; ``services`` are ECS's names by those of delivery.toml."""

    name: str
    account: str = ""
    region: str = ""
    cluster: str = ""
    repository: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
