"""What records tell: who delivered what, when, from where and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shipway.evidence.archive import Archive, parsed

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
        document: The record.
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
    document: Mapping[str, Any]

    @property
    def predicate(self) -> Mapping[str, Any]:
        """What the record says."""
        return dict(self.document["predicate"])


def deliveries(archive: Archive, environment: str = "") -> tuple[RecordedDelivery, ...]:
    """Every record that can be read, oldest first.

    Args:
        archive: The evidence folder.
        environment: Only those of this environment.
    """
    found = [
        delivery(path, document)
        for path, content in archive.records.items()
        if (document := parsed(content)) is not None
    ]
    chosen = [one for one in found if environment in {"", one.environment}]
    return tuple(sorted(chosen, key=lambda one: (one.started, one.sequence)))


def delivery(path: str, document: Mapping[str, Any]) -> RecordedDelivery:
    """One record as a row; what it lacks stays empty."""
    predicate = document["predicate"]
    trigger = predicate.get("trigger") or {}
    identity = predicate.get("identity") or {}
    commit = predicate.get("commit") or {}
    decision = predicate.get("decision") or {}
    verdict = predicate.get("verdict") or {}
    environment = (predicate.get("environment") or {}).get("name") or decision.get("environment")
    who = str(trigger.get("actor") or "")
    role = str(identity.get("arn") or "").partition("assumed-role/")[2]
    event, ref = trigger.get("event", ""), trigger.get("ref", "")
    by_hand = event in {"by-hand", ""}
    sha = str(commit.get("sha") or "")[:7] + ("" if commit.get("clean", True) else "+changes")
    return RecordedDelivery(
        record=path,
        sequence=int((predicate.get("chain") or {}).get("sequence") or 0),
        started=str(predicate.get("startedOn") or ""),
        environment=str(environment or ""),
        who=f"{who} as {role}" if role else who,
        what=digest_of(document),
        source=f"{sha} {'by hand' if by_hand else f'{event} {ref}'}",
        kind=str(verdict.get("kind") or ""),
        text=str(verdict.get("text") or ""),
        document=document,
    )


def digest_of(document: Mapping[str, Any]) -> str:
    """``sha256:…`` of the image that a record is about; empty where it is about none."""
    for subject in document.get("subject") or ():
        value = (subject.get("digest") or {}).get("sha256")
        if value:
            return f"sha256:{value}"
    return str((document["predicate"].get("build") or {}).get("digest") or "")


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


def known_of(digest: str, found: tuple[RecordedDelivery, ...]) -> tuple[Known, ...]:
    """Everything that records say of a digest, or of the image whose platform it is."""
    return tuple(
        Known(subject=subject, text=text, record=one.record)
        for one in found
        if digest in mentioned(one)
        for subject, text in _facts(digest, one)
    )


def mentioned(one: RecordedDelivery) -> frozenset[str]:
    """Every digest that a record is about: the image, its platforms, what it replaced."""
    predicate = one.predicate
    build, image = predicate.get("build") or {}, predicate.get("image") or {}
    replaced = (
        str(service.get("previousImage") or "").partition("@")[2]
        for service in predicate.get("services") or ()
    )
    platforms = build.get("platforms") or {}
    values = platforms.values() if isinstance(platforms, Mapping) else platforms
    every = {one.what, str(build.get("digest") or ""), *values, *(image.get("platforms") or ())}
    return frozenset({*every, *replaced} - {""})


def _facts(digest: str, one: RecordedDelivery) -> Iterator[tuple[str, str]]:
    predicate = one.predicate
    build, image = predicate.get("build") or {}, predicate.get("image") or {}
    ours = digest == one.what or digest in (image.get("platforms") or ())
    if digest == build.get("digest") or (
        isinstance(build.get("platforms"), Mapping) and digest in build["platforms"].values()
    ):
        again = ", nothing was built again" if build.get("reused") else ""
        yield "built", f"from {one.source}{again}"
    if ours and image.get("reference"):
        moved = image.get("pushed")
        done = f"{moved['bytes'] / 1e6:.1f} MB pushed" if moved else "nothing pushed"
        yield "published", f"{image['reference']}  {done}"
    if ours and predicate.get("promotion"):
        yield "promoted", f"from {predicate['promotion'].get('from')}"
    if ours and predicate.get("scan"):
        yield "scanned", str(predicate["scan"].get("summary") or "")
    for kept in predicate.get("sbom") or () if ours else ():
        yield "sbom", f"{kept.get('format')}  {kept.get('components')} components  {kept['file']}"
    for service in predicate.get("services") or ():
        name = f"{one.environment}/{service.get('key')}"
        if ours:
            verdict = (service.get("verdict") or {}).get("name") or "unfinished"
            yield (
                "deployed",
                f"{name}  {str(service.get('taskDefinition')).rpartition('/')[2]}  {verdict}",
            )
        elif str(service.get("previousImage") or "").endswith(digest):
            went = one.kind == "succeeded"
            how = "by" if went else "against"
            yield "replaced" if went else "kept", f"in {name} {how} {short(one.what)}: {one.kind}"
