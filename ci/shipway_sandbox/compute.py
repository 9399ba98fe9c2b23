"""The compute layer of each environment, made from ``compute.yaml`` as a team would make it.

Order: the stack with no task, the bootstrap image into its repository, the stack with its tasks.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Protocol

from shipway.errors import SandboxError
from shipway.values import Digest

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_PORT = 8080
_CREATED = "1970-01-01T00:00:00Z"
_POLL_SECONDS = 0.1
BOOTSTRAP_TAG = "bootstrap"


class CloudFormationClient(Protocol):
    """What is asked of CloudFormation; boto3's client answers to it."""

    def create_stack(self, **kwargs: Any) -> Any:
        """CreateStack: answers before the stack is made."""
        ...

    def update_stack(self, **kwargs: Any) -> Any:
        """UpdateStack: answers before the stack is changed."""
        ...

    def describe_stacks(self, **kwargs: Any) -> Any:
        """DescribeStacks: a stack's status, and its outputs once it is complete."""
        ...


class EcsClient(Protocol):
    """What is asked of ECS; boto3's client answers to it."""

    def describe_services(self, **kwargs: Any) -> Any:
        """DescribeServices: at most ten services of one cluster."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OciImage:
    """An OCI image in memory: one platform, one layer."""

    manifest: bytes
    blobs: tuple[bytes, ...]
    media_type: str = _MANIFEST

    @property
    def digest(self) -> Digest:
        """SHA-256 of the manifest, by which a task definition names the image."""
        return Digest(_digest(self.manifest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The compute layer of one environment.

    Attributes:
        environment: ``staging`` and the like.
        repository: The image repository's name, unique over all accounts of the sandbox.
        access: The template of its deploy role, as ``nox -s bootstrap`` renders it.
        count: How many tasks the service is to run.
    """

    environment: str
    repository: str
    access: str = field(repr=False)
    count: int = 2

    @property
    def stack(self) -> str:
        """The stack's name, which is the cluster's and the load balancer's too."""
        return f"shop-{self.environment}"

    @property
    def access_stack(self) -> str:
        """The name of the stack that makes the deploy role: the role's own."""
        return f"shop-deploy-{self.environment}"


def template() -> str:
    """The text of ``compute.yaml``, the same template for every environment."""
    return resources.files("shipway_sandbox").joinpath("compute.yaml").read_text(encoding="utf-8")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def seed_image(busybox: bytes, *, answer: str = "bootstrap") -> OciImage:
    """The first version of the service: a web server from a static busybox, 200 at ``/health``.

    Args:
        busybox: The program, statically linked (Debian's busybox-static).
        answer: What ``GET /`` says.

    Returns:
        The same bytes for the same arguments.
    """
    script = (
        f"trap 'kill $child; exit 0' TERM; /bin/busybox httpd -f -p {_PORT} -h /www & "
        "child=$!; wait $child"
    )
    files = {
        "bin/busybox": (busybox, 0o755),
        "www/health": (b'{"status":"ok"}\n', 0o644),
        "www/index.html": (f"{answer}\n".encode(), 0o644),
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
            "created": _CREATED,
            "config": {"Entrypoint": ["/bin/busybox", "sh", "-c", script]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain.getvalue())]},
            "history": [{"created": _CREATED, "created_by": "shipway_sandbox.compute"}],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": [{"mediaType": _LAYER, "digest": _digest(layer), "size": len(layer)}],
        }
    ).encode()
    return OciImage(manifest=manifest, blobs=(config, layer))


def put_image(
    state: Mapping[str, Any], repository: str, image: OciImage, tag: str = BOOTSTRAP_TAG
) -> str:
    """Put an image straight into a repository of the emulator.

    Args:
        state: What ``sandbox.json`` says.
        repository: The repository's name.
        image: What to put there.
        tag: Under which tag.

    Returns:
        The image pinned by digest, as a task definition names it.

    Raises:
        SandboxError: The repository does not exist, or the emulator does not answer.
    """
    body = {
        "repository": repository,
        "tag": tag,
        "media_type": image.media_type,
        "manifest": base64.b64encode(image.manifest).decode(),
        "blobs": [base64.b64encode(blob).decode() for blob in image.blobs],
    }
    return str(call(state, "/_shipway/images", body)["image"])


