"""``inv doctor``: whether all is there that a delivery will need, before the first one."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from shipway.cli.contract import bases_of, differences, render
from shipway.cli.run_command import run_command
from shipway.config.load import DeliveryFile
from shipway.console import Console
from shipway.delivery.examination import Practice, examine
from shipway.doctor import report
from shipway.errors import UnreadyError
from shipway.github.protection import GithubApi
from shipway.observer import Concluded
from shipway.policy.contract import Contract
from shipway.wiring import LocalMachine, delivery_context, examined_account


def run(env: str, *, json: bool) -> int:
    """Look; nothing is raised but what is a bug of ours.

    Args:
        env: ``--env``.
        json: One JSON object of type ``doctor`` instead of words.

    Returns:
        0 where nothing is wrong, also where something could not be checked; 61 otherwise.
    """

    def work(console: Console) -> int:
        context = delivery_context(console)
        practice = Practice(
            delivery=context,
            account=examined_account,
            machine=LocalMachine(),
            github=GithubApi(os.environ),
            drift=partial(_drift, context.root),
            bases=bases_of,
        )
        examination = examine(env, practice)
        sections = report.without(examination.sections, frozenset(examination.secrets))
        document = {"environment": env, **report.document(sections)}
        console.answer("doctor", document, report.lines(sections))
        ready = not report.count(sections)["wrong"]
        kind, code = ("ready", 0) if ready else (UnreadyError.kind, UnreadyError.exit_code)
        console(Concluded(text=report.verdict(sections), kind=kind, exit_code=code))
        return code

    return run_command(work, interrupted="nothing was changed", json=json)


def _drift(root: Path, contract: Contract, delivery: DeliveryFile) -> tuple[str, ...]:
    """Every line in which what is rendered differs from the contract."""
    found = differences(root, render(contract, delivery))
    return tuple(line for difference in found for line in difference.lines)
