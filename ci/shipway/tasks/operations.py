"""What is asked of an environment between deliveries: its state, logs, lock and leftovers."""

from __future__ import annotations

from invoke.context import Context

from shipway.tasks.command import HELP, leave, shipway_task


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml",
        "evidence": "another folder with records than evidence/",
        "json": HELP["json"],
    }
)
def status(_: Context, *, env: str = "", evidence: str = "", json: bool = False) -> None:
    """Show what runs where since when by whom, and whether it is what the last record says."""
    from shipway.cli.status import run

    leave(run(env, evidence=evidence, json=json))


@shipway_task(help={"env": "environment of ci/delivery.toml", "json": HELP["json"]})
def doctor(_: Context, *, env: str = "", json: bool = False) -> None:
    """Check all that a delivery will need, and change nothing; what is wrong has its remedy."""
    from shipway.cli.doctor import run

    leave(run(env, json=json))


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

    leave(
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
        "json": HELP["json"],
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

    leave(run(env, hold=hold, release=release, held_by=held_by, json=json))


@shipway_task(
    help={
        "env": "environment of ci/delivery.toml; without it, what lies on this machine",
        "keep": "how many of the newest stay",
        "apply": "take it away, instead of showing what would go",
        "json": HELP["json"],
    }
)
def prune(
    _: Context, *, env: str = "", keep: int = 10, apply: bool = False, json: bool = False
) -> None:
    """Show old task definition revisions that nothing uses, or old images here; --apply removes."""
    from shipway.cli.prune import run

    leave(run(env, keep=keep, apply=apply, json=json))
