"""The tasks: a signature is a command line, a body is a few lines.

Nothing heavy is imported here: ``inv -l`` reads this file and answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task, task

if TYPE_CHECKING:
    from shipway.policy.contract import Task as Stage
    from shipway.rollout.resume import HookAction

_HELP = {
    "env": "environment of ci/delivery.toml; in GitHub Actions the release contract names it",
    "image": "REPOSITORY@sha256:… that exists already: roll it out without a build",
    "json": "print one JSON object for each event",
    "verbose": "print all of BuildKit's output",
}


_OVERRIDES = {
    "rollback-to": "commit that may be older than what runs; it must be the one delivered",
    "through-freeze": '"NAME: why" of the one freeze that is to be gone through',
}


class _Compiled(Task[Callable[..., None]]):
    """A task that keeps the bytecode of what it imports, unless Python was told not to.

    Invoke keeps none without --write-pyc. What uv installed nobody has compiled yet, and each
    command would do it anew (0.3 s and more for boto3 and pydantic). What a repository's own
    tasks.py imports stays as Invoke has it: a new __pycache__ there is a work tree with changes.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(given, Context) and given.config.run.dry for given in args):
            # Invoke's own --dry reaches only Context.run: the delivery would take place.
            raise Exit(
                "Invoke's --dry reaches no task of shipway, which would run for real: nothing was "
                "done. The task `plan` shows what deploy would do, and changes nothing",
                code=2,
            )
        before = sys.dont_write_bytecode
        sys.dont_write_bytecode = before and bool(sys.flags.dont_write_bytecode)
        try:
            return super().__call__(*args, **kwargs)
        except KeyboardInterrupt:  # before there was a console to say so; Invoke would say nothing
            raise Exit("interrupted: nothing further is changed", code=130) from None
        finally:
            sys.dont_write_bytecode = before


shipway_task = partial(task, klass=_Compiled)
"""The decorator of every task here."""


@shipway_task(help={key: _HELP[key] for key in ("env", "json", "verbose")})
def build(_: Context, *, env: str = "", json: bool = False, verbose: bool = False) -> None:
    """Build the image with BuildKit; no AWS account is needed."""
    _deliver("build", env, json=json, verbose=verbose)


@shipway_task(help={key: _HELP[key] for key in ("env", "json", "verbose")})
def publish(_: Context, *, env: str = "", json: bool = False, verbose: bool = False) -> None:
    """Build, and push to the environment's ECR repository what it lacks."""
    _deliver("publish", env, json=json, verbose=verbose)


@shipway_task(
    help={
        **_HELP,
        **_OVERRIDES,
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
    _leave(run("deploy", env, image=image, overrides=overrides, json=json, verbose=verbose))


@shipway_task(
    help={
        "env": _HELP["env"],
        "image": _HELP["image"],
        **_OVERRIDES,
        "json": _HELP["json"],
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
    _leave(run(env, image=image, overrides=overrides, json=json))


@shipway_task(
    help={
        "env": _HELP["env"],
        "to": "a digest, commit, tag or record of a good release, or as much as is telling",
        "plan": "show what it would do, and change nothing: exit code 3 for changes, 0 for none",
        "through-freeze": _OVERRIDES["through-freeze"],
        "json": _HELP["json"],
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
        _leave(show(env, task="rollback", to=to, overrides=overrides, json=json))
    else:
        _leave(run("rollback", env, to=to, overrides=overrides, json=json, verbose=False))


@shipway_task(help={key: _HELP[key] for key in ("env", "json")})
def verify(_: Context, *, env: str = "", json: bool = False) -> None:
    """Prove that what runs is what was shipped, and that it answers."""
    _deliver("verify", env, json=json)


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml",
        "evidence": "another folder with records than evidence/",
        "json": _HELP["json"],
    }
)
def status(_: Context, *, env: str = "", evidence: str = "", json: bool = False) -> None:
    """Show what runs where since when by whom, and whether it is what the last record says."""
    from shipway.cli.status import run

    _leave(run(env, evidence=evidence, json=json))


@shipway_task(help={"env": "environment of ci/delivery.toml", "json": _HELP["json"]})
def doctor(_: Context, *, env: str = "", json: bool = False) -> None:
    """Check all that a delivery will need, and change nothing; what is wrong has its remedy."""
    from shipway.cli.doctor import run

    _leave(run(env, json=json))


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml",
        "service": "one service's key; without it all",
        "job": "one job's key: the tasks that ran it, whatever the release",
        "since": "how far back: 30s, 10m, 2h or 1d",
        "follow": "read on until Ctrl-C",
        "revision": "only tasks of this revision of the task definition",
        "json": "print one JSON object for each line",
    }
)
def logs(
    _: Context,
    *,
    env: str = "",
    service: str = "",
    job: str = "",
    since: str = "10m",
    follow: bool = False,
    revision: int = 0,
    json: bool = False,
) -> None:
    """Show what the containers of a service or a job wrote to CloudWatch, and follow it."""
    from shipway.cli.logs import run

    _leave(
        run(
            env,
            service=service,
            job=job,
            since=since,
            follow=follow,
            revision=revision,
            json=json,
        )
    )


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml",
        "hold": "hold it until it is released, for this reason: nobody delivers there meanwhile",
        "release": "give back what you hold",
        "held-by": "with --release: whose lock it is, as it is shown, where it is not yours",
        "json": _HELP["json"],
    }
)
def lock(
    _: Context,
    *,
    env: str = "",
    hold: str = "",
    release: bool = False,
    held_by: str = "",
    json: bool = False,
) -> None:
    """Show who holds an environment; hold it for maintenance, or release it."""
    from shipway.cli.lock import run

    _leave(run(env, hold=hold, release=release, held_by=held_by, json=json))


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml; without it, what lies on this machine",
        "keep": "how many of the newest stay",
        "apply": "take it away, instead of showing what would go",
        "json": _HELP["json"],
    }
)
def prune(
    _: Context, *, env: str = "", keep: int = 10, apply: bool = False, json: bool = False
) -> None:
    """Show old task definition revisions that nothing uses, or old images here; --apply removes."""
    from shipway.cli.prune import run

    _leave(run(env, keep=keep, apply=apply, json=json))


