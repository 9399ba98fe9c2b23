"""What runs where, since when and by whom, and whether it is what the last record says.

Read alone. No contract is asked: whoever may look at the services may see how they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.config.environment import Environment, Service
from shipway.delivery import identity, live_facts
from shipway.delivery.governing import governing
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.errors import AccessDeniedError, AwsError
from shipway.evidence.canonical_json import moment
from shipway.evidence.history import RecordedDelivery
from shipway.evidence.standing import RecordedRelease, last_release
from shipway.policy.facts import LiveRelease
from shipway.rollout.judge.state import label
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.judge.verdict import Verdict
from shipway.rollout.snapshot import Snapshot
from shipway.rollout.task_definition import TaskDefinition
from shipway.util.side_by_side import look_up

NOT_AS_RECORDED: Final = Verdict(
    "not-as-recorded", 4, "`status`: a service is not what the last record says; no failure."
)
# CloudFormation acts under this session name of a stack's role, as the refusals show that the AWS
# CodeStar User Guide quotes ("Troubleshooting": …-CloudFormation/AWSCloudFormation).
_STACK: Final = "/AWSCloudFormation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One service as it is now.

    Attributes:
        key: Its name in delivery.toml.
        service: Its name in ECS.
        exists: Whether it is there, and active.
        task_definition: ARN of what is in service.
        image: The image of its container, as the task definition names it.
        commit: The commit that the image was built from; empty where nothing says.
        changed: Whether it was built from a work tree that differed from that commit.
        since: When it was put into service.
        by: Who brought it there, as far as a record or ECS says.
        desired: Tasks that should run.
        running: Tasks that do.
        healthy: Targets of its load balancer that are healthy, the fewest of its target groups;
            ``None`` where it has none or they cannot be asked.
        rollout: ECS's word for its newest deployment: ``COMPLETED``, ``IN_PROGRESS``, ``FAILED``.
        recorded: What the last record says; ``None`` where none speaks of it.
        drift: How it differs from that; empty where it does not.
    """

    key: str
    service: str
    exists: bool = True
    task_definition: str = ""
    image: str = ""
    commit: str = ""
    changed: bool = False
    since: datetime | None = None
    by: str = ""
    desired: int = 0
    running: int = 0
    healthy: int | None = None
    rollout: str = ""
    recorded: RecordedRelease | None = None
    drift: str = ""

    def document(self) -> Mapping[str, object]:
        """The same as a JSON object."""
        return {
            "key": self.key,
            "service": self.service,
            "exists": self.exists,
            "task_definition": self.task_definition,
            "image": self.image,
            "commit": self.commit,
            "changed": self.changed,
            "since": moment(self.since) if self.since else None,
            "by": self.by,
            "desired": self.desired,
            "running": self.running,
            "healthy": self.healthy,
            "rollout": self.rollout,
            "recorded": None
            if self.recorded is None
            else {
                "task_definition": self.recorded.task_definition,
                "image": self.recorded.image,
                "by": self.recorded.by,
                "at": self.recorded.at,
                "record": self.recorded.record,
            },
            "drift": self.drift,
        }


def open_environment(name: str, context: DeliveryContext) -> tuple[Environment, Aws]:
    """An environment with its references looked up, and its AWS as whoever may look there.

    A person goes on as the role that the contract makes for people, where that takes them.

    Raises:
        ConfigurationError: delivery.toml or the contract is wrong, or has no such environment.
        IdentityError: The credentials are of another account.
        CredentialsError: There are none.
        UnresolvedReferenceError: Something that delivery.toml refers to is not published.
    """
    declared = delivery_file.load(context.delivery_file).environment(name)
    contract, _ = governing(context)
    destination = resolve.find(declared, context.variables)
    aws = context.open_environment(destination).aws
    person = aws.identity()
    environment_policy = contract.environment_policy(name)
    role = environment_policy.by_hand_role
    if environment_policy.makes_by_hand_role and person.role != role:
        try:
            to_assume = identity.hand_role(environment_policy, destination, person)
            aws.assume(to_assume, identity.session_name(person))
        except AccessDeniedError:
            pass  # whoever may not deliver may still be allowed to look
    identity.right_account(aws.identity(), destination)
    environment = resolve.resolve(declared, variables=context.variables, published=aws.published)
    return environment, aws


