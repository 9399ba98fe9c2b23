"""What another repository needs to be delivered by shipway, and to stay current."""

from __future__ import annotations

from invoke.context import Context

from shipway.tasks.command import leave, shipway_task


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
    leave(run(wanted, yes=yes, offline=offline, json=json))


@shipway_task(
    help={
        "to": "a version, such as 0.2.0; without it the one that is installed",
        "json": "print one JSON object for each event",
    }
)
def upgrade(_: Context, *, to: str = "", json: bool = False) -> None:
    """Pin shipway and all it needs, with hashes, in the lock files that CI and nox install."""
    from shipway.cli.upgrade import run

    leave(run(to=to, json=json))
