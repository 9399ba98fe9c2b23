"""The compute layer of each environment, made as a platform team would make it.

Order: secrets' stand-ins, the stack with no task, a bootstrap image for each service into its
repository, the deploy role's stack, the compute stack with its tasks.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from shipway.errors import SandboxError
from shipway.values import Digest
from shipway_sandbox import template
from shipway_sandbox.plan import STAND_IN, Layer, ServicePlan

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_PORT = 8080
_CREATED = "1970-01-01T00:00:00Z"
_POLL_SECONDS = 0.1
_MOST_VERSIONS: Final = 100
"""So many versions of a parameter are kept (AWS Systems Manager endpoints and quotas)."""
_OK: Final = 200
BOOTSTRAP_TAG = "bootstrap"

Client = Callable[[str], Any]
"""A boto3 client of an AWS service, with the rights of the account's root."""


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


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def seed_image(
    busybox: bytes,
    *,
    answer: str = "bootstrap",
    port: int = _PORT,
    path: str = "/health",
    status: int = _OK,
    starts: str = "",
    checks: str = "",
) -> OciImage:
    """The first version of a service: a web server from a static busybox.

    Args:
        busybox: The program, statically linked (Debian's busybox-static).
        answer: What ``GET /`` says.
        port: What it listens on; 0 for a worker, which only waits.
        path: What is asked for its health.
        status: What it answers there.
        starts: A program that a task definition starts instead; it is the web server then.
        checks: A program that a container's health check runs; it finds all well.

    Returns:
        The same bytes for the same arguments.
    """
    files = {
        "bin/busybox": (busybox, 0o755),
        "www/index.html": (f"{answer}\n".encode(), 0o644),
    }
    name = path.partition("?")[0].strip("/")
    if name and name != "index.html":
        files[f"www/{name}"] = (b'{"status":"ok"}\n', 0o644)
    if status != _OK:
        text = f"HTTP/1.1 {status} Bootstrap\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        files["www/.answer"] = (text.encode(), 0o644)
    script = f"trap 'kill $child; exit 0' TERM; {_server(port, status)} & child=$!; wait $child"
    # Both may be the shell: what the container starts is its first process.
    first = f"[ $$ = 1 ] || exit 0; {script}" if starts == checks else script
    files |= {
        _place(name): (f"#!/bin/busybox sh\n{text}\n".encode(), 0o755)
        for name, text in ((checks, "exit 0"), (starts, first))
        if name and name != "/bin/busybox"
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for file, (content, mode) in files.items():
            entry = tarfile.TarInfo(file)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    layer = gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)
    config = json.dumps(
        {
            "architecture": _architecture(busybox),
            "os": "linux",
            "created": _CREATED,
            "config": {
                "Entrypoint": ["/bin/busybox", "sh", "-c", script],
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            },
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


def _architecture(program: bytes) -> str:
    """What a program is built for: ``e_machine`` of its header is EM_AARCH64 or not (elf(5))."""
    return "arm64" if program[18:20] == b"\xb7\x00" else "amd64"


def _place(program: str) -> str:
    """Where a program lies in the image; one without a path is looked for in PATH."""
    return program.strip("/") if "/" in program else f"usr/local/bin/{program}"


def _server(port: int, status: int) -> str:
    """What a bootstrap image runs; busybox's httpd knows no status but 200 for a file."""
    if not port:
        return "while :; do /bin/busybox sleep 3600; done"
    if status == _OK:
        return f"/bin/busybox httpd -f -p {port} -h /www"
    reply = "/bin/busybox sh -c '/bin/busybox head -n 1 >/dev/null; /bin/busybox cat /www/.answer'"
    return f"/bin/busybox nc -ll -p {port} -e {reply}"


def put_image(
    state: Mapping[str, Any],
    repository: str,
    image: OciImage,
    tag: str = BOOTSTRAP_TAG,
    *,
    host: str = "",
) -> str:
    """Put an image straight into a repository of the emulator.

    Args:
        state: What ``sandbox.json`` says.
        repository: The repository's name.
        image: What to put there.
        tag: Under which tag.
        host: The registry's, where it is not the one that everybody shares.

    Returns:
        The image pinned by digest, as a task definition names it.

    Raises:
        SandboxError: The repository does not exist, or the emulator does not answer.
    """
    body = {
        "repository": repository,
        "registry": host or state["registry"],
        "tag": tag,
        "media_type": image.media_type,
        "manifest": base64.b64encode(image.manifest).decode(),
        "blobs": [base64.b64encode(blob).decode() for blob in image.blobs],
    }
    return str(call(state, "/_shipway/images", body)["image"])


def share_layers(state: Mapping[str, Any], source: Layer, target: Layer) -> None:
    """Give a layer's repository the image layers that another's holds, so that no push sends them.

    Raises:
        SandboxError: One of the repositories does not exist, or the emulator does not answer.
    """
    named = {
        word: {"repository": layer.repository, "registry": registry_of(state, layer)}
        for word, layer in (("source", source), ("target", target))
    }
    call(state, "/_shipway/layers/shared", named)


def registry_of(state: Mapping[str, Any], layer: Layer) -> str:
    """Host and port of the registry of a layer's account and region."""
    own: Mapping[str, str] = state.get("registries", {})
    return own.get(f"{layer.account}/{layer.region}", str(state["registry"]))


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


def create(admin: Client, layer: Layer, state: Mapping[str, Any], busybox: bytes) -> None:
    """Make one environment's stacks, seed its repository, and let its services start.

    Args:
        admin: Gives clients of the environment's account.
        layer: The environment.
        state: What ``sandbox.json`` says.
        busybox: The program of the bootstrap images.

    Raises:
        SandboxError: CloudFormation refused the template or a resource.
    """
    cloudformation = admin("cloudformation")
    put_stand_ins(admin("ssm"), layer)
    make_secrets(admin("secretsmanager"), layer)
    seeds = {service.key: _seed(busybox, service) for service in layer.services}
    host = registry_of(state, layer)
    images = {key: f"{host}/{layer.repository}@{seed.digest}" for key, seed in seeds.items()}

    def text(*, count: bool) -> str:
        endpoint = str(state["endpoint"])
        return template.render(layer, images=images, endpoint=endpoint, count=count)

    run_stack(cloudformation, "create", layer.stack, text(count=False))
    for service in layer.services:
        tag = f"{BOOTSTRAP_TAG}-{service.key}"
        put_image(state, layer.repository, seeds[service.key], tag, host=host)
    for name, selectors in layer.selectors.items():
        select_versions(admin("ssm"), name, selectors)
    if layer.access:
        run_stack(
            cloudformation, "create", layer.access_stack, layer.access, layer.access_parameters
        )
    for stack in layer.outputs:
        if stack != layer.stack:
            own = template.render_outputs(layer, stack, endpoint=str(state["endpoint"]))
            run_stack(cloudformation, "create", stack, own)
    run_stack(cloudformation, "update", layer.stack, text(count=True))


def put_stand_ins(ssm: Any, layer: Layer) -> None:
    """Put a stand-in where a parameter holds a secret that the environment's tasks ask for."""
    for name, value in layer.stand_ins.items():
        if not name.startswith("arn:"):
            ssm.put_parameter(
                Name=name, Value=value, Type="SecureString", Overwrite=True, Description=STAND_IN
            )


def make_secrets(secrets_manager: Any, layer: Layer) -> None:
    """Make a stand-in of every secret of Secrets Manager that is asked for and not there.

    It is named as its ARN ends: ECS finds it by that ARN.
    """
    for arn, value in layer.stand_ins.items():
        if arn.startswith("arn:"):
            try:
                secrets_manager.describe_secret(SecretId=arn)
            except secrets_manager.exceptions.ResourceNotFoundException:
                ending = arn.rpartition(":secret:")[2]
                secrets_manager.create_secret(Name=ending, SecretString=value)


def select_versions(ssm: Any, name: str, selectors: Sequence[str]) -> None:
    """Give a parameter as many versions as are asked for, and the newest one the labels.

    Each version holds the same value: what the sandbox publishes does not change.

    Args:
        ssm: A client of Systems Manager.
        name: The parameter; it is there.
        selectors: Numbers of versions, and labels.
    """
    value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    wanted = [int(selector) for selector in selectors if selector.isdigit()]
    version = 1
    while version < min(max(wanted, default=1), _MOST_VERSIONS):
        version = int(ssm.put_parameter(Name=name, Value=value, Overwrite=True)["Version"])
    labels = [selector for selector in selectors if not selector.isdigit()]
    if labels:
        ssm.label_parameter_version(Name=name, ParameterVersion=version, Labels=labels)


def _seed(busybox: bytes, service: ServicePlan) -> OciImage:
    status = int(service.matcher[:3])
    return seed_image(busybox, port=service.port, path=service.health_path, status=status)


def run_stack(
    cloudformation: Any,
    verb: str,
    name: str,
    body: str,
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Create or update a stack and wait for its end.

    Raises:
        SandboxError: It did not come up.
    """
    call_stack = cloudformation.create_stack if verb == "create" else cloudformation.update_stack
    call_stack(
        StackName=name,
        TemplateBody=body,
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in (parameters or {}).items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    _wait_for_stack(cloudformation, name)


def _wait_for_stack(cloudformation: Any, name: str, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        status = str(stack["StackStatus"])
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")) or time.monotonic() > deadline:
            raise SandboxError(
                f"the stack {name} is {status}: {stack.get('StackStatusReason', '')}",
                where="the embedded sandbox",
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
        for planned in layer.services:
            _wait_for_service(ecs, layer, planned, deadline)


def _wait_for_service(ecs: EcsClient, layer: Layer, planned: ServicePlan, deadline: float) -> None:
    while True:
        listed = ecs.describe_services(cluster=layer.cluster, services=[planned.name])
        service = listed["services"][0]
        deployment = service["deployments"][0]
        if (
            deployment["rolloutState"] == "COMPLETED"
            and service["runningCount"] == planned.count == deployment["desiredCount"]
        ):
            return
        if time.monotonic() > deadline:
            events = service.get("events") or [{"message": "it has no event"}]
            raise SandboxError(
                f"{planned.name} in {layer.cluster} is not steady: {events[0]['message']}",
                remedy="this is a fault of the sandbox: report it with its log",
            )
        time.sleep(_POLL_SECONDS)
