"""Whose contract counts: a branch that may not bring its own is judged by the protected one."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.unit.delivery.test_contract import failure, refused
from tests.unit.delivery.test_contract_rules import delivered

from shipway.delivery import governing
from shipway.errors import ConfigurationError
from shipway.policy.facts import Signature, Tag

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

PROTECTED = "c0ffee" + "0" * 34
KEY = 'contract_from = "main"\n'


def protect(
    world: World, *, here: str = KEY, there: str = KEY, change: tuple[str, str] = ("", "")
) -> bytes:
    """Have both contracts name the protected branch, and its own say something else."""
    path = world.root / "ci" / "release.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("schema = 1\n", f"schema = 1\n{here}", 1), encoding="utf-8")
    content = text.replace("schema = 1\n", f"schema = 1\n{there}", 1).replace(*change).encode()
    world.git.branches["main"] = PROTECTED
    world.git.files[f"{PROTECTED}:ci/release.toml"] = content
    return content


def test_the_protected_contract_decides_and_is_what_is_recorded(world: World) -> None:
    content = protect(world)
    world.push()
    predicate = delivered(world)
    assert predicate["contract"] == {
        "path": f"{PROTECTED}:ci/release.toml",
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_a_commit_that_allows_itself_more_is_refused(world: World) -> None:
    """The release's own contract still has the entry; the protected one has another pattern."""
    protect(world, change=('ref = "refs/tags/*-stable"', 'ref = "refs/tags/*-gold"'))
    world.push()
    failed = refused(world)
    assert failed.stage == "contract"


def test_a_workflow_s_variable_says_it_where_the_commit_took_the_key_away(world: World) -> None:
    protect(world, here="", there="", change=('"refs/tags/*-stable"', '"refs/tags/*-gold"'))
    world.push()
    world.variables["SHIPWAY_CONTRACT_FROM"] = "main"
    refused(world)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ("branch", "that is not here"),
        ("file", "there is none there"),
        ("other", "the contract of main names another branch: trunk"),
        ("variable", "says SHIPWAY_CONTRACT_FROM; ci/release.toml names main"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(
    world: World, lacking: str, words: str
) -> None:
    protect(world, there='contract_from = "trunk"\n' if lacking == "other" else KEY)
    if lacking == "branch":
        world.git.branches.clear()
    elif lacking == "file":
        world.git.files.clear()
    elif lacking == "variable":
        world.variables["SHIPWAY_CONTRACT_FROM"] = "trunk"
    world.push()
    assert world.deliver(env=None).exit_code == 20
    failed = failure(world)
    assert words in failed.text
    assert (world.opened, world.builder.requests) == (0, [])


def test_a_protected_contract_that_is_wrong_names_the_branch(world: World) -> None:
    protect(world, change=("schema = 1", "schema = 7"))
    with pytest.raises(ConfigurationError) as caught:
        governing.governing(world.context)
    assert "origin/main:ci/release.toml" in str(caught.value)


def test_signers_are_read_from_the_protected_branch(world: World) -> None:
    key = 'signed_by = ["ci/allowed-signers"]'
    pattern = 'ref = "refs/tags/*-stable"'
    protect(world, change=(pattern, f"{pattern}\n{key}"))
    world.push()
    tag, sha = "v1-stable", world.git.commit.sha
    world.git.tags[tag] = Tag(object="7" * 40, commit=sha, annotated=True)
    world.git.signed = Signature(good=True, said="Good signature for mona")
    delivered(world)
    asked = [each for each in world.git.questions if each.startswith("signature")]
    assert asked == [f"signature {'7' * 40} {tag} ci/allowed-signers in {PROTECTED}"]


def test_waivers_are_read_from_the_protected_branch(world: World) -> None:
    today = date(2026, 11, 28)
    waiver = (
        'schema = 1\n[[waiver]]\nid = "CVE-2026-0001"\npackage = "openssl"\ndigest = "all"\n'
        f'owner = "mona"\nreason = "not reachable"\nexpires = {today + timedelta(days=9)}\n'
    )
    world.write("waivers.toml", waiver)
    _, here = governing.governing(world.context)
    assert len(governing.waivers(world.context, here, today).entries) == 1
    protect(world)
    _, there = governing.governing(world.context)
    assert governing.waivers(world.context, there, today).entries == ()
    world.git.files[f"{PROTECTED}:ci/waivers.toml"] = waiver.encode()
    read = governing.waivers(world.context, there, today)
    assert (len(read.entries), read.sha256) == (1, hashlib.sha256(waiver.encode()).hexdigest())
    world.git.files[f"{PROTECTED}:ci/waivers.toml"] = b"schema = 9\n"
    with pytest.raises(ConfigurationError) as caught:
        governing.waivers(world.context, there, today)
    assert "origin/main:ci/waivers.toml" in str(caught.value)


def test_a_delivery_asks_for_the_protected_waivers_and_for_no_others(world: World) -> None:
    protect(world)
    world.write("waivers.toml", "not even TOML")
    world.push()
    assert "waiversFile" not in delivered(world)
    world.git.files[f"{PROTECTED}:ci/waivers.toml"] = b"schema = 1\n"
    sha256 = hashlib.sha256(b"schema = 1\n").hexdigest()
    assert delivered(world)["waiversFile"]["sha256"] == sha256
