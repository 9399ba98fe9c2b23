from __future__ import annotations

import importlib.metadata
import types

import pytest

from shipway.errors import SandboxError
from shipway_sandbox.emulator import corrections


def theirs() -> str:
    return "theirs"


@pytest.fixture
def ministack(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A MiniStack of three names, and a register of our own."""
    module = types.SimpleNamespace(_answer=theirs, _MAP={"Known": theirs}, _NESTED={"Type": {}})
    monkeypatch.setattr(corrections, "_register", {})
    monkeypatch.setattr(corrections, "_originals", {})
    monkeypatch.setattr(corrections, "_off", set())
    monkeypatch.setattr(importlib, "import_module", lambda _name: module)
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: corrections.MINISTACK_VERSION)
    return module


def test_replaces_functions_and_entries_and_keeps_the_originals(
    ministack: types.SimpleNamespace,
) -> None:
    @corrections.correction("one", replaces="ecs._answer", because="AWS does")
    @corrections.correction("one", replaces="ecs._MAP[Known]")
    @corrections.correction("one", replaces="+ecs._NESTED[Other][create]")
    def ours() -> str:
        return "ours"

    assert corrections.apply() == ("one",)
    assert ministack._answer() == ministack._MAP["Known"]() == "ours"
    assert ministack._NESTED["Other"]["create"]() == "ours"
    assert corrections.original("ecs._answer")() == "theirs"
    assert corrections.listing()[0].because == "AWS does"


def test_one_left_out_takes_along_what_needs_it(ministack: types.SimpleNamespace) -> None:
    corrections.correction("base", replaces="ecs._answer")(lambda: "ours")
    rule = corrections.rule("rule", because="AWS does", needs=("base",))
    other = corrections.rule("other", because="AWS does")
    assert corrections.apply(["base"]) == ("other",)
    assert ministack._answer() == "theirs"
    assert not rule()
    assert other()


@pytest.mark.parametrize("place", ["ecs._gone", "ecs._MAP[Gone]", "ecs._gone[Known]"])
def test_name_that_is_not_there_stops_the_start(
    ministack: types.SimpleNamespace, place: str
) -> None:
    corrections.correction("one", replaces=place)(theirs)
    with pytest.raises(SandboxError, match=r"has no ecs\._"):
        corrections.apply()
    assert ministack._answer is theirs


@pytest.mark.usefixtures("ministack")
def test_unknown_name_and_other_version_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SandboxError, match="no correction is called nonsense"):
        corrections.apply(["nonsense"])
    corrections.correction("one", replaces="nowhere.x")(theirs)
    with pytest.raises(SandboxError, match="no place in MiniStack"):
        corrections.apply()
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "9.9")
    with pytest.raises(SandboxError, match=r"9\.9 is installed") as caught:
        corrections.apply()
    assert "pip install" in caught.value.remedy
