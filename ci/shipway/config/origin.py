"""Where a promoted image comes from: another environment's repository, as it is known here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shipway.config.environment import Environment, Origin
from shipway.config.images import declared_repositories
from shipway.config.load import DeliveryFile
from shipway.config.names import HOST, REPOSITORY
from shipway.config.references import Found, Missing, Reference, References
from shipway.config.resolve import find
from shipway.errors import ConfigurationError, UnresolvedReferenceError
from shipway.util.partitions import registry_home, registry_host


def origin(
    delivery: DeliveryFile,
    environment: Environment,
    *,
    variables: Mapping[str, str],
    published: References,
) -> Origin:
    """The repository of ``promote_from``.

    Args:
        delivery: The file.
        environment: Where the image goes to; its ``promote_from`` names an environment.
        variables: The process's environment variables.
        published: Answers references with the credentials of where the image goes to.

    Raises:
        UnresolvedReferenceError: It is published, but not here.
        ConfigurationError: What is published is no repository.
    """
    source = delivery.environment(environment.promote_from)
    destination = find(source, variables)
    repository = environment.promote_repository
    if not repository:
        tables = delivery.document.table["environments"]
        declared = declared_repositories(tables[source.name]).get(environment.image.key, "")
        if not declared:
            raise ConfigurationError(
                f"{source.name} has no image {environment.image.key} to promote",
                where=f"ci/delivery.toml  environments.{source.name}.images",
                remedy=f"say there where it lies, or build it in {environment.name}",
            )
        repository = _resolved(declared, variables, published, environment)
    match = re.fullmatch(f"(?:({HOST})/)?({REPOSITORY})", repository)
    if match is None:
        raise ConfigurationError(
            f"the repository of {source.name} should be a name or a URI, not {repository[:80]!r}",
            where="ci/delivery.toml",
            remedy=f"correct `repository` of {source.name}, or say promote_repository",
        )
    account, region = registry_home(repository) or (destination.account, destination.region)
    return Origin(
        environment=source.name,
        account=account,
        region=region,
        registry=match[1] or registry_host(destination.account, destination.region),
        repository=match[2],
    )


def _resolved(
    text: str, variables: Mapping[str, str], published: References, environment: Environment
) -> str:
    reference = Reference.parse(text)
    if reference is None:
        return text
    if reference.scheme == "env":
        if value := variables.get(reference.name, ""):
            return value
        resolution: Found | Missing = Missing()
    else:
        resolution = published.resolve((reference,)).get(reference, Missing())
    if isinstance(resolution, Found):
        return resolution.text
    raise UnresolvedReferenceError(
        f"{reference}, the repository of {environment.promote_from}, is not published in "
        f"{environment.account} {environment.region}",
        where="ci/delivery.toml",
        remedy=f"say promote_repository in [environments.{environment.name}]: the repository's "
        "URI, or what holds it there",
    )
