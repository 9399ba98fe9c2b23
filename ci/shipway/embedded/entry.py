"""Start the embedded world, join it, end it; its packages are an extra that may be missing.

There is one world for each repository and each state of its ``ci/``. Where a checkout says
something else than before, the world that was made of that is ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shipway.errors import SandboxError
from shipway.util.disk import writing

if TYPE_CHECKING:
    from shipway.config.load import DeliveryFile
    from shipway.embedded.blueprint import Blueprint
    from shipway_sandbox.world import World

Tell = Callable[[str], None]
SANDBOX_LOCK: Final = "ci/shipway-sandbox.lock"
"""What a repository that adopted shipway installs the extra from."""
_ROOT: Final = "root"
IDLE_SECONDS: Final = 1800.0
"""A background world that nobody asks anything for this long ends by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The world of one repository, running or not.

    Attributes:
        root: The repository's root.
        blueprint: What it is made of.
        cache: shipway's cache folder.
        dockerfiles: Whose base images must be at hand.
    """

    root: Path
    blueprint: Blueprint
    cache: Path
    dockerfiles: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """Where the background world keeps its state, named by what it is made of."""
        made_of = json.dumps([asdict(layer) for layer in self.blueprint.plan.by_hand])
        return self._above / f"{self._name}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"

    @property
    def _above(self) -> Path:
        return self.cache / "sandbox"

    @property
    def _name(self) -> str:
        return self.blueprint.repository.full_name.replace("/", "--")

    def background(self, tell: Tell) -> World:
        """Join the world that runs in the background, or start it.

        Raises:
            SandboxError: It could not be started; nothing of it is left running.
            EngineError: There is no Docker engine and none can be started here.
        """
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for

        for other in self._others():
            if world.end(other):
                tell("ci/ says something else than when the sandbox was started: it starts again")
        with writing("the sandbox's state", self.folder, SandboxError, needs="about 1 GB"):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _root_of(self.folder):
                (self.folder / _ROOT).write_text(str(self.root.resolve()), encoding="utf-8")
        return world.background(
            self.blueprint.plan,
            self.folder,
            world.Needed(cache=self.cache, dockerfiles=self.dockerfiles),
            tell,
            idle=IDLE_SECONDS,
        )

    def owned(self, run: Path, tell: Tell) -> AbstractContextManager[World]:
        """A world of our own, which ends with the context or with this process, kill -9 included.

        Args:
            run: Folder of this run: logs and secrets.
            tell: Takes progress, a line at a time.

        Raises:
            SandboxError: It could not be started.
            EngineError: There is no Docker engine and none can be started here.
        """
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for

        needed = world.Needed(cache=self.cache, dockerfiles=self.dockerfiles)
        return world.owned(self.blueprint.plan, run, needed, tell)

    def end(self) -> bool:
        """End the background worlds of this repository and all they started; whether any ran.

        Raises:
            SandboxError: It did not end in time.
        """
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for

        ended = [world.end(folder) for folder in (self.folder, *self._others())]
        return any(ended)

    def _others(self) -> list[Path]:
        """Worlds that were started from this checkout and made of something else.

        Those of another clone of the repository are that one's to end.
        """
        root = str(self.root.resolve())
        return [
            folder
            for folder in sorted(self._above.glob(f"{self._name}-????????"))
            if folder != self.folder and _root_of(folder) == root
        ]


def _root_of(folder: Path) -> str:
    """The checkout that a world was started from; empty where nobody knows."""
    try:
        return (folder / _ROOT).read_text(encoding="utf-8")
    except OSError:
        return ""


@contextmanager
def extra_needed(root: Path) -> Iterator[None]:
    """Tell a module of the extra that is not installed, and how to get it.

    Where the repository has its lock file, that is what gets it: a version of its own, with
    hashes, from where this shipway came from.

    Args:
        root: The repository's root.

    Raises:
        SandboxError: An import within finds a module missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        lock = root / SANDBOX_LOCK
        remedy = (
            f"python -m pip install -r {SANDBOX_LOCK}, from the repository's root; the nox "
            "sessions have it: nox -s rehearse, nox -s deploy -- --env ENVIRONMENT"
            if lock.is_file()
            else "pip install 'shipway[sandbox]'"
        )
        raise SandboxError(f"the embedded sandbox needs {package}", remedy=remedy) from error


def embedded(root: Path, cache: Path) -> Embedded:
    """The world of a repository.

    Args:
        root: The repository's root.
        cache: shipway's cache folder.

    Raises:
        SandboxError: A package lacks.
        ConfigurationError: ``ci/`` says something that cannot stand in the sandbox.
    """
    with extra_needed(root):
        from shipway.embedded.blueprint import draw  # noqa: PLC0415  # an extra: only if asked for
    from shipway.config import load as delivery_file  # noqa: PLC0415  # needs pydantic
    from shipway.policy import load as contract_file  # noqa: PLC0415  # the same

    contract = contract_file.load(root / "ci" / "release.toml")
    delivery = delivery_file.load(root / "ci" / "delivery.toml")
    image = delivery.document.table.get("image", {})
    context = root / str(image.get("context", "."))
    dockerfile = context / str(image.get("dockerfile", "Dockerfile"))
    # One that is not there is the build's to tell.
    text = dockerfile.read_text("utf-8", "replace") if dockerfile.is_file() else ""
    return Embedded(
        root=root,
        blueprint=draw(contract, delivery, dockerfile=text, templates=_templates(root, delivery)),
        cache=cache,
        dockerfiles=(dockerfile,),
    )


def _templates(root: Path, delivery: DeliveryFile) -> dict[str, dict[str, str]]:
    """Environment → file → text of every template that delivery.toml names.

    Raises:
        ConfigurationError: A file is not there or cannot be read; ``details`` names the key.
    """
    from shipway.config.problems import Problem, configuration_error  # noqa: PLC0415  # as above

    document = delivery.document
    texts: dict[str, dict[str, str]] = {}
    problems = []
    for name in delivery.names:
        files = document.table["environments"][name].get("template", [])
        for file in [files] if isinstance(files, str) else files:
            try:
                texts.setdefault(name, {})[file] = (root / file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "is no text in UTF-8"
                text = f"{file} cannot be read: {reason}; write it first (cdk synth), or correct it"
                problems.append(Problem(path=("environments", name, "template"), text=text))
    if problems:
        raise configuration_error(problems, path=document.path, lines=document.lines)
    return texts
