from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.redact import HIDDEN, looks_secret, redact, redact_lines, secret_values

KEY_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
PRIVATE = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
        ("ASIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"),
        ("with ghp_" + "a" * 36, "ghp_" + "a" * 36),
        ("with github_pat_" + "b1" * 20, "github_pat_" + "b1" * 20),
        (f"Authorization: Bearer {JWT}", JWT),
        (f"token was {JWT}.", JWT),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        (f"key:\n{PRIVATE}\ndone", KEY_BODY),
        (PRIVATE[:60], KEY_BODY[:20]),
        ("postgres://shop:hunter22@db:5432/shop", "hunter22"),
        ("redis://:hunter22@cache/0", "hunter22"),
        ("DB_PASSWORD=hunter22 started", "hunter22"),
        ('{"client_secret": "hunter22"}', "hunter22"),
        ("api_key: hunter22", "hunter22"),
        ("dbPassword = 'hunter 22'", "hunter 22"),
    ],
)
def test_a_secret_is_hidden_by_its_shape_or_its_name(text: str, secret: str) -> None:
    redacted = redact(text)
    assert secret not in redacted
    assert HIDDEN in redacted


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'DATABASE_URL'",
        "unable to pull secrets or registry auth: execution resource retrieval failed",
        "failed to fetch secret arn:aws:secretsmanager:eu-west-1:1111:secret:shop/db-AbCdEf",
        "https://example.com:8443/health answered 500",
        "USE_TOKEN=true",
        "sha256:" + "9c41" * 16,
        "listening on 0.0.0.0:8080, keyboard ready",
        '  File "/app/settings.py", line 12, in <module>',
    ],
)
def test_what_is_needed_to_understand_stays(text: str) -> None:
    assert redact(text) == text


def test_known_values_are_hidden_in_every_form() -> None:
    value = "p/w d&42"
    coded = base64.b64encode(value.encode()).decode()
    redacted = redact(f"a {value} b p%2Fw%20d%2642 c {coded} d", {value})
    assert redacted == f"a {HIDDEN} b {HIDDEN} c {HIDDEN} d"


@pytest.mark.parametrize(
    "text",
    [
        "line two of it",
        'said "line two of it\\nand a \\"third\\"" in JSON',
        "in a URL line+two+of+it",
        "in HTML &lt;b&gt;last &amp; least&lt;/b&gt;",
        repr("<b>last & least</b>\nline two of it"),
        base64.b64encode(b"mona:line two of it").decode(),
        base64.urlsafe_b64encode("ä:<b>last & least</b>".encode()).decode().rstrip("="),
    ],
)
def test_each_line_of_a_long_secret_is_hidden_in_every_form(text: str) -> None:
    value = "<b>last & least</b>\nline two of it\n}"
    redacted = redact(f"before {text} after", {value})
    assert HIDDEN in redacted
    for part in ("line two", "line+two", "last & least", "last &amp; least"):
        assert part not in redacted
    assert redact("a } stays", {value}) == "a } stays"


def test_base64_of_anything_else_stays() -> None:
    digest = "sha256:" + "9c41" * 16
    coded = base64.b64encode(b"mona:something else").decode()
    assert redact(f"{digest} {coded}", {"line two of it"}) == f"{digest} {coded}"


def test_what_a_query_gives_to_a_secret_name_is_hidden() -> None:
    url = "GET https://shop.example/health?page=2&token=abc&X-Amz-Signature=0f0f#top"
    assert redact(url, assignments=False) == (
        f"GET https://shop.example/health?page=2&token={HIDDEN}&X-Amz-Signature={HIDDEN}#top"
    )
    assert secret_values([("WEBHOOK_URL_OF", "https://x.example/?sig=1&api_key=k42k42k42")]) >= {
        "k42k42k42"
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("42", f"pin {HIDDEN} of 1420 and x42"),
        ("test", f"the {HIDDEN} of the latest"),
    ],
)
def test_a_short_value_is_hidden_only_where_it_stands_alone(value: str, text: str) -> None:
    assert redact(text.replace(HIDDEN, value), {value}) == text


def test_values_of_variables_that_look_secret() -> None:
    variables = (
        ("STRIPE_KEY", "rk_123456"),
        ("DATABASE_URL", "mysql://u:hunter22@h/d"),
        ("PORT", "8080"),
        ("AUTH", "true"),
    )
    assert secret_values(variables) == {"rk_123456", "hunter22"}
    assert secret_values(()) == frozenset()


@pytest.mark.parametrize(
    ("name", "secret"),
    [("DB_PASSWORD", True), ("dbPassword", True), ("API_KEY", True), ("SENTRY_DSN", True),
     ("githubToken", True), ("KEYBOARD", False), ("TOKENIZER_PATH", False), ("PORT", False),
     ("MONKEY", False), ("AUTHOR", False)],
)  # fmt: skip
def test_names_that_look_secret(name: str, *, secret: bool) -> None:
    assert looks_secret(name) is secret


def test_a_key_over_many_lines_is_hidden_in_each_and_no_line_is_lost() -> None:
    lines = ["before", *PRIVATE.splitlines(), "after"]
    assert redact_lines(lines) == ("before", HIDDEN, HIDDEN, HIDDEN, "after")


@given(
    secret=st.text(st.characters(codec="ascii", exclude_characters="*"), min_size=8),
    around=st.tuples(st.text(), st.text()),
)
def test_a_known_secret_never_survives(secret: str, around: tuple[str, str]) -> None:
    assert secret not in redact(f"{around[0]}{secret}{around[1]}", {secret})


@given(st.text())
def test_any_text_can_be_redacted(text: str) -> None:
    redact(text)
