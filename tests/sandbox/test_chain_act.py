"""One chain for an environment: fresh clones deliver through the real workflow, run by act.

None of them has a record of another, as on hosted runners. What they know of each other is in S3.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.example import DOCKERFILE, REPOSITORY, ROOT
from tests.sandbox.acting import SECONDS, STABLE, Bench, Case, Ran
from tests.sandbox.conftest import owned_world

from shipway.config import load as delivery_file
from shipway.embedded.blueprint import Blueprint, draw
from shipway.policy import load as contract_file
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
MAIN = Case(title="push to main", ref="refs/heads/main", environment="staging")
TAG = Case(title="tag v1.0.0-stable", ref=STABLE, environment="production")


def write_changed(root: Path, registry: str = REGISTRY) -> None:
    """This repository's own two files below another root, with the changes.

    The registry is the address under which production finds staging's: here the sandbox's.
    """
    for name, changes in CHANGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert f"{old}\n" in text
            text = text.replace(f"{old}\n", f"{new}\n", 1)
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


def test_fresh_clones_deliver_one_chain_and_production_takes_what_staging_verified(
    clones: Clones, tmp_path: Path
) -> None:
    records = [record for case in (MAIN, MAIN, TAG) for record in clones.deliver(case).records]
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
