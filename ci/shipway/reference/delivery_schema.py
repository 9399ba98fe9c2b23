"""The JSON Schema of ``ci/delivery.toml``, which ``init`` lays beside it.

``nox -s generate`` writes it; a test fails while the file that is committed differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from shipway.config.models import DeliveryTable
from shipway.reference import toml_schema
from shipway.reference.write import write_page


def text() -> str:
    """The file."""
    return toml_schema.text(DeliveryTable, "shipway: where things live")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file where the arguments say."""
    write_page(
        "shipway.reference.delivery_schema",
        text(),
        description="Write the JSON Schema of ci/delivery.toml.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
