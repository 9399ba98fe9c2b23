"""A delivery as a text that people read in Slack."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.notify.news import OLD, RUN, news, service

from shipway.config.notify import EVENTS
from shipway.notify import slack


def text(event: Any, wanted: Any = EVENTS, **changes: Any) -> str:
    [message] = slack.messages(news(event, **changes), wanted)
    assert set(message.document) == {"text", "unfurl_links", "unfurl_media"}
    return str(message.document["text"])


def test_a_delivery() -> None:
    lines = text("delivered").splitlines()
    assert lines[0] == ":white_check_mark: Delivered *tally 3f9c2ab1d2e3* to *blue*"
    assert lines[1] == f"api: tally:42 {'a' * 12}"
    assert lines[2] == "mona · octo/tally"
    assert lines[3] == f"<{RUN}|run> · <https://tally.example/health|open>"


def test_a_failure_is_one_message_with_what_went_back() -> None:
    changes: dict[str, Any] = {
        "exit_code": 30,
        "text": "Release failed: web rolled back.",
        "back": (service(image=OLD, revision=41),),
    }
    told = text("failed", **changes)
    assert "`Release failed: web rolled back.` (exit code 30)" in told
    assert f"api: tally:41 {'b' * 12}" in told
    assert text("failed", ["rolled-back"], **changes).startswith(":rewind: Went back to")


def test_nobody_is_told_what_they_did_not_ask_for() -> None:
    assert list(slack.messages(news("failed", exit_code=30), ["rolled-back", "started"])) == []


def test_no_name_makes_a_link_or_calls_a_channel() -> None:
    told = text("failed", exit_code=1, text="<!channel> & <https://evil.example|x>\n*x*", run="")
    assert "<!channel>" not in told
    assert "`&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt; *x*`" in told


@pytest.mark.parametrize(
    "hostile",
    [
        "@channel @here <!everyone>",
        "![x](https://evil.example/pixel) [y](https://evil.example)",
        "`` ` ``` *:white_check_mark: Delivered*",
        "\r\n\u2028:white_check_mark: Delivered\x85*all is well*",
        "\x1b[2J\u202egnihton\u202c \ud800 \x00",
    ],
)
def test_what_others_wrote_stays_one_line_of_code(hostile: str) -> None:
    """A tag's name, an actor's, a container's last words: whoever writes them is a stranger."""
    lines = text(
        "failed", exit_code=1, text=hostile, actor=hostile, repository=hostile, run=hostile, url=""
    ).split("\n")
    assert len(lines) == 3
    verdict, names = lines[1].removesuffix(" (exit code 1)"), lines[2].split(" · ")
    for each in (verdict, *names):
        assert (each[0], each[-1], each.count("`")) == ("`", "`", 2)
        assert each.isprintable()
        assert "<" not in each


def test_names_as_people_have_them_stand_as_they_are() -> None:
    for name in ("mona", "octo/tally", "an-app/with-names"):
        assert f"\n{name} · " in text("delivered", actor=name)
    for name in (
        "dependabot[bot]",
        "you@laptop",
        "evil.example",
        "octo/_x_",
        "a..b",
        "https://x.y",
    ):
        assert f"`{name}` · " in text("delivered", actor=name)


def test_an_address_that_would_end_the_link_is_left_out() -> None:
    assert "open>" not in text("delivered", url="https://x.example/|<!here>")


def test_a_hundred_services_are_a_few_lines() -> None:
    many = tuple(service(f"s{number}") for number in range(100))
    assert "and 90 more" in text("delivered", services=many)
