"""What the rehearsal walks, as values: GitHub's events, changes of the source, expected ends.

Made from the release contract: for each entry an event that is allowed, for each a near miss that
is refused, and for what deploys the releases that must fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from shipway.config.environment import Severity
from shipway.errors import ImageNotFoundError, RefusedError, ScanError
from shipway.policy.contract import Contract, ContractEntry, Refused, decide
from shipway.policy.trigger import Trigger
from shipway.rehearsal import variants
from shipway.rehearsal.observation import PlannedFact
from shipway.rollout.judge.verdict import ROLLED_BACK

Event = Literal["push", "pull_request"]
Role = Literal["publish", "deploy", "refused", "failing", "blocked"]
"""What a scenario proves: an entry that builds and publishes at most, one that deploys, a trigger
that is refused, a release that must fail, an image that the scan gate must stop."""
_MOST_FINDINGS: Final = 50
"""A limit above it is not rehearsed: nobody reads so many findings."""

DENIED: Final = "secret-denied"
"""The cause of a release whose execution role may not read its secret."""
ABSENT_DIGEST: Final = "sha256:" + "0" * 63 + "1"
"""A well-formed digest of nothing."""
_TAGS: Final = "refs/tags/"
_HEADS: Final = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run of the task code, as GitHub would start it.

    Attributes:
        name: Its folder below the rehearsal's evidence.
        title: What a person reads.
        role: What it proves.
        criterion: The row of the acceptance table that it stands for alone.
        entry: The contract's entry, and ``push`` or ``tag``: ``main-push``; empty elsewhere.
        event: GitHub's event.
        ref: The full ref of the event.
        variant: How the release fails, see :mod:`.variants`; empty for the repository's own.
        environment: Where the OIDC step gets its role; empty where no role trusts such a run.
        image: ``--image`` as a digest in the environment's repository; empty for a build.
        again: The walk whose image is delivered once more; empty for none.
        findings: Severity → how many of it the scan of that image finds by then.
        cause: The failure that its record must name, as :mod:`shipway.rollout.diagnosis.texts`
            calls it; empty where any may be named.
        exit_code: How it must end.
        kind: The verdict it must end with.
        traffic: Whether the service's address is asked all the while.
    """

    name: str
    title: str
    role: Role
    ref: str
    criterion: str = ""
    entry: str = ""
    event: Event = "push"
    variant: str = ""
    environment: str = ""
    image: str = ""
    again: str = ""
    findings: Mapping[str, int] = field(default_factory=dict)
    cause: str = ""
    exit_code: int = 0
    kind: str = "succeeded"
    traffic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Everything that is walked, in order.

    Attributes:
        allowed: An event for each entry of the contract.
        refused: A near miss of each, and a pull request.
        failing: Releases that must fail; empty where no entry deploys.
    """

    allowed: tuple[Scenario, ...]
    refused: tuple[Scenario, ...]
    failing: tuple[Scenario, ...]

    @property
    def all(self) -> tuple[Scenario, ...]:
        """Every one."""
        return (*self.allowed, *self.refused, *self.failing)

    def number(self, scenario: Scenario) -> int:
        """The number of GitHub's run that it is, from 1."""
        return self.all.index(scenario) + 1

    def planned(self) -> tuple[PlannedFact, ...]:
        """What each observation says of all of them."""
        return tuple(
            PlannedFact(
                name=scenario.name,
                role=scenario.role,
                criterion=scenario.criterion,
                entry=scenario.entry,
                environment=scenario.environment,
                asked=scenario.traffic,
                cause=scenario.cause,
            )
            for scenario in self.all
        )


def scenarios(
    contract: Contract,
    *,
    listens: bool,
    scan_limits: Mapping[str, Mapping[str, int]] | None = None,
) -> Scenarios:
    """Make them.

    Args:
        contract: The release contract.
        scan_limits: Environment → severity → the most findings that its scan gate lets pass.
        listens: Whether a service of the environments has an address: what never listens and
            what answers wrongly fails only there.
    """
    numbers = iter(range(1, 100))
    allowed = tuple(_allowed(next(numbers), entry, listens=listens) for entry in contract.triggers)
    refused = tuple(
        _refused(next(numbers), slug, title, ref, event)
        for slug, title, ref, event in _near_misses(contract)
    )
    deploying = [entry for entry in contract.triggers if "deploy" in entry.tasks]
    failing: tuple[Scenario, ...] = ()
    if deploying:
        entry = deploying[-1]
        failing = (
            *(
                _failing(next(numbers), entry, variant, title, listens=listens)
                for variant, title in _variants(listens=listens)
            ),
            _absent(next(numbers), entry, listens=listens),
            _denied(next(numbers), entry, listens=listens),
            *_blocked(numbers, entry, allowed, scan_limits or {}, listens=listens),
        )
    return Scenarios(allowed=allowed, refused=refused, failing=failing)


def _variants(*, listens: bool) -> Iterator[tuple[str, str]]:
    yield variants.CRASH, "a release that crashes"
    yield variants.CRASH_LATER, "a release that crashes after some seconds"
    if listens:
        yield variants.ANSWERS_500, "a release that answers 500"
        yield variants.DEAF, "a release that never listens"


def _allowed(number: int, entry: ContractEntry, *, listens: bool) -> Scenario:
    environment = entry.environments[0]
    deploys = "deploy" in entry.tasks
    shown = _shown(_ref(entry.ref, number - 1))
    return Scenario(
        name=f"{number:02}-{entry.name}",
        title=f"push to {shown}" if entry.ref.startswith(_HEADS) else f"tag {shown}",
        role="deploy" if deploys else "publish",
        criterion=_criterion(entry, environment),
        entry=f"{entry.name}-{'tag' if entry.ref.startswith(_TAGS) else 'push'}",
        ref=_ref(entry.ref, number - 1),
        environment=environment,
        traffic=deploys and listens,
    )


