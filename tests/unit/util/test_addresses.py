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
    ],
)
def test_what_is_refused_says_why(url: str, why: str) -> None:
    assert why in objection(url, confined=False)


def test_a_name_is_judged_once_it_is_looked_up() -> None:
    assert objection("https://hooks.slack.com/services/T/B/x", confined=False) == ""


def test_a_rehearsal_reaches_this_machine_alone() -> None:
    assert objection("http://127.0.0.1:9000/x", confined=True) == ""
    assert objection("https://hooks.slack.com/services/T/B/x", confined=True)
    assert objection("http://u@127.0.0.1:9000/x", confined=True)
