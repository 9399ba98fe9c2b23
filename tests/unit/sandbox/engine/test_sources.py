from __future__ import annotations

from shipway_sandbox.engine.apt import Suite
from shipway_sandbox.engine.sources import read_os_release, read_sources

DEB822 = """\
# the mirror of the house
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://inline.example/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
"""

ONE_LINE = """\
deb [arch=amd64 signed-by=/k.gpg] https://a.example/ubuntu noble main universe # ours
deb http://b.example/ubuntu noble multiverse
deb-src http://c.example/ubuntu noble main
# deb http://d.example/ubuntu noble main
deb cdrom:[Debian] bookworm main
nonsense
"""


def test_both_forms_are_read_and_what_is_off_or_not_binary_is_left_out() -> None:
    suites = read_sources({"a.sources": DEB822, "b.list": ONE_LINE})
    assert [suite.uri for suite in suites] == [
        "http://mirror.example/debian",
        "http://inline.example/debian",
        "https://a.example/ubuntu",
    ]
    assert suites[0].pockets == ("bookworm", "bookworm-updates")
    assert suites[0].keyring == "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert suites[2].keyring == "/k.gpg"


def test_a_key_written_into_the_file_is_left_to_the_default_keyring() -> None:
    assert read_sources({"a.sources": DEB822})[1].keyring == ""


def test_nothing_comes_of_empty_files() -> None:
    assert read_sources({"a.sources": "", "b.list": "\n\n"}) == ()


def test_os_release_is_read_without_quotes_and_comments() -> None:
    text = "# c\nID=debian\nVERSION_ID=\"12\"\nNAME='Debian GNU/Linux'\n\nODD\n"
    release = read_os_release(text)
    assert (release["ID"], release["VERSION_ID"], release["NAME"]) == (
        "debian",
        "12",
        "Debian GNU/Linux",
    )


def test_a_source_names_the_keys_that_must_have_signed_it() -> None:
    source = Suite("trixie", "http://m/debian", "/k.gpg", ("trixie",)).source("arm64")
    assert "Signed-By: /k.gpg\n" in source
    assert "Architectures: arm64\n" in source
