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
from shipway.delivery import examined_github, role_values
from shipway.delivery.stage import UNCHANGED
from shipway.doctor import report
from shipway.doctor.finding import Section
from shipway.doctor.ports import Github
from shipway.errors import IdentityError, UsageError, allowing
from shipway.git import checkout
from shipway.github.protection import GithubApi
from shipway.policy.compile import bootstrap_template, roles, trust, workflow
from shipway.policy.compile.elsewhere import Reading
from shipway.policy.contract import Contract
from shipway.rollout.schedules.plan import all_targets
from shipway.util.lines import on_one_line
from shipway.util.loopback import aws_is_here
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
            if not aws_is_here(os.environ):
                show_locks(GithubApi(os.environ), contract, env, console)
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
    needed = bootstrap_template.needed(contract, declared, bases_of(delivery))
    bootstrap_template.check_audience(needed, environment)
    made = bootstrap_template.roles_of(contract, needed)
    readings = bootstrap_template.readings(needed, made)
    others = {each.prefix: _origins(each, delivery, environment, aws) for each in readings}
    values = {**values, **bootstrap_template.options(needed, environment, others)}
    for name, value in values.items():
        console.say(f"{name} = {value}")
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
    for each in readings:
        if policy := outputs.get(each.output):
            origin, *_ = found = tuple(others[each.prefix].values())
            names = ", ".join(other.repository for other in found)
            where = f"{origin.account} {origin.region}"
            console.say(f"Repository {names} in {where}: its policy must hold")
            console.say(policy)
    for name, value in _variables(outputs, environment).items():
        console.say(f"GitHub environment {declared.name}: variable {name} = {value}")
    if by_hand := outputs.get(f"{roles.BY_HAND}Arn"):
        people = ", ".join(environment_policy.by_hand_principals)
        console.say(f"By hand: {people} may deliver, once their own permissions hold")
        console.say(allowing("sts:AssumeRole", by_hand).removeprefix("add "))


def show_locks(api: Github, contract: Contract, env: str, console: Console) -> None:
    """Say which of GitHub's own locks are there: whoever gets past them can take the role.

    They are another one's to set, so none that lacks fails what was made.
    """
    if found := examined_github.findings(api, contract, env):
        for line in report.lines([Section(name="GitHub", findings=found)]):
            console.say(on_one_line(line))


def _origins(
    reading: Reading, delivery: DeliveryFile, environment: Environment, aws: AwsAccount
) -> Mapping[str, Origin]:
    """Where each image of another environment lies, by its key."""
    return {
        key: origins.of_other(
            delivery,
            environment.about(key) if key in environment.keys else environment,
            reading.environment,
            key,
            variables=os.environ,
            published=aws.published,
        )
        for key in reading.images
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
    clock = all_targets(aws.schedules, environment, families)
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
