"""The report of one delivery: the verdict, the cause, the picture, then everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shipway.evidence.archive import parsed
from shipway.evidence.canonical_json import sha256
from shipway.evidence.facts.gate import ContractFact, EnvironmentFact, TriggerFact
from shipway.evidence.facts.image import BuildFact, ImageFact, ReleasedImageFact
from shipway.evidence.facts.rollout import (
    HoldFact,
    PutBackFact,
    RolloutVerdictFact,
    ServiceFact,
    VerificationFact,
)
from shipway.evidence.history import row
from shipway.evidence.predicate import CommitFact, Delivery, PreviousRecordFact, Statement
from shipway.evidence.report.drawing import clock, legend, picture
from shipway.evidence.report.html import Child, Html, joined, tag
from shipway.evidence.report.jobs import jobs_table
from shipway.evidence.report.page import page
from shipway.evidence.report.parts import code, facts, link, mark, section, size, table
from shipway.evidence.report.scans import inventory, scanned
from shipway.evidence.report.scene import scene, seconds
from shipway.evidence.timeline import TimelineEntry
from shipway.observer import Failed, Heading, Planned, Rolling

_BLOCKS: Final = frozenset({"log", "output", ""})


def report(content: bytes, files: Mapping[str, bytes]) -> bytes:
    """The page of one delivery.

    Args:
        content: The record's bytes.
        files: What lies beside it: SBOMs are shown, the rest is linked.

    Raises:
        ValueError: The bytes are no record, or a moment in it is none.
    """
    record = parsed(content)
    if record is None:
        raise ValueError("these bytes are no record")
    delivery, about = record.predicate, sha256(content)
    line = row("", record)
    where = f" to {line.environment}" if line.environment else ""
    body = (
        *head(record),
        *failures(delivery),
        section("Time line", *time_line(delivery)),
        section("Decision", *_decision(delivery)),
        section("Jobs", jobs_table(delivery.jobs)),
        section("Services", _services(delivery.services)),
        section("Put back", _put_back(delivery.put_back)),
        section("Scan", *scanned(delivery)),
        section("Software bill of materials", *inventory(files)),
        section("Build and supply", _supply(delivery)),
        section("Verification", _verification(delivery.verification)),
        section("Hold", _holds(delivery.holds)),
        section("Evidence", *_evidence(delivery, about, files)),
        section("Everything that happened", _events(delivery.timeline)),
        tag(
            "details",
            tag("summary", "The record, to the letter"),
            tag("pre", json.dumps(json.loads(content), indent=1, ensure_ascii=False)),
        ),
    )
    title = f"{line.kind}{where} {line.started[:16]}Z"
    parts = tuple(part for part in body if part is not None)
    return page(f"shipway: {title}", parts, about=about)


def head(record: Statement) -> Iterator[Html]:
    """The verdict, and who, what, where, when."""
    delivery, line = record.predicate, row("", record)
    code_ = delivery.verdict.exit_code
    yield tag("h1", mark(good=code_ == 0, text=line.text or line.kind))
    yield tag("p", f"{line.kind}, exit code {code_}", class_="dim")
    environment = delivery.environment or EnvironmentFact(name="")
    place = (line.environment, environment.account, environment.region)
    previous = next((service.previous_image for service in delivery.services), "")
    yield facts(
        (
            ("where", " · ".join(part for part in place if part)),
            ("asked by", _asked_by(delivery.trigger)),
            ("who", line.who),
            ("commit", _commit(delivery.commit)),
            *(
                (
                    f"image {each.name}".strip(),
                    code((each.image.reference if each.image else "") or line.what),
                )
                for each in delivery.released
            ),
            ("was", code(previous)),
            ("when", _when(delivery)),
        )
    )


def _asked_by(trigger: TriggerFact | None) -> Html:
    if trigger is None:
        return joined(("", " ", ""))
    event = "by hand" if trigger.event == "by-hand" else trigger.event
    words = f"{event} of {trigger.ref}" if trigger.ref else event
    return joined((words, " ", link(trigger.url, "the run") if trigger.url else ""))


def _commit(commit: CommitFact | None) -> Html:
    if commit is None:
        return joined((None, "  "))
    state = "  with changes that no commit has" if commit.clean is False else ""
    return joined((code(commit.sha), f"  {commit.subject}{state}"))


def _when(delivery: Delivery) -> str:
    began = delivery.started_on[:19].replace("T", " ")
    return f"{began} UTC, for {clock(seconds(delivery))}"


def failures(delivery: Delivery) -> Iterator[Html]:
    """What failed, why, and what to do: the cause before everything else."""
    for entry in delivery.timeline:
        if not isinstance(entry.event, Failed):
            continue
        failed = entry.event
        subject = f"{failed.stage} {failed.subject}".strip()
        details = [_detail(detail.label, detail.lines) for detail in failed.details]
        yield tag("div", tag("h3", f"{subject}: {failed.text}"), details, class_="cause")


def _detail(label: str, lines: Sequence[str]) -> Html:
    if label in _BLOCKS:
        name = tag("p", tag("b", label)) if label else None
        return joined((name, tag("pre", "\n".join(lines))))
    others = [(tag("br"), line) for line in lines[1:]]
    return tag("p", tag("b", label), " ", list(lines[:1]), others)


def time_line(delivery: Delivery) -> Iterator[Html]:
    """The picture."""
    drawn = scene(delivery)
    if not drawn.spans:
        return
    names = ", ".join(f"{span.name} {clock(span.end - span.start)}" for span in drawn.spans)
    yield tag("div", picture(drawn, label=f"Time line: {names}"), class_="wide")
    if drawn.rollouts:
        yield legend()


def _decision(delivery: Delivery) -> Iterator[Html | None]:
    decision = delivery.decision
    if decision is None:
        return
    contract = delivery.contract or ContractFact(path="", sha256="")
    allowed = bool(decision.allowed)
    yield facts(
        (
            ("contract", mark(good=allowed, text="allowed" if allowed else "refused")),
            ("entry", decision.entry),
            ("tasks", ", ".join(decision.tasks)),
            ("written in", joined((contract.path, "  ", code(contract.sha256)))),
        )
    )
    reasons = ((reason.entry, reason.rule, reason.why) for reason in decision.reasons)
    yield table(("entry", "rule", "!why not"), reasons)


def _services(services: Sequence[ServiceFact]) -> Html | None:
    rows = []
    for service in services:
        verdict = service.verdict or RolloutVerdictFact(name="unfinished", exit_code=None)
        old = service.previous_task_definition.rpartition("/")[2]
        new = service.task_definition.rpartition("/")[2]
        ended = service.conclusion.text if service.conclusion else ""
        deployment = code(service.service_deployment or service.deployment_id)
        rows.append(
            (
                service.key,
                mark(good=verdict.exit_code == 0, text=verdict.name.replace("-", " ")),
                f"{old} → {new}" if old != new else new,
                joined((ended, tag("br"), deployment)),
            )
        )
    return table(("service", "verdict", "task definition", "!how it ended"), rows)


def _put_back(returned: Sequence[PutBackFact]) -> Html | None:
    rows = [
        (
            each.key,
            mark(good=each.end != "not put back", text=each.end),
            f"{each.left.rpartition('/')[2]} → {each.task_definition.rpartition('/')[2]}",
            joined((each.text, tag("br"), f"because {each.why}")),
        )
        for each in returned
    ]
    return table(("service", "end", "task definition", "!how it ended"), rows)


def _holds(holds: Sequence[HoldFact]) -> Html | None:
    rows = [
        (
            held.key,
            mark(good=held.end == "held", text=held.end),
            f"{held.held:g} of {held.seconds:g} s",
            ", ".join(held.alarms),
            held.text,
        )
        for held in holds
    ]
    return table(("service", "end", "good for", "alarms", "!what ended it"), rows)


def _supply(delivery: Delivery) -> Html | None:
    pairs = [pair for image in delivery.released for pair in _supplied(image)]
    return facts(pairs) if any(value not in {"", None} for _, value in pairs) else None


def _supplied(image: ReleasedImageFact) -> list[tuple[str, Child]]:
    """Where one image came from; several are told apart by their names."""
    pairs: list[tuple[str, Child]] = [
        ("image", image.name),
        *(_built(image.build) if image.build else ()),
        *(_pushed(image.image) if image.image else ()),
    ]
    promotion = image.promotion
    if promotion is not None:
        moved = f"from {promotion.from_environment}, {size(promotion.bytes)} moved"
        pairs.append(("promoted", moved))
    pairs.append(("signed", ", ".join(signature.keyid for signature in image.signature)))
    if image.build is not None:
        pairs += _parts_of(image.build)
    pairs += [
        ("provenance", joined((provenance.platform, " ", code(provenance.digest))))
        for provenance in image.provenance
    ]
    return pairs


def _built(build: BuildFact) -> Iterator[tuple[str, Child]]:
    yield "built", code(build.digest)
    steps = f"{build.cached_steps} of {build.steps} from cache"
    yield "steps", steps if build.steps is not None else ""
    yield "again", "no: the same source was built before" if build.reused else ""
    yield "content key", code(build.content_key)


def _pushed(image: ImageFact) -> Iterator[tuple[str, Child]]:
    pushed = image.pushed
    blobs = f"{size(pushed.bytes)} in {pushed.blobs} blobs" if pushed else ""
    yield "pushed", blobs or "nothing: it was there"


def _parts_of(build: BuildFact) -> Iterator[tuple[str, Child]]:
    for name, digest in sorted(build.platforms.items()):
        yield name, code(digest)
    for name, place in sorted((build.stand_ins or {}).items()):
        yield "stand-in", f"{name} is {place} here"


def _verification(verified: Sequence[VerificationFact]) -> Html | None:
    rows = []
    for service in verified:
        answers = service.answers
        statuses = ", ".join(sorted({str(answer.status) for answer in answers}))
        rows.append(
            (
                service.service.key,
                service.tasks,
                service.service.url,
                f"{len(answers)} × {statuses}" if answers else "not asked",
            )
        )
    return table(("service", "#tasks of the digest", "!address", "answers"), rows)


def _evidence(delivery: Delivery, sha256: str, files: Mapping[str, bytes]) -> Iterator[Html | None]:
    place = delivery.chain
    previous = place.previous or PreviousRecordFact(record="none: the first", sha256="")
    yield facts(
        (
            ("this record", code(f"sha256:{sha256}")),
            ("in the chain", f"number {place.sequence}" if place.sequence else "not chained"),
            ("before it", joined((previous.record, " ", code(previous.sha256)))),
            ("identity", code(delivery.identity.arn if delivery.identity else "")),
            ("renewed", _renewed(delivery)),
            ("tool", f"{delivery.tool.name} {delivery.tool.version}".strip()),
        )
    )
    yield table(
        ("file", "#size"),
        ((link(name), size(len(content))) for name, content in sorted(files.items())),
    )


def _renewed(delivery: Delivery) -> str:
    """When the job's credentials were renewed, in UTC, as which role."""
    times = ", ".join(f"{each.at[11:16]} until {each.until[11:16]}" for each in delivery.renewals)
    return f"{times} UTC as {delivery.renewals[-1].role}" if times else ""


def _events(timeline: Sequence[TimelineEntry]) -> Html | None:
    rows = [(entry.at[11:23], entry.kind, _whose(entry), _describe(entry)) for entry in timeline]
    listed = table(("UTC", "event", "stage", "!what"), rows)
    return tag("details", tag("summary", f"{len(rows)} events"), listed) if rows else None


def _whose(entry: TimelineEntry) -> str:
    """Stage and subject of an event that has them."""
    stage, subject = (str(getattr(entry.event, name, "")) for name in ("stage", "subject"))
    return f"{stage} {subject}".strip()


def _describe(entry: TimelineEntry) -> str:
    """One event in words."""
    match entry.event:
        case Rolling(new_tasks=new, old_tasks=old):
            counts = f"{new.running} running, {new.pending} pending, {new.failed} failed"
            return f"new {counts}; old {old.running} running"
        case Planned(stages=stages):
            return ", ".join(name for name, _ in stages)
        case Heading(trigger=trigger, commit=commit):
            return f"{trigger} · {commit}"
        case event:
            return str(getattr(event, "text", ""))
