"""The few Docker Engine API calls the sandbox makes itself, over a unix socket, stdlib only.

The engine supervisor must start in milliseconds and survive its owner: no SDK is loaded for it.
Only local engines are spoken to: the sandbox's registry and load balancer listen on 127.0.0.1,
where an engine on another machine cannot reach them.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote, urlencode

from shipway.errors import EngineError

UNIX: Final = "unix://"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over the unix socket at ``path``."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


def call(
    host: str,
    method: str,
    path: str,
    *,
    timeout: float = 10.0,
    body: Iterable[bytes] | bytes | None = None,
    content_type: str = "application/x-tar",
) -> tuple[int, bytes]:
    """Make one API call.

    Args:
        host: A ``unix://`` DOCKER_HOST value.
        method: The HTTP method.
        path: Path and query, already quoted.
        timeout: Seconds each socket operation may take.
        body: Request body, sent chunked where it is an iterable.
        content_type: What the body is.

    Returns:
        The status code and the whole response body.

    Raises:
        EngineError: The socket does not answer HTTP in time.
    """
    connection = _UnixConnection(host.removeprefix(UNIX), timeout)
    try:
        headers = {"Content-Type": content_type} if body is not None else {}
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise EngineError(
            f"the Docker engine does not answer {method} {path.partition('?')[0]}: {error}",
            where=host,
            remedy="see whether the engine still runs: docker version",
        ) from error
    finally:
        connection.close()


def read_json(host: str, path: str, *, timeout: float = 10.0) -> Any:
    """GET a JSON document, or ``None`` where the engine answers 404.

    Raises:
        EngineError: The engine does not answer, or answers with an error.
    """
    status, payload = call(host, "GET", path, timeout=timeout)
    if status == http.HTTPStatus.NOT_FOUND:
        return None
    if status != http.HTTPStatus.OK:
        text = payload[:300].decode(errors="replace").strip()
        raise EngineError(f"the Docker engine answers {status} to GET {path}: {text}", where=host)
    try:
        return json.loads(payload)
    except ValueError as error:
        raise EngineError(f"what answers GET {path} is no Docker engine", where=host) from error


def has_image(host: str, reference: str) -> bool:
    """Whether the engine holds ``reference`` in its own store."""
    return read_json(host, f"/images/{quote(reference, safe='/:@')}/json") is not None


def remove_everything(host: str, *, timeout: float) -> list[str]:
    """Remove every container, anonymous volume and user-defined network; images stay.

    Only ever called on a private engine, where all of them are the sandbox's own.

    Returns:
        The names of the containers that were removed.

    Raises:
        EngineError: The engine does not answer.
    """
    removed = []
    for container in read_json(host, "/containers/json?all=1", timeout=timeout) or ():
        call(host, "DELETE", f"/containers/{container['Id']}?force=1&v=1", timeout=timeout)
        removed.append(str((container.get("Names") or ["?"])[0]).lstrip("/"))
    for network in read_json(host, "/networks", timeout=timeout) or ():
        if network["Name"] not in {"bridge", "host", "none"}:
            call(host, "DELETE", f"/networks/{network['Id']}", timeout=timeout)
    return removed


def forget_pulled(host: str, *registries: str) -> None:
    """Remove the images that came from ``registries``, and those that have no name any more.

    Only ever called on a private engine that has just started: the registries that they were pulled
    from, on a port of its own, ended with an earlier sandbox that was killed. What cannot be
    removed stays.

    Args:
        host: The engine.
        registries: How the names of such images begin.

    Raises:
        EngineError: The engine does not answer.
    """
    for image in read_json(host, "/images/json") or ():
        names = {*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())}
        for name in sorted(name for name in names if name.startswith(registries)):
            call(host, "DELETE", f"/images/{quote(name, safe='/:@')}?force=1")
    dangling = urlencode({"filters": json.dumps({"dangling": ["true"]})})
    call(host, "POST", f"/images/prune?{dangling}")
