"""The Docker engine as the emulator needs it: containers on a network of our own, by label.

Everything made here carries :data:`LABEL` with the run's identity, so that it can be found and
removed by the run itself, or by the next run if this one was killed.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import docker.errors

from shipway.errors import EngineError

LABEL = "dev.shipway.sandbox"
_CALL_SECONDS = 30
_PARALLEL = 8


def process_start(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if none runs (proc(5)).

    One that has ended and that nobody asked about, as in a container without an init, runs no more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _is_alive(run: str) -> bool:
    pid, _, rest = run.partition("-")
    return pid.isdigit() and bool(rest) and process_start(int(pid)) == rest.partition("-")[0]


class ContainerEngine:
    """One run's view of a Docker engine. Thread-safe; every call is bounded in time.

    Args:
        run: The identity of this run, ``PID-STARTTICKS-RANDOM``.
        url: The engine's address; ``None`` takes it from the environment, as Docker does.

    Raises:
        EngineError: No engine answers.
    """

    def __init__(self, run: str, url: str | None = None) -> None:
        self.run = run
        self.network = f"shipway-{run.rpartition('-')[2]}"
        self._pulled: set[str] = set()
        # Of two pulls of one blob at once containerd makes the second wait for the first with a
        # growing pause of half a second and more at each manifest, config and layer ("locked for").
        self._pulling = threading.Lock()
        self._lock = threading.Lock()
        try:
            kwargs: dict[str, Any] = {"base_url": url} if url else docker.utils.kwargs_from_env()
            self.api = docker.APIClient(timeout=_CALL_SECONDS, **kwargs)
            self.streams = docker.APIClient(timeout=None, **kwargs)
            self.api.ping()
        except (docker.errors.DockerException, OSError) as error:
            raise EngineError(
                "no Docker engine answers",
                where=url or "DOCKER_HOST",
                remedy="start one, or let `shipway_sandbox.world` start a private one",
            ) from error

    def labels(self, **more: str) -> dict[str, str]:
        """The labels of everything that this run makes."""
        return {LABEL: self.run, **more}

    def make_network(self) -> None:
        """Create the network that all tasks of this run join."""
        self.api.create_network(self.network, driver="bridge", labels=self.labels())

    def sweep(self) -> int:
        """Remove what dead runs left behind; the count of things removed is the answer."""
        labelled = self._labelled()
        dead = [(kind, name) for kind, name, run in labelled if run and not _is_alive(run)]
        self._remove(dead)
        return len(dead)

    def clean(self) -> None:
        """Remove every container, network and pulled image of this run."""
        self._remove([(kind, name) for kind, name, run in self._labelled() if run == self.run])
        with self._lock:
            pulled = tuple(self._pulled)
            self._pulled.clear()
        for reference in pulled:
            with contextlib.suppress(docker.errors.DockerException, OSError):
                self.api.remove_image(reference, force=True, noprune=False)

    def _labelled(self) -> list[tuple[str, str, str]]:
        wanted = {"label": [LABEL]}
        containers = [
            ("container", container["Id"], container.get("Labels", {}).get(LABEL, ""))
            for container in self.api.containers(all=True, filters=wanted)
        ]
        networks = [
            ("network", network["Id"], (network.get("Labels") or {}).get(LABEL, ""))
            for network in self.api.networks(filters=wanted)
        ]
        return containers + networks

    def _remove(self, things: list[tuple[str, str]]) -> None:
        containers = [name for kind, name in things if kind == "container"]
        if containers:
            with ThreadPoolExecutor(_PARALLEL) as pool:
                list(pool.map(self.remove, containers))
        for kind, name in things:
            if kind == "network":
                with contextlib.suppress(docker.errors.DockerException, OSError):
                    self.api.remove_network(name)

    def remove(self, container: str) -> None:
        """Remove a container, running or not; one that is gone is no error."""
        with contextlib.suppress(docker.errors.DockerException, OSError):
            self.api.remove_container(container, force=True, v=True)

    def has_image(self, reference: str) -> bool:
        """Whether the engine holds this exact reference."""
        try:
            self.api.inspect_image(reference)
        except docker.errors.DockerException:
            return False
        return True

    def pull(self, repository: str, digest: str, auth: dict[str, str] | None) -> str:
        """Pull ``repository@digest``; an empty text, or the engine's reason for not doing so."""
        reference = f"{repository}@{digest}"
        try:
            with self._pulling:
                lines = self.api.pull(
                    repository, tag=digest, auth_config=auth, stream=True, decode=True
                )
                for line in lines:
                    if "error" in line:
                        return str(line["error"])
        except docker.errors.APIError as error:
            return str(error.explanation or error)
        except (docker.errors.DockerException, OSError) as error:
            return str(error)
        with self._lock:
            self._pulled.add(reference)
        return ""

    def address(self, container: str) -> str:
        """The container's address on this run's network; empty once it has none."""
        networks = self.api.inspect_container(container)["NetworkSettings"]["Networks"]
        return str((networks.get(self.network) or {}).get("IPAddress") or "")
