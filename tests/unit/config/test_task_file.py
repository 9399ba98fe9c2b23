"""A file that holds a task definition: its three forms, and what is refused where."""

from __future__ import annotations

import json
from typing import Any

import botocore.session  # the SDK's own model has every field
import pytest

from shipway.config.cloudformation_spelling import as_request, as_template
from shipway.config.task_file import LARGEST, parse
from shipway.errors import ConfigurationError

FILE = "infra/task.json"
REQUEST: dict[str, Any] = {
    "family": "orders",
    "cpu": "256",
    "containerDefinitions": [
        {
            "name": "api",
            "image": "host/orders:1",
            "environment": [{"name": "Mode", "value": "12"}],
            "dockerLabels": {"Team.Name": "Orders"},
            "portMappings": [{"containerPort": 9000}],
            "somethingOfTomorrow": {"someKey": [1, ""]},
        }
    ],
    "volumes": [{"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
    "fieldOfTomorrow": True,
}
PROPERTIES: dict[str, Any] = {
    "Family": "orders",
    "Cpu": 256,
    "ContainerDefinitions": [
        {
            "Name": "api",
            "Image": "host/orders:1",
            "Environment": [{"Name": "Mode", "Value": "12"}],
            "DockerLabels": {"Team.Name": "Orders"},
            "PortMappings": [{"ContainerPort": "9000"}],
            "SomethingOfTomorrow": {"SomeKey": [1, ""]},
        }
    ],
    "Volumes": [{"Name": "data", "EFSVolumeConfiguration": {"FilesystemId": "fs-1"}}],
    "FieldOfTomorrow": True,
}
RESOURCE = {"Type": "AWS::ECS::TaskDefinition", "Properties": PROPERTIES}
OTHER = {"Type": "AWS::SNS::Topic"}


def text(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def refused(content: bytes) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        parse(content, FILE)
    assert caught.value.exit_code == 10
    return caught.value


@pytest.mark.parametrize(
    "whole",
    [
        REQUEST,
        {"taskDefinition": REQUEST},
        PROPERTIES,
        {"Properties": PROPERTIES},
        RESOURCE,
        {"Resources": {"Topic": OTHER, "Task": RESOURCE}},
    ],
    ids=["ecspresso", "described", "bare", "properties", "resource", "template"],
)
def test_every_form_says_the_same(whole: dict[str, Any]) -> None:
    assert parse(text(whole), FILE).document == REQUEST


def test_tags_stand_beside_what_is_described() -> None:
    tags = [{"key": "team", "value": "orders"}]
    assert parse(text({"taskDefinition": REQUEST, "tags": tags}), FILE).document["tags"] == tags


def _request(shape: Any, key: str = "") -> Any:
    """A request with every field that there is."""
    if shape.type_name == "structure":
        return {name: _request(member, name) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [_request(shape.member, key)]
    if shape.type_name == "map":
        return {"lower.key": "a", "UPPER": "b"}
    return {"integer": 7, "boolean": True}.get(shape.type_name, key)


def _template(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    if isinstance(value, dict):
        spelled = {name: as_template((*path, name))[-1] for name in value}
        return {spelled[name]: _template(each, (*path, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [_template(each, (*path, index)) for index, each in enumerate(value)]
    return str(value).lower() if isinstance(value, (bool, int)) else value


def test_every_field_of_the_request_is_spelled_both_ways() -> None:
    model = botocore.session.get_session().get_service_model("ecs")
    every = _request(model.operation_model("RegisterTaskDefinition").input_shape)
    template = _template(every)
    assert {"Family", "EphemeralStorage"} <= set(template)
    volume = template["Volumes"][0]
    assert set(volume["EFSVolumeConfiguration"]) >= {"FilesystemId", "TransitEncryptionPort"}
    assert "FileSystemId" in volume["FSxWindowsFileServerVolumeConfiguration"]
    assert "IAM" in volume["EFSVolumeConfiguration"]["AuthorizationConfig"]
    assert "ProxyConfigurationProperties" in template["ProxyConfiguration"]
    assert as_request(template) == every


@pytest.mark.parametrize(
    ("content", "where", "said"),
    [
        (b'{\n "family": "orders",\n}', f"{FILE}:3", "is not JSON"),
        (b"family: orders\n", f"{FILE}:1", "is not JSON"),
        (b"[" * 100_000, FILE, "nested too deeply"),
        (b'{"family": "a", "family": "b"}', FILE, 'key "family" stands twice'),
        (b"[]", FILE, "no object"),
        (b"\xff", FILE, "is not UTF-8"),
        (b" " * (LARGEST + 1), FILE, "larger than 1 MiB"),
        (text({"containerDefinitions": [{"name": "a"}]}), f"{FILE}  family", "has no family"),
        (text({**REQUEST, "family": 3}), f"{FILE}  family", "has no family"),
        (
            text({"Resources": {"Task": {**RESOURCE, "Properties": {**PROPERTIES, "Family": ""}}}}),
            f"{FILE}  Resources.Task.Properties.Family",
            "has no family",
        ),
        (
            text({"Resources": {"One": RESOURCE, "Two": RESOURCE}}),
            f"{FILE}  Resources",
            "2 resources AWS::ECS::TaskDefinition (One, Two)",
        ),
        (text({"Resources": {"A": OTHER}}), f"{FILE}  Resources", "no AWS::ECS::TaskDefinition"),
        (text({**OTHER, "Properties": {}}), f"{FILE}  Type", "is no AWS::ECS::TaskDefinition"),
        (text({"family": "orders"}), f"{FILE}  containerDefinitions", "no list of containers"),
        (
            text({**REQUEST, "containerDefinitions": [{"image": "x"}]}),
            f"{FILE}  containerDefinitions[0]",
            "no container with a name",
        ),
        (
            text({**PROPERTIES, "ContainerDefinitions": [{"Name": "a"}, {"Name": "a"}]}),
            f"{FILE}  ContainerDefinitions[1].Name",
            'second container "a"',
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content: bytes, where: str, said: str) -> None:
    error = refused(content)
    assert (error.where, said in error.what) == (where, True), error


@pytest.mark.parametrize(
    "call",
    [
        "{{ must_env `TAG` }}",
        "{{env `TAG` `latest`}}",
        "{{- must_env `JSON` | json_escape -}}",
        "{{ tfstate `aws_iam_role.task.arn` }}",
        "{{ vpc_tfstatef `aws_subnet['%s'].id` `a` }}",
        "{{ ssm `/orders/tag` }}",
        "{{ secretsmanager_arn `db` }}",
        "{{ cfn_output `stack` `Role` }}",
    ],
)
def test_functions_of_ecspresso_are_refused_with_their_lines(call: str) -> None:
    content = (
        f'{{\n "family": "orders",\n "taskRoleArn": "{call}",\n "x": {{{{ env `A` `1` }}}}\n}}'
    )
    error = refused(content.encode())
    assert "functions of ecspresso's templates" in error.what
    assert [line.partition("  ")[0] for line in error.details] == [f"{FILE}:3", f"{FILE}:4"]
    assert "ecspresso render taskdef" in error.remedy


def test_braces_of_another_kind_are_a_text() -> None:
    command = ["report", "--format", "{{ .Name }} {{ environment }}"]
    container = {"name": "api", "image": "a:1", "command": command}
    read = parse(text({"family": "orders", "containerDefinitions": [container]}), FILE)
    assert read.document["containerDefinitions"][0]["command"] == command


def test_what_only_a_stack_knows_is_refused_but_for_an_image() -> None:
    container: dict[str, Any] = {"Name": "api", "Image": {"Ref": "Image"}}
    properties = {"Family": "orders", "ContainerDefinitions": [container]}
    [read] = parse(text(properties), FILE).document["containerDefinitions"]
    assert read == {"name": "api", "image": ""}
    role = {"Fn::GetAtt": ["TaskRole", "Arn"]}
    region = {"Name": "REGION", "Value": {"Ref": "AWS::Region"}}
    container["Environment"] = [region]
    error = refused(text({"Resources": {"Task": {**RESOURCE, "Properties": {
        **properties, "TaskRoleArn": role,
    }}}}))  # fmt: skip
    assert error.details == (
        f"{FILE}  Resources.Task.Properties.ContainerDefinitions[0].Environment[0].Value",
        f"{FILE}  Resources.Task.Properties.TaskRoleArn",
    )


def test_what_it_holds_is_not_shown() -> None:
    content = text({**REQUEST, "taskRoleArn": "canary-of-a-secret"})
    assert "canary" not in repr(parse(content, FILE))
