"""The JSON Schema of ``ci/release.toml``, which ``init`` lays beside it.

``nox -s generate`` writes it; a test fails while the file that is committed differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from shipway.policy.tables import ContractTable
from shipway.reference import toml_schema
from shipway.reference.write import write_page


def text() -> str:
    """The file."""
    return toml_schema.text(ContractTable, "shipway: the release contract")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file where the arguments say."""
    write_page(
        "shipway.reference.release_schema",
        text(),
        description="Write the JSON Schema of ci/release.toml.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
