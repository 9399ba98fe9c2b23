"""Who a session is, and what a person types where nobody is found; no credentials are fetched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shipway.aws import sign_in
from shipway.aws.session import Session
from shipway.config.environment import Profile
from shipway.errors import CredentialsError

PROFILE = Profile(name="shop", where="ci/delivery.toml:41 environments.staging.profile")
CONFIG = """\
[profile shop]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Developer
[profile other]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = Developer
[profile console]
login_session = arn:aws:sts::111122223333:assumed-role/Developer/mona
[profile script]
credential_process = /opt/corp/credentials --for shop
[profile deep]
role_arn = arn:aws:iam::111122223333:role/other
source_profile = shop
[profile box]
role_arn = arn:aws:iam::111122223333:role/other
credential_source = Ec2InstanceMetadata
[profile keys]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = x
[profile lost]
sso_session = nowhere
sso_account_id = 111122223333
sso_role_name = Developer
[profile circle]
role_arn = arn:aws:iam::111122223333:role/other
source_profile = elsewhere
[sso-session corp]
sso_start_url = https://corp.example/start
sso_region = eu-west-1
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with that configuration, and no credentials anywhere else."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return config


def refusal(profile: Profile | None = None) -> CredentialsError:
    with pytest.raises(CredentialsError) as caught:
        Session("eu-west-1", profile).identity()
    assert caught.value.exit_code == 14
    return caught.value


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("shop", "aws sso login --profile shop"),
        ("other", "aws sso login --profile other"),
        ("deep", "aws sso login --profile shop"),
        ("console", "aws login --profile console"),
        (
            "script",
            "see why its credential_process fails: aws sts get-caller-identity --profile script",
        ),
        ("box", "profile box takes them from Ec2InstanceMetadata, which has none here"),
        ("keys", "set new keys: aws configure --profile keys"),
    ],
)
def test_the_line_to_type_is_that_of_the_profile(name: str, line: str) -> None:
    assert sign_in.remedy(Profile(name=name, where=""), {}) == line
    assert sign_in.remedy(None, {"AWS_PROFILE": name}) != ""


def test_a_permission_set_that_nobody_signed_in_with(monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal(PROFILE)
    assert "SSO" in error.what
    assert error.remedy == "aws sso login --profile shop"
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert refusal(PROFILE).remedy == "aws sso login --profile other", "a choice goes first"


def test_a_session_of_aws_login_is_handed_over_by_the_cli() -> None:
    error = refusal(Profile(name="console", where=""))
    assert "aws login" in error.what
    assert error.remedy == (
        'eval "$(aws configure export-credentials --profile console --format env)"'
    )


@pytest.mark.parametrize("name", ["lost", "circle"])
def test_a_profile_that_leads_nowhere_is_a_matter_of_credentials(name: str) -> None:
    assert "cannot be used" in refusal(Profile(name=name, where="")).what


def test_without_a_profile_those_that_are_there_are_named() -> None:
    error = refusal()
    assert error.what == "no AWS credentials were found"
    assert error.remedy.startswith("choose a profile: AWS_PROFILE=NAME, with one of shop, other,")


def test_a_profile_that_is_not_there_is_named_with_its_place(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refusal(Profile(name="nobody", where=PROFILE.where))
    assert error.what == 'there is no AWS profile "nobody" on this machine'
    assert error.where == PROFILE.where
    assert "shop, other, console" in error.remedy
    monkeypatch.setenv("AWS_PROFILE", "gone")
    error = refusal(PROFILE)
    assert (error.where, '"gone"' in error.what) == ("AWS_PROFILE", True)
    machine.write_text("", encoding="utf-8")
    assert refusal().remedy == "make it: aws configure sso --profile gone"


@pytest.mark.parametrize("name", sign_in.CHOSEN)
def test_what_somebody_chose_for_this_process_goes_before_the_file(name: str) -> None:
    assert sign_in.default_profile(PROFILE, {name: "x"}) is None
    assert sign_in.default_profile(PROFILE, {name: ""}) == PROFILE


def test_githubs_runs_never_ask_for_a_profile() -> None:
    runner = {"GITHUB_ACTIONS": "true"}
    assert sign_in.default_profile(PROFILE, runner) is None
    assert sign_in.remedy(None, runner) == sign_in.GENERAL


def test_githubs_run_is_run_again_where_its_keys_have_ended() -> None:
    runner = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "42",
        "GITHUB_REPOSITORY": "acme/tally",
    }
    assert sign_in.rerun(runner) == "gh run rerun 42 --failed --repo acme/tally"
    for name in runner:
        assert sign_in.rerun({**runner, name: ""}) == ""


def test_keys_in_the_environment_are_named_where_they_ran_out() -> None:
    assert "AWS_SESSION_TOKEN" in sign_in.remedy(None, {"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE"})