def call(state: Mapping[str, Any], path: str, body: Mapping[str, Any] | None = None) -> Any:
    """One admin call of the emulator; its JSON answer.

    Raises:
        SandboxError: It refused, or does not answer.
    """
    request = urllib.request.Request(  # noqa: S310  # our own loopback endpoint
        f"{state['endpoint']}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {state['admin_secret']}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same
            return json.load(answer)
    except urllib.error.HTTPError as error:
        refusal = error.read(500).decode(errors="replace")
        raise SandboxError(f"the sandbox refused {path}: {refusal}") from error
    except OSError as error:
        raise SandboxError(
            f"the sandbox does not answer at {state['endpoint']}", remedy="start it again"
        ) from error


def _parameters(layer: Layer, state: Mapping[str, Any], image: OciImage, count: int) -> list[Any]:
    values = {
        "Environment": layer.environment,
        "RepositoryName": layer.repository,
        "ImageUri": f"{state['registry']}/{layer.repository}@{image.digest}",
        "EndpointUrl": state["endpoint"],
        "DesiredCount": str(count),
    }
    return _listed(values)


def _listed(values: Mapping[str, str]) -> list[Any]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def _access(layer: Layer, outputs: Mapping[str, str]) -> list[Any]:
    """What the deploy role's template asks for; a role that only publishes asks for less."""
    values = {"CreateProvider": "true", "Repository": layer.repository}
    if "\n  Cluster:\n" in layer.access:
        values |= {
            "Cluster": layer.stack,
            "ServiceWeb": outputs["Service"],
            "FamilyWeb": f"shop-web-{layer.environment}",
            "LogGroupWeb": f"/shop/{layer.environment}/web",
            "TaskRoles": f"{outputs['ExecutionRoleArn']},{outputs['TaskRoleArn']}",
        }
    return _listed(values)


def create(
    cloudformation: CloudFormationClient, layer: Layer, state: Mapping[str, Any], image: OciImage
) -> None:
    """Make one environment's stacks, seed its repository, and let its service start.

    Raises:
        SandboxError: CloudFormation refused the template or a resource.
    """
    for verb, count in (
        (cloudformation.create_stack, 0),
        (cloudformation.update_stack, layer.count),
    ):
        verb(
            StackName=layer.stack,
            TemplateBody=template(),
            Parameters=_parameters(layer, state, image, count),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        outputs = _wait_for_stack(cloudformation, layer.stack)
        if count == 0:
            put_image(state, layer.repository, image)
            cloudformation.create_stack(
                StackName=layer.access_stack,
                TemplateBody=layer.access,
                Parameters=_access(layer, outputs),
                Capabilities=["CAPABILITY_NAMED_IAM"],
            )
    _wait_for_stack(cloudformation, layer.access_stack)


def _wait_for_stack(
    cloudformation: CloudFormationClient, name: str, seconds: float = 30.0
) -> dict[str, str]:
    """The stack's outputs, once it is there."""
    deadline = time.monotonic() + seconds
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        status = str(stack["StackStatus"])
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return {
                output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())
            }
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")) or time.monotonic() > deadline:
            raise SandboxError(
                f"the stack {name} is {status}: {stack.get('StackStatusReason', '')}",
                where="compute.yaml",
                remedy="this is a fault of the sandbox: report it with its log",
            )
        time.sleep(_POLL_SECONDS)


def wait_until_steady(services: Sequence[tuple[EcsClient, Layer]], seconds: float = 30.0) -> None:
    """Wait until every service runs all its tasks, all healthy.

    Raises:
        SandboxError: One does not within ``seconds``; its last event says why.
    """
    deadline = time.monotonic() + seconds
    for ecs, layer in services:
        while True:
            service = ecs.describe_services(cluster=layer.stack, services=["web"])["services"][0]
            deployment = service["deployments"][0]
            if (
                deployment["rolloutState"] == "COMPLETED"
                and service["runningCount"] == layer.count == deployment["desiredCount"]
            ):
                break
            if time.monotonic() > deadline:
                events = service.get("events") or [{"message": "it has no event"}]
                raise SandboxError(
                    f"the service of {layer.stack} is not steady: {events[0]['message']}",
                    remedy="this is a fault of the sandbox: report it with its log",
                )
            time.sleep(_POLL_SECONDS)
