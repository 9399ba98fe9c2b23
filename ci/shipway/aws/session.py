"""One boto3 session for a run, and the one place where its exceptions become ours."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    HTTPClientError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    LoginError,
    MetadataRetrievalError,
    MissingDependencyException,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    RefreshWithMFAUnsupportedError,
    SSLError,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from shipway import __version__
from shipway.aws import clock, sign_in
from shipway.aws.quotas import Turns
from shipway.aws.sign_in import AssumedRole
from shipway.aws.weather import THROTTLED, Weather
from shipway.config.environment import Profile
from shipway.errors import (
    AccessDeniedError,
    AwsError,
    CredentialsError,
    ShipwayError,
    UsageError,
    denied_action,
)
from shipway.util.proxies import bundle_of
from shipway.util.side_by_side import WIDTH
from shipway.values import Identity

if TYPE_CHECKING:
    from botocore.client import BaseClient

# Error codes as the services' API references list them under "Common Errors".
EXPIRED: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
    }
)
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    SSOError,
    LoginError,
    TokenRetrievalError,
    MetadataRetrievalError,
    RefreshWithMFAUnsupportedError,
    ConfigParseError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    UnknownCredentialError,
    EOFError,  # the SDK asks for the code of an MFA device, and nobody sits there
)
_HTTP_SERVER_ERROR = 500
_ATTEMPTS = 5
_REFUSALS = 2  # the second for an endpoint that is just being started anew


class Session:
    """Clients of one region, made when they are first asked for, shared by all adapters.

    Endpoints and credentials come from where the SDK looks for them (environment, profile,
    container), unless the session is bound to one endpoint.

    Args:
        region: The AWS region every client works in.
        profile: The profile that holds where the environment names nobody.
        endpoint: What every client is bound to, past any proxy; empty for AWS. Where a token is
            believed beside it, no configuration file is read either.
        turns: What calls of ECS wait for; its quotas by default.
    """

    def __init__(
        self,
        region: str,
        profile: Profile | None = None,
        endpoint: str = "",
        turns: Turns | None = None,
    ) -> None:
        self.region = region
        self._endpoint = endpoint
        self._profile = sign_in.default_profile(profile, os.environ)
        self._assumed: AssumedRole | None = None
        self._session: boto3.Session | None = None
        self._clients: dict[tuple[str, int], BaseClient] = {}
        self._lock = threading.Lock()
        self.weather = Weather()
        self._turns = turns or Turns()

    def client(self, service: str, *, attempts: int = _ATTEMPTS) -> Any:
        """The client for one service, such as ``ecs``; safe to call from several threads.

        Args:
            service: As boto3 names it.
            attempts: How often the SDK tries a call that was throttled or failed on AWS's side.
        """
        with self._lock:
            if (service, attempts) not in self._clients:
                with translated(f"{service}: credentials", remedy=self._remedy):
                    if self._session is None:
                        self._session = sign_in.open_session(
                            self.region, self._profile, self._assumed, self._endpoint
                        )
                    client = self._session.client(
                        service,
                        endpoint_url=self._endpoint or None,
                        config=Config(
                            connect_timeout=5,
                            read_timeout=30,
                            retries={"mode": "standard", "total_max_attempts": attempts},
                            user_agent_extra=f"shipway/{__version__}",
                            max_pool_connections=WIDTH,
                            # None has the SDK look for one; an empty one is none.
                            proxies={} if self._endpoint else None,
                        ),
                    )
                    if service != "sts" and attempts > 1:
                        # Else whoever calls waits: the watch, at its next look.
                        client.meta.events.register_first("needs-retry", self.weather.wait)
                    client.meta.events.register_first("needs-retry", _let_through)
                    if service == "ecs":
                        client.meta.events.register_first("before-call", self._turns.wait)
                    if service == "sts":  # asked first of all, when nothing is under way yet
                        client.meta.events.register_first("needs-retry.sts", _fail_fast)
                    self._clients[service, attempts] = client
            return self._clients[service, attempts]

    def elsewhere(self, region: str) -> Session:
        """The same caller in another region, bound as this one is."""
        if region == self.region:
            return self
        other = Session(region, endpoint=self._endpoint)
        other._profile, other._assumed = self._profile, self._assumed
        other.weather = self.weather
        return other

    def assume(self, role: AssumedRole) -> None:
        """Go on as a role, for every later call; its credentials are renewed as long as ours can.

        Whoever it does not take stays who they are.

        Raises:
            AccessDeniedError: The role does not trust us, or we may not ask for it.
            CredentialsError: There are no credentials to assume it with, or they ran out.
            AwsError: STS cannot be reached.
        """
        before = self._assumed
        self._go_on_as(role)
        try:
            with translated("sts:AssumeRole", role.arn, remedy=self._remedy):
                self.client("sts")
                credentials = self._session.get_credentials() if self._session else None
                if credentials is not None:
                    credentials.get_frozen_credentials()
        except ShipwayError:
            self._go_on_as(before)
            raise

    def _go_on_as(self, role: AssumedRole | None) -> None:
        with self._lock:
            self._assumed = role
            self._session = None
            self._clients.clear()

    def _remedy(self, error: BaseException | None) -> str:
        """What a person types next, by where their credentials come from."""
        if isinstance(error, MissingDependencyException):
            return sign_in.export(self._profile, os.environ)
        return sign_in.remedy(self._profile, os.environ)

    def renew(self) -> bool:
        """Forget the credentials, so that the profile or the environment is read anew.

        Gives whether other credentials were found; the same ones would only fail again.
        """
        before = self._credentials()
        with self._lock:
            self._session = None
            self._clients.clear()
        return self._credentials() not in {("", ""), before}

    def _credentials(self) -> tuple[str, str]:
        """Key id and token in use, to be compared; empty where there are none."""
        try:
            with translated("credentials"):
                self.client("sts")
                credentials = self._session.get_credentials() if self._session else None
                frozen = credentials.get_frozen_credentials() if credentials else None
        except ShipwayError:
            return "", ""
        return (str(frozen.access_key), str(frozen.token)) if frozen else ("", "")

    def identity(self) -> Identity:
        """Who AWS says we are (STS GetCallerIdentity, which needs no permission).

        Raises:
            CredentialsError: There are none, or they ran out.
            AwsError: STS cannot be reached.
        """
        with (
            self._profile_known(),
            translated("sts:GetCallerIdentity", remedy=self._remedy),
        ):
            caller = self.client("sts").get_caller_identity()
            return Identity(account=caller["Account"], arn=caller["Arn"], user_id=caller["UserId"])

    @contextmanager
    def _profile_known(self) -> Iterator[None]:
        """Name the place that names a profile which is not there."""
        try:
            yield
        except CredentialsError as error:
            if not isinstance(error.__cause__, ProfileNotFound):
                raise
            variable = "AWS_PROFILE" if os.environ.get("AWS_PROFILE") else "AWS_DEFAULT_PROFILE"
            profile = self._profile or Profile(name=os.environ.get(variable, ""), where=variable)
            raise CredentialsError(
                f'there is no AWS profile "{profile.name}" on this machine',
                where=profile.where,
                remedy=sign_in.unknown_profile(profile.name),
            ) from error

    def authorities(self) -> str:
        """The file of certificate authorities that the SDK believes; empty for its own choice."""
        with translated("ca_bundle"):
            self.client("sts")
            own = self._session._session.get_config_variable("ca_bundle") if self._session else None  # noqa: SLF001  # boto3 hands botocore's session out nowhere else
        return str(own or bundle_of(os.environ))

    def access_key_id(self) -> str:
        """The key id in use (never the secret), so that a long-lived ``AKIA…`` can be refused."""
        with translated("credentials"):
            self.client("sts")
            credentials = self._session.get_credentials() if self._session else None
            return str(credentials.access_key) if credentials else ""


def _let_through(caught_exception: Exception | None = None, **_: Any) -> None:
    """Raise again what a signal's handler raised while the SDK was waiting for an answer.

    botocore takes any exception below its transport for a failure of the network, wraps it in
    HTTPClientError and tries again (botocore/httpsession.py): SIGTERM would be lost.
    """
    wrapped = getattr(caught_exception, "kwargs", {}).get("error")
    if isinstance(wrapped, ShipwayError):
        raise wrapped


def _fail_fast(attempts: int = 0, caught_exception: Exception | None = None, **_: Any) -> None:
    """Raise again that a connection was refused, where it was refused before.

    It is an endpoint or a proxy that is not there, and all five attempts would be seven seconds of
    silence and more. A name that is not found, a time-out, a throttled call and an error on AWS's
    side are tried again as ever.
    """
    if attempts >= _REFUSALS and caught_exception is not None and _is_refused(caught_exception):
        raise caught_exception


def _is_refused(error: BaseException) -> bool:
    """Whether a connection was refused; botocore and urllib3 wrap what the socket said."""
    at: BaseException | None = error
    while at is not None:
        if getattr(at, "errno", None) == errno.ECONNREFUSED:
            return True
        wrapped = getattr(at, "kwargs", {}).get("error")
        at = wrapped if isinstance(wrapped, BaseException) else at.__cause__ or at.__context__
    return False


@contextmanager
def translated(
    operation: str,
    resource: str = "",
    *,
    remedy: Callable[[BaseException | None], str] | None = None,
) -> Iterator[None]:
    """Turn what boto3 raises into an error of ours, with ``raise … from``.

    Args:
        operation: IAM's name of the action, such as ``ecs:UpdateService``.
        resource: What it was done to, for the message.
        remedy: What a person types where the credentials are at fault.
    """
    try:
        yield
    except ShipwayError:
        raise
    except ClientError as error:
        sign_in_again = remedy(error) if remedy else sign_in.GENERAL
        raise _client_error(error, operation, resource, sign_in_again) from error
    except _NO_CREDENTIALS as error:
        raise CredentialsError(
            "no AWS credentials were found"
            if isinstance(error, NoCredentialsError)
            else f"the AWS credentials cannot be used: {str(error).rstrip('.')}",
            remedy=remedy(error) if remedy else sign_in.GENERAL,
        ) from error
    except MissingDependencyException as error:
        raise CredentialsError(
            "the credentials are a session of aws login, which only the AWS CLI can read here",
            remedy=remedy(error) if remedy else sign_in.GENERAL,
        ) from error
    except ProfileNotFound as error:
        raise CredentialsError(
            str(error), where="AWS_PROFILE", remedy="name a profile of ~/.aws/config"
        ) from error
    except (HTTPClientError, BotoConnectionError) as error:
        untrusted = isinstance(error, SSLError)
        raise AwsError(
            f"{operation}: AWS cannot be reached: {error}",
            where=resource,
            remedy="a proxy of your network may stand between: name its certificate authorities in "
            "AWS_CA_BUNDLE"
            if untrusted
            else "check the network, the region's name and AWS_ENDPOINT_URL",
        ) from error
    except BotoCoreError as error:
        raise AwsError(
            f"{operation}: {error}", where=resource, remedy="check the SDK's configuration"
        ) from error
    except (ResponseParserError, LookupError, TypeError, ValueError, AttributeError) as error:
        # Something else than AWS answers there: a field that always is there is not.
        problem = str(error).partition("\n")[0]
        raise AwsError(
            f"{operation}: what answered cannot be read: {type(error).__name__}: {problem}",
            where=resource,
            remedy="check AWS_ENDPOINT_URL and the proxy: that is not the answer of AWS",
        ) from error


def code_of(error: ClientError) -> str:
    """The service's error code, without the namespace that JSON protocols put before it."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def message_of(error: ClientError) -> str:
    """The service's own words."""
    return str(error.response.get("Error", {}).get("Message", "") or error)


def _client_error(
    error: ClientError, operation: str, resource: str, sign_in_again: str
) -> ShipwayError:
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
