"""Which release is gone back to: by records, whatever the revision's number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shipway.errors import NoReleaseError, UsageError
from shipway.evidence.archive import parsed
from shipway.evidence.good import PREVIOUS, GoodRelease, choose, good_releases
from shipway.evidence.history import RecordedDelivery, row

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def delivery(hour: int, digest: str, **changes: Any) -> RecordedDelivery:
    """A record of that hour; good unless something is changed in it."""
    sha = digest[7:47][::-1].replace("a", "1").replace("b", "2").replace("c", "3")
    predicate: dict[str, Any] = {
        "schemaVersion": 2,
        "startedOn": f"2026-11-28T{hour:02}:00:00Z",
        "finishedOn": f"2026-11-28T{hour:02}:05:00Z",
        "tool": {"name": "shipway", "version": "0.1"},
        "verdict": {"kind": "succeeded", "exitCode": 0, "text": "Delivered."},
        "commit": {"sha": sha, "time": "2026-11-27T00:00:00Z", "clean": True, "subject": "",
                   "repository": ""},
        "environment": {"name": "staging"},
        "trigger": {"event": "push", "ref": f"refs/tags/v{hour}-stable", "actor": "mona"},
        "image": {"reference": f"host/shop@{digest}", "pushed": None, "platforms": []},
        "services": [
            {"key": "web", "service": "shop-web",
             "taskDefinition": f"arn:aws:ecs:eu-west-1:***:task-definition/shop:{hour}",
             "verdict": {"name": "succeeded", "exitCode": 0}}
        ],
        "verification": [
            {
                "service": {"key": "web", "hold": 60.0},
                "image": None,
                "tasks": 1,
                "answers": [],
                "seconds": 1.0,
            }
        ],
        "holds": [{"key": "web", "end": "held"}],
        "timeline": [],
        "files": [],
        "chain": {"sequence": hour, "previous": None},
        **changes,
    }  # fmt: skip
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "host/shop", "digest": {"sha256": digest[7:]}}],
        "predicateType": "https://shipway.dev/delivery/v1",
        "predicate": predicate,
    }
    statement = parsed(json.dumps(document).encode())
    assert statement is not None
    return row(f"staging/2026-11-28T{hour:02}-00-00Z-{sha[:7]}/record.json", statement)


FAILED = {"verdict": {"kind": "rolled-back", "exitCode": 30, "text": "Release failed."}}
RAN = {
    "services": [
        {
            "key": "web",
            "service": "shop-web",
            "taskDefinition": "arn:shop:9",
            "verdict": {"name": "already-running", "exitCode": 0},
        }
    ],
    "holds": [],
}
BACK = {"wentBack": {"asked": PREVIOUS, "record": "r", "at": "", "by": "", "left": [C]}}


def previous(deliveries: list[RecordedDelivery], *running: str) -> str:
    return choose(deliveries, frozenset(running), PREVIOUS, "staging").release.digest


def test_after_two_good_and_a_bad_one_it_is_the_second_good_one() -> None:
    """Whether the bad one is still in service, was taken back, or verified and turned out bad."""
    good = [delivery(1, A), delivery(2, B)]
    assert previous([*good, delivery(3, C, **FAILED)], C) == B
    assert previous([*good, delivery(3, C, **FAILED)], B) == B
    assert previous([*good, delivery(3, C)], C) == B
    assert previous([*good, delivery(3, C, **FAILED)], B, C) == B


@pytest.mark.parametrize(
    "changes",
    [
        FAILED,
        {"verification": []},
        {"services": []},
        {"holds": [{"key": "web", "end": "broken"}]},
        {"holds": []},
        RAN,
        {"putBack": [{"key": "web", "end": "put back"}]},
        {"image": None},
    ],
)
def test_what_was_not_verified_and_held_is_no_release(changes: dict[str, Any]) -> None:
    assert good_releases([delivery(1, A, **changes)]) == ()


def test_one_that_was_killed_in_its_hold_and_found_running_was_never_held() -> None:
    assert previous([delivery(1, A), delivery(2, B, **RAN)], B) == A


def test_one_that_was_killed_in_its_hold_is_good_once_the_next_delivery_held_it() -> None:
    held = {**RAN, "holds": [{"key": "web", "end": "held"}]}
    assert previous([delivery(1, A), delivery(2, B, **held), delivery(3, C, **FAILED)], B) == B
    broken = {**RAN, "holds": [{"key": "web", "end": "broken"}]}
    assert previous([delivery(1, A), delivery(2, B, **broken), delivery(3, C, **FAILED)], B) == A


def test_what_ran_already_is_good_where_nobody_asks_for_a_hold() -> None:
    asked_for_none = {"verification": [{"service": {"key": "web", "hold": 0.0}}]}
    assert previous([delivery(1, A), delivery(2, B, **{**RAN, **asked_for_none})], C) == B


def test_a_good_one_that_is_delivered_again_stays_the_last_good_one() -> None:
    deliveries = [delivery(1, A), delivery(2, B), delivery(3, B, **RAN)]
    assert previous(deliveries, B) == A
    assert previous(deliveries, C) == B


def test_without_a_hold_nothing_need_be_held() -> None:
    verified: dict[str, Any] = {"service": {"key": "web", "hold": 0.0}, "image": None, "tasks": 1,
                "answers": [], "seconds": 1.0}  # fmt: skip
    assert good_releases([delivery(1, A, holds=[], verification=[verified])]) != ()


def test_a_foreign_image_goes_back_to_the_last_good_one() -> None:
    assert previous([delivery(1, A), delivery(2, B)], C) == B
    assert previous([delivery(1, A), delivery(2, B)], "") == B


def test_what_was_typed_twice_goes_back_once() -> None:
    went = [delivery(1, A), delivery(2, B), delivery(3, C), delivery(4, B, **BACK)]
    choice = choose(went, frozenset({B}), PREVIOUS, "staging")
    assert choice.release.digest == B
    assert choice.further.endswith("--to aaaaaaaaaaaa")


def test_what_was_gone_back_from_is_good_again_once_it_is_delivered_again() -> None:
    went = [delivery(1, A), delivery(2, B), delivery(3, C), delivery(4, B, **BACK)]
    assert [release.left for release in good_releases(went)] == [False, True, False, False]
    again = [*went, delivery(5, C), delivery(6, A)]
    assert previous(again, A) == C


def test_a_failed_way_back_takes_nothing_from_what_it_left() -> None:
    failed = delivery(4, B, **BACK, **FAILED)
    assert previous([delivery(1, A), delivery(2, B), delivery(3, C), failed], B) == C


def test_the_revisions_are_those_of_the_record() -> None:
    release = choose([delivery(7, A)], frozenset({B}), PREVIOUS, "staging").release
    assert release.revisions == {"shop-web": "shop:7"}
    assert release.commit.sha.startswith("1")


@pytest.mark.parametrize(
    "wanted",
    [A, A[7:], "aaaaaaa", "1111111", "v1-stable", "refs/tags/v1-stable",
     "2026-11-28T01-00-00Z-1111111", "staging/2026-11-28T01-00-00Z-1111111"],
)  # fmt: skip
def test_a_release_is_named_in_many_ways(wanted: str) -> None:
    deliveries = [delivery(1, A), delivery(2, B), delivery(3, A)]
    release = choose(deliveries, frozenset({B}), wanted, "staging").release
    assert release.digest == A


def test_one_that_was_gone_back_from_can_be_named() -> None:
    went = [delivery(2, B), delivery(3, C), delivery(4, B, **BACK)]
    release: GoodRelease = choose(went, frozenset({B}), "ccccccc", "staging").release
    assert (release.digest, release.left) == (C, True)


def test_a_word_for_two_releases_is_refused() -> None:
    other = f"sha256:aaaaaaaa{'b' * 56}"
    with pytest.raises(UsageError, match="fits 2 releases"):
        choose([delivery(1, A), delivery(2, other)], frozenset(), "aaaaaaa", "staging")


def both(web: str, queue: str) -> dict[str, Any]:
    """The images of a release of two services."""
    return {
        "image": None,
        "images": [
            {"name": "web", "image": {"reference": f"host/web@{web}", "pushed": None,
                                      "platforms": []}},
            {"name": "queue", "image": {"reference": f"host/queue@{queue}", "pushed": None,
                                        "platforms": []}},
        ],
        "services": [
            {"key": key, "service": f"shop-{key}", "image": f"host/{key}@{digest}",
             "taskDefinition": f"arn:{key}:1", "verdict": {"name": "succeeded", "exitCode": 0}}
            for key, digest in (("web", web), ("queue", queue))
        ],
        "holds": [{"key": "web", "end": "held"}, {"key": "queue", "end": "held"}],
    }  # fmt: skip


D, E = (f"sha256:{letter * 64}" for letter in "de")


def test_the_word_that_goes_further_back_fits_one_release_though_they_share_an_image() -> None:
    went = [delivery(1, A, **both(A, D)), delivery(2, B, **both(A, E)), delivery(3, C, **FAILED)]
    choice = choose(went, frozenset({A, E}), PREVIOUS, "staging")
    word = choice.further.rpartition(" ")[2]
    assert choose(went, frozenset(), word, "staging").release.digests == {A, D}


def test_of_one_commit_with_the_same_image_in_two_releases_the_record_is_the_word() -> None:
    shared = [delivery(hour, A, **both(*images))
              for hour, images in enumerate([(A, D), (A, E), (B, D), (B, E)], 1)]  # fmt: skip
    with pytest.raises(UsageError, match="fits 2 releases") as caught:
        choose(shared, frozenset(), A, "staging")
    words = [line.split()[1] for line in caught.value.details]
    assert len(set(words)) == 2
    named = [choose(shared, frozenset(), word, "staging").release.digests for word in words]
    assert sorted(map(sorted, named)) == [[A, D], [A, E]]


def test_a_bad_release_is_refused_with_how_it_ended() -> None:
    with pytest.raises(NoReleaseError, match="was no good release of staging: Release failed") as e:
        choose([delivery(1, A), delivery(2, B, **FAILED)], frozenset(), "bbbbbbb", "staging")
    assert "aaaaaaaaaaaa" in e.value.details[0]


@pytest.mark.parametrize("wanted", ["ddddddd", "v9", "abc", "", "'; drop"])
def test_an_unknown_release_is_refused_with_those_there_are(wanted: str) -> None:
    with pytest.raises(NoReleaseError) as caught:
        choose([delivery(1, A)], frozenset(), wanted, "staging")
    assert "nothing was changed" in caught.value.remedy
    assert len(caught.value.details) == 1


def test_without_any_good_release_there_is_no_way_back() -> None:
    for deliveries in ([], [delivery(1, A, **FAILED)]):
        with pytest.raises(NoReleaseError, match="no record says") as caught:
            choose(deliveries, frozenset({A}), PREVIOUS, "staging")
        assert "--image" in caught.value.remedy


def test_the_only_good_release_has_none_before_it() -> None:
    with pytest.raises(NoReleaseError, match="no record has a good release before it"):
        previous([delivery(1, A), delivery(2, A)], A)
