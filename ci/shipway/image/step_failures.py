"""What a step of a Dockerfile said before it failed: its own lines, and what of the network it met.

A step fails with the words of whatever program it ran. Two of their causes are no fault of the
Dockerfile and look like one: a name that did not resolve, and a certificate that nobody vouched
for, most often that of a company's proxy. The sentences are those of glibc, musl and busybox, curl,
git, wget, apt, pip, Node.js, Go, Java and Rust.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_KEPT: Final = 20
# "#7 ERROR: process …", "#7 0.812 a line of the step" (BuildKit's plain progress).
_FAILED: Final = re.compile(r"#(\d+) ERROR: ")
_LINE: Final = re.compile(r"#(\d+) \d+\.\d+ (.*)")
_HOST: Final = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
_NAMES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"could not resolve (?:host|proxy): {_HOST}",  # curl, git
        # wget, apt
        rf"(?:unable to|could not) resolve (?:host )?(?:address )?['\"\u2018\u201c]{_HOST}",
        rf"temporary failure resolving ['\"]{_HOST}",  # apt
        rf"bad address ['\"]{_HOST}",  # busybox
        rf"lookup {_HOST}(?: on \S+)?: (?:no such host|.*(?:try again|i/o timeout|misbehaving))",
        rf"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) {_HOST}",  # Node.js
        rf"UnknownHostException: {_HOST}",  # Java
        rf"host='{_HOST}'.*(?:failed to resolve|name resolution|name or service not known)",  # pip
        rf"failed to resolve ['\"]{_HOST}['\"]",  # urllib3
        rf"(?:https?://|@){_HOST}\S*.*(?:dns error|failed to lookup address)",  # Rust
    )
)
_NO_NAME: Final = re.compile(
    r"temporary failure in name resolution|name or service not known|"
    r"failed to lookup address information|nodename nor servname",
    re.IGNORECASE,
)
_CERTIFICATE: Final = re.compile(
    r"certificate[_ ]verif(?:y|ication)[_ ]failed|x509: certificate|"
    r"certificate problem: (?:unable to get|self[- ]signed)|"
    r"unable to get (?:local )?issuer certificate|self[-_ ]signed[-_ ]cert|"
    r"unable_to_(?:get_issuer_cert|verify_leaf_signature)|PKIX path building failed|"
    r"the certificate is not trusted|cannot verify \S+ certificate|"
    r"invalid peer certificate|unknown ?issuer",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(
    rf"https?://(?:[^/@\s]*@)?{_HOST}|host=['\"]{_HOST.replace('host', 'named')}"
    rf"|verify {_HOST.replace('host', 'vouched')}['\u2019]s"
)
_UNTOUCHED: Final = "nothing was published or changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """What of the network a step met, which no change of its command would mend.

    Attributes:
        what: What is wrong, in one sentence.
        remedy: What to do next.
    """

    what: str
    remedy: str


def own_lines(said: Sequence[str]) -> tuple[str, ...]:
    """The last lines that the steps which failed printed themselves, at most 20.

    BuildKit's own block at the end has the last ten: the trailer of many a program is longer.
    """
    failed = {match[1] for line in said if (match := _FAILED.match(line))}
    lines = (match for line in said if (match := _LINE.match(line)))
    return tuple(match[2].rstrip() for match in lines if match[1] in failed)[-_KEPT:]


def culprit(lines: Sequence[str]) -> Culprit | None:
    """The last thing in these lines that is the network's fault; nothing where none is."""
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if name := unresolved(line):
            return Culprit(
                what=f"a step says that {name} did not resolve",
                remedy="see the builder's DNS and proxy; a step knows the proxies that build_args "
                f"of [image] in ci/delivery.toml gives it (HTTPS_PROXY, NO_PROXY); {_UNTOUCHED}",
            )
        if _CERTIFICATE.search(line):
            host = _host_near(lines, number)
            whose = f"the certificate of {host}" if host else "a certificate"
            return Culprit(
                what=f"a step says that it does not trust {whose}",
                remedy="a proxy of your network may stand between: COPY its certificate "
                "authority into the image before that step (update-ca-certificates, PIP_CERT, "
                f"NODE_EXTRA_CA_CERTS), or start from an image that has it; {_UNTOUCHED}",
            )
    return None


def unresolved(line: str) -> str:
    """The name that did not resolve, in words; empty where the line does not say so."""
    for pattern in _NAMES:
        if match := pattern.search(line):
            return f"the name {match['host']}"
    return "a name" if _NO_NAME.search(line) else ""


def _host_near(lines: Sequence[str], number: int) -> str:
    """The host that a line speaks of, or the one before it that speaks of any."""
    for line in reversed(lines[max(0, number - 3) : number + 1]):
        if match := _ADDRESS.search(line):
            return match["host"] or match["named"] or match["vouched"]
    return ""