@shipway_task(
    help={
        "env": _HELP["env"],
        "rollback": "put the earlier revision back instead of going on",
        "json": _HELP["json"],
    }
)
def resume(_: Context, *, env: str = "", rollback: bool = False, json: bool = False) -> None:
    """Answer the PAUSE hook that a deployment waits at, and watch what comes of it."""
    from shipway.cli.deliver import run

    action: HookAction = "ROLLBACK" if rollback else "CONTINUE"
    _leave(run("deploy", env, resume=action, json=json, verbose=False))


@shipway_task(
    help={
        "job": "its name in ci/delivery.toml, such as migrate",
        "env": _HELP["env"],
        "image": "REPOSITORY@sha256:… that it is to run; without it what its service runs now",
        "json": _HELP["json"],
    }
)
def run(_: Context, job: str, *, env: str = "", image: str = "", json: bool = False) -> None:
    """Run one job of an environment to its end, with its log; nothing is built or rolled out."""
    from shipway.cli.deliver import run as deliver

    _leave(deliver("run", env, image=image, job=job, json=json, verbose=False))


@shipway_task(
    help={
        "down": "end the sandbox that runs in the background, and all it started",
        "json": "print one JSON object for each event",
    }
)
def sandbox(_: Context, *, down: bool = False, json: bool = False) -> None:
    """Start the embedded AWS in the background, or end it; no account is needed."""
    from shipway.cli.sandbox import run

    _leave(run(down=down, json=json))


@shipway_task(help={key: _HELP[key] for key in ("json", "verbose")})
def rehearse(_: Context, *, json: bool = False, verbose: bool = False) -> None:
    """Walk a whole delivery, good and bad releases, in the sandbox; no account is needed."""
    from shipway.cli.rehearse import run

    _leave(run(as_json=json, verbose=verbose))


@shipway_task(
    help={
        "write": "render workflow and IAM documents from the contract",
        "json": "print one JSON object for each event",
    }
)
def contract(_: Context, *, write: bool = False, json: bool = False) -> None:
    """Show the release contract, and compare workflow and IAM documents with it."""
    from shipway.cli.contract import run

    _leave(run(write=write, json=json))


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml that an event of the contract leads to",
        "apply": "create or update the stack, after its change set was shown and confirmed",
        "yes": "confirm where nobody can be asked",
        "json": "print one JSON object for each event",
    }
)
def bootstrap(
    _: Context, *, env: str = "", apply: bool = False, yes: bool = False, json: bool = False
) -> None:
    """Print an environment's deploy role as CloudFormation, or make it; it never deletes."""
    from shipway.cli.bootstrap import run

    _leave(run(env, apply=apply, yes=yes, json=json))


