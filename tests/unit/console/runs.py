"""Four runs as streams of events: what the sketches of a delivery show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shipway.console.base import Clock
from shipway.errors import ConfigurationError
from shipway.observer import (
    Concluded,
    Detail,
    Event,
    Failed,
    Finished,
    Heading,
    Noticed,
    Output,
    Planned,
    Rolling,
    Started,
    TaskCounts,
)

START = datetime(2026, 11, 22, 23, 40, 58, tzinfo=UTC)


class Ticking:
    """A clock that goes on by a second each time somebody says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> Clock:
        return Clock(now=lambda: START + timedelta(seconds=self.seconds), tick=lambda: self.seconds)


HEADING = Heading(
    environment="staging",
    account="111122223333",
    region="eu-west-1",
    trigger="by hand: you@laptop",
    commit="3f9c2ab (clean)",
)
PLAN = Planned(
    stages=(
        ("contract", "is this allowed?"),
        ("identity", "who are we at AWS?"),
        ("build", "BuildKit, linux/amd64"),
        ("publish", "111122223333.dkr.ecr…/shop"),
        ("deploy", "web"),
        ("verify", "GET https://staging.shop.example/health  5 in a row"),
    )
)


def rolling(
    *, subject: str = "web", running: int, pending: int = 0, old: int, healthy: int, at: float
) -> Rolling:
    return Rolling(
        subject=subject,
        old="shop:41",
        new="shop:42",
        stage="SCALE_UP",
        new_tasks=TaskCounts(desired=4, running=running, pending=pending),
        old_tasks=TaskCounts(desired=old, running=old, pending=0),
        health=(("healthy", healthy), ("initial", running - healthy)),
        breaker=(0, 3),
        elapsed=at,
    )


def _until_publish() -> Iterator[Event]:
    yield HEADING
    yield PLAN
    yield Started(stage="contract")
    yield Finished(stage="contract", text="by hand → staging: build, publish, deploy, verify")
    yield Started(stage="identity")
    yield Finished(
        stage="identity", text="assumed role shop-deploy-staging, session ends in 58 min"
    )
    yield Started(stage="build", subject="shop")
    yield Output(stage="build", line="#5 [2/6] RUN pip install -r requirements.txt")
    yield Output(stage="build", line="#6 exporting layers")
    yield Finished(
        stage="build", subject="shop", text="sha256:9c41…  4 of 6 layers from cache", seconds=11.2
    )
    yield Started(stage="publish")
    yield Finished(
        stage="publish",
        text="111122223333.dkr.ecr…/shop@sha256:9c41…  tag 3f9c2ab  12.4 MB pushed",
        seconds=3.0,
    )
    yield Started(stage="deploy", subject="web")


def good() -> Iterator[Event]:
    yield from _until_publish()
    yield rolling(running=0, pending=4, old=4, healthy=0, at=1)
    yield rolling(running=0, pending=4, old=4, healthy=0, at=2)
    yield Noticed(stage="deploy", subject="web", text="has started 4 tasks")
    yield rolling(running=3, pending=1, old=2, healthy=2, at=24)
    yield rolling(running=4, old=0, healthy=4, at=31)
    yield Finished(
        stage="deploy", subject="web", text="shop:41 → shop:42  4 of 4 healthy", seconds=33.4
    )
    yield Started(stage="verify")
    yield Noticed(stage="verify", text="first answer took 2.1 s", level="warning")
    yield Finished(stage="verify", text="5 of 5 answers run sha256:9c41…", seconds=1.4)
    yield Concluded(
        text="Released to staging.",
        kind="succeeded",
        exit_code=0,
        evidence="evidence/staging/2026-11-22T23-40-58Z-3f9c2ab/",
    )


def failing() -> Iterator[Event]:
    yield from _until_publish()
    yield rolling(running=2, pending=2, old=4, healthy=0, at=3)
    yield Rolling(
        subject="web",
        old="shop:41",
        new="shop:42",
        stage="ROLLBACK",
        new_tasks=TaskCounts(desired=4, running=0, pending=0, failed=2),
        old_tasks=TaskCounts(desired=4, running=4, pending=0),
        breaker=(2, 3),
        rolling_back=True,
        elapsed=9,
    )
    yield Noticed(stage="deploy", subject="web", text="roll-back to shop:41 began")
    yield Failed(
        stage="deploy",
        subject="web",
        text="shop:42  crash loop: 2 of 2 new tasks exited with 1 within 3 s",
        details=(
            Detail(
                label="cause",
                lines=('container "web" exited with code 1 (EssentialContainerExited)',),
            ),
            Detail(
                label="log",
                lines=(
                    '2026-11-22 23:41:07  File "/app/settings.py", line 12, in <module>',
                    "2026-11-22 23:41:07  KeyError: 'DATABASE_URL'",
                ),
            ),
            Detail(
                label="image",
                lines=("…/shop@sha256:9c41… (3f9c2ab)   was …/shop@sha256:77d0… (a81be02)",),
            ),
            Detail(
                label="next",
                lines=(
                    (
                        "the task definition has no DATABASE_URL; "
                        "shop:41 had it from ssm:/shop/staging/db"
                    ),
                ),
            ),
            Detail(
                label="rollback",
                lines=("rolled back to shop:41, 4 of 4 healthy, no request lost",),
            ),
        ),
        seconds=31,
    )
    yield Concluded(
        text="Release failed: rolled back.",
        kind="rolled-back",
        exit_code=31,
        evidence="evidence/staging/2026-11-22T23-40-58Z-3f9c2ab/",
    )


def refusal() -> Iterator[Event]:
    yield Failed(
        stage="contract",
        text="push of refs/tags/v1.0.1 is not an approved release trigger",
        details=(
            Detail(
                label="",
                lines=(
                    "main      push refs/heads/main       no: the ref is a tag",
                    'stable    push refs/tags/*-stable    no: "v1.0.1" does not end in "-stable"',
                ),
            ),
        ),
    )
    yield Concluded(
        text="Nothing was built or changed.",
        kind="refused",
        exit_code=20,
        remedy="To release this commit, push a tag such as v1.0.1-stable.",
    )


CONFIGURATION = ConfigurationError(
    "2 problems",
    where="ci/delivery.toml",
    details=(
        (
            "ci/delivery.toml:31  environments.staging.services.web.containr: unknown key; "
            'did you mean "container"?'
        ),
        (
            "ci/delivery.toml:27  environments.staging.cluster: ssm:/shop/staging/cluster does not "
            "exist in 111122223333 eu-west-1"
        ),
        (
            "                     Published there: /shop/staging/cluster-name, "
            "/shop/staging/repository"
        ),
    ),
    remedy="Correct these lines; nothing was built or changed.",
)
