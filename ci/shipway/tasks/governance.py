"""The release contract, the role that it gives, and the evidence that it was kept."""

from __future__ import annotations

from invoke.context import Context

from shipway.tasks.command import leave, shipway_task


@shipway_task(
    help={
        "write": "render workflow and IAM documents from the contract",
        "json": "print one JSON object for each event",
    }
)
def contract(_: Context, *, write: bool = False, json: bool = False) -> None:
    """Show the release contract, and compare workflow and IAM documents with it."""
    from shipway.cli.contract import run

    leave(run(write=write, json=json))


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

    leave(run(env, apply=apply, yes=yes, json=json))


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
    leave(run(question, json=json))
