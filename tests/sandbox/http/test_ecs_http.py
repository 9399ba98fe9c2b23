"""The AWS adapters over real HTTP: every bad answer becomes a trouble or an error of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shipway.aws.ecr import EcrRepository, origin_of
from shipway.aws.logs import CloudWatchLogs
from shipway.aws.published import Published
from shipway.aws.session import Session
from shipway.config.environment import Origin
from shipway.config.references import Found, Missing, Reference
from shipway.errors import (
    AccessDeniedError,
    AwsError,
    ConfigurationError,
    CredentialsError,
    PublishError,
    ShipwayError,
    UsageError,
)
from shipway.rollout.judge.terms import FetchPlan
from shipway.rollout.ports import Updated
from shipway.rollout.snapshot import Snapshot, Trouble
from shipway.rollout.task_definition import TaskDefinition
from shipway.values import Digest, Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.http.conftest import Aws

    from shipway.aws.ecs import AwsEcs

TD = "arn:aws:ecs:eu-west-1:111122223333:task-definition/shop:42"
SD = "arn:aws:ecs:eu-west-1:111122223333:service-deployment/shop/shop-web/abc"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/shop/1"
SERVICE: dict[str, Any] = {
    "serviceName": "shop-web",
    "status": "ACTIVE",
    "desiredCount": 2,
    "taskDefinition": TD,
    "deployments": [{"id": "ecs-svc/2", "status": "PRIMARY", "taskDefinition": TD}],
    "loadBalancers": [{"targetGroupArn": GROUP}],
}
IDENTITY = """<GetCallerIdentityResponse><GetCallerIdentityResult>
<Arn>arn:aws:sts::111122223333:assumed-role/deploy/ci</Arn><UserId>A:ci</UserId>
<Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""
HEALTH = """<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>
<member><Target><Id>10.0.0.1</Id><Port>8080</Port></Target>
<TargetHealth><State>unhealthy</State><Reason>Target.Timeout</Reason></TargetHealth></member>
</TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"""
MALFORMED = ("<html>Sign in to the network</html>", "", "[]", "{}", '{"services": 3}')


def look(ecs: AwsEcs) -> Snapshot:
    return ecs.services("shop", ["shop-web"])["shop-web"]


def trouble(ecs: AwsEcs) -> Trouble:
    """The one trouble of a look that gave nothing."""
    seen = look(ecs)
    assert not seen.answered
    (found,) = seen.troubles
    assert found.operation == "DescribeServices"
    return found


@pytest.mark.parametrize(
    ("code", "status", "kind", "text"),
    [
        ("ThrottlingException", 400, "throttled", "ecs:DescribeServices was throttled by AWS: no"),
        (
            "ServerException",
            500,
            "server-error",
            "ecs:DescribeServices failed on AWS's side (500 ServerException): no",
        ),
        (
            "ServiceUnavailable",
            503,
            "server-error",
            "ecs:DescribeServices failed on AWS's side (503 ServiceUnavailable): no",
        ),
        (
            "AccessDeniedException",
            400,
            "access-denied",
            "ecs:DescribeServices is not allowed: no",
        ),
        (
            "ExpiredTokenException",
            400,
            "credentials",
            "AWS refused the credentials at ecs:DescribeServices: no",
        ),
        (
            "UnknownOperationException",
            400,
            "unsupported",
            "ecs:DescribeServices: UnknownOperationException: no",
        ),
    ],
)
def test_a_look_never_raises(  # noqa: PLR0917  # two fixtures and a row of the table
    ecs: AwsEcs, aws: Aws, code: str, status: int, kind: str, text: str
) -> None:
    aws.says(DescribeServices=aws.error(code, status=status))
    assert trouble(ecs) == Trouble(kind=kind, text=text, operation="DescribeServices")
    assert aws.count("DescribeServices") == 1, "the next look is the retry"


def test_a_cluster_that_is_not_there(ecs: AwsEcs, aws: Aws) -> None:
    aws.says(DescribeServices=aws.error("ClusterNotFoundException", "Cluster not found."))
    seen = look(ecs)
    assert (seen.exists, seen.answered, seen.troubles[0].kind) == (False, True, "missing")


