"""The sandbox as one process: it owns the engine, the embedded AWS and the compute layer.

``python -m shipway_sandbox.process --run DIR`` tells its progress on standard output, line by
line, and writes ``DIR/world.json`` (0600) when a delivery can be made. It ends when its owner
closes the pipe that ``--owner-fd`` names (kill -9 included), after ``--idle`` seconds without a
request, or on SIGTERM, and takes everything it started with it: the embedded AWS watches a pipe of
this process, and the supervisor of a private engine does the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, Final

from shipway.aws.credentials import Credentials, client
from shipway.errors import SandboxError, ShipwayError
from shipway.util.disk import writing
from shipway_sandbox import compute, locks, own_templates
from shipway_sandbox.engine import bases, engine
from shipway_sandbox.engine.busybox import program as busybox
from shipway_sandbox.plan import Layer, WorldPlan, read_plan
from shipway_sandbox.serve import write_secrets

WORLD_FILE: Final = "world.json"
PLAN_FILE: Final = "plan.json"
"""What the sandbox is made of; whoever starts it writes this first."""
LOCK_FILE: Final = "process.lock"
"""Held from the start of a sandbox until all it started has ended."""
_READY_SECONDS: Final = 30.0
_END_SECONDS: Final = 12.0
_LOOK_SECONDS: Final = 0.5


def tell(text: str) -> None:
    """One line of progress for whoever started this; nobody may be listening any more."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextlib.contextmanager
def emulator(
    run: Path, docker: engine.Engine, *, port: int, idle: float
) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """The embedded AWS as a child that ends when this process does; gives its sandbox.json.

    Raises:
        SandboxError: It ended at its start or did not answer in time; its words are in the details.
    """
    log = run / "emulator.log"
    state_file = run / "sandbox.json"
    state_file.unlink(missing_ok=True)
    reading, writing = os.pipe()
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "shipway_sandbox.serve",
                    "--run",
                    str(run),
                    "--port",
                    str(port),
                    "--plan",
                    str(run / PLAN_FILE),
                    "--docker",
                    docker.host,
                    "--owner-fd",
                    str(reading),
                    *(("--idle", str(idle)) if idle else ()),
                ],
                env={**os.environ, **docker.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(reading,),
                start_new_session=True,
            )
    finally:
        os.close(reading)
    try:
        yield _await_state(process, state_file, log), process
    finally:
        os.close(writing)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_state(process: subprocess.Popen[bytes], file: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if file.is_file():
            return dict(json.loads(file.read_bytes()))
        if process.poll() is not None:
            lines = log.read_text(errors="replace").splitlines()
            raise SandboxError(
                lines[0] if lines else f"the embedded AWS ended with {process.returncode}",
                where=str(log),
                details=tuple(lines[1:12]),
                remedy="see the lines above; a port in use frees itself when its owner ends",
            )
        time.sleep(0.02)
    raise SandboxError(
        f"the embedded AWS did not answer within {_READY_SECONDS:.0f} s",
        where=str(log),
        remedy="see that log; on a machine under load try again",
    )


def settle(layers: Sequence[Layer], state: Mapping[str, Any], program: bytes) -> None:
    """Make every environment's compute layer, all at once, and wait until it is healthy.

    Raises:
        SandboxError: A stack or a service did not come up.
    """

    def make(layer: Layer) -> tuple[Any, Layer]:
        root = Credentials(
            access_key_id=layer.account,
            secret_access_key=str(state["root_secret_access_key"]),
        )

        def admin(service: str) -> Any:
            return client(
                service, region=layer.region, endpoint=state["endpoint"], credentials=root
            )

        make_layer = own_templates.create if layer.templates else compute.create
        make_layer(admin, layer, state, program)
        return admin("ecs"), layer

    with ThreadPoolExecutor(len(layers)) as pool:
        services = list(pool.map(make, layers))
    # A stack of the user's own is complete once its services are steady.
    compute.wait_until_steady([(ecs, layer) for ecs, layer in services if not layer.templates])


def variables(docker: engine.Engine, state: Mapping[str, Any]) -> dict[str, str]:
    """What a delivery's environment must hold to happen in this world; credentials come apart."""
    return {
        **docker.env,
        "AWS_ENDPOINT_URL": str(state["endpoint"]),
        # Believed by shipway.github.oidc only beside that very endpoint.
        "SHIPWAY_TOKEN_ISSUER": str(state["issuer"]),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def serve(options: argparse.Namespace) -> None:
    """Start everything, say so, and wait for the end.

    Raises:
        ShipwayError: Something could not be started; nothing of it is left running.
    """
    run: Path = options.run
    plan: WorldPlan = read_plan((run / PLAN_FILE).read_bytes())
    with contextlib.ExitStack() as stack:
        docker = stack.enter_context(engine.start(options.cache, run / "engine", tell))
        with ThreadPoolExecutor(1) as pool:
            files = [Path(name) for name in options.dockerfile]
            wanted = pool.submit(bases.adopt, docker, bases.named(files), options.cache, tell)
            program = busybox(options.cache, tell)
            state, process = stack.enter_context(
                emulator(run, docker, port=options.port, idle=options.idle)
            )
            tell(f"AWS answers at {state['endpoint']} (embedded; no account is used)")
            if state["user"] == 0:
                tell("it runs as root: this machine lets no other user run it")
            settle(plan.layers, state, program)
            adopted = wanted.result()
        names = ", ".join(layer.environment for layer in plan.layers)
        tell(f"{len(plan.layers)} environments are healthy: {names}")
        world = {
            "pid": os.getpid(),
            "state": state,
            "claims": dict(plan.person),
            "roles": {layer.environment: layer.role for layer in plan.layers},
            "variables": {
                **plan.variables,
                **variables(docker, state),
                **adopted.variables({}),
            },
            "engine": docker.written(),  # for base images that are needed later
            "bases": adopted.notices,
        }
        write_secrets(run / WORLD_FILE, world)
        stack.callback((run / WORLD_FILE).unlink, missing_ok=True)
        tell("ready")
        _wait(options, process)


def _wait(options: argparse.Namespace, process: subprocess.Popen[bytes]) -> None:
    """Until the owner is gone, or the embedded AWS ended (by itself where nobody asked it)."""
    watched = [options.owner_fd] if options.owner_fd is not None else []
    while True:
        ready, _, _ = select.select(watched, [], [], _LOOK_SECONDS)
        if ready and not os.read(options.owner_fd, 4096):
            return
        if (code := process.poll()) is not None:
            if code == 0 and options.idle:
                return
            raise SandboxError(
                f"the embedded AWS ended with {code}", where=str(options.run / "emulator.log")
            )


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m shipway_sandbox.process")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run")
    parser.add_argument("--cache", type=Path, required=True, help="folder kept between runs")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--dockerfile", action="append", default=[], help="whose bases are needed")
    parser.add_argument("--owner-fd", type=int, help="end when this descriptor is at its end")
    parser.add_argument("--idle", type=float, default=0.0, help="end after so many quiet seconds")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the end; the answer is the exit code."""
    options = arguments(argv)

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with writing("the sandbox's state", options.run, SandboxError, needs="about 1 GB"):
            options.run.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = locks.take(options.run / LOCK_FILE, _END_SECONDS, "the sandbox before this one")
            locks.sign(lock)
            serve(options)
    except ShipwayError as error:
        tell(
            json.dumps(
                {
                    "error": type(error).__name__,
                    "what": error.what,
                    "where": error.where,
                    "remedy": error.remedy,
                    "details": error.details,
                }
            )
        )
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
