"""A further tag for an image that is there: ECR answers from a dictionary."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from shipway.aws.ecr import EcrRepository
from shipway.aws.session import Session
from shipway.config.environment import Origin
from shipway.errors import PublishError
from shipway.values import Digest

MANIFEST = '{"manifests": []}'
DIGEST = Digest(f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}")
OTHER = f"sha256:{'b' * 64}"
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"


@dataclass
class Cloud:
    """One repository, and what PutImage answers where it does not tag."""

    tags: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    meanwhile: str = ""
    region: str = "eu-west-1"

    def client(self, _service: str) -> Cloud:
        return self

    def batch_get_image(self, **asked: Any) -> dict[str, Any]:
        (wanted,) = asked["imageIds"]
        digest = wanted.get("imageDigest") or self.tags.get(wanted["imageTag"])
        image = {"imageId": {"imageDigest": digest}, "imageManifest": MANIFEST}
        return {"images": [image] if digest else []}

    def describe_images(self, **asked: Any) -> dict[str, Any]:
        """Two pages, with what was pushed first on the first."""
        assert asked["filter"] == {"tagStatus": "TAGGED"}
        number = int(asked.get("nextToken", "1"))
        pushed = datetime(2026, 11, number, tzinfo=UTC)
        image = {"imageDigest": f"sha256:{number:064}", "imagePushedAt": pushed}
        return {"imageDetails": [image], **({"nextToken": "2"} if number == 1 else {})}

    def put_image(self, **asked: Any) -> None:
        if self.meanwhile:
            self.tags[asked["imageTag"]] = self.meanwhile
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "PutImage")
        self.tags[asked["imageTag"]] = DIGEST.value


def repository(cloud: Cloud) -> EcrRepository:
    return EcrRepository(cast("Session", cloud), "shop", "111122223333", uri=URI)


def test_a_tag_is_given_once() -> None:
    cloud = Cloud()
    assert repository(cloud).tag(DIGEST, "one") == DIGEST
    assert cloud.tags == {"one": DIGEST.value}
    cloud.tags["two"] = OTHER
    assert repository(cloud).tag(DIGEST, "two") == Digest(OTHER), "it stays what it was"


def test_the_newest_images_come_first_whatever_page_they_are_on() -> None:
    first, second = (Digest(f"sha256:{number:064}") for number in (1, 2))
    assert repository(Cloud()).newest(5) == (second, first)
    assert repository(Cloud()).newest(1) == (second,)


def test_nothing_is_asked_where_no_document_is_wanted() -> None:
    assert list(repository(Cloud()).contents([])) == []


def test_somebody_was_faster() -> None:
    cloud = Cloud(refusal="ImageTagAlreadyExistsException", meanwhile=OTHER)
    assert repository(cloud).tag(DIGEST, "one") == Digest(OTHER)


def test_an_image_that_has_all_its_tags_gets_no_further_one() -> None:
    assert repository(Cloud(refusal="LimitExceededException")).tag(DIGEST, "one") is None


def test_a_promotion_that_needs_the_tag_says_so() -> None:
    origin = Origin(
        environment="staging",
        account="111122223333",
        region="eu-west-1",
        registry=URI.partition("/")[0],
        repository="shop",
    )
    with pytest.raises(PublishError) as caught:
        repository(Cloud(refusal="LimitExceededException")).take(origin, DIGEST, "one")
    assert "as many tags as ECR allows" in caught.value.what
    assert "--image" in caught.value.remedy
