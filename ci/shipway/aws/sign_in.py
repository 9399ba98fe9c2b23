"""Where the credentials of a session come from, and what a person types to get new ones.

The SDK finds them (environment, profile, container, instance). A profile that delivery.toml names
holds where the environment names none, as the SDK itself has it between a default and a choice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, CredentialRetrievalError

from shipway.config.environment import Profile
from shipway.util.loopback import may_ask_for_token

_CHAINED_SECONDS: Final = 3600
"""The most that a role may last which another role assumed ("Methods to assume a role", IAM)."""

# "Configuration and credential file settings" (AWS SDKs and Tools Reference Guide): each of these
# is a choice that somebody made for this very process.
CHOSEN: Final = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
STATIC: Final = frozenset({"env", "shared-credentials-file"})
"""Where an OIDC step leaves keys that nobody renews, by botocore's names of its providers."""
GENERAL: Final = (
    "sign in (aws sso login, or AWS_PROFILE=…); in GitHub Actions see that the "
    "configure-aws-credentials step ran and the job has id-token: write"
)
_MOST_NAMED: Final = 12
_DEEPEST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedRole:
    """A role that is assumed with whatever credentials were found first.

    Attributes:
        arn: Its ARN.
        session: The session's name, part of the identity in every record.
    """

    arn: str
    session: str


def default_profile(profile: Profile | None, variables: Mapping[str, str]) -> Profile | None:
    """The profile of delivery.toml, where nothing in the environment says who we are."""
    chosen = any(variables.get(name) for name in CHOSEN)
    # A runner takes its credentials from the step before, and says so where it did not.
    return None if chosen or variables.get("GITHUB_ACTIONS") == "true" else profile


def open_session(
    region: str,
    profile: Profile | None,
    assumed: AssumedRole | None,
    endpoint: str = "",
    *,
    renewed: Credentials | None = None,
) -> boto3.Session:
    """A boto3 session; the credentials of an assumed role are renewed before they run out.

    Args:
        region: Where its clients work.
        profile: Whose credentials; ``None`` leaves it to the SDK.
        assumed: The role to go on as.
        endpoint: What the session is bound to; empty for AWS.
        renewed: Credentials that take the place of those that the SDK finds.

    Raises:
        BotoCoreError: The profile does not exist, or what it says cannot be had.
    """
    name = profile.name if profile else None
    found = _core(name, endpoint)
    if renewed is not None:
        found.register_component("credential_provider", CredentialResolver([_Provider(renewed)]))
    try:
        found.get_credentials()
    except (OSError, ValueError) as error:
        # A credential_process that cannot be run, or whose output is no JSON.
        raise CredentialRetrievalError(provider="the profile", error_msg=str(error)) from error
    if assumed is None:
        return boto3.Session(region_name=region, botocore_session=found)

    def create_client(service: str, **keys: Any) -> Any:
        bound = endpoint or None
        return found.create_client(service, region_name=region, endpoint_url=bound, **keys)

    fetcher = AssumeRoleCredentialFetcher(
        client_creator=create_client,
        source_credentials=found.get_credentials(),
        role_arn=assumed.arn,
        extra_args={"RoleSessionName": assumed.session, "DurationSeconds": _CHAINED_SECONDS},
    )
    own = _core(name, endpoint)
    chained = DeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    own.register_component("credential_provider", CredentialResolver([_Provider(chained)]))
    return boto3.Session(region_name=region, botocore_session=own)


def _core(profile: str | None, endpoint: str) -> botocore.session.Session:
    """A session of botocore; one that is bound, in a job whose token is believed, reads no file.

    A profile there could have the SDK ignore endpoints, or fetch credentials from elsewhere.
    """
    core = botocore.session.Session(profile=profile)
    if endpoint and may_ask_for_token(os.environ):
        for file in ("config_file", "credentials_file"):
            core.set_config_variable(file, os.devnull)
    return core


class _Provider(CredentialProvider):
    """The one source of a session: of one that goes on as another role, or is renewed."""

    METHOD = "shipway"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        """The credentials, which fetch keys when they are needed."""
        return self._credentials


def profiles() -> tuple[str, ...]:
    """The profiles of this machine's AWS configuration."""
    try:
        return tuple(botocore.session.Session().available_profiles)
    except BotoCoreError:
        return ()


def unknown_profile(name: str) -> str:
    """The remedy for a profile that is not there: those that are, or how to make it."""
    names = profiles()
    if not names:
        return f"make it: aws configure sso --profile {name}"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"name one of {', '.join(names[:_MOST_NAMED])}{more}, or make it: aws configure sso"


def remedy(profile: Profile | None, variables: Mapping[str, str]) -> str:
    """The one line that a person types to get credentials, by what their profile says.

    Args:
        profile: The profile that delivery.toml names, where it holds.
        variables: The process's environment.
    """
    if variables.get("GITHUB_ACTIONS") == "true":
        return GENERAL
    if variables.get("AWS_ACCESS_KEY_ID"):
        return (
            "they are in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN: set new "
            "ones, or unset all three and choose a profile with AWS_PROFILE"
        )
    chosen = variables.get("AWS_PROFILE") or variables.get("AWS_DEFAULT_PROFILE") or ""
    name = profile.name if profile else chosen
    try:
        configured: Mapping[str, Any] = botocore.session.Session(profile=name or None).full_config
    except BotoCoreError:
        configured = {}
    tables = configured.get("profiles", {})
    if not name and "default" not in tables and tables:
        named = ", ".join(list(tables)[:_MOST_NAMED])
        return f"choose a profile: AWS_PROFILE=NAME, with one of {named}"
    return _of_profile(name, tables) or GENERAL


def rerun(variables: Mapping[str, str]) -> str:
    """The line that has GitHub run the job once more; empty where this is no run of GitHub's."""
    number, repository = variables.get("GITHUB_RUN_ID", ""), variables.get("GITHUB_REPOSITORY", "")
    if variables.get("GITHUB_ACTIONS") != "true" or not (number and repository):
        return ""
    return f"gh run rerun {number} --failed --repo {repository}"


def _of_profile(name: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    for _ in range(_DEEPEST):
        table = tables.get(name or "default", {})
        source = table.get("source_profile", "")
        if not table.get("role_arn") or not source or source == name:
            break
        name = source
    option = f" --profile {name}" if name else ""
    if "sso_session" in table or "sso_start_url" in table:
        return f"aws sso login{option}"
    if "login_session" in table:
        return f"aws login{option}"
    if "credential_process" in table:
        return f"see why its credential_process fails: aws sts get-caller-identity{option}"
    if "credential_source" in table:
        source = table["credential_source"]
        return f"profile {name or 'default'} takes them from {source}, which has none here"
    if "aws_access_key_id" in table:
        return f"set new keys: aws configure{option}"
    return ""


def export(profile: Profile | None, variables: Mapping[str, str]) -> str:
    """The line that hands over what only the AWS CLI can read, such as a session of ``aws login``.

    The SDK reads it only with a library of AWS's own beside it (``botocore[crt]``); the CLI has it.
    """
    name = profile.name if profile else variables.get("AWS_PROFILE", "")
    option = f" --profile {name}" if name else ""
    return f'eval "$(aws configure export-credentials{option} --format env)"'
