"""The hold: what was rolled out and verified must stay good for a while; told, noted, explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shipway.config.environment import Environment
from shipway.delivery import facts
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.stage import details_of, stage
from shipway.errors import AwsError, ConfigurationError, RolloutError, ShipwayError
from shipway.evidence.facts.rollout import HoldFact
from shipway.evidence.journal import Journal
from shipway.observer import Detail, Failed, Finished, Noticed, Observer, Skipped, Started
from shipway.rollout.diagnosis.diagnosis import Block, diagnose
from shipway.rollout.execute import Rolled
from shipway.rollout.hold.judge import HoldState
from shipway.rollout.hold.targets import alarms_of
from shipway.rollout.hold.terms import Alarm, HoldTarget
from shipway.rollout.hold.watch import HoldContext, hold, outcome_of
from shipway.rollout.judge.state import label
from shipway.rollout.judge.verdict import DID_NOT_HOLD, SERVICE_MISSING, SUPERSEDED, Verdict
from shipway.rollout.log_tails import last_lines, tails
from shipway.rollout.plan import Step
from shipway.rollout.ports import Alarms

_LOG_PATIENCE = 1.5
"""Seconds after which a log that is still empty is asked once more: CloudWatch shows lines late."""


def alarms_before(
    steps: Sequence[Step], environment: Environment, alarms: Alarms, observer: Observer
) -> Mapping[str, Alarm]:
    """Every alarm that the hold will watch, as it is before anything is changed.

    Raises:
        ConfigurationError: One does not exist.
        AccessDeniedError: The role may not look at them.
        AwsError: CloudWatch does not answer.
    """
    wanted = {name: step for step in steps for name in alarms_of(step)}
    if not wanted:
        return {}
    before = alarms.states(sorted(wanted))
    missing = [name for name in wanted if name not in before]
    if missing:
        raise _no_such_alarm(missing, wanted, environment)
    for name, alarm in before.items():
        if alarm.state == "ALARM":
            text = f"alarm {name} is off before the rollout: it counts once it was OK again"
            subject = wanted[name].service.key
            observer(Noticed(stage="deploy", subject=subject, text=text, level="warning"))
    return before


class HoldStage:
    """Holds one release.

    Args:
        environment: Where it is.
        aws: Its AWS.
        context: The outside.
        journal: Is told of everything.
    """

    def __init__(
        self, environment: Environment, aws: Aws, context: DeliveryContext, journal: Journal
    ) -> None:
        self._environment = environment
        self._aws = aws
        self._context = context
        self._journal = journal

    def watch(
        self, rolled: Sequence[Rolled], targets: Sequence[HoldTarget]
    ) -> tuple[HoldState, ...]:
        """Watch to the end.

        Args:
            rolled: Rollouts that ended well.
            targets: Those of them that are held.

        Returns:
            What did not hold; the others did.

        Raises:
            RolloutError: Somebody else deployed, or the service is gone.
            AwsError: AWS did not show the services to the end.
            CancelledError: Ctrl-C; it says what is in service.
        """
        self._tell_begin(rolled, targets)
        if not targets:
            return ()
        with stage("hold", self._journal, self._context.clock, quiet=True):
            states = hold(targets, self._hold_context())
        by_subject = {rollout.step.service.key: rollout for rollout in rolled}
        notes = []
        for state in states:
            rollout = by_subject[state.target.subject]
            blocks = self._explained(rollout, state)
            self._tell_end(state, blocks)
            notes.append(facts.hold_fact(state, rollout.step.service.hold, blocks))
        self._journal.note_all(HoldFact, notes)
        broken = tuple(state for state in states if outcome_of(state).end == "broken")
        trouble = next(filter(None, map(_no_more_ours, states)), None)
        if trouble is not None and not broken:
            raise trouble
        return broken

    def _hold_context(self) -> HoldContext:
        return HoldContext(
            ecs=self._aws.ecs,
            alarms=self._aws.alarms,
            prober=self._context.prober,
            cluster=self._environment.cluster,
            clock=self._context.clock,
            observer=self._journal,
            together=self._environment.together,
        )

    def _tell_begin(self, rolled: Sequence[Rolled], targets: Sequence[HoldTarget]) -> None:
        held = {target.subject: target for target in targets}
        for rollout in rolled:
            service = rollout.step.service
            target = held.get(service.key)
            if target is None:
                why = "hold = 0" if rollout.watched is not None else "nothing was changed"
                self._journal(Skipped(stage="hold", subject=service.key, text=why))
                continue
            self._journal(Started(stage="hold", subject=service.key))
            if rollout.watched is None:
                text = "the delivery that rolled it out did not hold it to the end"
                self._journal(Noticed(stage="hold", subject=service.key, text=text))
            if target.seconds < service.hold:
                text = f"for {target.seconds:g} s of {service.hold:g}, as SHIPWAY_LONGEST_HOLD says"
                self._journal(Noticed(stage="hold", subject=service.key, text=text))

    def _tell_end(self, state: HoldState, blocks: Sequence[Block]) -> None:
        outcome, target = outcome_of(state), state.target
        subject = target.subject
        if outcome.end == "held":
            self._journal(
                Finished(stage="hold", subject=subject, text=_good(state), seconds=outcome.held)
            )
        elif outcome.end == "cut":
            text = f"good for {outcome.held:.0f} s; {outcome.text}"
            self._journal(Skipped(stage="hold", subject=subject, text=text))
        elif outcome.end == "broken":
            details = [detail for block in blocks for detail in block.details]
            if not any(detail.label == "log" for detail in details):
                details[1:1] = self._running_log(target)
            text = f"held {outcome.held:.0f} s: {outcome.text}"
            self._journal(Failed(stage="hold", subject=subject, text=text, details=tuple(details)))
        else:
            error = _no_more_ours(state)
            details = list(details_of(error)) if error is not None else []
            text = f"held {outcome.held:.0f} s: {outcome.text}"
            self._journal(Failed(stage="hold", subject=subject, text=text, details=tuple(details)))

    def _running_log(self, target: HoldTarget) -> list[Detail]:
        """What the tasks that go on said last, where nothing else tells why."""
        for container in target.definition.containers:
            lines = last_lines(
                self._aws.logs, target.definition, container.name, target.tasks, self._context.clock
            )
            if lines:
                return [Detail(label="log", lines=lines)]
        return []

    def _explained(self, rollout: Rolled, state: HoldState) -> tuple[Block, ...]:
        outcome = outcome_of(state)
        if outcome.end != "broken" or rollout.watched is None:
            return ()
        step, definition, clock = rollout.step, state.target.definition, self._context.clock
        log = tails(self._aws.logs, definition, outcome.tasks, clock)
        if outcome.tasks and not log:
            clock.sleep(_LOG_PATIENCE)
            log = tails(self._aws.logs, definition, outcome.tasks, clock)
        return diagnose(
            outcome.tasks,
            outcome.targets,
            log,
            target=rollout.watched.target,
            now=definition,
            before=step.live if step.coming is not None else None,
            secrets=step.secret_values,
            cause=outcome.cause,
        )


def not_held(state: HoldState) -> RolloutError:
    """The error about a service that did not hold."""
    outcome, target = outcome_of(state), state.target
    return RolloutError(
        f"{target.subject} held {outcome.held:.0f} s of {target.seconds:g}: {outcome.text}",
        verdict=DID_NOT_HOLD,
        where=target.service,
        remedy="see the cause above",
    )


def _no_such_alarm(
    missing: Sequence[str], wanted: Mapping[str, Step], environment: Environment
) -> ConfigurationError:
    lines = []
    for name in missing:
        service = wanted[name].service
        key = f"environments.{environment.name}.services.{service.key}"
        named = (
            f"{key}.alarms"
            if service.alarms
            else f"the deployment configuration of {service.service}"
        )
        lines.append(f"{named}: {name}")
    count = "an alarm does" if len(missing) == 1 else f"{len(missing)} alarms do"
    return ConfigurationError(
        f"{count} not exist in {environment.account} {environment.region}",
        where="ci/delivery.toml",
        details=tuple(lines),
        remedy="nothing was rolled out; correct the name, or create the alarm",
    )


def _good(state: HoldState) -> str:
    target = state.target
    words = [f"held {target.seconds:g} s: no task stopped by itself"]
    if target.url:
        words.append("its address answered")
    if target.alarms:
        words.append(f"{len(target.alarms)} alarm{'s' * (len(target.alarms) != 1)} stayed quiet")
    return ", ".join(words)


def _no_more_ours(state: HoldState) -> ShipwayError | None:
    """Why a hold that is over is neither good nor bad; ``None`` where it is one of the two."""
    outcome, target = outcome_of(state), state.target
    name = label(target.definition.arn)
    verdicts: Mapping[str, tuple[Verdict, str]] = {
        "superseded": (SUPERSEDED, "ask whoever deployed it; nothing was put back"),
        "missing": (SERVICE_MISSING, "somebody deleted it; nothing was put back"),
    }
    if outcome.end in verdicts:
        verdict, remedy = verdicts[outcome.end]
        what = f"{target.subject} held {outcome.held:.0f} s: {outcome.text}"
        return RolloutError(what, verdict=verdict, where=target.service, remedy=remedy)
    if outcome.end == "unseen":
        return AwsError(
            f"whether {target.subject} holds is not known: {outcome.text}",
            where=target.service,
            remedy=f"{name} is in service and was not put back: run verify to see how it does",
        )
    return None
