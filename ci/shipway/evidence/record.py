"""The record of one delivery: an in-toto Statement about the image, made of a journal. Pure.

The layout is that of the in-toto Attestation Framework, Statement v1; the predicate is ours and
its type names its version. The gate's decision lies beside it as a SLSA Verification Summary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from shipway import __version__
from shipway.evidence import codec, vsa
from shipway.evidence.canonical_json import canonical, moment, sha256, to_json
from shipway.evidence.journal import JournalContents
from shipway.evidence.ledger import RECORD
from shipway.evidence.predicate import (
    PREDICATE,
    SCHEMA_VERSION,
    STATEMENT,
    ChainFact,
    Delivery,
    DeliveryFacts,
    FileFact,
    Statement,
    SubjectFact,
    ToolFact,
    VerdictFact,
)


def place(contents: JournalContents) -> str:
    """Where the record lies: environment, then time and commit."""
    moment_of = f"{contents.started:%Y-%m-%dT%H-%M-%SZ}"
    return f"{contents.environment}/{moment_of}-{contents.commit.short}"


def files(
    contents: JournalContents, verdict: VerdictFact, *, finished: str, chain: ChainFact
) -> dict[str, bytes]:
    """The record and what is written with it, by name.

    Args:
        contents: What was noted and told.
        verdict: How the delivery ended.
        finished: When, in UTC (RFC 3339).
        chain: The record's place in the chain.
    """
    document = to_json(statement(contents, verdict, finished=finished, chain=chain))
    masked = contents.mask.deep(document)
    content = canonical(masked)
    summary = vsa.statement(codec.read(Statement, masked), sha256(content))
    attached = {name: body for name, (body, _) in contents.attached.items()}
    return attached | {RECORD: content, vsa.NAME: canonical(summary)}


def statement(
    contents: JournalContents, verdict: VerdictFact, *, finished: str, chain: ChainFact
) -> Statement:
    """The record as a value, not masked yet; see :func:`files`."""
    facts = {each.name: getattr(contents.facts, each.name) for each in fields(DeliveryFacts)}
    return Statement(
        type=STATEMENT,
        subject=_subjects(contents),
        predicate_type=PREDICATE,
        predicate=Delivery(
            **facts,
            schema_version=SCHEMA_VERSION,
            tool=ToolFact(name="shipway", version=__version__),
            started_on=moment(contents.started),
            finished_on=finished,
            verdict=verdict,
            timeline=contents.timeline,
            files=_attached(contents.attached),
            chain=chain,
        ),
    )


def _subjects(contents: JournalContents) -> tuple[SubjectFact, ...]:
    if not contents.images:
        name = contents.commit.remote or "commit"
        return (SubjectFact(name=name, digest={"gitCommit": contents.commit.sha}),)
    return tuple(
        SubjectFact(
            name=image.repository,
            digest={"sha256": image.digest.value.removeprefix("sha256:")},
        )
        for image in contents.images.values()
    )


def _attached(attached: Mapping[str, tuple[bytes, str]]) -> tuple[FileFact, ...]:
    return tuple(
        FileFact(name=name, sha256=sha256(body), bytes=len(body), media_type=media_type)
        for name, (body, media_type) in sorted(attached.items())
    )
