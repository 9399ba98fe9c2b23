"""The JSON Schema of ``matrix.json``, ``docs/matrix.schema.json``, for whoever reads a verdict.

``nox -s generate`` writes it; a test fails while the file that is committed differs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, get_args

from shipway.evidence.verify import Kind
from shipway.reference.write import write_page
from shipway.rehearsal.closing import SCHEMA, Of
from shipway.rehearsal.criteria import State, Type

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SWITCH: Final = {"type": "boolean"}


def schema() -> dict[str, Any]:
    """The whole schema."""
    finding = _object(kind={"enum": list(get_args(Kind))}, path=_TEXT, why=_TEXT)
    row = _object(
        name=_TEXT,
        type={"enum": list(get_args(Type)), "description": "acceptance criterion, or done"},
        state={"enum": list(get_args(State))},
        met=_SWITCH,
        file={**_TEXT, "description": "the record below the folder, or in S3; may be empty"},
        pointer={**_TEXT, "description": "the place in it that proves the row (RFC 6901)"},
        sha256={**_TEXT, "description": "of that file"},
        why={**_TEXT, "description": "why it is not met; empty where it is"},
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "The acceptance matrix, judged from records",
        **_object(
            schema={"const": SCHEMA},
            judged={"enum": list(get_args(Of))},
            ready={**_SWITCH, "description": "every row is Met and every chain holds"},
            met=_COUNT,
            of=_COUNT,
            evidence={**_TEXT, "description": "the name of the folder that was judged"},
            chain=_object(
                holds=_SWITCH,
                records=_COUNT,
                head={**_TEXT, "description": "the SHA-256 of its last record"},
                findings={"type": "array", "items": finding},
            ),
            rows={"type": "array", "items": row},
        ),
    }


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def text() -> str:
    """The file."""
    return json.dumps(schema(), indent=1) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file where the arguments say."""
    write_page(
        "shipway.reference.matrix_schema",
        text(),
        description="Write the JSON Schema of matrix.json.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
