"""What ``doctor`` says of a world that is as it must be, and of a container that is misspelt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.entry.conftest import Ended, Here, Running


def findings(ended: Ended) -> dict[str, dict[str, Any]]:
    """Every finding by its name, from the one JSON object that says them."""
    [answer] = [event for event in ended.events if event["type"] == "doctor"]
    return {each["name"]: each for section in answer["sections"] for each in section["findings"]}


@pytest.mark.usefixtures("sandbox")
def test_the_sandbox_is_ready(clone: Here) -> None:
    ended = clone.types("shipway", "doctor", "--env", "local", "--json")
    assert ended.code == 0, ended.out + ended.err
    found = findings(ended)
    assert {each["state"] for each in found.values()} == {"ok", "not checked"}
    assert found["service"]["text"].endswith("2 of 2 tasks run")
    assert ended.events[-1]["kind"] == "ready"


@pytest.fixture
def misspelt(clone: Here) -> Iterator[None]:
    """A container of staging that its task definition does not have."""
    file = clone.folder / "ci" / "delivery.toml"
    text = file.read_text(encoding="utf-8")
    head, table, tail = text.partition("[environments.staging.services.web]")
    assert 'container = "web"' in tail
    file.write_text(
        head + table + tail.replace('container = "web"', 'container = "wep"', 1), encoding="utf-8"
    )
    yield
    file.write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("misspelt")
def test_a_container_that_is_misspelt_is_wrong_with_its_key(clone: Here, sandbox: Running) -> None:
    who = sandbox.administrator("staging")
    ended = clone.types("shipway", "doctor", "--env", "staging", "--json", env=who)
    assert ended.code == 61, ended.out + ended.err
    found = findings(ended)
    assert found["container wep"]["state"] == "wrong"
    assert found["container wep"]["remedy"] == (
        'correct environments.staging.services.web.container: did you mean "web"?'
    )
    assert found["trust policy of shop-deploy-staging"]["state"] == "ok", "IAM has the contract's"
    assert found["permissions of shop-deploy-staging"]["state"] == "ok"
    assert found["permissions of shop-by-hand-staging"]["state"] == "not checked"
    assert found["role"]["state"] == "wrong", "whom the role does not take still sees the rest"
    assert found["log group /shop/staging/web"]["state"] == "ok"
    assert ended.events[-1]["kind"] == "not-ready"
