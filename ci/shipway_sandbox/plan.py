"""What a world is to be made of, as a value: whoever starts one decides it and hands it in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shipway_sandbox.compute import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPlan:
    """The environments of a world, and who delivers to it by hand.

    Attributes:
        layers: The compute layer of each environment, with its deploy role's template.
        person: The claims by which a person at a keyboard gets the local environment's role.
    """

    layers: tuple[Layer, ...]
    person: Mapping[str, str]

    def written(self) -> dict[str, Any]:
        """What :func:`read_plan` takes, once it is JSON."""
        return {"layers": [asdict(layer) for layer in self.layers], "person": dict(self.person)}


def read_plan(content: bytes) -> WorldPlan:
    """What :meth:`WorldPlan.written` gave.

    Raises:
        ValueError: It is no JSON.
        LookupError: Something lacks.
    """
    document = json.loads(content)
    layers = tuple(Layer(**layer) for layer in document["layers"])
    return WorldPlan(layers=layers, person=document["person"])
