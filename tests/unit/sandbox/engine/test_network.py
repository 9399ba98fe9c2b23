from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from shipway_sandbox.engine import network, supervisor

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"


def test_slots_share_no_address_and_no_name() -> None:
    slots = [network.Slot(number) for number in range(network.SLOTS)]
    assert len({slot.bridge for slot in slots}) == network.SLOTS
    for mine in slots:
        others = [slot for slot in slots if slot is not mine]
        assert not any(mine.pool.overlaps(other.pool) for other in others)


@pytest.mark.parametrize("number", [0, 15])
def test_bridge_and_networks_lie_apart_in_the_pool(number: int) -> None:
    slot = network.Slot(number)
    bridge = ipaddress.IPv4Network(f"{slot.gateway}/24", strict=False)
    networks = ipaddress.IPv4Network(slot.networks)
    assert bridge.subnet_of(slot.pool)
    assert networks.subnet_of(slot.pool)
    assert not bridge.overlaps(networks)


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("", ""),
        ("docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", ""),
        ("tun0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", "tun0"),
        ("tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n", "tun0"),
        ("br-x\t0010D50A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", ""),
    ],
)
def test_a_route_into_the_pool_is_found_and_the_default_route_is_none(
    line: str, device: str
) -> None:
    assert network.overlaps(HEAD + DEFAULT + line, network.Slot(0).pool) == device


def test_every_rule_is_marked_as_ours() -> None:
    for rule in network.rules(network.Slot(3)):
        assert "shipway3" in rule


def test_the_private_engine_neither_touches_the_firewall_nor_another_bridge() -> None:
    settings = supervisor.configuration(network.Slot(0))
    assert settings["iptables"] is False
    assert settings["ip-forward"] is False


def job(run: str = "/r") -> supervisor.Job:
    return supervisor.Job(
        slot=2,
        lock_fd=5,
        owner=1,
        engine="/e",
        path="/p",
        libraries="/l",
        xtables="/x",
        data="/d",
        run=run,
        borrowed=False,
        log="/log",
    )


def test_dockerd_listens_on_its_own_socket_only_and_dies_with_the_supervisor() -> None:
    command = supervisor.command(job())
    assert [command[i + 1] for i, word in enumerate(command) if word == "--host"] == [
        "unix:///r/docker.sock"
    ]
    assert command[command.index("--bridge") + 1] == "shipway2"
    assert command[:3] == ["setpriv", "--pdeathsig", "KILL"]
    assert "--kill-child" in command


def test_no_credential_of_the_owner_reaches_dockerd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    env = job().env
    assert "AWS_SECRET_ACCESS_KEY" not in env
    assert env["HTTPS_PROXY"] == "http://proxy.example"


def test_the_plan_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    job().write(tmp_path / "plan")
    assert supervisor.Job.read(tmp_path / "plan") == job()
