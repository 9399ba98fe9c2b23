"""Repositories that are not ours: five kinds of them, and what a person types there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.entry.conftest import Ended, Here

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240.0
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where Debian's ca-certificates puts them all."""
NUMBERS = ("--repository-id", "424242", "--owner-id", "4242")
OWN_NOXFILE = '''\
import nox


@nox.session
def tests(session):
    """The tests of this repository."""
    session.log("tests")


@nox.session(default=False)
def build(session):
    """Not shipway's build."""
    session.log("my own build")
'''
_ENDS = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
_SERVER = (
    "import signal\nimport sys\n"
    "from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\n\n\n"
    "class Handler(BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    '        self.send_response(200 if self.path == "PATH" else 404)\n'
    '        self.send_header("Content-Length", "0")\n'
    "        self.end_headers()\n\n"
    "    def log_message(self, *_):\n"
    "        pass\n\n\n"
    f"{_ENDS}"
    'ThreadingHTTPServer(("", PORT), Handler).serve_forever()\n'
)


def _server(port: int, path: str) -> str:
    """A web service of Python's own library."""
    return _SERVER.replace("PORT", str(port)).replace("PATH", path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of repository.

    Attributes:
        name: What it is.
        files: What it holds.
        words: What ``init`` is told beside the numbers.
        expected: What delivery.toml must hold: a line each.
        own: The sessions that the repository has itself.
        with_uv: Whether nox finds uv there.
        port: What its service listens on; 0 for a worker.
        path: What it is asked for.
        status: What it answers there.
        container: The container that takes the image.
        memory: MiB that a person writes into delivery.toml.
        services: Its services by their keys.
        whole: Whether the ordinary run rehearses it, and not ``nox -s foreign`` alone.
    """

    name: str
    files: Mapping[str, str]
    words: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    own: frozenset[str] = field(default_factory=frozenset)
    with_uv: bool = True
    port: int = 0
    path: str = ""
    status: int = 200
    container: str = ""
    memory: int = 0
    services: tuple[str, ...] = ()
    whole: bool = False


KINDS = (
    Kind(
        name="python-uv",
        files={
            # Overrides and groups of the host's own must not reach what shipway needs.
            "pyproject.toml": '[project]\nname = "ledger"\nversion = "1"\n'
            'requires-python = ">=3.11"\n[dependency-groups]\ndev = []\n'
            '[tool.uv]\noverride-dependencies = ["rich<10"]\n'
            'constraint-dependencies = ["boto3<1"]\n',
            "uv.lock": 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n',
            "noxfile.py": OWN_NOXFILE,
            "tasks.py": "app = 'a module of its own'\n",
            "app.py": _server(9000, "/healthz"),
            "Dockerfile": "FROM python:3.13-slim\nCOPY app.py .\nUSER 1000\nEXPOSE 9000\n"
            "HEALTHCHECK CMD curl -fsS http://localhost:9000/healthz\n"
            'CMD ["python", "app.py"]\n',
            ".gitignore": "*.pyc\n/evidence/\n",
        },
        expected=('name = "python-uv"', 'path = "/healthz"'),
        own=frozenset({"tests", "build"}),
        port=9000,
        path="/healthz",
        container="python-uv",
        memory=96,
        services=("python-uv",),
    ),
    Kind(
        name="python-pip",
        files={
            "setup.py": "from setuptools import setup\n\nsetup(name='intake')\n",
            "requirements.txt": "flask\n",
            "app.py": _server(5000, "/"),
            "Dockerfile": "FROM python:3.13-slim\nWORKDIR /srv\nCOPY . .\nEXPOSE 5000\n"
            "CMD python app.py\n",
        },
        expected=('path = "/"',),
        with_uv=False,
        port=5000,
        path="/",
        container="python-pip",
        memory=128,
        services=("python-pip",),
    ),
    Kind(
        name="node",
        files={
            "package.json": '{"name": "tally"}\n',
            "server.js": 'const http = require("http");\n'
            "const server = http.createServer((request, response) => {\n"
            '  response.writeHead(request.url === "/ready" ? 204 : 404);\n'
            "  response.end();\n});\nserver.listen(7010);\n"
            'process.on("SIGTERM", () => process.exit(0));\n',
            "Dockerfile": "FROM node:20-slim\nWORKDIR /srv\nCOPY package.json server.js ./\n"
            'USER node\nEXPOSE 7010\nCMD ["node", "server.js"]\n',
            ".dockerignore": "node_modules\n",
        },
        words=("--name", "tally", "--health-path", "/ready", "--production-tags", "v*"),
        expected=('name = "tally"', 'container = "tally"', 'path = "/ready"'),
        port=7010,
        path="/ready",
        status=204,
        container="tally",
        memory=160,
        services=("tally",),
        whole=True,
    ),
    Kind(
        name="go",
        files={
            "go.mod": "module example.com/gate\n\ngo 1.22\n",
            "main.go": 'package main\n\nimport "net/http"\n\nfunc main() {\n'
            '\thttp.HandleFunc("/livez", func(http.ResponseWriter, *http.Request) {})\n'
            '\tpanic(http.ListenAndServe(":7020", nil))\n}\n',
            "Dockerfile": "FROM golang:1.24 AS build\nWORKDIR /src\nCOPY go.mod main.go ./\n"
            "RUN CGO_ENABLED=0 go build -o /gate .\n\n"
            "FROM gcr.io/distroless/static-debian12:nonroot\n"
            'COPY --from=build /gate /gate\nEXPOSE 7020\nENTRYPOINT ["/gate"]\n',
        },
        words=("--health-path", "/livez"),
        expected=('path = "/livez"',),
        port=7020,
        path="/livez",
        container="go",
        memory=48,
        services=("go",),
    ),
    Kind(
        name="monorepo",
        files={
            "services/web/app.py": _server(8082, "/live"),
            "services/mailer/mailer.py": "import signal\nimport sys\nimport time\n\n"
            f'{_ENDS}print("mailing", flush=True)\nwhile True:\n    time.sleep(1)\n',
            "services/web/Dockerfile": "FROM python:3.13-slim\nWORKDIR /srv\n"
            "COPY services/web/app.py services/mailer/mailer.py ./\nEXPOSE 8082\n"
            'CMD ["python", "app.py"]\n',
            "tools/Dockerfile": "FROM scratch\n",
        },
        words=(
            *("--dockerfile", "services/web/Dockerfile", "--name", "web"),
            *("--health-path", "/live", "--worker", "mailer=python mailer.py"),
        ),
        expected=(
            'context = "."',
            'dockerfile = "services/web/Dockerfile"',
            'service = "ssm:/web/local/mailer/service"',
            'command = ["python", "mailer.py"]',
        ),
        port=8082,
        path="/live",
        container="web",
        memory=80,
        services=("web", "mailer"),
    ),
    Kind(
        name="worker",  # nothing listens: no url
        files={"main.c": "", "Dockerfile": "FROM scratch\nCOPY main.c /\nUSER 65532\n"},
        expected=('service = "ssm:/worker/local/service"',),
    ),
)


def uv() -> str:
    """Where uv is."""
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.is_file() else shutil.which("uv")
    assert program is not None, "uv is in the dependency group tests"
    return program


def outside(**further: str) -> dict[str, str]:
    """The environment without what nox and an active environment tell uv: where *we* are.

    Registries are believed by the machine's own authorities, as the product has uv and as a company
    network needs it; node, which has a list of its own, is told theirs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("UV_") and name not in {"PYTHONPATH", "VIRTUAL_ENV"}
    }
    if _AUTHORITIES.is_file():
        kept.setdefault("NODE_EXTRA_CA_CERTS", str(_AUTHORITIES))
    return {**kept, "UV_SYSTEM_CERTS": "true", **further}


