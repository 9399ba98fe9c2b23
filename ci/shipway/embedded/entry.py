"""Start the embedded world, join it, end it; its packages are an extra that may be missing.

There is one world for each repository and for all that it is made of. Where a checkout comes to
need another one than before, the one that no checkout uses any more is ended.
"""

from __future__ import annotations

import hashlib
import importlib.util
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
_FOLDER: Final = "sandbox"
_ROOTS: Final = "root"
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
        """Where the background world keeps its state, named by what it is made of.

        That is what a person delivers to by hand, and nothing else that ``ci/`` says: how long a
        rollout may take or what CI may do there makes no other world.
        """
        made_of = json.dumps([asdict(layer) for layer in self.blueprint.plan.by_hand])
        name = self.blueprint.repository.full_name.replace("/", "--")
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:8]
        return self.cache / _FOLDER / f"{name}-{digest}"

    def background(self, tell: Tell) -> World:
        """Join the world that runs in the background, or start it.

        Raises:
            SandboxError: It could not be started; nothing of it is left running.
            EngineError: There is no Docker engine and none can be started here.
        """
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for

        with writing("the sandbox's state", self.folder, SandboxError, needs="about 1 GB"):
            for other in worlds_of(self.root, self.cache):
                if other != self.folder and _leave(other, self.root) and world.end(other):
                    tell("what the sandbox is made of has changed in ci/: it starts again")
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _join(self.folder, self.root)
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


def end(root: Path, cache: Path) -> bool:
    """End the background worlds of a checkout and all they started; whether any ran.

    What ``ci/`` says by now is not read: it may be broken, and the world runs all the same.

    Args:
        root: The repository's root.
        cache: shipway's cache folder.

    Raises:
        SandboxError: It did not end in time, or a package lacks.
    """
    with extra_needed(root):
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for

    ended = [world.end(folder) for folder in worlds_of(root, cache)]
    return any(ended)


def worlds_of(root: Path, cache: Path) -> tuple[Path, ...]:
    """The folders of the background worlds that a checkout started or joined, running or not."""
    checkout = str(root.resolve())
    folders = sorted((cache / _FOLDER).glob("*"))
    return tuple(folder for folder in folders if checkout in _roots_of(folder))


def _roots_of(folder: Path) -> list[str]:
    """The checkouts that use a world, the first of which started it; none where nobody knows."""
    try:
        text = (folder / _ROOTS).read_text(encoding="utf-8")
    except OSError:
        return []
    return [line for line in text.split("\n") if line]


def _join(folder: Path, root: Path) -> None:
    roots = _roots_of(folder)
    if str(root.resolve()) not in roots:
        (folder / _ROOTS).write_text("\n".join([*roots, str(root.resolve())]), encoding="utf-8")


def _leave(folder: Path, root: Path) -> bool:
    """Take a checkout away from a world that it does not use any more; whether nobody is left."""
    left = [other for other in _roots_of(folder) if other != str(root.resolve())]
    (folder / _ROOTS).write_text("\n".join(left), encoding="utf-8")
    return not left


def _look_for(*modules: str) -> None:
    """See that what the server imports is there, before an engine is started for it.

    Raises:
        ModuleNotFoundError: One is not.
    """
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


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

        _look_for("ministack", "docker")
    from shipway.config import load as delivery_file  # noqa: PLC0415  # needs pydantic
    from shipway.policy import load as contract_file  # noqa: PLC0415  # the same

    contract = contract_file.load(root / "ci" / "release.toml")
    delivery = delivery_file.load(root / "ci" / "delivery.toml")
    table = delivery.document.table
    images = table.get("images") or {"": table.get("image", {})}
    files = {
        key: root / str(image.get("context", ".")) / str(image.get("dockerfile", "Dockerfile"))
        for key, image in images.items()
    }
    # One that is not there is the build's to tell.
    texts = {
        key: file.read_text("utf-8", "replace") if file.is_file() else ""
        for key, file in files.items()
    }
    stages = {key: (texts[key], str(image.get("target", ""))) for key, image in images.items()}
    return Embedded(
        root=root,
        blueprint=draw(
            contract, delivery, dockerfiles=stages, templates=_templates(root, delivery)
        ),
        cache=cache,
        dockerfiles=tuple(dict.fromkeys(files.values())),
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


def orphaned(cache: Path) -> tuple[Path, ...]:
    """Folders of worlds that do not run, and whose checkouts are gone from this machine.

    Without the extra there is nobody to ask whether one runs: then none is named.

    Args:
        cache: shipway's cache folder.
    """
    try:
        from shipway_sandbox import world  # noqa: PLC0415  # an extra: only if asked for
    except ModuleNotFoundError:
        return ()
    return tuple(
        folder
        for folder in sorted((cache / _FOLDER).glob("[!.]*"))
        if folder.is_dir()
        and not any(Path(root).is_dir() for root in _roots_of(folder))
        and world.running(folder) is None
    )
