"""What changes an environment, or shows what would: build, publish, roll out, go back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from shipway.tasks.command import HELP, OVERRIDES, leave, shipway_task

if TYPE_CHECKING:
    from shipway.policy.contract import Task as Stage
    from shipway.rollout.resume import HookAction


@shipway_task(help={key: HELP[key] for key in ("env", "json", "verbose")})
def build(_: Context, *, env: str = "", json: bool = False, verbose: bool = False) -> None:
    """Build the image with BuildKit; no AWS account is needed."""
    _deliver("build", env, json=json, verbose=verbose)


@shipway_task(help={key: HELP[key] for key in ("env", "json", "verbose")})
def publish(_: Context, *, env: str = "", json: bool = False, verbose: bool = False) -> None:
    """Build, and push to the environment's ECR repository what it lacks."""
    _deliver("publish", env, json=json, verbose=verbose)


@shipway_task(
    help={
        **HELP,
        **OVERRIDES,
    }
)
def deploy(
    _: Context,
    *,
    env: str = "",
    image: str = "",
    rollback_to: str = "",
    through_freeze: str = "",
    json: bool = False,
    verbose: bool = False,
) -> None:
    """Build, publish, roll out, watch until it holds, verify, record."""
    from shipway.cli.deliver import run
    from shipway.policy.facts import Overrides

    overrides = Overrides(rollback_to=rollback_to, through_freeze=through_freeze)
    leave(run("deploy", env, image=image, overrides=overrides, json=json, verbose=verbose))


@shipway_task(
    help={
        "env": HELP["env"],
        "image": HELP["image"],
        **OVERRIDES,
        "json": HELP["json"],
    }
)
def plan(
    _: Context,
    *,
    env: str = "",
    image: str = "",
    rollback_to: str = "",
    through_freeze: str = "",
    json: bool = False,
) -> None:
    """Show what deploy would do, and change nothing: exit code 3 for changes, 0 for none."""
    from shipway.cli.plan import run
    from shipway.policy.facts import Overrides

    overrides = Overrides(rollback_to=rollback_to, through_freeze=through_freeze)
    leave(run(env, image=image, overrides=overrides, json=json))


@shipway_task(
    help={
        "env": HELP["env"],
        "to": "a digest, commit, tag or record of a good release, or as much as is telling",
        "plan": "show what it would do, and change nothing: exit code 3 for changes, 0 for none",
        "through-freeze": OVERRIDES["through-freeze"],
        "json": HELP["json"],
    }
)
def rollback(
    _: Context,
    *,
    env: str = "",
    to: str = "previous",
    plan: bool = False,
    through_freeze: str = "",
    json: bool = False,
) -> None:
    """Go back to the last release that was verified and held: contract, watch, verify, record."""
    from shipway.cli.deliver import run
    from shipway.cli.plan import run as show
    from shipway.policy.facts import Overrides

    overrides = Overrides(through_freeze=through_freeze)
    if plan:
        leave(show(env, task="rollback", to=to, overrides=overrides, json=json))
    else:
        leave(run("rollback", env, to=to, overrides=overrides, json=json, verbose=False))


@shipway_task(help={key: HELP[key] for key in ("env", "json")})
def verify(_: Context, *, env: str = "", json: bool = False) -> None:
    """Prove that what runs is what was shipped, and that it answers."""
    _deliver("verify", env, json=json)


@shipway_task(
    help={
        "env": HELP["env"],
        "rollback": "put the earlier revision back instead of going on",
        "json": HELP["json"],
    }
)
def resume(_: Context, *, env: str = "", rollback: bool = False, json: bool = False) -> None:
    """Answer the PAUSE hook that a deployment waits at, and watch what comes of it."""
    from shipway.cli.deliver import run

    action: HookAction = "ROLLBACK" if rollback else "CONTINUE"
    leave(run("deploy", env, resume=action, json=json, verbose=False))


@shipway_task(
    help={
        "job": "its name in ci/delivery.toml, such as migrate",
        "env": HELP["env"],
        "image": "REPOSITORY@sha256:… that it is to run; without it what its service runs now",
        "json": HELP["json"],
    }
)
def run(_: Context, job: str, *, env: str = "", image: str = "", json: bool = False) -> None:
    """Run one job of an environment to its end, with its log; nothing is built or rolled out."""
    from shipway.cli.deliver import run as deliver

    leave(deliver("run", env, image=image, job=job, json=json, verbose=False))


def _deliver(
    stage: Stage, env: str, *, image: str = "", json: bool = False, verbose: bool = False
) -> None:
    from shipway.cli.deliver import run

    leave(run(stage, env, image=image, json=json, verbose=verbose))
