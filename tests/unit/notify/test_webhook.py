"""What is sent, how often, and what is said of who did not take it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.unit.fake_clock import Clock
from tests.unit.notify.news import news, service

from shipway.config.notify import Receiver
from shipway.notify import attempts
from shipway.notify.news import Told
from shipway.notify.ports import Post, PostAnswer
from shipway.notify.webhook import Webhook

HOOK = Receiver(name="ops", url="https://hooks.example.com/secret-path")
OK = PostAnswer(status=202)


@dataclass
class Inbox:
    """Answers in turn, the last for ever; each takes some seconds."""

    clock: Clock
    answers: list[PostAnswer] = field(default_factory=lambda: [OK])
    seconds: float = 0.0
    posts: list[Post] = field(default_factory=list)
    allowed: list[float] = field(default_factory=list)

    def post(self, post: Post, seconds: float) -> PostAnswer:
        self.posts.append(post)
        self.allowed.append(seconds)
        self.clock.sleep(self.seconds)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def tell(
    *answers: PostAnswer, receiver: Receiver = HOOK, seconds: float = 0.0, **changes: Any
) -> tuple[Told | None, Inbox]:
    clock = Clock()
    inbox = Inbox(clock, list(answers) or [OK], seconds=seconds)
    return Webhook(receiver, inbox, clock).tell(news(**changes)), inbox


def test_every_message_is_sent_in_order() -> None:
    told, inbox = tell(services=(service("a"), service("b")))
    assert told == Told(receiver="ops", event="delivered", good=True, text="took 3 messages")
    types = [json.loads(post.body)["type"].split(".")[2] for post in inbox.posts]
    assert types == ["service", "service", "pipelinerun"]
    assert {post.headers["Content-Type"] for post in inbox.posts} == {
        "application/cloudevents+json; charset=utf-8"
    }
    assert inbox.posts[0].headers["webhook-id"] == json.loads(inbox.posts[0].body)["id"]
    assert all("webhook-signature" not in post.headers for post in inbox.posts)


def test_what_nobody_asked_for_is_not_sent() -> None:
    told, inbox = tell(receiver=replace(HOOK, events=("failed",)))
    assert told is None
    assert inbox.posts == []


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("whsec_" + base64.b64encode(b"a key of 24 bytes or so.").decode(), None),
        ("whsec_" + base64.b64encode(b"a key of 24 bytes or so.").decode().rstrip("="), None),
        ("a-plain-secret-of-some-length", b"a-plain-secret-of-some-length"),
    ],
)
def test_a_signature_is_what_standard_webhooks_says(secret: str, key: bytes | None) -> None:
    _, inbox = tell(receiver=replace(HOOK, secret=secret, events=("delivered",), format="slack"))
    [post] = inbox.posts
    content = b".".join(
        (
            post.headers["webhook-id"].encode(),
            post.headers["webhook-timestamp"].encode(),
            post.body,
        )
    )
    digest = hmac.new(key or b"a key of 24 bytes or so.", content, hashlib.sha256).digest()
    assert post.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_a_passing_trouble_is_tried_again_and_no_more_than_three_times() -> None:
    broken = PostAnswer(status=503)
    told, inbox = tell(broken, broken, OK, receiver=replace(HOOK, format="slack"))
    assert told is not None
    assert told.good
    assert len(inbox.posts) == 3
    assert len({post.headers["webhook-id"] for post in inbox.posts}) == 1
    told, inbox = tell(broken)
    assert told is not None
    assert (told.good, told.text) == (False, "answers HTTP 503, 3 times")
    assert len(inbox.posts) == attempts.TRIES


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (PostAnswer(status=404), "answers HTTP 404"),
        (PostAnswer(status=302, trouble="a redirect"), "answers HTTP 302: a redirect"),
        (PostAnswer(status=None, trouble="the address is bad", final=True), "the address is bad"),
    ],
)
def test_what_another_try_would_not_change_is_tried_once(answer: PostAnswer, text: str) -> None:
    told, inbox = tell(answer)
    assert told is not None
    assert (told.good, told.text, len(inbox.posts)) == (False, text, 1)


def test_whoever_is_slow_is_given_up_within_the_time() -> None:
    silent = PostAnswer(status=None, trouble="did not answer in time")
    told, inbox = tell(silent, seconds=attempts.LONGEST_TRY)
    assert told is not None
    assert not told.good
    assert sum(inbox.allowed) <= attempts.SECONDS
    assert (inbox.clock.now() - Clock().now()).total_seconds() <= attempts.SECONDS + 5


def test_whoever_asks_for_more_time_than_there_is_is_not_waited_for() -> None:
    told, inbox = tell(PostAnswer(status=429, retry_after=60.0))
    assert told is not None
    assert told.text == "answers HTTP 429"
    assert len(inbox.posts) == 1


def test_what_cannot_be_looked_up_is_said_and_nothing_sent() -> None:
    trouble = "ssm:/acme/hook is not published"
    told, inbox = tell(receiver=Receiver(name="ops", trouble=trouble))
    assert told is not None
    assert (told.good, told.text) == (False, trouble)
    assert inbox.posts == []


def test_no_text_of_it_shows_the_address_or_the_secret() -> None:
    hook = replace(HOOK, secret="canary-secret-of-some-length")  # noqa: S106  # a test's own
    told, inbox = tell(PostAnswer(status=500), receiver=hook)
    for shown in (repr(told), repr(hook), repr(inbox.posts)):
        assert "secret" not in shown.replace("secret=", "")
