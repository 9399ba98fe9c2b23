"""What signs a record and what checks it: ports; the adapters know keys."""

from __future__ import annotations

from typing import Final, Protocol

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
ENVELOPE: Final = "record.dsse.json"


class RecordSigner(Protocol):
    """Signs."""

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """A DSSE envelope (JSON) around the payload."""
        ...


class Verifier(Protocol):
    """Checks signatures."""

    def verify(self, envelope: bytes) -> str:
        """The id of the key that signed it.

        Raises:
            EvidenceError: It is not signed by a key that is trusted.
        """
        ...
