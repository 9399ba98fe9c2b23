"""act, a repository and the embedded AWS: what the tests of the workflow run it with.

``SHIPWAY_TEST_ACTIONS`` names a folder with real actions, as ``OWNER/NAME`` of the pinned commit;
stand-ins take the place of those that are not there, and behave as the real ones were seen to.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3  # the test looks at the embedded AWS as any client would
from tests.example import PROJECT, REPOSITORY

from shipway.rehearsal.checkout import Checkout
from shipway_sandbox import github, tokens
from shipway_sandbox.world import World

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
WORKFLOW = ".github/workflows/deploy.yml"
ACT = str(Path(sys.executable).with_name("act"))
SECONDS = 120.0
REAL = Path(os.environ.get("SHIPWAY_TEST_ACTIONS") or os.devnull)
"""Where real actions are; nowhere, where nobody said."""
KEEPING = "actions/upload-artifact"
"""Always a stand-in: what it keeps is what the tests look at."""
HAS_NODE = shutil.which("node") is not None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What act did with one case."""

    code: int
    said: str
    seconds: float
    records: tuple[dict[str, Any], ...]


def is_real(name: str) -> bool:
    """Whether an action is the real one, not its stand-in."""
    return name != KEEPING and (REAL / name / "action.yml").is_file()


def action(name: str, *, node: bool = True) -> Path:
    """Where act finds an action; without node, a stand-in that needs none."""
    if is_real(name):
        return REAL / name
    own = name.rpartition("/")[2]
    without = STAND_INS / "without-node" / own
    return without if not (node and HAS_NODE) and without.is_dir() else STAND_INS / own


def red_steps(ran: Ran) -> list[str]:
    """The steps that failed, as act names them; those of a composite action are not the job's."""
    failed = re.findall(r"Failure - \w+ (.+?)(?: \[[\d.]+m?s\])?$", ran.said, re.MULTILINE)
    return [step for step in failed if step != "(within)"]


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
        self._prepare_for_real_actions(origin)
        self.text = (self.clone / WORKFLOW).read_text(encoding="utf-8")
        self._count = 0

    def _prepare_for_real_actions(self, origin: Path) -> None:
        """A cache of tools for setup-python, and GitHub's address for checkout."""
        cached = self._folder / "tools" / "Python" / "3.13.0"
        cached.mkdir(parents=True)
        (cached / "x64").symlink_to(self._python, target_is_directory=True)
        (cached / "x64.complete").touch()
        home = self._folder / "home"
        home.mkdir()
        config = f'[url "{origin}"]\n\tinsteadOf = https://github.com/example/shop\n'
        (home / ".gitconfig").write_text(config, encoding="utf-8")

    def _hold_for_a_second(self) -> None:
        """The workflow is the matter here, not the minute that a release must stay good."""
        file = self.clone / "ci" / "delivery.toml"
        text, table = file.read_text(encoding="utf-8"), "[environments.production]\n"
        assert table in text
        file.write_text(text.replace(table, f"{table}hold = 1\n"), encoding="utf-8")
        self._checkout.release("", "Hold for a second")

    def run(
        self, case: Case, text: str | None = None, *, node: bool = True, **variables: str
    ) -> Ran:
        """Give act the event, in the environment that a hosted runner would have.

        Without ``node`` no stand-in needs it.
        ``variables`` take the place of what the GitHub environment says.
        """
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
            [
                *self._command(own, case, runnable, node=node),
                *self._role(case.environment, variables),
            ],
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

    def _command(self, own: Path, case: Case, text: str, *, node: bool) -> list[str]:
        uses = re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", text)
        stand_ins = [
            word
            for name, sha in dict(uses).items()
            for word in ("--local-repository", f"{name}@{sha}={action(name, node=node)}")
        ]
        if is_real("actions/checkout"):
            stand_ins += ["--no-skip-checkout", "-s", "GITHUB_TOKEN=none"]
        return [
            ACT, case.event, "-C", str(self.clone), "-W", str(own / "workflow.yml"),
            "-e", str(own / "event.json"), "-P", "ubuntu-24.04=-self-hosted", "--no-cache-server",
            "--action-cache-path", str(self._folder / "actions"),
            "--env-file", str(own / "variables"), *stand_ins,
        ]  # fmt: skip

    def _role(self, environment: str, variables: Mapping[str, str]) -> list[str]:
        """The variables of the GitHub environment, which act does not know."""
        if not environment:
            return []
        known = {
            "AWS_ROLE_ARN": self.world.role(environment),
            "AWS_REGION": str(self.world.state["region"]),
            "AWS_ACCOUNT_ID": self.world.account(environment),
            **variables,
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
            "STAND_IN_PYTHON": str(self._python),
            "AGENT_TOOLSDIRECTORY": str(self._folder / "tools"),
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
