"""One chain for an environment: fresh clones deliver through the real workflow, run by act.

None of them has a record of another, as on hosted runners. What they know of each other is in S3.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.example import DOCKERFILE, REPOSITORY, ROOT
from tests.sandbox.acting import SECONDS, STABLE, Bench, Case, Ran
from tests.sandbox.conftest import owned_world
from tests.sandbox.rights import lacking

from shipway.aws.account import AwsAccount
from shipway.aws.session import Session
from shipway.config import load as delivery_file
from shipway.config.environment import EnvironmentRef
from shipway.delivery.live_facts import verified
from shipway.embedded.blueprint import Blueprint, draw
from shipway.policy import load as contract_file
from shipway.policy.compile import bootstrap_template
from shipway.policy.compile.filled import filled
from shipway_sandbox.engine.engine import Engine

S3 = "s3://octo-evidence/shop"
REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
PROMOTED = f'promote_from = "staging"\npromote_repository = "{REGISTRY}/shop-staging"'
# What this repository's own files are changed to: main goes the whole way to staging, production
# takes the image that staging verified, the records are in one bucket, a second's hold is enough.
CHANGES = {
    "ci/release.toml": (
        ('tasks = ["build", "publish"]', 'tasks = ["build", "publish", "deploy", "verify"]'),
        ('role = "shop-deploy-production"', 'role = "shop-deploy-production"\nafter = "staging"'),
    ),
    "ci/delivery.toml": (
        ("[environments.local]", f'[evidence]\ns3 = "{S3}"\n\n[environments.local]'),
        ("[environments.staging]", "[environments.staging]\nhold = 1"),
        ("[environments.production]", f"[environments.production]\nhold = 1\n{PROMOTED}"),
    ),
}
SID = "SeeVerifiedImages"
"""The statement by which the gate may ask staging's repository, where nothing is promoted."""
MAIN = Case(title="push to main", ref="refs/heads/main", environment="staging")
TAG = Case(title="tag v1.0.0-stable", ref=STABLE, environment="production")


def write_changed(root: Path, registry: str = REGISTRY, promoted: str = f"\n{PROMOTED}") -> None:
    """This repository's own two files below another root, with the changes.

    The registry is the address under which production finds staging's: here the sandbox's.
    """
    for name, changes in CHANGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert f"{old}\n" in text
            text = text.replace(f"{old}\n", f"{new}\n", 1).replace(f"\n{PROMOTED}", promoted)
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text.replace(REGISTRY, registry), encoding="utf-8")


