"""From delivery.toml and the contract to the plan of a world: whoever's repository it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.example import BLUEPRINT, ROOT

from shipway.config import load as delivery_file
from shipway.embedded.blueprint import Blueprint, draw
from shipway.errors import ConfigurationError
from shipway.policy import load as contract_file
from shipway_sandbox import template
from shipway_sandbox.plan import Layer, WorldPlan, layer_from, matches, read_plan

DELIVERY = """
schema = 1
name = "tally"

[environments.local]
sandbox = true
account = "123456789012"
region = "eu-central-1"
repository = "ssm:/tally/local/repository"
cluster = "ssm:/tally/local/cluster"

[environments.local.services.api]
service = "ssm:/tally/local/service"
container = "app"
url = "ssm:/tally/local/url"
path = "/ready"
expected_status = 204

[environments.local.services.api.compute]
memory = 96
secrets = { DATABASE_URL = "stand-in" }
environment = { MODE = "rehearsal" }
sidecars = { proxy = {} }

[environments.local.services.worker]
service = "tally-worker"
container = "app"

[environments.local.services.worker.compute]
command = ["python", "worker.py"]

[environments.live]
account = "env:LIVE_ACCOUNT"
region = "us-east-1"
repository = "210987654321.dkr.ecr.us-east-1.amazonaws.com/tally/api"
cluster = "arn:aws:ecs:us-east-1:210987654321:cluster/acme"

[environments.live.services.api]
service = "cfn:AcmeTally.Service"
container = "app"
url = "https://tally.acme.example"
path = "/ready"
expected_status = 204
"""
CONTRACT = """
schema = 1

[github]
repository = "acme/tally"
repository_id = 77
owner_id = 7
workflow = ".github/workflows/deploy.yml"

[[allow]]
name = "release"
event = "push"
ref = "refs/tags/v*"
environment = "live"
tasks = ["build", "publish", "deploy", "verify"]

