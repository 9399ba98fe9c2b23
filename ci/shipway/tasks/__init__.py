"""The tasks: a signature is a command line, a body is a few lines.

Nothing heavy is imported here: ``inv -l`` reads this package and answers at once.
"""

from __future__ import annotations

from invoke.collection import Collection

from shipway.tasks.adoption import init, upgrade
from shipway.tasks.delivery import build, deploy, plan, publish, resume, rollback, run, verify
from shipway.tasks.governance import audit, bootstrap, contract
from shipway.tasks.operations import doctor, lock, logs, prune, status
from shipway.tasks.rehearsal import rehearse, sandbox

__all__ = ["namespace"]

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
