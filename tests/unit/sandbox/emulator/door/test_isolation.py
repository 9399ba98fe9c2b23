"""What a task may have of the machine."""

from __future__ import annotations

from typing import Any

import pytest

from shipway_sandbox.emulator.door.isolation import refusal


def definition(container: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{"name": "web", **(container or {})}], **more}


@pytest.mark.parametrize(
    "allowed",
    [
        definition(),
        definition({"privileged": False}, networkMode="awsvpc"),
        definition(networkMode="bridge", pidMode="task", volumes=[{"name": "x", "host": {}}]),
        definition({"linuxParameters": {"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}}),
        definition({"linuxParameters": {"initProcessEnabled": True, "devices": []}}),
        {"ContainerDefinitions": [{"Name": "web", "Privileged": "false"}], "Volumes": []},
    ],
)
def test_what_fargate_gives_is_given(allowed: dict[str, Any]) -> None:
    assert refusal(allowed) == ""


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (definition({"privileged": True}), "does not support privileged (container web)"),
        ({"ContainerDefinitions": [{"Name": "web", "Privileged": "true"}]}, "privileged"),
        (definition(networkMode="host"), "network mode 'awsvpc'"),
        (definition(networkMode="container:other"), "network mode"),
        (definition(pidMode="host"), "pidMode 'host'"),
        (definition(ipcMode="host"), "ipcMode 'host'"),
        (definition(volumes=[{"name": "x", "host": {"sourcePath": "/"}}]), "host.sourcePath"),
        (definition(Volumes=[{"Name": "x", "Host": {"SourcePath": "/"}}]), "host.sourcePath"),
        (
            definition(volumes=[{"name": "x", "dockerVolumeConfiguration": {"driver": "local"}}]),
            "dockerVolumeConfiguration",
        ),
        (definition({"linuxParameters": {"devices": [{"hostPath": "/dev/sda"}]}}), "devices"),
        (definition({"LinuxParameters": {"Devices": [{"HostPath": "/dev/sda"}]}}), "devices"),
        (definition({"linuxParameters": {"capabilities": {"add": ["ALL"]}}}), "no capability"),
        (definition({"dockerSecurityOptions": ["apparmor=unconfined"]}), "dockerSecurityOptions"),
    ],
)
def test_what_it_does_not_is_refused_with_the_reason(wanted: dict[str, Any], why: str) -> None:
    assert why in refusal(wanted)
