"""Taking secrets out of text before anybody sees it.

Three nets, each for what slips through the one before: values that are known to be secret (from the
environment of the task definition, by the look of their names), assignments in the text whose name
looks secret, and tokens that are known by their shape.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

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
_SHORT = 4

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

    Those are values whose names look secret, and the password in any value that is a URL.

    Args:
        variables: Names and values.
    """
    secrets: set[str] = set()
    for name, value in variables:
        password = _password(value)
        if password:
            secrets.add(password)
        if looks_secret(name) and value.lower() not in _NOT_SECRET_VALUES:
            secrets.add(value)
    return frozenset(secrets)


def redact(text: str, secrets: Iterable[str] = (), *, assignments: bool = True) -> str:
    """``text`` without secrets; what is hidden becomes ``***``.

    Args:
        text: Anything that is about to be shown or recorded.
        secrets: Values known to be secret. One shorter than four characters is hidden only where
            it stands alone, as it would tear other words apart.
        assignments: Whether ``NAME=value`` is hidden where the name looks secret. In our own words
            a colon may follow such a name without any secret behind it.
    """
    text = _BLOCK.sub(HIDDEN, text)
    for value in sorted(set(secrets) - {""}, key=len, reverse=True):
        text = _without(text, value)
    text = _SHAPES.sub(HIDDEN, text)
    text = _IN_URL.sub(rf"\g<head>:{HIDDEN}@", text)
    text = _BEARER.sub(rf"\g<head>{HIDDEN}", text)
    return _ASSIGNED.sub(_assigned, text) if assignments else text


def redact_lines(lines: Sequence[str], secrets: Iterable[str] = ()) -> tuple[str, ...]:
    """Lines without secrets, as many as came: a key that spans lines is hidden in each of them."""
    hidden = frozenset(secrets)
    result: list[str] = []
    inside = False
    for line in lines:
        begins = "-----BEGIN" in line and "PRIVATE KEY" in line
        inside = inside or begins
        result.append(HIDDEN if inside else redact(line, hidden))
        if inside and "-----END" in line:
            inside = False
    return tuple(result)


def _without(text: str, value: str) -> str:
    if len(value) < _SHORT:
        return re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", lambda _: HIDDEN, text)
    encoded = base64.b64encode(value.encode()).decode()
    for form in (value, quote(value, safe=""), encoded, encoded.rstrip("=")):
        text = text.replace(form, HIDDEN)
    return text


def _assigned(match: re.Match[str]) -> str:
    value = match["value"].strip("\"'")
    harmless = value.lower() in _NOT_SECRET_VALUES or value == HIDDEN or value.startswith("arn:")
    colon = ":" in match["middle"]
    secret = _STRONG.search(match["name"]) if colon else looks_secret(match["name"])
    if harmless or not secret:
        return match[0]
    return f"{match['name']}{match['middle']}{HIDDEN}"


def _password(value: str) -> str:
    if "://" not in value:
        return ""
    try:
        return urlsplit(value).password or ""
    except ValueError:
        return ""