[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["local"]
tasks = ["build", "publish", "deploy", "verify"]

[environments.local]
by_hand_role = "*"

[environments.live]
role = "tally-live"
"""


def drawn(
    folder: Path,
    delivery: str = DELIVERY,
    templates: Mapping[str, Mapping[str, str]] | None = None,
    *,
    contract: str = "",
) -> Blueprint:
    (folder / "delivery.toml").write_text(delivery, encoding="utf-8")
    (folder / "release.toml").write_text(contract or CONTRACT, encoding="utf-8")
    return draw(
        contract_file.load(folder / "release.toml"),
        delivery_file.load(folder / "delivery.toml"),
        dockerfiles={"": ("FROM scratch\nEXPOSE 7010\n", "")},
        templates=templates,
    )


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_rehearsals_roles_are_the_committed_ones(name: str) -> None:
    committed = ROOT / "ci" / "iam" / f"{name}.yaml"
    assert BLUEPRINT.layer(name).access == committed.read_text(encoding="utf-8")


def test_a_person_has_the_rights_of_a_delivery_and_may_look_around() -> None:
    local = BLUEPRINT.layer("local").access
    assert "RoleName: shop-deploy-local" in local
    for action in ("ecs:UpdateService", "ecr:PutImage", "iam:PassRole", "ssm:GetParametersByPath"):
        assert f" {action}\n" in local


def test_what_stands_there_has_the_names_that_delivery_toml_uses(tmp_path: Path) -> None:
    blueprint = drawn(tmp_path)
    local, live = blueprint.layer("local"), blueprint.layer("live")
    assert (local.account, local.region, local.cluster) == (
        "123456789012",
        "eu-central-1",
        "tally-local",
    )
    assert (live.repository, live.cluster, live.stack) == ("tally/api", "acme", "AcmeTally")
    assert local.parameters == {
        "/tally/local/repository": "repository",
        "/tally/local/cluster": "cluster",
        "/tally/local/service": "service:api",
        "/tally/local/url": "url:api",
    }
    assert live.outputs == {"AcmeTally": {"Service": "service:api"}}
    assert blueprint.plan.variables == {"LIVE_ACCOUNT": live.account}
    assert live.account == "210987654321", "its ARNs say so"
    [line] = blueprint.written_addresses
    assert DELIVERY.splitlines()[line - 1].startswith("url = ")
    assert blueprint.written_addresses[line] == ("live", "api", "https://tally.acme.example")


def test_services_run_as_the_sandbox_environment_says_everywhere(tmp_path: Path) -> None:
    blueprint = drawn(tmp_path)
    for name in ("local", "live"):
        api = blueprint.layer(name).services[0]
        assert (api.container, api.port, api.health_path, api.matcher) == (
            "app",
            7010,
            "/ready",
            "204",
        )
        assert (api.memory, api.environment) == (96, {"MODE": "rehearsal"})
        assert list(api.secrets) == ["DATABASE_URL"]
        assert [sidecar.name for sidecar in api.sidecars] == ["proxy"]
        assert blueprint.layer(name).stand_ins == {api.secrets["DATABASE_URL"]: "stand-in"}
    worker = blueprint.layer("local").services[1]
    assert (worker.name, worker.port) == ("tally-worker", 0)
    assert worker.command == ("python", "worker.py")


def test_a_command_stands_in_the_task_definition_and_none_where_none_is_said(
    tmp_path: Path,
) -> None:
    made = resources(drawn(tmp_path).layer("local"))
    api, worker = (
        made[f"TaskDefinition{key}"]["Properties"]["ContainerDefinitions"][0]
        for key in ("Api", "Worker")
    )
    assert worker["Command"] == ["python", "worker.py"]
    assert "Command" not in api


@pytest.mark.parametrize(("port", "told"), [("7010", False), ("7011", True)])
def test_a_port_that_the_dockerfile_does_not_expose_is_told_with_its_line(
    tmp_path: Path, port: str, *, told: bool
) -> None:
    text = DELIVERY.replace("memory = 96", f"port = {port}\nmemory = 96")
    if not told:
        assert drawn(tmp_path, text).port == int(port)
        return
    with pytest.raises(ConfigurationError) as caught:
        drawn(tmp_path, text)
    [detail] = caught.value.details
    line = text.splitlines().index(f"port = {port}") + 1
    assert f"delivery.toml:{line}  environments.local.services.api.compute.port" in detail
    assert detail.endswith("it is 7011, and the Dockerfile has EXPOSE 7010")


def test_what_a_target_group_takes_for_healthy() -> None:
    taken = [code for code in (199, 200, 204, 299, 300, 302) if matches("200-299, 302", code)]
    assert taken == [200, 204, 299, 302]


def test_a_person_takes_a_role_of_their_own_where_any_will_do(tmp_path: Path) -> None:
    assert drawn(tmp_path).layer("local").role == "tally-deploy-local"


def test_a_plan_survives_its_journey_to_the_sandboxs_process(tmp_path: Path) -> None:
    plan = drawn(tmp_path).plan
    assert read_plan(json.dumps(plan.written()).encode()) == plan


def test_the_address_of_the_sandbox_cannot_be_written_out(tmp_path: Path) -> None:
    wrong = DELIVERY.replace('url = "ssm:/tally/local/url"', 'url = "http://localhost:8000"')
    with pytest.raises(ConfigurationError) as caught:
        drawn(tmp_path, wrong)
    assert "environments.local.services.api.url" in caught.value.details[0]
    assert 'write "ssm:/tally/local/api/url"' in caught.value.details[0]


def resources(layer: Layer) -> dict[str, dict[str, Any]]:
    images = {service.key: f"registry/{service.key}" for service in layer.services}
    text = template.render(layer, images=images, endpoint="http://localhost:1", count=True)
    document: dict[str, dict[str, Any]] = json.loads(text)["Resources"]
    return document


def test_a_worker_has_no_load_balancer_and_names_are_not_too_long(tmp_path: Path) -> None:
    long = DELIVERY.replace('name = "tally"', 'name = "a-service-with-quite-a-long-name"')
    layer = drawn(tmp_path, long).layer("local")
    kinds = [str(resource["Type"]) for resource in resources(layer).values()]
    assert kinds.count("AWS::ECS::Service") == 2
    assert kinds.count("AWS::ElasticLoadBalancingV2::LoadBalancer") == 1
    assert all(len(service.balancer) <= 32 for service in layer.services)


TEMPLATED = DELIVERY.replace(
    'repository = "ssm:/tally/local/repository"',
    'repository = "ssm:tally/local/repository:3"\nimage_parameter = "tally/local/image"\n'
    'template_parameters = { Vpc = "vpc-1" }\ntemplate = "cdk.out/Acme-Tally.template.json"',
)


def test_templates_of_ones_own_are_handed_on_with_the_names_of_their_stacks(tmp_path: Path) -> None:
    files = {"cdk.out/Acme-Tally.template.json": "{}"}
    layer = drawn(tmp_path, TEMPLATED, {"local": files}).layer("local")
    [template] = layer.templates
    assert (template.stack, template.text) == ("Acme-Tally", "{}")
    assert layer.template_parameters == {"Vpc": "vpc-1"}
    assert layer.image_parameters == ("/tally/local/image",)
    assert layer.lookups == {
        "Repository": "ssm:/tally/local/repository:3",
        "Cluster": "ssm:/tally/local/cluster",
        "ServiceApi": "ssm:/tally/local/service",
        "ServiceWorker": "tally-worker",
    }
    assert read_plan(json.dumps(layer_plan(layer)).encode()).layers == (layer,)


def layer_plan(layer: Layer) -> dict[str, object]:
    return WorldPlan(layers=(layer,), person={}).written()


@pytest.mark.parametrize(
    ("files", "stacks"),
    [
        (("infra/compute.yaml",), ("tally-local",)),
        (("a/base.yaml", "a/compute.yaml"), ("tally-local-base", "tally-local-compute")),
        (("cdk.out/A.template.json", "cdk.out/B.template.json"), ("A", "B")),
    ],
)
def test_a_stack_is_called_as_its_template_or_its_environment(
    tmp_path: Path, files: tuple[str, ...], stacks: tuple[str, ...]
) -> None:
    texts = dict.fromkeys(files, "{}")
    layer = drawn(tmp_path, DELIVERY, {"local": texts}).layer("local")
    assert tuple(template.stack for template in layer.templates) == stacks


def test_a_stack_that_delivery_toml_refers_to_is_the_templates(tmp_path: Path) -> None:
    text = DELIVERY.replace("ssm:/tally/local/cluster", "cfn:AcmeTally.Cluster")
    layer = drawn(tmp_path, text, {"local": {"compute.yaml": "{}"}}).layer("local")
    assert layer.templates[0].stack == "AcmeTally"


def test_a_drawn_layer_has_the_parameter_that_takes_the_image(tmp_path: Path) -> None:
    layer = drawn(tmp_path, TEMPLATED).layer("local")
    assert layer.parameters["/tally/local/image"].startswith("text:")
    assert layer.parameters["/tally/local/repository"] == "repository", "without its version"
    assert layer.selectors == {"/tally/local/repository": ("3",)}


def test_a_jobs_own_task_definition_stands_there_with_its_rights(tmp_path: Path) -> None:
    jobs = """
[environments.local.jobs.migrate]
when = "before"
service = "api"

[environments.local.jobs.warm]
when = "after"
task_definition = "ssm:/tally/local/warm"

[environments.local.jobs.warm.compute]
memory = 64
environment = { MODE = "warm" }
"""
    local = drawn(tmp_path, DELIVERY + jobs).layer("local")
    [warm] = local.jobs
    assert (warm.key, warm.family, warm.container) == ("warm", "tally-local-warm", "warm")
    assert (warm.memory, warm.environment) == (64, {"MODE": "warm"})
    assert local.parameters["/tally/local/warm"] == "text:tally-local-warm"
    assert local.access_parameters["JobFamilyWarm"] == "tally-local-warm"
    assert local.access_parameters["JobLogGroupWarm"] == warm.log_group
    assert " ecs:RunTask\n" in local.access
    assert layer_from(json.loads(json.dumps(asdict(local)))) == local
    images = dict.fromkeys((service.key for service in local.services), "registry/tally@sha256:1")
    made = json.loads(template.render(local, images=images, endpoint="http://x", count=True))
    definition = made["Resources"]["JobTaskDefinitionWarm"]["Properties"]
    assert definition["Family"] == "tally-local-warm"
    [container] = definition["ContainerDefinitions"]
    assert (container["Name"], container["Essential"]) == ("warm", True)
    groups = made["Resources"]["ExecutionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    assert "JobLogGroupWarm" in json.dumps(groups)


def test_what_the_clock_starts_stands_there_with_its_rights(tmp_path: Path) -> None:
    lines = """
[environments.local.schedules.nightly]
rule = "ssm:/tally/local/rule"
service = "worker"

[environments.local.schedules.report]
schedule = "report"
group = "nights"
task_definition = "tally-report"
"""
    local = drawn(tmp_path, DELIVERY + lines).layer("local")
    nightly, report = local.schedules
    assert (nightly.kind, nightly.path) == ("rule", "tally-local-nightly")
    assert nightly.family == next(each.family for each in local.services if each.key == "worker")
    assert (report.kind, report.path, report.family) == (
        "schedule", "nights/report", "tally-report",
    )  # fmt: skip
    assert local.parameters["/tally/local/rule"] == "text:tally-local-nightly"
    assert local.access_parameters["RuleNightly"] == "tally-local-nightly"
    assert local.access_parameters["TimerReport"] == "nights/report"
    assert local.access_parameters["ScheduleFamilyReport"] == "tally-report"
    for name in ("RuleRoles", "TimerRoles"):
        assert local.access_parameters[name].endswith(f":role/{local.task_role}")
    assert local.access_parameters["RuleClusters"].endswith(f":cluster/{local.cluster}")
    assert layer_from(json.loads(json.dumps(asdict(local)))) == local
    images = dict.fromkeys((service.key for service in local.services), "registry/tally@sha256:1")
    made = json.loads(template.render(local, images=images, endpoint="http://x", count=True))
    rule = made["Resources"]["RuleNightly"]["Properties"]
    assert (rule["Name"], rule["State"]) == ("tally-local-nightly", "DISABLED")
    [target] = rule["Targets"]
    assert target["EcsParameters"]["TaskDefinitionArn"] == {"Ref": "TaskDefinitionWorker"}
    timer = made["Resources"]["TimerReport"]["Properties"]
    assert (timer["Name"], timer["GroupName"], timer["State"]) == ("report", "nights", "DISABLED")
    family = timer["Target"]["EcsParameters"]["TaskDefinitionArn"]["Ref"]
    assert made["Resources"][family]["Properties"]["Family"] == "tally-report"


def test_secrets_that_a_release_sets_have_stand_ins(tmp_path: Path) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:210987654321:secret:tally/api-a1B2c3"
    lines = f"""
secrets = {{ TOKEN = "/tally/token", KEY = "{arn}:key::" }}
[environments.live.services.api.containers.proxy.secrets]
CERTIFICATE = "arn:aws:ssm:us-east-1:210987654321:parameter/tally/certificate"
"""
    live = drawn(tmp_path, DELIVERY + lines).layer("live")
    assert live.stand_ins["/tally/token"] == "stand-in"
    assert live.stand_ins["/tally/certificate"] == "stand-in"
    assert json.loads(live.stand_ins[arn]) == {"key": "stand-in"}
    images = dict.fromkeys((service.key for service in live.services), "registry/tally@sha256:1")
    made = template.render(live, images=images, endpoint="http://x", count=True)
    assert f"{arn}*" in made
    assert "parameter/tally/token" in made