def _criterion(entry: ContractEntry, environment: str) -> str:
    pattern = _shown(entry.ref)
    if "deploy" in entry.tasks:
        what = f"{pattern} tags" if entry.ref.startswith(_TAGS) else f"push to {pattern}"
        verb = "deploy" if entry.ref.startswith(_TAGS) else "deploys"
        return f"{what} {verb} to {environment}"
    published = f", publishes to {environment} ECR" if "publish" in entry.tasks else ""
    return f"push to {pattern} builds{published} as configured"


def _refused(number: int, slug: str, title: str, ref: str, event: Event) -> Scenario:
    return Scenario(
        name=f"{number:02}-{slug}",
        title=title,
        role="refused",
        event=event,
        ref=ref,
        exit_code=RefusedError.exit_code,
        kind=RefusedError.kind,
    )


def _failing(
    number: int, entry: ContractEntry, variant: str, title: str, *, listens: bool
) -> Scenario:
    return Scenario(
        name=f"{number:02}-{variant}",
        title=title,
        role="failing",
        ref=_ref(entry.ref, number),
        variant=variant,
        environment=entry.environments[0],
        exit_code=ROLLED_BACK.exit_code,
        kind=ROLLED_BACK.name,
        traffic=listens,
    )


def _absent(number: int, entry: ContractEntry, *, listens: bool) -> Scenario:
    return Scenario(
        name=f"{number:02}-no-image",
        title="a release whose image does not exist",
        role="failing",
        ref=_ref(entry.ref, number),
        environment=entry.environments[0],
        image=ABSENT_DIGEST,
        exit_code=ImageNotFoundError.exit_code,
        kind=ImageNotFoundError.kind,
        traffic=listens,
    )


def _denied(number: int, entry: ContractEntry, *, listens: bool) -> Scenario:
    """A good release that asks for a secret which its execution role may not read."""
    return Scenario(
        name=f"{number:02}-secret-denied",
        title="a release whose role may not read its secret",
        role="failing",
        criterion="a secret that the role may not read is named as the cause",
        ref=_ref(entry.ref, number),
        environment=entry.environments[0],
        cause=DENIED,
        exit_code=ROLLED_BACK.exit_code,
        kind=ROLLED_BACK.name,
        traffic=listens,
    )


def _blocked(
    numbers: Iterator[int],
    entry: ContractEntry,
    allowed: Sequence[Scenario],
    limits: Mapping[str, Mapping[str, int]],
    *,
    listens: bool,
) -> Iterator[Scenario]:
    """The good release once more, when its scan has found one too many; none without a limit."""
    environment = entry.environments[0]
    own = limits.get(environment, {})
    severity = next((name for name in get_args(Severity) if name in own), "")
    before = [each for each in allowed if each.environment == environment and each.role == "deploy"]
    if not severity or not before or own[severity] > _MOST_FINDINGS:
        return
    number = next(numbers)
    yield Scenario(
        name=f"{number:02}-scan-blocked",
        title=f"a release whose scan found {own[severity] + 1} {severity}",
        role="blocked",
        ref=_ref(entry.ref, number),
        environment=environment,
        again=before[-1].name,
        findings={severity: own[severity] + 1},
        exit_code=ScanError.exit_code,
        kind=ScanError.kind,
        traffic=listens,
    )


def _near_misses(contract: Contract) -> Iterator[tuple[str, str, str, Event]]:
    """Triggers that look like what is allowed and are not; each is refused by the contract."""
    for slug, ref in _candidates(contract):
        if not _is_allowed(contract, ref):
            kind = "tag" if ref.startswith(_TAGS) else "branch"
            yield slug, f"{kind} {_shown(ref)}", ref, "push"
    yield "pull-request", "pull request", "refs/pull/7/merge", "pull_request"


def _candidates(contract: Contract) -> Iterator[tuple[str, str]]:
    for entry in contract.triggers:
        shown = _shown(_ref(entry.ref, 1))
        if entry.ref.startswith(_TAGS):
            other = shown.partition("-")[0] if "-" in shown else f"{shown}-rc.1"
            yield f"{entry.name}-other-tag", f"{_TAGS}{other}"
            yield f"{entry.name}-as-branch", f"{_HEADS}{shown}"
        else:
            yield f"{entry.name}-other-branch", f"{_HEADS}feature/{entry.name}"
            yield f"{entry.name}-as-tag", f"{_TAGS}{shown}"


def _is_allowed(contract: Contract, ref: str) -> bool:
    source = contract.source
    trigger = Trigger(
        event="push",
        ref=ref,
        sha="0" * 40,
        actor="octocat",
        repository=source.repository if source else "",
    )
    decision = decide(contract, trigger, environment=None, task=None)
    return not isinstance(decision, Refused)


def _ref(pattern: str, number: int) -> str:
    """A ref that a pattern matches; another one for another number."""
    version = f"1.0.{number}"
    return "".join(
        part + ((version if part.endswith("v") else f"v{version}") if more else "")
        for part, more in _parts(pattern)
    )


def _parts(pattern: str) -> Iterator[tuple[str, bool]]:
    parts = pattern.split("*")
    for index, part in enumerate(parts):
        yield part, index == 0 and len(parts) > 1


def _shown(ref: str) -> str:
    return ref.removeprefix(_TAGS).removeprefix(_HEADS)
