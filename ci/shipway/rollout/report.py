"""How one service's rollout went, as whoever keeps a record of it is told."""

from __future__ import annotations

from dataclasses import dataclass

from shipway.rollout.diagnosis.diagnosis import Block
from shipway.rollout.judge.terms import Outcome
from shipway.rollout.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """One service.

    Attributes:
        key: Its name in delivery.toml.
        service: Its name in ECS.
        task_definition: The ARN that was rolled out.
        previous_task_definition: The ARN that ran before; empty where the rollout was cut short.
        previous_image: Its image.
        image: What was rolled out; empty where the rollout was cut short.
        deployment_id: The entry of ``deployments[]``.
        service_deployment: The service deployment's ARN, where the service has them.
        outcome: The verdict and its reasons; ``None`` where there is none yet.
        looks: How often ECS was asked.
        diagnosis: Every distinct failure.
        last_seen: The last look, where the rollout was not watched to its end.
    """

    key: str
    service: str
    task_definition: str
    deployment_id: str
    service_deployment: str
    previous_task_definition: str = ""
    previous_image: str = ""
    image: str = ""
    outcome: Outcome | None = None
    looks: int = 0
    diagnosis: tuple[Block, ...] = ()
    last_seen: Snapshot | None = None
