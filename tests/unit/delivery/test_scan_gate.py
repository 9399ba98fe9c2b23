"""A delivery at its scan gate: let through, stopped, or only told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shipway.image.scan import Scan, ScanFinding
from shipway.observer import Failed, Noticed
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import World

ONE = Digest(f"sha256:{'1' * 64}")
CRITICAL = ScanFinding(id="CVE-1", severity="critical", package="openssl")


def scanned(world: World, status: str, *findings: ScanFinding, policy: str = "") -> Any:
    world.write("delivery.toml", (world.root / "ci/delivery.toml").read_text() + policy)
    world.cloud.store.scans = [Scan(digest=ONE, status=status, findings={}, listed=findings)]
    return world.deliver()


POLICY = "[environments.staging.scan]\nrequired = true\nmax = { critical = 0 }\nwait = 30\n"


def test_a_finding_too_many_stops_the_rollout_and_leaves_the_table(world: World) -> None:
    outcome = scanned(world, "COMPLETE", CRITICAL, policy=POLICY)
    assert (outcome.kind, outcome.exit_code) == ("scan-blocked", 25)
    assert world.cloud.ecs.updates == []
    scan = world.record(outcome)["predicate"]["scan"]
    assert scan["allowed"] is False
    assert scan["findings"][0]["id"] == "CVE-1"
    assert scan["thresholds"]["CRITICAL"] == 0
    failed = world.of(Failed)[0]
    assert isinstance(failed, Failed)
    assert any("openssl" in line for detail in failed.details for line in detail.lines)


def test_a_required_scan_that_never_comes_stops_the_rollout(world: World) -> None:
    outcome = scanned(world, "PENDING", policy=POLICY)
    assert outcome.kind == "scan-blocked"
    assert world.cloud.ecs.updates == []


def test_a_publish_alone_is_told_of_findings_and_not_stopped(world: World) -> None:
    world.write("delivery.toml", (world.root / "ci/delivery.toml").read_text() + POLICY)
    world.cloud.store.scans = [Scan(digest=ONE, status="COMPLETE", findings={}, listed=(CRITICAL,))]
    outcome = world.deliver("publish")
    assert outcome.kind == "succeeded"
    assert world.record(outcome)["predicate"]["scan"]["allowed"] is False
    texts = [event.text for event in world.events if isinstance(event, Noticed)]
    assert "1 critical" in texts


def test_a_waivers_file_that_is_wrong_is_a_configuration_error(world: World) -> None:
    world.write("waivers.toml", "schema = 2\n")
    assert world.deliver().kind == "configuration"
