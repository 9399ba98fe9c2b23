"""What is said about an image: its bill of materials and its provenance, made beside the rollout.

Cataloguing takes seconds that nobody should wait for, so it runs in a thread of its own from the
end of the build on, and is joined when the delivery ends. What came of it is noted in any case.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from concurrent.futures import CancelledError as Withdrawn
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shipway.config.environment import Environment
from shipway.delivery.ports import EnvironmentContext, ImageStore
from shipway.errors import AccessDeniedError, EvidenceError, ShipwayError
from shipway.evidence.facts.image import (
    AttestationsFact,
    ProvenanceFact,
    ReferrerFact,
    SbomFact,
    SignatureFact,
)
from shipway.evidence.image_notes import ImageNotes
from shipway.image import layout, provenance, sbom, signing
from shipway.image.build import BuiltImage
from shipway.image.publish import PublishedImage
from shipway.image.referrers import (
    CYCLONEDX,
    IN_TOTO,
    PLATFORM,
    PLATFORM_DIGEST,
    PREDICATE_TYPE,
    AttachedDocument,
    Referrer,
)
from shipway.image.sbom import Sbom
from shipway.observer import Noticed
from shipway.util.waiting import results
from shipway.values import Commit

_JOIN_SECONDS: Final = 330.0
_NOT_AVAILABLE: Final = "not available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestations:
    """What was found out, and where it was attached."""

    bills: tuple[Sbom, ...] = ()
    provenances: tuple[AttachedDocument, ...] = ()
    referrers: tuple[Referrer, ...] = ()
    signed_by: str = ""
    trouble: str = ""

    @property
    def has_bill(self) -> bool:
        """Whether there is a bill of materials, made now or attached earlier."""
        complete = bool(self.bills) and all(bill.document is not None for bill in self.bills)
        return complete or any(referrer.artifact_type == CYCLONEDX for referrer in self.referrers)


@dataclass(slots=True)
class Attestor:
    """Makes and attaches the papers of one delivery.

    Attributes:
        environment_context: Where it happens.
        commit: The commit, whose time stands in every bill.
        cache: Where bills are kept by digest.
        journal: Where they are noted.
        prefix: Begins the names of the files, where there are several images.
    """

    environment_context: EnvironmentContext
    commit: Commit
    cache: Path
    journal: ImageNotes
    prefix: str = ""
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="papers")
    )
    _attestations: Future[Attestations] | None = None
    _attached: Future[Attestations] | None = None
    _closed: bool = False

    def begin(self, built: BuiltImage, name: str, wanted: str) -> None:
        """Start to find out what was built."""
        self._attestations = self._pool.submit(self._make, built, name, wanted)

    def attach(self, image: PublishedImage, environment: Environment, store: ImageStore) -> None:
        """Put the papers beside the image that is in the registry now, as soon as they are made.

        Raises:
            AccessDeniedError: The role may not see what is beside the image; told before the
                rollout, for a person can mend it.
        """
        try:
            there: tuple[Referrer, ...] | ShipwayError = store.referrers(image.reference.digest)
        except AccessDeniedError:
            raise
        except ShipwayError as error:
            there = error
        self._attached = self._pool.submit(self._attach, image, environment, store, there)

    def require(self, environment: Environment) -> None:
        """Wait for the bill where the environment insists on one.

        Raises:
            EvidenceError: There is none.
        """
        if environment.sbom != "required" or self._attached is None:
            return
        attestations = self._attached.result(_JOIN_SECONDS)
        if not attestations.has_bill:
            raise EvidenceError(
                f"{environment.name} requires a bill of materials, and there is none"
                + (f": {attestations.trouble}" if attestations.trouble else ""),
                where="ci/delivery.toml",
                remedy="pip install 'shipway[sbom]' where images are built; nothing was rolled out",
            )

    def close(self, *, abandon: bool = False) -> None:
        """Note what came of it; never raises, for the record must not hang on its papers."""
        if self._closed:
            return
        self._closed = True
        if abandon:
            self.environment_context.cataloguer.end()
        attestations = Attestations()
        for work in (self._attestations, self._attached):
            if work is not None:
                if abandon:
                    work.cancel()
                try:
                    attestations = work.result(_JOIN_SECONDS)
                except (Withdrawn, TimeoutError):
                    attestations = Attestations(trouble="the delivery ended before they were made")
                except Exception as bug:  # noqa: BLE001  # the record must not be lost for it
                    attestations = Attestations(trouble=f"{type(bug).__name__}: {bug}")
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._attestations is not None or self._attached is not None:
            self._note(attestations)

    def _make(self, built: BuiltImage, name: str, wanted: str) -> Attestations:
        try:
            image = layout.read(built.folder)
            bills: tuple[Sbom, ...] = ()
            documents = provenance.documents(image, name)
            if wanted != "off":
                bills = sbom.bills(
                    self.environment_context.cataloguer,
                    image,
                    built.folder,
                    name=name,
                    time=self.commit.time,
                    cache=self.cache,
                )
        except ShipwayError as error:
            return Attestations(trouble=str(error))
        return Attestations(bills=bills, provenances=documents)

    def _attach(
        self,
        image: PublishedImage,
        environment: Environment,
        store: ImageStore,
        there: tuple[Referrer, ...] | ShipwayError,
    ) -> Attestations:
        attestations = (
            results([self._attestations])[0] if self._attestations is not None else Attestations()
        )
        digest = image.reference.digest
        try:
            if isinstance(there, ShipwayError):
                raise there
            known = {referrer.key for referrer in there}
            documents = self._documents(attestations, environment)
            lacking = tuple(document for document in documents if document.key not in known)
            attached = store.attach(digest, lacking) if lacking else ()
        except ShipwayError as error:
            return Attestations(
                bills=attestations.bills, provenances=attestations.provenances, trouble=str(error)
            )
        signed_by = (
            self.environment_context.signer(environment.sign).keyid if environment.sign else ""
        )
        return Attestations(
            bills=attestations.bills,
            provenances=attestations.provenances,
            referrers=(*there, *attached),
            signed_by=signed_by,
            trouble=attestations.trouble,
        )

    def _documents(
        self, attestations: Attestations, environment: Environment
    ) -> tuple[AttachedDocument, ...]:
        plain = (
            *(bill.document for bill in attestations.bills if bill.document is not None),
            *attestations.provenances,
        )
        if not environment.sign or not plain:
            return plain
        signer = self.environment_context.signer(environment.sign)
        statements = (
            *sbom.statements(attestations.bills, environment.image.name),
            *(json.loads(document.content) for document in attestations.provenances),
        )
        signed = (
            signing.envelope(signer, statement, document.annotations)
            for statement, document in zip(statements, plain, strict=True)
        )
        return (*plain, *signed)

    def _note(self, attestations: Attestations) -> None:
        bills = (_bill_fact(bill, attestations, self.prefix) for bill in attestations.bills)
        self.journal.note_all(SbomFact, bills)
        provenances = (
            _provenance_fact(each, attestations, self.prefix) for each in attestations.provenances
        )
        self.journal.note_all(ProvenanceFact, provenances)
        if attestations.signed_by:
            method = "kms" if attestations.signed_by.startswith("arn:") else "key"
            signature = SignatureFact(
                keyid=attestations.signed_by, method=method, what="SBOM and provenance"
            )
            self.journal.note_all(SignatureFact, (signature,))
        self.journal.note(
            AttestationsFact(
                available=attestations.has_bill,
                trouble=attestations.trouble,
                signed_by=attestations.signed_by,
                referrers=tuple(
                    ReferrerFact(
                        digest=str(referrer.digest),
                        artifact_type=referrer.artifact_type,
                        annotations=referrer.annotations,
                    )
                    for referrer in attestations.referrers
                ),
            )
        )
        for listed in attestations.bills:
            if listed.document is not None:
                name = f"{self.prefix}sbom-{_dashed(listed.platform)}.cdx.json"
                self.journal.attach(name, listed.document.content, CYCLONEDX)
        for document in attestations.provenances:
            name = f"{self.prefix}provenance-{_dashed(document.annotations[PLATFORM])}.json"
            self.journal.attach(name, document.content, IN_TOTO)
        text, level = _describe(attestations), "info"
        if attestations.trouble:
            text, level = f"{text}: {attestations.trouble}", "warning"
        with contextlib.suppress(RuntimeError):
            self.journal(Noticed(stage="publish", text=text, level=level))


def _bill_fact(sbom: Sbom, attestations: Attestations, prefix: str) -> SbomFact:
    return SbomFact(
        platform=sbom.platform,
        digest=str(sbom.digest),
        format="CycloneDX" if sbom.document else _NOT_AVAILABLE,
        file=f"{prefix}sbom-{_dashed(sbom.platform)}.cdx.json" if sbom.document else "",
        sha256=str(sbom.document.digest).removeprefix("sha256:") if sbom.document else "",
        components=sbom.components,
        referrer=_referrer(sbom.document, attestations.referrers),
    )


def _provenance_fact(
    document: AttachedDocument, attestations: Attestations, prefix: str
) -> ProvenanceFact:
    annotations = document.annotations
    return ProvenanceFact(
        platform=annotations[PLATFORM],
        digest=annotations[PLATFORM_DIGEST],
        predicate_type=annotations[PREDICATE_TYPE],
        file=f"{prefix}provenance-{_dashed(annotations[PLATFORM])}.json",
        sha256=str(document.digest).removeprefix("sha256:"),
        referrer=_referrer(document, attestations.referrers),
    )


def _dashed(platform: str) -> str:
    return platform.replace("/", "-")


def _referrer(document: AttachedDocument | None, there: Sequence[Referrer]) -> str | None:
    """The manifest that attaches a document, or an older one that says the same."""
    if document is None:
        return None
    return next((str(referrer.digest) for referrer in there if referrer.key == document.key), None)


def _describe(attestations: Attestations) -> str:
    components = sum(bill.components for bill in attestations.bills)
    sbom = f"SBOM of {components} components" if components else f"SBOM {_NOT_AVAILABLE}"
    if not attestations.bills and attestations.has_bill:
        sbom = "SBOM attached earlier"
    provenance_text = ", SLSA v1 provenance" if attestations.provenances else ""
    signed = f", signed by {attestations.signed_by}" if attestations.signed_by else ""
    return (
        f"{sbom}{provenance_text}; {len(attestations.referrers)} documents beside the image{signed}"
    )
