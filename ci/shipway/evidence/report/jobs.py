"""The jobs of one delivery, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from shipway.evidence.facts.rollout import JobFact
from shipway.evidence.report.html import Html, joined, tag
from shipway.evidence.report.parts import code, mark, table

_MOMENTS = {"before": "before the rollout", "after": "after the verification"}


def jobs_table(jobs: Sequence[JobFact]) -> Html | None:
    """Each with its end, revision, task and exit code; ``None`` where there were none."""
    rows = [
        (
            job.key,
            _MOMENTS.get(job.when, job.when.replace("-", " ")),
            mark(good=job.end in {"succeeded", "not run"}, text=job.end.replace("-", " ")),
            job.task_definition.rpartition("/")[2],
            "" if job.exit_code is None else job.exit_code,
            f"{job.seconds:g}" if job.task else "",
            joined((job.text, tag("br"), code(job.task))),
        )
        for job in jobs
    ]
    columns = ("job", "when", "end", "task definition", "#exit code", "#seconds", "!how it ended")
    return table(columns, rows)
