"""The Docker engine the sandbox uses: the one that answers, or a private one for as long as needed.

``with start(cache, run, tell) as engine:`` is all a caller needs. The decision is made by
:mod:`shipway_sandbox.engine.engine_plan`, from facts gathered here.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from shipway.errors import EngineError
from shipway_sandbox.engine import authorities, daemon, docker_api
from shipway_sandbox.engine.engine_plan import (
    Cannot,
    EngineAnswer,
    Facts,
    Plan,
    UseExisting,
    decide,
)
from shipway_sandbox.engine.packages import unpacked
from shipway_sandbox.engine.sources import read_os_release, read_sources

Tell = Callable[[str], None]

_ANSWER_SECONDS: Final = 2.0
_REGISTRIES: Final = ("localhost:", "127.0.0.")
"""How the names of images begin that a sandbox's own registry gave out; its port follows."""
_PLUGIN: Final = "usr/libexec/docker/cli-plugins/docker-buildx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A Docker engine that answers.

    Attributes:
        host: Its DOCKER_HOST value, a ``unix://`` URL.
        private: Whether it is ours alone and ends with the sandbox.
        env: What a client must have in its environment: DOCKER_HOST, and where the client is ours
            also DOCKER_CONFIG and a PATH that finds the docker CLI first.
        version: The engine's version.
        attests: Whether it has the containerd image store, without which buildx's own driver can
            attach no provenance.
    """

    host: str
    private: bool
    env: Mapping[str, str]
    version: str
    attests: bool

    def written(self) -> dict[str, object]:
        """All of it as JSON has it; ``Engine(**…)`` is this one again."""
        return {**asdict(replace(self, env={})), "env": dict(self.env)}  # no copy of a proxy


def answers(host: str) -> bool:
    """Whether a Docker engine answers at ``host`` within 2 seconds."""
    if not host.startswith(docker_api.UNIX):
        return False
    with contextlib.suppress(EngineError):
        return docker_api.call(host, "GET", "/_ping", timeout=_ANSWER_SECONDS)[0] == 200  # noqa: PLR2004 - HTTP OK
    return False


def _sockets(env: Mapping[str, str]) -> tuple[str, ...]:
    """Where a local engine may listen; DOCKER_HOST, where it is set, is the only place."""
    if wish := env.get("DOCKER_HOST"):
        return (wish,)
    home = env.get("HOME", "/nonexistent")
    places = ["/var/run/docker.sock"]
    if runtime := env.get("XDG_RUNTIME_DIR"):
        places.append(f"{runtime}/docker.sock")
    places += [
        f"{home}/.docker/run/docker.sock",
        f"{home}/.orbstack/run/docker.sock",
        f"{home}/.colima/default/docker.sock",
    ]
    return tuple(f"{docker_api.UNIX}{place}" for place in places)


def _output(*command: str, env: Mapping[str, str] | None = None) -> str:
    """What a short command prints, or an empty text where it fails or is not there."""
    try:
        done = subprocess.run(
            command,
            env=None if env is None else dict(env),
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _answer(env: Mapping[str, str]) -> EngineAnswer | None:
    for host in _sockets(env):
        if answers(host):
            version = docker_api.read_json(host, "/version", timeout=_ANSWER_SECONDS)
            return EngineAnswer(
                host=host,
                version=str(version.get("Version", "?")),
                api=str(version.get("ApiVersion", "?")),
                buildx=bool(_output("docker", "buildx", "version", env=env)),
            )
    return None


def _files() -> dict[str, str]:
    folder = Path("/etc/apt")
    names = [folder / "sources.list", *folder.glob("sources.list.d/*")]
    texts = {}
    for name in names:
        if name.suffix in {".list", ".sources"}:
            with contextlib.suppress(OSError, UnicodeDecodeError):
                texts[str(name)] = name.read_text()
    return texts


def gather(env: Mapping[str, str]) -> Facts:
    """Look at this machine; takes at most about 2 seconds for each socket that hangs."""
    try:
        release = read_os_release(Path("/etc/os-release").read_text())
    except OSError:
        release = {}
    return Facts(
        wish=env.get("DOCKER_HOST", ""),
        answer=_answer(env),
        system=platform.system(),
        root=os.geteuid() == 0,
        distribution=release.get("ID", ""),
        release=release.get("VERSION_ID", ""),
        codename=release.get("VERSION_CODENAME", ""),
        architecture=_output("dpkg", "--print-architecture"),
        apt=shutil.which("apt-get") is not None,
        sources=read_sources(_files()),
        authorities=authorities.further(env),
    )


def find(env: Mapping[str, str] | None = None) -> Plan:
    """Decide which engine to use; changes nothing, fetches nothing."""
    return decide(gather(os.environ if env is None else env))


def finish(root: Path) -> None:
    """Complete the unpacked engine, and see that each of its programs runs on this machine.

    Raises:
        EngineError: A program does not run, most often for want of a library.
    """
    programs = root / "usr/sbin"
    applet = _firewall(root)
    for name in ("iptables", "ip6tables"):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(applet)  # as the package's own script would, for a machine
    for program in ("sbin/dockerd", "bin/containerd", "sbin/runc", "bin/docker"):
        _check(root, program)


def _environment(root: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LD_LIBRARY_PATH": daemon.library_path(root),
        "XTABLES_LIBDIR": next((str(path) for path in root.glob("usr/lib/*/xtables")), ""),
    }


def _firewall(root: Path) -> str:
    """The iptables variant that this kernel takes: nft, or legacy where nft is not there."""
    nft = str(root / "usr/sbin/iptables-nft")
    works = _output(nft, "-t", "nat", "-S", env=_environment(root))
    return "xtables-nft-multi" if works else "xtables-legacy-multi"


def _check(root: Path, program: str) -> None:
    command = [str(root / "usr" / program), "--version"]
    try:
        done = subprocess.run(
            command, env=_environment(root), capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(
            f"{program} does not run on this machine: {error}",
            remedy="install a Docker engine by hand and set DOCKER_HOST",
        ) from error
    if done.returncode:
        raise EngineError(
            f"{program} does not run on this machine",
            where=command[0],
            remedy="install the library named below, or a Docker engine by hand",
            details=tuple(done.stderr.splitlines()[-3:]),
        )


def _client(root: Path, host: str, run: Path) -> dict[str, str]:
    """The environment of our own client; the user's ``~/.docker`` is neither read nor written."""
    config = run / "docker"
    plugin = config / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.unlink(missing_ok=True)
    source = root / _PLUGIN
    if not source.exists():  # Ubuntu keeps it in usr/lib
        source = next(root.glob("usr/lib*/docker/cli-plugins/docker-buildx"), source)
    plugin.symlink_to(source)
    return {
        "DOCKER_HOST": host,
        "DOCKER_CONFIG": str(config),
        "PATH": f"{root / 'usr/bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
    }


