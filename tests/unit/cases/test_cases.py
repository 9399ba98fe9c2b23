"""What people who deploy containers ran into, made from public reports: each kind with neighbours.

``PROVEN`` says for every case where its proof stands; what takes an engine, a registry or a socket
is proven in ``tests/sandbox``. Inputs that are files lie beside this one.
"""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from tests.unit.policy.compile.test_sizes import contract, resources, trusted

from shipway.adapters.docker import own_builder
from shipway.aws import ecs_read, task_definition
from shipway.errors import ConfigurationError
from shipway.image.build_failures import engine_cannot, what_engine_cannot
from shipway.image.dockerfile import bases
from shipway.policy.compile import bootstrap_template, sizes
from shipway.rollout.diagnosis.reasons import read
from shipway.rollout.snapshot import Snapshot

HERE: Final = Path(__file__).parent
TESTS: Final = HERE.parents[1]
TRUST_QUOTA: Final = 2048
"""Characters of a trust policy (IAM User Guide, "IAM and AWS STS quotas")."""
PROVEN: Final = {
    "builder-of-another-engine": (
        "unit/cases/test_cases.py::test_each_engine_has_a_builder_of_its_own",
        "sandbox/image/test_build.py::test_each_engine_has_a_builder_of_its_own",
    ),
    "concurrent-revisions": ("unit/aws/test_weather.py::test_what_passes_is_waited_out",),
    "dockerfile-here-string": (
        "unit/cases/test_cases.py::test_what_looks_like_a_heredoc_hides_no_base",
        "unit/image/test_dockerfile.py::test_what_once_hid_a_base",
    ),
    "dockerfile-shift": ("unit/image/test_dockerfile.py::test_what_once_hid_a_base",),
    "dockerfile-tab": ("unit/image/test_dockerfile.py::test_what_once_hid_a_base",),
    "engine-classic-store": (
        "unit/cases/test_cases.py::test_the_classic_store_leads_to_a_builder_in_a_container",
        (
            "unit/image/test_build_failures.py::"
            "test_what_the_classic_image_store_refuses_leads_elsewhere"
        ),
    ),
    "helper-exits": (
        "unit/cases/test_cases.py::test_a_helper_that_had_failed_before_is_never_the_cause",
        "unit/rollout/diagnosis/test_reasons.py::test_a_helper_ends_no_task",
    ),
    "partitions": (
        "unit/util/test_partitions.py::test_a_region_is_in_the_partition_of_the_sdk",
        "unit/config/test_resolve.py::test_a_repository_is_told_apart_from_its_registry",
    ),
    "policy-size": (
        (
            "unit/policy/compile/test_sizes.py::"
            "test_many_services_are_cut_into_managed_policies_that_fit"
        ),
    ),
    "proxy": ("sandbox/http/test_proxy_http.py::test_layers_and_probes_go_through_it",),
    "remedy-keys": (
        (
            "unit/rollout/judge/test_parts.py::"
            "test_an_objection_names_the_keys_that_let_the_service_through"
        ),
        "unit/docs/test_remedies.py::test_a_message_names_keys_that_exist",
    ),
    "republish": (
        (
            "sandbox/artifacts/test_build_once.py::"
            "test_a_commit_that_was_published_from_another_cache_is_taken"
        ),
    ),
    "trust-policy-size": (
        "unit/cases/test_cases.py::test_entries_to_one_environment_fit_iams_quota",
        (
            "unit/policy/compile/test_sizes.py::"
            "test_what_does_not_fit_even_folded_is_told_with_its_entries"
        ),
    ),
    "two-containers-one-image": ("unit/rollout/test_plan.py::test_both_move_where_both_are_named",),
    "umask": (
        "unit/image/test_content_key.py::test_the_umask_of_a_clone_changes_nothing",
        "sandbox/image/test_build.py::test_two_clones_give_one_image_whatever_their_umask",
    ),
    "wrong-blame": (
        "unit/image/test_build_failures.py::test_who_keeps_a_base_image_back_is_named",
        "unit/image/test_build_failures.py::test_a_builder_that_is_missing_is_named",
        "unit/image/test_build_failures.py::test_a_401_is_never_the_networks",
    ),
}


@pytest.mark.parametrize(("case", "tests"), PROVEN.items())
def test_the_proof_of_a_case_is_there(case: str, tests: tuple[str, ...]) -> None:
    assert tests, case
    for test in tests:
        file, _, name = test.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, test


