"""What a report shows of a CycloneDX bill of materials."""

from __future__ import annotations

import json
from dataclasses import dataclass

from shipway.evidence import codec
from shipway.evidence.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CycloneDxLicense(Fact):
    """A license of a component; by its SPDX id where it has one."""

    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycloneDxLicenseChoice(Fact):
    """A license, or an SPDX expression of several."""

    expression: str = ""
    license: CycloneDxLicense | None = None

    @property
    def name(self) -> str:
        """The one of them that is there."""
        choice = self.license or CycloneDxLicense()
        return self.expression or choice.id or choice.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CycloneDxComponent(Fact):
    """What a report shows of a component (CycloneDX 1.6, component)."""

    name: str = ""
    version: str = ""
    type: str = ""
    purl: str = ""
    licenses: tuple[CycloneDxLicenseChoice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CycloneDx(Fact):
    """A bill of materials."""

    components: tuple[CycloneDxComponent, ...] = ()


def components(content: bytes) -> tuple[CycloneDxComponent, ...]:
    """The components that a document lists; none where the bytes are no document."""
    try:
        return codec.read(CycloneDx, json.loads(content)).components
    except (ValueError, RecursionError):
        return ()