def test_a_service_that_is_not_there(ecs: AwsEcs, aws: Aws) -> None:
    failures = [{"arn": "arn:x/shop-web", "reason": "MISSING"}]
    aws.says(DescribeServices={"services": [], "failures": failures})
    assert look(ecs) == Snapshot(exists=False, status="INACTIVE")


@pytest.mark.parametrize("body", MALFORMED)
def test_an_answer_that_is_not_awss_is_a_trouble_that_passes(
    ecs: AwsEcs, aws: Aws, body: str
) -> None:
    aws.says(DescribeServices=aws.reply(body=body.encode()))
    assert trouble(ecs).kind == "server-error"


def test_a_connection_that_is_cut(ecs: AwsEcs, aws: Aws) -> None:
    aws.says(DescribeServices=[aws.reply(cut=True), {"services": [SERVICE]}])
    assert trouble(ecs).kind == "unreachable"
    assert look(ecs).answered


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, ecs: AwsEcs) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    found = trouble(ecs)
    assert found.kind == "unreachable"
    assert found.text.startswith("ecs:DescribeServices: AWS cannot be reached: ")


def test_an_endpoint_that_is_no_address(monkeypatch: pytest.MonkeyPatch, ecs: AwsEcs) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    assert not look(ecs).answered
    with pytest.raises(AwsError) as caught:
        Session("eu-west-1").identity()
    assert "nonsense" in caught.value.what
    assert caught.value.remedy.startswith("check AWS_ENDPOINT_URL")


def expire(aws: Aws) -> None:
    """Refuse the first key id; take any other."""

    def answer(_: dict[str, Any]) -> Any:
        if aws.calls[-1][2] == "ASIAFIRST":
            return aws.error("ExpiredTokenException", "The security token is expired")
        return {"services": [SERVICE]}

    aws.says(DescribeServices=answer)


def test_credentials_that_ran_out_are_renewed_from_the_environment(
    ecs: AwsEcs, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.says(DescribeServices={"services": [SERVICE]})
    assert look(ecs).answered
    expire(aws)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIASECOND")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-2")
    assert look(ecs).troubles == ()
    assert [key for _, _, key in aws.calls] == ["ASIAFIRST", "ASIAFIRST", "ASIASECOND"]


def test_credentials_that_ran_out_are_renewed_from_the_profile(
    ecs: AwsEcs, aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)

    def sign_in(key: str) -> None:
        (tmp_path / "credentials").write_text(
            f"[default]\naws_access_key_id={key}\naws_secret_access_key=s\naws_session_token=t\n"
        )

    sign_in("ASIAFIRST")
    aws.says(DescribeServices={"services": [SERVICE]})
    assert look(ecs).answered
    expire(aws)
    sign_in("ASIASECOND")
    assert look(ecs).troubles == ()


