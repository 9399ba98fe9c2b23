"""``docs/sandbox.md``: what is known to differ between the embedded AWS and AWS.

``nox -s generate`` writes it, from what stands beside this file; a test fails while the file that
is committed differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from shipway.reference.write import write_page
from shipway_sandbox.emulator.difference import MINISTACK_VERSION, KnownDifference
from shipway_sandbox.emulator.known_differences import DIFFERENCES, UNSUPPORTED

_TITLES: Final = {
    "aws": "Every service",
    "alb": "Elastic Load Balancing",
    "cloudformation": "CloudFormation",
    "ecr": "ECR and its registry",
    "ecs": "ECS",
    "iam": "IAM",
    "events": "EventBridge",
    "logs": "CloudWatch Logs",
    "secretsmanager": "Secrets Manager",
    "ssm": "Systems Manager",
    "sts": "STS",
}
"""The headings, by what the name of a correction begins with."""

_HEAD: Final = f"""\
# The sandbox and AWS

<!-- Made from the corrections by `nox -s generate`. -->

The embedded AWS is MiniStack {MINISTACK_VERSION} with corrections. This page lists what is known to
differ from AWS: what is left so, and what is corrected, each with the page that says how AWS is and
the test that shows it (below `tests/`). What differs and does not stand here is a bug.

The test of a correction fails when the correction is taken away: `python -m shipway_sandbox.serve
--without NAME` serves without it.

## What is left so

| AWS | here | source | test |
| --- | --- | --- | --- |
"""

_CORRECTED: Final = """
## What is corrected

A correction is named after the service; `--corrections` lists them.
"""


def page() -> str:
    """The whole page, in Markdown."""
    left = [
        _row(known.aws, known.here, _link(known.page, known.source), _test(known.test))
        for known in UNSUPPORTED
    ]
    parts = [_HEAD, "\n".join(left), "\n", _CORRECTED]
    for prefix, title in _TITLES.items():
        mine = [known for known in DIFFERENCES if known.name.partition(".")[0] == prefix]
        if mine:
            parts.append(f"\n### {title}\n\n{_table(mine)}\n")
    return "".join(parts)


def _table(differences: Iterable[KnownDifference]) -> str:
    head = (_row("correction", "AWS", "MiniStack", "source", "test"), f"{'| --- ' * 5}|")
    rows = (
        _row(
            f"**{known.name}**",
            known.aws,
            known.ministack,
            _link(known.page, known.source),
            _test(known.test),
        )
        for known in differences
    )
    return "\n".join((*head, *rows))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _link(title: str, address: str) -> str:
    return f"[{title}]({address})"


def _test(node: str) -> str:
    """A test with its file, without the folder: ``test_page.py, test_it_is_there``."""
    return node.rpartition("/")[2].replace("::", ", ")


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page where the arguments say."""
    write_page(
        "shipway_sandbox.emulator.known.page",
        page(),
        description="Write what differs between the sandbox and AWS as a Markdown page.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
