"""Somebody's own template: what of it runs here, what stands in for the rest, what cannot run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shipway_sandbox.emulator import templates
from shipway_sandbox.emulator.templates import Wanted

BASE = """
Parameters:
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: shop/local/image}
Resources:
  Cluster: {Type: AWS::ECS::Cluster}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      HealthCheckPath: /ready
      HealthCheckIntervalSeconds: 30
      Matcher: {HttpCode: "204"}
      TargetGroupAttributes: [{Key: stickiness.enabled, Value: "true"}]
  Definition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: web
          Image: acme.example/web:1
          EntryPoint: [gunicorn, app]
          HealthCheck: {Command: [CMD, curl, -f, "http://localhost/"]}
          PortMappings: [{ContainerPort: 7010}]
          Secrets: [{Name: KEY, ValueFrom: !Sub "arn:${AWS::Region}:key"}]
        - {Name: proxy, Image: envoy:1, HealthCheck: {Command: [CMD, "true"]}}
        - {Name: migrate, Image: !Ref Image}
  Service:
    Type: AWS::ECS::Service
    Properties:
      Cluster: !Ref Cluster
      TaskDefinition: !Ref Definition
      LoadBalancers: [{ContainerName: web, ContainerPort: 7010, TargetGroupArn: !Ref Group}]
  OtherDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties: {ContainerDefinitions: [{Name: other, Image: other:1}]}
  Other:
    Type: AWS::ECS::Service
    Properties: {Cluster: !Ref Cluster, TaskDefinition: !Ref OtherDefinition, DesiredCount: 3}
"""


def wanted(**more: Any) -> Wanted:
    return Wanted(
        values=more.pop("values", {}),
        image_parameters=("/shop/local/image",),
        secrets={"web": {"KEY": "/shop/local/web/KEY"}},
        containers=("web",),
        **more,
    )


def resources_of(adapted: templates.Adapted) -> Any:
    assert adapted.problems == ()
    return {
        name: resource.get("Properties", {})
        for name, resource in adapted.document["Resources"].items()
    }


def test_first_it_comes_up_without_a_task() -> None:
    adapted = templates.adapt(BASE, wanted())
    made = resources_of(adapted)
    assert (made["Service"]["DesiredCount"], made["Other"]["DesiredCount"]) == (0, 0)
    assert adapted.seeds == {
        "web": {"port": 7010, "path": "/ready", "status": 204, "starts": "gunicorn",
                "checks": "curl"},
    }  # fmt: skip
    assert adapted.puts == {"shop/local/image": "no-release-yet"}


def test_then_it_runs_what_delivery_toml_names_and_nothing_else() -> None:
    made = resources_of(
        templates.adapt(
            BASE, wanted(count=True, images={"web": "here/web@1"}, waiter="here/idle@1")
        )
    )
    assert (made["Service"]["DesiredCount"], made["Other"]["DesiredCount"]) == (1, 0)
    web, proxy, migrate = made["Definition"]["ContainerDefinitions"]
    assert web["Image"] == "here/web@1"
    assert web["Secrets"] == [{"Name": "KEY", "ValueFrom": "/shop/local/web/KEY"}]
    assert (proxy["Image"], "HealthCheck" in proxy) == ("here/idle@1", False)
    assert migrate["Image"] == {"Ref": "Image"}, "it is the delivered image"


def test_a_wait_of_minutes_is_seconds() -> None:
    group = resources_of(templates.adapt(BASE, wanted()))["Group"]
    assert group["HealthCheckIntervalSeconds"] == 5
    assert group["TargetGroupAttributes"] == [
        {"Key": "stickiness.enabled", "Value": "true"},
        {"Key": "deregistration_delay.timeout_seconds", "Value": "5"},
    ]


def test_what_reads_the_delivered_image_keeps_reading_it() -> None:
    text = BASE.replace("Image: acme.example/web:1", "Image: !Ref Image")
    made = resources_of(templates.adapt(text, wanted(images={"web": "here/web@1"}, count=True)))
    assert made["Definition"]["ContainerDefinitions"][0]["Image"] == {"Ref": "Image"}


def resource(kind: str, **properties: Any) -> str:
    return json.dumps({"Resources": {"Thing": {"Type": kind, "Properties": properties}}})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "it is no CloudFormation template: "),
        ("a: [", "it is no CloudFormation template: "),
        ("Outputs: {}", "Resources: a template has at least one"),
        (resource("AWS::Nope::Thing"), "Resources.Thing (AWS::Nope::Thing): the sandbox has no"),
        (resource("Custom::Thing"), "Resources.Thing (Custom::Thing): a function of yours"),
        (resource("AWS::CloudFormation::Stack"), "Resources.Thing (AWS::CloudFormation::Stack): "),
        (resource(""), "Resources.Thing.Type: is missing"),
        (
            resource("AWS::ECS::Service", DeploymentController={"Type": "CODE_DEPLOY"}),
            "Resources.Thing.Properties.DeploymentController.Type: is CODE_DEPLOY",
        ),
        (
            resource("AWS::ECS::Service", SchedulingStrategy="DAEMON"),
            "Resources.Thing.Properties.SchedulingStrategy: is DAEMON",
        ),
        (
            resource("AWS::ECS::TaskDefinition", ContainerDefinitions=[{"Image": "a"}]),
            "Resources.Thing.Properties.ContainerDefinitions: a container has no Name",
        ),
        (f"Transform: AWS::Serverless-2016-10-31\n{BASE}", "Transform: a macro rewrites"),
        (
            BASE.replace("Parameters:", "Parameters:\n  Vpc: {Type: String}"),
            "Parameters.Vpc: has no Default; say what it is here: `Vpc` in template_parameters",
        ),
        (
            BASE.replace("shop/local/image", "/acme/vpc"),
            "Parameters.Image: reads the SSM parameter /acme/vpc, which is not here",
        ),
    ],
)
def test_what_cannot_run_is_named_with_what_to_do(text: str, problem: str) -> None:
    [told] = templates.adapt(text, wanted()).problems
    assert told.startswith(problem)


def test_a_value_for_no_parameter_is_told() -> None:
    [told] = templates.adapt(BASE, wanted(values={"Vcp": "vpc-1"})).problems
    assert told == "Parameters: there is no Vcp, which template_parameters gives a value"


def test_a_parameter_that_reads_gets_its_value_where_it_reads() -> None:
    text = BASE.replace("shop/local/image", "/acme/vpc")
    assert templates.adapt(text, wanted(values={"Image": "vpc-1"})).puts == {"/acme/vpc": "vpc-1"}


def test_what_the_cdk_asks_of_its_bootstrap_is_there() -> None:
    text = BASE.replace("shop/local/image", "/cdk-bootstrap/hnb659fds/version")
    assert int(templates.adapt(text, wanted()).puts["/cdk-bootstrap/hnb659fds/version"]) >= 6