def test_a_new_token_for_the_same_key_counts_as_new(
    ecs: AwsEcs, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.says(DescribeServices={"services": [SERVICE]})
    look(ecs)
    aws.says(DescribeServices=[aws.error("ExpiredTokenException"), {"services": [SERVICE]}])
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-2")
    assert look(ecs).answered


def test_the_same_credentials_are_not_tried_twice(ecs: AwsEcs, aws: Aws) -> None:
    expire(aws)
    assert trouble(ecs).kind == "credentials"
    assert aws.count("DescribeServices") == 1


def test_credentials_that_vanish_are_a_trouble_too(
    ecs: AwsEcs, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire(aws)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    assert trouble(ecs) == Trouble(
        kind="credentials", text="no AWS credentials were found", operation="DescribeServices"
    )


def test_25_services_are_asked_for_ten_at_a_time(ecs: AwsEcs, aws: Aws) -> None:
    names = [f"svc-{number}" for number in range(25)]
    aws.says(
        DescribeServices=lambda asked: {
            "services": [{**SERVICE, "serviceName": name} for name in asked["services"]]
        }
    )
    seen = ecs.services("shop", names)
    assert list(seen) == names
    assert all(one.answered and one.exists for one in seen.values())
    asked = [one["services"] for one in aws.asked["DescribeServices"]]
    assert sorted(asked, key=lambda some: names.index(some[0])) == [
        names[:10],
        names[10:20],
        names[20:],
    ]


def test_a_chunk_that_fails_leaves_the_others_alone(ecs: AwsEcs, aws: Aws) -> None:
    names = [f"svc-{number}" for number in range(11)]
    ten = {"services": [{**SERVICE, "serviceName": name} for name in names[:10]]}
    throttled = aws.error("ThrottlingException")
    # Side by side: which of the two comes first is a matter of chance.
    aws.says(DescribeServices=lambda asked: ten if "svc-0" in asked["services"] else throttled)
    seen = ecs.services("shop", names)
    assert [one.answered for one in seen.values()] == [True] * 10 + [False]


def test_every_task_of_every_page_is_described_a_hundred_at_a_time(ecs: AwsEcs, aws: Aws) -> None:
    arns = [f"arn:aws:ecs:eu-west-1:111122223333:task/shop/{number}" for number in range(150)]
    aws.says(
        DescribeServices={"services": [SERVICE]},
        ListTasks=[{"taskArns": arns[:100], "nextToken": "more"}, {"taskArns": arns[100:]}],
        DescribeTasks=lambda asked: {"tasks": [{"taskArn": arn} for arn in asked["tasks"]]},
    )
    found = ecs.complete("shop", "shop-web", look(ecs), FetchPlan(tasks=True))
    assert [task.arn for task in found.tasks] == arns
    assert aws.asked["ListTasks"][1]["nextToken"] == "more"
    assert [len(one["tasks"]) for one in aws.asked["DescribeTasks"]] == [100, 50]


EVERYTHING = FetchPlan(
    service_deployment=SD, revisions=True, tasks=True, stopped=True, targets=True
)


def everything(aws: Aws) -> None:
    aws.says(
        DescribeServices={"services": [SERVICE]},
        DescribeServiceDeployments={
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": SD,
                    "status": "IN_PROGRESS",
                    "targetServiceRevision": {"arn": "arn:revision"},
                    "createdAt": 1_795_392_058.5,
                }
            ]
        },
        DescribeServiceRevisions={
            "serviceRevisions": [{"serviceRevisionArn": "arn:revision", "taskDefinition": TD}]
        },
        ListTasks={"taskArns": ["arn:aws:ecs:eu-west-1:111122223333:task/shop/t1"]},
        DescribeTasks={"tasks": [{"taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/shop/t1"}]},
        DescribeTargetHealth=HEALTH,
    )


def test_everything_that_is_wanted_is_there(ecs: AwsEcs, aws: Aws) -> None:
    everything(aws)
    found = ecs.complete("shop", "shop-web", look(ecs), EVERYTHING)
    assert found.troubles == ()
    assert found.service_deployment is not None
    assert found.service_deployment.created_at is not None
    assert found.service_deployment.created_at.isoformat() == "2026-11-23T00:00:58.500000+00:00"
    assert found.revisions[0].task_definition == TD
    # In both lists: it stopped between them, and is told once, as the later one says.
    assert [task.id for task in found.tasks] == []
    assert [task.id for task in found.stopped] == ["t1"]
    (target,) = found.targets
    assert (target.id, target.port, target.reason) == ("10.0.0.1", 8080, "Target.Timeout")


@pytest.mark.parametrize(
    ("operation", "told", "action"),
    [
        ("DescribeServiceDeployments", "DescribeServiceDeployments", "ecs"),
        ("DescribeServiceRevisions", "DescribeServiceRevisions", "ecs"),
        ("ListTasks", "ListTasks", "ecs"),
        ("DescribeTasks", "ListTasks", "ecs"),
        ("DescribeTargetHealth", "DescribeTargetHealth", "elasticloadbalancing"),
    ],
)
def test_each_right_that_lacks_is_named_and_the_rest_is_seen(
    ecs: AwsEcs, aws: Aws, operation: str, told: str, action: str
) -> None:
    everything(aws)
    xml = operation == "DescribeTargetHealth"
    denied = aws.xml_error("AccessDenied") if xml else aws.error("AccessDeniedException")
    aws.says(**{operation: denied})
    found = ecs.complete("shop", "shop-web", look(ecs), EVERYTHING)
    assert {one.kind for one in found.troubles} == {"access-denied"}
    assert {one.operation for one in found.troubles} == {told}
    assert {one.text for one in found.troubles} == {f"{action}:{operation} is not allowed: no"}
    seen = [found.service_deployment, found.stopped, found.targets]
    assert len([one for one in seen if one]) >= 2


