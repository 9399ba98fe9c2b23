"""The OCI distribution protocol as far as a push to ECR needs it.

A registry client of our own, because the digest we judge by must be the digest that arrives:
BuildKit exports once, and exactly those bytes are sent. The password is the twelve-hour token of
GetAuthorizationToken; it goes into a header and nowhere else: not into argv, not into a file.
(OCI distribution-spec 1.1, "Pushing Blobs" and "Pushing Manifests".)
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import BinaryIO, Final
from urllib.parse import urljoin, urlsplit

import urllib3

from shipway.errors import PublishError
from shipway.image.layout import Blob, Layout, Manifest
from shipway.image.publish import Pushed
from shipway.values import Digest

_PARALLEL: Final = 4
_UPLOAD_TRIES: Final = 3
_OK: Final = 200
_CREATED: Final = 201
_ACCEPTED: Final = 202
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_PAUSE: Final = 0.3
_RETRY: Final = urllib3.Retry(
    total=4,
    backoff_factor=0.3,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("HEAD", "GET", "PUT"),
    raise_on_status=False,
)


class Registry:
    """One repository of one registry.

    Args:
        uri: ``HOST/NAME`` without scheme and tag.
        token: The decoded authorization token, ``AWS:…``.
    """

    def __init__(self, uri: str, token: str) -> None:
        host, _, self._name = uri.partition("/")
        # Like docker, plain HTTP is spoken with this machine alone.
        local = urlsplit(f"//{host}").hostname in {"localhost", "127.0.0.1", "::1"}
        self._base = f"{'http' if local else 'https'}://{host}"
        self._uri = uri
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(token.encode()).decode()}",
            "User-Agent": "shipway",
        }
        self._pool = urllib3.PoolManager(
            maxsize=_PARALLEL, timeout=urllib3.Timeout(connect=5, read=60), retries=_RETRY
        )

    def push(self, layout: Layout, tag: str) -> Pushed:
        """Send what the registry lacks: blobs first, then manifests, the tagged one last.

        A push that breaks off leaves no tag behind, and what arrived is not sent again.

        Raises:
            PublishError: The registry refused something or cannot be reached.
        """
        try:
            sent = self._send_all(layout.blobs)
            for manifest in layout.children:
                self._put(manifest, manifest.digest.value)
            digest = self._put(layout.root, tag)
        except urllib3.exceptions.HTTPError as error:
            raise PublishError(
                f"the registry cannot be reached: {_reason(error)}",
                where=self._uri,
                remedy="check the network, then publish again: layers that arrived are kept",
            ) from None  # urllib3's own text holds addresses, which may be signed
        return Pushed(digest=digest, blobs=len(sent), bytes=sum(sent))

    def _send_all(self, blobs: Sequence[Blob]) -> list[int]:
        """Send what is lacking, some at once; the first failure or a signal stops the others."""
        halt = threading.Event()
        pool = ThreadPoolExecutor(_PARALLEL, "push")
        try:
            sizes = list(pool.map(partial(self._send, halt), blobs))
        finally:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return [size for size in sizes if size is not None]

    def _send(self, halt: threading.Event, blob: Blob) -> int | None:
        """Upload one blob; gives its size, or ``None`` where it was there already."""
        answer = self._ask("HEAD", f"/v2/{self._name}/blobs/{blob.digest}")
        if answer.status == _OK:
            return None
        if answer.status != _NOT_FOUND:
            raise self._refused(answer, f"blob {blob.digest}")
        for left in reversed(range(_UPLOAD_TRIES)):
            try:
                self._upload(halt, blob)
            except (urllib3.exceptions.HTTPError, _PassingError):
                if not left or halt.wait(_PAUSE):
                    raise
            else:
                break
        return blob.size

    def _upload(self, halt: threading.Event, blob: Blob) -> None:
        opened = self._ask("POST", f"/v2/{self._name}/blobs/uploads/")
        if opened.status != _ACCEPTED or "Location" not in opened.headers:
            raise self._refused(opened, f"blob {blob.digest}")
        location = urljoin(self._base, opened.headers["Location"])
        with blob.path.open("rb") as content:
            sent = self._ask(
                "PATCH",
                location,
                body=_Haltable(content, halt),
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(blob.size),
                },
            )
        if sent.status not in {_OK, _CREATED, _ACCEPTED}:
            raise self._refused(sent, f"blob {blob.digest}")
        location = urljoin(location, sent.headers.get("Location", location))
        glue = "&" if "?" in location else "?"
        closed = self._ask("PUT", f"{location}{glue}digest={blob.digest}")
        if closed.status != _CREATED:
            raise self._refused(closed, f"blob {blob.digest}")

    def _put(self, manifest: Manifest, reference: str) -> Digest:
        answer = self._ask(
            "PUT",
            f"/v2/{self._name}/manifests/{reference}",
            body=manifest.content,
            headers={"Content-Type": manifest.media_type},
        )
        if answer.status != _CREATED:
            raise self._refused(answer, f"manifest {reference}")
        return Digest(answer.headers.get("Docker-Content-Digest", manifest.digest.value))

    def _ask(
        self,
        method: str,
        location: str,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        url = urljoin(self._base, location)
        same_host = urlsplit(url).netloc == urlsplit(self._base).netloc
        # An upload that the registry sends elsewhere (a signed S3 address) gets no password.
        sent = self._headers if same_host else {"User-Agent": "shipway"}
        return self._pool.request(method, url, body=body, headers={**sent, **(headers or {})})  # type: ignore[arg-type]

    def _refused(self, answer: urllib3.BaseHTTPResponse, what: str) -> PublishError:
        remedy = "see the registry's own words above; nothing was rolled out"
        if answer.status == _UNAUTHORIZED:
            remedy = "the registry refused the token: see that the role may ecr:InitiateLayerUpload"
        elif answer.status == _NOT_FOUND:
            remedy = "the repository does not exist; shipway never creates one"
        passing = answer.status == _TOO_MANY or answer.status >= _SERVER_ERROR
        return (_PassingError if passing else PublishError)(
            f"the registry refused {what}: {answer.status} {_words(answer.data)}".rstrip(),
            where=self._uri,
            remedy=remedy,
        )


class _PassingError(PublishError):
    """A refusal that may be gone at the next try."""


class _Haltable:
    """A file that stops being read once the push is over, so that nothing is waited for."""

    def __init__(self, file: BinaryIO, halt: threading.Event) -> None:
        self._file = file
        self._halt = halt

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._halt.is_set():
            raise urllib3.exceptions.HTTPError("the push was ended")
        return self._file.read(size)


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    """What went wrong, without the address: it may be signed, and where is said beside it."""
    cause = getattr(error, "reason", None) or error
    return ": ".join(str(part).rstrip(".") for part in cause.args) or type(cause).__name__


def _words(body: bytes) -> str:
    """The registry's own message (distribution-spec, "Error Codes"), cut to a line."""
    try:
        error = json.loads(body)["errors"][0]
        text = f"{error.get('code', '')} {error.get('message', '')}"
    except (ValueError, LookupError, TypeError, AttributeError):
        text = body.decode(errors="replace")
    return " ".join(text.split())[:300]
