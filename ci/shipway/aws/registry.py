"""The OCI distribution protocol as far as a push to ECR needs it.

A registry client of our own, because the digest we judge by must be the digest that arrives:
BuildKit exports once, and exactly those bytes are sent. The password is the twelve-hour token of
GetAuthorizationToken; it goes into a header and nowhere else: not into argv, not into a file.
(OCI distribution-spec 1.1, "Pushing Blobs" and "Pushing Manifests".)
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from shipway.aws import connections
from shipway.aws.connections import LONGEST_PAUSE, PARALLEL, PAUSE
from shipway.errors import AccessDeniedError, PublishError, allowing
from shipway.image.layout import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Layout,
    Manifest,
    Part,
    parts_of,
)
from shipway.image.publish import Pushed
from shipway.util.partitions import partition_of, registry_home
from shipway.util.proxies import is_this_machine
from shipway.util.waiting import results
from shipway.values import Digest

_UPLOAD_TRIES: Final = 8
_OK: Final = 200
_CREATED: Final = 201
_ACCEPTED: Final = 202
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500

_KINDS: Final = ("blobs/uploads", "blobs", "manifests")
# What the registry asks IAM about (Amazon ECR User Guide, "IAM permissions for pushing an image").
_DENIED_ACTIONS: Final = {
    ("HEAD", "blobs"): "ecr:BatchCheckLayerAvailability",
    ("GET", "blobs"): "ecr:GetDownloadUrlForLayer",
    ("POST", "blobs/uploads"): "ecr:InitiateLayerUpload",
    ("PATCH", "blobs/uploads"): "ecr:UploadLayerPart",
    ("PUT", "blobs/uploads"): "ecr:CompleteLayerUpload",
    ("PUT", "manifests"): "ecr:PutImage",
}


class Readable(Protocol):
    """Bytes that come piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; none at the end."""
        ...


Opener = Callable[[Part], AbstractContextManager[Readable]]


class DistributionClient:
    """One repository of one registry.

    Args:
        uri: ``HOST/NAME`` without scheme and tag.
        token: The decoded authorization token, ``AWS:…``.
        authorities: A file of certificate authorities to believe; empty for the machine's.

    Connections go through the proxies of the environment, as the SDK's do.
    """

    def __init__(self, uri: str, token: str, authorities: str = "") -> None:
        host, _, self.name = uri.partition("/")
        # Like docker, plain HTTP is spoken with this machine alone.
        local = is_this_machine(urlsplit(f"//{host}").hostname or "")
        self.base = f"{'http' if local else 'https'}://{host}"
        self.uri = uri
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(token.encode()).decode()}",
            "User-Agent": "shipway",
        }
        self._connections = connections.Connections(authorities)

    def push(self, layout: Layout, tag: str) -> Pushed:
        """Send what the registry lacks: blobs first, then manifests, the tagged one last.

        A push that breaks off leaves no tag behind, and what arrived is not sent again.

        Raises:
            PublishError: The registry refused something or cannot be reached.
        """
        paths = {blob.digest: blob.path for blob in layout.blobs}
        with self._translated():
            sizes = self._send_all(layout.blobs, lambda part: paths[part.digest].open("rb"))
            for manifest in layout.children:
                self._put(manifest, manifest.digest.value)
            digest = self._put(layout.root, tag)
        return Pushed(digest=digest, blobs=len(sizes), bytes=sum(sizes))

    def copy(
        self,
        source: DistributionClient,
        root: Manifest,
        children: Sequence[Manifest],
        tag: str = "",
    ) -> Pushed:
        """Take an image from another repository as it is, blob by blob; nothing is kept on disk.

        What is here is not sent again; within one registry a blob is mounted where the registry
        allows it (ECR: the account setting BLOB_MOUNTING), and no byte moves.

        Args:
            source: Where it lies.
            root: The index or manifest; its bytes, and so its digest, stay.
            children: The manifests of an index, attestations included.
            tag: The tag it gets here; none for what is known by its digest alone.

        Raises:
            PublishError: A registry refused something, lost a layer, or cannot be reached.
        """
        parts = {
            part.digest: part
            for manifest in (children or (root,))
            for part in parts_of(manifest.content)
        }
        mount = source.name if source.base == self.base else ""
        with self._translated():
            sizes = self._send_all(tuple(parts.values()), source.open, mount)
            for manifest in children:
                self._put(manifest, manifest.digest.value)
            digest = self._put(root, tag or root.digest.value)
        return Pushed(digest=digest, blobs=len(sizes), bytes=sum(sizes))

    def attach(self, manifest: Manifest, contents: Mapping[Digest, bytes]) -> Pushed:
        """Put a manifest without a tag, such as a referrer, with the few blobs that it names.

        Raises:
            PublishError: The registry refused it or cannot be reached.
        """
        parts = tuple(parts_of(manifest.content))
        with self._translated():
            sizes = self._send_all(parts, lambda part: io.BytesIO(contents[part.digest]))
            digest = self._put(manifest, manifest.digest.value)
        return Pushed(digest=digest, blobs=len(sizes), bytes=sum(sizes))

    def manifest(self, reference: str) -> Manifest | None:
        """A manifest by tag or digest, its bytes compared with the digest; ``None`` for none.

        Raises:
            PublishError: The registry refused it, or gave other bytes than the digest says.
        """
        with self._translated():
            response = self._request(
                "GET",
                f"/v2/{self.name}/manifests/{reference}",
                headers={"Accept": ", ".join(sorted(INDEX_TYPES | MANIFEST_TYPES))},
            )
        if response.status == _NOT_FOUND:
            return None
        if response.status != _OK:
            raise self._refused(response, f"manifest {reference}")
        digest = Digest(f"sha256:{hashlib.sha256(response.data).hexdigest()}")
        if reference.startswith("sha256:") and reference != digest.value:
            raise PublishError(
                f"the registry gave {digest} where {reference} was asked for",
                where=self.uri,
                remedy="a proxy between here and the registry may rewrite manifests",
            )
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        return Manifest(digest=digest, media_type=kind, content=response.data)

    def expect(self, digest: Digest) -> Manifest:
        """A manifest that another one of this repository names.

        Raises:
            PublishError: It is lost, or as :meth:`manifest`.
        """
        manifest = self.manifest(digest.value)
        if manifest is None:
            raise PublishError(
                f"the registry has lost manifest {digest}",
                where=self.uri,
                remedy="nothing was tagged; publish the image there again, then promote it",
            )
        return manifest

    @contextmanager
    def open(self, part: Part) -> Iterator[Readable]:
        """A blob's bytes as they come from the registry.

        Raises:
            PublishError: The registry has lost it, or refuses it.
        """
        address = f"/v2/{self.name}/blobs/{part.digest}"
        response = self._request("GET", address, preload_content=False)
        try:
            if response.status != _OK:
                raise self._refused(response, f"blob {part.digest}")
            yield response
        finally:
            response.close()

    def _send_all(self, parts: Sequence[Part], opener: Opener, mount: str = "") -> list[int]:
        """Send what is lacking, some at once; the first failure or a signal stops the others."""
        halt = threading.Event()
        pool = ThreadPoolExecutor(PARALLEL, "push")
        try:
            jobs = [pool.submit(self._send, halt, opener, mount, part) for part in parts]
            sizes = results(jobs)
        finally:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return [size for size in sizes if size is not None]

    def _send(self, halt: threading.Event, opener: Opener, mount: str, part: Part) -> int | None:
        """Upload one blob; gives its size, or ``None`` where no byte had to move."""
        response = self._request("HEAD", f"/v2/{self.name}/blobs/{part.digest}")
        if response.status == _OK:
            return None
        if response.status != _NOT_FOUND:
            raise self._refused(response, f"blob {part.digest}")
        for tries_left in reversed(range(_UPLOAD_TRIES)):
            try:
                return self._upload(halt, opener, mount, part)
            except (urllib3.exceptions.HTTPError, _TransientError):
                pause = min(LONGEST_PAUSE, PAUSE * 2.0 ** (_UPLOAD_TRIES - 1 - tries_left))
                if not tries_left or halt.wait(pause):
                    raise
        return part.size

    def _upload(self, halt: threading.Event, opener: Opener, mount: str, part: Part) -> int | None:
        query = f"?{urlencode({'mount': part.digest.value, 'from': mount})}" if mount else ""
        started = self._request("POST", f"/v2/{self.name}/blobs/uploads/{query}")
        if mount and started.status == _CREATED:
            return None
        if started.status != _ACCEPTED or "Location" not in started.headers:
            raise self._refused(started, f"blob {part.digest}")
        location = urljoin(self.base, started.headers["Location"])
        with opener(part) as content:
            uploaded = self._request(
                "PATCH",
                location,
                body=_Haltable(content, halt),
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(part.size),
                },
            )
        if uploaded.status not in {_OK, _CREATED, _ACCEPTED}:
            raise self._refused(uploaded, f"blob {part.digest}")
        location = urljoin(location, uploaded.headers.get("Location", location))
        glue = "&" if "?" in location else "?"
        finished = self._request("PUT", f"{location}{glue}digest={part.digest}")
        if finished.status != _CREATED:
            raise self._refused(finished, f"blob {part.digest}")
        return part.size

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except urllib3.exceptions.HTTPError as error:
            # urllib3's own text holds addresses, which may be signed
            raise connections.unreachable(error, self.uri) from None

    def _put(self, manifest: Manifest, reference: str) -> Digest:
        response = self._request(
            "PUT",
            f"/v2/{self.name}/manifests/{reference}",
            body=manifest.content,
            headers={"Content-Type": manifest.media_type},
        )
        if response.status != _CREATED:
            raise self._refused(response, f"manifest {reference}")
        return Digest(response.headers.get("Docker-Content-Digest", manifest.digest.value))

    def _request(
        self,
        method: str,
        location: str,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
        preload_content: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        url = urljoin(self.base, location)
        same_host = urlsplit(url).netloc == urlsplit(self.base).netloc
        # An upload that the registry sends elsewhere (a signed S3 address) gets no password.
        own_headers = self._headers if same_host else {"User-Agent": "shipway"}
        response = self._connections.to(url).request(
            method,
            url,
            body=body,  # type: ignore[arg-type]  # anything that can be read
            headers={**own_headers, **(headers or {})},
            preload_content=preload_content,
        )
        if response.status == _FORBIDDEN and same_host:
            raise self._denied(method, location, _error_text(response.data))
        return response

    def _denied(self, method: str, location: str, message: str) -> AccessDeniedError:
        """A refusal of IAM's, by the action that the registry asks for; a HEAD has no words."""
        kind = next(part for part in _KINDS if f"/{part}/" in location)
        action = _DENIED_ACTIONS.get((method, kind), "ecr:BatchGetImage")
        host, _, name = self.uri.partition("/")
        account, region = registry_home(host) or ("*", "*")
        repository = f"arn:{partition_of(region).id}:ecr:{region}:{account}:repository/{name}"
        return AccessDeniedError(
            f"{action} is not allowed: the registry said 403 {message}".rstrip(),
            where=self.uri,
            remedy="nothing was rolled out; add the statement to the role's policy",
            details=() if "on resource:" in message else (allowing(action, repository),),
        )

    def _refused(self, response: urllib3.BaseHTTPResponse, what: str) -> PublishError:
        remedy = "see the registry's own words above; nothing was rolled out"
        if response.status == _UNAUTHORIZED:
            remedy = "the registry refused the token: see that the role may ecr:InitiateLayerUpload"
        elif "BLOB_UNKNOWN" in _error_text(response.data):
            remedy = "the registry has lost a layer: nothing was tagged; publish the image again"
        elif response.status == _NOT_FOUND:
            remedy = "the repository does not exist; shipway never creates one"
        transient = response.status == _TOO_MANY or response.status >= _SERVER_ERROR
        return (_TransientError if transient else PublishError)(
            f"the registry refused {what}: {response.status} {_error_text(response.data)}".rstrip(),
            where=self.uri,
            remedy=remedy,
        )


class _TransientError(PublishError):
    """A refusal that may be gone at the next try."""


class _Haltable:
    """A file that stops being read once the push is over, so that nothing is waited for."""

    def __init__(self, file: Readable, halt: threading.Event) -> None:
        self._file = file
        self._halt = halt

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._halt.is_set():
            raise urllib3.exceptions.HTTPError("the push was ended")
        return self._file.read(size)


def _error_text(body: bytes) -> str:
    """The registry's own message (distribution-spec, "Error Codes"), cut to a line."""
    try:
        error = json.loads(body)["errors"][0]
        text = f"{error.get('code', '')} {error.get('message', '')}"
    except (ValueError, LookupError, TypeError, AttributeError):
        text = body.decode(errors="replace")
    return " ".join(text.split())[:300]
