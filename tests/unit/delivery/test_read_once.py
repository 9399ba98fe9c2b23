"""What decides is read once: the bytes that were judged are the bytes whose hash is recorded."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from shipway.observer import Event, Finished

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World


def sha256(world: World, name: str) -> str:
    return hashlib.sha256((world.root / "ci" / name).read_bytes()).hexdigest()


def test_files_that_change_under_a_delivery_change_nothing_of_it(world: World) -> None:
    judged = {name: sha256(world, name) for name in ("release.toml", "delivery.toml")}

    def meddle(event: Event) -> None:
        if isinstance(event, Finished) and event.stage == "contract":
            world.write("release.toml", "[[allow]]\n")
            world.write("delivery.toml", 'name = "other"\n')

    outcome = world.deliver_to(meddle)
    assert outcome.kind == "succeeded"
    predicate = world.record(outcome)["predicate"]
    assert predicate["contract"]["sha256"] == judged["release.toml"]
    assert predicate["configuration"] == {
        "path": "ci/delivery.toml",
        "sha256": judged["delivery.toml"],
    }


def test_the_waivers_that_were_judged_are_recorded_by_their_hash(world: World) -> None:
    world.write("waivers.toml", "schema = 1\n")
    outcome = world.deliver()
    predicate = world.record(outcome)["predicate"]
    assert predicate["waiversFile"]["sha256"] == sha256(world, "waivers.toml")
