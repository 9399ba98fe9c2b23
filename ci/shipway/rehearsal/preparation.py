"""What a rehearsal prepares of anybody's repository before its first scenario."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from shipway.embedded.entry import Embedded
from shipway.errors import ConfigurationError
from shipway.policy.contract import Contract
from shipway.rehearsal import variants
from shipway.rehearsal.checkout import DEFAULT_BRANCH, Project
from shipway_sandbox.engine import busybox
from shipway_sandbox.world import World


def check(embedded: Embedded, root: Path) -> None:
    """See that there is something to rehearse, before anything is started for it.

    Raises:
        ConfigurationError: The Dockerfile of delivery.toml is not there, or there are several
            images.
    """
    if len(embedded.blueprint.layer(embedded.blueprint.sandboxes[0]).repositories) > 1:
        raise ConfigurationError(
            "a rehearsal makes good and bad releases of one image, and [images] names several",
            where="ci/delivery.toml  [images]",
            remedy="see what a delivery would do with: nox -s plan -- --env "
            f"{embedded.blueprint.sandboxes[0]}; and deliver there",
        )
    dockerfile = embedded.dockerfiles[0]
    if not dockerfile.is_file():
        raise ConfigurationError(
            f"there is no file {os.path.relpath(dockerfile, root)}",
            where="ci/delivery.toml  [image]",
            remedy="a rehearsal makes its releases of it: write it, or correct `context` and "
            "`dockerfile`, which is relative to the context",
        )


def project(embedded: Embedded, root: Path, sandbox: World) -> Project:
    """What the clone must know: whose it is, its Dockerfile, the addresses of the sandbox."""
    blueprint = embedded.blueprint
    return Project(
        repository=blueprint.repository.full_name,
        dockerfile=str(embedded.dockerfiles[0].relative_to(root)),
        branches=branches(blueprint.contract),
        addresses={
            line: (url, sandbox.address(blueprint.layer(environment).balancers[key]))
            for line, (environment, key, url) in blueprint.written_addresses.items()
        },
    )


def branches(contract: Contract) -> tuple[str, ...]:
    """The branches whose history the contract asks about: a release is on all of them."""
    asked = (entry.rules.first_parent_of for entry in contract.entries)
    return tuple(dict.fromkeys(filter(None, asked))) or (DEFAULT_BRANCH,)


def build_context(embedded: Embedded, folder: Path, tell: Callable[[str], None]) -> Path:
    """Make the named build context of the releases that must fail.

    Args:
        embedded: Whose image it is.
        folder: Where it is made; the caller removes it.
        tell: Takes progress.

    Raises:
        SandboxError: busybox cannot be had here.
    """
    folder.mkdir()
    program = busybox.program(embedded.cache, tell)
    for name, (content, mode) in variants.files(program, embedded.blueprint.port).items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)
    return folder