@shipway_task(
    help={
        "env": "only deliveries to this environment",
        "digest": "sha256:… or its beginning: everything known of an image",
        "verify": "check the chain, every record and every file beside one",
        "matrix": "judge the acceptance criteria from records: of deliveries, or of a rehearsal",
        "offline": "ask neither ECS nor the registry",
        "evidence": "another folder than evidence/, or s3://bucket/prefix: what lies there alone",
        "key": "a public key's file (PEM): each record must be signed with it",
        "head": "a SHA-256 that a job's summary shows: some chain must have it",
        "html": "write one page over all deliveries into this file, to be opened in a browser",
        "json": "print one JSON object for each event",
    }
)
def audit(
    _: Context,
    *,
    env: str = "",
    digest: str = "",
    verify: bool = False,
    matrix: bool = False,
    offline: bool = False,
    evidence: str = "",
    key: str = "",
    head: str = "",
    html: str = "",
    json: bool = False,
) -> None:
    """Show what was delivered, all that is known of an image, or whether the evidence holds."""
    from shipway.cli.audit import Question, run

    question = Question(
        env=env,
        digest=digest,
        verify=verify,
        matrix=matrix,
        offline=offline,
        evidence=evidence,
        key=key,
        head=head,
        html=html,
    )
    _leave(run(question, json=json))


@shipway_task(
    help={
        "yes": "ask nothing, and write what is shown",
        "name": "what is delivered; without it the repository's name",
        "dockerfile": "the Dockerfile, from the repository's root",
        "context": "the build context, from the repository's root",
        "port": "what the container listens on; without it EXPOSE, or a live service's port",
        "health-path": "what it answers when it is well; without it HEALTHCHECK, or the balancer's",
        "production-tags": "pattern of the tags that release to production: *-stable",
        "repository": "OWNER/NAME at GitHub; without it the remote called origin",
        "repository-id": "GitHub's number for it; without it GitHub is asked",
        "owner-id": "GitHub's number for its owner",
        "branch": "what publishes to staging; without it the default branch",
        "region": "the AWS region; without it that of the environment or the profile",
        "staging-account": "twelve digits; without it the account of the credentials at hand",
        "production-account": "twelve digits",
        "from-service": "CLUSTER/SERVICE at AWS that everything is taken from",
        "worker": 'a second service of the same image: "mailer=python mailer.py"',
        "offline": "ask neither AWS nor GitHub",
        "json": "print one JSON object for each event",
    }
)
def init(
    _: Context,
    *,
    yes: bool = False,
    name: str = "",
    dockerfile: str = "",
    context: str = "",
    port: str = "",
    health_path: str = "",
    production_tags: str = "",
    repository: str = "",
    repository_id: str = "",
    owner_id: str = "",
    branch: str = "",
    region: str = "",
    staging_account: str = "",
    production_account: str = "",
    from_service: str = "",
    worker: str = "",
    offline: bool = False,
    json: bool = False,
) -> None:
    """Look at this repository and its account, and write what a delivery needs; a diff first."""
    from shipway.adoption.answers import InitOptions
    from shipway.cli.init import run

    wanted = InitOptions(
        name=name,
        dockerfile=dockerfile,
        context=context,
        port=port,
        health_path=health_path,
        production_tags=production_tags,
        repository=repository,
        repository_id=repository_id,
        owner_id=owner_id,
        branch=branch,
        region=region,
        staging_account=staging_account,
        production_account=production_account,
        from_service=from_service,
        worker=worker,
    )
    _leave(run(wanted, yes=yes, offline=offline, json=json))


@shipway_task(
    help={
        "to": "a version, such as 0.2.0; without it the one that is installed",
        "json": "print one JSON object for each event",
    }
)
def upgrade(_: Context, *, to: str = "", json: bool = False) -> None:
    """Pin shipway and all it needs, with hashes, in the lock files that CI and nox install."""
    from shipway.cli.upgrade import run

    _leave(run(to=to, json=json))


def _deliver(
    stage: Stage, env: str, *, image: str = "", json: bool = False, verbose: bool = False
) -> None:
    from shipway.cli.deliver import run

    _leave(run(stage, env, image=image, json=json, verbose=verbose))


def _leave(code: int) -> None:
    if code:
        raise Exit(code=code)


namespace = Collection(
    init,
    build,
    publish,
    plan,
    deploy,
    rollback,
    verify,
    status,
    doctor,
    logs,
    lock,
    resume,
    run,
    sandbox,
    rehearse,
    contract,
    bootstrap,
    audit,
    prune,
    upgrade,
)
"""What ``tasks.py`` of a repository imports."""
