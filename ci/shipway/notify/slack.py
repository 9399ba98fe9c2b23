"""A delivery as the text of a Slack message. Pure.

"Sending messages using incoming webhooks" and "Formatting text" (https://docs.slack.dev): ``text``
in mrkdwn, in which ``&``, ``<`` and ``>`` are escaped and a link is ``<address|words>``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from shipway.config.notify import NotifyEvent
from shipway.notify.news import Message, News, ServiceNews, shortened

_SHORT: Final = 12
_MOST_SERVICES: Final = 10
_WORDS: Final = {
    "started": ":hourglass_flowing_sand: Delivering",
    "delivered": ":white_check_mark: Delivered",
    "failed": ":x: Failed:",
    "rolled-back": ":rewind: Went back to",
}


def messages(news: News, wanted: Collection[NotifyEvent]) -> Iterator[Message]:
    """One message for people, where any of what happened is asked for."""
    if not set(news.events) & set(wanted):
        return
    event = news.event if news.event in wanted else "rolled-back"
    text = "\n".join(_lines(news, event))
    name = str(uuid5(NAMESPACE_URL, f"{news.id} {event}"))
    yield Message(id=name, media_type="application/json", document={"text": text})


def _lines(news: News, event: NotifyEvent) -> Iterator[str]:
    what = f"{news.application} {news.commit[:_SHORT]}"
    yield f"{_WORDS[event]} *{escaped(what)}* to *{escaped(news.environment)}*"
    if news.text and news.event == "failed":
        yield f"{escaped(shortened(news.text))} (exit code {news.exit_code})"
    yield from _services(news.services if event == "delivered" else news.back)
    yield escaped(" · ".join(filter(None, (news.actor, news.repository))))
    links = (("run", news.run), ("open", news.url))
    addresses = " · ".join(f"<{_address(url)}|{name}>" for name, url in links if _linked(url))
    if addresses:
        yield addresses


def _services(services: tuple[ServiceNews, ...]) -> Iterator[str]:
    for service in services[:_MOST_SERVICES]:
        digest = service.image.partition("@sha256:")[2][:_SHORT]
        revision = service.task_definition.rpartition("/")[2]
        yield escaped(" ".join(filter(None, (f"{service.key}:", revision, digest))))
    if len(services) > _MOST_SERVICES:
        yield f"and {len(services) - _MOST_SERVICES} more"


def escaped(text: str) -> str:
    """A text that Slack shows as it is, on one line: no link, no mention."""
    one_line = " ".join(text.split())
    return one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _linked(url: str) -> bool:
    return url.startswith(("https://", "http://")) and not set(url) & set("<>|") and url.isascii()


def _address(url: str) -> str:
    return url.replace("&", "&amp;")
