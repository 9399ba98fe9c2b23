"""The scan gate: what the image's scans found, what is waived, and whether it may go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shipway.config.environment import Environment
from shipway.delivery import governing
from shipway.delivery.facts import scan_fact, waiver_fact
from shipway.delivery.governing import PolicyPlace
from shipway.delivery.ports import DeliveryContext, ImageStore
from shipway.delivery.stage import stage
from shipway.evidence.facts.image import WaiverFact, WaiversFileFact
from shipway.evidence.image_notes import ImageNotes
from shipway.image import scan as scanning
from shipway.image.publish import PublishedImage
from shipway.observer import Noticed

_SHOWN_ROWS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanGate:
    """The gate that one image passes, or does not.

    Attributes:
        context: The outside.
        journal: Where scans, waivers and the decision are noted.
        policy: Where the waivers are read.
        subject: The image's key, where there are several.
    """

    context: DeliveryContext
    journal: ImageNotes
    policy: PolicyPlace
    subject: str = ""

    def decide(
        self, image: PublishedImage, environment: Environment, store: ImageStore, *, gate: bool
    ) -> scanning.Decision:
        """Ask what the scan found; where a rollout follows, nothing that is refused goes on.

        Args:
            image: The image.
            environment: Says what is asked of it.
            store: Where it lies.
            gate: Whether a rollout hangs on it: a scan is then waited for.

        Raises:
            ScanError: The gate does not let it pass.
        """
        policy, clock = environment.scan, self.context.clock
        platforms = sorted(image.platforms)
        with stage("scan", self.journal, clock, self.subject, quiet=True) as running:
            waivers = governing.waivers(self.context, self.policy, clock.now().date())
            if gate:
                scans = scanning.await_scans(store, platforms, policy, clock, self._say)
            else:
                scans = scanning.scans(store, platforms)
            decision = scanning.decide(
                scans, policy, waivers.entries, clock.now(), image.reference.digest
            )
            self.journal.note(scan_fact(scans, decision, image, policy, gate=gate))
            used = (waiver_fact(waiver, decision) for waiver in waivers.entries)
            self.journal.note_all(WaiverFact, used)
            if waivers.sha256:
                file = WaiversFileFact(path="ci/waivers.toml", sha256=waivers.sha256)
                self.journal.note(file)
            if gate and not decision.allowed:
                raise decision.error()
            running.reported = True
        self._say(decision.text)
        for row in decision.rows[:_SHOWN_ROWS]:
            self._say("  ".join(part for part in row if part))
        if len(decision.rows) > _SHOWN_ROWS:
            text = f"and {len(decision.rows) - _SHOWN_ROWS} more, all in the record"
            self._say(text)
        return decision

    def _say(self, text: str) -> None:
        """One line about the scan of this image, which is named where there are several."""
        self.journal(Noticed(stage="scan", text=text, subject=self.subject))
