"""Whom a connection by TLS believes: the machine's authorities alone, or those of the SDK's calls.

OpenSSL takes other authorities from ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``
(SSL_CTX_set_default_verify_paths(3)), and so does Python's default context. With one of them and a
proxy, an earlier step of a job could sign a token's keys itself: what may decide a release believes
the machine, whatever the environment says.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from shipway.util.proxies import bundle_of

# Where OpenSSL was built to look, then the places of Debian, Fedora, Alpine and macOS.
_COMPILED: Final = ssl.get_default_verify_paths()
_FILES: Final = (
    _COMPILED.openssl_cafile,
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def machine_context(files: Sequence[str] = _FILES) -> ssl.SSLContext:
    """A client's context that believes the machine's own authorities alone.

    Args:
        files: Where they may stand as one file; the first that is there counts.

    Raises:
        OSError: None of them is there, or it cannot be read.
    """
    file = next((name for name in files if Path(name).is_file()), "")
    if not file:
        raise OSError(f"no certificate authorities: {', '.join(files)} are not there")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=file)
    return context


def sdk_context(variables: Mapping[str, str]) -> ssl.SSLContext:
    """A client's context that believes whom the SDK's calls beside it believe.

    Args:
        variables: The process's environment variables.

    Raises:
        OSError: The certificate authorities that they name cannot be read.
    """
    context = ssl.create_default_context()
    if bundle := bundle_of(variables):
        context.load_verify_locations(cafile=bundle)
    return context
