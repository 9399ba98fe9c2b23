"""The CDK example: synthesised, up in the sandbox, delivered to, and its stack updated after that.

The templates are what ``cdk synth`` writes, and the update sends them as they are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # the test plays the platform team, who update a stack
import pytest

if TYPE_CHECKING:
    from tests.entry.conftest import Here, Open

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("node") is None or shutil.which("npm") is None,
        reason="NOT TESTED: the CDK needs node and npm, and this machine has none",
    ),
]

_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLE = _ROOT / "examples" / "cdk"
_SECONDS = 400.0
_CONTRACT = """\
schema = 1

[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["local"]
tasks = ["build", "publish", "deploy", "verify"]

[environments.local]
by_hand_role = "*"
"""


def _run(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        words,
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdk:
    """The example's app, with all it needs beside it."""

    folder: Path

    def synth(self, out: Path, **context: str) -> None:
        """``cdk synth``, as the example's README has it."""
        words = [word for pair in context.items() for word in ("-c", "=".join(pair))]
        _run(
            str(self.folder / "node_modules" / ".bin" / "cdk"),
            "synth",
            "--quiet",
            "--no-notices",
            "--output",
            str(out),
            *words,
            cwd=self.folder,
            env={
                "PATH": f"{self.folder / '.venv' / 'bin'}:{os.environ['PATH']}",
                "CDK_DISABLE_CLI_TELEMETRY": "true",
                "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            },
        )


@pytest.fixture(scope="module")
def cdk(tmp_path_factory: pytest.TempPathFactory) -> Cdk:
    """``npm ci`` and an environment of its own for the app's Python."""
    folder = tmp_path_factory.mktemp("cdk") / "infra"
    shutil.copytree(_EXAMPLE, folder, ignore=shutil.ignore_patterns("node_modules", ".venv"))
    _run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=folder)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else str(shutil.which("uv"))
    _run(uv, "venv", "--quiet", ".venv", "--python", sys.executable, cwd=folder)
    python = str(folder / ".venv" / "bin" / "python")
    _run(uv, "pip", "install", "--quiet", "--python", python, "-r", "requirements.txt", cwd=folder)
    return Cdk(folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The sandbox's account, as the platform team reaches it."""

    state: Mapping[str, Any]

    def client(self, name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.state["endpoint"],
            region_name=self.state["region"],
            aws_access_key_id=self.state["accounts"]["local"],
            aws_secret_access_key=self.state["root_secret_access_key"],
        )

    def parameter(self, name: str) -> str:
        return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def container(self, key: str) -> Any:
        """The definition of the container that a service runs."""
        ecs, cluster = self.client("ecs"), self.parameter("/shop/local/cluster")
        name = self.parameter(f"/shop/local/{key}/service")
        [service] = ecs.describe_services(cluster=cluster, services=[name])["services"]
        arn = service["taskDefinition"]
        live = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        [container] = live["containerDefinitions"]
        return container

    def update(self, stack: str, body: str) -> str:
        """Update a stack as ``cdk deploy`` does; its status in the end."""
        cloudformation = self.client("cloudformation")
        cloudformation.update_stack(
            StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        deadline = time.monotonic() + 120
        while True:
            [described] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
            if not described["StackStatus"].endswith("IN_PROGRESS"):
                return str(described["StackStatus"])
            assert time.monotonic() < deadline, described
            time.sleep(0.2)


def greeting(template: Path, word: str) -> str:
    """What was synthesised, with another value of the one variable."""
    text = template.read_text(encoding="utf-8")
    assert text.count('"Ahoy"') == 1
    return text.replace('"Ahoy"', f'"{word}"')


@pytest.fixture
def shop(cdk: Cdk, tmp_path: Path, env: dict[str, str], open_folder: Open) -> Iterator[Here]:
    """A repository whose infrastructure is the example; its sandbox ends with the test."""
    here = open_folder(tmp_path / "shop", env)
    (here.folder / "ci").mkdir(parents=True)
    shutil.copytree(_ROOT / "examples" / "shop", here.folder / "app")
    shutil.copy(_EXAMPLE / "delivery.toml", here.folder / "ci" / "delivery.toml")
    (here.folder / "ci" / "release.toml").write_text(_CONTRACT, encoding="utf-8")
    (here.folder / ".gitignore").write_text("cdk.out/\nevidence/\n", encoding="utf-8")
    cdk.synth(here.folder / "cdk.out", name="shop", environment="local")
    here.git("init", "--quiet", "--initial-branch=main")
    here.git("add", "--all")
    here.git("commit", "--quiet", "--message=first")
    try:
        yield here
    finally:
        here.types("shipway", "sandbox", "--down")


def test_a_stack_update_keeps_the_image_that_was_delivered(shop: Here, cache: Path) -> None:
    delivered = shop.types("shipway", "deploy", "--env", "local", seconds=_SECONDS)
    assert delivered.code == 0, delivered.out + delivered.err
    [file] = (cache / "shipway" / "sandbox").glob("*shop-*/world.json")
    account = Account(state=json.loads(file.read_bytes())["state"])
    image = account.parameter("/shop/local/image")
    [kept] = shop.records()[-1]["imageParameters"]
    assert (kept["name"], kept["value"]) == ("/shop/local/image", image)
    assert {account.container(key)["image"] for key in ("web", "worker")} == {image}

    # The platform team changes a variable, and knows nothing of the release.
    synthesised = shop.folder / "cdk.out" / "shop-local.template.json"
    assert account.update("shop-local", greeting(synthesised, "Moin")) == "UPDATE_COMPLETE"
    web = account.container("web")
    assert {"name": "GREETING", "value": "Moin"} in web["environment"]
    assert web["image"] == image

    # A parameter that names no image: CloudFormation goes back to what ran.
    account.client("ssm").put_parameter(
        Name="/shop/local/image", Value="localhost/none:first", Overwrite=True
    )
    rolled_back = account.update("shop-local", greeting(synthesised, "Servus"))
    assert rolled_back == "UPDATE_ROLLBACK_COMPLETE"
    assert account.container("web")["image"] == image
