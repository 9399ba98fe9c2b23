"""One account's AWS in one region: every adapter of this room, over one session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from shipway.aws.cloudwatch import CloudWatchAlarms
from shipway.aws.ecr import EcrRepository, origin_of
from shipway.aws.ecs import AwsEcs
from shipway.aws.inspection import AwsInspection
from shipway.aws.kms import KmsSigner
from shipway.aws.lock_log import ParameterLog
from shipway.aws.logs import CloudWatchLogs
from shipway.aws.parameters import Parameters
from shipway.aws.published import Published
from shipway.aws.revisions import AwsRevisions
from shipway.aws.s3 import S3Objects
from shipway.aws.schedules import AwsSchedules
from shipway.aws.secrets import SecretValues
from shipway.aws.session import Session
from shipway.aws.sign_in import AssumedRole
from shipway.aws.stacks import Stacks
from shipway.aws.tasks import AwsTasks
from shipway.config.environment import Environment, EnvironmentRef, Origin, Profile
from shipway.util.partitions import registry_home
from shipway.values import Identity


class AwsAccount:
    """One account's AWS in one region; implements :class:`shipway.delivery.ports.Aws`.

    Args:
        region: Where every call goes that names no other.
        profile: The profile that holds where the environment names nobody.
        endpoint: What every client is bound to; empty for AWS.
    """

    def __init__(self, region: str, profile: Profile | None = None, endpoint: str = "") -> None:
        self._session = Session(region, profile, endpoint)
        self.ecs = AwsEcs(self._session)
        self.revisions = AwsRevisions(self._session)
        self.tasks = AwsTasks(self._session)
        self.schedules = AwsSchedules(self._session)
        self.logs = CloudWatchLogs(self._session)
        self.parameters = Parameters(self._session)
        self.locks = ParameterLog(self._session)
        self.alarms = CloudWatchAlarms(self._session)
        self.published = Published(self._session)
        self.secrets = SecretValues(self._session)
        self.objects = S3Objects(self._session)
        self.stacks = Stacks(self._session)
        self.inspection = AwsInspection(self._session)
        self._repositories: dict[tuple[str, str, str], EcrRepository] = {}

    def identity(self) -> Identity:
        """Who AWS says we are."""
        return self._session.identity()

    def tell_waits(self, tell: Callable[[str], None]) -> None:
        """Tell of each call that is made again; see the port."""
        self._session.weather.tell = tell

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
        """Have credentials renewed that would end in a long job; see the port."""
        self._session.renew_by(token, tell=tell, hide=hide, renewed=renewed, role=role, arn=arn)

    def assume(self, role: str, session: str) -> None:
        """Go on as another role."""
        self._session.assume(AssumedRole(arn=role, session=session))

    def access_key_id(self) -> str:
        """The key id in use."""
        return self._session.access_key_id()

    def repository(self, environment: Environment) -> EcrRepository:
        """The repository that holds the environment's images; one adapter each."""
        # A registry's host says its account and region: a repository may live in a shared one.
        home = registry_home(environment.registry) or (environment.account, environment.region)
        key = (environment.repository, *home)
        if key not in self._repositories:
            there = self._session.elsewhere(home[1])
            self._repositories[key] = EcrRepository(there, environment.repository, home[0])
        return self._repositories[key]

    def repository_at(self, destination: EnvironmentRef, name: str) -> EcrRepository:
        """A repository of another environment, read with the credentials of this one."""
        return EcrRepository(self._session.elsewhere(destination.region), name, destination.account)

    def origin(self, origin: Origin) -> EcrRepository:
        """The repository that promoted images come from, in its own account and region."""
        return origin_of(self._session, origin)

    def kms(self, key: str) -> KmsSigner:
        """An asymmetric signing key of KMS, by its id, ARN or alias."""
        return KmsSigner(self._session, key)
