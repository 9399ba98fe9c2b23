"""SIGKILL at every step: the next run finds what stands, goes on from there, and doubles nothing.

A process that is killed runs no handler: from that moment on none of its calls has an effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from shipway.evidence.archive import parsed
from shipway.evidence.good import good_releases
from shipway.evidence.history import row
from shipway.lock.lease import look
from shipway.observer import Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

NAME = "/shipway/shop/staging/lock"
STEPS = {
    "locks": ("write",),
    "store": ("push", "tag"),
    "ecs": ("register", "update", "services"),
    "address": ("get",),
}
BEFORE, AFTER = "before it has an effect", "after it had one"


class KilledError(BaseException):
    """The process is gone."""


@dataclass
class Reaper:
    """Counts every step that reaches the outside, and kills at one of them."""

    world: World
    at: int = 0
    when: str = BEFORE
    steps: list[str] = field(default_factory=list)
    dead: bool = False

    def __post_init__(self) -> None:
        cloud = self.world.cloud
        places = {**vars(cloud), "address": self.world.address}
        for place, names in STEPS.items():
            for name in names:
                port: Any = places[place]
                setattr(port, name, self._counted(f"{place}.{name}", getattr(port, name)))

    def _counted(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **more: Any) -> Any:
            if self.dead:
                raise KilledError(step)
            self.steps.append(step)
            if len(self.steps) != self.at:
                return call(*words, **more)
            if self.when == AFTER:
                call(*words, **more)
            self.dead = True
            raise KilledError(step)

        return counted


def kill(world: World, at: int, when: str) -> str:
    """Deliver until it is killed at a step; which step that was."""
    reaper = Reaper(world, at=at, when=when)
    with pytest.raises(KilledError) as caught:
        world.deliver()
    assert reaper.dead
    reaper.dead = False
    return str(caught.value)


def count(world: World) -> int:
    """How many steps a delivery has that nobody kills."""
    reaper = Reaper(world)
    assert world.deliver().exit_code == 0
    return len(reaper.steps)


LAST, LONGEST = 32, 34


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("at", range(1, LONGEST + 1))
def test_the_next_run_goes_on_and_doubles_nothing(world: World, at: int, when: str) -> None:
    try:
        step = kill(world, at, when)
    except pytest.fail.Exception:
        assert world.changed[2] == 1, "a whole delivery has fewer steps than this"
        return
    world.cloud.locks.wait(181)  # the killed owner's lease runs out
    outcome = world.deliver()
    assert outcome.exit_code == 0, step
    ecs, store = world.cloud.ecs, world.cloud.store
    assert outcome.image is not None
    images = Counter(definition.container("web").image for definition in ecs.definitions.values())
    assert images[str(outcome.image)] == 1, f"{step}: a second identical revision"
    assert len(ecs.updates) == 1, f"{step}: a second service deployment"
    assert len(store.pushes) == 1, f"{step}: the image was pushed twice"
    assert ecs.definitions[ecs.updates[-1]].pins("web", outcome.image)
    assert world.record(outcome)["predicate"]["verdict"]["exitCode"] == 0
    assert outcome.evidence is not None
    statement = parsed((outcome.evidence / "record.json").read_bytes())
    assert statement is not None
    good = good_releases([row("record.json", statement)])
    given_back = (at, when) == (LAST, AFTER)
    # What gave its lock back had held it: nobody can tell that from what was held long ago.
    revisions = [] if given_back else [ecs.updates[-1].rpartition("/")[2]]
    assert [each for release in good for each in release.revisions.values()] == revisions, step
    assert look(world.cloud.locks, NAME).free


def test_every_step_is_killed_at(world: World) -> None:
    assert count(world) <= LONGEST


def test_whose_lock_it_takes_over_is_told(world: World) -> None:
    kill(world, 3, AFTER)
    assert world.deliver().exit_code == 26, "nobody knows yet that it is dead"
    world.cloud.locks.wait(181)
    assert world.deliver().exit_code == 0
    texts = [event.text for event in world.events if isinstance(event, Noticed)]
    assert any("takes the lock over" in text for text in texts)
