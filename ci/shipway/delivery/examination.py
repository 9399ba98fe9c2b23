"""Look at all that a delivery will need, and have each thing judged; nothing is changed.

What is judged how is in :mod:`shipway.doctor`. What cannot be seen hides nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

from shipway.config import load as delivery_file
from shipway.config import receivers, resolve
from shipway.config.environment import Environment, EnvironmentRef
from shipway.config.load import Declared, DeliveryFile
from shipway.delivery import (
    examined_github,
    examined_role,
    examined_schedules,
    examined_services,
    examined_values,
    maintenance,
)
from shipway.delivery import identity as identities
from shipway.delivery.examined_values import is_unresolved
from shipway.delivery.governing import governing
from shipway.delivery.ports import Aws, DeliveryContext
from shipway.delivery.task_files import with_task_files
from shipway.doctor import (
    access,
    references,
    repository,
    services,
    tools,
)
from shipway.doctor import receivers as told
from shipway.doctor.access import Access
from shipway.doctor.finding import (
    NOT_RESOLVED,
    Finding,
    Looked,
    Section,
    Unseen,
    looked,
    needed,
    not_checked,
    ok,
    wrong,
)
from shipway.doctor.ports import Github, Inspection, Machine
from shipway.doctor.tools import Wanted
from shipway.policy.contract import Contract
from shipway.util.loopback import aws_is_here

_SIDE_BY_SIDE: Final = 6
_CI: Final = "GITHUB_ACTIONS"


class ExaminedAccount(Aws, Protocol):
    """One account's AWS, with the settings that the doctor looks at."""

    @property
    def inspection(self) -> Inspection:
        """Its settings."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """What the doctor reaches the outside with.

    Attributes:
        delivery: What a delivery does it with.
        account: Opens an account, with a session of its own.
        machine: This machine.
        github: GitHub's API.
        drift: Every line in which workflow and IAM documents differ from the contract.
        bases: The image references that the Dockerfile starts from.
    """

    delivery: DeliveryContext
    account: Callable[[EnvironmentRef], ExaminedAccount]
    machine: Machine
    github: Github
    drift: Callable[[Contract, DeliveryFile], tuple[str, ...]]
    bases: Callable[[DeliveryFile], tuple[str, ...]]


@dataclass(slots=True)
class Examination:
    """What was found, in order.

    Attributes:
        sections: The tree.
        secrets: Values of SecureStrings, which nothing may show.
    """

    sections: list[Section] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)

    def add(self, name: str, findings: Iterable[Finding]) -> None:
        """A further branch; none where nothing was found."""
        found = tuple(findings)
        if found:
            self.sections.append(Section(name=name, findings=found))


def examine(name: str, practice: Practice) -> Examination:
    """Everything that a delivery to an environment needs.

    Raises:
        ConfigurationError: delivery.toml has no environment of that name.
    """
    examination = Examination()
    context = practice.delivery
    delivery = looked(lambda: delivery_file.load(context.delivery_file))
    contract = looked(lambda: governing(context)[0])
    declared = delivery if isinstance(delivery, Unseen) else delivery.environment(name)
    destination = (
        declared
        if isinstance(declared, Unseen)
        else looked(lambda: resolve.find(declared, context.variables))
    )
    # The embedded world is started first: it says which engine and whose AWS there are.
    opened = (
        looked(lambda: context.open_environment(destination))
        if isinstance(destination, EnvironmentRef) and destination.sandbox
        else None
    )
    git = looked(lambda: context.git.head().short)
    wanted = _wanted(declared)
    examination.add("tools", tools.judge(git, practice.machine.tools(), wanted))
    examination.add("files", _files(practice, delivery, contract, destination))
    if isinstance(opened, Unseen):
        examination.add("sandbox", [needed("sandbox", opened)])
        return examination
    if (
        isinstance(delivery, Unseen)
        or isinstance(contract, Unseen)
        or isinstance(destination, Unseen)
    ):
        examination.add("AWS", [not_checked("everything", "what is wrong above hides where it is")])
        return examination
    _Rounds(practice, examination, delivery, contract, destination).make()
    return examination


def _wanted(declared: Declared | Unseen) -> Wanted:
    """What the tools must be able to, from the file as it is written."""
    if isinstance(declared, Unseen):
        return Wanted()
    table = declared.document.table
    own = table["environments"][declared.name]
    builder = str(table.get("image", {}).get("builder", ""))
    return Wanted(
        builds=not own.get("promote_from"),
        engine="://" not in builder,
        sbom=own.get("sbom", "if-available"),
    )


def _files(
    practice: Practice,
    delivery: Looked[DeliveryFile],
    contract: Looked[Contract],
    destination: Looked[EnvironmentRef],
) -> Iterator[Finding]:
    if isinstance(delivery, Unseen):
        yield needed("ci/delivery.toml", delivery)
    elif isinstance(destination, Unseen):
        yield needed("ci/delivery.toml", destination)
    else:
        yield ok("ci/delivery.toml", f"{destination.account} {destination.region}")
    if isinstance(contract, Unseen):
        yield needed("ci/release.toml", contract)
        return
    yield ok("ci/release.toml", contract.path)
    if isinstance(delivery, Unseen):
        return
    drift = looked(lambda: practice.drift(contract, delivery))
    if isinstance(drift, Unseen):
        yield needed("workflow and templates", drift)
    elif drift:
        yield wrong(
            "workflow and templates",
            "they differ from the contract",
            "render them: nox -s contract -- --write",
            *drift,
        )
    else:
        yield ok("workflow and templates", "as the contract says")


class _Rounds:
    """The account, from who asks to what its services run."""

    def __init__(
        self,
        practice: Practice,
        examination: Examination,
        delivery: DeliveryFile,
        contract: Contract,
        destination: EnvironmentRef,
    ) -> None:
        self._practice = practice
        self._context = practice.delivery
        self._examination = examination
        self._delivery = delivery
        self._declared = delivery.environment(destination.name)
        self._contract = contract
        self._destination = destination
        self._policy = contract.environment_policy(destination.name)
        self._acting = practice.account(destination)
        self._person = practice.account(destination)

    def make(self) -> None:
        """Look side by side, and judge in order."""
        add = self._examination.add
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            at_github = pool.submit(self._github)
            seen = self._access()
            add("access", access.judge(seen, self._destination, self._policy))
            if isinstance(seen.acting, Unseen):
                add("AWS", [not_checked("everything", "there is nobody who could ask")])
            else:
                self._account(pool, seen)
            add("GitHub", at_github.result())

    def _access(self) -> Access:
        aws, destination, policy = self._acting, self._destination, self._policy
        person = looked(aws.identity)
        if isinstance(person, Unseen):
            return Access(person=person, acting=person)
        by_hand = not self._context.variables.get(_CI)
        refused: Unseen | None = None
        if (
            by_hand
            and not destination.sandbox
            and policy.makes_by_hand_role
            and person.role != policy.by_hand_role
        ):
            role = identities.hand_role(policy, destination, person)
            result = looked(lambda: aws.assume(role, identities.session_name(person)))
            refused = result if isinstance(result, Unseen) else None
        acting = looked(aws.identity)
        key = looked(aws.access_key_id)
        return Access(
            person=person,
            acting=acting,
            refused=refused,
            short_lived=not isinstance(key, Unseen)
            and not isinstance(acting, Unseen)
            and identities.short_lived(acting, key),
            by_hand=by_hand,
        )

    def _account(self, pool: ThreadPoolExecutor, seen: Access) -> None:
        add = self._examination.add
        wanted = resolve.references(self._declared)
        variables = self._context.variables
        resolutions = examined_values.resolutions(wanted, variables, self._acting.published)
        self._examination.secrets |= examined_values.secrets(resolutions)
        add("references", references.judge(self._declared, wanted, resolutions))
        add("notify", self._receivers())
        environment = looked(
            lambda: with_task_files(
                examined_values.environment(self._declared, variables, resolutions),
                self._context,
                self._acting.revisions,
            )
        )
        if isinstance(environment, Unseen):
            add("values", [needed("ci/delivery.toml", environment)])
            return
        at_registry = {
            key: pool.submit(self._repository, environment.about(key)) for key in environment.keys
        }
        at_lock = pool.submit(self._lock, environment)
        seen_services = examined_services.look(self._acting, pool, environment)
        for key, asked in at_registry.items():
            name = f"repository {key}".strip()
            add(name, repository.judge(asked.result(), environment.about(key)))
        add("cluster", examined_services.cluster(environment, seen_services))
        for service in environment.services:
            facts = seen_services[service.key]
            add(f"service {service.key}", services.judge(facts, service, environment))
        own = examined_services.of_jobs(self._acting, pool, environment)
        add("jobs", examined_services.jobs(environment, own))
        schedules = examined_schedules.look(self._acting, pool, environment, seen_services)
        add("schedules", examined_schedules.judge(environment, schedules))
        inspection = self._inspection(seen)
        add(
            "start of tasks", examined_services.starts(pool, inspection, environment, seen_services)
        )
        add(
            "deploy role",
            examined_role.findings(
                examined_role.expected_roles(
                    self._contract,
                    self._declared,
                    self._practice.bases(self._delivery),
                    environment,
                    definitions={key: facts.definition for key, facts in seen_services.items()},
                    own=own,
                    schedules=schedules,
                ),
                inspection,
                environment.name,
            ),
        )
        add("lock", at_lock.result())

    def _inspection(self, seen: Access) -> Looked[Inspection]:
        """IAM as the person sees it: no deploy role reads it."""
        if self._destination.sandbox:
            return Unseen(why="the embedded sandbox makes its own roles")
        person = seen.person
        if not isinstance(person, Unseen) and person.account != self._destination.account:
            return Unseen(why=f"your own credentials are of account {person.account}")
        return self._person.inspection

    def _repository(self, environment: Environment) -> Looked[repository.RepositorySettings | None]:
        if is_unresolved(environment.repository):
            return NOT_RESOLVED
        return looked(lambda: self._acting.inspection.repository(environment))

    def _receivers(self) -> Iterator[Finding]:
        variables = self._context.variables
        found = receivers.receivers(self._declared, variables, self._acting.published)
        self._examination.secrets |= {text for each in found for text in each.secrets}
        return told.judge(found, confined=aws_is_here(variables))

    def _lock(self, environment: Environment) -> list[Finding]:
        parameter = environment.lock.parameter
        if not parameter:
            return [ok("lock", "none is taken (lock.use = false)")]
        standing = looked(lambda: maintenance.seen(environment, self._acting))
        if isinstance(standing, Unseen):
            return [needed(parameter, standing)]
        return [ok(parameter, maintenance.text(environment, standing))]

    def _github(self) -> tuple[Finding, ...]:
        if self._destination.sandbox:
            return ()
        return examined_github.findings(
            self._practice.github, self._contract, self._destination.name
        )
