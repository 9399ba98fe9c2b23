"""Another environment's repository, as it is known here: images are promoted or verified there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from shipway.config.environment import Environment, EnvironmentRef, Origin
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
    return of_other(
        delivery,
        environment,
        environment.promote_from,
        environment.image.key,
        variables=variables,
        published=published,
    )


def registry_of(delivery: DeliveryFile, name: str, variables: Mapping[str, str]) -> EnvironmentRef:
    """An environment, with the account and the region of its registry in the place of its own.

    A registry that several environments share is known where its address is written.
    """
    destination = find(delivery.environment(name), variables)
    repositories = declared_repositories(delivery.document.table["environments"][name])
    homes = {registry_home(text) for text in repositories.values()}
    home = homes.pop() if len(homes) == 1 else None
    account, region = home or (destination.account, destination.region)
    return replace(destination, account=account, region=region)


def of_other(
    delivery: DeliveryFile,
    environment: Environment,
    other: str,
    key: str,
    *,
    variables: Mapping[str, str],
    published: References,
) -> Origin:
    """The repository of another environment; see :func:`origin`.

    Args:
        delivery: The file.
        environment: Whose credentials look it up.
        other: The other's name; where it is ``promote_from``, ``promote_repository`` holds.
        key: The image's key, which ``environment`` is about where it has it.
        variables: The process's environment variables.
        published: Answers references with those credentials.

    Raises:
        UnresolvedReferenceError: It is published, but not here.
        ConfigurationError: What is published is no repository.
    """
    source = delivery.environment(other)
    destination = find(source, variables)
    promoted = other == environment.promote_from
    repository = environment.promote_repository if promoted else ""
    if not repository:
        tables = delivery.document.table["environments"]
        declared = declared_repositories(tables[source.name]).get(key, "")
        if not declared:
            raise ConfigurationError(
                f"{source.name} has no image {key} to promote",
                where=f"ci/delivery.toml  environments.{source.name}.images",
                remedy=f"say there where it lies, or build it in {environment.name}",
            )
        repository = _resolved(declared, variables, published)
    if not repository:
        place = f"{environment.account} {environment.region}"
        raise UnresolvedReferenceError(
            f"{declared}, the repository of {other}, is not published in {place}",
            where="ci/delivery.toml",
            remedy=f"say promote_repository in [environments.{environment.name}]: the repository's "
            "URI, or what holds it there"
            if promoted
            else f"write the repository's URI in [environments.{other}], or publish it under the "
            f"same name in {place}",
        )
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


def _resolved(text: str, variables: Mapping[str, str], published: References) -> str:
    """What a text stands for; empty where nobody knows."""
    reference = Reference.parse(text)
    if reference is None:
        return text
    if reference.scheme == "env":
        return variables.get(reference.name, "")
    found = published.resolve((reference,)).get(reference, Missing())
    return found.text if isinstance(found, Found) else ""
