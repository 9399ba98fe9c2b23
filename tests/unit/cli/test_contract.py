"""The contract against its three places: any edit is found, and named with its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shipway.cli import contract as contract_task
from shipway.errors import ConfigurationError, DriftError
from shipway.policy.compile.drift import Difference

ROOT = Path(__file__).parents[3]
WORKFLOW = ".github/workflows/deploy.yml"
PRODUCTION = "ci/iam/production.yaml"
DEPLOY = "      - name: Deploy\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The committed contract, environments, workflow and documents, to be edited."""
    for name in ("ci/release.toml", "ci/delivery.toml", WORKFLOW):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "ci" / "iam", tmp_path / "ci" / "iam")
    return tmp_path


def differences_in(repository: Path) -> tuple[Difference, ...]:
    return contract_task.differences(
        repository, contract_task.render(*contract_task.read(repository))
    )


def edit(repository: Path, name: str, old: str, new: str) -> int:
    """Change the first place that holds a text; its line."""
    file = repository / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_what_is_committed_is_what_the_contract_says(repository: Path) -> None:
    assert differences_in(repository) == ()


def test_every_file_is_named_from_the_top(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository / "examples" / "shop"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    rendered = contract_task.render(*contract_task.read(Path("../..")))
    assert contract_task.no_difference(rendered) == (
        f"No difference: ci/release.toml, {WORKFLOW}, ci/iam/staging.yaml, {PRODUCTION}"
    )


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (WORKFLOW, "      - main", "      - master"),
        (WORKFLOW, '      - "*-stable"', '      - "*"'),
        (WORKFLOW, "  push:\n", "  push:\n  pull_request_target:\n"),
        (WORKFLOW, "github.repository == 'example/shop'", "true || true"),
        (WORKFLOW, "endsWith(github.ref, '-stable')", "contains(github.ref, '-stable')"),
        (WORKFLOW, "    if: >-", "    if: >"),
        (WORKFLOW, "      id-token: write", "      id-token: none"),
        (WORKFLOW, "      contents: read", "      contents: write"),
        (WORKFLOW, "      queue: max", "      queue: single"),
        (WORKFLOW, "cancel-in-progress: false", "cancel-in-progress: true"),
        (WORKFLOW, "    timeout-minutes:", "    # timeout-minutes:"),
        (WORKFLOW, "    environment: ${{", "    environment: production # ${{"),
        (WORKFLOW, "          role-duration-seconds: 3600", "          role-duration-seconds: 900"),
        (WORKFLOW, "permissions: {}", "permissions: write-all"),
        (WORKFLOW, "jobs:\n", "jobs:\n  other:\n    runs-on: ubuntu-24.04\n"),
        (WORKFLOW, "jobs:\n", "on: [push]\njobs:\n"),
        (WORKFLOW, "jobs:\n", '"on": {workflow_dispatch: }\njobs:\n'),
        (WORKFLOW, "    steps:\n", "    if: true\n    steps:\n"),
        (WORKFLOW, "    steps:\n", "    permissions: write-all\n    steps:\n"),
        (WORKFLOW, "    steps:\n", "    continue-on-error: true\n    steps:\n"),
        (WORKFLOW, "# <<< on\n", "# <<< on\n  workflow_dispatch:\n"),
        (WORKFLOW, "# <<< on\n", '# <<< on\n      - "*"\n'),
        (WORKFLOW, "    # <<< job\n", "    # <<< job\n      actions: write\n"),
        (WORKFLOW, "    # >>> job\n", "    container: evil.example/x\n    # >>> job\n"),
        (WORKFLOW, "ubuntu-24.04", "[self-hosted, linux]"),
        (WORKFLOW, "ubuntu-24.04", "${{ vars.RUNNER }}"),
        (WORKFLOW, "runs-on: ubuntu-24.04", "runs-on:\n      - self-hosted"),
        (WORKFLOW, DEPLOY, f"{DEPLOY}        continue-on-error: true\n"),
        (WORKFLOW, DEPLOY, f"      - continue-on-error: true\n  {DEPLOY[8:]}"),
        (WORKFLOW, DEPLOY, f"{DEPLOY}        shell: sh -c 'sh {{0}}; true'\n"),
        (WORKFLOW, "jobs:\n", 'defaults: {run: {shell: "sh {0} || true"}}\njobs:\n'),
        (WORKFLOW, "# >>> on", "# on"),
        (WORKFLOW, "# <<< job", "# job"),
        (PRODUCTION, '"refs/tags/*-stable"', '"refs/*-stable"'),
        (PRODUCTION, "StringNotLike", "StringNotEquals"),
        (PRODUCTION, ':repository_id: "424200"', ':repository_id: "1"'),
        (PRODUCTION, "ecs:UpdateService", "ecs:*"),
        (PRODUCTION, "MaxSessionDuration: 3600", "MaxSessionDuration: 43200"),
    ],
)
def test_any_edit_is_named_with_its_line(repository: Path, name: str, old: str, new: str) -> None:
    line = edit(repository, name, old, new)
    differing = differences_in(repository)
    assert differing
    assert {difference.path for difference in differing} == {name}
    lines = {difference.line for difference in differing}
    assert lines & {1, line, line + 1}, (lines, line)
    error = contract_task.drift_error(differing)
    assert isinstance(error, DriftError)
    assert error.exit_code == 19
    assert any(text.startswith(f"{name}:") for text in error.details)


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        (("ci/delivery.toml",), "ci/delivery.toml was edited: render them: nox -s contract"),
        (
            ("ci/release.toml", "ci/delivery.toml"),
            "ci/release.toml and ci/delivery.toml were edited: render them",
        ),
        ((), "render them: nox -s contract -- --write; what was edited in a rendered place"),
    ],
)
def test_the_remedy_names_what_was_edited_and_what_to_run(
    repository: Path, changed: tuple[str, ...], first: str
) -> None:
    edit(repository, PRODUCTION, "ecs:UpdateService", "ecs:*")
    error = contract_task.drift_error(differences_in(repository), changed)
    assert error.remedy.startswith(first)
    assert error.remedy.endswith("belongs into ci/release.toml or ci/delivery.toml")


