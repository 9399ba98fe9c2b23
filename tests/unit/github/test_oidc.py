"""Tokens that must not be believed, and the one kind that is; nothing is asked over a socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from shipway.errors import RefusedError
from shipway.github.jws import verified
from shipway.github.oidc import GithubTokens, expected_issuer
from shipway.policy.requirements import GITHUB_ISSUER
from shipway.util.loopback import SANDBOX_ISSUER

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # that is the point
CURVE = ec.generate_private_key(ec.SECP256R1())
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)

Changes = Mapping[str, Any]


def jwk(key: rsa.RSAPrivateKey, kid: str, **changes: Any) -> dict[str, Any]:
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid} | {
        "n": numbers["n"], "e": numbers["e"], **changes,
    }  # fmt: skip


KEYS: dict[str, Any] = {
    "keys": [
        jwk(KEY, "good"),
        jwk(SMALL, "small"),
        jwk(KEY, "for-encryption", use="enc"),
        jwk(KEY, "for-another-algorithm", alg="RS512"),
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "RS256", "use": "sig"},
        {"kid": "half"},
        "no key",
    ]
}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    values = {
        "iss": GITHUB_ISSUER,
        "aud": "shipway",
        "sub": "repo:octo/shop:ref:refs/heads/main",
        "jti": "1",
        "iat": now,
        "nbf": now - 5,
        "exp": now + 300,
        "ref": "refs/heads/main",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def signed(
    body: Changes | None = None,
    *,
    key: Any = KEY,
    algorithm: str = "RS256",
    **headers: Any,
) -> str:
    header = {"kid": "good", **headers}
    return jwt.encode(
        dict(body or claims()),
        key,
        algorithm=algorithm,
        headers={name: value for name, value in header.items() if value is not None},
    )


def part(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def hs256_with_the_public_key() -> str:
    """What a library that lets the token choose would verify with the published key."""
    head = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'good'})}.{part(claims())}"
    return f"{head}.{part(hmac.digest(PUBLIC_PEM, head.encode(), hashlib.sha256))}"


def with_the_small_key() -> str:
    """PyJWT itself warns of it, which is not what is asked here."""
    head = f"{part({'alg': 'RS256', 'typ': 'JWT', 'kid': 'small'})}.{part(claims())}"
    return f"{head}.{part(SMALL.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def tampered(token: str) -> str:
    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{head}.{part({**payload, 'ref': 'refs/tags/v1-stable'})}.{signature}"


def test_a_token_that_the_issuer_signed_for_us_is_believed() -> None:
    assert verified(signed(), KEYS, GITHUB_ISSUER)["ref"] == "refs/heads/main"


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    now = int(time.time())
    late = claims(exp=now - 10)
    early = claims(nbf=now + 10, iat=now + 10)
    assert verified(signed(late), KEYS, GITHUB_ISSUER)
    assert verified(signed(early), KEYS, GITHUB_ISSUER)


NOT_PUBLISHED = "it names a key that the issuer does not publish"
NOT_ITS = "its signature is not the issuer's"
NOT_RS256 = "it is not signed with RS256"
TOKENS: list[tuple[str, Callable[[], str], str]] = [
    ("alg none", lambda: signed(key="", algorithm="none"), NOT_RS256),
    (
        "alg None in another case",
        lambda: f"{part({'alg': 'nOnE', 'kid': 'good'})}.{part(claims())}.",
        NOT_RS256,
    ),
    (
        "alg RS256, signature left out",
        lambda: signed().rpartition(".")[0] + ".",
        NOT_ITS,
    ),
    ("HS256 with the published key", hs256_with_the_public_key, NOT_RS256),
    (
        "HS256 with a secret of the attacker's",
        lambda: signed(key="x" * 32, algorithm="HS256"),
        NOT_RS256,
    ),
    ("RS512 with the right key", lambda: signed(algorithm="RS512"), NOT_RS256),
    ("PS256 with the right key", lambda: signed(algorithm="PS256"), NOT_RS256),
    ("ES256", lambda: signed(key=CURVE, algorithm="ES256"), NOT_RS256),
    ("a stranger's key under the issuer's name", lambda: signed(key=STRANGER), NOT_ITS),
    ("a stranger's key under its own name", lambda: signed(key=STRANGER, kid="x"), NOT_PUBLISHED),
    ("a changed claim", lambda: tampered(signed()), NOT_ITS),
    ("no kid", lambda: signed(kid=None), NOT_PUBLISHED),
    ("an empty kid", lambda: signed(kid=""), NOT_PUBLISHED),
    ("an unknown kid", lambda: signed(kid="better"), NOT_PUBLISHED),
    ("a kid in another case", lambda: signed(kid="GOOD"), NOT_PUBLISHED),
    ("a kid that is a path", lambda: signed(kid="../../../../dev/null"), NOT_PUBLISHED),
    ("a kid that is a file", lambda: signed(kid="file:///etc/passwd"), NOT_PUBLISHED),
    ("a kid that is a query", lambda: signed(kid="good' OR '1'='1"), NOT_PUBLISHED),
    ("a kid that is a command", lambda: signed(kid="good|id"), NOT_PUBLISHED),
    ("a kid with a NUL", lambda: signed(kid="good\0x"), NOT_PUBLISHED),
    (
        "a kid that is a list",
        lambda: f"{part({'alg': 'RS256', 'kid': ['good']})}.{part(claims())}.x",
        "it is malformed",
    ),
    ("a key too small", with_the_small_key, NOT_PUBLISHED),
    ("a key for encryption", lambda: signed(kid="for-encryption"), NOT_PUBLISHED),
    ("a key for another algorithm", lambda: signed(kid="for-another-algorithm"), NOT_PUBLISHED),
    ("a symmetric key", lambda: signed(kid="secret"), NOT_PUBLISHED),
    ("half a key", lambda: signed(kid="half"), NOT_PUBLISHED),
    (
        "jku leads to the attacker's keys",
        lambda: signed(key=STRANGER, kid="x", jku="https://attacker.example/jwks"),
        NOT_PUBLISHED,
    ),
    (
        "x5u leads to the attacker's certificate",
        lambda: signed(key=STRANGER, x5u="https://attacker.example/cert.pem"),
        NOT_ITS,
    ),
    (
        "jwk brings the attacker's key along",
        lambda: signed(key=STRANGER, jwk=jwk(STRANGER, "good")),
        NOT_ITS,
    ),
    ("x5c brings a certificate along", lambda: signed(key=STRANGER, x5c=["MIIB"]), NOT_ITS),
    (
        "a critical extension that nobody knows",
        lambda: signed(crit=["exp2"], exp2=1),
        "it does not verify",
    ),
    ("expired", lambda: signed(claims(exp=int(time.time()) - 60)), "it has expired"),
    ("expired long ago", lambda: signed(claims(exp=1)), "it has expired"),
    ("not valid yet", lambda: signed(claims(nbf=int(time.time()) + 120)), "it is not valid yet"),
    ("made in the future", lambda: signed(claims(iat=4102444800)), "it is not valid yet"),
    ("without an end", lambda: signed(claims(exp=None)), 'it has no "exp" claim'),
    ("without a beginning", lambda: signed(claims(nbf=None)), 'it has no "nbf" claim'),
    ("without a time of its making", lambda: signed(claims(iat=None)), 'it has no "iat" claim'),
    ("without an audience", lambda: signed(claims(aud=None)), 'it has no "aud" claim'),
    ("without an issuer", lambda: signed(claims(iss=None)), 'it has no "iss" claim'),
    ("without a subject", lambda: signed(claims(sub=None)), 'it has no "sub" claim'),
    ("without a number", lambda: signed(claims(jti=None)), 'it has no "jti" claim'),
    (
        "for AWS's audience",
        lambda: signed(claims(aud="sts.amazonaws.com")),
        'it is not for the audience "shipway"',
    ),
    (
        "for several audiences",
        lambda: signed(claims(aud=["sts.amazonaws.com", "shipway"])),
        'it is not for the audience "shipway"',
    ),
    (
        "for an audience that begins like ours",
        lambda: signed(claims(aud="shipway.example")),
        'it is not for the audience "shipway"',
    ),
    (
        "of another issuer",
        lambda: signed(claims(iss="https://attacker.example")),
        "another issuer made it",
    ),
    (
        "of an issuer below ours",
        lambda: signed(claims(iss=f"{GITHUB_ISSUER}/attacker")),
        "another issuer made it",
    ),
    (
        "of our issuer with a slash",
        lambda: signed(claims(iss=f"{GITHUB_ISSUER}/")),
        "another issuer made it",
    ),
    (
        "of an issuer that looks like ours",
        lambda: signed(claims(iss="https://token.actions.githubusercontent.com.attacker.example")),
        "another issuer made it",
    ),
    ("too long", lambda: signed(claims(filler="x" * 20_000)), "it is 27"),
    ("a megabyte of dots", lambda: "." * 1_048_576, "it is 1048576 characters long"),
    ("empty", lambda: "", "it is malformed"),
    ("two parts", lambda: "a.b", "it is malformed"),
    ("five parts, encrypted", lambda: "a.b.c.d.e", "it is malformed"),
    ("no base64", lambda: "!.!.!", "it is malformed"),
    ("other scripts", lambda: "é.é.é", "it is malformed"),
    ("a header that is a list", lambda: f"{part([1])}.{part(claims())}.x", "it is malformed"),
    ("a header that is nested deeply", lambda: f"{part(b'[' * 9000)}.x.x", "it is malformed"),
    (
        "claims that are a list",
        lambda: jwt.api_jws.encode(b"[1]", KEY, algorithm="RS256", headers={"kid": "good"}),
        "it is malformed",
    ),
    (
        "claims that are no JSON",
        lambda: jwt.api_jws.encode(b"{", KEY, algorithm="RS256", headers={"kid": "good"}),
        "it is malformed",
    ),
]


@pytest.mark.parametrize(("make", "why"), [case[1:] for case in TOKENS], ids=[c[0] for c in TOKENS])
def test_a_hostile_token_is_refused_and_told_why(make: Callable[[], str], why: str) -> None:
    token = make()
    with pytest.raises(RefusedError) as caught:
        verified(token, KEYS, GITHUB_ISSUER)
    assert caught.value.what.startswith(f"the token of this job is refused: {why}")
    assert caught.value.where == "GitHub OIDC"
    assert len(str(caught.value)) < 200
    for text in (str(caught.value), caught.value.remedy):
        assert not token or token not in text
        assert "attacker" not in text


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": {}}, {"keys": []}])
def test_an_issuer_that_publishes_no_key_is_not_believed(keys: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=NOT_PUBLISHED):
        verified(signed(), keys, GITHUB_ISSUER)


LOCAL = {
    SANDBOX_ISSUER: "http://localhost:4566/_github",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}


def test_the_issuer_is_the_contracts() -> None:
    assert expected_issuer(GITHUB_ISSUER, {}) == GITHUB_ISSUER
    only = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert expected_issuer(GITHUB_ISSUER, only) == GITHUB_ISSUER, "an emulator is no sandbox"


def test_the_sandboxs_issuer_is_believed_beside_its_own_aws() -> None:
    assert expected_issuer(GITHUB_ISSUER, LOCAL) == LOCAL[SANDBOX_ISSUER]


FORGED: list[tuple[str, dict[str, str], str]] = [
    ("AWS itself", {"AWS_ENDPOINT_URL": ""}, "AWS_ENDPOINT_URL is not that very server"),
    (
        "another port",
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4567"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "another machine",
        {"AWS_ENDPOINT_URL": "http://10.0.0.1:4566"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "AWS by name",
        {"AWS_ENDPOINT_URL": "https://ecs.eu-west-1.amazonaws.com"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "an issuer elsewhere",
        {SANDBOX_ISSUER: "http://attacker.example:4566/_github"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "a name that begins like this machine's",
        {SANDBOX_ISSUER: "http://localhost.attacker.example:4566"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "a user that looks like a host",
        {SANDBOX_ISSUER: "http://localhost:4566@attacker.example:4566"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "an endpoint with a user",
        {"AWS_ENDPOINT_URL": "http://x@127.0.0.1:4566"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    (
        "no port",
        {SANDBOX_ISSUER: "http://localhost", "AWS_ENDPOINT_URL": "http://localhost"},
        "AWS_ENDPOINT_URL is not that very server",
    ),
    ("no address", {SANDBOX_ISSUER: "http://[::1"}, "AWS_ENDPOINT_URL is not that very server"),
    (
        "one service elsewhere",
        {"AWS_ENDPOINT_URL_ECS": "https://ecs.eu-west-1.amazonaws.com"},
        "AWS_ENDPOINT_URL_ECS is set",
    ),
    (
        "endpoints ignored",
        {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is set",
    ),
]


@pytest.mark.parametrize(("changes", "why"), [c[1:] for c in FORGED], ids=[c[0] for c in FORGED])
def test_a_forged_issuer_could_reach_no_aws(changes: dict[str, str], why: str) -> None:
    with pytest.raises(RefusedError) as caught:
        expected_issuer(GITHUB_ISSUER, LOCAL | changes)
    assert caught.value.what == (f"SHIPWAY_TOKEN_ISSUER names the sandbox's issuer, but {why}")
    with pytest.raises(RefusedError):
        GithubTokens(LOCAL | changes).claims(GITHUB_ISSUER)


def test_a_job_that_may_ask_for_no_token_has_no_claims() -> None:
    assert GithubTokens({}).claims(GITHUB_ISSUER) is None


@pytest.mark.parametrize(
    ("variables", "what"),
    [
        (
            {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example/?a"},
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set, although its companion is",
        ),
        (
            {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret"},
            "ACTIONS_ID_TOKEN_REQUEST_URL is not set, although its companion is",
        ),
        (
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": "http://x.example/?a",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
            },
            "ACTIONS_ID_TOKEN_REQUEST_URL is no https:// address",
        ),
        (
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": "file:///etc/passwd?a",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
            },
            "ACTIONS_ID_TOKEN_REQUEST_URL is no https:// address",
        ),
        (
            {
                "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/?a",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
            },
            "ACTIONS_ID_TOKEN_REQUEST_URL is no https:// address",
        ),
    ],
)
def test_half_a_way_to_a_token_is_no_laptop(variables: dict[str, str], what: str) -> None:
    with pytest.raises(RefusedError) as caught:
        GithubTokens(variables).claims(GITHUB_ISSUER)
    assert caught.value.what == what
    assert "secret" not in f"{caught.value}{caught.value.remedy}"
