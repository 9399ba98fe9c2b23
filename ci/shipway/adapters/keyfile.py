"""The only place that imports securesystemslib: signing with a private key in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from shipway.errors import ConfigurationError, EvidenceError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # as below


class KeyFile:
    """Implements :class:`shipway.image.signing.Signer` with a PEM file (PKCS #8, no passphrase).

    Args:
        path: The private key: RSA, ECDSA on P-256, or Ed25519.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signer = _load(path)

    @property
    def keyid(self) -> str:
        """SHA-256 of the public key, as securesystemslib forms it."""
        return str(self._signer.public_key.keyid)

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """The DSSE envelope of a payload."""
        from securesystemslib.dsse import Envelope  # noqa: PLC0415  # an extra: only if asked for

        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._signer)
        return json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":")).encode()


def _load(path: Path) -> CryptoSigner:
    try:
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  # the extra
            load_pem_private_key,
        )
        from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # noqa: PLC0415  # the same; its package exports it by a star
    except ImportError as error:
        raise ConfigurationError(
            f"signing needs {error.name}",
            where="ci/delivery.toml",
            remedy="pip install 'shipway[sign]'",
        ) from error
    try:
        key = load_pem_private_key(path.read_bytes(), None)
        return CryptoSigner(key)
    except OSError as error:
        raise ConfigurationError(
            f"the signing key cannot be read: {error.strerror or error}",
            where=str(path),
            remedy="see `sign` in ci/delivery.toml, and the file's owner and mode",
        ) from error
    except (TypeError, ValueError) as error:
        # The library's own words might quote the file.
        raise ConfigurationError(
            "the signing key is no PEM private key without a passphrase",
            where=str(path),
            remedy="openssl genpkey -algorithm ed25519 -out FILE makes one",
        ) from error


class PublicKey:
    """Implements :class:`shipway.evidence.signing.Verifier` with a public key in a PEM file.

    A key of KMS is checked in the same way: GetPublicKey gives it, and DSSE does not care where the
    private half lies. The envelope's key id is a hint and no more: it is not compared.

    Args:
        path: The public key.
    """

    def __init__(self, path: Path) -> None:
        try:
            from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  # the extra
                load_pem_public_key,
            )
            from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # noqa: PLC0415  # as above
        except ImportError as error:
            raise ConfigurationError(
                f"checking signatures needs {error.name}", remedy="pip install 'shipway[sign]'"
            ) from error
        try:
            public = load_pem_public_key(path.read_bytes())
            self._public = public
            self._key = SSlibKey.from_crypto(public)
        except (OSError, TypeError, ValueError) as error:
            raise ConfigurationError(
                "the public key cannot be read: it must be PEM (SubjectPublicKeyInfo)",
                where=str(path),
                remedy="openssl pkey -in PRIVATE -pubout, or aws kms get-public-key",
            ) from error

    def verify(self, envelope: bytes) -> str:
        """The key's id, where it signed this envelope."""
        from securesystemslib.dsse import Envelope  # noqa: PLC0415  # an extra: only if asked for
        from securesystemslib.exceptions import Error  # noqa: PLC0415  # the same
        from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # noqa: PLC0415  # the same

        try:
            document = json.loads(envelope)
            keyid = str(document["signatures"][0]["keyid"])
            key = SSlibKey.from_crypto(self._public, keyid=keyid)
            Envelope.from_dict(document).verify([key], 1)
        except (Error, LookupError, TypeError, ValueError) as error:
            raise EvidenceError("its signature is not that of the key that was given") from error
        return str(self._key.keyid)