@pytest.mark.parametrize(
    ("asked", "label", "differs"),
    [
        ("self-hosted", "ubuntu-24.04", True),
        ("self-hosted", "[self-hosted, linux]", False),
        ("self-hosted", "our-label", False),
        ("any", "[self-hosted, linux]", False),
        ("github-hosted", "ubuntu-latest-16-cores", False),
        ("github-hosted", "self-hosted", True),
    ],
)
def test_the_runner_is_of_the_kind_that_the_contract_asks_for(
    repository: Path, asked: str, label: str, *, differs: bool
) -> None:
    edit(repository, "ci/release.toml", "[github]\n", f'[github]\nrunner = "{asked}"\n')
    line = edit(repository, WORKFLOW, "ubuntu-24.04", label)
    found = [difference.line for difference in differences_in(repository)]
    assert (line in found) is differs


def test_what_decides_nothing_may_stand_outside_the_regions(repository: Path) -> None:
    edit(repository, WORKFLOW, "jobs:\n", "defaults:\n  run:\n    shell: bash\njobs:\n")
    edit(repository, WORKFLOW, "    steps:\n", "    env:\n      TERM: dumb\n    steps:\n")
    edit(repository, WORKFLOW, DEPLOY, f"      - run: echo continue-on-error\n{DEPLOY}")
    assert differences_in(repository) == ()


OPTIONS = """
[evidence]
s3 = "s3://shop-evidence/records"
"""


def test_options_of_an_environment_are_rendered_and_any_edit_of_them_is_named(
    repository: Path,
) -> None:
    edit(repository, "ci/delivery.toml", "\n[image]\n", f"{OPTIONS}\n[image]\n")
    production = """[environments.production]
sign = "kms:arn:aws:kms:eu-west-1:444455556666:key/1234"
promote_from = "staging"
"""
    edit(repository, "ci/delivery.toml", "[environments.production]\n", production)
    files = {PRODUCTION, "ci/iam/staging.yaml"}
    assert {difference.path for difference in differences_in(repository)} == files
    assert (
        set(
            contract_task.write_files(
                repository, contract_task.render(*contract_task.read(repository))
            )
        )
        == files
    )
    assert differences_in(repository) == ()
    rendered = (repository / PRODUCTION).read_text(encoding="utf-8")
    for old, new in (
        ("kms:Sign", '"kms:*"'),
        ("!Ref SigningKey", '"*"'),
        ("${EvidencePlace}/production/*", "${EvidencePlace}/*"),
        ('s3:if-none-match: "false"', 's3:if-none-match: "true"'),
        ("${SourceAccount}:repository/${SourceRepository}", "*:repository/*"),
        ("Default: shop-evidence/records", "Default: elsewhere"),
        ("key/1234", "key/5678"),
    ):
        line = edit(repository, PRODUCTION, old, new)
        assert [
            (difference.path, difference.line) for difference in differences_in(repository)
        ] == [(PRODUCTION, line)]
        (repository / PRODUCTION).write_text(rendered, encoding="utf-8")


def test_another_contract_differs_in_all_places_and_rendering_fixes_it(repository: Path) -> None:
    edit(repository, "ci/release.toml", "refs/tags/*-stable", "refs/tags/v*")
    paths = {difference.path for difference in differences_in(repository)}
    assert paths == {WORKFLOW, PRODUCTION}
    written = contract_task.write_files(
        repository, contract_task.render(*contract_task.read(repository))
    )
    assert set(written) == paths
    assert differences_in(repository) == ()
    assert (
        contract_task.write_files(repository, contract_task.render(*contract_task.read(repository)))
        == ()
    )


