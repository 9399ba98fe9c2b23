"""A delivery as CDEvents in CloudEvents: names, versions and fields that their schemas ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.notify.news import IMAGE, OLD, RUN, news, service

from shipway.config.notify import EVENTS
from shipway.errors import CancelledError
from shipway.notify import cdevents
from shipway.notify.cdevents import DEPLOYED, FINISHED, ROLLED_BACK, STARTED

# CDEvents 0.4.1, schemas/: all that an event of these types must have, and may have at the top.
_CONTEXT = {"version", "id", "source", "type", "timestamp"}
_CONTENT = {
    STARTED: {"pipelineName", "url"},
    FINISHED: {"pipelineName", "url", "outcome", "errors"},
    DEPLOYED: {"environment", "artifactId"},
    ROLLED_BACK: {"environment", "artifactId"},
}
_NEEDED = {DEPLOYED: {"environment", "artifactId"}, ROLLED_BACK: {"environment", "artifactId"}}


def told(event: Any, wanted: Any = EVENTS, **changes: Any) -> list[dict[str, Any]]:
    return [dict(each.document) for each in cdevents.messages(news(event, **changes), wanted)]


def types(documents: list[dict[str, Any]]) -> list[str]:
    return [document["type"] for document in documents]


@pytest.mark.parametrize(
    ("event", "changes", "expected"),
    [
        ("started", {}, [STARTED]),
        ("delivered", {}, [DEPLOYED, FINISHED]),
        ("delivered", {"services": (service("a"), service("b"))}, [DEPLOYED, DEPLOYED, FINISHED]),
        ("failed", {"exit_code": 30, "kind": "rollout"}, [FINISHED]),
        ("failed", {"exit_code": 30, "back": (service(image=OLD),)}, [ROLLED_BACK, FINISHED]),
        ("rolled-back", {"services": (), "back": (service(),)}, [ROLLED_BACK, FINISHED]),
    ],
)
def test_what_happened_is_said_in_cdevents_own_words(
    event: str, changes: dict[str, Any], expected: list[str]
) -> None:
    documents = told(event, **changes)
    assert types(documents) == expected
    for document in documents:
        data = document["data"]
        assert document["specversion"] == "1.0"
        assert document["datacontenttype"] == "application/json"
        context, subject = data["context"], data["subject"]
        assert set(context) == _CONTEXT | {"chainId"}
        assert context["version"] == "0.4.1"
        # The binding: these are the CloudEvent's own.
        bound = (document["id"], document["source"], document["type"], document["time"])
        assert bound == tuple(context[key] for key in ("id", "source", "type", "timestamp"))
        assert document["subject"] == subject["id"]
        assert set(data) == {"context", "subject", "customData", "customDataContentType"}
        content = set(subject["content"])
        assert content <= _CONTENT[document["type"]]
        assert content >= _NEEDED.get(document["type"], {"pipelineName"})
        json.dumps(document)


def test_a_service_is_where_it_runs_and_what_it_runs() -> None:
    [deployed] = told("delivered", ["delivered"])[:1]
    subject = deployed["data"]["subject"]
    assert (subject["id"], subject["type"]) == ("tally-api", "service")
    assert subject["content"]["environment"] == {"id": "blue", "source": "/shipway/tally/blue"}
    assert subject["content"]["artifactId"] == (
        f"pkg:oci/tally@sha256%3A{'a' * 64}"
        "?repository_url=111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/Tally"
    )
    custom = deployed["data"]["customData"]
    assert custom["image"] == IMAGE
    assert custom["exitCode"] == 0
    assert custom["run"] == RUN


def test_what_went_back_is_named_by_what_it_runs_again() -> None:
    [back] = told("failed", ["rolled-back"], exit_code=30, back=(service(image=OLD),))
    assert "b" * 64 in back["data"]["subject"]["content"]["artifactId"]


def test_an_image_that_nobody_knows_is_no_lie() -> None:
    [back] = told("failed", ["rolled-back"], exit_code=30, back=(service(image=""),))
    assert back["data"]["subject"]["content"]["artifactId"] == "pkg:generic/tally-api"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("rollout", "failure"), ("refused", "failure"), (CancelledError.kind, "cancel")],
)
def test_a_failure_says_how_it_ended_and_why(kind: str, outcome: str) -> None:
    text = "Release failed: web rolled back."
    [failed] = told("failed", ["failed"], exit_code=30, kind=kind, text=text)
    content = failed["data"]["subject"]["content"]
    assert (content["outcome"], content["errors"]) == (outcome, text)
    assert content["url"] == RUN


def test_one_delivery_has_one_chain_and_one_run_and_each_event_its_own_id() -> None:
    documents = [*told("started"), *told("delivered")]
    assert len({document["data"]["context"]["chainId"] for document in documents}) == 1
    runs = {
        document["subject"] for document in documents if document["type"] in {STARTED, FINISHED}
    }
    assert len(runs) == 1
    assert len({document["id"] for document in documents}) == len(documents)
    # Whoever gets it twice can tell that it is the same.
    assert [d["id"] for d in told("delivered")] == [d["id"] for d in told("delivered")]


@pytest.mark.parametrize("event", ["started", "delivered", "failed", "rolled-back"])
def test_nobody_is_told_what_they_did_not_ask_for(event: str) -> None:
    others = [each for each in EVENTS if each != event]
    assert told(event, others) == []


def test_by_hand_there_is_no_run_to_look_at() -> None:
    [started] = told("started", run="", kind="", text="")
    assert "url" not in started["data"]["subject"]["content"]
    assert "exitCode" not in started["data"]["customData"]


def test_a_cause_of_any_length_is_told_in_few_words() -> None:
    [failed] = told("failed", ["failed"], exit_code=1, text="x" * 100_000)
    assert len(json.dumps(failed)) < 10_000


def test_an_image_that_is_known_by_its_tag_alone_has_no_empty_version() -> None:
    """The package URL of what ran before, of whose digest nobody knows."""
    assert cdevents.purl("registry.example:5000/acme/tally:1.0") == (
        "pkg:oci/tally?repository_url=registry.example:5000/acme/tally&tag=1.0"
    )
    assert cdevents.purl(f"registry.example/acme/tally:1.0@sha256:{'a' * 64}") == (
        f"pkg:oci/tally@sha256%3A{'a' * 64}?repository_url=registry.example/acme/tally"
    )


def test_no_word_of_others_moves_a_cursor() -> None:
    hostile = "a\x1b[2J\r\n\u202eb\ud800"
    [finished] = told("failed", exit_code=1, text=hostile, actor=hostile)
    custom = finished["data"]["customData"]
    texts = (custom["text"], custom["actor"], finished["data"]["subject"]["content"]["errors"])
    assert set(texts) == {"a [2J b"}
