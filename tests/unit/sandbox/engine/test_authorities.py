"""Whom an assembled base image trusts beside its distribution: whom this machine trusts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.sandbox.engine.test_base_plan import BOOKWORM

from shipway_sandbox.engine.authorities import further, tag
from shipway_sandbox.engine.base_plan import plan_base


def pem(name: str, width: int = 8) -> str:
    body = (name * 32)[:32]
    lines = [body[start : start + width] for start in range(0, len(body), width)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"])


PACKAGED, COMPANY, PROXY = pem("pack"), pem("comp"), pem("prox")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name, text in {
        "usr/share/ca-certificates/mozilla/One.crt": PACKAGED,
        "etc/ssl/certs/ca-certificates.crt": f"{PACKAGED}\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_machine_like_any_other_trusts_nobody_else(machine: Path) -> None:
    assert further({}, machine) == ()


@pytest.mark.parametrize(
    ("file", "variable"),
    [
        ("usr/local/share/ca-certificates/company/root.crt", ""),
        ("etc/pki/tls/certs/ca-bundle.crt", ""),
        ("home/me/company.pem", "SSL_CERT_FILE"),
        ("home/me/company.pem", "AWS_CA_BUNDLE"),
    ],
)
def test_what_it_was_told_to_trust_is_found(machine: Path, file: str, variable: str) -> None:
    (machine / file).parent.mkdir(parents=True, exist_ok=True)
    (machine / file).write_text(f"the company's\n{COMPANY}\n{pem('pack', 16)}\n")
    env = {variable: str(machine / file)} if variable else {}
    assert further(env, machine) == (COMPANY,), "the other one is the package's, broken otherwise"


def test_one_that_was_added_to_the_bundle_is_found_once_and_in_order(machine: Path) -> None:
    bundle = machine / "etc/ssl/certs/ca-certificates.crt"
    bundle.write_text(f"{PACKAGED}\n{PROXY}\n{COMPANY}\n{PROXY}\n")
    env = {"SSL_CERT_FILE": str(bundle), "AWS_CA_BUNDLE": str(machine / "nowhere.pem")}
    assert further(env, machine) == (COMPANY, PROXY)


def test_an_image_is_named_by_whom_it_trusts() -> None:
    company = replace(BOOKWORM, authorities=(COMPANY,))
    names = {
        plan_base("python:3.13-slim", facts).name
        for facts in (BOOKWORM, company, replace(BOOKWORM, authorities=(PROXY,)))
    }
    assert len(names) == 3, "one that trusts another proxy is another image"
    assert plan_base("python:3.13-slim", company).authorities == (COMPANY,)
    user = plan_base("gcr.io/distroless/static:nonroot", company).name
    assert user == f"shipway-sandbox/static:any-debian13-1-{tag((COMPANY,))}-nonroot"


def test_busybox_trusts_nobody_as_the_official_one_does_not() -> None:
    company = replace(BOOKWORM, authorities=(COMPANY,))
    stand_in = plan_base("busybox:1.36", company)
    assert (stand_in.name, stand_in.authorities) == ("shipway-sandbox/busybox:1-debian13-2", ())
