"""RunTask as it is asked, and a service's placement as it is read; compared with botocore."""

from __future__ import annotations

from dataclasses import replace

import botocore.session
import pytest
from botocore.validate import ParamValidator

from shipway.aws.tasks import placement_of, run_parameters
from shipway.rollout.jobs.terms import Capacity, JobRequest, Placement

REQUEST = JobRequest(
    cluster="shop",
    task_definition="arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:42",
    container="web",
    command=(),
    started_by="shipway/migrate/0123",
    client_token="t" * 64,
    placement=Placement(
        subnets=("subnet-1",),
        security_groups=("sg-1",),
        launch_type="FARGATE",
        platform_version="1.4.0",
    ),
    has_own_address=True,
)
SPOT = Placement(capacity=(Capacity(provider="FARGATE_SPOT", weight=1, base=2),))


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, command=("python", "migrate.py")),
        replace(REQUEST, placement=SPOT),
        replace(REQUEST, has_own_address=False, placement=Placement()),
    ],
)
def test_botocore_takes_every_request(request_: JobRequest) -> None:
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RunTask").input_shape
    assert shape is not None
    report = ParamValidator().validate(run_parameters(request_), shape)
    assert not report.has_errors(), report.generate_report()


def test_what_does_not_go_together_is_not_asked_together() -> None:
    fargate = run_parameters(REQUEST)
    assert fargate["launchType"] == "FARGATE"
    assert fargate["platformVersion"] == "1.4.0"
    assert fargate["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert "overrides" not in fargate
    spot = run_parameters(replace(REQUEST, placement=SPOT))
    assert "launchType" not in spot
    bridge = run_parameters(
        replace(REQUEST, has_own_address=False, placement=Placement(launch_type="EC2"))
    )
    assert "networkConfiguration" not in bridge
    assert "platformVersion" not in bridge


def test_a_services_placement_is_read_whole() -> None:
    service = {
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-1"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "ENABLED",
            }
        },
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
    }
    assert placement_of(service) == Placement(
        subnets=("subnet-1",),
        security_groups=("sg-1",),
        public_ip=True,
        launch_type="FARGATE",
        platform_version="LATEST",
    )
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 2}]
    assert placement_of({"capacityProviderStrategy": strategy, "launchType": "FARGATE"}) == SPOT
    assert placement_of({}) == Placement()
