"""What CloudFormation makes of a stack: its names, its network, its services, its drift."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]
STACK: dict[str, dict[str, Any]] = {
    "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "g"}},
    "Secret": {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"GenerateSecretString": {"PasswordLength": 20}},
    },
    "Named": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}},
    "Cluster": {"Type": "AWS::ECS::Cluster"},
    "Log": {"Type": "AWS::Logs::LogGroup"},
    "Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Name": "b"}},
    "Listener": {
        "Type": "AWS::ElasticLoadBalancingV2::Listener",
        "Properties": {
            "LoadBalancerArn": {"Ref": "Balancer"},
            "Port": 80,
            "Protocol": "HTTP",
            "DefaultActions": [
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "203"}}
            ],
        },
    },
}
NETWORK = {
    "Rule": {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Properties": {
            "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            "CidrIp": "0.0.0.0/0",
        },
    },
    "Egress": {
        "Type": "AWS::EC2::SecurityGroupEgress",
        "Properties": {
            "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
            "IpProtocol": "-1",
            "CidrIp": "0.0.0.0/0",
        },
    },
    "Providers": {
        "Type": "AWS::ECS::ClusterCapacityProviderAssociations",
        "Properties": {
            "Cluster": {"Ref": "Cluster"},
            "CapacityProviders": ["FARGATE"],
            "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
        },
    },
    "Address": {"Type": "AWS::EC2::EIP"},
    "Gateway": {
        "Type": "AWS::EC2::NatGateway",
        "Properties": {
            "SubnetId": "subnet-1",
            "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
        },
    },
    "Target": {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ResourceId": "service/tests/templated",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ServiceNamespace": "ecs",
            "MinCapacity": 1,
            "MaxCapacity": 2,
        },
    },
    "Policy": {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": "Target"},
        },
    },
}
OUTPUTS = {
    "Secret": {"Value": {"Ref": "Secret"}},
    "Name": {"Value": {"Ref": "Named"}},
    "Cluster": {"Value": {"Ref": "Cluster"}},
    "Log": {"Value": {"Ref": "Log"}},
    "Address": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}},
}


TAGS = {"Tags": [{"Key": "team", "Value": "shop"}]}
RETAGGED = {
    **STACK,
    **{
        name: {**STACK[name], "Properties": {**STACK[name].get("Properties", {}), **TAGS}}
        for name in ("Cluster", "Log", "Secret")
    },
}
"""The same, changed where that replaces nothing."""
SECRETS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"


def is_made_up(beginning: str, name: str) -> bool:
    """Whether a name is one of CloudFormation's: its beginning, and twelve random letters."""
    return re.fullmatch(f"{re.escape(beginning)}-[A-Za-z0-9]{{12}}", name) is not None


def outputs_of(stack: Any) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def answer_of(address: str) -> int:
    with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:  # ours
        return int(answer.status)


def drift_of(stacks: Any, name: str) -> dict[str, tuple[str, list[str]]]:
    """By resource: how it has drifted, and in which properties."""
    stacks.detect_stack_drift(StackName=name)
    drifts = stacks.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
    return {
        drift["LogicalResourceId"]: (
            drift["StackResourceDriftStatus"],
            [each["PropertyPath"] for each in drift.get("PropertyDifferences", [])],
        )
        for drift in drifts
    }


def settled(stacks: Any, name: str, seconds: float = 30) -> Any:
    """A stack once CloudFormation has done with it."""
    deadline = time.monotonic() + seconds
    while True:
        stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return stack
        assert time.monotonic() < deadline, stack
        time.sleep(0.1)


