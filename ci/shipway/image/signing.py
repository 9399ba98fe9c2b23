"""Signatures on what is said about an image: DSSE envelopes around in-toto Statements.

The envelope is that of the DSSE protocol (secure-systems-lab/dsse, ``protocol.md``): what is signed
is the payload together with its type, so that no signature can be passed off as one of another
kind of document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from shipway.errors import ConfigurationError
from shipway.image.referrers import DSSE, IN_TOTO, AttachedDocument


class Signer(Protocol):
    """Signs documents with a key that stays where it is."""

    @property
    def keyid(self) -> str:
        """The key's name, for the record; never the key."""
        ...

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """The DSSE envelope of a payload, as JSON.

        Raises:
            ConfigurationError: There is no such key, or it cannot sign.
            AccessDeniedError: IAM does not let us use the key.
        """
        ...


def no_signer(setting: str) -> Signer:
    """Stand where no signer is wired.

    Raises:
        ConfigurationError: Always.
    """
    raise ConfigurationError(
        f"nothing here signs with {setting}",
        where="ci/delivery.toml",
        remedy='`sign` is "file:PATH" or "kms:ARN"',
    )


def envelope(
    signer: Signer, statement: Mapping[str, Any], annotations: Mapping[str, str]
) -> AttachedDocument:
    """A statement in a signed envelope, ready to be attached."""
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    return AttachedDocument(
        artifact_type=DSSE,
        content=signer.sign(IN_TOTO, payload),
        annotations=annotations,
    )
