from __future__ import annotations

from dataclasses import replace

import pytest

from shipway.errors import EngineError
from shipway_sandbox.engine.apt import Suite
from shipway_sandbox.engine.engine_plan import (
    Cannot,
    EngineAnswer,
    Facts,
    StartPrivate,
    UseExisting,
    decide,
    engine_suite,
)

BOOKWORM = Facts(
    distribution="debian", release="12", codename="bookworm", architecture="amd64", apt=True
)
UBUNTU = Facts(
    distribution="ubuntu", release="24.04", codename="noble", architecture="arm64", apt=True
)
ANSWER = EngineAnswer(host="unix:///var/run/docker.sock", version="28.2.2", api="1.50", buildx=True)


def packages(facts: Facts) -> dict[str, tuple[str, ...]]:
    plan = decide(facts)
    assert isinstance(plan, StartPrivate)
    return {want.suite.name: want.names for want in plan.packages}


def refusal(facts: Facts) -> Cannot:
    plan = decide(facts)
    assert isinstance(plan, Cannot)
    assert plan.remedy
    return plan


def test_an_engine_that_answers_is_used_even_where_one_could_be_started() -> None:
    plan = decide(replace(BOOKWORM, answer=ANSWER))
    assert plan == UseExisting(answer=ANSWER)


def test_debian_12_takes_the_engine_from_trixie_and_runc_from_its_own_suite() -> None:
    by_suite = packages(BOOKWORM)
    assert {"docker.io", "docker-cli", "containerd", "docker-buildx", "tini"} == set(
        by_suite["trixie"]
    )
    assert {"runc", "iptables", "libnftnl11"} <= set(by_suite["bookworm"])


def test_debian_13_takes_everything_from_its_own_suite() -> None:
    by_suite = packages(replace(BOOKWORM, release="13", codename="trixie"))
    assert list(by_suite) == ["trixie"]
    assert {"docker.io", "runc", "docker-cli"} <= set(by_suite["trixie"])


def test_debian_without_a_release_number_is_a_new_one() -> None:
    assert list(packages(replace(BOOKWORM, release="", codename="forky"))) == ["forky"]


def test_ubuntu_takes_everything_from_its_own_suite_where_the_cli_is_in_docker_io() -> None:
    by_suite = packages(UBUNTU)
    assert list(by_suite) == ["noble"]
    assert "docker-cli" not in by_suite["noble"]


def test_ubuntu_reads_updates_and_universe_from_the_ports_mirror_on_arm64() -> None:
    suite = engine_suite(UBUNTU)
    assert suite.pockets == ("noble", "noble-updates")
    assert suite.components == ("main", "universe")
    assert "ports" in suite.uri


def test_the_mirror_and_keyring_are_those_of_the_machines_own_sources() -> None:
    mirror = Suite("bookworm", "http://mirror.example/debian", "/k.gpg", ("bookworm",))
    plan = decide(replace(BOOKWORM, sources=(mirror,)))
    assert isinstance(plan, StartPrivate)
    newer, own = plan.packages
    assert {newer.suite.uri, own.suite.uri} == {"http://mirror.example/debian"}
    assert own.suite.keyring == "/k.gpg"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"root": False}, "only root"),
        ({"system": "Darwin"}, "Darwin"),
        ({"system": "Windows"}, "Windows"),
        ({"distribution": "fedora"}, "fedora"),
        ({"distribution": ""}, "this distribution"),
        ({"apt": False}, "apt-get"),
        ({"codename": ""}, "apt-get"),
        ({"architecture": "riscv64"}, "riscv64"),
    ],
)
def test_where_none_can_be_started_the_reason_is_named(
    change: dict[str, object], named: str
) -> None:
    assert named in refusal(replace(BOOKWORM, **change)).what  # type: ignore[arg-type]  # fields by name


def test_a_docker_host_that_does_not_answer_is_never_replaced_by_another_engine() -> None:
    plan = refusal(replace(BOOKWORM, wish="unix:///gone.sock"))
    assert "gone.sock" in plan.where
    assert "unset DOCKER_HOST" in plan.remedy


@pytest.mark.parametrize("host", ["ssh://me@there", "tcp://10.0.0.1:2375"])
def test_an_engine_on_another_machine_cannot_reach_what_listens_on_127_0_0_1(host: str) -> None:
    assert "on this machine" in refusal(replace(BOOKWORM, wish=host)).what


@pytest.mark.parametrize("api", ["1.41", "1.9", "0.99", "?", "", "1.٤٥", "1.45\n"])
def test_an_engine_that_is_too_old_or_says_nonsense_is_refused(api: str) -> None:
    plan = refusal(replace(BOOKWORM, answer=replace(ANSWER, api=api)))
    assert "too old" in plan.what


@pytest.mark.parametrize("api", ["1.42", "1.100", "2.0"])
def test_api_versions_are_numbers_not_texts(api: str) -> None:
    assert isinstance(decide(replace(BOOKWORM, answer=replace(ANSWER, api=api))), UseExisting)


def test_buildx_is_fetched_without_root_where_an_engine_answers_but_the_cli_has_none() -> None:
    plan = decide(replace(BOOKWORM, root=False, answer=replace(ANSWER, buildx=False)))
    assert isinstance(plan, UseExisting)
    assert plan.client[0].names == ("docker-cli", "docker-buildx")


def test_without_buildx_and_without_apt_the_missing_package_is_named() -> None:
    plan = refusal(replace(BOOKWORM, apt=False, answer=replace(ANSWER, buildx=False)))
    assert "buildx" in plan.remedy


def test_a_refusal_becomes_an_error_with_its_remedy() -> None:
    error = refusal(replace(BOOKWORM, root=False)).error()
    assert isinstance(error, EngineError)
    assert "DOCKER_HOST" in error.remedy
