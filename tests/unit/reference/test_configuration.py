from __future__ import annotations

from pathlib import Path

from shipway.config.gate_tables import ScanTable
from shipway.config.image_table import ImageTable
from shipway.config.models import DeliveryTable, EnvironmentTable
from shipway.config.rules import fields
from shipway.config.service_table import ServiceTable
from shipway.config.waivers import WaiversTable, WaiverTable
from shipway.policy.tables import AllowTable, ContractTable
from shipway.reference.configuration import reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_committed_page_is_what_the_types_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: nox -s generate"


def test_every_key_stands_in_the_page_with_a_meaning() -> None:
    page = reference()
    for table in (
        DeliveryTable,
        ImageTable,
        EnvironmentTable,
        ScanTable,
        ServiceTable,
        ContractTable,
        AllowTable,
        WaiversTable,
        WaiverTable,
    ):
        for name, field in fields(table).items():
            assert field.description
            assert f"| `{name}` |" in page
