"""What stages found out fits into the schema of the record: nothing is left over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.evidence.test_predicate import extras

from shipway.config.environment import Service
from shipway.delivery import facts
from shipway.evidence import codec
from shipway.evidence.canonical_json import canonical, to_json
from shipway.evidence.predicate import Statement
from shipway.image.scan import Scan, ScanFinding
from shipway.policy.facts import LiveRelease, VerifiedRelease
from shipway.rollout.images import ReleaseImage
from shipway.rollout.plan import Step
from shipway.rollout.resume import Waiting
from shipway.rollout.snapshot import LifecycleHook, Snapshot
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import Digest, ImageReference

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

ONE = Digest(f"sha256:{'1' * 64}")


@pytest.mark.parametrize("ends", ["good", "rolled-back", "stuck"])
@pytest.mark.parametrize("ref", ["refs/tags/v1-stable", "refs/tags/v1"])
def test_a_record_is_read_as_it_was_noted(world: World, ends: str, ref: str) -> None:
    world.push(ref)
    world.cloud.ecs.ends = ends  # type: ignore[assignment]  # the parameter is a plain text
    finding = ScanFinding(id="CVE-1", severity="critical", package="openssl")
    world.cloud.store.scans = [Scan(digest=ONE, status="COMPLETE", findings={}, listed=(finding,))]
    outcome = world.deliver(env=None)
    assert outcome.evidence is not None
    content = (outcome.evidence / "record.json").read_bytes()
    record = codec.read(Statement, json.loads(content))
    assert extras(record) == {}
    assert canonical(to_json(record)) == content


def test_what_runs_and_what_was_verified() -> None:
    (running,) = facts.running_facts([LiveRelease(service="web", digest=ONE, order="older")])
    assert (running.digest, running.order, running.since) == (str(ONE), "older", None)
    (verified,) = facts.verified_facts([VerifiedRelease(record="x", digests=frozenset({ONE}))])
    assert verified.digests == (str(ONE),)
    assert {**running.extra, **verified.extra} == {}


def test_of_an_answered_hook_no_task_definition_is_kept() -> None:
    service = Service(key="web", service="shop-web", container="web")
    step = Step(
        service=service,
        before=Snapshot(),
        live=TaskDefinition(document={"secret": "x"}),
        revision=None,
        image=ReleaseImage(reference=ImageReference("host/shop", ONE)),
    )
    waiting = Waiting(
        step=step,
        deployment="arn:d",
        hook=LifecycleHook(id="h", type="PAUSE", status="AWAITING_ACTION"),
        stage="POST_SCALE_UP",
        image=ImageReference("host/shop", ONE),
    )
    assert to_json(facts.resumed_fact(waiting)) == {
        "key": "web",
        "deployment": "arn:d",
        "hook": "h",
        "stage": "POST_SCALE_UP",
        "image": f"host/shop@{ONE}",
    }
