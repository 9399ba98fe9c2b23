"""Credentials that are handed in rather than found: for the sandbox's own set-up and for OIDC."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from shipway.aws.session import translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A key, its secret, and the token that a temporary one has. The secrets are never shown."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def variables(self) -> dict[str, str]:
        """The environment variables by which every AWS SDK takes them."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            **({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}),
        }


def client(service: str, *, region: str, endpoint: str, credentials: Credentials) -> Any:
    """A boto3 client for one endpoint and these credentials, whatever the environment says."""
    session = boto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token or None,
        region_name=region,
    )
    return session.client(service, endpoint_url=endpoint)


def assume_role_with_web_identity(
    *, role: str, session: str, token: str, region: str, endpoint: str, seconds: int = 3600
) -> Credentials:
    """Trade a signed token for a role's credentials, as the OIDC step of a workflow does.

    Args:
        role: The role's ARN.
        session: The session's name, part of the identity in every record.
        token: The signed token of the issuer.
        region: Where STS is asked.
        endpoint: The STS endpoint.
        seconds: How long the credentials last, 900 to the role's maximum.

    Raises:
        AccessDeniedError: The role's trust policy does not accept the token.
        AwsError: STS refused the token itself, or cannot be reached.
    """
    with translated("sts:AssumeRoleWithWebIdentity", role):
        response = _anonymous(region, endpoint).assume_role_with_web_identity(
            RoleArn=role, RoleSessionName=session, WebIdentityToken=token, DurationSeconds=seconds
        )
    credentials = response["Credentials"]
    return Credentials(
        access_key_id=credentials["AccessKeyId"],
        secret_access_key=credentials["SecretAccessKey"],
        session_token=credentials["SessionToken"],
    )


@functools.cache
def _anonymous(region: str, endpoint: str) -> Any:
    """An STS client that signs nothing: the token is the only credential there is."""
    return boto3.Session(region_name=region).client(
        "sts", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED)
    )
