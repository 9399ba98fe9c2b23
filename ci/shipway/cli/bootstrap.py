"""``inv bootstrap``: an environment's deploy role, printed or made.

Made by somebody who may make roles, once, and again where the contract changed. Deliveries never
come here, and nothing here deletes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from shipway.cli.contract import bases_of, read
from shipway.cli.run_command import run_command
from shipway.config import origin as origins
from shipway.config import resolve
from shipway.config.environment import Environment, Origin
from shipway.config.load import DeliveryFile
from shipway.console import Console
from shipway.delivery import role_values
from shipway.delivery.stage import UNCHANGED
from shipway.errors import IdentityError, UsageError, allowing
from shipway.git import checkout
from shipway.policy.compile import bootstrap_template, roles, trust, workflow
from shipway.policy.compile.resources import resources_of
from shipway.policy.contract import Contract
from shipway.rollout.schedules.plan import starting_roles
from shipway.wiring import account

if TYPE_CHECKING:
    from shipway.aws.account import AwsAccount
    from shipway.aws.stacks import ChangeSet


def run(env: str, *, apply: bool, yes: bool, json: bool) -> int:
    """Print the template, or create or update the stack; gives the exit code."""

    def work(console: Console) -> int:
        contract, delivery = read(Path(os.path.relpath(checkout.root(Path.cwd()))))
        session = workflow.budget(contract, delivery).session
        bases = bases_of(delivery)
        template = bootstrap_template.render(
            contract, delivery.environment(env), session=session, bases=bases
        )
        if apply:
            _apply(contract, delivery, env, template, console, yes=yes)
        else:
            sys.stdout.write(template)
        return 0

    return run_command(work, interrupted=UNCHANGED, json=json)


def _apply(
    contract: Contract,
    delivery: DeliveryFile,
    env: str,
    template: str,
    console: Console,
    *,
    yes: bool,
) -> None:
    declared = delivery.environment(env)
    place = resolve.find(declared, os.environ)
    aws = account(place.region, place.profile)
    identity = aws.identity()
    if identity.account != place.account:
        raise IdentityError(
            f"these credentials belong to account {identity.account}, "
            f"but {place.name} is {place.account}",
            where=identity.arn,
            remedy="sign in to the other account as somebody who may make roles",
        )
    environment = resolve.resolve(declared, variables=os.environ, published=aws.published)
    stack = bootstrap_template.stack_name(contract, declared.name)
    values = _values(contract, environment, aws, stack, template)
    taken = None
    if bootstrap_template.takes(template, "SourceAccount"):
        taken = _origins(delivery, environment, aws)
    values = {**values, **bootstrap_template.options(resources_of(declared), environment, taken)}
    for name, value in values.items():
        console.say(f"{name} = {value}")
    made = bootstrap_template.roles_of(contract, resources_of(declared, bases_of(delivery)))
    environment_policy = contract.environment_policy(declared.name)
    known = role_values.pseudo(environment)
    for role in made:
        roles.check(role, environment_policy, {**values, **known})
    proposed = aws.stacks.propose(stack, template, values)
    if not proposed.changes:
        console.say(f"Nothing to change: the stack {stack} is what the contract says.")
        return
    _show(proposed, console)
    if not (yes or _confirmed(stack)):
        aws.stacks.forget(proposed)
        raise UsageError(
            "the change set was not confirmed; nothing was changed",
            where=stack,
            remedy="answer yes on a terminal, or say --yes",
        )
    outputs = aws.stacks.carry_out(proposed)
    arns = [outputs[f"{role.logical_id}Arn"] for role in made if f"{role.logical_id}Arn" in outputs]
    console.say(f"Done: {', '.join(arns) or stack}")
    if policy := outputs.get(bootstrap_template.SOURCE_POLICY):
        source = f"{values['SourceAccount']} {values['SourceRegion']}"
        names = ", ".join(values[name] for name in resources_of(declared).source_repositories)
        console.say(f"Repository {names} in {source}: its policy must hold")
        console.say(policy)
    for name, value in _variables(outputs, environment).items():
        console.say(f"GitHub environment {declared.name}: variable {name} = {value}")
    if by_hand := outputs.get(f"{roles.BY_HAND}Arn"):
        people = ", ".join(environment_policy.by_hand_principals)
        console.say(f"By hand: {people} may deliver, once their own permissions hold")
        console.say(allowing("sts:AssumeRole", by_hand).removeprefix("add "))


def _origins(
    delivery: DeliveryFile, environment: Environment, aws: AwsAccount
) -> Mapping[str, Origin]:
    """Where each image is taken from, by its key."""
    published = aws.published
    return {
        key: origins.origin(
            delivery, environment.about(key), variables=os.environ, published=published
        )
        for key in environment.keys
    }


def _values(
    contract: Contract, environment: Environment, aws: AwsAccount, stack: str, template: str
) -> Mapping[str, str]:
    """The template's parameters: what is published, and what the live services name."""
    values = role_values.repositories(environment)
    if contract.source and bootstrap_template.takes(template, "CreateProvider"):
        makes = aws.stacks.makes_provider(stack, trust.host(contract.source))
        values = {"CreateProvider": "true" if makes else "false", **values}
    if not bootstrap_template.takes(template, "Cluster"):
        return values  # its tasks end with the image
    definitions = {
        service.key: aws.stacks.task_definition_of(environment.cluster, service.service)
        for service in environment.services
    }
    own = {
        job.key: aws.ecs.task_definition(job.task_definition)
        for job in environment.jobs
        if job.task_definition
    }
    scheduled = {
        schedule.key: aws.ecs.task_definition(schedule.task_definition)
        for schedule in environment.schedules
        if schedule.task_definition
    }
    families = {
        schedule.key: (scheduled.get(schedule.key) or definitions[schedule.service]).family
        for schedule in environment.schedules
    }
    clock = starting_roles(aws.schedules, environment, families)
    return {
        **values,
        **role_values.looked_up(environment, definitions, own, scheduled, clock),
    }


def _show(proposed: ChangeSet, console: Console) -> None:
    verb = "create" if proposed.creates else "update"
    rows = [
        (
            change.action.lower(),
            change.resource,
            change.kind,
            "replaced" if change.replacement else ", ".join(change.parts),
        )
        for change in proposed.changes
    ]
    columns = ("action", "resource", "type", "what")
    console.table(f"Change set: {verb} the stack {proposed.stack}", columns, rows)


def _confirmed(stack: str) -> bool:
    """Ask whoever sits there; nobody sits behind a pipe."""
    if not sys.stdin.isatty():
        return False
    sys.stdout.write(f" carry it out on {stack}? Type yes: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def _variables(outputs: Mapping[str, str], environment: Environment) -> Mapping[str, str]:
    if f"{roles.DEPLOY}Arn" not in outputs:
        return {}
    return {
        "AWS_ROLE_ARN": outputs[f"{roles.DEPLOY}Arn"],
        "AWS_REGION": environment.region,
        "AWS_ACCOUNT_ID": environment.account,
    }
