"""A signed token, and whether its issuer signed it for us: the only place that decodes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from shipway.errors import RefusedError
from shipway.policy.claims import AUDIENCE

# RFC 8725, JSON Web Token Best Current Practices, 3.1: the algorithm is our choice, no token's.
_ALGORITHMS: Final = ("RS256",)
_NEEDED: Final = ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")
_LONGEST_TOKEN: Final = 16 * 1024
_SKEW_SECONDS: Final = 30.0
_SMALLEST_KEY: Final = 2048


def verified(token: str, keys: Mapping[str, object], issuer: str) -> Mapping[str, object]:
    """The claims of a token, if the issuer signed it, for us, and it is good now.

    Args:
        token: The token.
        keys: The issuer's JSON Web Key Set. Keys that a token brings or points to (``jwk``,
            ``jku``, ``x5u``, ``x5c``) are never looked at.
        issuer: Who must have signed it.

    Raises:
        RefusedError: It is not such a token; the message says why, never what it holds.
    """
    if len(token) > _LONGEST_TOKEN:
        raise _invalid_token(f"it is {len(token)} characters long")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS:
            raise _invalid_token("it is not signed with RS256")
        claims = jwt.decode(
            token,
            _key(keys, header.get("kid")),
            algorithms=list(_ALGORITHMS),
            audience=AUDIENCE,
            issuer=issuer,
            leeway=_SKEW_SECONDS,
            options={"require": list(_NEEDED), "strict_aud": True},
        )
    except jwt.PyJWTError as error:
        raise _invalid_token(_reason(error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise _invalid_token("it is malformed") from error
    return claims


def _reason(error: jwt.PyJWTError) -> str:
    texts: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
        (jwt.ExpiredSignatureError, "it has expired"),
        (jwt.ImmatureSignatureError, "it is not valid yet"),
        (jwt.InvalidIssuedAtError, "its claim iat is no time"),
        (jwt.InvalidAudienceError, f'it is not for the audience "{AUDIENCE}"'),
        (jwt.InvalidIssuerError, "another issuer made it"),
        (jwt.MissingRequiredClaimError, f"{error}".replace("Token is missing the", "it has no")),
        (jwt.InvalidSignatureError, "its signature is not the issuer's"),
        (jwt.DecodeError, "it is malformed"),
    )
    return next((text for kind, text in texts if isinstance(error, kind)), "it does not verify")


def _key(keys: Mapping[str, object], kid: object) -> RSAPublicKey:
    """The issuer's key of that name: compared, never used as a path, a query or an address."""
    entries = keys.get("keys")
    for jwk in entries if isinstance(entries, list) else ():
        usable = (
            isinstance(jwk, Mapping)
            and isinstance(kid, str)
            and jwk.get("kid") == kid
            and jwk.get("kty") == "RSA"
            and jwk.get("use", "sig") == "sig"
            and jwk.get("alg", "RS256") in _ALGORITHMS
        )
        if usable:
            key = jwt.algorithms.RSAAlgorithm.from_jwk(dict(jwk))
            if isinstance(key, RSAPublicKey) and key.key_size >= _SMALLEST_KEY:
                return key
    raise _invalid_token("it names a key that the issuer does not publish")


def _invalid_token(why: str) -> RefusedError:
    return RefusedError(
        f"the token of this job is refused: {why}",
        where="GitHub OIDC",
        remedy="nothing was built or changed; see who set ACTIONS_ID_TOKEN_REQUEST_URL",
    )