def infrastructure_facts(world: Any) -> dict[str, Any]:
    """Whether a stack such as the CDK writes goes up, and what its names are."""
    stacks = world.client("cloudformation")
    document = json.dumps({"Resources": STACK, "Outputs": OUTPUTS})
    stacks.create_stack(StackName="infra", TemplateBody=document)
    outputs = outputs_of(settled(stacks, "infra"))
    network = json.dumps({"Resources": RETAGGED | NETWORK, "Outputs": OUTPUTS})
    try:
        stacks.update_stack(StackName="infra", TemplateBody=network)
    except stacks.exceptions.ClientError:
        taken = False
    else:
        taken = True
        updated = settled(stacks, "infra")
        assert updated["StackStatus"] == "UPDATE_COMPLETE"
        assert outputs_of(updated) == outputs, "what a resource is called stays so"
        assert drift_of(stacks, "infra")["Secret"] == ("IN_SYNC", [])
    settled(stacks, "infra")
    answers = outputs["Address"].startswith("localhost:") and answer_of(outputs["Address"]) == 203
    stacks.delete_stack(StackName="infra")
    return {
        "alb.answers-at-its-name": answers,
        "cloudformation.names-are-made-up": is_made_up("infra-Cluster", outputs["Cluster"])
        and is_made_up("infra-Log", outputs["Log"]),
        "cloudformation.parameter-names": is_made_up("CFN-Named", outputs["Name"]),
        "cloudformation.secret-by-arn": is_made_up(SECRETS + "Secret", outputs["Secret"][:-7]),
        "cloudformation.takes-network-and-scaling": taken,
    }


def stack_service_facts(world: Any, shop: Make) -> dict[str, Any]:
    """Whether a stack waits for its service, and puts back what somebody changed beside it."""
    stacks = world.client("cloudformation")
    service = shop(world, balanced=False, desired=0)
    ours = service.definition()
    name = f"stacked-{service.name}"

    def body(desired: int, definition: str) -> str:
        properties = {
            "Cluster": "tests",
            "ServiceName": name,
            "DesiredCount": desired,
            "TaskDefinition": definition,
            "DeploymentConfiguration": {
                "DeploymentCircuitBreaker": {"Enable": True, "Rollback": False}
            },
        }
        resource = {"Type": "AWS::ECS::Service", "Properties": properties}
        return json.dumps({"Resources": {"Service": resource}})

    stacks.create_stack(StackName=name, TemplateBody=body(0, ours))
    settled(stacks, name)
    before = drift_of(stacks, name)
    # Somebody delivers; then the stack changes another property, and its definition comes back.
    service.ecs.update_service(
        cluster="tests", service=name, taskDefinition=service.definition("sleep 99")
    )
    delivered = drift_of(stacks, name)
    stacks.update_stack(StackName=name, TemplateBody=body(1, ours))
    settled(stacks, name)
    described = service.ecs.describe_services(cluster="tests", services=[name])["services"][0]
    sent, waited = described["taskDefinition"] == ours, described["runningCount"] == 1
    crashes = service.definition("exit 1")
    stacks.update_stack(StackName=name, TemplateBody=body(1, crashes))
    status = settled(stacks, name, 60)["StackStatus"]
    service.ecs.update_service(cluster="tests", service=name, desiredCount=0, taskDefinition=ours)
    return {
        "cloudformation.drift-of-services": (before, delivered)
        == ({"Service": ("IN_SYNC", [])}, {"Service": ("MODIFIED", ["/TaskDefinition"])}),
        "cloudformation.handlers-may-wait": waited,
        "cloudformation.service-sends-all": sent,
        "cloudformation.waits-for-services": status == "UPDATE_ROLLBACK_COMPLETE",
    }


def has_made_up_name(world: Any) -> bool:
    """Whether a service gets a name of CloudFormation's where its template has none."""
    stacks = world.client("cloudformation")
    container = {"Name": "web", "Image": "none", "Memory": 64}
    resources = {
        "Definition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {"Family": "unnamed", "ContainerDefinitions": [container]},
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": "tests",
                "DesiredCount": 0,
                "TaskDefinition": {"Ref": "Definition"},
            },
        },
    }
    document = {"Resources": resources, "Outputs": {"Service": {"Value": {"Ref": "Service"}}}}
    stacks.create_stack(StackName="unnamed", TemplateBody=json.dumps(document))
    arn = outputs_of(settled(stacks, "unnamed"))["Service"]
    service = world.client("ecs").describe_services(cluster="tests", services=[arn])["services"][0]
    stacks.delete_stack(StackName="unnamed")
    return is_made_up("unnamed-Service", service["serviceName"])
