"""GitHub's token service for the sandbox: tokens that are really signed with a key of their own.

"OpenID Connect reference" (GitHub Docs) gives the claims and the runner's request.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from shipway.errors import SandboxError

_BITS = 2048
_LIFE_SECONDS = 300
_SKEW_SECONDS = 5


class Issuer:
    """One token service: an RSA key, the jobs that may ask, and the public documents.

    Args:
        url: Its address, which is the ``iss`` claim of its tokens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self.key_id = hashlib.sha256(str(public["n"]).encode()).hexdigest()[:40]
        self.jwks = {
            "keys": [
                {
                    "kty": "RSA",
                    "alg": "RS256",
                    "use": "sig",
                    "kid": self.key_id,
                    "n": public["n"],
                    "e": public["e"],
                }
            ]
        }
        self._jobs: dict[str, dict[str, Any]] = {}

    @property
    def request_url(self) -> str:
        """``ACTIONS_ID_TOKEN_REQUEST_URL``: it holds a ``?``, for the audience is appended."""
        return f"{self.url}/idtoken?api-version=2.0"

    def register(self, claims: Mapping[str, Any]) -> str:
        """Let a job ask for tokens with these claims.

        Returns:
            Its ``ACTIONS_ID_TOKEN_REQUEST_TOKEN``.

        Raises:
            TypeError: The claims are no mapping.
            ValueError: ``sub`` is missing.
        """
        if not isinstance(claims, Mapping):
            raise TypeError("claims are an object")
        if not claims.get("sub"):
            raise ValueError("the claim sub is missing")
        token = secrets.token_urlsafe(32)
        self._jobs[token] = dict(claims)
        return token

    def sign(self, claims: Mapping[str, Any], audience: str) -> str:
        """A token for these claims; times and ``jti`` are added where they are not given."""
        now = int(time.time())
        whole = {
            "jti": str(uuid.uuid4()),
            "iss": self.url,
            "aud": audience,
            "iat": now,
            "nbf": now - _SKEW_SECONDS,
            "exp": now + _LIFE_SECONDS,
            **claims,
        }
        return jwt.encode(whole, self._key, algorithm="RS256", headers={"kid": self.key_id})

    def serve(
        self, path: str, query: Mapping[str, str], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        """Answer one GET: the discovery document, the keys, or a token for a job."""
        if path == "/.well-known/openid-configuration":
            return 200, self._discovery()
        if path == "/.well-known/jwks":
            return 200, self.jwks
        if path != "/idtoken":
            return 404, {"message": "Not Found"}
        kind, _, token = authorization.partition(" ")
        claims = next(
            (
                known
                for request, known in self._jobs.items()
                if hmac.compare_digest(request.encode(), token.encode())
            ),
            None,
        )
        if kind.lower() != "bearer" or claims is None:
            return 401, {"message": "the request token is not of a running job"}
        default = f"https://github.com/{claims.get('repository_owner', '')}"
        return 200, {"value": self.sign(claims, query.get("audience") or default)}

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/.well-known/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
            "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "sha"],
        }

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours; the audience is for the caller to check.

        Raises:
            jwt.PyJWTError: It is expired, not yet valid, of another issuer, or not signed by us.
        """
        if jwt.get_unverified_header(token).get("kid") != self.key_id:
            raise jwt.InvalidKeyError("the token names a key that the issuer does not publish")
        return jwt.decode(
            token,
            self._key.public_key(),
            algorithms=["RS256"],
            issuer=self.url,
            options={"verify_aud": False, "require": ["aud", "exp", "iat", "iss", "sub"]},
        )


def token_of(answer: bytes) -> str:
    """The token in an answer of the request URL.

    Raises:
        SandboxError: There is none.
    """
    try:
        return str(json.loads(answer)["value"])
    except (ValueError, KeyError, TypeError) as error:
        raise SandboxError("the token service did not answer with a token") from error
