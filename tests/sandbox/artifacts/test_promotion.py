"""Promotion: production takes the digest that staging has, layer for layer, without a build."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.artifacts.conftest import PRODUCTION, STAGING, commit

from shipway.errors import (
    AccessDeniedError,
    DigestError,
    EvidenceError,
    ImageNotFoundError,
    PublishError,
)
from shipway_sandbox import compute

if TYPE_CHECKING:
    from tests.sandbox.artifacts.conftest import Dock, Told

PUBLISH = ("build", "publish")
DELIVERY = """\
schema = 1
name = "shop"
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "ssm:/shop/staging/repository"
cluster = "shop"
[environments.staging.services.web]
service = "web"
container = "web"
[environments.production]
account = "444455556666"
region = "eu-west-1"
repository = "shop"
cluster = "shop"
promote_from = "staging"
[environments.production.services.web]
service = "web"
container = "web"
"""


def to(dock: Dock, account: str, name: str, source: str) -> Any:
    (dock.root / "ci").mkdir(exist_ok=True)
    (dock.root / "ci" / "delivery.toml").write_text(DELIVERY)
    return dock.environment(
        account,
        name,
        promote_from="staging",
        promote_repository=f"{dock.aws.state['registry']}/{source}",
    )


def staged(dock: Dock, **more: Any) -> tuple[str, Told]:
    name = dock.aws.repository(STAGING)
    told = dock.deliver(dock.environment(STAGING, name, **more), commit=commit(), tasks=PUBLISH)
    assert told.image is not None
    return name, told


def test_across_accounts_index_attestations_and_referrers_are_copied(dock: Dock) -> None:
    source, first = staged(dock)
    dock.aws.share(source, STAGING, PRODUCTION)
    name = dock.aws.repository(PRODUCTION)
    told = dock.deliver(to(dock, PRODUCTION, name, source), commit=commit())
    assert first.image is not None
    assert told.image is not None
    assert told.image.reference.digest == first.image.reference.digest
    assert told.image.reference.repository.endswith(f"/{name}")
    assert "build" not in told.facts
    fact = told.facts["promotion"]
    assert fact["from"] == "staging"
    assert fact["source"] == f"{dock.aws.state['registry']}/{source}@{first.image.reference.digest}"
    assert fact["blobs"] > 0
    there = {one["imageDigest"] for one in dock.aws.images(source, STAGING)}
    here = {one["imageDigest"] for one in dock.aws.images(name, PRODUCTION)}
    assert here == there
    assert len(told.facts["papers"]["referrers"]) == 2
    again = dock.deliver(to(dock, PRODUCTION, name, source), commit=commit())
    assert again.facts["promotion"]["alreadyThere"]
    assert again.facts["promotion"]["bytes"] == 0


def test_within_one_registry_no_layer_moves(dock: Dock) -> None:
    source, first = staged(dock, sbom="off")
    name = dock.aws.repository(STAGING)
    told = dock.deliver(to(dock, STAGING, name, source), commit=commit())
    assert first.image is not None
    assert told.image is not None
    assert told.image.reference.digest == first.image.reference.digest
    assert told.facts["promotion"] | {"source": ""} == {
        "from": "staging",
        "source": "",
        "digest": first.image.reference.digest.value,
        "blobs": 0,
        "bytes": 0,
        "alreadyThere": False,
        "method": "manifest",
    }


def test_what_staging_never_had_is_not_promoted_and_not_built(dock: Dock) -> None:
    source = dock.aws.repository(STAGING)
    dock.aws.share(source, STAGING, PRODUCTION)
    name = dock.aws.repository(PRODUCTION)
    with pytest.raises(ImageNotFoundError) as caught:
        dock.deliver(to(dock, PRODUCTION, name, source), commit=commit(7))
    assert caught.value.what == "staging has no image of 0000000 to promote"
    assert "build" not in dock.facts
    assert dock.aws.images(name, PRODUCTION) == []


def test_a_repository_that_is_not_shared_is_named_with_the_action(dock: Dock) -> None:
    source, _ = staged(dock, sbom="off")
    name = dock.aws.repository(PRODUCTION)
    with pytest.raises(AccessDeniedError) as caught:
        dock.deliver(to(dock, PRODUCTION, name, source), commit=commit())
    assert "ecr:BatchGetImage" in caught.value.what
    assert "resource-based policy" in caught.value.what


def test_another_image_under_the_same_tag_stays(dock: Dock) -> None:
    source, _ = staged(dock, sbom="off")
    dock.aws.share(source, STAGING, PRODUCTION)
    (dock.root / "context" / "page").write_text("another\n")
    name = dock.aws.repository(PRODUCTION)
    other = dock.deliver(
        dock.environment(PRODUCTION, name, sbom="off"), commit=commit(), tasks=PUBLISH
    )
    with pytest.raises(DigestError) as caught:
        dock.deliver(to(dock, PRODUCTION, name, source), commit=commit())
    assert "nothing was overwritten" in caught.value.remedy
    assert other.image is not None
    tagged = [one for one in dock.aws.images(name, PRODUCTION) if one.get("imageTags")]
    assert [one["imageDigest"] for one in tagged] == [other.image.reference.digest.value]


def test_a_registry_that_lost_a_layer_tags_nothing(dock: Dock) -> None:
    source, first = staged(dock, sbom="off")
    dock.aws.share(source, STAGING, PRODUCTION)
    assert first.image is not None
    (platform,) = first.image.platforms
    manifest = dock.aws.client("ecr", STAGING).batch_get_image(
        repositoryName=source, imageIds=[{"imageDigest": platform.value}]
    )["images"][0]["imageManifest"]
    layer = json.loads(manifest)["layers"][0]["digest"]
    compute.call(dock.aws.state, "/_shipway/layers", {"repository": source, "lose": layer})
    name = dock.aws.repository(PRODUCTION)
    with pytest.raises(PublishError) as caught:
        dock.deliver(to(dock, PRODUCTION, name, source), commit=commit())
    assert layer in caught.value.what
    assert "lost a layer" in caught.value.remedy
    tags = [tag for one in dock.aws.images(name, PRODUCTION) for tag in one.get("imageTags", ())]
    assert tags == []


def test_an_image_without_a_bill_is_stopped_where_one_is_required(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = staged(dock, sbom="off")
    dock.aws.share(source, STAGING, PRODUCTION)
    name = dock.aws.repository(PRODUCTION)
    environment = to(dock, PRODUCTION, name, source)
    monkeypatch.setattr("shipway.adapters.syft._program", lambda: None)
    with pytest.raises(EvidenceError) as caught:
        dock.deliver(replace(environment, sbom="required"), commit=commit())
    assert "requires a bill of materials" in caught.value.what
