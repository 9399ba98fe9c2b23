"""Facts of the rollout and of the verification, service by service."""

from __future__ import annotations

from dataclasses import dataclass

from shipway.evidence.facts import Fact
from shipway.observer import Detail


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutVerdictFact(Fact):
    """One of the ways a rollout can end (:mod:`shipway.rollout.judge.verdict`)."""

    name: str
    exit_code: int | None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFact(Fact):
    """Why tasks failed; ``ecs`` are ECS's own words, ``tasks`` are ARNs."""

    kind: str
    text: str
    ecs: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConclusionFact(Fact):
    """The verdict and its reasons (:class:`shipway.rollout.judge.terms.Outcome`)."""

    verdict: RolloutVerdictFact
    at: str
    text: str
    cause: CauseFact | None
    announced: str | None
    rolled_back: bool
    proof: str
    last_seen: str
    by: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisFact(Fact):
    """One distinct failure as it was told."""

    kind: str
    title: str
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFact(Fact):
    """One entry of ``services[].deployments[]`` (ECS API Reference, Deployment)."""

    id: str
    status: str
    task_definition: str
    rollout_state: str | None
    rollout_state_reason: str
    desired: int
    running: int
    pending: int
    failed: int
    created_at: str | None
    updated_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeenFact(Fact):
    """How a service stood when it was seen last, where its rollout was not watched to its end."""

    running: int
    pending: int
    deployments: tuple[DeploymentFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFact(Fact):
    """One service's rollout; ``verdict`` is ``None`` where it was not watched to its end.

    Attributes:
        key: Its name in delivery.toml.
        service: Its name in ECS.
        image: What was rolled out; empty in records of before it was noted.
        deployment_id: The entry of ``deployments[]``.
        service_deployment: The service deployment's ARN, where the service has them.
        announced_at: When its failure was certain.
        looks: How often ECS was asked.
    """

    key: str
    service: str = ""
    task_definition: str = ""
    previous_task_definition: str = ""
    previous_image: str = ""
    image: str = ""
    deployment_id: str = ""
    service_deployment: str = ""
    verdict: RolloutVerdictFact | None = None
    conclusion: ConclusionFact | None = None
    announced_at: str | None = None
    looks: int = 0
    diagnosis: tuple[DiagnosisFact, ...] = ()
    last_seen: LastSeenFact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFact(Fact):
    """A job: what it was for this release, and how it ended.

    Attributes:
        key: Its name in delivery.toml.
        when: ``before``, ``after`` or ``by-hand``.
        container: Whose exit code decided.
        command: What it ran in the place of the image's own; empty for that.
        task_definition: ARN of its revision; empty where it did not come to one.
        task: ARN of its task; empty where none was started.
        started_by: By which ECS knows the task: one for each release.
        end: ``succeeded``, ``failed``, ``timed-out``, ``not-placed``, ``lost``, or ``not run``.
        text: The same for a person.
        exit_code: The container's; ``None`` where it has none.
        seconds: For how long it was followed.
        began_before: Whether it was started before, and only followed here.
        diagnosis: Why it failed.
    """

    key: str
    when: str = ""
    container: str = ""
    command: tuple[str, ...] = ()
    task_definition: str = ""
    task: str = ""
    started_by: str = ""
    end: str = ""
    text: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    began_before: bool = False
    diagnosis: tuple[DiagnosisFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedFact(Fact):
    """A service deployment whose PAUSE hook was answered."""

    key: str
    deployment: str
    hook: str
    stage: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WentBackFact(Fact):
    """A release that this delivery went back to, because somebody asked for it.

    Attributes:
        asked: What was asked for: ``previous``, or a word for the release.
        record: The record that says it was verified and held.
        at: When that delivery began.
        by: Who delivered it then.
        left: The digests that the services were to run before.
    """

    asked: str
    record: str
    at: str
    by: str
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParameterFact(Fact):
    """An SSM parameter that names the delivered image from now on; ``version`` is its newest."""

    name: str
    value: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFact(Fact):
    """A task that the clock starts, and what it starts from then on.

    Attributes:
        key: Its name in delivery.toml.
        kind: ``rule`` of EventBridge, or ``schedule`` of EventBridge Scheduler.
        name: Its name there, with its bus or group before it.
        task_definition: ARN of the revision that it starts.
        previous_task_definition: What it started before; the same where nothing was changed.
        text: The same for a person.
    """

    key: str
    kind: str = ""
    name: str = ""
    task_definition: str = ""
    previous_task_definition: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSettingsFact(Fact):
    """How a service was to be verified, as delivery.toml says; times in seconds.

    ``image`` is the name of its image, where there are several.
    """

    key: str
    service: str = ""
    container: str = ""
    image: str = ""
    url: str = ""
    expected_status: int = 0
    consecutive: int = 0
    interval: float = 0.0
    verify_timeout: int = 0
    timeout: int = 0
    on_failure: str = ""
    fail_fast_tasks: int = 0
    require_circuit_breaker: bool = False
    require_alarms: bool = False
    on_pause: str = ""
    hold: float = 0.0
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFact(Fact):
    """One answer of an address: a status, or why there was none."""

    status: int | None
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationFact(Fact):
    """What was found of one service after the rollout; ``tasks`` run the digest."""

    service: VerifiedSettingsFact
    image: str | None
    tasks: int
    answers: tuple[AnswerFact, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFact(Fact):
    """Whether a service stayed good after its rollout; times in seconds.

    Attributes:
        key: Its name in delivery.toml.
        asked: For how long it was to stay good, as delivery.toml says.
        seconds: For how long it was watched to that end: shorter where a rehearsal says so.
        held: For how long it was good.
        end: ``held``, ``broken``, ``superseded``, ``missing``, ``unseen``, or ``cut`` where another
            service did not hold.
        text: What ended it; empty where it held.
        alarms: The alarms that were watched.
        looks: How often ECS was asked.
        diagnosis: Why it broke.
    """

    key: str
    asked: float = 0.0
    seconds: float = 0.0
    held: float = 0.0
    end: str = ""
    text: str = ""
    cause: CauseFact | None = None
    alarms: tuple[str, ...] = ()
    looks: int = 0
    diagnosis: tuple[DiagnosisFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBackFact(Fact):
    """A service that was to go back to what ran before, because its release failed.

    Attributes:
        key: Its name in delivery.toml.
        service: Its name in ECS.
        left: The task definition that it was to leave.
        task_definition: The one that was to be put back; empty where there was none.
        why: The reason.
        end: ``put back``, ``left`` as is right, or ``not put back`` though it should have been.
        text: How it ended.
        deployment_id: The entry of ``deployments[]``; empty where ECS took its own one back.
        conclusion: The verdict of that rollout, where there was one.
    """

    key: str
    service: str = ""
    left: str = ""
    task_definition: str = ""
    why: str = ""
    end: str = ""
    text: str = ""
    deployment_id: str = ""
    conclusion: ConclusionFact | None = None
