"""One receiver of delivery.toml: its messages, signed, sent one after the other, within a time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shipway.config.notify import Receiver, signing_key
from shipway.notify import attempts, cdevents, slack
from shipway.notify.news import Message, News, Told
from shipway.notify.ports import Post, PostAnswer, Poster
from shipway.util.clock import Clock

LARGEST: Final = 64 * 1024
"""Bytes of one message: what every consumer takes (CloudEvents 1.0, "Size Limits")."""
_FORMATS: Final = {"cloudevents": cdevents.messages, "slack": slack.messages}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Tells one receiver; implements :class:`shipway.notify.channel.Channel`.

    Args:
        receiver: Whom.
        poster: Sends.
        clock: The time.
    """

    receiver: Receiver
    poster: Poster
    clock: Clock

    @property
    def name(self) -> str:
        """Its name in delivery.toml."""
        return self.receiver.name

    def tell(self, news: News) -> Told | None:
        """Send all that the receiver asks for; ``None`` where it asks for nothing of it.

        What cannot be sent is said, and ends it: what comes later would be told without what it
        is about.
        """
        receiver = self.receiver
        messages = tuple(_FORMATS[receiver.format](news, receiver.events))
        if not messages:
            return None
        if receiver.trouble:
            return self._told(news, receiver.trouble)
        end = self.clock.now().timestamp() + attempts.SECONDS
        for message in messages:
            if trouble := self._send(message, end):
                return self._told(news, trouble)
        count = "1 message" if len(messages) == 1 else f"{len(messages)} messages"
        return Told(receiver=self.name, event=news.event, good=True, text=f"took {count}")

    def _told(self, news: News, trouble: str) -> Told:
        return Told(receiver=self.name, event=news.event, good=False, text=trouble)

    def _send(self, message: Message, end: float) -> str:
        """Send one message, again where that may help; why it was not taken, empty where it was."""
        body = json.dumps(message.document, ensure_ascii=False).encode("utf-8", "replace")
        if len(body) > LARGEST:
            return f"the message has {len(body)} bytes, and {LARGEST} are the most"
        tried = 0
        while True:
            now = self.clock.now()
            left = end - now.timestamp()
            if left <= 0:
                return f"took longer than {attempts.SECONDS:g} s"
            post = request(self.receiver, message, body, now)
            answer = self.poster.post(post, min(left, attempts.LONGEST_TRY))
            tried += 1
            if attempts.taken(answer):
                return ""
            left = end - self.clock.now().timestamp()
            seconds = attempts.wait(answer, tried, left)
            if seconds is None:
                return _trouble(answer, tried)
            self.clock.sleep(seconds)


def request(receiver: Receiver, message: Message, body: bytes, now: datetime) -> Post:
    """The request: signed where the receiver has a secret. Pure.

    "Webhook Headers" and "Signature scheme" (Standard Webhooks,
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): the
    id, the time in seconds and the body, joined by full stops, by HMAC-SHA256.
    """
    stamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": f"{message.media_type}; charset=utf-8",
        "webhook-id": message.id,
        "webhook-timestamp": stamp,
    }
    if receiver.secret:
        content = b".".join((message.id.encode(), stamp.encode(), body))
        digest = hmac.new(signing_key(receiver.secret), content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return Post(url=receiver.url, headers=headers, body=body)


def _trouble(answer: PostAnswer, tried: int) -> str:
    times = "" if tried == 1 else f", {tried} times"
    if answer.status is None:
        return f"{answer.trouble}{times}"
    more = f": {answer.trouble}" if answer.trouble else ""
    return f"answers HTTP {answer.status}{more}{times}"
