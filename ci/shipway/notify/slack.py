"""A delivery as the text of a Slack message. Pure.

"Sending messages using incoming webhooks" and "Formatting text" (https://docs.slack.dev): ``text``
in mrkdwn, in which ``&``, ``<`` and ``>`` are escaped and a link is ``<address|words>``.

What others wrote, a container's last words or a name, stands as inline code: there a chat neither
formats nor mentions anybody, and those that take the same messages with Markdown of their own
(``@channel`` in Mattermost, ``![](…)``) do not either. No link is looked up to show what is there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from shipway.config.notify import NotifyEvent
from shipway.notify.news import Message, News, ServiceNews, one_line, shortened

_SHORT: Final = 12
_MOST_SERVICES: Final = 10
_HARMLESS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9-]+)?")
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
    document = {"text": text, "unfurl_links": False, "unfurl_media": False}
    yield Message(id=name, media_type="application/json", document=document)


def _lines(news: News, event: NotifyEvent) -> Iterator[str]:
    what = f"{news.application} {news.commit[:_SHORT]}"
    yield f"{_WORDS[event]} *{escaped(what)}* to *{escaped(news.environment)}*"
    if news.text and news.event == "failed":
        yield f"{code(shortened(news.text))} (exit code {news.exit_code})"
    yield from _services(news.services if event == "delivered" else news.back)
    yield " · ".join(_name(each) for each in (news.actor, news.repository) if each)
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
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """A text of others as inline code, which nothing in it ends."""
    return f"`{escaped(text.replace('`', chr(39)))}`"


def _name(text: str) -> str:
    """A name as it is where nothing in it could be taken for more, else as code."""
    return text if _HARMLESS.fullmatch(text) else code(text)


def _linked(url: str) -> bool:
    begins = url.startswith(("https://", "http://"))
    return begins and not set(url) & set("<>| `") and url.isascii() and url.isprintable()


def _address(url: str) -> str:
    return url.replace("&", "&amp;")
