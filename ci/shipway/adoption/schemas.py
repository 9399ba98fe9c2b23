"""The JSON Schemas that lie beside the two TOML files, so that an editor knows every key.

A file beside them, and no address: it is found without a network and in a private repository, and
it is of the very version that the repository pins. The line that names it is Taplo's directive
("Directives" in its documentation, https://taplo.tamasfe.dev/configuration/directives.html), which
Even Better TOML and Tombi read too; a relative path counts from the TOML file.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from shipway.adoption.contract_files import DELIVERY, RELEASE, schema_line

SCHEMAS: Final[Mapping[str, str]] = {
    DELIVERY: "ci/delivery.schema.json",
    RELEASE: "ci/release.schema.json",
}
"""The schema of each file, from the repository's root."""


def wanted(texts: Mapping[str, str | None]) -> Mapping[str, str]:
    """The schemas that these files name, as this shipway has them.

    Args:
        texts: Each TOML file's text; ``None`` where it is not there.
    """
    return {
        schema: _text(schema)
        for file, schema in SCHEMAS.items()
        if schema_line(file) in (texts.get(file) or "").splitlines()
    }


def _text(schema: str) -> str:
    name = PurePosixPath(schema).name
    return (resources.files("shipway.adoption") / name).read_text(encoding="utf-8")
