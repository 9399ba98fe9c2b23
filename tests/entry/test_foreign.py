"""Other people's services, wholly: from ``init`` to a rehearsal that is met and a delivery.

The ordinary run rehearses two of the kinds; ``nox -s foreign`` all five.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.entry.foreign import KINDS, NUMBERS, Foreign, Kind, Make

pytestmark = pytest.mark.timeout(1500)

ALL = "SHIPWAY_TEST_FOREIGN"
"""Set, every kind is rehearsed."""
_WHOLE = 600.0


def _rehearsed(kind: Kind) -> Any:
    """A parameter that is left out of the ordinary run, for each takes a minute or more."""
    later = not kind.whole and not os.environ.get(ALL)
    marks = pytest.mark.skipif(later, reason="nox -s foreign rehearses it")
    return pytest.param(kind, marks=marks, id=kind.name)


@contextmanager
def sandbox_of(foreign: Foreign, kind: Kind) -> Iterator[None]:
    """Have the background sandbox of a repository end."""
    try:
        yield
    finally:
        [program] = foreign.here.folder.glob(".nox/*deploy/bin/shipway")
        ended = foreign.here.types(str(program), "sandbox", "--down", env=foreign.paths)
        assert ended.code == 0, ended.out + ended.err
        assert "the sandbox has ended" in ended.out, kind.name


def ecs(cache: Path, name: str) -> Any:
    """ECS of the sandbox's local environment, with the rights of its root."""
    [file] = (cache / "shipway/sandbox").glob(f"acme--{name}-*/world.json")
    state = json.loads(file.read_bytes())["state"]
    return boto3.client(
        "ecs",
        endpoint_url=state["endpoint"],
        region_name="eu-west-1",
        aws_access_key_id=state["accounts"]["local"],
        aws_secret_access_key=state["root_secret_access_key"],
    )


@pytest.mark.parametrize("kind", [_rehearsed(kind) for kind in KINDS if kind.services])
def test_a_service_of_somebody_elses_is_rehearsed_and_delivered(
    make: Make, kind: Kind, cache: Path
) -> None:
    foreign = make(kind.files)
    foreign.here.git("remote", "set-url", "origin", f"https://github.com/acme/{kind.name}.git")
    begun = foreign.shipway("init", "--yes", "--offline", *NUMBERS, *kind.words)
    assert begun.code == 0, begun.out + begun.err
    for old, new in (
        (f"port = {kind.port}\n", f"port = {kind.port}\nmemory = {kind.memory}\n"),
        (f'path = "{kind.path}"\n', f'path = "{kind.path}"\nexpected_status = {kind.status}\n'),
    ):
        text = foreign.text("ci/delivery.toml")
        assert old in text
        (foreign.here.folder / "ci/delivery.toml").write_text(text.replace(old, new))

    rehearsed = foreign.nox("-s", "rehearse", with_uv=kind.with_uv, seconds=_WHOLE)
    told = rehearsed.out + rehearsed.err
    assert rehearsed.code == 0, told
    assert "11 of 11 met" in rehearsed.out, told
    assert "Unmet" not in rehearsed.out
    # Every cause is named, of their own container and port.
    for cause in (
        f'container "{kind.container}" exited with code 1 (',
        f'container "{kind.container}" exited with code 3 (',
        "failed with these codes: [500]",
        f"nothing answers on port {kind.port}",
        "exit 24 (image-not-found)",
        "the execution role may not read a secret",
    ):
        assert cause in rehearsed.out, (cause, told)

    with sandbox_of(foreign, kind):
        delivered = foreign.nox(
            *("-s", "deploy", "--", "--env", "local"), with_uv=kind.with_uv, seconds=_WHOLE
        )
        assert delivered.code == 0, delivered.out + delivered.err
        assert f"{kind.path} {kind.status}, 5 in a row" in delivered.out
        client = ecs(cache, kind.name)
        [cluster] = client.list_clusters()["clusterArns"]
        names = [
            arn.rpartition("/")[2] for arn in client.list_services(cluster=cluster)["serviceArns"]
        ]
        services = client.describe_services(cluster=cluster, services=names)["services"]
        assert sorted(service["serviceName"] for service in services) == sorted(kind.services)
        for service in services:
            definition = client.describe_task_definition(taskDefinition=service["taskDefinition"])
            task = definition["taskDefinition"]
            [container] = task["containerDefinitions"]
            assert container["name"] == kind.container
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])
            if service["serviceName"] == kind.services[0]:
                assert task["memory"] == str(kind.memory)
                assert [port["containerPort"] for port in container["portMappings"]] == [kind.port]
            else:
                assert container["command"] == ["python", "mailer.py"]
                assert service["runningCount"] == 1
    [record] = foreign.here.records()
    assert [service["key"] for service in record["services"]] == list(kind.services)
