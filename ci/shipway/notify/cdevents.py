"""A delivery as CDEvents in CloudEvents. Pure.

CloudEvents 1.0, structured mode (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/
formats/json-format.md), with CDEvents 0.4.1 as data, bound as CDEvents asks
(https://github.com/cdevents/spec/blob/v0.4.1/cloudevents-binding.md): ``id``, ``source``, ``type``
and ``time`` are those of the CDEvent, ``subject`` is its subject's id.

A delivery is a ``pipelineRun``: it is ``started``, and ``finished`` with an outcome. Each service
that runs another image afterwards is a ``service`` that was ``deployed`` or ``rolledback``
(https://github.com/cdevents/spec/blob/v0.4.1/continuous-deployment.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from shipway.config.notify import NotifyEvent
from shipway.errors import CancelledError, TerminatedError
from shipway.notify.news import Message, News, ServiceNews, in_utc, one_line, shortened

MEDIA_TYPE: Final = "application/cloudevents+json"
_VERSION: Final = "0.4.1"
STARTED: Final = "dev.cdevents.pipelinerun.started.0.2.0"
FINISHED: Final = "dev.cdevents.pipelinerun.finished.0.2.0"
DEPLOYED: Final = "dev.cdevents.service.deployed.0.2.0"
ROLLED_BACK: Final = "dev.cdevents.service.rolledback.0.2.0"
_CANCELLED: Final = frozenset({CancelledError.kind, TerminatedError.kind})


def messages(news: News, wanted: Collection[NotifyEvent]) -> Iterator[Message]:
    """Everything that whoever asks for these events is told, in order.

    Args:
        news: What happened.
        wanted: The events that are asked for.
    """
    if news.event == "started":
        if "started" in wanted:
            yield _run(news, STARTED, {})
        return
    if "delivered" in wanted and news.event == "delivered":
        yield from (_service(news, each, DEPLOYED) for each in news.services)
    if "rolled-back" in wanted:
        yield from (_service(news, each, ROLLED_BACK) for each in news.back)
    if news.event in wanted:
        outcome: dict[str, object] = {"outcome": _outcome(news)}
        if news.event == "failed":
            outcome["errors"] = shortened(one_line(news.text))
        yield _run(news, FINISHED, outcome)


def _outcome(news: News) -> str:
    """One of the outcomes of a pipelineRun (CDEvents, core): a failure is the release's own."""
    if news.event != "failed":
        return "success"
    return "cancel" if news.kind in _CANCELLED else "failure"


def _run(news: News, kind: str, content: Mapping[str, object]) -> Message:
    address = {"url": news.run} if news.run else {}
    named = {"pipelineName": f"{news.application} to {news.environment}", **address, **content}
    return _message(news, kind, news.id, "pipelineRun", named)


def _service(news: News, service: ServiceNews, kind: str) -> Message:
    content: dict[str, object] = {
        "environment": {"id": news.environment, "source": _source(news)},
        "artifactId": purl(service.image) if service.image else f"pkg:generic/{service.service}",
    }
    return _message(news, kind, service.service or service.key, "service", content, service=service)


def purl(image: str) -> str:
    """An image's reference as a package URL (package-url/purl-spec, type ``oci``).

    The name is the last part of the repository, the version its digest, and where it lies a
    qualifier, as is the tag of what is known by no digest.
    """
    tagged, _, digest = image.partition("@")
    host, slash, path = tagged.rpartition("/")
    name, _, tag = path.partition(":")
    where = quote(f"{host}{slash}{name}", safe="/.-_:")
    version = f"@{quote(digest, safe='')}" if digest else ""
    known = f"&tag={quote(tag, safe='')}" if tag and not digest else ""
    return f"pkg:oci/{quote(name.lower(), safe='')}{version}?repository_url={where}{known}"


def _source(news: News) -> str:
    return f"/shipway/{news.application}/{news.environment}"


def _message(
    news: News,
    kind: str,
    subject: str,
    subject_type: str,
    content: Mapping[str, object],
    *,
    service: ServiceNews | None = None,
) -> Message:
    source, at = _source(news), in_utc(news.at)
    # The same for the same thing: whoever gets it twice can tell (CloudEvents, id).
    name = str(uuid5(NAMESPACE_URL, f"{news.id} {kind} {subject}"))
    event = {
        "context": {
            "version": _VERSION,
            "id": name,
            "chainId": str(uuid5(NAMESPACE_URL, news.id)),
            "source": source,
            "type": kind,
            "timestamp": at,
        },
        "subject": {"id": subject, "source": source, "type": subject_type, "content": content},
        "customData": _custom(news, service),
        "customDataContentType": "application/json",
    }
    document = {
        "specversion": "1.0",
        "id": name,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": at,
        "datacontenttype": "application/json",
        "data": event,
    }
    return Message(id=name, media_type=MEDIA_TYPE, document=document)


def _custom(news: News, service: ServiceNews | None) -> Mapping[str, object]:
    """What CDEvents has no field for; what is not known is left out."""
    fields: dict[str, object] = {
        "delivery": news.id,
        "commit": news.commit,
        "repository": news.repository,
        "actor": one_line(news.actor),
        "run": news.run,
        "image": news.images[0] if len(news.images) == 1 else "",
        "images": news.images if len(news.images) > 1 else (),
        "verdict": news.kind,
        "text": shortened(one_line(news.text)),
        "service": service.key if service is not None else "",
        "taskDefinition": service.task_definition if service is not None else "",
    }
    known = {key: value for key, value in fields.items() if value}
    return {**known, "exitCode": news.exit_code} if news.kind else known
