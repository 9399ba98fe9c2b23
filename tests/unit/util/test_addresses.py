"""No address inside a network is told anything, however it is written."""

from __future__ import annotations

import pytest

from shipway.util.addresses import not_public, objection

_INSIDE = (
    "169.254.169.254",
    "169.254.170.2",
    "127.0.0.1",
    "10.0.0.8",
    "172.31.255.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104  # an address to refuse
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::127.0.0.1",
    "::a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::7f00:1",
    "fec0::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "168.63.129.16",
    "192.88.99.1",
    "192.0.0.192",
)


@pytest.mark.parametrize("address", _INSIDE)
def test_an_address_inside_is_refused(address: str) -> None:
    assert not_public(address)
    host = f"[{address}]" if ":" in address else address
    assert objection(f"https://{host}/hook", confined=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_an_address_outside_is_not(address: str) -> None:
    assert not_public(address) == ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com/x", "https"),
        ("http://127.0.0.1:9000/x", "https"),
        ("ftp://hooks.example.com", "https"),
        ("file:///etc/passwd", "https"),
        ("https://", "no host"),
        ("https:///x", "no host"),
        ("https://user:pw@hooks.example.com/", "password"),
        ("https://localhost/x", "private"),
        ("https://metadata.google.internal/x", "private"),
        ("https://printer.local./x", "private"),
        ("https://hooks.example.com:99999/", "no address"),
        ("", "https"),
        # Spellings that some programs take for 127.0.0.1 or for metadata.
        ("https://2130706433/", "no host"),
        ("https://0x7f.1/", "no host"),
        ("https://127.1/", "no host"),
        ("https://0177.0.0.1/", "no host"),
        ("https://169.254.169.254./", "private"),
        ("https://[::1%25eth0]/", "private"),
        ("https://[2606:4700::1111%25eth0]/", "private"),
        ("https://[v1.fe80]/", "no"),
        ("https://169\u3002254\uff0e169\uff61254/", "beyond ASCII"),
        ("https://\uff11\uff12\uff17.0.0.1/", "beyond ASCII"),
        ("https://\u24c1ocalhost.example/", "beyond ASCII"),
        ("https://hooks.example.com\n@127.0.0.1/", "control character"),
        ("https://hooks.exa\tmple.com/", "control character"),
        ("https://hooks.example.com\\@127.0.0.1/", "password"),
        ("https://hooks.example.com/a b", "space"),
        ("https://intranet/", "no host"),
        ("https://a..b.example/", "no host"),
        ("https://-a.example/", "no host"),
        ("https://localhost%00.example.com/", "no host"),
        ("https://hooks.example.com%2f@x/", "password"),
        (f"https://{'a.' * 130}example/", "no host"),
        *(
            (f"https://chat.{name}/", "private")
            for name in ("lan", "corp", "home.arpa", "intranet")
        ),
    ],
)
def test_what_is_refused_says_why(url: str, why: str) -> None:
    assert why in objection(url, confined=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T/B/x",
        "https://xn--bcher-kva.example/x?to=ops&n=1#y",
        "HTTPS://Hooks.Example.COM:8443/x",
        "https://hooks.example.com./x",
        "https://127.0.0.1.nip.io/",
        "https://[2606:4700::1111]/x",
    ],
)
def test_a_name_is_judged_once_it_is_looked_up(url: str) -> None:
    assert objection(url, confined=False) == ""


def test_a_rehearsal_reaches_this_machine_alone() -> None:
    assert objection("http://127.0.0.1:9000/x", confined=True) == ""
    assert objection("https://hooks.slack.com/services/T/B/x", confined=True)
    assert objection("http://u@127.0.0.1:9000/x", confined=True)
