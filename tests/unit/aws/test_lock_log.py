"""The lock's parameter, against a Parameter Store that answers as the API Reference says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from shipway.aws.lock_log import ParameterLog
from shipway.aws.session import Session
from shipway.errors import AccessDeniedError
from shipway.lock.log import Holder, Written

NAME = "/shipway/shop/staging/lock"
AT = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
ADA = Holder(nonce="a1", owner="ada", run="", version="0.3", since="", expiry=180)
TEXT = Written(state="claimed", basis=0, holder=ADA).text


@dataclass
class Ssm:
    """Knows one parameter of as many versions as were written."""

    versions: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(
        default_factory=lambda: {"date": "Sat, 28 Nov 2026 03:00:07 GMT"}
    )
    requests: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)

    def client(self, service: str, *, attempts: int = 5) -> Ssm:
        assert service == "ssm"
        self.attempts.append(attempts)
        return self

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        names = request["Names"]
        assert 0 < len(names) <= 10
        there = range(1, len(self.versions) + 1)
        newest = [len(self.versions)] if self.versions else []
        numbers = [int(name.rpartition(":")[2]) for name in names if ":" in name] or newest
        parameters = [
            {"Version": number, "Value": self.versions[number - 1], "LastModifiedDate": AT}
            for number in reversed(numbers)
            if number in there
        ]
        return {"Parameters": parameters, "ResponseMetadata": {"HTTPHeaders": self.headers}}

    def put_parameter(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        self.versions.append(request["Value"])
        return {"Version": len(self.versions)}


def log_of(ssm: Ssm) -> ParameterLog:
    return ParameterLog(cast("Session", ssm))


def test_a_parameter_that_is_not_there_has_no_versions() -> None:
    reading = log_of(Ssm()).newest(NAME)
    assert reading.entries == ()
    assert reading.now == datetime(2026, 11, 28, 3, 0, 7, tzinfo=UTC)


def test_what_was_written_is_read_back() -> None:
    ssm = Ssm()
    log = log_of(ssm)
    assert log.write(NAME, TEXT) == 1
    [request] = ssm.requests
    assert {key: request[key] for key in ("Name", "Type", "Overwrite")} == {
        "Name": NAME, "Type": "String", "Overwrite": True,
    }  # fmt: skip
    [entry] = log.newest(NAME).entries
    assert (entry.version, entry.modified) == (1, AT)
    assert entry.written is not None
    assert entry.written.holder == ADA


def test_versions_are_read_in_tens_and_put_in_order() -> None:
    ssm = Ssm(versions=[TEXT] * 23)
    reading = log_of(ssm).between(NAME, 3, 25)
    assert [entry.version for entry in reading.entries] == list(range(3, 24))
    assert [len(request["Names"]) for request in ssm.requests] == [10, 10, 3]


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 28 Nov 2026 03:00:07 -0000"])
def test_without_a_clock_of_its_own_aws_says_no_time(date: str) -> None:
    ssm = Ssm(headers={"date": date} if date else {})
    assert log_of(ssm).newest(NAME).now is None


def test_whoever_is_about_to_end_asks_once_more_at_most() -> None:
    ssm = Ssm()
    log_of(ssm).write(NAME, TEXT, hurry=True)
    assert ssm.attempts == [2]


def test_a_refusal_names_the_statement() -> None:
    class Denied(Ssm):
        def put_parameter(self, **request: Any) -> dict[str, Any]:
            message = (
                f"not authorized to perform: ssm:PutParameter on resource: arn:{request['Name']}"
            )
            error = {"Error": {"Code": "AccessDeniedException", "Message": message}}
            raise ClientError(error, "PutParameter")  # type: ignore[arg-type]  # as it answers

    with pytest.raises(AccessDeniedError) as caught:
        log_of(Denied()).write(NAME, TEXT)
    assert "ssm:PutParameter" in caught.value.details[0]
