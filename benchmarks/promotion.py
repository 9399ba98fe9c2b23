"""What it costs to bring one image of 200 MB to production: promoted, pulled and pushed, rebuilt.

One command, one sandbox of its own, all ways in the same run. Bytes are those that crossed the
machine's loopback interface, where registry, engine and every client talk to each other: what is
read from one registry and written to another counts twice, whoever does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shipway.adapters.docker import Buildx
from shipway.aws.account import AwsAccount
from shipway.aws.credentials import Credentials, client
from shipway.config.environment import Origin
from shipway.embedded.entry import embedded
from shipway.image import build as building
from shipway.image import publish as publishing
from shipway.image.build import BuildRequest
from shipway.util.paths import cache_folder
from shipway.values import Commit, Digest
from shipway_sandbox import world

STAGING, PRODUCTION = "111122223333", "444455556666"
REGION = "eu-west-1"
LAYERS, LAYER_BYTES = 4, 50_000_000
COMMIT = Commit(sha="a" * 40, time=datetime(2026, 11, 22, tzinfo=UTC), clean=True)
_READ = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")


@dataclass(frozen=True)
class Row:
    """One way, what it took, and whether the digest stayed."""

    name: str
    seconds: float
    bytes: int
    same: bool


def main() -> int:
    """Measure and print; 1 where a promotion changed the digest or was the slowest way."""
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as made:
        root = Path(made)
        with embedded(Path.cwd(), cache_folder(os.environ)).owned(root / "run", _say) as sandbox:
            sandbox.enter(os.environ)
            rows = _measure(root, sandbox)
    print("| way | seconds | MB moved | same digest |")
    print("| --- | ---: | ---: | --- |")
    for row in rows:
        same = "yes" if row.same else "no"
        print(f"| {row.name} | {row.seconds:.2f} | {row.bytes / 1e6:.1f} | {same} |")
    promoted, copied, *others = rows
    fastest = min(one.seconds for one in others)
    kept = promoted.same and copied.same and max(promoted.seconds, copied.seconds) < fastest
    print(f"\nPromotion keeps the digest and is the fastest way: {'yes' if kept else 'NO'}.")
    return 0 if kept else 1


def _measure(root: Path, sandbox: world.World) -> list[Row]:
    context = _context(root / "context")
    names = {name: f"bench-{name}" for name in ("source", "same", "other", "pulled", "rebuilt")}
    for key, name in names.items():
        owner = STAGING if key in {"source", "same"} else PRODUCTION
        _admin(sandbox, owner).create_repository(repositoryName=name)
    _share(sandbox, names["source"])
    with _as(sandbox, STAGING):
        source = AwsAccount(REGION).origin(_origin(sandbox, names["source"], STAGING))
        built = _build(context, root / "built")
        publishing.publish(built, source)
        digest = built.digest
        origin = _origin(sandbox, names["source"], STAGING)
        found = source.find(COMMIT.sha)
        assert found is not None
        same = AwsAccount(REGION).origin(_origin(sandbox, names["same"], STAGING))
        rows = [_row("promote, one registry", lambda: same.take(origin, digest, "v1"))]
        rows[0] = _judged(rows[0], same, digest)
    with _as(sandbox, PRODUCTION):
        other = AwsAccount(REGION).origin(_origin(sandbox, names["other"], PRODUCTION))
        row = _row("promote, across accounts", lambda: other.take(origin, digest, "v1"))
        rows.append(_judged(row, other, digest))
        pulled = AwsAccount(REGION).origin(_origin(sandbox, names["pulled"], PRODUCTION))
        (platform,) = found.platforms
        row = _row(
            "docker pull, tag, push",
            lambda: _pull_and_push(root, sandbox, names, pulled, platform),
        )
        rows.append(_judged(row, pulled, digest))
        rebuilt = AwsAccount(REGION).origin(_origin(sandbox, names["rebuilt"], PRODUCTION))

        def rebuild() -> None:
            _docker("buildx", "prune", "--all", "--force")
            publishing.publish(_build(context, root / "again"), rebuilt)

        row = _row("rebuild and push", rebuild)
        again = rebuilt.find(COMMIT.sha)
        same_digest = again is not None and again.digest == digest
        rows.append(Row(row.name, row.seconds, row.bytes, same_digest))
    return rows


def _judged(row: Row, repository: Any, digest: Any) -> Row:
    found = repository.find("v1")
    return Row(row.name, row.seconds, row.bytes, found is not None and found.digest == digest)


def _row(name: str, way: Callable[[], object]) -> Row:
    before, began = _loopback(), time.monotonic()
    way()
    return Row(name, time.monotonic() - began, _loopback() - before, same=False)


def _loopback() -> int:
    """Bytes that came in over the loopback interface since the machine started."""
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.strip().startswith("lo:"))
    return int(line.partition(":")[2].split()[0])


def _context(folder: Path) -> Path:
    folder.mkdir()
    lines = ["FROM scratch"]
    for number in range(LAYERS):
        (folder / f"layer-{number}").write_bytes(os.urandom(LAYER_BYTES))
        lines.append(f"COPY layer-{number} /layer-{number}")
    (folder / "Dockerfile").write_text("\n".join([*lines, 'CMD ["/none"]', ""]), encoding="utf-8")
    return folder


def _build(context: Path, destination: Path) -> building.BuiltImage:
    request = BuildRequest(
        context=context,
        dockerfile=context / "Dockerfile",
        platforms=("linux/amd64",),
        destination=destination,
        epoch=int(COMMIT.time.timestamp()),
        labels=building.labels("bench", COMMIT),
    )
    return building.build(Buildx(), request, COMMIT, lambda _event: None)


def _pull_and_push(
    root: Path, sandbox: world.World, names: Mapping[str, str], repository: Any, platform: Digest
) -> None:
    """What people script: the engine pulls, renames and pushes.

    The platform's manifest, not the index: a pull leaves the attestations behind, and the engine
    refuses to push an index that is not whole. So the digest changes and the provenance is lost.
    """
    registry = sandbox.state["registry"]
    config = root / "docker"
    config.mkdir()
    (config / "config.json").write_text("{}")
    login = repository.login().partition(":")[2]
    _docker(
        *("--config", str(config), "login", registry, "--username", "AWS", "--password-stdin"),
        given=login,
    )
    source = f"{registry}/{names['source']}@{platform}"
    target = f"{registry}/{names['pulled']}:v1"
    for words in (("pull", "--quiet", source), ("tag", source, target), ("push", "-q", target)):
        _docker("--config", str(config), *words)


def _docker(*words: str, given: str = "") -> None:
    command = ("docker", *filter(None, words))
    done = subprocess.run(
        command, input=given, check=False, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise SystemExit(f"docker {words[0]}: {done.stderr}")


def _origin(sandbox: world.World, name: str, account: str) -> Origin:
    return Origin(
        environment="",
        account=account,
        region=str(sandbox.state["region"]),
        registry=str(sandbox.state["registry"]),
        repository=name,
    )


def _admin(sandbox: world.World, account: str) -> Any:
    secret = str(sandbox.state["root_secret_access_key"])
    root = Credentials(access_key_id=account, secret_access_key=secret)
    return client("ecr", region=REGION, endpoint=sandbox.endpoint, credentials=root)


def _share(sandbox: world.World, name: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{PRODUCTION}:root"},
        "Action": [f"ecr:{action}" for action in (*_READ, "ListImageReferrers")],
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    _admin(sandbox, STAGING).set_repository_policy(repositoryName=name, policyText=text)


@contextmanager
def _as(sandbox: world.World, account: str) -> Iterator[None]:
    """Be an account's administrator."""
    secret = str(sandbox.state["root_secret_access_key"])
    os.environ.update({"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": secret})
    yield


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