@pytest.mark.parametrize("operation", ["DescribeServiceDeployments", "DescribeServiceRevisions"])
def test_an_emulator_without_service_deployments_is_told_as_unsupported(
    ecs: AwsEcs, aws: Aws, operation: str
) -> None:
    everything(aws)
    aws.says(**{operation: aws.error("InvalidParameterException")})
    (found,) = ecs.complete("shop", "shop-web", look(ecs), EVERYTHING).troubles
    assert (found.kind, found.operation) == ("unsupported", operation)


def test_an_update_gives_the_id_of_our_deployment_and_of_all_before(ecs: AwsEcs, aws: Aws) -> None:
    older = [{"id": f"ecs-svc/{number}", "status": "ACTIVE"} for number in (0, 1)]
    service = {**SERVICE, "deployments": [*SERVICE["deployments"], *older]}
    aws.says(UpdateService={"service": service})
    assert ecs.update("shop", "shop-web", TD) == Updated(
        deployment_id="ecs-svc/2", earlier=frozenset({"ecs-svc/0", "ecs-svc/1"})
    )
    assert aws.asked["UpdateService"] == [
        {"cluster": "shop", "service": "shop-web", "taskDefinition": TD}
    ], "no desired count: autoscaling keeps its own"


def test_an_update_that_answers_about_somebody_elses(ecs: AwsEcs, aws: Aws) -> None:
    other = {"id": "ecs-svc/9", "status": "PRIMARY", "taskDefinition": "arn:other:43"}
    aws.says(UpdateService={"service": {**SERVICE, "deployments": [other]}})
    with pytest.raises(AwsError) as caught:
        ecs.update("shop", "shop-web", TD)
    assert caught.value.what == "UpdateService answered without a deployment of our task definition"


def test_a_stop_that_is_refused_is_a_trouble(ecs: AwsEcs, aws: Aws) -> None:
    aws.says(StopServiceDeployment=aws.error("AccessDeniedException"))
    found = ecs.stop(SD, "ROLLBACK")
    assert found is not None
    assert (found.kind, found.operation) == ("access-denied", "StopServiceDeployment")
    aws.says(StopServiceDeployment={"serviceDeploymentArn": SD})
    assert ecs.stop(SD, "ROLLBACK") is None


def test_a_task_definition_goes_through_untouched(ecs: AwsEcs, aws: Aws) -> None:
    document = {"family": "shop", "pidMode": "", "containerDefinitions": []}
    aws.says(
        DescribeTaskDefinition={"taskDefinition": document, "tags": [{"key": "a", "value": ""}]},
        RegisterTaskDefinition={"taskDefinition": {"taskDefinitionArn": TD}},
    )
    live = ecs.task_definition(TD)
    assert ecs.register(live) == TD
    assert aws.asked["RegisterTaskDefinition"] == [
        {**document, "tags": [{"key": "a", "value": ""}]}
    ]


def test_a_task_definition_that_is_not_there_is_told_as_that(ecs: AwsEcs, aws: Aws) -> None:
    words = "Unable to describe task definition."
    aws.says(DescribeTaskDefinition=[aws.error("ClientException", words), aws.error("Odd", "no")])
    with pytest.raises(ConfigurationError, match="there is no task definition shop-warm in eu-we"):
        ecs.task_definition("shop-warm")
    with pytest.raises(AwsError, match="Odd: no"):
        ecs.task_definition("shop-warm")


def test_a_clock_that_is_wrong_is_no_matter_of_credentials(ecs: AwsEcs, aws: Aws) -> None:
    words = "Signature expired: 20240522T111019Z is now earlier than 20240522T120519Z "
    refused = aws.error("InvalidSignatureException", f"{words}(20240522T121019Z - 5 min.)")
    aws.says(DescribeTaskDefinition=refused)
    with pytest.raises(CredentialsError, match="clock is 60 min behind AWS's") as wrong:
        ecs.task_definition("shop")
    assert wrong.value.remedy.startswith("set the clock")


