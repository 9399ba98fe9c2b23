"""A step that failed: its own lines, and the network's part in it; sentences of real programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.errors import BuildError
from shipway.image.build import BuildRequest
from shipway.image.build_failures import Attempt, error_of
from shipway.image.step_failures import culprit, own_lines

NAMES = {
    "curl: (6) Could not resolve host: pkgs.example.com": "pkgs.example.com",
    "fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com": (
        "github.com"
    ),
    "wget: unable to resolve host address 'pkgs.example.com'": "pkgs.example.com",
    "wget: unable to resolve host address \u2018pkgs.example.com\u2019": "pkgs.example.com",
    "wget: bad address 'pkgs.example.com'": "pkgs.example.com",
    "Err:1 http://deb.debian.org/debian trixie InRelease": "",
    "  Temporary failure resolving 'deb.debian.org'": "deb.debian.org",
    "Could not resolve 'deb.debian.org'": "deb.debian.org",
    "npm error request to https://registry.npmjs.org/left-pad failed, reason: getaddrinfo "
    "EAI_AGAIN registry.npmjs.org": "registry.npmjs.org",
    "Error: getaddrinfo ENOTFOUND db": "db",
    'go: example.com/m@v1.0.0: Get "https://proxy.golang.org/example.com/m": dial tcp: lookup '
    "proxy.golang.org on 10.0.0.2:53: no such host": "proxy.golang.org",
    "dial tcp: lookup sum.golang.org: Temporary failure in name resolution, try again": (
        "sum.golang.org"
    ),
    "java.net.UnknownHostException: repo.maven.apache.org": "repo.maven.apache.org",
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._"
    "vendor.urllib3.connection.HTTPSConnection object>: Failed to establish a new connection: "
    "[Errno -3] Temporary failure in name resolution')': /simple/flask/": "a name",
    "HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded (Caused by NameResolution"
    "Error(\"<...>: Failed to resolve 'pypi.org' ([Errno -2] Name or service not known)\"))": (
        "pypi.org"
    ),
    "error sending request for url (https://index.crates.io/config.json): dns error: failed to "
    "lookup address information: Name or service not known": "index.crates.io",
}
CERTIFICATES = {
    "curl: (60) SSL certificate problem: unable to get local issuer certificate": "",
    "curl: (60) SSL certificate problem: self-signed certificate in certificate chain": "",
    "fatal: unable to access 'https://github.com/a/b/': server certificate verification failed. "
    "CAfile: none CRLfile: none": "github.com",
    "ERROR: cannot verify pkgs.example.com's certificate, issued by 'CN=Proxy'": "pkgs.example.com",
    "npm error request to https://registry.npmjs.org/x failed, reason: self-signed certificate in "
    "certificate chain": "registry.npmjs.org",
    "npm error code UNABLE_TO_GET_ISSUER_CERT_LOCALLY": "",
    'go: m@v1: Get "https://proxy.golang.org/m": tls: failed to verify certificate: x509: '
    "certificate signed by unknown authority": "proxy.golang.org",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify "
    "failed: unable to get local issuer certificate')) host='pypi.org'": "pypi.org",
    "javax.net.ssl.SSLHandshakeException: PKIX path building failed": "",
    "  Certificate verification failed: The certificate is NOT trusted.": "",
    "error: invalid peer certificate: UnknownIssuer": "",
}


@pytest.mark.parametrize(("line", "name"), NAMES.items())
def test_a_name_that_did_not_resolve_is_named(line: str, name: str) -> None:
    met = culprit(("Collecting everything", line, "and then it failed"))
    if not name:
        assert met is None
        return
    assert met is not None
    word = name if name == "a name" else f"the name {name}"
    assert met.what == f"a step says that {word} did not resolve"
    assert "build_args" in met.remedy


@pytest.mark.parametrize(("line", "host"), CERTIFICATES.items())
def test_a_certificate_that_nobody_vouched_for_is_named(line: str, host: str) -> None:
    met = culprit((line, "npm error A complete log of this run can be found in: /root/.npm"))
    assert met is not None
    whose = f"the certificate of {host}" if host else "a certificate"
    assert met.what == f"a step says that it does not trust {whose}"
    assert "certificate authority" in met.remedy


def test_the_host_may_stand_in_a_line_before() -> None:
    met = culprit(
        (
            "Err:1 https://deb.example.com/debian trixie InRelease",
            "  Certificate verification failed: The certificate is NOT trusted.",
        )
    )
    assert met is not None
    assert met.what.endswith("the certificate of deb.example.com")


@pytest.mark.parametrize(
    "line",
    [
        "error: could not compile `shop` (bin) due to 1 previous error",
        "E   AssertionError: assert 1 == 2",
        "npm error code ERESOLVE",
        "npm error ERESOLVE could not resolve",
        "ModuleNotFoundError: No module named 'certificates'",
        "error TS2307: Cannot resolve module 'host'",
        "Could not resolve dependencies for project com.example:shop:jar:1.0",
    ],
)
def test_what_is_the_dockerfiles_fault_stays_so(line: str) -> None:
    assert culprit((line,)) is None


def said(lines: list[str], shown: int) -> str:
    step = "[2/2] RUN make"
    own = "".join(f"#7 {number}.125 {line}\n" for number, line in enumerate(lines))
    end = "".join(f"{number}.125 {line}\n" for number, line in list(enumerate(lines))[-shown:])
    cause = 'process "/bin/sh -c make" did not complete successfully: exit code: 2'
    return f"""\