def look(
    environment: Environment,
    aws: Aws,
    context: DeliveryContext,
    deliveries: Sequence[RecordedDelivery],
) -> tuple[ServiceStatus, ...]:
    """Every service of an environment as it is now, in delivery.toml's order.

    Args:
        environment: The environment.
        aws: Its AWS.
        context: The outside; git says how commits stand to each other.
        deliveries: The environment's records, oldest first.

    Raises:
        AwsError: ECS does not answer.
        AccessDeniedError: The services may not be looked at.
        GitError: There is no commit here.
    """
    seen = aws.ecs.services(environment.cluster, [each.service for each in environment.services])
    ours = context.git.head().sha
    for service in environment.services:
        _answered(seen[service.service], f"{environment.cluster}/{service.service}")
    there = {
        name: snapshot
        for name, snapshot in seen.items()
        if snapshot.exists and snapshot.status == "ACTIVE"
    }
    lives = look_up(
        aws.ecs.task_definition, (snapshot.task_definition for snapshot in there.values())
    )
    fetch = FetchPlan(targets=True)
    full = look_up(
        lambda name: aws.ecs.complete(environment.cluster, name, there[name], fetch),
        [name for name, snapshot in there.items() if snapshot.balanced],
    )
    images: dict[tuple[str, str], LiveRelease] = {}
    statuses = []
    for service in environment.services:
        snapshot = seen[service.service]
        recorded = last_release(deliveries, service.service)
        if service.service not in there:
            statuses.append(_missing(service, recorded))
            continue
        live = lives[snapshot.task_definition]
        container = live.container(service.container)
        image = (service.image, container.image)
        if image not in images:
            store = aws.repository(environment.about(service.image))
            images[image] = live_facts.released(container, store, context.git, ours)
        shown = full.get(service.service, snapshot)
        statuses.append(status(service, shown, live, images[image], recorded))
    return tuple(statuses)


def status(
    service: Service,
    snapshot: Snapshot,
    live: TaskDefinition,
    released: LiveRelease,
    recorded: RecordedRelease | None,
) -> ServiceStatus:
    """One service's state from what was seen of it. Pure.

    Args:
        service: Its entry in delivery.toml.
        snapshot: ECS's and the load balancer's answers.
        live: Its task definition.
        released: What release its image is.
        recorded: What the last record says.
    """
    primary = snapshot.primary
    difference = drift(service, live, recorded)
    as_recorded = recorded is not None and not difference and bool(recorded.task_definition)
    return ServiceStatus(
        key=service.key,
        service=service.service,
        task_definition=snapshot.task_definition,
        image=live.container(service.container).image,
        commit=(recorded.commit if recorded and as_recorded else "") or released.commit,
        changed=recorded.changed
        if recorded and as_recorded and recorded.commit
        else released.changed,
        since=primary.created_at if primary else None,
        by=recorded.by if recorded and as_recorded else _registrar(live),
        desired=snapshot.desired,
        running=snapshot.running,
        healthy=_healthy(snapshot),
        rollout=(primary.rollout_state or "") if primary else "",
        recorded=recorded,
        drift=difference,
    )


def drift(service: Service, live: TaskDefinition, recorded: RecordedRelease | None) -> str:
    """How a service differs from its last record, and who seems to have done it. Pure.

    Args:
        service: Its entry in delivery.toml.
        live: What is in service.
        recorded: What the last record says; nothing differs from no record.
    """
    if recorded is None or not recorded.task_definition or recorded.task_definition == live.arn:
        return ""
    image = live.container(service.container).image
    same = bool(recorded.image) and image.endswith(recorded.image.rpartition("@")[2])
    what = "the same image in another revision" if same else f"another image ({image})"
    who = _registrar(live)
    if live.registered_by.endswith(_STACK):
        doer = f"a stack registered it ({who})"
    else:
        doer = f"registered by {who}" if who else "somebody updated the service by other means"
    return f"{label(live.arn)} runs, not {label(recorded.task_definition)}: {what}; {doer}"


def _registrar(live: TaskDefinition) -> str:
    """Who registered what runs, as people name a role's session."""
    return live.registered_by.partition("assumed-role/")[2] or live.registered_by


def _healthy(snapshot: Snapshot) -> int | None:
    """The fewest healthy targets of any target group that has some."""
    groups = Counter(target.group for target in snapshot.targets)
    if not groups:
        return None
    good = Counter(target.group for target in snapshot.targets if target.state == "healthy")
    return min(good[group] for group in groups)


def _missing(service: Service, recorded: RecordedRelease | None) -> ServiceStatus:
    gone = "it does not exist, or is being deleted" if recorded is not None else ""
    return ServiceStatus(
        key=service.key, service=service.service, exists=False, recorded=recorded, drift=gone
    )


def _answered(snapshot: Snapshot, where: str) -> None:
    if snapshot.answered:
        return
    for trouble in snapshot.troubles:
        kind = AccessDeniedError if trouble.kind == "access-denied" else AwsError
        raise kind(trouble.text, where=where, remedy="see the reason above; nothing was changed")
