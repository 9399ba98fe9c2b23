"""Other people's repositories: shipway from its wheels, ``init``, and what works right after it.

Nothing of this checkout is on the path there: what is installed is what a person would install.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.entry.foreign import (
    KINDS,
    NUMBERS,
    OWN_NOXFILE,
    SECONDS,
    Foreign,
    Installed,
    Kind,
    Make,
    outside,
    run,
    uv,
    without_uv,
)

if TYPE_CHECKING:
    from tests.entry.conftest import Running

pytestmark = pytest.mark.timeout(600)

_SESSIONS = {"build", "publish", "deploy", "verify", "rehearse", "contract", "bootstrap", "audit"}
_LOCKS = ("ci/shipway.lock", "ci/shipway-sandbox.lock")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_repository_is_adopted_at_once(make: Make, kind: Kind) -> None:
    foreign = make(kind.files)
    foreign.here.git("remote", "set-url", "origin", f"https://github.com/acme/{kind.name}.git")
    said = foreign.shipway("init", "--yes", "--offline", *NUMBERS, *kind.words)
    assert said.code == 0, said.out + said.err
    assert said.err == ""
    assert "+++ ci/delivery.toml" in said.lines  # a diff comes first
    assert "nox -s rehearse" in said.out
    delivery = foreign.text("ci/delivery.toml").splitlines()
    assert set(kind.expected) <= set(delivery)
    assert any(line.startswith("url = ") for line in delivery) is bool(kind.port)

    # What was there stays, but for lines that were added.
    for name, text in kind.files.items():
        assert foreign.text(name).startswith(text.rstrip("\n"))

    contract = foreign.shipway("contract")
    assert contract.code == 0, contract.out
    assert "No difference" in contract.out

    before = {name: foreign.text(name) for name in _LOCKS}
    again = foreign.shipway("init", "--yes")  # needs neither numbers nor the index now
    assert (again.code, again.lines[-1][:13]) == (0, "Nothing to do"), again.out

    listed = foreign.nox("-l", with_uv=kind.with_uv)
    assert listed.code == 0, listed.err
    marked = {
        name: mark for mark, name in re.findall(r"^([*-]) (\S+) -> ", listed.out, re.MULTILINE)
    }
    assert set(marked) >= (_SESSIONS | kind.own)
    assert {name for name, mark in marked.items() if mark == "*"} == kind.own - {"build"}
    assert ("shipway-build" in marked) is ("build" in kind.own)

    ran = foreign.nox("-s", "contract", with_uv=kind.with_uv)
    assert ran.code == 0, ran.out + ran.err
    assert f"({'uv' if kind.with_uv else 'virtualenv'})" in ran.err
    assert "--require-hashes" in ran.err
    assert "No difference" in ran.out

    # What the tools leave behind is ignored, and nothing that was written has changed.
    foreign.here.git("add", "--all")
    foreign.here.git("commit", "--quiet", "--message=adopt")
    assert foreign.state() == ""
    assert {name: foreign.text(name) for name in _LOCKS} == before
    assert "__pycache__" not in foreign.here.git("ls-files")


def test_an_own_session_of_the_same_name_is_the_one_that_runs(make: Make) -> None:
    foreign = make({"noxfile.py": OWN_NOXFILE, "Dockerfile": "FROM scratch\n"})
    assert foreign.shipway("init", "--yes", "--offline", *NUMBERS).code == 0
    ran = foreign.nox("-s", "build")
    assert (ran.code, "my own build" in ran.err) == (0, True)
    bare = foreign.nox()
    assert (bare.code, re.findall(r"Running session (\S+)", bare.err)) == (0, ["tests"])


def test_the_locks_are_the_same_each_time_and_their_lack_is_told(make: Make) -> None:
    foreign = make({"Dockerfile": "FROM scratch\n"})
    assert foreign.shipway("init", "--yes", "--offline", *NUMBERS).code == 0
    first = {name: foreign.text(name) for name in _LOCKS}
    assert all(text.startswith("# Written by `shipway upgrade`") for text in first.values())
    assert "ministack" not in first["ci/shipway.lock"]
    assert "ministack==" in first["ci/shipway-sandbox.lock"]
    again = foreign.shipway("upgrade")
    assert again.lines[:1] == ["no change: ci/shipway.lock"]
    assert {name: foreign.text(name) for name in _LOCKS} == first

    (foreign.here.folder / "ci/shipway.lock").unlink()
    ran = foreign.nox("-s", "contract")
    assert ran.code == 1
    assert "ci/shipway.lock is missing" in ran.err
    assert "shipway upgrade" in ran.err


def test_a_wheel_in_the_repository_is_found_wherever_it_is_checked_out(
    make: Make, dist: Path, tmp_path: Path
) -> None:
    foreign = make({"Dockerfile": "FROM scratch\n", "ci/delivery.toml": "schema = 1\n"})
    wheels = foreign.here.folder / "ci/wheels"
    shutil.copytree(dist, wheels)
    venv = tmp_path / "own"
    run(uv(), "venv", "--quiet", str(venv))
    there = outside(VIRTUAL_ENV=str(venv))
    run(uv(), "pip", "install", "--quiet", str(next(wheels.glob("shipway-*.whl"))), env=there)
    own = Foreign(
        here=foreign.here, installed=Installed(programs=venv / "bin"), paths=foreign.paths
    )
    said = own.shipway("upgrade")
    assert (said.code, "this machine alone" in said.out) == (0, False), said.out
    assert re.search(r"^\./ci/wheels/shipway-\S+\.whl \\$", own.text(_LOCKS[0]), re.MULTILINE)
    moved = tmp_path / "elsewhere"
    foreign.here.folder.rename(moved)
    there = outside(VIRTUAL_ENV=str(venv))
    words = ("pip", "install", "--quiet", "--dry-run", "--require-hashes", "--no-deps", "-r")
    done = subprocess.run(
        [uv(), *words, _LOCKS[0]], check=False, capture_output=True, cwd=moved, env=there
    )
    assert done.returncode == 0, done.stderr


def test_github_says_the_numbers_where_gh_is_signed_in(make: Make, tmp_path: Path) -> None:
    foreign = make({"Dockerfile": "FROM scratch\n"})
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\necho \'{"id": 31, "owner": {"id": 14}}\'\n', encoding="utf-8")
    gh.chmod(0o755)
    path = f"{gh.parent}{os.pathsep}{foreign.paths['PATH']}"
    said = foreign.shipway("init", "--yes", env={"PATH": path})
    assert said.code == 0, said.out
    contract = foreign.text("ci/release.toml")
    assert "repository_id = 31\nowner_id = 14\n" in contract


_ONE = {"Dockerfile": "FROM scratch\n"}
_TWO = {"api/Dockerfile": "FROM scratch\n", "web/Dockerfile": "FROM scratch\n"}
_BROKEN = {**_ONE, "ci/delivery.toml": "schema = 1\n"}


@pytest.mark.parametrize(
    ("files", "words", "told"),
    [
        ({}, NUMBERS, (10, "no Dockerfile", "--dockerfile PATH")),
        (_TWO, NUMBERS, (10, "2 Dockerfiles", "--dockerfile api/Dockerfile")),
        (_TWO, (*NUMBERS, "--dockerfile", "x/Dockerfile"), (10, "no such file", "root")),
        (_BROKEN, NUMBERS, (10, "ci/delivery.toml is there", "ci/release.toml")),
        (_ONE, (), (10, "numbers of acme/foreign", "gh api repos/acme/foreign")),
        (_ONE, (*NUMBERS, "--port", "http"), (2, "no port", "65535")),
        (_ONE, (*NUMBERS, "--name", "Not A Name"), (2, "--name", "small letters")),
        (_ONE, (*NUMBERS, "--worker", "mailer"), (2, "no worker", "--worker")),
        (_ONE, (*NUMBERS, "--production-tags", "release/**"), (10, 'holds "**"', "flag")),
        ({**_ONE, "noxfile.py": "def ("}, NUMBERS, (10, "as Python", "own sessions stay")),
        (_ONE, (*NUMBERS, "--from-service", "a/b"), (2, "without asking AWS", "--offline")),
    ],
)
def test_what_cannot_be_is_one_message_and_nothing_is_written(
    make: Make, files: dict[str, str], words: tuple[str, ...], told: tuple[int, str, str]
) -> None:
    code, what, remedy = told
    foreign = make(files)
    said = foreign.shipway("init", "--yes", "--offline", "--json", *words)
    assert said.code == code, said.out + said.err
    errors = [event for event in said.events if event["type"] == "error"]
    assert len(errors) == 1
    assert what in " ".join([errors[0]["what"], errors[0]["where"], *errors[0]["details"]])
    assert remedy in errors[0]["remedy"] + " ".join(errors[0]["details"])
    assert "/tmp/" not in json.dumps(errors)  # noqa: S108  # a folder of ours is nobody's concern
    assert foreign.state() == ""


def test_of_several_dockerfiles_one_is_delivered_and_the_others_are_named(make: Make) -> None:
    foreign = make({**_TWO, "web/app.py": ""})
    words = ("--yes", "--offline", *NUMBERS, "--dockerfile", "web/Dockerfile")
    said = foreign.shipway("init", *words)
    assert said.code == 0, said.out
    assert "left alone: api/Dockerfile; what is written delivers one image" in said.out
    assert 'context = "web"' in foreign.text("ci/delivery.toml")


def test_a_repository_without_a_remote_is_told(make: Make) -> None:
    foreign = make(_ONE)
    foreign.here.git("remote", "remove", "origin")
    said = foreign.shipway("init", "--yes", "--offline", *NUMBERS)
    assert said.code == 18
    assert "no remote called origin" in said.out
    assert foreign.state() == ""
    named = ("--repository", "acme/tally")
    assert foreign.shipway("init", "--yes", "--offline", *named, *NUMBERS).code == 0


def test_nothing_is_written_without_a_yes(make: Make) -> None:
    foreign = make(_ONE)
    said = foreign.shipway("init", "--offline", *NUMBERS)
    assert (said.code, "--yes" in said.out, foreign.state()) == (2, True, "")


@pytest.mark.parametrize(
    ("typed", "code"), [("\nv*\n\n444455556666\ny\n", 0), ("\n\n\n\nno\n", 2), ("\n\x04", 130)]
)
def test_a_person_is_asked_what_cannot_be_seen(make: Make, typed: str, code: int) -> None:
    foreign = make({"Dockerfile": "FROM scratch\n"})
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, typed.encode())
        done = subprocess.run(
            [foreign.installed / "shipway", "init", "--offline", *NUMBERS],
            check=False,
            cwd=foreign.here.folder,
            env={**foreign.here.env, **foreign.paths},
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert done.returncode == code, done.stdout + done.stderr
    assert "? it is called  [foreign]" in done.stdout
    if code:
        assert foreign.state() == ""
        return
    questions = re.findall(r"\? (.+?)  \[(.+?)\]", done.stdout)
    assert [default for _, default in questions] == [
        "foreign",
        "*-stable",
        "env:AWS_ACCOUNT_ID",
        "env:AWS_ACCOUNT_ID",
        "yes",
    ]
    assert 'account = "444455556666"' in foreign.text("ci/delivery.toml")
    assert 'ref = "refs/tags/v*"' in foreign.text("ci/release.toml")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({**_ONE, "ci/shipway.lock": ""}, ("upgrade",)),
        (_ONE, ("init", "--yes", "--offline", *NUMBERS)),
    ],
    ids=["upgrade", "init"],
)
def test_without_uv_one_message_says_what_to_install(
    make: Make, files: dict[str, str], words: tuple[str, ...]
) -> None:
    foreign = make(files)
    said = foreign.shipway(*words, env={"PATH": without_uv(foreign.paths["PATH"])})
    assert said.code == 10, said.out
    assert "uv is not installed" in said.out
    assert "pip install uv" in said.out
    assert foreign.state() == ""


def test_upgrade_writes_nothing_where_shipway_was_not_adopted(make: Make) -> None:
    foreign = make(_ONE)
    said = foreign.shipway("upgrade")
    assert (said.code, foreign.state()) == (10, "")
    assert "has not adopted shipway" in said.out
    assert "shipway init" in said.out


def test_what_was_written_before_a_failure_is_put_back(make: Make) -> None:
    foreign = make({**_ONE, ".github": "a file where a folder should be\n"})
    said = foreign.shipway("init", "--yes", "--offline", *NUMBERS)
    assert said.code == 10, said.out
    assert "nothing was changed" in said.out
    assert foreign.state() == ""


def test_the_wheel_holds_what_init_needs(dist: Path) -> None:
    import zipfile  # noqa: PLC0415  # only here

    names: list[Any] = zipfile.ZipFile(next(dist.glob("shipway-*.whl"))).namelist()
    assert "shipway/adoption/deploy.yml" in names


def test_a_live_service_says_everything(make: Make, sandbox: Running) -> None:
    foreign = make({"Dockerfile": "FROM scratch\nEXPOSE 9999\n"})
    account = sandbox.state["accounts"]["staging"]
    env = {**sandbox.administrator("staging"), "AWS_REGION": "eu-west-1"}
    words = ("init", "--yes", *NUMBERS, "--from-service")
    absent = foreign.shipway(*words, "shop-staging/nosuch", env=env)
    assert (absent.code, foreign.state()) == (10, ""), absent.out
    assert "there is no service nosuch" in absent.out
    other = foreign.shipway(*words, "shop-staging/web", "--staging-account", "9" * 12, env=env)
    assert (other.code, foreign.state()) == (15, ""), other.out
    assert f"these credentials belong to account {account}" in other.out

    said = foreign.shipway(*words, "shop-staging/web", env=env)
    assert said.code == 0, said.out + said.err
    environments = tomllib.loads(foreign.text("ci/delivery.toml"))["environments"]
    staging, production = environments["staging"], environments["production"]
    assert (staging["account"], staging["region"]) == (account, "eu-west-1")
    assert staging["cluster"] == "ssm:/shop/staging/cluster"  # the names that are published win
    assert staging["repository"] == "ssm:/shop/staging/repository"
    assert production["cluster"] == "ssm:/shop/production/cluster"
    web = staging["services"]["web"]
    assert (web["service"], web["container"]) == ("ssm:/shop/staging/service", "web")
    assert web["path"] == "/health"  # the load balancer's
    assert web["url"] == "cfn:shop-staging.Url"  # and so does an output that is the address
    assert foreign.shipway("contract").code == 0
