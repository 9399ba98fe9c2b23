"""The workflow itself, run by act against the embedded AWS: who passes, and what comes of it.

act ignores ``on:`` filters, ``environment:``, ``concurrency:`` and ``permissions:``, so what stops
a run here is the job's guard, and behind it the gate and the roles' trust. Nothing is believed of
act's exit code alone (all jobs skipped is 0): images, services and records are looked at.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3  # the test looks at the embedded AWS as any client would
import pytest
from tests.example import PROJECT, REPOSITORY

from shipway.rehearsal.checkout import Checkout
from shipway_sandbox import github, tokens
from shipway_sandbox.world import World

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
WORKFLOW = ".github/workflows/deploy.yml"
ACT = str(Path(sys.executable).with_name("act"))
SECONDS = 120.0
FORK = github.GithubRepository(name="shop", owner="mallory", owner_id=666, id=666)
STABLE = "refs/tags/v1.0.0-stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One event, and what must come of it.

    Attributes:
        title: For the table.
        event: GitHub's event.
        ref: The full ref.
        environment: Where it leads; empty where it leads nowhere.
        stopped: By what it is stopped.
        settings: Further arguments of :func:`shipway_sandbox.github.event`.
    """

    title: str
    ref: str
    event: str = "push"
    environment: str = ""
    stopped: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


