"""A template of somebody's own, in YAML, as the sandbox's compute layer; and one that fails."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3  # the test looks as the account's owner would
import pytest

from shipway.config import load as delivery_file
from shipway.embedded.blueprint import draw
from shipway.errors import SandboxError
from shipway.policy import load as contract_file
from shipway.util.paths import cache_folder
from shipway_sandbox import world as worlds
from shipway_sandbox.engine.engine import Engine
from shipway_sandbox.world import World

DELIVERY = """
schema = 1
name = "tally"
[environments.local]
sandbox = true
account = "123456789012"
region = "eu-central-1"
template = "infra/compute.yaml"
template_parameters = { Subnets = "subnet-1,subnet-2", Vpc = "vpc-1" }
repository = "acme/tally"
cluster = "cfn:tally.Cluster"
[environments.local.services.api]
service = "cfn:tally.Service"
container = "app"
url = "cfn:tally.Url"
path = "/ready"
expected_status = 204
[environments.local.services.api.compute]
secrets = { DATABASE_URL = "stand-in" }
"""
CONTRACT = """
schema = 1
[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["local"]
tasks = ["build", "publish", "deploy", "verify"]
[environments.local]
by_hand_role = "*"
"""
TEMPLATE = """
Parameters:
  Vpc: {Type: "AWS::SSM::Parameter::Value<AWS::EC2::VPC::Id>", Default: /acme/vpc}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
Resources:
  Cluster: {Type: AWS::ECS::Cluster}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: tally, VpcId: !Ref Vpc}
  FromEverywhere:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Group.GroupId, IpProtocol: tcp, FromPort: 7010, ToPort: 7010}
  Logs: {Type: AWS::Logs::LogGroup}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: ecs-tasks.amazonaws.com}
            Action: sts:AssumeRole
      ManagedPolicyArns:
        - arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
  Definition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: tally-api
      NetworkMode: awsvpc
      RequiresCompatibilities: [FARGATE]
      Cpu: 256
      Memory: 512
      ExecutionRoleArn: !GetAtt Role.Arn
      ContainerDefinitions:
        - Name: app
          Image: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/tally:v1
          EntryPoint: [gunicorn, "tally:app"]
          HealthCheck: {Command: [CMD-SHELL, "curl -f http://localhost:7010/ready"]}
          PortMappings: [{ContainerPort: 7010}]
          Secrets: [{Name: DATABASE_URL, ValueFrom: "arn:aws:secretsmanager:eu:1:secret:db"}]
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: !Ref Logs, awslogs-region: !Ref AWS::Region,
                      awslogs-stream-prefix: app}
        - {Name: proxy, Image: "envoyproxy/envoy:v1", Command: [envoy]}
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Subnets: !Ref Subnets}
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      TargetType: ip
      Protocol: HTTP
      Port: 80
      VpcId: !Ref Vpc
      HealthCheckPath: /ready
      Matcher: {HttpCode: "204"}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]
  Service:
    Type: AWS::ECS::Service
    DependsOn: Listener
    Properties:
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Definition
      LaunchType: FARGATE
      DeploymentConfiguration:
        DeploymentCircuitBreaker: {Enable: true, Rollback: true}
      LoadBalancers: [{ContainerName: app, ContainerPort: 7010, TargetGroupArn: !Ref Targets}]
      NetworkConfiguration:
        AwsvpcConfiguration: {Subnets: !Ref Subnets, SecurityGroups: [!GetAtt Group.GroupId]}
Outputs:
  Cluster: {Value: !Ref Cluster}
  Service: {Value: !GetAtt Service.Name}
  Url: {Value: !Sub "http://${Balancer.DNSName}"}
"""


@contextmanager
def world_of(folder: Path, docker: Engine, template: str) -> Iterator[World]:
    """The sandbox of a repository whose template says this."""
    folder.joinpath("delivery.toml").write_text(DELIVERY, encoding="utf-8")
    folder.joinpath("release.toml").write_text(CONTRACT, encoding="utf-8")
    blueprint = draw(
        contract_file.load(folder / "release.toml"),
        delivery_file.load(folder / "delivery.toml"),
        templates={"local": {"infra/compute.yaml": template}},
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker.env.items():
            patch.setenv(name, value)
        needed = worlds.Needed(cache=cache_folder({}))
        with worlds.owned(blueprint.plan, folder / "run", needed, lambda _text: None) as world:
            yield world


def test_it_comes_up_with_what_is_not_here_stood_in_for(
    tmp_path: Path, docker_engine: Engine
) -> None:
    with world_of(tmp_path, docker_engine, TEMPLATE) as world:

        def client(name: str) -> Any:
            return boto3.client(
                name,
                endpoint_url=world.endpoint,
                region_name="eu-central-1",
                aws_access_key_id="123456789012",
                aws_secret_access_key=world.state["root_secret_access_key"],
            )

        [stack] = client("cloudformation").describe_stacks(StackName="tally")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        with urllib.request.urlopen(f"{outputs['Url']}/ready", timeout=5) as answer:  # noqa: S310
            assert answer.status == 204
        described = client("ecs").describe_services(
            cluster=outputs["Cluster"], services=[outputs["Service"]]
        )
        [service] = described["services"]
        assert (service["runningCount"], service["desiredCount"]) == (1, 1)
        # The deploy role is about what the template made.
        role = client("iam").get_role_policy(RoleName=world.roles["local"], PolicyName="deliver")
        text = str(role["PolicyDocument"])
        for name in (outputs["Cluster"], outputs["Service"], "acme/tally", "tally-api"):
            assert name in text


def test_a_resource_that_fails_is_named_with_its_reason(
    tmp_path: Path, docker_engine: Engine
) -> None:
    template = TEMPLATE.replace("{GroupId: !GetAtt Group.GroupId,", "{GroupId: sg-none,")
    with (
        pytest.raises(SandboxError) as caught,
        world_of(tmp_path, docker_engine, template),
    ):
        pass
    assert caught.value.where == "infra/compute.yaml"
    [reason] = caught.value.details
    assert reason == (
        "Resources.FromEverywhere (AWS::EC2::SecurityGroupIngress): "
        "The security group 'sg-none' does not exist"
    )


def test_what_cannot_run_is_told_before_anything_is_made(
    tmp_path: Path, docker_engine: Engine
) -> None:
    template = TEMPLATE.replace("AWS::Logs::LogGroup", "AWS::Batch::JobQueue")
    with (
        pytest.raises(SandboxError) as caught,
        world_of(tmp_path, docker_engine, template),
    ):
        pass
    [problem] = caught.value.details
    assert problem.startswith("Resources.Logs (AWS::Batch::JobQueue): the sandbox has no such")
    assert "take `template` out of [environments.local]" in caught.value.remedy
