"""The calls that a deploy tool makes, service by service, each with what it asks for.

They are made in order: some make what later ones read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Call = tuple[str, dict[str, Any]]
"""An operation as boto3 names it, and its arguments."""

ALLOW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}],
    }
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
        ],
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Sid": "all"}],
    }
)
LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "imageCountMoreThan",
                    "countNumber": 1,
                },
                "action": {"type": "expire"},
            }
        ]
    }
)
TEMPLATE = json.dumps(
    {
        "Description": "two",
        "Parameters": {"Word": {"Type": "String", "Default": "x"}},
        "Resources": {
            "Named": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Ref": "Word"}},
            },
            "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "stacked"}},
        },
        "Outputs": {"Name": {"Value": {"Ref": "Named"}, "Export": {"Name": "exported"}}},
    }
)
ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Ground:
    """What the calls are about.

    Attributes:
        client: Gives a client by the name of its service.
        service: A service that runs behind a load balancer, in the cluster ``tests``.
        group: Its target group.
        deployments: The service deployments that it has had.
        tasks: Tasks of it, running and stopped.
    """

    client: Callable[[str], Any]
    service: str
    group: str
    deployments: list[str]
    tasks: list[str]


def ecs(ground: Ground) -> Iterator[Call]:
    aws = ground.client("ecs")
    here = {"cluster": "tests"}
    yield "describe_clusters", {"clusters": ["tests"], "include": ["SETTINGS", "TAGS"]}
    yield "list_clusters", {}
    yield "describe_services", here | {"services": [ground.service, "nope"], "include": ["TAGS"]}
    yield "list_services", here
    yield "list_tasks", here
    yield "describe_tasks", here | {"tasks": ground.tasks, "include": ["TAGS"]}
    yield "list_task_definitions", {}
    yield "list_task_definition_families", {}
    yield "describe_task_definition", {"taskDefinition": ground.service, "include": ["TAGS"]}
    yield "list_service_deployments", here | {"service": ground.service}
    yield "describe_service_deployments", {"serviceDeploymentArns": ground.deployments}
    described = aws.describe_service_deployments(serviceDeploymentArns=ground.deployments)
    revisions = [each["targetServiceRevision"]["arn"] for each in described["serviceDeployments"]]
    yield "describe_service_revisions", {"serviceRevisionArns": revisions}
    yield "describe_capacity_providers", {}
    yield "list_account_settings", {}
    yield "list_container_instances", here
    yield "get_task_protection", here | {"tasks": ground.tasks[:1]}
    arn = aws.describe_services(cluster="tests", services=[ground.service])["services"][0]
    yield "list_tags_for_resource", {"resourceArn": arn["serviceArn"]}
    spare = {"family": "spare", "containerDefinitions": [{"name": "a", "image": "b"}]}
    yield "register_task_definition", {**spare, "cpu": "256", "memory": "512"}
    yield "deregister_task_definition", {"taskDefinition": "spare:1"}
    yield "delete_task_definitions", {"taskDefinitions": ["spare:1"]}


def ecr(ground: Ground) -> Iterator[Call]:
    aws = ground.client("ecr")
    here = {"repositoryName": "seeded"}
    yield "create_repository", {"repositoryName": "more", "tags": [{"Key": "a", "Value": ""}]}
    yield "describe_repositories", {}
    yield "describe_images", here
    yield "list_images", here
    yield "get_authorization_token", {}
    yield "batch_get_image", here | {"imageIds": [{"imageTag": "bootstrap"}, {"imageTag": "no"}]}
    layers = {"layerDigests": ["sha256:" + "0" * 64]}
    yield "batch_check_layer_availability", here | layers
    digest = {"imageDigest": aws.describe_images(**here)["imageDetails"][0]["imageDigest"]}
    yield "start_image_scan", here | {"imageId": digest}
    yield "describe_image_scan_findings", here | {"imageId": digest}
    yield "list_image_referrers", here | {"subjectId": digest}
    more = {"repositoryName": "more"}
    yield "set_repository_policy", more | {"policyText": POLICY}
    yield "get_repository_policy", more
    yield "put_lifecycle_policy", more | {"lifecyclePolicyText": LIFECYCLE}
    yield "get_lifecycle_policy", more
    yield "put_image_tag_mutability", more | {"imageTagMutability": "IMMUTABLE"}
    scanning = {"imageScanningConfiguration": {"scanOnPush": True}}
    yield "put_image_scanning_configuration", more | scanning
    arn = f"arn:aws:ecr:eu-west-1:{ACCOUNT}:repository/more"
    yield "list_tags_for_resource", {"resourceArn": arn}
    yield "describe_registry", {}


def elbv2(ground: Ground) -> Iterator[Call]:
    aws = ground.client("elbv2")
    yield "describe_load_balancers", {}
    balancers = aws.describe_load_balancers(Names=[ground.service])["LoadBalancers"]
    balancer = {"LoadBalancerArn": balancers[0]["LoadBalancerArn"]}
    yield "describe_load_balancer_attributes", balancer
    yield "describe_listeners", balancer
    listener = aws.describe_listeners(**balancer)["Listeners"][0]["ListenerArn"]
    yield "describe_listener_attributes", {"ListenerArn": listener}
    yield "describe_rules", {"ListenerArn": listener}
    group = {"TargetGroupArn": ground.group}
    yield "describe_target_groups", {}
    yield "describe_target_group_attributes", group
    yield "describe_target_health", group
    yield "describe_tags", {"ResourceArns": [ground.group]}


def logs(_ground: Ground) -> Iterator[Call]:
    here = {"logGroupName": "/shop/web"}
    stream = here | {"logStreamName": "web/1"}
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number // 3, "message": f"line {number}"} for number in range(9)]
    yield "create_log_group", here
    yield "create_log_stream", stream
    yield "put_log_events", stream | {"logEvents": events}
    yield "describe_log_groups", {}
    yield "describe_log_streams", here
    yield "get_log_events", stream | {"startFromHead": True}
    yield "filter_log_events", here
    yield "put_retention_policy", here | {"retentionInDays": 7}
    arn = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/shop/web"
    yield "list_tags_for_resource", {"resourceArn": arn}
    yield "describe_metric_filters", here


def ssm(_ground: Ground) -> Iterator[Call]:
    for number in range(12):
        kind = "SecureString" if number else "String"
        yield "put_parameter", {"Name": f"/shop/p{number}", "Value": "v", "Type": kind}
    here = {"Name": "/shop/p1"}
    yield "get_parameter", here
    yield "get_parameters", {"Names": ["/shop/p1", "/nope"]}
    yield "get_parameters_by_path", {"Path": "/shop"}
    yield "describe_parameters", {}
    yield "label_parameter_version", here | {"Labels": ["live"]}
    yield "get_parameter_history", here
    whose = {"ResourceType": "Parameter", "ResourceId": "/shop/p1"}
    yield "add_tags_to_resource", whose | {"Tags": [{"Key": "a", "Value": "b"}]}
    yield "list_tags_for_resource", whose


def secretsmanager(_ground: Ground) -> Iterator[Call]:
    here = {"SecretId": "shop/key"}
    yield "create_secret", {"Name": "shop/key", "SecretString": "x"}
    yield "get_secret_value", here
    yield "describe_secret", here
    yield "list_secrets", {}
    yield "put_secret_value", here | {"SecretString": "y"}
    yield "list_secret_version_ids", here
    yield "get_resource_policy", here
    yield "batch_get_secret_value", {"SecretIdList": ["shop/key"]}


def iam(_ground: Ground) -> Iterator[Call]:
    role, policy = {"RoleName": "deployer"}, {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/p"}
    yield "create_role", role | {"AssumeRolePolicyDocument": TRUST, "Tags": []}
    yield "put_role_policy", role | {"PolicyName": "only", "PolicyDocument": ALLOW}
    yield "create_policy", {"PolicyName": "p", "PolicyDocument": ALLOW}
    yield "attach_role_policy", role | policy
    yield "get_role", role
    yield "list_roles", {}
    yield "get_role_policy", role | {"PolicyName": "only"}
    yield "list_role_policies", role
    yield "list_attached_role_policies", role
    yield "list_role_tags", role
    yield "get_policy", policy
    yield "get_policy_version", policy | {"VersionId": "v1"}
    yield "list_policies", {"Scope": "Local"}
    yield "list_policy_versions", policy
    issuer = "token.actions.githubusercontent.com"
    yield (
        "create_open_id_connect_provider",
        {"Url": f"https://{issuer}", "ClientIDList": ["sts.amazonaws.com"]},
    )
    yield "list_open_id_connect_providers", {}
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    yield "get_open_id_connect_provider", {"OpenIDConnectProviderArn": provider}
    simulated = {"ActionNames": ["ecs:UpdateService"]}
    arn = f"arn:aws:iam::{ACCOUNT}:role/deployer"
    yield "simulate_principal_policy", simulated | {"PolicySourceArn": arn}


def sts(_ground: Ground) -> Iterator[Call]:
    yield "get_caller_identity", {}
    arn = f"arn:aws:iam::{ACCOUNT}:role/deployer"
    yield "assume_role", {"RoleArn": arn, "RoleSessionName": "me"}


def cloudformation(ground: Ground) -> Iterator[Call]:
    aws, here = ground.client("cloudformation"), {"StackName": "pair"}
    yield "validate_template", {"TemplateBody": TEMPLATE}
    yield "get_template_summary", {"TemplateBody": TEMPLATE}
    yield "create_stack", here | {"TemplateBody": TEMPLATE}
    aws.get_waiter("stack_create_complete").wait(**here, WaiterConfig={"Delay": 1})
    change = here | {"ChangeSetName": "change"}
    other = [{"ParameterKey": "Word", "ParameterValue": "y"}]
    yield "create_change_set", change | {"TemplateBody": TEMPLATE, "Parameters": other}
    aws.get_waiter("change_set_create_complete").wait(**change, WaiterConfig={"Delay": 1})
    yield "describe_change_set", change
    yield "list_change_sets", here
    yield "describe_stacks", {}
    yield "describe_stack_events", here
    yield "describe_stack_resources", here
    yield "describe_stack_resource", here | {"LogicalResourceId": "Cluster"}
    yield "list_stack_resources", here
    yield "list_stacks", {}
    yield "get_template", here
    yield "list_exports", {}
    yield "detect_stack_drift", here
    yield "describe_stack_resource_drifts", here
    yield "delete_stack", here


def s3(_ground: Ground) -> Iterator[Call]:
    here = {"Bucket": "records"}
    where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    yield "create_bucket", here | where
    yield "put_object", here | {"Key": "a/b", "Body": b"x"}
    yield "list_buckets", {}
    yield "list_objects_v2", here | {"Prefix": "a/", "MaxKeys": 1}
    yield "list_object_versions", here
    yield "get_bucket_location", here
    yield "get_bucket_versioning", here
    yield "head_object", here | {"Key": "a/b"}


def cloudwatch(_ground: Ground) -> Iterator[Call]:
    metric = {"MetricName": "errors", "Namespace": "shop"}
    rule = {"ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum", "Threshold": 1}
    over = {"AlarmName": "errors", "Period": 60, "EvaluationPeriods": 1}
    yield "put_metric_alarm", metric | rule | over
    yield "describe_alarms", {}
    yield "describe_alarms_for_metric", metric
    yield "list_metrics", {}


def ec2(_ground: Ground) -> Iterator[Call]:
    for what in ("subnets", "vpcs", "security_groups", "availability_zones", "route_tables"):
        yield f"describe_{what}", {}


def kms(ground: Ground) -> Iterator[Call]:
    yield "create_key", {}
    yield "list_keys", {}
    key = {"KeyId": ground.client("kms").list_keys()["Keys"][0]["KeyId"]}
    yield "describe_key", key
    yield "get_key_policy", key | {"PolicyName": "default"}
    yield "list_aliases", {}


def resourcegroupstaggingapi(_ground: Ground) -> Iterator[Call]:
    yield "get_resources", {}


SERVICES: dict[str, Callable[[Ground], Iterator[Call]]] = {
    called.__name__: called
    for called in (
        ecs, ecr, elbv2, logs, ssm, secretsmanager, iam, sts, cloudformation, s3, cloudwatch, ec2,
        kms, resourcegroupstaggingapi,
    )
}  # fmt: skip
