"""The secrets of a build: where each lies, and what of it must be shown nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shipway.config.images import BuildSecret
from shipway.delivery.ports import SecretValues
from shipway.errors import ConfigurationError
from shipway.image.build import SecretMount
from shipway.redact import secret_values

# GNU Inetutils, "The .netrc file": a name, then its value, on one line or several.
_NETRC: Final = re.compile(r"(?:^|\s)(password)\s+(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSecret:
    """A secret that was read; ``value`` is for hiding it, ``mount`` for giving it to a build."""

    mount: SecretMount
    value: bytes = field(repr=False)


def read_secrets(
    secrets: Sequence[BuildSecret],
    root: Path,
    variables: Mapping[str, str],
    aws: SecretValues | None,
) -> tuple[FoundSecret, ...]:
    """Read every secret of a build.

    Args:
        secrets: What delivery.toml says.
        root: A relative file begins here.
        variables: The process's environment variables.
        aws: Reads those of AWS; ``None`` where no AWS is asked.

    Raises:
        ConfigurationError: A file cannot be read, a variable is not set, or only AWS knows it.
        ShipwayError: AWS refused.
    """
    return tuple(_found(secret, root, variables, aws) for secret in secrets)


def _found(
    secret: BuildSecret, root: Path, variables: Mapping[str, str], aws: SecretValues | None
) -> FoundSecret:
    if secret.kind == "variable":
        value = variables.get(secret.source, "")
        if not value:
            raise _lacking(
                secret, f"{secret.source} is not set", f"export {secret.source} here, and in CI"
            )
        mount = SecretMount(id=secret.id, variable=secret.source)
        return FoundSecret(mount=mount, value=value.encode())
    if secret.kind == "file":
        file = root / secret.source
        try:
            content = file.read_bytes()
        except OSError as error:
            raise _lacking(
                secret,
                f"{file} cannot be read: {error.strerror}",
                "put it there, or correct `file`",
            ) from error
        return FoundSecret(mount=SecretMount(id=secret.id, file=file), value=content)
    if aws is None:
        raise _lacking(
            secret,
            f"only AWS knows {secret.source}, and a build alone asks no AWS",
            "run publish or deploy, or name a file or a variable",
        )
    content = aws.read(secret.source)
    return FoundSecret(mount=SecretMount(id=secret.id, value=content), value=content)


def _lacking(secret: BuildSecret, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"build secret {secret.id}: {why}",
        where="ci/delivery.toml",
        remedy=f"{remedy}; nothing was built",
    )


def hidden(value: bytes) -> Iterator[str]:
    """What must be seen nowhere: the whole, each of its lines as a log shows them, and each part.

    A part is what a JSON document or a ``.netrc`` gives a name that looks secret.
    """
    text = value.decode("utf-8", "replace")
    yield text
    for line in text.splitlines():
        yield line.strip()
        # Of "//registry/:_authToken=…" and "password: …", what stands behind the sign.
        for sign in ("=", ": "):
            yield line.rpartition(sign)[2].strip()
    yield from secret_values(_named(text))


def _named(text: str) -> Iterator[tuple[str, str]]:
    """Names and texts of a JSON document, as Secrets Manager keeps them, or of a ``.netrc``."""
    yield from _NETRC.findall(text)
    try:
        waiting = [("", json.loads(text))]
    except (ValueError, RecursionError):
        return
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(name, inner) for inner in value]
        elif isinstance(value, str):
            yield name, value