GUARD, ON = "the job's guard", "the events in on:"
CASES = (
    Case(title="push to main", ref="refs/heads/main", environment="staging"),
    Case(title="tag v1.0.0-stable", ref=STABLE, environment="production"),
    Case(title="tag v1.0.1", ref="refs/tags/v1.0.1", stopped=GUARD),
    Case(title="branch v1-stable", ref="refs/heads/v1-stable", stopped=GUARD),
    Case(
        title="pull request",
        event="pull_request",
        ref="refs/pull/7/merge",
        stopped=ON,
        settings={"head_ref": "feature/x"},
    ),
    Case(
        title="push to main of a fork",
        ref="refs/heads/main",
        stopped=GUARD,
        settings={"repository": FORK},
    ),
    Case(title="dispatch on main", event="workflow_dispatch", ref="refs/heads/main", stopped=ON),
)
BEHIND_ON = (
    *(case for case in CASES if case.stopped == ON),
    Case(title="pull_request_target", event="pull_request_target", ref="refs/heads/main"),
    Case(title="a tag deeper down", ref="refs/tags/rel/v1.0.0-stable"),
    Case(title="a tag called main", ref="refs/tags/main"),
    Case(title="dispatch on a stable tag", event="workflow_dispatch", ref=STABLE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What act did with one case."""

    code: int
    said: str
    seconds: float
    records: tuple[dict[str, Any], ...]


class Bench:
    """A repository with an origin of its own, a Python, and the sandbox: all that act needs."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self._folder = folder
        self._checkout = Checkout(ROOT, folder / "clone", PROJECT)
        self.clone = self._checkout.folder
        self._hold_for_a_second()
        self.sha = self._checkout.head()
        self._checkout.tag(STABLE)
        origin = folder / "origin.git"
        _run("git", "clone", "--quiet", "--bare", str(self.clone), str(origin))
        key = f"url.{origin}.insteadOf"
        _run("git", "-C", str(self.clone), "config", key, "https://github.com/example/shop.git")
        self._python = folder / "python"
        _run(sys.executable, "-m", "venv", str(self._python))
        self.text = (self.clone / WORKFLOW).read_text(encoding="utf-8")
        self._count = 0

    def _hold_for_a_second(self) -> None:
        """The workflow is the matter here, not the minute that a release must stay good."""
        file = self.clone / "ci" / "delivery.toml"
        text, table = file.read_text(encoding="utf-8"), "[environments.production]\n"
        assert table in text
        file.write_text(text.replace(table, f"{table}hold = 1\n"), encoding="utf-8")
        self._checkout.release("", "Hold for a second")

    def run(self, case: Case, text: str | None = None) -> Ran:
        """Give act the event, in the environment that a hosted runner would have."""
        self._count += 1
        own = self._folder / f"{self._count:02}"
        own.mkdir()
        event = github.event(
            case.event,
            ref=case.ref,
            sha=self.sha,
            folder=own / "github",
            workspace=self.clone,
            run=github.Run(id=1, number=1, environment=case.environment),
            **{"repository": REPOSITORY, **case.settings},
        )
        (own / "event.json").write_text(json.dumps(event.payload), encoding="utf-8")
        # act knows no `queue` yet and refuses to read on: the one line that it is not given.
        runnable = (text or self.text).replace("      queue: max\n", "")
        (own / "workflow.yml").write_text(runnable, encoding="utf-8")
        self._write_variables(own, event)
        began = time.monotonic()
        done = subprocess.run(
            [*self._command(own, case), *self._role(case.environment)],
            env={
                "PATH": f"{self._python / 'bin'}:{self.world.variables.get('PATH', os.defpath)}",
                "HOME": str(self._folder / "home"),
                "DOCKER_HOST": "unix:///nonexistent.sock",
                "GIT_PAGER": "cat",
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        found = sorted((own / "artifacts").rglob("record.json"))
        return Ran(
            code=done.returncode,
            said=done.stdout + done.stderr,
            seconds=time.monotonic() - began,
            records=tuple(json.loads(path.read_bytes())["predicate"] for path in found),
        )

    def _command(self, own: Path, case: Case) -> list[str]:
        uses = re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", self.text)
        stand_ins = [
            word
            for name, sha in dict(uses).items()
            for word in (
                "--local-repository",
                f"{name}@{sha}={STAND_INS / name.rpartition('/')[2]}",
            )
        ]
        return [
            ACT, case.event, "-C", str(self.clone), "-W", str(own / "workflow.yml"),
            "-e", str(own / "event.json"), "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server",
            "--action-cache-path", str(self._folder / "actions"),
            "--env-file", str(own / "variables"), *stand_ins,
        ]  # fmt: skip

    def _role(self, environment: str) -> list[str]:
        """The variables of the GitHub environment, which act does not know."""
        if not environment:
            return []
        known = {
            "AWS_ROLE_ARN": self.world.role(environment),
            "AWS_REGION": str(self.world.state["region"]),
            "AWS_ACCOUNT_ID": self.world.account(environment),
        }
        return [word for name, value in known.items() for word in ("--var", f"{name}={value}")]

    def _write_variables(self, own: Path, event: github.GithubEvent) -> None:
        job = tokens.register(self.world.state, event.claims)
        ids = ("GITHUB_REPOSITORY", "GITHUB_REPOSITORY_ID")
        usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        known = {
            **{name: text for name, text in self.world.variables.items() if name != "PATH"},
            **{name: event.environment[name] for name in ids},
            **job,
            "STAND_INS": str(STAND_INS),
            "STAND_IN_PYTHON": str(self._python / "bin"),
            "STAND_IN_ARTIFACTS": str(own / "artifacts"),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(usual / "uv"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "XDG_CACHE_HOME": str(self._folder / "cache"),
        }
        lines = "".join(f"{name}={value}\n" for name, value in known.items())
        (own / "variables").write_text(lines, encoding="utf-8")

    def state(self) -> dict[str, Any]:
        """Everything that a delivery could change: images, and what the services run."""
        found: dict[str, Any] = {}
        for environment in ("staging", "production"):
            images = self._client("ecr", environment).describe_images(
                repositoryName=f"shop-{environment}"
            )["imageDetails"]
            service = self._client("ecs", environment).describe_services(
                cluster=f"shop-{environment}", services=["web"]
            )["services"][0]
            found[environment] = {
                "images": {one["imageDigest"] for one in images},
                "runs": service["taskDefinition"],
            }
        return found

    def _client(self, service: str, environment: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.world.endpoint,
            region_name=self.world.state["region"],
            aws_access_key_id=self.world.account(environment),
            aws_secret_access_key=self.world.state["root_secret_access_key"],
        )


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def bench(fresh_world: World, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(fresh_world, tmp_path_factory.mktemp("act"))


def test_seven_events_and_what_comes_of_each(
    bench: Bench, record_property: Callable[[str, object], None]
) -> None:
    record_property("told", "The real workflow, by act:")
    for case in CASES:
        before = bench.state()
        ran = bench.run(case)
        after = bench.state()
        outcome = _delivered(case, ran, before, after) if case.environment else "stopped by "
        if case.stopped:
            _stopped(case, ran)
            assert after == before
            outcome += case.stopped
        record_property("told", f"  {case.title:<24} {outcome:<58} {ran.seconds:5.1f} s")


def _delivered(case: Case, ran: Ran, before: dict[str, Any], after: dict[str, Any]) -> str:
    assert ran.code == 0, ran.said[-4000:]
    assert "stand-in for aws-actions/configure-aws-credentials" in ran.said
    (record,) = ran.records
    assert record["decision"]["environment"] == case.environment
    assert f":assumed-role/shop-deploy-{case.environment}/" in record["identity"]["arn"]
    here = case.environment
    added = after[here]["images"] - before[here]["images"]
    assert record["image"]["reference"].rpartition("@")[2] in added
    others = {name: seen for name, seen in after.items() if name != here}
    assert others == {name: seen for name, seen in before.items() if name != here}
    deploys = "deploy" in record["decision"]["tasks"]
    assert (after[here]["runs"] != before[here]["runs"]) == deploys
    return f"{', '.join(record['decision']['tasks'])} → {here}"


def _stopped(case: Case, ran: Ran) -> None:
    """Nothing of the job ran: act says so in two ways, and neither leaves a record."""
    assert not ran.records
    assert "Run Main" not in ran.said
    listed = "Could not find any stages to run" not in ran.said
    assert listed == (case.stopped == GUARD)
    assert ran.code == (0 if listed else 1), ran.said


@pytest.mark.parametrize("case", BEHIND_ON, ids=lambda case: case.title)
def test_the_guard_holds_where_on_lets_everything_in(bench: Bench, case: Case) -> None:
    begin, end = bench.text.index("on:\n"), bench.text.index("# <<< on")
    every = "".join(f"  {name}:\n" for name in sorted(github.NAMES))
    ran = bench.run(case, f"{bench.text[:begin]}on:\n{every}{bench.text[end:]}")
    assert "Run Main" not in ran.said
    assert ran.code == 0, ran.said


def test_without_the_guard_the_gate_refuses_and_no_role_is_given(bench: Bench) -> None:
    begin, end = bench.text.index("    if: >-"), bench.text.index("    environment:")
    bare = bench.text[:begin] + bench.text[end:]
    before = bench.state()
    case = Case(title="branch", ref="refs/heads/v1-stable", environment="production")
    ran = bench.run(case, bare)
    assert ran.code == 1
    assert "could not assume arn:aws:iam::444455556666:role/shop-deploy-production" in ran.said
    # Without the OIDC step the gate is alone, and says why.
    begin, end = bare.index("      # AWS_ROLE_ARN"), bare.index("      - name: Deploy")
    ran = bench.run(case, bare[:begin] + bare[end:])
    assert ran.code == 1
    (record,) = ran.records
    assert record["decision"]["allowed"] is False
    assert record["verdict"]["kind"] == "refused"
    assert bench.state() == before
