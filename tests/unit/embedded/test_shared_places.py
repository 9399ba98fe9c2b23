"""What several accounts of the embedded world use together: a bucket, a repository."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.unit.embedded.test_blueprint import CONTRACT, DELIVERY, drawn

from shipway_sandbox import template
from shipway_sandbox.plan import Layer, layer_from


def rendered(layer: Layer) -> dict[str, Any]:
    images = dict.fromkeys((service.key for service in layer.services), "registry/tally@sha256:1")
    made = template.render(layer, images=images, endpoint="http://x", count=True)
    return dict(json.loads(made))


def test_records_of_all_environments_go_to_one_bucket_that_every_account_may_use(
    tmp_path: Path,
) -> None:
    evidence = '\n[evidence]\ns3 = "s3://acme-evidence/tally"\n'
    layers = drawn(tmp_path, DELIVERY + evidence).plan.layers
    (holder,) = [layer for layer in layers if layer.buckets]
    (other,) = [layer for layer in layers if layer is not holder]
    assert holder.buckets == ("acme-evidence",)
    assert holder.guests == (other.account,)
    made = rendered(holder)["Resources"]
    policy = next(each for each in made.values() if each["Type"] == "AWS::S3::BucketPolicy")
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{other.account}:root"]}
    assert not any("S3" in each["Type"] for each in rendered(other)["Resources"].values())


def test_whose_images_are_verified_before_lets_the_other_account_ask_for_them(
    tmp_path: Path,
) -> None:
    contract = CONTRACT.replace("[environments.live]\n", '[environments.live]\nafter = "local"\n')
    assert contract != CONTRACT
    blueprint = drawn(tmp_path, contract=contract)
    local, live = blueprint.layer("local"), blueprint.layer("live")
    assert (local.readers, live.readers) == ((live.account,), ())
    assert live.access_parameters["VerifiedAccount"] == local.account
    assert live.access_parameters["VerifiedRepository"] == local.repository
    assert not [name for name in local.access_parameters if name.startswith("Verified")]


def test_whose_images_are_promoted_lets_the_other_account_read_them(tmp_path: Path) -> None:
    promoted = DELIVERY.replace(
        "[environments.live]\n", '[environments.live]\npromote_from = "local"\n'
    )
    blueprint = drawn(tmp_path, promoted)
    local, live = blueprint.layer("local"), blueprint.layer("live")
    assert (local.readers, live.readers) == ((live.account,), ())
    policy = rendered(local)["Resources"]["Repository"]["Properties"]["RepositoryPolicyText"]
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{live.account}:root"]}
    assert set(statement["Action"]) == {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
    assert "RepositoryPolicyText" not in str(rendered(live))
    assert layer_from(json.loads(json.dumps(asdict(local)))) == local
