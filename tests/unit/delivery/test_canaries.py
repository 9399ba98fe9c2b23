"""Secrets are planted wherever one may lie, and looked for wherever something is told."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from shipway.config.references import Found
from shipway.console import Mode, open_console
from shipway.errors import AccessDeniedError, BuildError, PublishError
from shipway.observer import Event, Observer

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

    from shipway.delivery.ending import DeliveryOutcome

CANARIES = {
    name: f"canary-{name.lower().replace('_', '-')}-7f3a91"
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "GITHUB_TOKEN",
        "DATABASE_PASSWORD",
        "STRIPE_API_KEY",
    )
}
REMOTE = "canary-remote-password-7f3a91"
ARGUMENT = "canary-build-argument-7f3a91"
DEFINITION = "canary-task-definition-7f3a91"
SECURE = "canary-secure-string-7f3a91"
# Shapes that nobody has to know the value of.
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"  # noqa: S105 - a made-up one
GITHUB = "ghp_canaryCANARYcanaryCANARYcanary0123456"
ACCESS_KEY = "AKIACANARYCANARY0001"
ALL = (*CANARIES.values(), REMOTE, ARGUMENT, DEFINITION, SECURE, TOKEN, GITHUB, ACCESS_KEY)
KNOWN = (*CANARIES.values(), ARGUMENT)
# What a foreign program may say: each of them alone, in a URL, behind a name; encoded where it is
# known (what nobody knows can only be told by its shape).
SAID = tuple(
    line
    for secret in (*KNOWN, TOKEN, GITHUB, ACCESS_KEY)
    for line in (
        f"value {secret} end",
        f"https://user:{secret}@example.org/x",
        f"curl -H 'Authorization: Bearer {secret}'",
        *((base64.b64encode(secret.encode()).decode(),) if secret in KNOWN else ()),
    )
)


def _builds(world: World) -> None:
    world.builder.fails = BuildError("exit code 1: " + SAID[0], details=SAID, where="Dockerfile")


def _pushes(world: World) -> None:
    world.cloud.store.fails = PublishError("denied: " + SAID[1], details=SAID)


def _updates(world: World) -> None:
    words = f"not allowed with {' '.join(SAID)} {DEFINITION}"
    world.cloud.ecs.fails["update"] = AccessDeniedError(words, details=(*SAID, DEFINITION))


def _rolls_back(world: World) -> None:
    world.cloud.ecs.ends = "rolled-back"


def _answers(world: World) -> None:
    world.address.answers = [500]


def _published(world: World) -> None:
    resolution = Found(text=f"not a repository {SECURE}", secret=True)
    world.cloud.published.resolve = lambda references: dict.fromkeys(references, resolution)  # type: ignore[method-assign]


def _nothing(world: World) -> None:
    assert world.events == []


ENDS = (_nothing, _builds, _pushes, _updates, _rolls_back, _answers, _published)


@pytest.fixture
def planted(world: World) -> World:
    """A world with a secret everywhere that one may lie."""
    world.variables |= CANARIES
    commit = world.git.commit
    remote = f"https://mona:{REMOTE}@github.com/octo/shop"
    object.__setattr__(commit, "remote", remote)
    text = (world.root / "ci" / "delivery.toml").read_text(encoding="utf-8")
    arguments = f'[image.build_args]\nNPM_TOKEN = "{ARGUMENT}"\n'
    world.write("delivery.toml", text.replace("[environments", f"{arguments}[environments", 1))
    variables = (
        ("DB_PASSWORD", DEFINITION),
        ("DB_URL", f"postgres://shop:{DEFINITION}@db/shop"),
    )
    ecs = world.cloud.ecs
    live = ecs.definitions[ecs.primary]
    web = replace(live.container("web"), environment=variables)
    document = {"containerDefinitions": [{"name": "web", "environment": [dict(variables)]}]}
    ecs.definitions[ecs.primary] = replace(live, containers=(web,), document=document)
    build = world.builder.build

    def talkative(request: Any, tell: Callable[[str], None], _stop: Any = None) -> Any:
        for line in SAID:
            tell(f"#7 0.123 {line}")
        return build(request, tell)

    world.builder.build = talkative  # type: ignore[method-assign,assignment]
    return world


def everything(world: World, outcome: DeliveryOutcome, printed: dict[str, str]) -> dict[str, str]:
    """All that was told, printed and written, by where it is."""
    assert outcome.evidence is not None
    texts = {"events": repr(world.events), **printed}
    for folder, _, names in os.walk(world.root / "evidence"):
        for name in names:
            path = Path(folder) / name
            texts[str(path)] = path.read_text(encoding="utf-8")
    return texts


def forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}


@pytest.mark.parametrize("end", ENDS, ids=[end.__name__[1:] for end in ENDS])
@pytest.mark.parametrize("mode", ["lines", "actions", "json"])
def test_no_secret_is_told_printed_or_written(
    planted: World, tmp_path: Path, end: Callable[[World], None], mode: Mode
) -> None:
    end(planted)
    stream = io.StringIO()
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
    }
    with open_console(mode=mode, stream=stream, env=env, verbose=True) as console:

        def both(event: Event) -> None:
            planted.events.append(event)
            console(event)

        observer: Observer = both
        outcome = planted.deliver_to(observer)
    printed = {
        "printed": stream.getvalue(),
        "summary": summary.read_text(encoding="utf-8"),
        "outputs": outputs.read_text(encoding="utf-8"),
    }
    texts = everything(planted, outcome, printed)
    assert {Path(where).name for where in texts} >= {"record.json", "vsa.json", "report.html"}
    leaks = {
        (Path(where).name, secret)
        for where, text in texts.items()
        for secret in ALL
        for form in forms(secret)
        if form in text
    }
    assert leaks == set()
    assert "#7 0.123 value *** end" in texts["printed"] or end is _published
