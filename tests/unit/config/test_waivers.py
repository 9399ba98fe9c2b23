from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from shipway.config import waivers
from shipway.errors import ConfigurationError

TODAY = date(2026, 11, 22)
GOOD = """\
schema = 1
[[waiver]]
id = "CVE-2026-1"
package = "openssl"
digest = "all"
owner = "mona"
reason = "not reachable"
expires = 2026-12-01
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "waivers.toml"
    file.write_text(text)
    return file


def test_no_file_is_no_waiver(tmp_path: Path) -> None:
    assert waivers.load(tmp_path / "waivers.toml", TODAY) == waivers.Waivers()


def test_a_waiver_is_read(tmp_path: Path) -> None:
    (waiver,) = waivers.load(written(tmp_path, GOOD), TODAY).entries
    assert (waiver.id, waiver.package, waiver.digest) == ("CVE-2026-1", "openssl", "all")
    assert (waiver.owner, waiver.expires) == ("mona", date(2026, 12, 1))


def test_one_that_ran_out_is_read_and_left_to_the_gate(tmp_path: Path) -> None:
    text = GOOD.replace("2026-12-01", "2020-01-01")
    (waiver,) = waivers.load(written(tmp_path, text), TODAY).entries
    assert waiver.expires == date(2020, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2026-12-01", "2027-02-21", "2027-02-21 is more than 90 days ahead; at most 2027-02-20"),
        ("2026-12-01", '"2026-12-01"', "should be a date without quotes"),
        ("2026-12-01", "2026-12-01T00:00:00Z", "should be a date without quotes"),
        ('"all"', '"latest"', 'should be "all" or the digest'),
        ('"mona"', '" "', "owner: should be a text of one line"),
        ('"mona"', '"a\\nb"', "owner: should be a text of one line"),
        ("reason", "reson", 'unknown key; did you mean "reason"?'),
        ('owner = "mona"\n', "", "owner: is missing"),
        ("schema = 1", "schema = 2", "schema: should be 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigurationError) as caught:
        waivers.load(written(tmp_path, GOOD.replace(old, new)), TODAY)
    assert any(message in line for line in caught.value.details)
    assert all("waivers.toml:" in line for line in caught.value.details)


def test_ninety_days_are_allowed(tmp_path: Path) -> None:
    text = GOOD.replace("2026-12-01", "2027-02-20")
    assert waivers.load(written(tmp_path, text), TODAY).entries
