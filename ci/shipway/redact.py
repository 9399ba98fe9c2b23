"""Taking secrets out of text before anybody sees it.

Three nets, each for what slips through the one before: values that are known to be secret (from the
environment of the task definition, by the look of their names), assignments in the text whose name
looks secret, and tokens that are known by their shape.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

HIDDEN = "***"
"""What stands where a secret was."""

_SECRET_WORDS = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "pass",
        "pwd",
        "secret",
        "secrets",
        "token",
        "tokens",
        "key",
        "keys",
        "apikey",
        "credential",
        "credentials",
        "creds",
        "dsn",
        "private",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "salt",
        "signature",
        "jwt",
        "pat",
        "passcode",
        "pin",
        "otp",
        "webhook",
        "certificate",
    }
)
_NOT_SECRET_VALUES = frozenset({"", "true", "false", "yes", "no", "on", "off", "none", "null"})
_SHORT = 8
"""A value of fewer characters occurs in ordinary words: it is hidden only as a whole word."""
_LINE = 8
"""A line of a longer secret counts from so many characters on: "}" alone gives nothing away."""

_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)",
    re.DOTALL,
)
_SHAPES = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # IAM User Guide, "Understanding unique ID prefixes"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\bglpat-[\w-]{16,}|\bxox[abeoprs]-[\w-]{10,}|\bnpm_[A-Za-z0-9]{30,}"
    r"|\bsk-[\w-]{20,}|\bsk_live_\w{10,}|\bAIza[\w-]{30,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"  # a JWT: base64url of {"
)
_IN_URL = re.compile(r"(?P<head>\b[a-zA-Z][\w+.-]*://[^\s/:@'\"]*):(?P<password>[^\s/@'\"]+)@")
# base64, of either alphabet: what a secret may be part of, such as USER:PASSWORD.
_CODED = re.compile(r"(?<![\w+/=-])[\w+/-]{12,}={0,2}")
_IN_QUERY = re.compile(r"(?P<head>[?&](?P<name>[\w.~%-]{1,80})=)(?P<value>[^&\s#\"'<>]+)")
_BEARER = re.compile(r"(?P<head>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
# In prose a colon follows many words ("KeyError: 'X'", "registry auth: …", an ARN's parts), so
# only a name that ends like a secret's counts there; an equals sign is an assignment.
_STRONG = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|secret|token|(?:api|access|private|secret)[_-]?key|credentials?)$",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(?<![\w:/])(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,80})"
    r"(?P<middle>[\"']?\s*(?:=|:)\s*)"
    r"(?P<value>\"[^\"\n]+\"|'[^'\n]+'|[^\s,;&'\"}\])]+)"
)


def looks_secret(name: str) -> bool:
    """Whether a variable of this name is likely to hold a secret."""
    parts = re.split(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", name)
    words = {part.lower() for part in parts}
    return bool(words & _SECRET_WORDS) or name.lower().endswith(("password", "secret", "token"))


def secret_values(variables: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Values of variables that must never be shown.

    Those are values whose names look secret, and in any value that is a URL its password and what
    its query gives to names that look secret.

    Args:
        variables: Names and values.
    """
    secrets: set[str] = set()
    for name, value in variables:
        secrets.update(_in_url(value))
        if looks_secret(name) and value.lower() not in _NOT_SECRET_VALUES:
            secrets.add(value)
    return frozenset(secrets)


def redact(text: str, secrets: Iterable[str] = (), *, assignments: bool = True) -> str:
    """``text`` without secrets; what is hidden becomes ``***``.

    Args:
        text: Anything that is about to be shown or recorded.
        secrets: Values known to be secret, each in every form in which programs print it: as it
            is, each of its lines, escaped for a URL, JSON, Python or HTML, and in base64, alone
            or as a part. One shorter than eight characters is hidden only as a whole word, as it
            would tear other words apart.
        assignments: Whether ``NAME=value`` is hidden where the name looks secret. In our own words
            a colon may follow such a name without any secret behind it.
    """
    text = _BLOCK.sub(HIDDEN, text)
    known = sorted(set(secrets) - {""}, key=len, reverse=True)
    for value in known:
        text = _without(text, value)
    if known:
        text = _CODED.sub(lambda match: _decoded(match, known), text)
    text = _SHAPES.sub(HIDDEN, text)
    text = _IN_URL.sub(rf"\g<head>:{HIDDEN}@", text)
    text = _IN_QUERY.sub(_query, text)
    text = _BEARER.sub(rf"\g<head>{HIDDEN}", text)
    return _ASSIGNED.sub(_assigned, text) if assignments else text


def redact_lines(lines: Sequence[str], secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Lines without secrets, as many as came: a key that spans lines is hidden in each of them."""
    redactor = LineRedactor(secrets)
    return tuple(map(redactor.line, lines))


class LineRedactor:
    """Hides secrets line by line, for as long as lines come.

    Args:
        secrets: As for :func:`redact`.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)
        self._inside = False

    def line(self, line: str) -> str:
        """The next line without secrets; a key that began in an earlier one is hidden in this."""
        begins = "-----BEGIN" in line and "PRIVATE KEY" in line
        self._inside = self._inside or begins
        shown = HIDDEN if self._inside else redact(line, self._secrets)
        if self._inside and "-----END" in line:
            self._inside = False
        return shown


def _without(text: str, value: str) -> str:
    if len(value) < _SHORT:
        return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", lambda _: HIDDEN, text)
    for form in _forms(value):
        text = text.replace(form, HIDDEN)
    return text


@lru_cache(maxsize=4096)
def _forms(value: str) -> tuple[str, ...]:
    """How programs print a value, the longest first."""
    forms = {form for part in _parts(value) for form in _spellings(part)}
    return tuple(sorted(forms, key=len, reverse=True))


def _parts(value: str) -> Iterator[str]:
    yield value
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LINE)


def _spellings(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogatepass")
    yield text
    yield quote(raw, safe="")
    yield quote_plus(raw)
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield html.escape(text)
    for coded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        yield coded
        yield coded.rstrip("=")


def _decoded(match: re.Match[str], known: Sequence[str]) -> str:
    """The text again, or ``***`` where it is base64 of something with a secret in it."""
    text = match[0].rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        raw = base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", validate=True)
    except ValueError:
        return match[0]
    secret = any(
        part.encode("utf-8", "surrogatepass") in raw
        for value in known
        if len(value) >= _SHORT
        for part in _parts(value)
    )
    return HIDDEN if secret else match[0]


def _query(match: re.Match[str]) -> str:
    return f"{match['head']}{HIDDEN}" if looks_secret(match["name"]) else match[0]


def _assigned(match: re.Match[str]) -> str:
    value = match["value"].strip("\"'")
    harmless = value.lower() in _NOT_SECRET_VALUES or value == HIDDEN or value.startswith("arn:")
    colon = ":" in match["middle"]
    secret = _STRONG.search(match["name"]) if colon else looks_secret(match["name"])
    if harmless or not secret:
        return match[0]
    return f"{match['name']}{match['middle']}{HIDDEN}"


def _in_url(value: str) -> Iterator[str]:
    if "://" not in value:
        return
    try:
        url = urlsplit(value)
        password, query = url.password, parse_qsl(url.query)
    except ValueError:
        return
    if password:
        yield password
    yield from (text for name, text in query if looks_secret(name))
