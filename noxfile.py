"""The sessions of this repository: an isolated environment, then the task of the same name.

``nox -l`` lists them. Those of ``shipway.sessions`` are what shipway gives to every repository; the
others keep this one in order.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

# nox's own environment has no shipway installed; its sessions are read from the source.
sys.path.insert(0, str(Path(__file__).parent / "ci"))

from shipway.sessions import *  # noqa: F403  # the sessions are this module's content
from shipway.sessions import ATTESTATIONS, BACKEND, prepare

nox.needs_version = ">=2026.4"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = BACKEND
nox.options.reuse_venv = "yes"

# The tests start shipway hundreds of times: whatever the machine says, it is compiled only once.
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}


@nox.session
def lint(session: nox.Session) -> None:
    """Style, the direction of imports, the contract's three places, workflows, templates, pages."""
    prepare(session, "--group", "lint", "--group", "docs", "--extra", "sandbox")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")
    session.run("shipway", "contract")
    workflows = [str(file) for file in sorted(Path(".github/workflows").glob("*.yml"))]
    session.run("zizmor", "--persona=auditor", "--offline", "--quiet", *workflows)
    session.run("jactionlint", *workflows)
    session.run(
        "check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows", *workflows
    )
    forms = [".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/change.yml"]
    session.run(
        "check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-issue-forms", *forms
    )
    session.run("zensical", "build", "--clean", "--strict")
    templates = [str(file) for file in sorted(Path("ci/iam").glob("*.yaml"))]
    session.run("cfn-lint", "--non-zero-exit-code", "informational", "--", *templates)


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly."""
    prepare(session, "--group", "types", "--group", "tests", "--extra", "sandbox", *ATTESTATIONS)
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Units, the sandbox with real containers, and what a user types, side by side."""
    prepare(session, "--group", "tests", "--extra", "sandbox", *ATTESTATIONS)
    if session.posargs:
        session.run("pytest", *session.posargs, env=KEEP_BYTECODE)
        return
    # As many workers as a small machine has cores: a rollout that is seen late is judged late. The
    # units go last (tests/conftest.py), many and short: no worker waits long for another's end.
    words = ("-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not alone")
    session.run("pytest", *words, env=KEEP_BYTECODE)


@nox.session
def alone(session: nox.Session) -> None:
    """The tests that need the machine to themselves: engines and whole rehearsals, some killed."""
    prepare(session, "--group", "tests", "--extra", "sandbox", *ATTESTATIONS)
    session.run("pytest", "-q", "-m", "alone", *session.posargs, env=KEEP_BYTECODE)


@nox.session
def foreign(session: nox.Session) -> None:
    """Adopt, rehearse and deliver all five kinds of other people's repositories: ten minutes."""
    prepare(session, "--group", "tests", "--extra", "sandbox", *ATTESTATIONS)
    words = ("-q", "tests/entry/test_foreign.py", *session.posargs)
    session.run("pytest", *words, env={**KEEP_BYTECODE, "SHIPWAY_TEST_FOREIGN": "all"})


@nox.session
def docs(session: nox.Session) -> None:
    """The pages of docs/ as a site, in site/; a broken link fails. ``-- serve`` shows it."""
    prepare(session, "--group", "docs")
    session.run("zensical", *(session.posargs or ("build", "--clean", "--strict")))


@nox.session
def generate(session: nox.Session) -> None:
    """Write the pages and schemas that are made from the code; a test fails while one is stale."""
    prepare(session, "--extra", "sandbox")
    for name, file in (
        ("shipway.reference.configuration", "docs/configuration.md"),
        ("shipway.reference.exit_codes", "docs/exit-codes.md"),
        ("shipway.reference.record_schema", "docs/record.schema.json"),
        ("shipway.reference.matrix_schema", "docs/matrix.schema.json"),
        ("shipway.reference.delivery_schema", "ci/shipway/adoption/delivery.schema.json"),
        ("shipway.reference.release_schema", "ci/shipway/adoption/release.schema.json"),
        ("shipway_sandbox.emulator.known.page", "docs/sandbox.md"),
    ):
        session.run("python", "-m", name, file)