def test_nothing_is_rendered_through_a_link_out_of_the_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    edit(repository, "ci/release.toml", "refs/tags/*-stable", "refs/tags/v*")
    theirs = tmp_path_factory.mktemp("elsewhere") / "authorized_keys"
    theirs.write_text("theirs\n", encoding="utf-8")
    (repository / PRODUCTION).unlink()
    (repository / PRODUCTION).symlink_to(theirs)
    workflow = (repository / WORKFLOW).read_bytes()
    with pytest.raises(ConfigurationError, match="leads out of the repository"):
        contract_task.write_files(repository, contract_task.render(*contract_task.read(repository)))
    assert theirs.read_text(encoding="utf-8") == "theirs\n"
    assert (repository / WORKFLOW).read_bytes() == workflow


def test_a_base_in_a_private_registry_is_in_the_roles_that_build(repository: Path) -> None:
    base = "222233334444.dkr.ecr.us-east-1.amazonaws.com/team/base"
    dockerfile = repository / "examples/shop/Dockerfile"
    dockerfile.parent.mkdir(parents=True)
    dockerfile.write_text(f"ARG BASE={base}\nFROM $BASE:1\n")
    differing = differences_in(repository)
    assert {difference.path for difference in differing} == {PRODUCTION, "ci/iam/staging.yaml"}
    contract_task.write_files(repository, contract_task.render(*contract_task.read(repository)))
    assert differences_in(repository) == ()
    for name in (PRODUCTION, "ci/iam/staging.yaml"):
        text = (repository / name).read_text(encoding="utf-8")
        assert "ecr:us-east-1:222233334444:repository/team/base" in text
    dockerfile.write_text("FROM python:3.13-slim\n")
    assert differences_in(repository), "what is not needed any more is told, too"


def test_what_is_missing_or_left_over_is_named(repository: Path) -> None:
    (repository / PRODUCTION).rename(repository / "ci/iam/old.yaml")
    (repository / WORKFLOW).unlink()
    reasons = {difference.path: difference.what for difference in differences_in(repository)}
    assert reasons == {
        WORKFLOW: "the workflow is missing",
        PRODUCTION: "the deploy roles: the file is missing",
        "ci/iam/old.yaml": "no role is made for this environment: remove the file",
    }
    with pytest.raises(ConfigurationError, match="there is no"):
        contract_task.write_files(repository, contract_task.render(*contract_task.read(repository)))


def test_a_workflow_without_markers_cannot_be_rendered(repository: Path) -> None:
    edit(repository, WORKFLOW, "# >>> session", "# session")
    with pytest.raises(ConfigurationError, match="has no region session"):
        contract_task.write_files(repository, contract_task.render(*contract_task.read(repository)))


def test_the_table_says_who_may_what(repository: Path) -> None:
    contract, _ = contract_task.read(repository)
    rows = {row[0]: row[1:] for row in contract_task.table(contract)}
    assert rows["main"] == (
        "push refs/heads/main", "staging", "build, publish", "shop-deploy-staging",
    )  # fmt: skip
    assert rows["stable"][-1] == "shop-deploy-production"
    assert "any identity of the account" in rows["by-hand"][-1]


def test_an_event_that_the_contract_cannot_time_is_refused_with_its_line(repository: Path) -> None:
    line = edit(repository, "ci/release.toml", 'event = "push"', 'event = "schedule"')
    with pytest.raises(ConfigurationError, match="schedule") as caught:
        contract_task.render(*contract_task.read(repository))
    assert caught.value.where.endswith(f"ci/release.toml:{line}")


@pytest.mark.parametrize(("seconds", "fits"), [(3600, True), (20_000, False)])
def test_a_hold_that_no_job_lasts_to_the_end_of_is_refused_with_its_line(
    repository: Path, seconds: int, *, fits: bool
) -> None:
    name = "ci/delivery.toml"
    line = edit(repository, name, "consecutive = 10\n", f"hold = {seconds}\nconsecutive = 10\n")
    if fits:
        contract_task.render(*contract_task.read(repository))
        return
    with pytest.raises(ConfigurationError) as caught:
        contract_task.render(*contract_task.read(repository))
    text = "\n".join((str(caught.value), *caught.value.details))
    assert f"ci/delivery.toml:{line}" in text
    assert "environments.production.services.web.hold: 20000 seconds cannot be held" in text
    assert "a job of a GitHub-hosted runner ends after 21600 s" in text


def test_a_hold_that_outlasts_the_session_is_refused_where_jobs_may_last_longer(
    repository: Path,
) -> None:
    edit(repository, "ci/release.toml", "[github]\n", '[github]\nrunner = "self-hosted"\n')
    edit(repository, "ci/delivery.toml", "consecutive = 10\n", "hold = 43000\nconsecutive = 10\n")
    with pytest.raises(ConfigurationError) as caught:
        contract_task.render(*contract_task.read(repository))
    text = "\n".join((str(caught.value), *caught.value.details))
    assert "services.web.hold: 43000 seconds cannot be held" in text
    assert "the longest session of a role ends after 43200 s" in text