def test_a_field_that_the_sdk_does_not_know(ecs: AwsEcs, aws: Aws) -> None:
    document = {"family": "shop", "containerDefinitions": [], "newField": "canary"}
    with pytest.raises(UsageError) as caught:
        ecs.register(TaskDefinition(family="shop", document=document))
    assert caught.value.remedy == "update boto3: the task definition uses a newer field"
    assert caught.value.details == ("newField is not known to the SDK",)
    assert "canary" not in str(caught.value)
    assert aws.calls == []


CALLS: list[tuple[str, Callable[[Session, AwsEcs], object], str]] = [
    ("DescribeTaskDefinition", lambda _, ecs: ecs.task_definition(TD), "ecs"),
    (
        "RegisterTaskDefinition",
        lambda _, ecs: ecs.register(TaskDefinition(family="shop", document={"family": "shop"})),
        "ecs",
    ),
    ("UpdateService", lambda _, ecs: ecs.update("shop", "shop-web", TD), "ecs"),
    ("GetCallerIdentity", lambda session, _: session.identity(), "sts"),
    ("GetLogEvents", lambda session, _: CloudWatchLogs(session).tail("g", "s", 20), "logs"),
    (
        "GetParameters",
        lambda session, _: Published(session).resolve([Reference("ssm", "/a")]),
        "ssm",
    ),
    (
        "DescribeStacks",
        lambda session, _: Published(session).resolve([Reference("cfn", "Stack.Out")]),
        "cloudformation",
    ),
    (
        "DescribeRepositories",
        lambda session, _: EcrRepository(session, "shop", "1" * 12).uri,
        "ecr",
    ),
    ("BatchGetImage", lambda session, _: EcrRepository(session, "shop", "1" * 12).find("t"), "ecr"),
]


@pytest.mark.parametrize(("operation", "call", "service"), CALLS)
def test_each_denied_call_names_the_right_that_lacks(  # noqa: PLR0917  # fixtures and a row
    session: Session,
    ecs: AwsEcs,
    aws: Aws,
    operation: str,
    call: Callable[[Session, AwsEcs], object],
    service: str,
) -> None:
    query = service in {"sts", "cloudformation"}
    denied = aws.xml_error("AccessDenied") if query else aws.error("AccessDeniedException")
    aws.says(**{operation: denied})
    with pytest.raises(AccessDeniedError) as caught:
        call(session, ecs)
    assert caught.value.what == f"{service}:{operation} is not allowed: no"
    assert caught.value.remedy.startswith(f"allow {service}:{operation} on ")


@pytest.mark.parametrize(("operation", "call", "service"), CALLS)
def test_no_call_lets_a_foreign_exception_through(  # noqa: PLR0917  # fixtures and a row
    session: Session,
    ecs: AwsEcs,
    aws: Aws,
    operation: str,
    call: Callable[[Session, AwsEcs], object],
    service: str,
) -> None:
    for body in MALFORMED:
        aws.says(**{operation: aws.reply(body=body.encode())})
        with pytest.raises(ShipwayError) as caught:
            call(session, ecs)
        assert caught.value.what.startswith(f"{service}:{operation}")
        assert caught.value.remedy


def test_who_we_are(session: Session, aws: Aws) -> None:
    aws.says(GetCallerIdentity=IDENTITY)
    assert session.identity() == Identity(
        account="111122223333",
        arn="arn:aws:sts::111122223333:assumed-role/deploy/ci",
        user_id="A:ci",
    )
    assert session.access_key_id() == "ASIAFIRST"


