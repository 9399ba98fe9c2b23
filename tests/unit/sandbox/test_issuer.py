from __future__ import annotations

import jwt
import pytest

from shipway.errors import SandboxError
from shipway_sandbox.issuer import Issuer, token_of

CLAIMS = {"sub": "repo:a/b:ref:refs/heads/main", "repository_owner": "a"}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer("http://localhost:1/_github")


def test_job_gets_a_token_for_the_audience_it_names(issuer: Issuer) -> None:
    request = issuer.register(CLAIMS)
    status, answer = issuer.serve("/idtoken", {"audience": "me"}, f"Bearer {request}")
    assert status == 200
    claims = issuer.verify(answer["value"])
    assert (claims["aud"], claims["sub"], claims["iss"]) == ("me", CLAIMS["sub"], issuer.url)
    assert claims["exp"] > claims["iat"] >= claims["nbf"]
    _, default = issuer.serve("/idtoken", {}, f"bearer {request}")
    assert issuer.verify(default["value"])["aud"] == "https://github.com/a"


@pytest.mark.parametrize("authorization", ["", "bearer", "bearer x", "basic x", "bearer ü"])
def test_stranger_gets_none(issuer: Issuer, authorization: str) -> None:
    issuer.register(CLAIMS)
    assert issuer.serve("/idtoken", {}, authorization)[0] == 401


def test_documents_are_public_and_hold_no_private_part(issuer: Issuer) -> None:
    _, document = issuer.serve("/.well-known/openid-configuration", {}, "")
    assert document["jwks_uri"].startswith(document["issuer"])
    _, keys = issuer.serve("/.well-known/jwks", {}, "")
    assert set(keys["keys"][0]) == {"kty", "alg", "use", "kid", "n", "e"}
    assert issuer.serve("/nothing", {}, "")[0] == 404


@pytest.mark.parametrize(
    "changed",
    [{"iss": "http://elsewhere"}, {"exp": 1}, {"nbf": 4102444800}],
    ids=["issuer", "expired", "not-yet"],
)
def test_token_that_is_not_good_now_is_refused(issuer: Issuer, changed: dict[str, object]) -> None:
    with pytest.raises(jwt.PyJWTError):
        issuer.verify(issuer.sign({**CLAIMS, **changed}, "me"))


def test_key_of_a_stranger_is_refused(issuer: Issuer) -> None:
    with pytest.raises(jwt.PyJWTError):
        issuer.verify(Issuer(issuer.url).sign(CLAIMS, "me"))


@pytest.mark.parametrize("claims", [[], {}, {"sub": ""}])
def test_job_without_a_subject_is_refused(issuer: Issuer, claims: object) -> None:
    with pytest.raises((TypeError, ValueError), match="claim"):
        issuer.register(claims)  # type: ignore[arg-type]


def test_answer_without_a_token_is_an_error() -> None:
    assert token_of(b'{"value": "x"}') == "x"
    with pytest.raises(SandboxError, match="token"):
        token_of(b"{}")
