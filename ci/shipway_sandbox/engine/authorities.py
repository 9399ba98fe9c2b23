"""Whom this machine trusts beyond its distribution: the authorities of a company's own network.

A step of a Dockerfile that fetches something meets the same proxy as this machine does, so a base
image that is assembled here trusts what this machine was told to trust.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)
_LOCAL: Final = "usr/local/share/ca-certificates"
_PACKAGED: Final = "usr/share/ca-certificates"
"""update-ca-certificates(8): what an administrator adds, and what the package brings."""
_BUNDLES: Final = ("etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt")
_VARIABLES: Final = ("SSL_CERT_FILE", "AWS_CA_BUNDLE")
"""Each names a file: OpenSSL's and the AWS SDKs'."""
_TAG_DIGITS: Final = 8


def further(env: Mapping[str, str], root: Path = Path("/")) -> tuple[str, ...]:
    """Certificates (PEM) that this machine trusts and its distribution's package does not bring.

    Args:
        env: The environment, whose variables may name bundles.
        root: The file system's root.
    """
    named = (Path(env[name]) for name in _VARIABLES if env.get(name))
    files = (*(root / name for name in _BUNDLES), *sorted((root / _LOCAL).rglob("*.crt")), *named)
    packaged = {
        _plain(certificate) for certificate in certificates((root / _PACKAGED).rglob("*.crt"))
    }
    own: dict[str, str] = {}
    for certificate in certificates(files):
        if (plain := _plain(certificate)) not in packaged:
            own.setdefault(plain, certificate)
    return tuple(own[plain] for plain in sorted(own))


def certificates(files: Iterable[Path]) -> Iterator[str]:
    """Every certificate of these files; one that cannot be read holds none."""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        yield from _CERTIFICATE.findall(text)


def tag(certificates: tuple[str, ...]) -> str:
    """What tells apart images that trust these from others; empty for none."""
    if not certificates:
        return ""
    plain = "\n".join(sorted(map(_plain, certificates)))
    return f"ca{hashlib.sha256(plain.encode()).hexdigest()[:_TAG_DIGITS]}"


def _plain(certificate: str) -> str:
    """The same text for the same certificate, however its lines are broken."""
    return "".join(certificate.split())
