"""Bad input through the real command: the exit code of its kind, and words a person can act on."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.example import REPOSITORY

from shipway.reference.exit_codes import exit_codes
from shipway_sandbox import github

if TYPE_CHECKING:
    from tests.entry.conftest import Ended, Here, Plant, Running

NOTHING = "sha256:" + "0" * 64
KINDS = {(row.code, row.kind) for row in exit_codes()}


def check(ended: Ended, code: int, kind: str, *said: str) -> None:
    """It ended as this kind, with every text said, without a traceback and without escapes."""
    everything = ended.out + ended.err
    assert (code, kind) in KINDS
    assert ended.code == code, everything
    assert ended.lines[-1] == f"exit {code} ({kind})"
    for text in said:
        assert text in ended.out, everything
    assert ended.err == ""
    assert "Traceback" not in ended.out
    assert "\x1b" not in ended.out


# -- the configuration


def test_an_unknown_key_is_named_with_its_line(plant: Plant) -> None:
    here = plant()
    here.replace("ci/delivery.toml", 'container = "web"', 'containr = "web"')
    lines = (here.folder / "ci/delivery.toml").read_text(encoding="utf-8").splitlines()
    number = lines.index('containr = "web"') + 1
    ended = here.types("inv", "deploy", "--env", "local")
    place = f"ci/delivery.toml:{number}  environments.local.services.web.containr"
    check(ended, 10, "configuration", f'{place}: unknown key; did you mean "container"?')


def test_a_file_that_is_no_toml_is_named_with_its_line(plant: Plant) -> None:
    here = plant()
    lines = (here.folder / "ci/release.toml").read_text(encoding="utf-8").splitlines()
    here.replace("ci/release.toml", "schema = 1", "schema = ")
    ended = here.types("inv", "deploy", "--env", "local")
    place = f"ci/release.toml:{lines.index('schema = 1') + 1}"
    check(ended, 10, "configuration", place, "not TOML: invalid value, at column 10")


def test_a_contract_that_leads_to_an_environment_that_is_not_there(plant: Plant) -> None:
    here = plant()
    here.replace("ci/release.toml", '"local", "sandbox"', '"local", "sandbx"')
    ended = here.types("inv", "deploy", "--env", "local")
    check(ended, 10, "configuration", "ci/release.toml:", "sandbx", 'did you mean "sandbox"?')


def test_an_environment_that_does_not_exist(plant: Plant) -> None:
    here = plant()
    ended = here.types("inv", "deploy", "--env", "nowhere")
    check(ended, 20, "refused", "by hand may not release to nowhere", "local, sandbox or staging")
    ended = here.types("inv", "deploy", "--env", "locl")
    check(ended, 20, "refused", "There is no environment locl", 'did you mean "local"?')
    ended = here.types("inv", "audit", "--env", "prod")
    check(ended, 10, "configuration", 'did you mean "production"?')
    (here.folder / "ci" / "delivery.toml").unlink()
    ended = here.types("inv", "audit", "--env", "prod")
    assert (ended.code, "0 deliveries to prod" in ended.out) == (0, True)


def test_no_environment(plant: Plant) -> None:
    ended = plant().types("inv", "deploy")
    check(ended, 20, "refused", "Name it with --env: local, sandbox or staging.")


@pytest.mark.usefixtures("sandbox")
def test_a_reference_that_does_not_resolve(plant: Plant) -> None:
    here = plant()
    here.replace("ci/delivery.toml", "ssm:/shop/local/cluster", "env:SHOP_CLUSTR")
    ended = here.types("inv", "verify", "--env", "local")
    said = "environments.local.cluster: env:SHOP_CLUSTR is not set"
    check(ended, 11, "unresolved-reference", said)


# -- the command line, and the repository


@pytest.mark.parametrize("image", ["shop", "shop:latest", "shop@sha256:abc", f"@{NOTHING}"])
def test_an_image_that_is_not_pinned_by_digest(clone: Here, image: str) -> None:
    ended = clone.types("inv", "deploy", "--env", "local", "--image", image)
    check(ended, 2, "usage", "is not", "sha256:")


def test_no_repository(plant: Plant) -> None:
    here = plant()
    shutil.rmtree(here.folder / ".git")
    ended = here.types("inv", "deploy", "--env", "local")
    check(ended, 18, "git", "run this inside the repository that is to be delivered")


def test_no_commit(plant: Plant) -> None:
    here = plant()
    shutil.rmtree(here.folder / ".git")
    here.git("init", "--quiet")
    ended = here.types("inv", "deploy", "--env", "local")
    check(ended, 18, "git", "this repository has no commit yet", "commit first")


def test_no_git(plant: Plant) -> None:
    ended = plant().types("inv", "deploy", "--env", "local", env={"PATH": "/nonexistent"})
    check(ended, 18, "git", "git is not installed")


# -- AWS


def test_no_credentials(plant: Plant) -> None:
    ended = plant().types("inv", "verify", "--env", "staging")
    check(ended, 14, "credentials", "no AWS credentials were found", "aws sso login")


def test_a_profile_that_is_not_there(plant: Plant) -> None:
    ended = plant().types("inv", "verify", "--env", "staging", env={"AWS_PROFILE": "nosuch"})
    check(ended, 14, "credentials", "nosuch", "AWS_PROFILE")


def test_an_endpoint_where_nothing_answers(plant: Plant) -> None:
    variables = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # the discard port: nobody listens
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    }
    ended = plant().types("inv", "verify", "--env", "staging", env=variables)
    check(ended, 17, "aws", "http://127.0.0.1:9", "AWS_ENDPOINT_URL")
    assert "not-a-secret" not in ended.out
    assert ended.seconds < 30


def test_the_wrong_account(plant: Plant, sandbox: Running) -> None:
    ended = plant().types("inv", "verify", "--env", "staging", env=sandbox.person())
    said = "these credentials belong to account 123456789012, but staging is 111122223333"
    check(ended, 15, "identity", said, "nothing was changed")


# As if the machine's clock were wrong by an hour, where requests get their time.
WRONG = """
import datetime, botocore.auth as auth
right = auth.get_current_datetime
hour = datetime.timedelta(hours={hours})
auth.get_current_datetime = lambda *given, **named: right(*given, **named) + hour
"""


@pytest.mark.parametrize(("hours", "side"), [(1, "ahead of"), (-1, "behind")])
def test_a_clock_that_is_wrong_by_an_hour(
    plant: Plant, sandbox: Running, tmp_path: Path, hours: int, side: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WRONG.format(hours=hours), encoding="utf-8")
    here = plant()
    env = {**sandbox.person(), "PYTHONPATH": str(tmp_path)}
    ended = here.types("inv", "deploy", "--env", "staging", env=env)
    said = f"this machine's clock is 60 min {side} AWS's, so AWS refuses what it signs"
    check(ended, 14, "credentials", said, "set the clock")
    assert "aws sso login" not in ended.out


# -- Docker


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:9"])
def test_no_engine_for_the_sandbox(plant: Plant, tmp_path: Path, host: str) -> None:
    variables = {"DOCKER_HOST": host, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = plant().types("inv", "sandbox", env=variables)
    check(ended, 12, "no-engine", f"DOCKER_HOST={host}", "unset DOCKER_HOST")


def test_no_engine_for_a_build(plant: Plant, sandbox: Running) -> None:
    # The sandbox's docker client is at hand, but points nowhere.
    variables = {**sandbox.variables, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    ended = plant().types("inv", "build", "--env", "staging", env=variables)
    check(ended, 12, "no-engine", "no Docker engine answers", "DOCKER_HOST")


def test_no_docker_client(plant: Plant, tmp_path: Path) -> None:
    git = shutil.which("git")
    assert git
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    variables = {"PATH": str(tmp_path / "bin")}
    ended = plant().types("inv", "build", "--env", "staging", env=variables)
    check(ended, 12, "no-engine", "no docker command line client was found")


@pytest.mark.usefixtures("sandbox")
def test_a_dockerfile_that_fails_says_the_steps_own_words_once(plant: Plant) -> None:
    here = plant()
    with (here.folder / "examples/shop/Dockerfile").open("a", encoding="utf-8") as file:
        file.write("RUN echo the-reason >&2; exit 3\n")
    ended = here.types("inv", "build", "--env", "local")
    check(ended, 21, "build-failed", "exit code: 3", "mend examples/shop/Dockerfile")
    assert sum(line.endswith(" the-reason") for line in ended.lines) == 1
    assert here.records()[-1]["verdict"]["exitCode"] == 21


def test_a_port_in_use(clone: Here, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = str(tmp_path / "run")
        ended = clone.types(
            sys.executable, "-m", "shipway_sandbox.serve", "--run", run, "--port", port
        )
    assert ended.code == 13
    assert ended.err.startswith(f"127.0.0.1:{port} cannot be listened on: ")
    assert "Traceback" not in ended.err


# -- GitHub Actions


def triggered(
    here: Here, name: str, ref: str, folder: Path, environment: str = ""
) -> dict[str, str]:
    """What GitHub gives to a job for an event of the commit that is checked out here."""
    event = github.event(
        name,
        ref=ref,
        sha=here.git("rev-parse", "HEAD"),
        folder=folder,
        workspace=here.folder,
        repository=REPOSITORY,
        run=github.Run(environment=environment),
        head_ref="feature/x" if name == "pull_request" else "",
    )
    event.write()
    return dict(event.environment)


@pytest.mark.parametrize(
    ("name", "ref", "said"),
    [
        ("push", "refs/tags/v1.0.1", "push of refs/tags/v1.0.1 is not an approved release trigger"),
        ("push", "refs/heads/x-stable", "the ref is a branch"),
        ("pull_request", "refs/pull/7/merge", "pull_request"),
    ],
)
def test_a_trigger_that_the_contract_refuses(
    plant: Plant, tmp_path: Path, name: str, ref: str, said: str
) -> None:
    here = plant()
    given = triggered(here, name, ref, tmp_path / "github")
    ended = here.types("inv", "deploy", env=given)
    assert ended.code == 20, ended.out + ended.err
    assert ended.err == ""
    assert said in ended.out
    assert "Nothing was built or changed." in ended.out
    # One annotation, with what happened as its title.
    assert ended.out.count("::error ") == 1
    groups = [line for line in ended.out.splitlines() if line.startswith(("::group", "::endgr"))]
    assert len([line for line in groups if line == "::endgroup::"]) * 2 == len(groups)
    outputs = Path(given["GITHUB_OUTPUT"]).read_text(encoding="utf-8")
    assert "refused" in outputs
    assert "20" in outputs
    assert "Refused" in Path(given["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")
    [record] = here.records()
    assert record["verdict"]["kind"] == "refused"
    assert record["decision"]["allowed"] is False
    assert "image" not in record


def test_a_work_tree_that_a_step_before_changed(plant: Plant, tmp_path: Path) -> None:
    here = plant()
    given = triggered(here, "push", "refs/heads/main", tmp_path / "github", "staging")
    (here.folder / "left-behind.txt").write_text("x", encoding="utf-8")
    ended = here.types("inv", "deploy", env=given)
    assert ended.code == 20, ended.out + ended.err
    assert "the work tree differs from" in ended.out


def test_a_long_lived_key_in_actions_is_no_proof(
    plant: Plant, tmp_path: Path, sandbox: Running
) -> None:
    here = plant()
    given = triggered(here, "push", "refs/heads/main", tmp_path / "github", "staging")
    ended = here.types("inv", "deploy", env={**given, **sandbox.administrator("staging")})
    # Whatever key a job holds: what it may do is said by the token that GitHub signed.
    assert ended.code == 20, ended.out + ended.err
    assert "no: this job shows none; give it `id-token: write`" in ended.out


def test_variables_that_contradict_the_event(plant: Plant, tmp_path: Path) -> None:
    here = plant()
    given = triggered(here, "push", "refs/heads/feature/x", tmp_path / "github")
    ended = here.types("inv", "deploy", env={**given, "GITHUB_REF": "refs/heads/main"})
    assert ended.code == 20, ended.out + ended.err
    assert "refs/heads/feature/x" in ended.out


# -- the disk, and a port that the image does not expose


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own without any room."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=9", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount")
    try:
        (folder / "filling").write_bytes(b"x" * 4096)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_no_space_for_the_sandboxs_state(plant: Plant, full: Path) -> None:
    ended = plant().types("inv", "sandbox", env={"XDG_CACHE_HOME": str(full)})
    said = "the sandbox's state cannot be written: No space left on device"
    check(ended, 13, "sandbox", said, str(full), "make room there")


def test_no_space_for_a_rehearsals_evidence(plant: Plant, full: Path) -> None:
    here = plant()
    (here.folder / "evidence").symlink_to(full)
    for number in range(6):  # not even names are left: the folder of the rehearsal is the last
        (full / str(number)).mkdir()
    ended = here.types("inv", "rehearse")
    check(ended, 50, "evidence", "cannot be written", "No space left on device")


def test_a_rehearsal_without_a_dockerfile_starts_nothing(plant: Plant) -> None:
    here = plant()
    (here.folder / "examples/shop/Dockerfile").unlink()
    ended = here.types("inv", "rehearse")
    place = "there is no file examples/shop/Dockerfile"
    check(ended, 10, "configuration", place, "ci/delivery.toml  [image]", "`dockerfile`")
    assert not (here.folder / "evidence").exists()


@pytest.mark.parametrize("missing", ["release", "delivery"])
@pytest.mark.parametrize("task", ["sandbox", "rehearse"])
def test_a_half_written_ci(plant: Plant, missing: str, task: str) -> None:
    here = plant()
    (here.folder / f"ci/{missing}.toml").unlink()
    ended = here.types("inv", task)
    check(ended, 10, "configuration", f"ci/{missing}.toml", "docs/configuration.md")
    assert not (here.folder / "evidence").exists()


def test_a_port_that_the_dockerfile_does_not_expose(plant: Plant) -> None:
    here = plant()
    here.replace("ci/delivery.toml", "port = 8080", "port = 8081")
    lines = (here.folder / "ci/delivery.toml").read_text(encoding="utf-8").splitlines()
    ended = here.types("inv", "deploy", "--env", "local")
    place = f"ci/delivery.toml:{lines.index('port = 8081') + 1}"
    key = "environments.local.services.web.compute.port: it is 8081"
    check(ended, 10, "configuration", place, key, "EXPOSE 8080", "correct the one that is wrong")
    [record] = here.records()
    assert "build" not in record