#6 [1/2] FROM docker.io/library/busybox:1.36
#6 0.100 of another step
#6 DONE 0.1s
#7 {step}
{own}#7 ERROR: {cause}
------
 > {step}:
{end}------
Dockerfile:2
--------------------
   2 | >>> RUN make
--------------------
ERROR: failed to solve: {cause}
"""


def failure(text: str) -> BuildError:
    request = BuildRequest(
        context=Path("/shop"),
        dockerfile=Path("/shop/Dockerfile"),
        platforms=("linux/amd64",),
        destination=Path("/out"),
        epoch=0,
    )
    error = error_of(Attempt(request=request, builder="default", stderr=text, code=1))
    assert isinstance(error, BuildError)
    return error


def test_its_own_lines_are_told_more_than_buildkit_repeats() -> None:
    lines = ["shop.c:3: error: no semicolon", *(f"trailer {number}" for number in range(14))]
    error = failure(said(lines, shown=10))
    assert error.details == (" > [2/2] RUN make:", *lines, "Dockerfile:2", "   2 | >>> RUN make")
    assert "mend /shop/Dockerfile" in error.remedy
    many = [f"line {number}" for number in range(90)]
    assert own_lines(said(many, shown=10).splitlines()) == tuple(many[-20:])


def test_the_network_is_named_and_the_dockerfile_is_not_to_blame() -> None:
    lines = ["Collecting flask", "curl: (6) Could not resolve host: pypi.example", "giving up"]
    error = failure(said(lines, shown=3))
    assert error.what == "a step says that the name pypi.example did not resolve"
    assert "exit code: 2" in error.details[0]
    assert "curl: (6) Could not resolve host: pypi.example" in "\n".join(error.details)
    assert "mend" not in error.remedy


def test_an_add_that_found_no_host_is_told_like_a_step() -> None:
    error = failure(
        "#5 [2/2] ADD https://pkgs.example/x /x\n"
        '#5 ERROR: Get "https://pkgs.example/x": dial tcp: lookup pkgs.example: no such host\n'
        "------\n > [2/2] ADD https://pkgs.example/x /x:\n------\n"
        'ERROR: failed to solve: failed to load cache key: Get "https://pkgs.example/x": '
        "dial tcp: lookup pkgs.example: no such host\n"
    )
    assert error.what == "a step says that the name pkgs.example did not resolve"
