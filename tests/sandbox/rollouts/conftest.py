"""Every kind of rollout for real: one embedded AWS a module, side by side, then it ends.

What tests look at is what was told and noted, so nothing runs any more while they look.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.sandbox.rollouts.ground import AT_ONCE, Grounds, Kind
from tests.sandbox.rollouts.shop import Shop
from tests.sandbox.server import serving

from shipway_sandbox.engine.engine import Engine

_OPTIONS = ("--minute", "0.5")
"""A minute of baking lasts half a second."""


class Stories(dict[str, Any]):
    """Stories by name; one that could not be told fails who asks for it, and nobody else."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, BaseException):
            raise found
        return found


def _tell(shop: Shop, name: str) -> dict[str, Any]:
    """One kind of rollout, from the service's creation to the verdict."""
    kind = shop.kind
    shop.open()
    told = {name: shop.deploy(kind.script, kind.meddle)}
    if kind.answer:
        told[f"{name}, answered"] = shop.answer(kind.answer)
    return told


@pytest.fixture(scope="module")
def stories(
    request: pytest.FixtureRequest,
    docker_engine: Engine,
    busybox_program: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stories:
    """What every kind and every part that a module names came to.

    Its ``KINDS`` are values of :class:`Kind`; its ``PARTS`` are functions that are told the grounds
    and a service that is open, for what is no single rollout. The longest stand first.
    """
    parts, kinds = getattr(request.module, "PARTS", {}), getattr(request.module, "KINDS", {})
    wanted: list[tuple[str, Kind, Callable[[Shop], Any] | None]] = [
        (name, Kind(**values), part) for name, (values, part) in parts.items()
    ]
    wanted += [(name, Kind(**values), None) for name, values in kinds.items()]
    wanted.sort(key=lambda one: (one[2] is None, not one[1].balanced))
    folder = tmp_path_factory.mktemp("rollouts")
    found = Stories()
    with (
        serving(folder, docker_engine.host, *_OPTIONS, ready=20.0, end=20.0) as (state, _),
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        grounds = Grounds(state, busybox_program, folder)

        def tell(number: int, name: str, kind: Kind, part: Callable[[Shop], Any] | None) -> None:
            shop = Shop(grounds, f"shop-{number:02}", kind)
            if part is None:
                found.update(_tell(shop, name))
                return
            shop.open()
            found[name] = part(shop)

        all_of_them = {one[0]: pool.submit(tell, number, *one) for number, one in enumerate(wanted)}
        for name, ended in all_of_them.items():
            error = ended.exception()
            if error is not None:
                found[name] = error
    return found