def test_no_credentials_at_all(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(CredentialsError) as caught:
        Session("eu-west-1").identity()
    assert caught.value.what == "no AWS credentials were found"
    assert caught.value.remedy.startswith("sign in (aws sso login, or AWS_PROFILE=…)")
    assert aws.calls == []


def test_a_profile_that_is_not_there(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsError) as caught:
        Session("eu-west-1").identity()
    assert caught.value.what == 'there is no AWS profile "nobody" on this machine'
    assert aws.calls == []


def test_a_log_stream_that_is_not_there_yet_is_empty(session: Session, aws: Aws) -> None:
    events = [{"timestamp": 1_795_392_058_000, "message": "KeyError: 'X'"}]
    aws.says(GetLogEvents=[aws.error("ResourceNotFoundException"), {"events": events}])
    logs = CloudWatchLogs(session)
    assert logs.tail("g", "s", 20) == ()
    ((at, line),) = logs.tail("g", "s", 20)
    assert (at.isoformat(), line) == ("2026-11-23T00:00:58+00:00", "KeyError: 'X'")


def test_parameters_are_read_ten_at_a_time_and_secrets_marked(session: Session, aws: Aws) -> None:
    references = [Reference("ssm", f"/shop/{number}") for number in range(12)]
    aws.says(
        GetParameters=lambda asked: {
            "Parameters": [
                {
                    "Name": name,
                    "Value": "some value",
                    "Type": "SecureString" if "1" in name else "String",
                }
                for name in asked["Names"]
                if name != "/shop/3"
            ]
        },
        GetParametersByPath={"Parameters": [{"Name": "/shop/three"}]},
    )
    found = Published(session).resolve(references)
    assert [len(one["Names"]) for one in aws.asked["GetParameters"]] == [10, 2]
    assert found[references[0]] == Found(text="some value")
    assert found[references[1]] == Found(text="some value", secret=True)
    assert found[references[3]] == Missing(published=("/shop/three",))


def test_a_stack_that_is_not_there(session: Session, aws: Aws) -> None:
    gone = aws.xml_error("ValidationError", "Stack with id Shop does not exist", 400)
    aws.says(DescribeStacks=gone)
    reference = Reference("cfn", "Shop.Url")
    missing = Published(session).resolve([reference])[reference]
    assert isinstance(missing, Missing)
    assert missing.reason == "there is no stack Shop"
    (more,) = missing.more
    assert ": aws cloudformation list-stacks --region eu-west-1 " in more


def test_an_index_in_ecr_is_known_by_its_platforms(session: Session, aws: Aws) -> None:
    index, child = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    manifest = json.dumps({"manifests": [{"digest": child, "platform": {"os": "linux"}}]})
    image = {"imageId": {"imageDigest": index}, "imageManifest": manifest}
    aws.says(BatchGetImage=[{"images": [image]}, {"images": [], "failures": [{}]}])
    repository = EcrRepository(session, "shop", "111122223333")
    found = repository.find("tag")
    assert found is not None
    assert (found.digest, found.platforms) == (Digest(index), frozenset({Digest(child)}))
    assert repository.find(index) is None
    assert aws.asked["BatchGetImage"][1]["imageIds"] == [{"imageDigest": index}]


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_a_promoted_image_is_asked_for_in_its_own_region(session: Session, region: str) -> None:
    host = f"111122223333.dkr.ecr.{region}.amazonaws.com"
    origin = Origin(
        environment="staging",
        account="111122223333",
        region=region,
        registry=host,
        repository="shop",
    )
    source = origin_of(session, origin)
    assert (source.region, source.uri) == (region, f"{host}/shop")


def test_a_repository_that_is_not_there(session: Session, aws: Aws) -> None:
    aws.says(BatchGetImage=aws.error("RepositoryNotFoundException"))
    with pytest.raises(PublishError) as caught:
        EcrRepository(session, "shop", "111122223333").find("tag")
    assert caught.value.what == "ECR repository shop in 111122223333 does not exist"


@pytest.mark.parametrize(
    "code",
    ["ScanNotFoundException", "ValidationException", "ServerException"],
)
def test_no_scan_is_never_an_error_and_never_clean(session: Session, aws: Aws, code: str) -> None:
    aws.says(DescribeImageScanFindings=aws.error(code, "why not"))
    found = EcrRepository(session, "shop", "1" * 12).scan(Digest(f"sha256:{'1' * 64}"))
    assert (found.status, dict(found.findings)) == ("not available here", {})
    assert "why not" in found.reason


def test_a_scan_that_may_not_be_read_is_no_missing_scan(session: Session, aws: Aws) -> None:
    aws.says(DescribeImageScanFindings=aws.error("AccessDeniedException", "why not"))
    with pytest.raises(AccessDeniedError) as caught:
        EcrRepository(session, "shop", "1" * 12).scan(Digest(f"sha256:{'1' * 64}"))
    assert caught.value.what == "ecr:DescribeImageScanFindings is not allowed: why not"
