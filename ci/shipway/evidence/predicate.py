"""The one schema of ``record.json``: what a delivery leaves, as frozen values.

A record is an in-toto Statement; its predicate is a delivery, fact by fact. Whoever finds a fact
out notes one of these values; whoever reads a record gets the same values back.
:mod:`shipway.evidence.canonical_json` writes them and :mod:`shipway.evidence.codec` reads them;
``docs/record.schema.json`` is generated from them. A field of today may be missing in a record of
yesterday; then it is blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shipway.evidence.canonical_json import KEY
from shipway.evidence.facts import Fact
from shipway.evidence.facts.announcement import AnnouncementFact
from shipway.evidence.facts.gate import (
    BeforeBuildFact,
    ClaimsFact,
    ConfigurationFact,
    ContractFact,
    DecisionFact,
    EnvironmentFact,
    FreezeOverrideFact,
    IdentityFact,
    LiveReleaseFact,
    LockFact,
    RenewalFact,
    RollbackOverrideFact,
    TriggerFact,
    VerifiedReleaseFact,
)
from shipway.evidence.facts.image import (
    AttestationsFact,
    BuildFact,
    ImageFact,
    PromotionFact,
    ProvenanceFact,
    ReleasedImageFact,
    SbomFact,
    ScanFact,
    SignatureFact,
    WaiverFact,
    WaiversFileFact,
)
from shipway.evidence.facts.rollout import (
    HoldFact,
    ImageParameterFact,
    JobFact,
    PutBackFact,
    ResumedFact,
    ScheduleFact,
    ServiceFact,
    VerificationFact,
    WentBackFact,
)
from shipway.evidence.timeline import TimelineEntry

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://shipway.dev/delivery/v1"
SCHEMA_VERSION: Final = 3
"""Counts what was changed in the predicate; 1 had no number, and keys of both cases; 2 knew one
image alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFact(Fact):
    """What wrote the record."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFact(Fact):
    """The commit; ``clean`` says whether the work tree was exactly this commit."""

    sha: str
    time: str
    clean: bool | None
    subject: str
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFact(Fact):
    """How the delivery ended; ``kind`` and ``exit_code`` are those of :mod:`shipway.errors`."""

    kind: str
    exit_code: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFact(Fact):
    """A file that was written with the record."""

    name: str
    sha256: str
    bytes: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousRecordFact(Fact):
    """The record before this one, and the ledger as it was then.

    Attributes:
        record: Its path below the evidence folder.
        sha256: Its SHA-256.
        ledger: The SHA-256 of the ledger; empty in records of before it was noted.
    """

    record: str
    sha256: str
    ledger: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFact(Fact):
    """The record's place in the chain; 0 where it could not be chained."""

    sequence: int
    previous: PreviousRecordFact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFacts(Fact):
    """What a delivery found out; what it did not come to is ``None`` or empty.

    Attributes:
        facts: What the rules knew before the build.
        renewals: Each renewal of the job's credentials, in order; empty in records of before they
            were noted, too.
        verified_before: What the environment before had verified; empty where it had nothing,
            ``None`` where no rule asked.
        running: What ran before the rollout.
        papers: What lies beside the image.
        images: Every image, where there are several; ``build``, ``image``, ``scan`` and what else
            is about one image are the first one's then, for readers that know one alone.
        announcements: Who was told that it began; ``announced.json`` beside the record holds who
            was told how it ended.
    """

    commit: CommitFact | None = None
    contract: ContractFact | None = None
    configuration: ConfigurationFact | None = None
    claims: ClaimsFact | None = None
    trigger: TriggerFact | None = None
    facts: BeforeBuildFact | None = None
    decision: DecisionFact | None = None
    through_freeze: FreezeOverrideFact | None = None
    rollback_to: RollbackOverrideFact | None = None
    went_back: WentBackFact | None = None
    identity: IdentityFact | None = None
    renewals: tuple[RenewalFact, ...] = ()
    environment: EnvironmentFact | None = None
    lock: LockFact | None = None
    running: tuple[LiveReleaseFact, ...] = ()
    verified_before: tuple[VerifiedReleaseFact, ...] | None = None
    build: BuildFact | None = None
    promotion: PromotionFact | None = None
    image: ImageFact | None = None
    scan: ScanFact | None = None
    waivers: tuple[WaiverFact, ...] = ()
    waivers_file: WaiversFileFact | None = None
    sbom: tuple[SbomFact, ...] = ()
    provenance: tuple[ProvenanceFact, ...] = ()
    signature: tuple[SignatureFact, ...] = ()
    papers: AttestationsFact | None = None
    images: tuple[ReleasedImageFact, ...] = ()
    jobs: tuple[JobFact, ...] = ()
    services: tuple[ServiceFact, ...] = ()
    resumed: tuple[ResumedFact, ...] = ()
    verification: tuple[VerificationFact, ...] = ()
    image_parameters: tuple[ImageParameterFact, ...] = ()
    holds: tuple[HoldFact, ...] = ()
    schedules: tuple[ScheduleFact, ...] = ()
    put_back: tuple[PutBackFact, ...] = ()
    announcements: tuple[AnnouncementFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(DeliveryFacts):
    """The predicate: the facts, when, how it ended, and what was told meanwhile.

    Attributes:
        schema_version: :data:`SCHEMA_VERSION` of the writer; 0 where it wrote none.
    """

    schema_version: int
    tool: ToolFact
    started_on: str
    finished_on: str
    verdict: VerdictFact
    timeline: tuple[TimelineEntry, ...]
    files: tuple[FileFact, ...]
    chain: ChainFact

    @property
    def released(self) -> tuple[ReleasedImageFact, ...]:
        """Every image of the delivery; one alone has no name."""
        return self.images or (
            ReleasedImageFact(
                name="",
                build=self.build,
                promotion=self.promotion,
                image=self.image,
                scan=self.scan,
                sbom=self.sbom,
                provenance=self.provenance,
                signature=self.signature,
                papers=self.papers,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFact(Fact):
    """What the record is about: an image, or a commit where it came to none."""

    name: str
    digest: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Fact):
    """A record (in-toto Attestation Framework, Statement v1)."""

    type: str = field(metadata={KEY: "_type"})
    subject: tuple[SubjectFact, ...]
    predicate_type: str
    predicate: Delivery