def run(
    *words: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT, seconds: float = SECONDS
) -> str:
    """Run a command that must succeed; what it says."""
    done = subprocess.run(
        words,
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
        env=env or outside(),
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def without_uv(path: str) -> str:
    """A PATH without the folders that hold uv."""
    kept = [folder for folder in path.split(os.pathsep) if not (Path(folder) / "uv").exists()]
    return os.pathsep.join(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An environment that shipway's wheel was installed into, as ``pip install`` would."""

    programs: Path

    def __truediv__(self, name: str) -> str:
        return str(self.programs / name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A repository of somebody else's, and the shipway that is installed beside it."""

    here: Here
    installed: Installed
    paths: Mapping[str, str]

    def shipway(self, *words: str, env: Mapping[str, str] | None = None) -> Ended:
        """Type ``shipway`` there."""
        return self._types("shipway", *words, env={**self.paths, **(env or {})})

    def nox(self, *words: str, with_uv: bool = True, seconds: float = SECONDS) -> Ended:
        """Type ``nox`` there."""
        path = self.paths["PATH"] if with_uv else without_uv(self.paths["PATH"])
        return self._types("nox", *words, env={"PATH": path}, seconds=seconds)

    def _types(
        self, program: str, *words: str, env: Mapping[str, str], seconds: float = SECONDS
    ) -> Ended:
        return self.here.types(self.installed / program, *words, env=env, seconds=seconds)

    def text(self, name: str) -> str:
        """A file's text."""
        return (self.here.folder / name).read_text(encoding="utf-8")

    def state(self) -> str:
        """What git says of the work tree; empty where it is clean."""
        return self.here.git("status", "--porcelain", "--untracked-files=all")


Make = Callable[[Mapping[str, str]], Foreign]
