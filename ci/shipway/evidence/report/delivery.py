"""The report of one delivery: the verdict, the cause, the picture, then everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shipway.evidence.history import delivery as row
from shipway.evidence.report.drawing import clock, legend, picture
from shipway.evidence.report.html import Child, Html, joined, tag
from shipway.evidence.report.page import page
from shipway.evidence.report.parts import (
    code,
    facts,
    get,
    link,
    mark,
    rows_of,
    section,
    size,
    table,
)
from shipway.evidence.report.scans import inventory, scanned
from shipway.evidence.report.scene import scene

_BLOCKS: Final = frozenset({"log", "output", ""})


def report(record: Mapping[str, Any], sha256: str, files: Mapping[str, bytes]) -> bytes:
    """The page of one delivery.

    Args:
        record: The record.
        sha256: Of the record's bytes.
        files: What lies beside it: SBOMs are shown, the rest is linked.
    """
    predicate = record["predicate"]
    one = row("", record)
    where = f" to {one.environment}" if one.environment else ""
    body = (
        *head(record),
        *failures(predicate),
        section("Time line", *time_line(predicate)),
        section("Decision", *_decision(predicate)),
        section("Services", *_services(predicate)),
        section("Scan", *scanned(predicate)),
        section("Software bill of materials", *inventory(files)),
        section("Build and supply", *_supply(predicate)),
        section("Verification", *_verification(predicate)),
        section("Evidence", *_evidence(predicate, sha256, files)),
        section("Everything that happened", _events(predicate)),
        tag(
            "details",
            tag("summary", "The record, to the letter"),
            tag("pre", json.dumps(record, indent=1, ensure_ascii=False)),
        ),
    )
    title = f"{one.kind}{where} {one.started[:16]}Z"
    return page(f"shipway: {title}", tuple(part for part in body if part is not None), about=sha256)


def head(record: Mapping[str, Any]) -> Iterator[Html]:
    """The verdict, and who, what, where, when."""
    predicate = record["predicate"]
    one = row("", record)
    verdict = predicate.get("verdict") or {}
    good = verdict.get("exitCode") == 0
    yield tag("h1", mark(good=good, text=one.text or one.kind))
    yield tag("p", f"{one.kind}, exit code {verdict.get('exitCode')}", class_="dim")
    environment = predicate.get("environment") or {}
    place = (one.environment, environment.get("account"), environment.get("region"))
    trigger = predicate.get("trigger") or {}
    event = "by hand" if trigger.get("event") == "by-hand" else trigger.get("event", "")
    asked = f"{event} of {trigger['ref']}" if trigger.get("ref") else event
    url = str(trigger.get("url") or "")
    commit = predicate.get("commit") or {}
    state = "" if commit.get("clean", True) else "  with changes that no commit has"
    previous = next((s.get("previousImage") for s in rows_of(predicate.get("services"))), "")
    yield facts(
        (
            ("where", " · ".join(str(part) for part in place if part)),
            ("asked by", joined((asked, " ", link(url, "the run") if url else ""))),
            ("who", one.who),
            (
                "commit",
                joined((code(commit.get("sha")), f"  {commit.get('subject') or ''}{state}")),
            ),
            ("image", code(get(predicate, "image", "reference") or one.what)),
            ("was", code(previous)),
            ("when", _when(predicate)),
        )
    )


def _when(predicate: Mapping[str, Any]) -> str:
    seconds = scene({**predicate, "timeline": ()}).seconds
    began = str(predicate["startedOn"])[:19].replace("T", " ")
    return f"{began} UTC, for {clock(seconds)}"


def failures(predicate: Mapping[str, Any]) -> Iterator[Html]:
    """What failed, why, and what to do: the cause before everything else."""
    for entry in predicate.get("timeline") or ():
        if entry.get("event") != "failed":
            continue
        subject = f"{entry.get('stage')} {entry.get('subject', '')}".strip()
        details = [
            _detail(str(one.get("label", "")), [str(line) for line in one.get("lines") or ()])
            for one in rows_of(entry.get("details"))
        ]
        yield tag("div", tag("h3", f"{subject}: {entry.get('text')}"), details, class_="cause")


def _detail(label: str, lines: list[str]) -> Html:
    if label in _BLOCKS:
        name = tag("p", tag("b", label)) if label else None
        return joined((name, tag("pre", "\n".join(lines))))
    return tag("p", tag("b", label), " ", lines[:1], [(tag("br"), line) for line in lines[1:]])


def time_line(predicate: Mapping[str, Any]) -> Iterator[Html]:
    """The picture."""
    found = scene(predicate)
    if not found.spans:
        return
    names = ", ".join(f"{one.name} {clock(one.end - one.start)}" for one in found.spans)
    yield tag("div", picture(found, label=f"Time line: {names}"), class_="wide")
    if found.rollouts:
        yield legend()


def _decision(predicate: Mapping[str, Any]) -> Iterator[Html | None]:
    decision = predicate.get("decision")
    if not isinstance(decision, Mapping):
        return
    contract = predicate.get("contract") or {}
    yield facts(
        (
            (
                "contract",
                mark(
                    good=bool(decision.get("allowed")),
                    text="allowed" if decision.get("allowed") else "refused",
                ),
            ),
            ("entry", str(decision.get("entry") or "")),
            ("tasks", ", ".join(str(one) for one in decision.get("tasks") or ())),
            (
                "written in",
                joined((str(contract.get("path") or ""), "  ", code(contract.get("sha256")))),
            ),
        )
    )
    yield table(
        ("entry", "rule", "!why not"),
        (
            (_named(one.get("entry")), str(one.get("rule") or ""), str(one.get("why") or ""))
            for one in rows_of(decision.get("reasons"))
        ),
    )


def _named(entry: Any) -> str:
    return str(entry.get("name") if isinstance(entry, Mapping) else entry or "")


def _services(predicate: Mapping[str, Any]) -> Iterator[Html | None]:
    rows = []
    for one in rows_of(predicate.get("services")):
        verdict = one.get("verdict") or {}
        name = str(verdict.get("name") or "unfinished")
        old, new = (
            str(one.get(key) or "").rpartition("/")[2]
            for key in ("previousTaskDefinition", "taskDefinition")
        )
        rows.append(
            (
                str(one.get("key")),
                mark(good=verdict.get("exit_code") == 0, text=name.replace("-", " ")),
                f"{old} → {new}" if old != new else new,
                joined(
                    (
                        str(get(one, "conclusion", "text") or ""),
                        tag("br"),
                        code(one.get("serviceDeployment") or one.get("deploymentId")),
                    )
                ),
            )
        )
    yield table(("service", "verdict", "task definition", "!how it ended"), rows)


def _supply(predicate: Mapping[str, Any]) -> Iterator[Html | None]:
    build, image = predicate.get("build") or {}, predicate.get("image") or {}
    promotion = predicate.get("promotion") or {}
    pushed = image.get("pushed") or {}
    pairs: list[tuple[str, Child]] = [
        ("built", code(build.get("digest"))),
        (
            "steps",
            f"{build['cachedSteps']} of {build['steps']} from cache" if "steps" in build else "",
        ),
        ("again", "no: the same source was built before" if build.get("reused") else ""),
        ("content key", code(build.get("contentKey"))),
        (
            "pushed",
            f"{size(pushed.get('bytes'))} in {pushed.get('blobs')} blobs"
            if pushed
            else "nothing: it was there"
            if image
            else "",
        ),
        (
            "promoted",
            f"from {promotion.get('from')}, {size(promotion.get('bytes'))} moved"
            if promotion
            else "",
        ),
        ("signed", ", ".join(str(one.get("keyid")) for one in rows_of(predicate.get("signature")))),
    ]
    platforms = build.get("platforms")
    if isinstance(platforms, Mapping):
        pairs += [(str(name), code(digest)) for name, digest in sorted(platforms.items())]
    places = sorted((build.get("standIns") or {}).items())
    pairs += [("stand-in", f"{name} is {place} here") for name, place in places]
    pairs += [
        ("provenance", joined((str(one.get("platform")), " ", code(one.get("digest")))))
        for one in rows_of(predicate.get("provenance"))
    ]
    if any(value not in {"", None} for _, value in pairs):
        yield facts(pairs)


def _verification(predicate: Mapping[str, Any]) -> Iterator[Html | None]:
    rows = []
    for one in rows_of(predicate.get("verification")):
        answers = rows_of(one.get("answers"))
        statuses = ", ".join(sorted({str(each.get("status")) for each in answers}))
        url = str(get(one, "service", "url") or "")
        rows.append(
            (
                str(get(one, "service", "key")),
                one.get("tasks"),
                url,
                f"{len(answers)} × {statuses}" if answers else "not asked",
            )
        )
    yield table(("service", "#tasks of the digest", "!address", "answers"), rows)


def _evidence(
    predicate: Mapping[str, Any], sha256: str, files: Mapping[str, bytes]
) -> Iterator[Html | None]:
    place = predicate.get("chain") or {}
    previous = place.get("previous") or {}
    identity = predicate.get("identity") or {}
    yield facts(
        (
            ("this record", code(f"sha256:{sha256}")),
            (
                "in the chain",
                f"number {place.get('sequence')}" if place.get("sequence") else "not chained",
            ),
            (
                "before it",
                joined(
                    (
                        str(previous.get("record") or "none: the first"),
                        " ",
                        code(previous.get("sha256")),
                    )
                ),
            ),
            ("identity", code(identity.get("arn"))),
            ("tool", " ".join(str(part) for part in (predicate.get("tool") or {}).values())),
        )
    )
    yield table(
        ("file", "#size"),
        ((link(name), size(len(content))) for name, content in sorted(files.items())),
    )


def _events(predicate: Mapping[str, Any]) -> Html | None:
    rows = [
        (
            str(entry.get("at"))[11:23],
            str(entry.get("event")),
            f"{entry.get('stage', '')} {entry.get('subject', '')}".strip(),
            _words(entry),
        )
        for entry in rows_of(predicate.get("timeline"))
    ]
    listed = table(("UTC", "event", "stage", "!what"), rows)
    return tag("details", tag("summary", f"{len(rows)} events"), listed) if rows else None


def _words(entry: Mapping[str, Any]) -> str:
    """One event in words."""
    if entry.get("event") == "rolling":
        new, old = entry["new_tasks"], entry["old_tasks"]
        counts = f"new {new['running']} running, {new['pending']} pending, {new['failed']} failed"
        return f"{counts}; old {old['running']} running"
    if entry.get("event") == "planned":
        return ", ".join(str(one[0]) for one in entry.get("stages") or ())
    if entry.get("event") == "heading":
        return f"{entry.get('trigger')} · {entry.get('commit')}"
    return str(entry.get("text") or "")
