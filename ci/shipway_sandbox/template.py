"""The compute layer of one environment as a CloudFormation template: what a platform team owns.

There is no VPC, subnet or security group here: the sandbox's tasks share one bridge network, and
the load balancer is reached on the loopback address, so a network of its own would be decoration
that nothing tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shipway_sandbox.plan import JobPlan, Layer, SchedulePlan, ServicePlan, SidecarPlan

Resource = dict[str, Any]
_WAIT = ("/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done")
_SECONDS_TO_STOP = 5
_HEALTH_SECONDS = 5


def render(layer: Layer, *, images: Mapping[str, str], endpoint: str, count: bool) -> str:
    """The template's text.

    Args:
        layer: The environment.
        images: Key of each service → its bootstrap image, pinned by digest.
        endpoint: Where the load balancers answer, without a slash at the end.
        count: Whether tasks are to run yet: the first time the images are not there.
    """
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The compute layer of {layer.environment}.",
        "Resources": dict(_resources(layer, images, endpoint, count=count)),
        "Outputs": {
            name: {"Value": _value(held, layer, endpoint)}
            for name, held in layer.outputs.get(layer.stack, {}).items()
        },
    }
    return json.dumps(document, indent=1)


def render_outputs(layer: Layer, stack: str, *, endpoint: str) -> str:
    """A stack of its own that only publishes, for what delivery.toml looks up in another stack."""
    anchor = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    outputs = {
        name: {"Value": literal(held, layer, endpoint)}
        for name, held in layer.outputs[stack].items()
    }
    return json.dumps({"Resources": {"Anchor": anchor}, "Outputs": outputs}, indent=1)


def literal(held: str, layer: Layer, endpoint: str) -> str:
    """What a published name holds, in words: see :attr:`~shipway_sandbox.plan.Layer.parameters`."""
    kind, _, rest = held.partition(":")
    match kind:
        case "cluster":
            return layer.cluster
        case "repository":
            return layer.repositories[rest]
        case "service":
            return next(service.name for service in layer.services if service.key == rest)
        case "url":
            return f"{endpoint}/_alb/{layer.balancers[rest]}"
        case _:
            return rest


def _value(held: str, layer: Layer, endpoint: str) -> Any:
    """As :func:`literal`, by reference where the stack makes the thing: it then waits for it."""
    kind, _, rest = held.partition(":")
    match kind:
        case "cluster":
            return {"Ref": "Cluster"}
        case "repository":
            return {"Ref": f"Repository{camel(rest)}"}
        case "service":
            return {"Fn::GetAtt": [f"Service{camel(rest)}", "Name"]}
        case _:
            return literal(held, layer, endpoint)


def _resources(
    layer: Layer, images: Mapping[str, str], endpoint: str, *, count: bool
) -> Iterator[tuple[str, Resource]]:
    for key, name in layer.repositories.items():
        yield (
            f"Repository{camel(key)}",
            _of(
                "ECR::Repository",
                RepositoryName=name,
                ImageTagMutability="IMMUTABLE",
                ImageScanningConfiguration={"ScanOnPush": True},
                **({"RepositoryPolicyText": _readable(layer)} if layer.readers else {}),
            ),
        )
    yield "Cluster", _of("ECS::Cluster", ClusterName=layer.cluster)
    yield "ExecutionRole", _execution_role(layer)
    yield "TaskRole", _role(layer.task_role)
    for bucket in layer.buckets:
        yield f"Bucket{camel(bucket)}", _of("S3::Bucket", BucketName=bucket)
        if layer.guests:
            yield f"Policy{camel(bucket)}", _opened(bucket, layer)
    for service in layer.services:
        yield from _service(service, images[service.key], count=count)
    for job in layer.jobs:
        yield from _job(job, images[layer.services[0].key])
    for schedule in layer.schedules:
        yield from _schedule(schedule, layer)
    for number, (name, held) in enumerate(layer.parameters.items()):
        value = _value(held, layer, endpoint)
        yield f"Parameter{number}", _of("SSM::Parameter", Name=name, Type="String", Value=value)


def _opened(bucket: str, layer: Layer) -> Resource:
    """The bucket's policy: other accounts may use it ("Cross-account bucket access", S3)."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = _allowed(layer.guests, "s3:*", Resource=resources)
    policy = _of("S3::BucketPolicy", Bucket=bucket, PolicyDocument=statement)
    return {**policy, "DependsOn": f"Bucket{camel(bucket)}"}


