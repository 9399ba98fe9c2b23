"""Facts of the image: built, promoted, published, scanned, and what is attached to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shipway.evidence.canonical_json import KEY
from shipway.evidence.facts import Fact
from shipway.evidence.facts.gate import InputFileFact


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFact(Fact):
    """The build's cache, and why it was of no use."""

    reference: str
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFact(Fact):
    """What was built, or what an earlier delivery built from the same source (``reused``).

    Attributes:
        platforms: Digests of the platforms' manifests, by ``os/arch``.
        bytes: Of the whole image.
        stand_ins: What a base image was replaced with, by its name; the sandbox does so.
        source_date_epoch: Seconds since 1970 that stand in the image.
        built_by: The commit that it was built from.
        artifacts: What was in the context beside the commit's files: each pattern of `artifacts`,
            and the SHA-256 over what it took.
    """

    digest: str
    platforms: Mapping[str, str]
    steps: int | None = None
    cached_steps: int = 0
    bytes: int | None = None
    stand_ins: Mapping[str, str] | None = None
    builder: str | None = None
    cache: CacheFact | None = None
    content_key: str = ""
    source_date_epoch: int | None = None
    reused: bool = False
    built_by: str = ""
    artifacts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionFact(Fact):
    """An image that was taken from another environment's repository."""

    from_environment: str = field(metadata={KEY: "from"})
    source: str
    digest: str
    blobs: int
    bytes: int
    already_there: bool
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedFact(Fact):
    """What a push moved."""

    digest: str
    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFact(Fact):
    """The image that went on, as ``repository@sha256:…``.

    Attributes:
        pushed: ``None`` where the registry had it already.
        platforms: Digests of its platforms' manifests.
        built_by: The commit that it was built from, where that is another one.
        promoted_from: Where it was taken from.
        named: The platforms' names and digests.
    """

    reference: str
    tag: str = ""
    pushed: PushedFact | None
    platforms: tuple[str, ...]
    built_by: str = ""
    promoted_from: str = ""
    named: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformScanFact(Fact):
    """One platform's scan; ``findings`` counts by severity, as ECR does."""

    digest: str
    platform: str
    status: str
    type: str
    completed_at: str | None
    findings: Mapping[str, int]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFindingFact(Fact):
    """One vulnerability; ``waiver`` says who answers for it, and until when."""

    id: str
    severity: str
    package: str
    version: str
    fixed_in: str
    fix_available: bool | None
    exploit_available: bool | None
    platform: str
    waiver: str | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFact(Fact):
    """What the scan found and what the gate said.

    Attributes:
        gate: Whether a rollout hung on it.
        thresholds: The most findings that may be there, by severity; ``None`` is no limit.
        counted: Findings that count, by severity.
        findings: The first 500, most severe first.
        columns: Names of the columns of ``rows``, which say the same for people.
    """

    summary: str
    gate: bool | None = None
    allowed: bool | None = None
    reasons: tuple[str, ...] = ()
    required: bool | None = None
    thresholds: Mapping[str, int | None] = field(default_factory=dict)
    fix_available_only: bool | None = None
    counted: Mapping[str, int] = field(default_factory=dict)
    platforms: tuple[PlatformScanFact, ...] = field(default_factory=tuple)
    findings: tuple[ScanFindingFact, ...] = field(default_factory=tuple)
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiversFileFact(InputFileFact):
    """What says who answers for which vulnerability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverFact(Fact):
    """A vulnerability that somebody answers for; ``expires`` is a date."""

    id: str
    package: str
    digest: str
    owner: str
    reason: str
    expires: str
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomFact(Fact):
    """One platform's bill of materials; ``referrer`` is the manifest that attaches it."""

    platform: str
    digest: str
    format: str
    file: str
    sha256: str
    components: int
    referrer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceFact(Fact):
    """One platform's SLSA provenance."""

    platform: str
    digest: str
    predicate_type: str
    file: str
    sha256: str
    referrer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFact(Fact):
    """Who signed what; ``method`` is ``kms`` or ``key``."""

    keyid: str
    method: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrerFact(Fact):
    """A document beside the image in the registry."""

    digest: str
    artifact_type: str
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationsFact(Fact):
    """What lies beside the image, and what went wrong with it."""

    available: bool
    trouble: str
    signed_by: str
    referrers: tuple[ReferrerFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedImageFact(Fact):
    """One of several images of a delivery, by its name under ``[images]``."""

    name: str
    build: BuildFact | None = None
    promotion: PromotionFact | None = None
    image: ImageFact | None = None
    scan: ScanFact | None = None
    sbom: tuple[SbomFact, ...] = ()
    provenance: tuple[ProvenanceFact, ...] = ()
    signature: tuple[SignatureFact, ...] = ()
    papers: AttestationsFact | None = None
