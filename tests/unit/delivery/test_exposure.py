"""A port that the image does not expose is told before a build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipway.config.images import ImageSettings
from shipway.delivery.exposure import differences, read
from shipway.image.final_stage import FinalStage
from shipway.observer import Noticed

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World


@pytest.mark.parametrize(
    ("exposed", "mapped", "told"),
    [
        (("8080",), (8080,), False),
        (("9000",), (8080,), True),
        (("9000",), (8080, 9000), False),
        ((), (8080,), False),
        (("9000",), (), False),  # a worker
        (("$PORT",), (8080,), False),
    ],
)
def test_only_a_sure_difference_is_told(
    exposed: tuple[str, ...], mapped: tuple[int, ...], *, told: bool
) -> None:
    assert bool(list(differences(FinalStage(exposed=exposed), {"web": mapped}))) is told


@pytest.mark.parametrize(("exposed", "told"), [("9000", 1), ("8080", 0)])
def test_a_delivery_tells_it_and_goes_on(world: World, exposed: str, told: int) -> None:
    (world.root / "Dockerfile").write_text(f"FROM scratch\nEXPOSE {exposed}\n", encoding="utf-8")
    assert world.deliver().kind == "succeeded"
    warnings = [note for note in world.of(Noticed) if "EXPOSE" in str(note)]
    assert len(warnings) == told
    for note in warnings:
        assert isinstance(note, Noticed)
        assert (note.subject, note.level) == ("web", "warning")
        assert "maps port 8080, and the Dockerfile has EXPOSE 9000" in note.text


def test_a_dockerfile_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    image = ImageSettings(
        name="x", context=".", dockerfile="Dockerfile", platforms=(), build_args={}
    )
    assert read(tmp_path, image) == FinalStage()
    (tmp_path / "Dockerfile").write_text("FRM scratch\n", encoding="utf-8")
    assert read(tmp_path, image) == FinalStage()
