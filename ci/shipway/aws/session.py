"""One boto3 session for a run, and the one place where its exceptions become ours."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

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
from shipway.aws import give_up, sign_in
from shipway.aws.client_errors import ENDED, code_of, error_of
from shipway.aws.quotas import Turns
from shipway.aws.renewal import Renewed, RenewedCredentials
from shipway.aws.sign_in import AssumedRole
from shipway.aws.weather import Weather
from shipway.config.environment import Profile
from shipway.errors import (
    AwsError,
    CredentialsError,
    ShipwayError,
)
from shipway.util.proxies import bundle_of
from shipway.util.side_by_side import WIDTH
from shipway.values import Identity

if TYPE_CHECKING:
    from botocore.client import BaseClient

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
_ATTEMPTS = 5


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
        self._renewed: RenewedCredentials | None = None
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
                            self.region,
                            self._profile,
                            self._assumed,
                            self._endpoint,
                            renewed=self._renewed,
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
                    client.meta.events.register_first("needs-retry", give_up.let_through)
                    if service == "ecs":
                        client.meta.events.register_first("before-call", self._turns.wait)
                    if service == "sts":  # asked first of all, when nothing is under way yet
                        client.meta.events.register_first("needs-retry.sts", give_up.fail_fast)
                    self._clients[service, attempts] = client
            return self._clients[service, attempts]

    def elsewhere(self, region: str) -> Session:
        """The same caller in another region, bound as this one is."""
        if region == self.region:
            return self
        other = Session(region, endpoint=self._endpoint)
        other._profile, other._assumed = self._profile, self._assumed
        other._renewed = self._renewed
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

    def renew_by(
        self,
        token: Callable[[], str],
        *,
        tell: Callable[[str, str], None],
        hide: Callable[[Iterable[str]], None],
        renewed: Callable[[datetime], None],
        role: str,
        arn: str,
    ) -> None:
        """Have the keys of an OIDC step renewed; what the SDK renews by itself is left to it.

        Args:
            token: Gives a token of GitHub's for STS.
            tell: Takes a line and its level, for each renewal and for a failure.
            hide: Takes values that must appear nowhere.
            renewed: Takes the end of each renewal's keys.
            role: ARN of the role.
            arn: Who we are: of the very session that is renewed.
        """
        with translated("credentials"):
            self.client("sts")
            found = self._session.get_credentials() if self._session else None
        if found is None or found.method not in sign_in.STATIC or not found.token:
            return

        def fetch() -> Renewed:
            return self._trade(token(), role, arn)

        self._renewed = RenewedCredentials(
            found.get_frozen_credentials(), fetch, tell=tell, hide=hide, renewed=renewed
        )
        with self._lock:
            self._session = None
            self._clients.clear()

    def _trade(self, token: str, role: str, arn: str) -> Renewed:
        """A token for the keys of a role, in the session of that ARN (a call that is not signed).

        Raises:
            ShipwayError: STS gives none, or those of somebody else.
        """
        with translated("sts:AssumeRoleWithWebIdentity", role):
            given = self.client("sts").assume_role_with_web_identity(
                RoleArn=role, RoleSessionName=arn.rpartition("/")[2], WebIdentityToken=token
            )
            keys, got = given["Credentials"], given["AssumedRoleUser"]["Arn"]
            if got != arn:
                raise CredentialsError(f"STS gave the keys of {got}, not of {arn}")
            return Renewed(
                access_key_id=keys["AccessKeyId"],
                secret_access_key=keys["SecretAccessKey"],
                session_token=keys["SessionToken"],
                ends=keys["Expiration"],
            )

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
        if self._renewed is not None:
            return self._renewed.renew()
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
        if code_of(error) in ENDED:
            sign_in_again = sign_in.rerun(os.environ) or sign_in_again
        raise error_of(error, operation, resource, sign_in_again) from error
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
