"""BuildKit and one ECR repository."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.unit.delivery.fakes.names import URI

from shipway.config.environment import Origin
from shipway.image.build import BuildRequest, Stop
from shipway.image.publish import Pushed, StoredImage
from shipway.image.referrers import AttachedDocument, Referrer
from shipway.image.scan import Scan
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.conftest import MadeLayout, MakeLayout


@dataclass
class Buildkit:
    """Exports a made-up layout."""

    make: MakeLayout
    requests: list[BuildRequest] = field(default_factory=list)
    fails: BaseException | None = None
    says: Digest | None = None
    layout: MadeLayout | None = None
    content: bytes = b"one"
    bases: dict[str, str] = field(default_factory=dict)
    resolved_with: list[Mapping[str, str]] = field(default_factory=list)

    def build(
        self,
        request: BuildRequest,
        tell: Callable[[str], None],
        stop: Stop | None = None,  # noqa: ARG002  # the port has it
    ) -> Digest:
        self.requests.append(request)
        for line in ("#5 [1/2] FROM scratch", "#5 CACHED", "#6 [2/2] COPY . /"):
            tell(line)
        if self.fails is not None:
            raise self.fails
        self.layout = self.make(request.destination, content=self.content)
        return self.says or self.layout.root

    def resolve(self, reference: str, builder: str, logins: Mapping[str, str]) -> str:
        assert builder == "default"
        self.resolved_with.append(logins)
        return self.bases.get(reference, "")


@dataclass
class Store:
    """One ECR repository."""

    uri: str = URI
    images: dict[str, StoredImage] = field(default_factory=dict)
    pushes: list[str] = field(default_factory=list)
    fails: BaseException | None = None
    answers: Digest | None = None
    finds: BaseException | None = None
    built_by: dict[Digest, dict[str, str]] = field(default_factory=dict)
    full: bool = False
    taken: list[tuple[Origin, Digest, str]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    beside: list[Referrer] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)

    def tags(self, digest: Digest) -> tuple[str, ...]:
        names = (name for name, image in self.images.items() if image.digest == digest)
        return tuple(sorted(name for name in names if name != digest.value))

    def find(self, reference: str) -> StoredImage | None:
        if self.finds is not None:
            raise self.finds
        return self.images.get(reference)

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        image = self.images.get(digest.value)
        return image.platforms if image else frozenset()

    def keep(self, tag: str, digest: Digest, *platforms: Digest) -> None:
        self.images[tag] = self.images[digest.value] = StoredImage(
            digest=digest, platforms=frozenset(platforms)
        )

    def push(self, folder: Path, tag: str) -> Pushed:
        if self.fails is not None:
            raise self.fails
        self.pushes.append(tag)
        root = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
        blobs = folder / "blobs" / "sha256"
        children = json.loads((blobs / root.removeprefix("sha256:")).read_text())["manifests"]
        digest = self.answers or Digest(root)
        self.keep(tag, digest, Digest(children[0]["digest"]))
        return Pushed(digest=Digest(root), blobs=2, bytes=1_500_000)

    def tag(self, digest: Digest, tag: str) -> Digest | None:
        if self.full and tag not in self.images:
            return None
        standing = self.images.setdefault(tag, self.images[digest.value])
        return standing.digest

    def labels(self, digest: Digest) -> Mapping[str, str]:
        return self.built_by.get(digest, {})

    def take(self, origin: Origin, digest: Digest, tag: str) -> Pushed:
        if self.fails is not None:
            raise self.fails
        self.taken.append((origin, digest, tag))
        self.keep(tag, self.answers or digest, digest)
        return Pushed(digest=digest, blobs=3, bytes=2_000_000)

    def referrers(self, digest: Digest) -> tuple[Referrer, ...]:
        assert digest.value in self.images
        return tuple(self.beside)

    def attach(
        self, subject: Digest, documents: Sequence[AttachedDocument]
    ) -> tuple[Referrer, ...]:
        assert subject.value in self.images
        attached = [
            Referrer(
                digest=document.digest,
                artifact_type=document.artifact_type,
                annotations=document.annotations,
            )
            for document in documents
        ]
        self.beside += attached
        return tuple(attached)

    def login(self, host: str = "") -> str:
        self.signed_in.append(host)
        return "AWS:canary-password"

    def scan(self, digest: Digest) -> Scan:
        if self.scans:
            return replace(
                self.scans.pop(0) if len(self.scans) > 1 else self.scans[0], digest=digest
            )
        return Scan(digest=digest, status="not available here", findings={})
