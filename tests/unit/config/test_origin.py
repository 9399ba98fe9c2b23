"""Where another environment's repository is, as this one's credentials can know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from shipway.config import load as delivery_file
from shipway.config import resolve
from shipway.config.environment import Origin
from shipway.config.origin import of_other, registry_of
from shipway.config.references import Found, Missing, Reference
from shipway.errors import UnresolvedReferenceError

TEXT = """
schema = 1
name = "tally"
[environments.qa]
account = "111122223333"
region = "eu-west-1"
repository = "{repository}"
cluster = "qa"
[environments.qa.services.api]
service = "api"
container = "app"
[environments.live]
account = "444455556666"
region = "eu-central-1"
repository = "tally"
cluster = "live"
{own}
[environments.live.services.api]
service = "api"
container = "app"
"""
SHARED = "999988887777.dkr.ecr.us-east-1.amazonaws.com/team/tally"


class Published:
    """What is published in live's account."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def resolve(self, references: Iterable[Reference]) -> Mapping[Reference, Found | Missing]:
        return {
            each: Found(text=self._values[str(each)]) if str(each) in self._values else Missing()
            for each in references
        }


def other(tmp_path: Path, repository: str, own: str = "", **values: str) -> Origin:
    file = tmp_path / "delivery.toml"
    file.write_text(TEXT.format(repository=repository, own=own), encoding="utf-8")
    declared = delivery_file.load(file)
    published = Published({f"ssm:/{name}": text for name, text in values.items()})
    environment = resolve.resolve(declared.environment("live"), variables={}, published=published)
    return of_other(declared, environment, "qa", "", variables={}, published=published)


@pytest.mark.parametrize(
    ("repository", "values", "uri"),
    [
        ("tally", {}, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tally"),
        (SHARED, {}, SHARED),
        ("ssm:/qa", {"qa": SHARED}, SHARED),
        ("ssm:/qa", {"qa": "a/b"}, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a/b"),
    ],
)
def test_the_repository_is_as_written_or_as_published_here(
    tmp_path: Path, repository: str, values: dict[str, str], uri: str
) -> None:
    assert other(tmp_path, repository, **values).uri == uri


def test_where_images_are_promoted_from_is_said_beside_the_promotion(tmp_path: Path) -> None:
    own = f'promote_from = "qa"\npromote_repository = "{SHARED}"'
    assert other(tmp_path, "ssm:/qa", own).uri == SHARED


@pytest.mark.parametrize(
    ("own", "remedy"),
    [
        ('promote_from = "qa"', "say promote_repository in [environments.live]"),
        ("", "write the repository's URI in [environments.qa], or publish it under the same name"),
    ],
)
def test_what_only_the_other_account_can_look_up_is_said(
    tmp_path: Path, own: str, remedy: str
) -> None:
    with pytest.raises(UnresolvedReferenceError) as caught:
        other(tmp_path, "ssm:/qa", own)
    where = "ssm:/qa, the repository of qa, is not published in 444455556666 eu-central-1"
    assert caught.value.what == where
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("repository", "home"),
    [
        ("tally", ("111122223333", "eu-west-1")),
        ("ssm:/qa", ("111122223333", "eu-west-1")),
        (SHARED, ("999988887777", "us-east-1")),
    ],
)
def test_a_shared_registry_is_known_by_its_written_address(
    tmp_path: Path, repository: str, home: tuple[str, str]
) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(TEXT.format(repository=repository, own=""), encoding="utf-8")
    place = registry_of(delivery_file.load(file), "qa", {})
    assert (place.name, place.account, place.region) == ("qa", *home)
