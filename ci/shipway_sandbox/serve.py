"""The sandbox's one process: AWS, a registry and GitHub's token service on a loopback port.

``python -m shipway_sandbox.serve --run DIR`` writes ``DIR/sandbox.json`` (0600) once it answers,
prints nothing, and ends when it is told to (SIGTERM, SIGINT), when its owner is gone
(``--owner-fd``: end of file on that descriptor, also after kill -9), or after ``--idle`` seconds
without a request. All it made in the Docker engine is removed then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway.errors import SandboxError, ShipwayError
from shipway_sandbox import lowered
from shipway_sandbox.lowered import Publish
from shipway_sandbox.plan import WorldPlan, read_plan

ACCOUNTS = {"local": "123456789012", "staging": "111122223333", "production": "444455556666"}
"""The account of each environment, where no plan says it."""
REGION = "eu-west-1"
_STATE_FILE = "sandbox.json"
_CLEAN_SECONDS = 5.0
_IDLE_LOOK_SECONDS = 0.5


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a wrong one ends the process with exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m shipway_sandbox.serve")
    parser.add_argument("--run", type=Path, help="folder for sandbox.json and the log")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--plan", type=Path, help="what the world is made of; names its accounts")
    parser.add_argument("--docker", default="", help="the engine's address; default: DOCKER_HOST")
    parser.add_argument("--owner-fd", type=int, help="end when this descriptor is at its end")
    parser.add_argument("--idle", type=float, help="end after this many seconds without a request")
    parser.add_argument("--minute", type=float, default=60.0, help="seconds in a minute of baking")
    parser.add_argument("--without", action="append", default=[], help="leave a correction out")
    parser.add_argument("--corrections", action="store_true", help="list the corrections and end")
    return parser.parse_args(argv)


def listen(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A listening socket on an address of the loopback interface.

    Raises:
        SandboxError: The port is in use, or is none.
    """
    try:
        return socket.create_server((address, port), backlog=256)
    except (OSError, OverflowError) as error:
        raise SandboxError(
            f"{address}:{port} cannot be listened on: {error}",
            remedy="end what uses the port, or leave the port out to have a free one taken",
        ) from error


def write_secrets(path: Path, value: Mapping[str, object]) -> None:
    """Write a JSON file in one step, readable by its owner only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
    partial.replace(path)


def watch_owner(descriptor: int, end: threading.Event) -> None:
    """Set ``end`` once nobody holds the other end of the pipe any more."""

    def watch() -> None:
        try:
            while os.read(descriptor, 4096):
                pass
        except OSError:
            pass
        end.set()

    threading.Thread(target=watch, name="owner", daemon=True).start()


async def _serve(
    options: argparse.Namespace,
    plan: WorldPlan | None,
    listening: Sequence[socket.socket],
    publish: Publish,
) -> None:
    from hypercorn.asyncio import serve  # noqa: PLC0415  # in the extra, like ministack
    from hypercorn.config import Config  # noqa: PLC0415  # the same

    from shipway_sandbox.emulator import hosting  # noqa: PLC0415  # the same

    port = listening[0].getsockname()[1]
    accounts = plan.accounts if plan else ACCOUNTS
    registries = plan.registries if plan else {}
    end = threading.Event()
    run = hosting.new_run()
    hosted: list[hosting.Hosted] = []

    async def ready() -> None:
        state = _state(hosted[0], port, options.region, accounts)
        state["registries"] = {scope: f"{address}:{port}" for address, scope in registries.items()}
        await asyncio.to_thread(publish, state)

    settings = hosting.Settings(
        port=port,
        region=options.region,
        account=next(iter(accounts.values())),
        docker=options.docker,
        without=tuple(options.without),
        minute=options.minute,
        registries=registries,
    )
    hosted.append(await asyncio.to_thread(hosting.start, settings, run, ready))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if options.owner_fd is not None:
        watch_owner(options.owner_fd, end)

    async def ended() -> None:
        while not end.is_set():
            quiet = time.monotonic() - hosted[0].application.last_request
            if options.idle and quiet > options.idle:
                return
            await asyncio.sleep(_IDLE_LOOK_SECONDS / 5)

    config = Config()
    config.bind = [f"fd://{listener.detach()}" for listener in listening]
    config.accesslog = None
    config.errorlog = None
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.shutdown_timeout = 1.0
    config.h11_max_incomplete_size = 64 * 1024
    try:
        await serve(hosted[0].application, config, shutdown_trigger=ended)
    finally:
        stopper = threading.Thread(target=hosting.stop, daemon=True)
        stopper.start()
        await asyncio.to_thread(stopper.join, _CLEAN_SECONDS)


def _until_its_end(serving: Coroutine[Any, Any, None]) -> int:
    asyncio.run(serving)
    return 0


def _do(options: argparse.Namespace) -> int:
    """Serve, as another user where root started this; the answer is the exit code."""
    if options.corrections:
        sys.stdout.write(_list_corrections())
        return 0
    if options.run is None:
        raise SandboxError("--run names the folder for sandbox.json")
    options.run.mkdir(parents=True, exist_ok=True)
    file: Path = options.run / _STATE_FILE
    plan = read_plan(options.plan.read_bytes()) if options.plan else None
    first = listen(options.port)
    port = first.getsockname()[1]
    listening = [first, *(listen(port, address) for address in (plan.registries if plan else ()))]

    def publish(state: dict[str, Any]) -> None:
        write_secrets(file, state)

    def work(told: Publish) -> int:
        return _told_of(lambda: _until_its_end(_serve(options, plan, listening, told)))

    try:
        if os.geteuid() == 0:
            return lowered.serve(work, publish, docker=options.docker, sockets=listening)
        return work(publish)
    finally:
        file.unlink(missing_ok=True)


def _state(hosted: Any, port: int, region: str, accounts: Mapping[str, str]) -> dict[str, Any]:
    endpoint = f"http://localhost:{port}"
    return {
        "run": hosted.run,
        "pid": os.getpid(),
        "user": os.geteuid(),
        "port": port,
        "endpoint": endpoint,
        "registry": f"localhost:{port}",
        "issuer": hosted.issuer.url,
        "id_token_request_url": hosted.issuer.request_url,
        "accounts": dict(accounts),
        "region": region,
        "root_secret_access_key": hosted.root_secret,
        "admin_secret": hosted.admin_secret,
    }


def _list_corrections() -> str:
    from shipway_sandbox.emulator.known_differences import DIFFERENCES  # noqa: PLC0415  # as above

    return "".join(f"{known.name}\n    {known.because}\n" for known in DIFFERENCES)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it ends; the answer is the exit code."""
    options = arguments(argv)
    return _told_of(lambda: _do(options))


def _told_of(work: Callable[[], int]) -> int:
    """Do something; the answer is an exit code, with what went wrong on standard error."""
    try:
        return work()
    except ShipwayError as error:
        sys.stderr.write("\n".join((str(error), *error.details, error.remedy, "")))
        return error.exit_code
    except ImportError as error:
        missing = SandboxError(
            f"the sandbox needs {error.name}", remedy="pip install 'shipway[sandbox]'"
        )
        sys.stderr.write(f"{missing}\n{missing.remedy}\n")
        return missing.exit_code


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    # Threads that read from the engine have nothing left to say, and must not hold us up.
    os._exit(exit_code)
