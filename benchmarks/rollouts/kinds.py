"""The kinds of rollout: what the new image does, how its service is set up, who interferes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from shipway_sandbox.compute import OciImage

PORT: Final = 8080
CONTAINER: Final = "web"

_SERVE = f"/bin/busybox httpd -f -p {PORT} -h /www & child=$!; wait $child"
_ENDS = "trap 'kill $child 2>/dev/null; exit 0' TERM; "
_DEAF = "/bin/busybox sleep 1000 & child=$!; wait $child"
_ANSWERS_500 = (
    "while :; do "
    "printf 'HTTP/1.1 500 Error\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' "
    f"| /bin/busybox nc -l -p {PORT}; done & child=$!; wait $child"
)
_SLOW = f"/bin/busybox sleep 12 & child=$!; wait $child; {_SERVE}"

_HEALTH_CHECK: Final = {
    # The shortest that ECS takes (API Reference, HealthCheck: interval 5 to 300 s).
    "command": ["CMD", "/bin/busybox", "test", "-e", "/www/well"],
    "interval": 5,
    "timeout": 2,
    "retries": 2,
}
_PATIENT: Final = {"healthCheckGracePeriodSeconds": 60}


_DEVELOPER: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What AWS documents of a kind of rollout.

    Attributes:
        text: How it ends, in short.
        source: The address of the page that says so.
    """

    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of rollout.

    Attributes:
        name: As the table shows it.
        script: What the new image's container runs; empty where there is no such image.
        well: Whether the new image holds the file that its container health check asks for.
        starts_with: Whether the service runs a good version before, or never had one.
        desired: How many tasks the service wants.
        service: Further settings of the service.
        container: Further settings of its container.
        loses: What the service's tasks no longer have once the rollout begins; its own role,
            secret and log group were all there before.
        meddling: What somebody else does while the rollout is under way.
        after: Seconds from UpdateService until then.
        breaks: Whether nothing but the circuit breaker ends it, unless the judge does.
        aws: What AWS documents of it, where that is set beside what was seen.
    """

    name: str
    script: str = _ENDS + _SERVE
    well: bool = True
    starts_with: Literal["good", "missing"] = "good"
    desired: int = 2
    service: Mapping[str, Any] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=dict)
    loses: Literal["", "pull", "secret", "log group"] = ""
    meddling: Literal["", "supersede", "stop"] = ""
    after: float = 3.0
    breaks: bool = False
    aws: Documented | None = None


# The longest come first, so that their waiting falls into the time of all others.
KINDS: Final = (
    Kind(
        name="bad first deployment",
        script="echo 'no such column: price' >&2; exit 1",
        starts_with="missing",
        breaks=True,
    ),
    Kind(
        name="failing container health check",
        well=False,
        container={"healthCheck": _HEALTH_CHECK},
        breaks=True,
    ),
    Kind(name="deaf", script=_ENDS + _DEAF, breaks=True),
    Kind(
        name="answers 500",
        script=_ENDS + _ANSWERS_500,
        breaks=True,
        aws=Documented(
            text="tasks fail the load balancer's health checks, which the circuit breaker counts; "
            "rolled back",
            source=_DEVELOPER + "deployment-circuit-breaker.html",
        ),
    ),
    Kind(name="slow but good", script=_ENDS + _SLOW, service=_PATIENT),
    Kind(name="superseded", script=_ENDS + _SLOW, service=_PATIENT, meddling="supersede"),
    Kind(name="stopped by someone", script=_ENDS + _SLOW, service=_PATIENT, meddling="stop"),
    Kind(name="crash after 3 s", script="/bin/busybox sleep 3; exit 4", breaks=True),
    Kind(name="out of memory", script="a=x; while :; do a=$a$a; done", breaks=True),
    Kind(
        name="crash at once",
        script="echo 'no such column: price' >&2; exit 1",
        breaks=True,
        aws=Documented(
            text="tasks do not reach RUNNING, which the circuit breaker counts; rolled back",
            source=_DEVELOPER + "deployment-circuit-breaker.html",
        ),
    ),
    Kind(
        name="no right to pull",
        loses="pull",
        breaks=True,
        aws=Documented(
            text="ResourceInitializationError or CannotPullContainerError: the execution role may "
            "not get the token, or not the image; rolled back",
            source=_DEVELOPER + "task_cannot_pull_image.html",
        ),
    ),
    Kind(
        name="no secret",
        loses="secret",
        breaks=True,
        aws=Documented(
            text="ResourceInitializationError: unable to pull secrets or registry auth; rolled "
            "back",
            source=_DEVELOPER + "resource-initialization-error.html",
        ),
    ),
    Kind(
        name="no log group",
        loses="log group",
        breaks=True,
        aws=Documented(
            text="ResourceInitializationError: failed to validate logger args, the log group does "
            "not exist; rolled back",
            source=_DEVELOPER + "resource-initialization-error.html",
        ),
    ),
    Kind(name="missing image", script="", breaks=True),
    Kind(
        name="good",
        aws=Documented(
            text="COMPLETED once the tasks run and are healthy",
            source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html",
        ),
    ),
    Kind(name="desired count 0", desired=0),
)

SINGLE: Final = tuple(replace(kind, desired=1) for kind in KINDS if kind.breaks)
"""The same failures of services that want one task: the first wave leaves the breaker closed."""


def image(busybox: bytes, kind: Kind, version: str) -> OciImage:
    """An image that behaves as its kind says; another ``version`` has another digest."""
    files = {
        "bin/busybox": (busybox, 0o755),
        "www/health": (b"ok\n", 0o644),
        **({"www/well": (b"", 0o644)} if kind.well else {}),
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    layer = gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": ["/bin/busybox", "sh", "-c", kind.script],
                "Env": [f"VERSION={version}"],
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain.getvalue())]},
        }
    ).encode()
    types = ("config.v1+json", "layer.v1.tar+gzip")
    parts = [
        {
            "mediaType": f"application/vnd.oci.image.{name}",
            "digest": _digest(blob),
            "size": len(blob),
        }
        for name, blob in zip(types, (config, layer), strict=True)
    ]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": parts[0],
            "layers": parts[1:],
        }
    ).encode()
    return OciImage(manifest=manifest, blobs=(config, layer))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