def _readable(layer: Layer) -> Resource:
    """The repository's policy, as the account of promoted images must set it."""
    return _allowed(layer.readers, ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"])


def _allowed(accounts: Sequence[str], actions: str | list[str], **more: object) -> Resource:
    """A policy of a resource that lets accounts in; each still says who of its own may."""
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    statement = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": actions, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _execution_role(layer: Layer) -> Resource:
    read = [
        f"arn:aws:ssm:{layer.region}:{layer.account}:parameter{name}"
        for name in layer.stand_ins
        if not name.startswith("arn:")
    ]
    secrets = [f"{name}*" for name in layer.stand_ins if name.startswith("arn:")]
    made = [
        *(f"LogGroup{camel(service.key)}" for service in layer.services),
        *(f"JobLogGroup{camel(job.key)}" for job in layer.jobs),
    ]
    groups = [{"Fn::GetAtt": [name, "Arn"]} for name in made]
    statements = [
        _allow(["ecr:GetAuthorizationToken"], "*"),
        _allow(
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            [{"Fn::GetAtt": [f"Repository{camel(key)}", "Arn"]} for key in layer.repositories],
        ),
        _allow(["logs:CreateLogStream", "logs:PutLogEvents"], groups),
    ]
    if read:
        statements.append(_allow(["ssm:GetParameters"], read))
    if secrets:
        statements.append(_allow(["secretsmanager:GetSecretValue"], secrets))
    policy = {"Version": "2012-10-17", "Statement": statements}
    return _role(
        layer.execution_role, Policies=[{"PolicyName": "start-tasks", "PolicyDocument": policy}]
    )


def _role(name: str, **further: Any) -> Resource:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    return _of("IAM::Role", RoleName=name, AssumeRolePolicyDocument=trust, **further)


def _allow(actions: list[str], resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _service(service: ServicePlan, image: str, *, count: bool) -> Iterator[tuple[str, Resource]]:
    key = camel(service.key)
    yield (
        f"LogGroup{key}",
        _of("Logs::LogGroup", LogGroupName=service.log_group, RetentionInDays=14),
    )
    yield f"TaskDefinition{key}", _task_definition(service, image)
    balanced: dict[str, Any] = {}
    if service.port:
        yield from _balancer(service)
        balanced = {
            "LoadBalancers": [
                {
                    "ContainerName": service.container,
                    "ContainerPort": service.port,
                    "TargetGroupArn": {"Ref": f"TargetGroup{key}"},
                }
            ]
        }
    resource = _of(
        "ECS::Service",
        ServiceName=service.name,
        Cluster={"Ref": "Cluster"},
        TaskDefinition={"Ref": f"TaskDefinition{key}"},
        DesiredCount=service.count if count else 0,
        DeploymentConfiguration={
            "MaximumPercent": 200,
            "MinimumHealthyPercent": 100,
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        },
        **balanced,
    )
    yield f"Service{key}", {**resource, **({"DependsOn": f"Listener{key}"} if balanced else {})}


def _task_definition(service: ServicePlan, image: str) -> Resource:
    key = camel(service.key)
    own: dict[str, Any] = {
        "Name": service.container,
        "Image": image,
        "Essential": True,
        "StopTimeout": _SECONDS_TO_STOP,
        "Command": list(service.command),
        "Environment": _pairs(service.environment, "Value"),
        "Secrets": _pairs(service.secrets, "ValueFrom"),
        "LogConfiguration": _logs(service.log_group, service.container),
    }
    if service.port:
        own["PortMappings"] = [{"ContainerPort": service.port, "Protocol": "tcp"}]
    return _of(
        "ECS::TaskDefinition",
        Family=service.family,
        NetworkMode="bridge",
        Cpu=str(service.cpu),
        Memory=str(service.memory),
        ExecutionRoleArn={"Fn::GetAtt": ["ExecutionRole", "Arn"]},
        TaskRoleArn={"Fn::GetAtt": ["TaskRole", "Arn"]},
        ContainerDefinitions=[
            {name: value for name, value in own.items() if value != []},
            *(_sidecar(sidecar, service, image) for sidecar in service.sidecars),
        ],
    ) | {"DependsOn": f"LogGroup{key}"}


def _sidecar(sidecar: SidecarPlan, service: ServicePlan, image: str) -> dict[str, Any]:
    words = ["/bin/busybox", *sidecar.command] if sidecar.command else list(_WAIT)
    return {
        "Name": sidecar.name,
        "Image": image,
        "Essential": sidecar.essential,
        "EntryPoint": words[:1],
        "Command": words[1:],
        "LogConfiguration": _logs(service.log_group, sidecar.name),
    }


def _job(job: JobPlan, image: str) -> Iterator[tuple[str, Resource]]:
    """Its first revision has the bootstrap image: nothing runs until a release brings its own."""
    key = camel(job.key)
    group = _of("Logs::LogGroup", LogGroupName=job.log_group, RetentionInDays=14)
    yield f"JobLogGroup{key}", group
    container = {
        "Name": job.container,
        "Image": image,
        "Essential": True,
        "StopTimeout": _SECONDS_TO_STOP,
        "Environment": _pairs(job.environment, "Value"),
        "LogConfiguration": _logs(job.log_group, job.container),
    }
    definition = _of(
        "ECS::TaskDefinition",
        Family=job.family,
        NetworkMode="bridge",
        Cpu=str(job.cpu),
        Memory=str(job.memory),
        ExecutionRoleArn={"Fn::GetAtt": ["ExecutionRole", "Arn"]},
        TaskRoleArn={"Fn::GetAtt": ["TaskRole", "Arn"]},
        ContainerDefinitions=[{name: value for name, value in container.items() if value != []}],
    )
    yield f"JobTaskDefinition{key}", definition | {"DependsOn": f"JobLogGroup{key}"}


def _schedule(schedule: SchedulePlan, layer: Layer) -> Iterator[tuple[str, Resource]]:
    """It starts the family's first revision, and never goes off: nobody waits for a night here."""
    made = {
        **{each.family: f"JobTaskDefinition{camel(each.key)}" for each in layer.jobs},
        **{each.family: f"TaskDefinition{camel(each.key)}" for each in layer.services},
    }
    definition = {"Ref": made[schedule.family]}
    target = {
        "Arn": {"Fn::GetAtt": ["Cluster", "Arn"]},
        "RoleArn": {"Fn::GetAtt": ["TaskRole", "Arn"]},
        "EcsParameters": {"TaskDefinitionArn": definition, "TaskCount": 1},
        "Input": '{"containerOverrides":[]}',
    }
    key = camel(schedule.key)
    if schedule.kind == "rule":
        yield (
            f"Rule{key}",
            _of(
                "Events::Rule",
                Name=schedule.name,
                ScheduleExpression="rate(1 day)",
                State="DISABLED",
                Targets=[{"Id": "task", **target}],
            ),
        )
        return
    yield (
        f"Timer{key}",
        _of(
            "Scheduler::Schedule",
            Name=schedule.name,
            GroupName=schedule.group,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State="DISABLED",
            Target=target,
        ),
    )


def _logs(log_group: str, container: str) -> dict[str, Any]:
    return {
        "LogDriver": "awslogs",
        "Options": {
            "awslogs-group": log_group,
            "awslogs-region": {"Ref": "AWS::Region"},
            "awslogs-stream-prefix": container,
        },
    }


def _balancer(service: ServicePlan) -> Iterator[tuple[str, Resource]]:
    key = camel(service.key)
    yield (
        f"LoadBalancer{key}",
        _of(
            "ElasticLoadBalancingV2::LoadBalancer",
            Name=service.balancer,
            Type="application",
            Scheme="internal",
        ),
    )
    yield (
        f"TargetGroup{key}",
        _of(
            "ElasticLoadBalancingV2::TargetGroup",
            Name=service.balancer,
            TargetType="ip",
            Protocol="HTTP",
            Port=service.port,
            HealthCheckPath=service.health_path,
            HealthCheckIntervalSeconds=_HEALTH_SECONDS,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
            Matcher={"HttpCode": service.matcher},
            TargetGroupAttributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}],
        ),
    )
    action = {"Type": "forward", "TargetGroupArn": {"Ref": f"TargetGroup{key}"}}
    yield (
        f"Listener{key}",
        _of(
            "ElasticLoadBalancingV2::Listener",
            LoadBalancerArn={"Ref": f"LoadBalancer{key}"},
            Protocol="HTTP",
            Port=80,
            DefaultActions=[action],
        ),
    )


def _of(kind: str, **properties: Any) -> Resource:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def _pairs(values: Mapping[str, str], held: str) -> list[dict[str, str]]:
    return [{"Name": name, held: value} for name, value in values.items()]


def camel(name: str) -> str:
    """A service's key as a logical id may be: letters and digits."""
    return "".join(part.capitalize() for part in name.replace(".", "-").split("-"))
