"""What records tell: who delivered what, when, from where and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shipway.evidence.archive import Archive
from shipway.evidence.facts.image import ReleasedImageFact
from shipway.evidence.predicate import Delivery, Statement

_HEX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDelivery:
    """One record, as a row.

    Attributes:
        record: Its path below the evidence folder.
        sequence: Its place in the chain; 0 where it has none.
        started: When it began, in UTC (RFC 3339).
        environment: Where it went; empty where it was refused before that was known.
        who: GitHub's actor, or the person and the machine; then who AWS said that was.
        what: The image's digest, or nothing.
        source: The commit, and the ref or "by hand".
        kind: How it ended, as machines read it.
        text: The same for a person.
        statement: The record.
    """

    record: str
    sequence: int
    started: str
    environment: str
    who: str
    what: str
    source: str
    kind: str
    text: str
    statement: Statement

    @property
    def delivery(self) -> Delivery:
        """What the record says."""
        return self.statement.predicate


def deliveries(archive: Archive, environment: str = "") -> tuple[RecordedDelivery, ...]:
    """Every record that can be read, oldest first.

    Args:
        archive: The evidence folder.
        environment: Only those of this environment.
    """
    rows = [row(path, statement) for path, statement in archive.statements.items()]
    chosen = [recorded for recorded in rows if environment in {"", recorded.environment}]
    return tuple(sorted(chosen, key=lambda recorded: (recorded.started, recorded.sequence)))


def row(path: str, statement: Statement) -> RecordedDelivery:
    """One record as a row; what it lacks stays empty."""
    delivery = statement.predicate
    actor = delivery.trigger.actor if delivery.trigger else ""
    role = delivery.identity.arn.partition("assumed-role/")[2] if delivery.identity else ""
    return RecordedDelivery(
        record=path,
        sequence=delivery.chain.sequence,
        started=delivery.started_on,
        environment=_environment(delivery),
        who=f"{actor} as {role}" if role else actor,
        what=digest_of(statement),
        source=_source(delivery),
        kind=delivery.verdict.kind,
        text=delivery.verdict.text,
        statement=statement,
    )


def _environment(delivery: Delivery) -> str:
    """Where it went, or was to go by the contract."""
    name = delivery.environment.name if delivery.environment else ""
    return name or (delivery.decision.environment if delivery.decision else "")


def _source(delivery: Delivery) -> str:
    commit, trigger = delivery.commit, delivery.trigger
    sha = commit.sha[:7] if commit else ""
    changed = "+changes" if commit and commit.clean is False else ""
    by = f"{trigger.event} {trigger.ref}" if trigger and trigger.event else "by hand"
    return f"{sha}{changed} {'by hand' if trigger and trigger.event == 'by-hand' else by}"


def digest_of(statement: Statement) -> str:
    """``sha256:…`` of the image that a record is about; empty where it is about none."""
    build = statement.predicate.build
    return next(_subjects(statement), build.digest if build else "")


def _subjects(statement: Statement) -> Iterator[str]:
    for subject in statement.subject:
        if "sha256" in subject.digest:
            yield f"sha256:{subject.digest['sha256']}"


def short(digest: str) -> str:
    """The first digits, for a person's eye."""
    kind, colon, value = digest.partition(":")
    return f"{kind}{colon}{value[:_HEX]}…" if value else digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One thing known of a digest, and the record that says so."""

    subject: str
    text: str
    record: str


def known_of(digest: str, rows: tuple[RecordedDelivery, ...]) -> tuple[Known, ...]:
    """Everything that records say of a digest, or of the image whose platform it is."""
    return tuple(
        Known(subject=subject, text=text, record=recorded.record)
        for recorded in rows
        if digest in mentioned(recorded)
        for subject, text in _facts(digest, recorded)
    )


def mentioned(recorded: RecordedDelivery) -> frozenset[str]:
    """Every digest that a record is about: the image, its platforms, what it replaced."""
    delivery = recorded.delivery
    digests = {recorded.what, *_subjects(recorded.statement)}
    for image in delivery.released:
        if image.build is not None:
            digests |= {image.build.digest, *image.build.platforms.values()}
        if image.image is not None:
            digests |= {*image.image.platforms}
    digests |= {service.previous_image.partition("@")[2] for service in delivery.services}
    return frozenset(digests - {""})


def _facts(digest: str, recorded: RecordedDelivery) -> Iterator[tuple[str, str]]:
    delivery = recorded.delivery
    for released in delivery.released:
        build, image = released.build, released.image
        if build is not None and digest in {build.digest, *build.platforms.values()}:
            again = ", nothing was built again" if build.reused else ""
            yield "built", f"from {recorded.source}{again}"
        reference = image.reference.partition("@")[2] if image is not None else recorded.what
        if digest == reference or (image is not None and digest in image.platforms):
            yield from _own_facts(recorded, released)
            return
    for service in delivery.services:
        if service.previous_image.endswith(digest):
            went = recorded.kind == "succeeded"
            how = "by" if went else "against"
            text = f"in {recorded.environment}/{service.key} {how} {short(recorded.what)}"
            yield "replaced" if went else "kept", f"{text}: {recorded.kind}"


def _own_facts(
    recorded: RecordedDelivery, released: ReleasedImageFact
) -> Iterator[tuple[str, str]]:
    """What a record says of an image that it is about."""
    image, digest = released.image, ""
    if image is not None and image.reference:
        moved, digest = image.pushed, image.reference.partition("@")[2]
        transfer = f"{moved.bytes / 1e6:.1f} MB pushed" if moved else "nothing pushed"
        yield "published", f"{image.reference}  {transfer}"
    if released.promotion is not None:
        yield "promoted", f"from {released.promotion.from_environment}"
    if released.scan is not None:
        yield "scanned", released.scan.summary
    for bill in released.sbom:
        yield "sbom", f"{bill.format}  {bill.components} components  {bill.file}"
    for service in recorded.delivery.services:
        if service.image and not service.image.endswith(digest):
            continue  # it took another image of the same release
        verdict = service.verdict.name if service.verdict else "unfinished"
        revision = service.task_definition.rpartition("/")[2]
        yield "deployed", f"{recorded.environment}/{service.key}  {revision}  {verdict}"
