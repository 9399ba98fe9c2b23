"""The value of a build's secret, read as `valueFrom` of a task definition names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from shipway.aws.secrets import SecretValues
from shipway.aws.session import Session
from shipway.errors import AccessDeniedError, ConfigurationError

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/npm-AbCdEf"  # noqa: S105
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/licence"


@dataclass
class Cloud:
    """One secret and two parameters."""

    secret: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def client(self, _service: str) -> Cloud:
        return self

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        known = {PARAMETER: "of-the-arn", "/shop/licence": "of-the-name"}
        values = [{"Value": known[name]} for name in request["Names"] if name in known]
        return {"Parameters": values}

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.refusal:
            error = {"Code": "AccessDeniedException", "Message": self.refusal}
            raise ClientError({"Error": error}, "GetSecretValue")  # type: ignore[typeddict-item]
        return self.secret


def read(cloud: Cloud, source: str) -> bytes:
    return SecretValues(cast("Session", cloud)).read(source)


@pytest.mark.parametrize(
    ("source", "value"), [("/shop/licence", b"of-the-name"), (PARAMETER, b"of-the-arn")]
)
def test_a_parameter_is_read_by_its_name_or_its_arn(source: str, value: bytes) -> None:
    cloud = Cloud()
    assert read(cloud, source) == value
    assert cloud.asked == [{"Names": [source], "WithDecryption": True}]


@pytest.mark.parametrize(
    ("behind", "asked", "value"),
    [
        ("", {}, b'{"token": "t-1"}'),
        (":token::", {}, b"t-1"),
        (":token", {}, b"t-1"),
        (":token:AWSPREVIOUS:", {"VersionStage": "AWSPREVIOUS"}, b"t-1"),
        ("::AWSCURRENT:v-7", {"VersionStage": "AWSCURRENT", "VersionId": "v-7"}, None),
    ],
)
def test_a_secret_is_read_whole_or_by_a_key(
    behind: str, asked: dict[str, str], value: bytes | None
) -> None:
    cloud = Cloud({"SecretString": '{"token": "t-1"}'})
    assert read(cloud, f"{SECRET}{behind}") == (value or b'{"token": "t-1"}')
    assert cloud.asked == [{"SecretId": SECRET, **asked}]


def test_bytes_stay_bytes() -> None:
    assert read(Cloud({"SecretBinary": b"\x00\xff"}), SECRET) == b"\x00\xff"


@pytest.mark.parametrize(
    ("content", "source", "told"),
    [
        ({"SecretString": "plain"}, f"{SECRET}:token::", 'has no key "token"'),
        ({"SecretString": "{}"}, f"{SECRET}:token::", 'has no key "token"'),
        ({}, "/shop/nowhere", "there is no parameter /shop/nowhere"),
    ],
)
def test_what_is_not_there_is_told(content: dict[str, Any], source: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        read(Cloud(content), source)
    assert "from" in refused.value.remedy
    assert "plain" not in str(refused.value)


def test_a_right_that_lacks_is_named() -> None:
    words = "User: x is not authorized to perform: secretsmanager:GetSecretValue"
    with pytest.raises(AccessDeniedError, match="secretsmanager:GetSecretValue"):
        read(Cloud(refusal=words), SECRET)
