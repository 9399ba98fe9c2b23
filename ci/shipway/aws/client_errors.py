"""What an error that AWS answers with means: each service's codes become an error of ours. Pure."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError

from shipway.aws import clock
from shipway.aws.weather import THROTTLED
from shipway.errors import (
    AccessDeniedError,
    AwsError,
    CredentialsError,
    ShipwayError,
    UsageError,
    denied_action,
)

# Error codes as the services' API references list them under "Common Errors".
ENDED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""They were good, and have come to their end."""
EXPIRED: Final = frozenset(
    {
        *ENDED,
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
    }
)
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_HTTP_SERVER_ERROR: Final = 500


def code_of(error: ClientError) -> str:
    """The service's error code, without the namespace that JSON protocols put before it."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def message_of(error: ClientError) -> str:
    """The service's own words."""
    return str(error.response.get("Error", {}).get("Message", "") or error)


def error_of(error: ClientError, operation: str, resource: str, sign_in_again: str) -> ShipwayError:
    """The error of ours.

    Args:
        error: What the SDK raised.
        operation: IAM's name of the action.
        resource: What it was done to.
        sign_in_again: What a person types where the credentials are at fault.
    """
    code, message = code_of(error), message_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    off = clock.wrong_clock(code, message)
    if off or code in EXPIRED:
        return CredentialsError(
            f"{off}, so AWS refuses what it signs ({operation})"
            if off
            else f"AWS refused the credentials at {operation}: {message}",
            remedy=clock.REMEDY if off else sign_in_again,
        )
    if code in DENIED:
        # RegisterTaskDefinition is refused for want of iam:PassRole: AWS's words say which.
        action = denied_action(message) or operation
        return AccessDeniedError(
            f"{action} is not allowed: {message}",
            where=resource,
            remedy=f"allow {action} on {resource or 'that resource'} in the role's policy",
        )
    if code in THROTTLED:
        return AwsError(
            f"{operation} was throttled by AWS: {message}",
            where=resource,
            remedy="wait a minute and run the same command again",
        )
    if code == "InvalidParameterException" or code.endswith("ValidationException"):
        return UsageError(
            f"{operation}: {message}", where=resource, remedy="mend the value that AWS names"
        )
    if status >= _HTTP_SERVER_ERROR:
        return AwsError(
            f"{operation} failed on AWS's side ({status} {code}): {message}",
            where=resource,
            remedy="see the AWS Health dashboard, then run the same command again",
        )
    return AwsError(
        f"{operation}: {code}: {message}", where=resource, remedy="see AWS's own words above"
    )
