from __future__ import annotations

from pathlib import Path

import pytest

from shipway.embedded import roles
from shipway_sandbox.compute import Layer

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("layer", roles.PLAN.layers[1:], ids=lambda layer: layer.environment)
def test_the_rehearsals_roles_are_the_committed_ones(layer: Layer) -> None:
    committed = ROOT / "ci" / "iam" / f"{layer.environment}.yaml"
    assert layer.access == committed.read_text(encoding="utf-8")


def test_a_person_has_the_rights_of_a_delivery_and_may_look_around() -> None:
    local = roles.PLAN.layers[0].access
    assert "RoleName: shop-deploy-local" in local
    for action in ("ecs:UpdateService", "ecr:PutImage", "iam:PassRole", "ssm:GetParametersByPath"):
        assert f" {action}\n" in local
