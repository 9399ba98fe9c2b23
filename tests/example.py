"""This repository's own example as the embedded world sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from shipway.config import load as delivery_file
from shipway.embedded.blueprint import draw
from shipway.policy import load as contract_file
from shipway.rehearsal.checkout import Project

ROOT: Final = Path(__file__).resolve().parents[1]
DOCKERFILE: Final = ROOT / "examples" / "shop" / "Dockerfile"
BLUEPRINT: Final = draw(
    contract_file.load(ROOT / "ci" / "release.toml"),
    delivery_file.load(ROOT / "ci" / "delivery.toml"),
    dockerfiles={"": (DOCKERFILE.read_text(encoding="utf-8"), "")},
)
REPOSITORY: Final = BLUEPRINT.repository
PROJECT: Final = Project(
    repository=REPOSITORY.full_name, dockerfile=str(DOCKERFILE.relative_to(ROOT))
)