def test_every_input_belongs_to_a_case() -> None:
    assert {folder.name for folder in HERE.iterdir() if folder.is_dir()} - {"__pycache__"} <= set(
        PROVEN
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("docker-container unix:///run/docker.sock", "docker-container tcp://10.0.0.1:2376"),
        ("docker-container unix:///run/docker.sock", "docker-container unix:///other.sock"),
        ("docker-container tcp://10.0.0.1:2376", "tcp://10.0.0.1:2376"),
    ],
    ids=["another host", "another socket", "another kind"],
)
def test_each_engine_has_a_builder_of_its_own(one: str, other: str) -> None:
    assert own_builder(one) != own_builder(other)
    assert own_builder(one) == own_builder(one), "made once"


@pytest.mark.parametrize(
    "line",
    [
        "RUN tr a-z A-Z <<<hello > /w",
        'RUN cat <<<"$GREETING" <<<again > /w',
        "RUN bash -c 'read a <<< word; echo $a'",
        "RUN SHIFT=3; echo $((1<<SHIFT))",
        "RUN echo $(( (x<<2) | (y<<Z) ))",
        "RUN (( a <<= 2 )); true",
        "RUN\techo\ta",
    ],
)
def test_what_looks_like_a_heredoc_hides_no_base(line: str) -> None:
    first = "FROM\tbusybox:1.36\tAS\ta\n"
    found = bases(f"{first}{line}\nFROM python:3.13-slim\nCOPY\t--from=a /w /w\n")
    assert found.unsure or found.images == ("busybox:1.36", "python:3.13-slim")
    assert not found.unsure or "<<" in line, "a tab leaves no doubt"


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ((HERE / "engine-classic-store" / "said.txt").read_text(encoding="utf-8"), "attestation"),
        ("ERROR: Cache export is not supported for the docker driver.", "cache export"),
        ("ERROR: Multi-platform build is not supported for the docker driver.", ""),
        ("ERROR: OCI exporter is not supported for the docker driver.", "oci exporter"),
    ],
)
def test_the_classic_store_leads_to_a_builder_in_a_container(said: str, what: str) -> None:
    assert engine_cannot(said)
    assert what in what_engine_cannot(said)


def stopped(containers: list[dict[str, Any]] | None = None, **definition: Any) -> Snapshot:
    """The case's stopped task, as the watch sees it with the case's task definition."""
    folder = HERE / "helper-exits"
    document = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    document |= {"taskArn": "arn:aws:ecs:eu-west-1:1:task/shop/1", "lastStatus": "STOPPED"}
    document |= {"containers": containers} if containers else {}
    described = json.loads((folder / "task-definition.json").read_text(encoding="utf-8"))
    live = task_definition.read({"taskDefinition": {**described, **definition}})
    return Snapshot(stopped=(ecs_read.task(document),)).with_helpers(live.helpers)


@pytest.mark.parametrize(
    ("containers", "code", "helpers"),
    [
        (None, 0, '"migrate" with 3'),
        ([{"name": "migrate", "exitCode": 3}, {"name": "web", "exitCode": 137}], 137, '"migrate"'),
        ([{"name": "migrate", "exitCode": 0}, {"name": "web", "exitCode": 1}], 1, ""),
    ],
    ids=["the case", "killed afterwards", "a helper that went well"],
)
def test_a_helper_that_had_failed_before_is_never_the_cause(
    containers: list[dict[str, Any]] | None, code: int, helpers: str
) -> None:
    (task,) = stopped(containers).stopped
    reading = read(task)
    assert reading is not None
    assert (reading.container, reading.exit_code) == ("web", code)
    assert helpers in reading.helpers
    assert bool(reading.helpers) is bool(helpers)


@pytest.mark.parametrize(
    ("further", "fits"),
    [((), True), (("refs/tags/*-beta",), True), (("refs/heads/release/*", "refs/tags/v*"), False)],
)
def test_entries_to_one_environment_fit_iams_quota(further: tuple[str, ...], *, fits: bool) -> None:
    text = (HERE / "trust-policy-size" / "release.toml").read_text(encoding="utf-8")
    refs = [entry["ref"] for entry in tomllib.loads(text)["allow"]]
    made = contract(*refs, *further)
    if fits:
        assert sizes.length(trusted(made)) <= TRUST_QUOTA
        bootstrap_template.compose(made, resources("web"), session=3600)
        return
    with pytest.raises(ConfigurationError, match=r"2048|2,048"):  # told before anything is applied
        bootstrap_template.compose(made, resources("web"), session=3600)
