"""Records that lie beside images, read back: for who has neither the folder nor a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from shipway.cli.audit_account import Account, Open, Store, same_account
from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.errors import ConfigurationError, ShipwayError
from shipway.evidence import archive, copies
from shipway.evidence.archive import Archive
from shipway.evidence.outline import outlined
from shipway.evidence.shared import together
from shipway.image.referrers import IN_TOTO

_NEWEST: Final = 200
"""Images of a repository that are looked at: those that were pushed last."""


def archives(file: Path, account: Open, say: Callable[[str], None]) -> Iterator[Archive]:
    """The records beside the images of every environment, where delivery.toml has ``referrer``.

    Args:
        file: delivery.toml.
        account: Opens an account's AWS.
        say: Takes what cannot be asked: it is told, not judged.
    """
    try:
        declared = delivery_file.load(file)
    except ConfigurationError:
        return  # an audit asks for records, not for it
    if not declared.document.table.get("evidence", {}).get("referrer"):
        return
    for name in declared.names:
        try:
            opened = account(resolve.find(declared.environment(name), os.environ).region)
            yield _beside(declared, name, opened)
        except ShipwayError as error:
            say(f"· {name}: the records beside its images cannot be read: {error.what}")


def _beside(declared: delivery_file.DeliveryFile, name: str, account: Account) -> Archive:
    environment = resolve.resolve(
        declared.environment(name), variables=os.environ, published=account.published
    )
    same_account(account, environment.place)
    store = account.repository_at(environment.place, environment.repository)
    return read(store, environment.repository_uri)


def read(store: Store, repository: str) -> Archive:
    """The records beside the newest images of a repository.

    Args:
        store: The repository.
        repository: What it is called: the archive's root.

    Raises:
        ShipwayError: ECR or the registry refused.
    """
    beside = together(store.referrers, store.newest(_NEWEST))
    attached = [
        referrer
        for referrers in beside
        for referrer in referrers
        if referrer.artifact_type == IN_TOTO and copies.ATTACHED in referrer.annotations
    ]
    records: dict[str, bytes] = {}
    contents = store.contents([referrer.digest for referrer in attached])
    for referrer, content in zip(attached, contents, strict=True):
        path = referrer.annotations[copies.ATTACHED]
        # Two machines that began with an empty folder may have given one name to two records.
        records[path if path not in records else f"{path} in {referrer.digest}"] = content
    statements = ((path, outlined(content)) for path, content in records.items())
    return replace(
        archive.empty(Path(repository)),
        root=repository,
        records=records,
        statements={path: statement for path, statement in statements if statement is not None},
    )
