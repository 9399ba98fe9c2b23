"""What of AWS passes by itself is waited out and told; what does not is given back at once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from shipway.aws import task_definition as definitions
from shipway.aws.ecr import EcrRepository
from shipway.aws.ecs import AwsEcs
from shipway.aws.session import Session
from shipway.aws.weather import PATIENCE, Weather
from shipway.errors import AwsError, ShipwayError
from shipway.values import Digest

URL = "https://ecs.eu-west-1.amazonaws.com/"
REVISION = "arn:aws:ecs:eu-west-1:1:task-definition/shop:42"
CONCURRENT = "Too many concurrent attempts to create a new revision of the specified family."
REGISTERED = {"taskDefinition": {"taskDefinitionArn": REVISION}}
UPDATED = {
    "service": {
        "deployments": [{"id": "ecs-svc/42", "status": "PRIMARY", "taskDefinition": REVISION}]
    }
}


@dataclass
class Raw:
    """The body of an answer."""

    content: bytes

    def stream(self) -> Iterator[bytes]:
        yield self.content


def answer(document: object, status: int = 200) -> AWSResponse:
    return AWSResponse(URL, status, HTTPHeaders(), Raw(json.dumps(document).encode()))


def refusal(code: str, message: str = "", status: int = 400) -> AWSResponse:
    return answer({"__type": code, "message": message}, status)


THROTTLED = refusal("ThrottlingException", "Rate exceeded")
CLOSED = ConnectionClosedError(endpoint_url=URL)


class Sky:
    """Time that passes only where somebody waits, and the answers of AWS in their order."""

    def __init__(self, session: Session) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.calls: list[str] = []
        self.answers: list[AWSResponse | Exception] = []
        session.weather = Weather(lambda: self.now)
        session.weather.tell = self.told.append
        self.session = session

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def over(self, service: str, *answers: AWSResponse | Exception, attempts: int = 5) -> None:
        """Have ``service`` answer so, the last answer again and again."""
        self.answers = list(answers)
        client = self.session.client(service, attempts=attempts)
        client.meta.events.register("before-send", self._send)

    def _send(self, **what: Any) -> AWSResponse:
        self.calls.append(what["request"].url)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture
def sky(monkeypatch: pytest.MonkeyPatch) -> Sky:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    above = Sky(Session("eu-west-1"))
    # The name in botocore, not the function: whoever else sleeps just now is no weather.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=above.sleep))
    random.seed(7)  # botocore's waits are drawn, and a low draw six times over is none of ours
    return above


def register(session: Session) -> str:
    described = {"family": "shop", "containerDefinitions": [{"name": "web", "image": "shop:1"}]}
    return AwsEcs(session).register(definitions.read({"taskDefinition": described}))


def update(session: Session) -> str:
    return AwsEcs(session).update("shop", "shop-web", REVISION).deployment_id


@pytest.mark.parametrize(
    ("call", "bad", "good", "gives"),
    [
        (register, refusal("ClientException", CONCURRENT), REGISTERED, REVISION),
        (register, THROTTLED, REGISTERED, REVISION),
        (update, THROTTLED, UPDATED, "ecs-svc/42"),
        (update, refusal("ServerException", "oh", 500), UPDATED, "ecs-svc/42"),
        (update, CLOSED, UPDATED, "ecs-svc/42"),
        (update, ReadTimeoutError(endpoint_url=URL), UPDATED, "ecs-svc/42"),
        (update, refusal("ClientException", "TaskDefinition not found."), UPDATED, "ecs-svc/42"),
    ],
)
def test_what_passes_is_waited_out(
    sky: Sky,
    call: Callable[[Session], str],
    bad: AWSResponse | Exception,
    good: object,
    gives: str,
) -> None:
    sky.over("ecs", *[bad] * 6, answer(good))
    assert call(sky.session) == gives
    assert len(sky.calls) == 7, "more often than botocore alone would"
    assert len(sky.told) == 6
    assert all("; asked again in " in text for text in sky.told), sky.told
    assert 5 <= sky.now <= PATIENCE


def test_a_scan_that_is_asked_in_bad_weather(sky: Sky) -> None:
    done = {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {}}
    sky.over("ecr", *[THROTTLED] * 6, answer(done))
    repository = EcrRepository(sky.session, "shop", "111122223333", uri="x/shop")
    assert repository.scan(Digest("sha256:" + "0" * 64)).status == "COMPLETE"
    assert sky.told[0].startswith("DescribeImageScanFindings: throttled (ThrottlingException)")


def test_weather_that_stays_ends_with_its_time(sky: Sky) -> None:
    sky.over("ecs", THROTTLED)
    with pytest.raises(AwsError) as caught:
        update(sky.session)
    assert caught.value.what == "ecs:UpdateService was throttled by AWS: Rate exceeded"
    assert PATIENCE - 20 <= sky.now <= PATIENCE + 20


@pytest.mark.parametrize(
    ("call", "bad"),
    [
        (update, refusal("ServiceNotFoundException", "no such service")),
        (update, refusal("AccessDeniedException", "User: x is not authorized")),
        (register, refusal("ClientException", "TaskDefinition not found.")),
        (update, refusal("ServiceException", "it does not do that", 501)),
    ],
)
def test_what_does_not_pass_is_told_at_once(
    sky: Sky, call: Callable[[Session], str], bad: AWSResponse
) -> None:
    sky.over("ecs", bad)
    with pytest.raises(ShipwayError):
        call(sky.session)
    assert len(sky.calls) == 1
    assert sky.told == []


def test_a_look_of_the_watch_is_never_waited_for(sky: Sky) -> None:
    sky.over("ecs", THROTTLED, attempts=1)
    (seen,) = AwsEcs(sky.session).services("shop", ["shop-web"]).values()
    assert [trouble.kind for trouble in seen.troubles] == ["throttled"]
    assert (len(sky.calls), sky.now) == (1, 0.0)