class Clones(Bench):
    """Every run is in a clone that nobody delivered from."""

    def _hold_for_a_second(self) -> None:
        write_changed(self.clone, self.world.state["registry"])
        self._checkout.release("", "One chain for each environment")

    def deliver(self, case: Case) -> Ran:
        """Run the workflow in a clone of its own, with origin's address as everybody sees it."""
        origin, url = self._folder / "origin.git", f"https://github.com/{REPOSITORY.full_name}.git"
        self.clone = self._folder / f"clone-{self._count}"
        clone = ("git", "-C", str(self.clone))
        for words in (
            ("git", "clone", "--quiet", str(origin), str(self.clone)),
            (*clone, "remote", "set-url", "origin", url),
            (*clone, "config", f"url.{origin}.insteadOf", url),
        ):
            subprocess.run(words, check=True, capture_output=True, timeout=60)
        ran = self.run(case)
        assert ran.code == 0, ran.said[-4000:]
        return ran

    def chain(self, environment: str) -> list[str]:
        """The entries of an environment's chain in S3."""
        bucket, _, prefix = S3.removeprefix("s3://").partition("/")
        listed = self._client("s3", environment).list_objects_v2(
            Bucket=bucket, Prefix=f"{prefix}/{environment}/chain/"
        )
        return [entry["Key"].rpartition("/")[2] for entry in listed["Contents"]]

    def role_that_builds(self, folder: Path, without: str = "") -> dict[str, str]:
        """What an SDK reads for production's role where it builds what staging has verified.

        It is rendered as CI's own role is, from the files without a promotion, and may do that and
        nothing else; one action may be lacking in the statement about staging's repository.
        """
        write_changed(folder, promoted="")
        layer = draw_from(folder).layer("production")
        contract = contract_file.load(folder / "ci" / "release.toml")
        declared = delivery_file.load(folder / "ci" / "delivery.toml").environment("production")
        needed = bootstrap_template.needed(contract, declared)
        (role,) = bootstrap_template.roles_of(contract, needed)
        values = {
            **dict(needed.written),
            **layer.access_parameters,
            "AWS::AccountId": layer.account,
            "AWS::Partition": "aws",
            "AWS::Region": layer.region,
        }
        statements = [
            left
            for each in role.statements
            for left in (lacking([each], without) if each["Sid"] == SID else [each])
        ]
        document = {"Version": "2012-10-17", "Statement": filled(statements, values)}
        return self._keys(f"builds-{folder.name}", document)

    def _keys(self, name: str, policy: dict[str, Any]) -> dict[str, str]:
        iam, account = self._client("iam", "production"), self.world.account("production")
        root = {"AWS": f"arn:aws:iam::{account}:root"}
        trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root}
        document = {"Version": "2012-10-17", "Statement": [trusted]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))
        iam.put_role_policy(RoleName=name, PolicyName="deliver", PolicyDocument=json.dumps(policy))
        found = self._client("sts", "production").assume_role(
            RoleArn=role["Role"]["Arn"], RoleSessionName="tester"
        )["Credentials"]
        return {
            **self.world.variables,
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    def audit(self, third: Path) -> str:
        """What somebody is told who has neither clone nor record, and may read the bucket."""
        done = subprocess.run(
            [sys.executable, "-m", "shipway", "audit", "--verify", "--evidence", S3],
            cwd=third,
            env={
                **self.world.variables,
                "AWS_ACCESS_KEY_ID": self.world.account("staging"),
                "AWS_SECRET_ACCESS_KEY": self.world.state["root_secret_access_key"],
                "AWS_REGION": str(self.world.state["region"]),
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def blueprint(folder: Path) -> Blueprint:
    """The example's world, with a bucket for the records."""
    write_changed(folder)
    return draw_from(folder)


def draw_from(folder: Path) -> Blueprint:
    """The world of the two files in a folder."""
    return draw(
        contract_file.load(folder / "ci" / "release.toml"),
        delivery_file.load(folder / "ci" / "delivery.toml"),
        dockerfiles={"": (DOCKERFILE.read_text(encoding="utf-8"), "")},
    )


@pytest.fixture(scope="module")
def clones(docker_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clones]:
    folder = tmp_path_factory.mktemp("chain")
    with owned_world(docker_engine, tmp_path_factory.mktemp("world"), blueprint(folder)) as world:
        yield Clones(world, folder)


@pytest.fixture(scope="module")
def records(clones: Clones) -> list[dict[str, Any]]:
    """Two deliveries to staging and one to production."""
    return [record for case in (MAIN, MAIN, TAG) for record in clones.deliver(case).records]


def test_fresh_clones_deliver_one_chain_and_production_takes_what_staging_verified(
    clones: Clones, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert [record["chain"]["sequence"] for record in records] == [1, 1, 1], "each began its own"
    assert clones.chain("staging") == ["00000001.json", "00000002.json"]
    audited = clones.audit(tmp_path)
    assert f"✓ {S3}/staging: 2 records verified" in audited
    assert f"✓ {S3}/production: 1 record verified" in audited
    *built, promoted = (record["image"]["reference"].rpartition("@")[2] for record in records)
    assert {promoted} == set(built)
    (before,) = records[-1]["verifiedBefore"]
    assert before["record"].startswith(f"{S3}/staging/")
    assert promoted in before["digests"]


def test_without_a_promotion_the_gate_reads_what_staging_verified_and_no_layer_of_it(
    clones: Clones,
    records: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sha, region = records[0]["commit"]["sha"], str(clones.world.state["region"])
    staging = EnvironmentRef(name="staging", account=clones.world.account("staging"), region=region)

    def why(without: str) -> str:
        folder = tmp_path / (without.rpartition(":")[2] or "all")
        folder.mkdir()
        for name, value in clones.role_that_builds(folder, without).items():
            monkeypatch.setenv(name, value)
        release, *_ = verified(tmp_path / "evidence", staging, AwsAccount(region), sha, s3=S3)
        return release.why

    assert "ecr:BatchGetImage is not allowed" in why("ecr:BatchGetImage")
    assert not why("")
    there = {"registryId": staging.account, "repositoryName": "shop-staging"}
    ecr = Session(region).client("ecr")
    digest = records[0]["image"]["reference"].rpartition("@")[2]
    for call, more in (
        (ecr.get_download_url_for_layer, {"layerDigest": digest}),
        (ecr.describe_images, {}),
        (ecr.list_images, {}),
        (ecr.put_image, {"imageManifest": "{}", "imageTag": "x"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(**there, **more)
