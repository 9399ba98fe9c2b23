"""Which processor a task runs on, and what becomes of an image that is not for it.

Of an image for several platforms the engine takes this machine's own, whatever the task says: what
is checked is that the task's is among them ("Amazon ECS task definitions for 64-bit ARM workloads",
Amazon ECS Developer Guide).
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from typing import Any, Final

from ministack.services import ecr

from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.launching import StartError
from shipway_sandbox.emulator.registry import Repository

Record = dict[str, Any]
_OF_ECS: Final = {"X86_64": "amd64", "ARM64": "arm64"}
_OF_MACHINE: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

looks_at_processors = rule("ecs.image-fits-the-processor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """An image of another processor: its container starts, and its program cannot be run.

    Attributes:
        program: What was to be run first.
    """

    program: str

    @property
    def line(self) -> str:
        """What its log says (aws-samples/amazon-bedrock-serverless-prompt-chaining#213)."""
        return f"exec {self.program}: exec format error"


def processor_of(definition: Record) -> str:
    """As OCI names it; a task definition that says none runs on a processor of this machine's.

    On Fargate AWS takes X86_64 then, and an instance's own elsewhere (API Reference,
    RuntimePlatform).
    """
    said = (definition.get("runtimePlatform") or {}).get("cpuArchitecture")
    machine = platform.machine().lower()
    return _OF_ECS.get(str(said or ""), _OF_MACHINE.get(machine, machine))


def misfit(
    definition: Record, container: Record, repository: Repository, digest: str
) -> Misfit | None:
    """What is wrong with an image of our registry; ``None`` where it can be run.

    Raises:
        StartError: It holds several platforms, and not the task's (aviswerdlow/relay#71).
    """
    if not looks_at_processors():
        return None
    wanted = processor_of(definition)
    with repository.scope():
        manifest = _read(ecr._manifest_blobs.get(repository.name, {}).get(digest))
        config = (manifest.get("config") or {}).get("digest", "")
        image = _read(ecr._layer_blobs.get(repository.name, {}).get(config))
    if "manifests" in manifest:
        if wanted not in {
            (child.get("platform") or {}).get("architecture") for child in manifest["manifests"]
        }:
            raise StartError(
                "CannotPullContainerError: pull image manifest has been retried 7 time(s): image "
                f"Manifest does not contain descriptor matching platform 'linux/{wanted}'",
                container["name"],
            )
        return None
    if image.get("architecture", wanted) == wanted:
        return None
    own = image.get("config") or {}
    words = container.get("entryPoint") or own.get("Entrypoint") or container.get("command")
    words = words or own.get("Cmd") or ["/"]
    return Misfit(program=str(words[0]))


def _read(content: bytes | str | None) -> Record:
    try:
        read = json.loads(content or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
