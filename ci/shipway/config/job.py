"""A job as the stages use it: frozen, every value a literal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

When = Literal["before", "after", "by-hand"]
"""Before anything of a release moves, after it is verified, or only when a person asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task that runs to its end.

    Attributes:
        key: Its name in delivery.toml, the subject of every line a person reads about it.
        when: When a delivery runs it.
        service: Key of the service whose task definition it takes; empty where it has its own.
        task_definition: Family, ``family:revision`` or ARN of its own; empty where a service's.
        container: The container that takes the image and whose exit code decides; empty for the
            service's, or for the one that its own task definition has.
        image: Key of the image that it runs; empty where there is one image alone.
        command: What it runs in the place of the image's CMD; empty for that.
        timeout: Seconds that it may take, the wait for a place to run included.
        after: Keys of the jobs that must have ended well before it begins.
        network: Key of the service whose network and launch type it takes.
        subnets: Ids of subnets, where they are written out; they go before ``network``'s.
        security_groups: Ids of security groups, with ``subnets``.
        public_ip: ``assignPublicIp``, with ``subnets``.
    """

    key: str
    when: When
    service: str = ""
    task_definition: str = ""
    container: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    timeout: int = 900
    after: tuple[str, ...] = ()
    network: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False


def in_order(jobs: tuple[Job, ...], when: When) -> tuple[Job, ...]:
    """The jobs of one moment, each behind those that it comes ``after``; else in the file's order.

    The file was checked: no job comes after itself (:mod:`shipway.config.job_checks`).
    """
    left = [job for job in jobs if job.when == when]
    ordered: list[Job] = []
    while left:
        waited_for = {job.key for job in left}
        following = next(job for job in left if not waited_for & set(job.after))
        ordered.append(following)
        left.remove(following)
    return tuple(ordered)
