"""Signing with a key that AWS KMS keeps: it never leaves there."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Final

from shipway.aws.session import Session, translated
from shipway.errors import ConfigurationError

# KMS API Reference, Sign: the algorithms by preference; a key knows a few of them.
_ALGORITHMS: Final = ("ECDSA_SHA_256", "RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256")


class KmsSigner:
    """Implements :class:`shipway.image.signing.Signer` with kms:Sign.

    Args:
        session: Where the calls go.
        arn: The key: asymmetric, for signing.
    """

    def __init__(self, session: Session, arn: str) -> None:
        self._session = session
        self._arn = arn
        self._algorithm = ""

    @property
    def keyid(self) -> str:
        """The key's ARN."""
        return self._arn

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        """The DSSE envelope of a payload.

        Raises:
            ConfigurationError: The key cannot sign.
            AccessDeniedError: IAM does not let us use it.
            AwsError: KMS refused, or cannot be reached.
        """
        client = self._session.client("kms")
        if not self._algorithm:
            with translated("kms:GetPublicKey", self._arn):
                supported = client.get_public_key(KeyId=self._arn).get("SigningAlgorithms") or ()
            self._algorithm = next(
                (algorithm for algorithm in _ALGORITHMS if algorithm in supported), ""
            )
            if not self._algorithm:
                raise ConfigurationError(
                    "this KMS key cannot sign with SHA-256",
                    where=self._arn,
                    remedy="make one with KeyUsage SIGN_VERIFY and KeySpec ECC_NIST_P256",
                )
        with translated("kms:Sign", self._arn):
            response = client.sign(
                KeyId=self._arn,
                Message=_hashed(payload, payload_type),
                MessageType="DIGEST",
                SigningAlgorithm=self._algorithm,
            )
            signature = base64.b64encode(response["Signature"]).decode()
        body = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": self._arn, "sig": signature}],
        }
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _hashed(payload: bytes, payload_type: str) -> bytes:
    """SHA-256 of DSSE's pre-authentication encoding; KMS takes no message over 4 KB as it is."""
    kind = payload_type.encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return hashlib.sha256(encoded).digest()
