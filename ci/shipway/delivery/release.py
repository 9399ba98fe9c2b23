"""One release of an environment's services: rolled out, verified, held, or taken back.

What is delivered together succeeds together: where one service fails, at whichever of the three,
all that moved go back to what ran before, unless delivery.toml says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shipway.config.environment import Environment, Service
from shipway.delivery import facts, verification
from shipway.delivery.hold import HoldStage, alarms_before, not_held
from shipway.delivery.jobs import Jobs
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import UNCHANGED, stage
from shipway.errors import JobError, RolloutError, ShipwayError, VerificationError
from shipway.evidence.facts.rollout import PutBackFact, ServiceFact, VerificationFact
from shipway.evidence.journal import Journal
from shipway.observer import Event
from shipway.rollout.deploy import RolloutContext, release
from shipway.rollout.execute import Rolled
from shipway.rollout.hold.targets import hold_targets
from shipway.rollout.hold.terms import Alarm
from shipway.rollout.images import ReleaseImages
from shipway.rollout.judge.verdict import ROLLBACK_FAILED
from shipway.rollout.plan import Step
from shipway.rollout.put_back import Return, aftermath, moved, put_back
from shipway.rollout.report import ServiceReport

_UNVERIFIED = "the new revision is in service and was not verified: run verify to prove it"


@dataclass(frozen=True, slots=True)
class _RolloutNotes:
    """The journal, as a rollout knows it."""

    journal: Journal

    def __call__(self, event: Event) -> None:
        self.journal(event)

    def keep(self, reports: Sequence[ServiceReport]) -> None:
        self.journal.note_all(ServiceFact, map(facts.service_fact, reports))

    def went_back(self, returns: Sequence[Return]) -> None:
        self.journal.note_all(PutBackFact, map(facts.put_back_fact, returns))


class Release:
    """One release on its way.

    Args:
        environment: Where it goes.
        aws: Its AWS.
        context: The outside.
        journal: Is told of everything.
        longest_hold: The most seconds of a hold; ``None`` for as many as delivery.toml says.
    """

    def __init__(
        self,
        environment: Environment,
        aws: Aws,
        context: DeliveryContext,
        journal: Journal,
        *,
        longest_hold: float | None = None,
    ) -> None:
        self._environment = environment
        self._aws = aws
        self._context = context
        self._journal = journal
        self._longest_hold = longest_hold
        self._alarms: Mapping[str, Alarm] = {}
        self._rolled: tuple[Rolled, ...] = ()

    def check_alarms(self, steps: Sequence[Step]) -> None:
        """Look at every alarm that the hold will watch; see :func:`.hold.alarms_before`."""
        self._alarms = alarms_before(steps, self._environment, self._aws.alarms, self._journal)

    def roll_out(
        self,
        steps: Sequence[Step],
    ) -> None:
        """Roll out and watch to the end; see :func:`shipway.rollout.deploy.release`.

        Args:
            steps: The plan.

        Raises:
            RolloutError: A service did not take the image; what moved with it is back.
        """
        by_key = {step.service.key: step.service for step in steps}
        # A release that is gone back to may have its image in a container of another name.
        services = tuple(by_key.get(each.key, each) for each in self._environment.services)
        self._environment = replace(self._environment, services=services)
        self._rolled = release(steps, self._rollout_context())

    def _rollout_context(self) -> RolloutContext:
        return RolloutContext(
            ecs=self._aws.ecs,
            logs=self._aws.logs,
            cluster=self._environment.cluster,
            clock=self._context.clock,
            journal=_RolloutNotes(self._journal),
            together=self._environment.together,
        )

    def verify(self, shipped: ReleaseImages | None) -> None:
        """Verify every service; where this release moved it, a failure is taken back.

        Args:
            shipped: What must run; ``None`` for what each task definition pins.

        Raises:
            VerificationError: What answers is not what should.
            RolloutError: The same, and what ran before could not be put back.
        """
        # Ctrl-C takes back no rollout that is done; whoever pressed it may think so.
        after = _UNVERIFIED if self._rolled else UNCHANGED
        clock = self._context.clock
        try:
            with stage("verify", self._journal, clock, quiet=True, interrupted=after):
                verified = verification.verify(
                    self._environment,
                    ecs=self._aws.ecs,
                    images=self._repository,
                    prober=self._context.prober,
                    clock=clock,
                    observer=self._journal,
                    shipped=shipped,
                    logs=self._aws.logs,
                )
        except VerificationError as error:
            if error.at_fault:
                self._take_back(error, [error.subject], f"{error.subject} did not verify")
            raise
        self._journal.note_all(VerificationFact, map(facts.verification_fact, verified))

    def _repository(self, service: Service) -> verification.PlatformIndex:
        """The repository of the image that a service runs."""
        return self._aws.repository(self._environment.about(service.image))

    def run_after(self, jobs: Jobs) -> None:
        """Run the jobs that come after the verification; where one fails, all that moved go back.

        A job is the release's, not a service's: ``together`` makes no difference, ``on_failure`` of
        each service does.

        Raises:
            JobError: A job did not end well.
            RolloutError: The same, and what ran before could not be put back.
        """
        try:
            jobs.run("after")
        except JobError as error:
            subjects = [rollout.step.service.key for rollout in self._rolled]
            self._take_back(error, subjects, error.what)
            raise

    def hold(self, *, unheld: bool = False) -> None:
        """Watch whether what was rolled out stays good; what does not is taken back.

        Args:
            unheld: Whether the delivery before died: what it rolled out nobody held.

        Raises:
            RolloutError: It did not hold, somebody else deployed, or the service is gone; or what
                ran before could not be put back.
            AwsError: AWS did not show the services to the end of the hold.
            CancelledError: Ctrl-C; it says what is in service.
        """
        if not self._rolled:
            return
        holding = HoldStage(self._environment, self._aws, self._context, self._journal)
        targets = hold_targets(self._rolled, self._alarms, self._longest_hold, unheld=unheld)
        broken = holding.watch(self._rolled, targets)
        if broken:
            error = not_held(broken[0])
            subjects = [state.target.subject for state in broken]
            self._take_back(error, subjects, f"{' and '.join(subjects)} did not hold")
            raise error

    def _take_back(self, error: ShipwayError, subjects: Sequence[str], why: str) -> None:
        """Put back what moved, all of it or the services that failed, and say so in the headline.

        Raises:
            RolloutError: A service could not be put back.
        """
        candidates = moved(self._rolled)
        if not self._environment.together:
            candidates = tuple(
                rollout for rollout in candidates if rollout.step.service.key in subjects
            )
        if not candidates:
            return
        rollout_context = self._rollout_context()
        returns = put_back(candidates, why, rollout_context.put_back)
        rollout_context.journal.went_back(returns)
        error.aftermath = aftermath(why, returns)
        lost = [each for each in returns if each.end == "not put back"]
        if lost:
            failed = RolloutError(
                f"{error.what}; {lost[0].text}",
                verdict=ROLLBACK_FAILED,
                where=lost[0].service,
                remedy="look at its tasks at once: neither revision may serve",
            )
            failed.aftermath = error.aftermath
            raise failed from error
