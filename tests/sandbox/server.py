"""The embedded AWS as a process of its own, for a room of tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def serving(
    folder: Path, docker: str, *options: str, ready: float = 15.0, end: float = 15.0
) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """What a server says of itself, and its process; it ends with the context or with this process.

    Nothing that went wrong in it goes unseen: its log may hold no traceback in the end. ``ready``
    and ``end`` are the seconds that it has for its start and for its end.
    """
    command = [sys.executable, "-m", "shipway_sandbox.serve", "--run", str(folder)]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--docker", docker, "--owner-fd", "0", *options],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + ready
        while not (folder / "sandbox.json").exists():
            assert process.poll() is None, (folder / "serve.log").read_text()
            assert time.monotonic() < deadline, "the server is not ready in time"
            time.sleep(0.02)
        yield json.loads((folder / "sandbox.json").read_text()), process
        output = (folder / "serve.log").read_text()
        assert "Traceback" not in output, output
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=end)


def execution_role(iam: Any) -> str:
    """Make a role that tasks may assume and that may do everything; its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    document = json.dumps({"Statement": [{**trust, "Action": "sts:AssumeRole"}]})
    name = "tests-execution"
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    policy = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    return str(made["Role"]["Arn"])
