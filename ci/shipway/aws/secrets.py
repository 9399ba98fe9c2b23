"""Values of secrets that a build reads: from Secrets Manager, and from the Parameter Store."""

from __future__ import annotations

import json

from shipway.aws.session import Session, translated
from shipway.errors import ConfigurationError

_ARN_PARTS = 7
"""Parts of a secret's ARN; behind them ECS writes a key of its JSON, a stage and a version."""


class SecretValues:
    """Implements :class:`shipway.delivery.ports.SecretValues`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, source: str) -> bytes:
        """The value of a secret.

        Args:
            source: As ``valueFrom`` of a task definition names it (ECS API Reference, Secret): a
                secret's ARN, maybe with ``:json-key:stage:version``; a parameter's ARN or name.

        Raises:
            AccessDeniedError: The role may not read it.
            AwsError: There is none, AWS refused, or cannot be reached.
            ConfigurationError: The secret is no JSON object with that key.
        """
        if ":secretsmanager:" not in source:
            with translated("ssm:GetParameters", source):
                client = self._session.client("ssm")
                # By name or by ARN (AWS Systems Manager API Reference, GetParameters).
                answer = client.get_parameters(Names=[source], WithDecryption=True)
            values = [str(each["Value"]) for each in answer["Parameters"]]
            if not values:
                raise ConfigurationError(
                    f"there is no parameter {source}",
                    where="ci/delivery.toml",
                    remedy="correct `from` of the build secret; nothing was built",
                )
            return values[0].encode()
        parts = source.split(":")
        key, stage, version = (*parts[_ARN_PARTS:], "", "", "")[:3]
        chosen = {"VersionStage": stage, "VersionId": version}
        with translated("secretsmanager:GetSecretValue", source):
            client = self._session.client("secretsmanager")
            answer = client.get_secret_value(
                SecretId=":".join(parts[:_ARN_PARTS]),
                **{name: text for name, text in chosen.items() if text},
            )
        content = answer.get("SecretBinary") or str(answer.get("SecretString", "")).encode()
        return _of_key(content, key, source) if key else bytes(content)


def _of_key(content: bytes, key: str, source: str) -> bytes:
    try:
        return str(json.loads(content)[key]).encode()
    except (ValueError, LookupError, TypeError):
        raise ConfigurationError(
            f'the secret has no key "{key}" of a JSON object',
            where=source,
            remedy="correct `from` of the build secret, or the secret; nothing was built",
        ) from None
