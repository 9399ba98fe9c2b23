"""GitHub in the sandbox: tokens that are really signed, and events as a runner sees them."""
from __future__ import annotations
import base64, hashlib, json, secrets, time, uuid
from collections.abc import Mapping
from typing import Any
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


class Issuer:
    """x."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._jobs: dict[str, dict[str, Any]] = {}
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        self.key_id = hashlib.sha256(public["n"].encode()).hexdigest()[:40]
        self.jwks = {"keys": [public | {"kid": self.key_id, "alg": "RS256", "use": "sig"}]}

    @property
    def request_url(self) -> str:
        return f"{self.url}/idtoken?api-version=2.0"

    def register(self, claims: dict[str, Any]) -> str:
        token = secrets.token_urlsafe(32)
        self._jobs[token] = dict(claims)
        return token

    def serve(self, path: str, query: Mapping[str, str], authorization: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks"}
        if path == "/.well-known/jwks":
            return 200, self.jwks
        return 404, {}

    def verify(self, token: str) -> dict[str, Any]:
        return jwt.decode(token, self._key.public_key(), algorithms=["RS256"], options={"verify_aud": False})
