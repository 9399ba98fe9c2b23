"""What exists in an AWS account, in the terms that delivery.toml is written in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveService:
    """One ECS service and what it runs.

    Attributes:
        cluster: Its cluster's name.
        service: Its name.
        container: The container that a load balancer reaches, or the first essential one.
        port: The container's port; 0 where it has none.
        repository: The ECR repository's name; empty where the image is not in this account's ECR.
        health_path: What the load balancer asks for; empty without one.
        url: The load balancer's address; empty without one.
        circuit_breaker: Whether its deployment circuit breaker is on.
        cpu: CPU units of a task; 0 where its definition names none.
        memory: MiB of a task; 0 where its definition names none.
        environment: The container's variables with their values, but for what looks secret.
        secrets: Names of the variables that hold secrets, or look as if they did.
    """

    cluster: str
    service: str
    container: str
    port: int = 0
    repository: str = ""
    health_path: str = ""
    url: str = ""
    circuit_breaker: bool = True
    cpu: int = 0
    memory: int = 0
    environment: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