def _attests(host: str) -> bool:
    status = docker_api.read_json(host, "/info").get("DriverStatus") or []
    return ["driver-type", "io.containerd.snapshotter.v1"] in status


def _describe(host: str, version: str, env: Mapping[str, str], *, private: bool) -> Engine:
    return Engine(
        host=host,
        private=private,
        env=MappingProxyType(dict(env)),
        version=version,
        attests=_attests(host),
    )


@contextmanager
def start(
    cache: Path, run: Path, tell: Callable[[str], None], plan: Plan | None = None
) -> Iterator[Engine]:
    """Give an engine for as long as the context lasts.

    A private one ends with the context, or with this process, however that ends, and takes its
    containers, networks and mounts with it. Its images and build cache stay in ``cache``; what
    came from a registry on this machine is forgotten by the next one.

    Args:
        cache: Folder kept between runs: packages, images, build cache.
        run: Folder of this run: the engine's log, the client's configuration.
        tell: Takes progress, one short text at a time.
        plan: What :func:`find` decided, where the caller has asked already.

    Yields:
        The engine, answering.

    Raises:
        EngineError: There is no engine and none can be started.
    """
    plan = find() if plan is None else plan
    if isinstance(plan, Cannot):
        raise plan.error()
    run.mkdir(parents=True, exist_ok=True)
    folder = cache / "engine"
    if isinstance(plan, UseExisting):
        host, env = plan.answer.host, {"DOCKER_HOST": plan.answer.host}
        if plan.client:
            root = unpacked(plan.client, plan.architecture, folder, tell, label="client")
            env = _client(root, host, run)
        yield _describe(host, plan.answer.version, env, private=False)
        return
    root = unpacked(plan.packages, plan.architecture, folder, tell, label="engine", finish=finish)
    tell("starting a private Docker engine")
    with daemon.running(root, cache / "docker", run) as (host, version):
        tell(f"Docker {version} answers, for this run only")
        with contextlib.suppress(EngineError):  # an engine that is slow at this may still do
            docker_api.forget_pulled(host, *_REGISTRIES)
        yield _describe(host, version, _client(root, host, run), private=True)
