"""The CDK example: synthesised, up in the sandbox, delivered to, and its stack updated after that.

The command line is the CDK's own and knows nothing of the sandbox but its address.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # the test plays the platform team, who update a stack
import pytest
from botocore.exceptions import WaiterError  # the same
from tests.entry.foreign import ROOT, outside, run, uv

if TYPE_CHECKING:
    from tests.entry.conftest import Here, Open

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("node") is None or shutil.which("npm") is None,
        reason="NOT TESTED: the CDK needs node and npm, and this machine has none",
    ),
]

_EXAMPLE = ROOT / "examples" / "cdk"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdk:
    """The example's app, with all it needs beside it."""

    folder: Path

    def types(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """``cdk``, as the example's README has it; what it says."""
        return run(
            str(self.folder / "node_modules" / ".bin" / "cdk"),
            *words,
            "--no-notices",
            cwd=self.folder,
            seconds=_SECONDS,
            env={
                **outside(**(env or {})),
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
    run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=folder, seconds=_SECONDS)
    run(uv(), "venv", "--quiet", ".venv", "--python", sys.executable, cwd=folder)
    python = str(folder / ".venv" / "bin" / "python")
    words = ("pip", "install", "--quiet", "--python", python, "-r", "requirements.txt")
    run(uv(), *words, cwd=folder, seconds=_SECONDS)
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

    @property
    def owner(self) -> dict[str, str]:
        """The environment in which the CDK's command line reaches it."""
        return {
            "AWS_ENDPOINT_URL": str(self.state["endpoint"]),
            "AWS_ACCESS_KEY_ID": str(self.state["accounts"]["local"]),
            "AWS_SECRET_ACCESS_KEY": str(self.state["root_secret_access_key"]),
            "AWS_REGION": str(self.state["region"]),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def change(template: Path) -> None:
    """Another value of one variable in what was synthesised: a second synthesis takes a minute."""
    text = template.read_text(encoding="utf-8")
    assert text.count('"Ahoy"') == 1
    template.write_text(text.replace('"Ahoy"', '"Moin"'), encoding="utf-8")


@pytest.fixture
def shop(cdk: Cdk, tmp_path: Path, env: dict[str, str], open_folder: Open) -> Iterator[Here]:
    """A repository whose infrastructure is the example; its sandbox ends with the test."""
    here = open_folder(tmp_path / "shop", env)
    (here.folder / "ci").mkdir(parents=True)
    shutil.copytree(ROOT / "examples" / "shop", here.folder / "app")
    shutil.copy(_EXAMPLE / "delivery.toml", here.folder / "ci" / "delivery.toml")
    (here.folder / "ci" / "release.toml").write_text(_CONTRACT, encoding="utf-8")
    (here.folder / ".gitignore").write_text("cdk.out/\nevidence/\n", encoding="utf-8")
    cdk.types("synth", "--quiet", "-c", "environment=local", "--output", f"{here.folder}/cdk.out")
    here.git("init", "--quiet", "--initial-branch=main")
    here.git("add", "--all")
    here.git("commit", "--quiet", "--message=first")
    try:
        yield here
    finally:
        here.types("shipway", "sandbox", "--down")


def test_what_the_cdk_deploys_after_a_delivery_keeps_the_delivered_image(
    shop: Here, cdk: Cdk, cache: Path
) -> None:
    delivered = shop.types("shipway", "deploy", "--env", "local", seconds=_SECONDS)
    assert delivered.code == 0, delivered.out + delivered.err
    # Another test's sandbox may be up beside it; this one began last.
    worlds = (cache / "shipway" / "sandbox").glob("*shop-*/world.json")
    file = max(worlds, key=lambda one: one.stat().st_mtime)
    account = Account(state=json.loads(file.read_bytes())["state"])
    image = account.parameter("/shop/local/image")
    [kept] = shop.records()[-1]["imageParameters"]
    assert (kept["name"], kept["value"]) == ("/shop/local/image", image)
    assert {account.container(key)["image"] for key in ("web", "worker")} == {image}

    # The platform team changes a variable, and knows nothing of the release.
    out = ("--app", str(shop.folder / "cdk.out"))
    change(shop.folder / "cdk.out" / "shop-local.template.json")
    # The sandbox stood in for what bootstrap writes.
    account.client("ssm").delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    place = f"aws://{account.state['accounts']['local']}/{account.state['region']}"
    cdk.types("bootstrap", place, *out, env=account.owner)
    cdk.types("deploy", "shop-local", "--require-approval", "never", *out, env=account.owner)
    web = account.container("web")
    assert {"name": "GREETING", "value": "Moin"} in web["environment"]
    assert web["image"] == image
    diff = cdk.types("diff", "shop-local", *out, env=account.owner)
    assert "Number of stacks with differences: 0" in diff

    # Without the parameter's value the same deployment would put another image there.
    parameters = account.client("ssm")
    parameters.put_parameter(Name="/shop/local/image", Value="localhost/none:1", Overwrite=True)
    cloudformation = account.client("cloudformation")
    cloudformation.update_stack(
        StackName="shop-local",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloudformation.get_waiter("stack_update_complete").wait(
            StackName="shop-local", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
    assert account.container("web")["image"] == image

    cdk.types("destroy", "--all", "--force", *out, env=account.owner)
    assert account.client("ecs").list_clusters()["clusterArns"] == []
