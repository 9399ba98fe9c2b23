"""News to tell in tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shipway.notify.news import News, ServiceNews

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/Tally@sha256:" + "a" * 64
OLD = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/tally@sha256:" + "b" * 64
RUN = "https://github.com/octo/tally/actions/runs/42"
_TD = "arn:aws:ecs:eu-west-1:111122223333:task-definition/tally"


def service(key: str = "api", image: str = IMAGE, revision: int = 42) -> ServiceNews:
    return ServiceNews(
        key=key, service=f"tally-{key}", image=image, task_definition=f"{_TD}:{revision}"
    )


def news(event: Any = "delivered", **changes: Any) -> News:
    told = News(
        event=event,
        application="tally",
        environment="blue",
        started=datetime(2026, 11, 22, 23, 40, 58, 120000, tzinfo=UTC),
        at=datetime(2026, 11, 22, 23, 44, 1, tzinfo=UTC),
        commit="3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7",
        actor="mona",
        repository="octo/tally",
        run=RUN,
        images=(IMAGE,),
        services=(service(),),
        url="https://tally.example/health",
        kind="succeeded",
        text="Delivered.",
    )
    return replace(told, **changes)
