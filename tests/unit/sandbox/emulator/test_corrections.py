from __future__ import annotations

import types

import pytest

from shipway.errors import SandboxError
from shipway_sandbox.emulator.corrections import Corrections
from shipway_sandbox.emulator.difference import MINISTACK_VERSION, KnownDifference, Reach


def theirs() -> str:
    return "theirs"


def ours() -> str:
    return "ours"


def difference(
    name: str, *replaces: str, adds: tuple[str, ...] = (), needs: tuple[str, ...] = ()
) -> KnownDifference:
    return KnownDifference(
        name=name,
        aws="AWS does",
        page="a page",
        source="https://docs.aws.amazon.com/",
        ministack="does not",
        test="a test",
        replaces=replaces,
        adds=adds,
        needs=needs,
    )


@pytest.fixture
def ministack() -> types.SimpleNamespace:
    """A MiniStack of four names, whichever module is asked for."""
    return types.SimpleNamespace(
        _answer=theirs,
        _MAP={"Known": theirs},
        _NESTED={"Type": {}},
        _store=types.SimpleNamespace(_data={}),
    )


def corrections(
    ministack: types.SimpleNamespace,
    *differences: KnownDifference,
    reaches: tuple[Reach, ...] = (),
    version: str = MINISTACK_VERSION,
) -> Corrections:
    return Corrections(
        differences, reaches, load=lambda _name: ministack, installed=lambda _name: version
    )


def test_replaces_functions_and_entries_and_keeps_the_originals(
    ministack: types.SimpleNamespace,
) -> None:
    places = ("ecs._answer", "ecs._MAP[Known]", "ecs._NESTED[Other][create]")
    known = corrections(ministack, difference("base", *places[:2], adds=places[2:]))
    for place in places:
        known.corrects("base", place)(ours)
    assert known.apply() == ("base",)
    assert ministack._answer() == ministack._MAP["Known"]() == "ours"
    assert ministack._NESTED["Other"]["create"]() == "ours"
    assert known.original("ecs._answer")() == "theirs"
    known.apply()
    assert known.original("ecs._answer")() == "theirs"


def test_one_left_out_takes_along_what_needs_it(ministack: types.SimpleNamespace) -> None:
    known = corrections(
        ministack,
        difference("other"),
        difference("rule", needs=("base",)),
        difference("base", "ecs._answer"),
    )
    known.corrects("base", "ecs._answer")(ours)
    needy, other = known.rule("rule"), known.rule("other")
    assert known.apply(["base"]) == ("other",)
    assert ministack._answer() == "theirs"
    assert not needy()
    assert other()


@pytest.mark.parametrize("place", ["ecs._gone", "ecs._MAP[Gone]", "ecs._gone[Known]"])
def test_name_that_is_not_there_stops_the_start(
    ministack: types.SimpleNamespace, place: str
) -> None:
    known = corrections(ministack, difference("base", "ecs._answer", place))
    known.corrects("base", "ecs._answer")(ours)
    known.corrects("base", place)(ours)
    with pytest.raises(SandboxError, match=r"has no ecs\._.* which a correction replaces"):
        known.apply()
    assert ministack._answer is theirs


@pytest.mark.parametrize("place", ["ecs._gone", "ecs._store._gone"])
def test_name_that_is_reached_into_must_be_there_too(
    ministack: types.SimpleNamespace, place: str
) -> None:
    reach = Reach(because="nothing public does", places=("ecs._store._data", place))
    with pytest.raises(SandboxError, match="which the emulator reaches into"):
        corrections(ministack, reaches=(reach,)).apply()


def test_a_map_that_a_correction_adds_to_must_be_there(ministack: types.SimpleNamespace) -> None:
    known = corrections(ministack, difference("base", adds=("ecs._gone[New]",)))
    known.corrects("base", "ecs._gone[New]")(ours)
    with pytest.raises(SandboxError, match=r"has no ecs\._gone, which a correction adds to"):
        known.apply()


def test_list_and_functions_must_fit(ministack: types.SimpleNamespace) -> None:
    known = corrections(
        ministack, difference("base", "ecs._answer", "ecs._MAP[Known]"), difference("rule")
    )
    known.corrects("base", "ecs._answer")(ours)
    known.corrects("base", "ecs._store")(ours)
    known.corrects("other", "ecs._MAP[Known]")(ours)
    known.rule("unlisted")
    with pytest.raises(SandboxError, match="does not fit") as caught:
        known.apply()
    assert caught.value.details == (
        "base has no function for ecs._MAP[Known]",
        "ecs._MAP[Known] (other) is not listed",
        "ecs._store (base) is not listed",
        "nobody asks about the rule rule",
        "the rule unlisted is not listed",
    )
    assert ministack._answer is theirs


def test_unknown_name_and_other_version_stop_the_start(ministack: types.SimpleNamespace) -> None:
    known = corrections(ministack, difference("base", "nowhere.x"))
    known.corrects("base", "nowhere.x")(ours)
    with pytest.raises(SandboxError, match="no correction is called nonsense"):
        known.apply(["nonsense"])
    with pytest.raises(SandboxError, match="no place in MiniStack"):
        known.apply()
    with pytest.raises(SandboxError, match=r"9\.9 is installed") as caught:
        corrections(ministack, version="9.9").apply()
    assert "pip install" in caught.value.remedy
