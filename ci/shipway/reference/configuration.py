"""The configuration reference, ``docs/configuration.md``, made from the types themselves.

``nox -s generate`` writes it; a test fails while the file that is committed differs.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shipway.config.compute_table import ComputeTable, SidecarTable
from shipway.config.gate_tables import LockTable, ScanTable
from shipway.config.image_table import BuildSecretTable, EnvironmentImageTable, ImageTable
from shipway.config.job_table import JobComputeTable, JobTable
from shipway.config.models import DeliveryTable, EnvironmentTable, EvidenceTable
from shipway.config.notify_table import NotifyTable
from shipway.config.overlay_table import ContainerTable
from shipway.config.rules import Rule, Table, fields, rule_of
from shipway.config.schedule_table import ScheduleTable
from shipway.config.service_table import ServiceTable
from shipway.config.waivers import WaiversTable, WaiverTable
from shipway.policy.tables import (
    AllowTable,
    ContractTable,
    EnvironmentPolicyTable,
    FreezeTable,
    GithubTable,
)
from shipway.reference.write import write_page

_HEAD = """\
# Configuration

<!-- Made from the types by `nox -s generate`. -->

Two files, for two kinds of owners: `ci/delivery.toml` says where things live, `ci/release.toml` who
may release what. An unknown key, a wrong value and a contradiction are errors, all told at once,
each with its line.

## ci/delivery.toml

A value may be written out, or refer to what the infrastructure publishes:

| written | is looked up as |
|---|---|
| `"ssm:/path"` | a parameter of the Parameter Store: [its names](infrastructure.md#names) |
| `"cfn:Stack.Output"` | an output of a CloudFormation stack |
| `"env:NAME"` | an environment variable; an empty one counts as not set |

The column *from* says which of them a key accepts. What is looked up is checked like what is
written out.
"""

_CONTRACT = """
## ci/release.toml

Nothing here is looked up: a contract reads the same everywhere. The whole ref is compared, upper
and lower case differ, and a ref that holds anything but ASCII letters, digits and `. _ + - /` is
refused whatever the contract says.
"""

_WAIVERS = """
## ci/waivers.toml

Optional. Vulnerabilities that somebody answers for, so that the scan gate lets the image pass.
"""

_TABLES: tuple[tuple[str, type[Table]], ...] = (
    ("At the top", DeliveryTable),
    ("[image] or [images.NAME]", ImageTable),
    ("[images.NAME.secrets.ID]", BuildSecretTable),
    ("[evidence]", EvidenceTable),
    ("[notify.NAME]", NotifyTable),
    ("[environments.NAME]", EnvironmentTable),
    ("[environments.NAME.images.NAME]", EnvironmentImageTable),
    ("[environments.NAME.scan]", ScanTable),
    ("[environments.NAME.lock]", LockTable),
    ("[environments.NAME.services.KEY]", ServiceTable),
    ("[environments.NAME.services.KEY.containers.NAME]", ContainerTable),
    ("[environments.NAME.services.KEY.compute]", ComputeTable),
    ("[environments.NAME.services.KEY.compute.sidecars.NAME]", SidecarTable),
    ("[environments.NAME.jobs.KEY]", JobTable),
    ("[environments.NAME.jobs.KEY.compute]", JobComputeTable),
    ("[environments.NAME.schedules.KEY]", ScheduleTable),
)
_CONTRACT_TABLES: tuple[tuple[str, type[Table]], ...] = (
    ("At the top", ContractTable),
    ("[github]", GithubTable),
    ("[[allow]]", AllowTable),
    ("[environments.NAME]", EnvironmentPolicyTable),
    ("[[environments.NAME.freeze]]", FreezeTable),
)
_WAIVER_TABLES: tuple[tuple[str, type[Table]], ...] = (
    ("At the top", WaiversTable),
    ("[[waiver]]", WaiverTable),
)


def reference() -> str:
    """The whole page."""
    parts = [_HEAD]
    parts += [_section(title, table, sources=True) for title, table in _TABLES]
    parts.append(_CONTRACT)
    parts += [_section(title, table, sources=False) for title, table in _CONTRACT_TABLES]
    parts.append(_WAIVERS)
    parts += [_section(title, table, sources=False) for title, table in _WAIVER_TABLES]
    return "".join(parts)


def _section(title: str, table: type[Table], *, sources: bool) -> str:
    heading = title if title[0].isalpha() else f"`{title}`"
    note = inspect.getdoc(table) or ""
    columns = ["key", "should be", "default", *(["from"] if sources else []), "meaning"]
    rows = [f"\n### {heading}\n\n{note}\n", _row(columns), f"{'|---' * len(columns)}|"]
    for name, field in fields(table).items():
        cells = [f"`{name}`", _expected(field), _default(name, field, table)]
        cells += [_sources(field)] if sources else []
        rows.append(_row([*cells, field.description or ""]))
    return "\n".join(rows) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _expected(field: FieldInfo) -> str:
    rule = rule_of(field)
    if rule:
        return rule.expected
    kind = get_origin(field.annotation)
    inner = _inner(field.annotation)
    if kind is list:
        return f"a list; each {inner.expected}" if inner else "tables"
    if kind is dict:
        return f"a table; each value {inner.expected}" if inner else "tables"
    return "a table"


def _inner(annotation: Any) -> Rule | None:
    """The rule of a list's elements or a table's values."""
    *_, element = get_args(annotation) or (None,)
    return next((item for item in get_args(element) if isinstance(item, Rule)), None)


def _default(name: str, field: FieldInfo, table: type[Table]) -> str:
    if field.is_required():
        return "needed"
    if (table, name) == (ServiceTable, "timeout"):
        return "the environment's"
    if field.default is PydanticUndefined or field.default in (None, "", [], {}):
        return ""
    return f"`{json.dumps(field.default)}`"


def _sources(field: FieldInfo) -> str:
    rule = rule_of(field) or _inner(field.annotation)
    return " ".join(f"`{scheme}:`" for scheme in rule.references) if rule else ""


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page where the arguments say."""
    write_page(
        "shipway.reference.configuration",
        reference(),
        description="Write every key of delivery.toml, release.toml and waivers.toml as Markdown.",
        argv=argv,
    )


if __name__ == "__main__":
    main()
