"""``ci/delivery.toml`` and ``ci/release.toml``, written from the answers. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from shipway.adoption.answers import Answers, Place, Worker
from shipway.adoption.look import GITHUB
from shipway.config.convention import published

DELIVERY = "ci/delivery.toml"
RELEASE = "ci/release.toml"

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch

_DELIVERY_HEAD = """\
# The environments: where things live.
#
# Any text or number may be written out, or refer to what the infrastructure publishes:
#   "ssm:/path"         a parameter in the Systems Manager Parameter Store
#   "cfn:Stack.Output"  an output of a CloudFormation stack
#   "env:NAME"          an environment variable
# Account and region are needed before AWS can be asked: written out, or env:NAME.
"""

_RELEASE_HEAD = """\
# The release contract: which trigger may do what, where. Everything else is refused.
#
# ref is the full ref; * stands for any characters, none included, but never for a "/".
# tasks is a beginning of: build, publish, deploy, verify.
# After a change: shipway contract --write
"""


def schema_line(file: str) -> str:
    """The line by which an editor finds the schema of a TOML file: see ``adoption.schemas``."""
    return f"#:schema ./{PurePosixPath(file).stem}.schema.json"


def delivery(answers: Answers) -> str:
    """The environments."""
    dockerfile = answers.dockerfile
    parts = [
        schema_line(DELIVERY),
        _DELIVERY_HEAD,
        "schema = 1",
        f"name = {_text(answers.name)}",
        "",
        "[image]",
        f"context = {_text(dockerfile.context)}",
        f"dockerfile = {_text(dockerfile.within_context)}",
        "",
        "# The embedded sandbox: nothing to own, nothing to set up.",
        *_environment("local", answers.local, answers),
        "",
        "# Account and region written out make credentials of any other account an error.",
        *_environment("staging", answers.staging, answers),
        "",
        *_environment("production", answers.production, answers),
    ]
    return "\n".join(parts) + "\n"


def _environment(name: str, place: Place, answers: Answers) -> Iterator[str]:
    yield f"[environments.{name}]"
    if name == "local":
        yield "sandbox = true"
    for key in ("account", "region", "repository", "cluster"):
        yield f"{key} = {_text(getattr(place, key))}"
    yield ""
    yield f"[environments.{name}.services.{answers.key}]"
    yield f"service = {_text(place.service)}"
    yield f"container = {_text(answers.container)}"
    if place.url:
        yield f"url = {_text(place.url)}"
        yield f"path = {_text(answers.health_path)}"
    if name == "local":
        yield from _compute(answers)
    if answers.worker is not None:
        yield from _worker(name, answers.worker, answers)


def _worker(name: str, worker: Worker, answers: Answers) -> Iterator[str]:
    """A second service of the same image, which nobody asks."""
    table = f"environments.{name}.services.{worker.key}"
    yield ""
    yield f"[{table}]"
    yield f"service = {_text(published(answers.name, name, worker.key, 'service'))}"
    yield f"container = {_text(answers.container)}"
    if name == "local":
        yield ""
        yield f"[{table}.compute]"
        yield f"command = [{', '.join(map(_text, worker.command))}]"
        yield "count = 1"


def _compute(answers: Answers) -> Iterator[str]:
    """What the sandbox runs for the service."""
    live = answers.live
    table = f"environments.local.services.{answers.key}.compute"
    numbers = {
        "port": answers.port,
        "cpu": live.cpu if live else 0,
        "memory": live.memory if live else 0,
    }
    known = [f"{key} = {number}" for key, number in numbers.items() if number]
    environment = dict(live.environment) if live else {}
    secrets = dict.fromkeys(live.secrets if live else (), "stand-in")
    if not (known or environment or secrets):
        return
    yield ""
    yield "# What the sandbox runs for it; at AWS the infrastructure says it."
    yield f"[{table}]"
    yield from known
    for name, variables in (("environment", environment), ("secrets", secrets)):
        lines = [f"{key} = {_text(value)}" for key, value in variables.items() if _KEY(key)]
        if lines:
            yield ""
            yield f"[{table}.{name}]"
            yield from lines


def release(answers: Answers, workflow: str) -> str:
    """The contract: the default branch publishes to staging, tags deploy to production.

    Args:
        answers: What is delivered, and whose runs are believed.
        workflow: The workflow's file, from the repository's root.
    """
    remote, name = answers.remote, answers.name
    issuer = () if remote.host == GITHUB else (f"https://{remote.host}/_services/token",)
    parts = [
        schema_line(RELEASE),
        _RELEASE_HEAD,
        "schema = 1",
        "",
        "# Whose runs are believed: compared with the claims of the token that GitHub signed. The",
        "# two numbers are what a renamed repository keeps and a namesake lacks.",
        "[github]",
        f"repository = {_text(remote.repository)}",
        f"repository_id = {answers.repository_id}",
        f"owner_id = {answers.owner_id}",
        f"workflow = {_text(workflow)}",
        *(f"issuer = {_text(address)}" for address in issuer),
        "",
        f"# A push to {remote.branch} builds the image and publishes it to staging. Add",
        '# "deploy", "verify" to roll staging on every push.',
        "[[allow]]",
        f"name = {_text(_entry(remote.branch))}",
        'event = "push"',
        f"ref = {_text(f'refs/heads/{remote.branch}')}",
        'environment = "staging"',
        'tasks = ["build", "publish"]',
        "",
        f"# A tag {answers.production_tags} releases to production: an annotated one, for it names",
        f"# who made it and when; on a commit that {remote.branch} has had; new, and still there",
        "# just before the rollout.",
        "[[allow]]",
        'name = "production-tags"',
        'event = "push"',
        f"ref = {_text(f'refs/tags/{answers.production_tags}')}",
        'environment = "production"',
        'tasks = ["build", "publish", "deploy", "verify"]',
        f"first_parent_of = {_text(remote.branch)}",
        'tag_kind = "annotated"',
        "tag_must_be_new = true",
        "refuse_rerun_when_newer = true",
        "",
        "# A person at a keyboard: --env names one of these.",
        "[[allow]]",
        'name = "by-hand"',
        'event = "by-hand"',
        'environments = ["local", "staging"]',
        'tasks = ["build", "publish", "deploy", "verify"]',
        "",
        "# What each environment asks of what goes there; role is who GitHub's runs are,",
        "# by_hand_role who a person is.",
        "[environments.local]",
        f"by_hand_role = {_text(f'{name}-deploy-local')}",
        "",
        "[environments.staging]",
        f"role = {_text(f'{name}-deploy-staging')}",
        "short_lived_keys_only = true",
        "# Who may assume it: the permission set of IAM Identity Center that developers sign in",
        '# with, or "role/NAME", "user/NAME".',
        f"by_hand_role = {_text(f'{name}-by-hand-staging')}",
        'by_hand_principals = ["AWSReservedSSO_Developer_*"]',
        "",
        "# not_older: a release must hold what runs now.",
        "[environments.production]",
        f"role = {_text(f'{name}-deploy-production')}",
        "short_lived_keys_only = true",
        "not_older = true",
    ]
    return "\n".join(parts) + "\n"


def _entry(branch: str) -> str:
    """A branch's name as the name of an entry: small letters, digits and "-"."""
    name = "".join(char if char.isascii() and char.isalnum() else "-" for char in branch.lower())
    name = name.strip("-")[:24].rstrip("-")
    taken = name in {"by-hand", "production-tags"}
    return f"branch-{name}" if taken or not name[:1].isalpha() else name


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are TOML's (TOML v1.0.0, "String")."""
    return json.dumps(value, ensure_ascii=False)
