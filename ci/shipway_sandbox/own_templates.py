"""The compute layer of an environment from the user's own templates, instead of a drawn one.

Order: each stack with no task, so that its repository is there; a stand-in image for each service
into that repository; each stack with its tasks; the deploy role's stack.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shipway.errors import SandboxError
from shipway_sandbox import compute
from shipway_sandbox.plan import Layer, OwnTemplate
from shipway_sandbox.template import camel

Client = Callable[[str], Any]
Record = dict[str, Any]

_SECONDS: Final = 150.0
"""CloudFormation's own patience is hours; a stack of two services takes some ten seconds here."""
_POLL_SECONDS: Final = 0.2
_WAITER: Final = "sidecar"
_ADMITS: Final = "what the sandbox runs of a template: docs/infrastructure.md"


def create(admin: Client, layer: Layer, state: Mapping[str, Any], busybox: bytes) -> None:
    """Make the stacks of the user's own templates, and let their services start.

    Args:
        admin: Gives clients of the environment's account.
        layer: The environment; it has templates.
        state: What ``sandbox.json`` says.
        busybox: The program of the stand-in images.

    Raises:
        SandboxError: A template holds something that cannot run here, or does not come up; the
            details name resource, property, and what to do.
    """
    _Templates(admin, layer, state, busybox).create()


@dataclass(frozen=True, slots=True)
class _Templates:
    admin: Client
    layer: Layer
    state: Mapping[str, Any]
    busybox: bytes

    def create(self) -> None:
        compute.put_stand_ins(self.admin("ssm"), self.layer)
        seeds: dict[str, Record] = {}
        values = self.layer.template_parameters
        for template in self.layer.templates:
            adapted = self._adapted(template)
            for name, value in adapted["puts"].items():
                self._put(name, value)
            seeds |= adapted["seeds"]
            self._run("create", template, adapted, values)
        compute.make_secrets(self.admin("secretsmanager"), self.layer)
        self._require_containers(seeds)
        repositories = self._repositories()
        images = dict(self._images(next(iter(repositories.values())), seeds))
        for template in self.layer.templates:
            adapted = self._adapted(template, images=images, count=True)
            if adapted["services"]:
                self._run("update", template, adapted, values)
        if self.layer.access:
            compute.run_stack(
                self.admin("cloudformation"),
                "create",
                self.layer.access_stack,
                self.layer.access,
                self._access(repositories),
            )

    def _adapted(
        self, template: OwnTemplate, *, images: Mapping[str, str] | None = None, count: bool = False
    ) -> Record:
        """A template as it runs here.

        Raises:
            SandboxError: Something in it cannot; the details name all of it.
        """
        known = {**(images or {})}
        wanted = {
            "values": dict(self.layer.template_parameters),
            "image_parameters": self.layer.image_parameters,
            "secrets": {service.container: service.secrets for service in self.layer.services},
            "containers": [service.container for service in self.layer.services],
            "waiter": known.pop(_WAITER, ""),
            "images": known,
            "count": count,
        }
        place = {"account": self.layer.account, "region": self.layer.region}
        body = {**place, "text": template.text, "wanted": wanted}
        adapted: Record = compute.call(self.state, "/_shipway/templates", body)
        if adapted["problems"]:
            raise SandboxError(
                f"the sandbox cannot run the template of {self.layer.environment}",
                where=template.file,
                details=tuple(adapted["problems"]),
                remedy=f"change what is named, or take `template` out of "
                f"[environments.{self.layer.environment}] to have a layer drawn; {_ADMITS}",
            )
        return adapted

    def _run(
        self, verb: str, template: OwnTemplate, adapted: Record, values: Mapping[str, str]
    ) -> None:
        """Make or change a stack, and wait for its end.

        Raises:
            SandboxError: It was refused or failed; the details say which resource, and why.
        """
        cloudformation = self.admin("cloudformation")
        call = cloudformation.create_stack if verb == "create" else cloudformation.update_stack
        declared = stack_parameters(adapted["template"], values)
        try:
            call(
                StackName=template.stack,
                TemplateBody=adapted["template"],
                Parameters=declared,
                Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except cloudformation.exceptions.ClientError as error:
            reason = str(error.response["Error"]["Message"])
            raise self._failed(template, (reason,)) from error
        self._wait(cloudformation, template)

    def _wait(self, cloudformation: Any, template: OwnTemplate) -> None:
        deadline = time.monotonic() + _SECONDS
        while True:
            stack = cloudformation.describe_stacks(StackName=template.stack)["Stacks"][0]
            status = str(stack["StackStatus"])
            if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
                return
            if status.endswith(("FAILED", "ROLLBACK_COMPLETE")):
                raise self._failed(template, _reasons(cloudformation, template.stack))
            if time.monotonic() > deadline:
                raise self._failed(template, tuple(self._unsteady(cloudformation, template)))
            time.sleep(_POLL_SECONDS)

    def _unsteady(self, cloudformation: Any, template: OwnTemplate) -> Iterator[str]:
        """What a stack still waits for, with ECS's last word on a service."""
        answer = cloudformation.describe_stack_resources(StackName=template.stack)
        for resource in answer["StackResources"]:
            arn = str(resource.get("PhysicalResourceId", ""))
            if resource["ResourceType"] != "AWS::ECS::Service" or ":service/" not in arn:
                continue
            cluster, _, name = arn.partition(":service/")[2].rpartition("/")
            listed = self.admin("ecs").describe_services(cluster=cluster, services=[name])
            for service in listed["services"]:
                if service["deployments"][0]["rolloutState"] != "COMPLETED":
                    said = service["events"][0]["message"] if service.get("events") else "nothing"
                    yield (
                        f"Resources.{resource['LogicalResourceId']} (AWS::ECS::Service): is not "
                        f"steady after {_SECONDS:.0f} s; ECS says: {said}"
                    )
        yield f"the stack {template.stack} is not complete after {_SECONDS:.0f} s"

    def _failed(self, template: OwnTemplate, reasons: tuple[str, ...]) -> SandboxError:
        return SandboxError(
            f"the template of {self.layer.environment} does not come up in the sandbox",
            where=template.file,
            details=reasons,
            remedy="mend the resource that is named, or take `template` out of "
            f"[environments.{self.layer.environment}] to have a layer drawn; {_ADMITS}",
        )

    def _require_containers(self, seeds: Mapping[str, Record]) -> None:
        """Every container that delivery.toml names is in a task definition.

        Raises:
            SandboxError: One is not.
        """
        lacking = [service for service in self.layer.services if service.container not in seeds]
        if lacking:
            environment = self.layer.environment
            raise SandboxError(
                "no task definition of the template has the container that takes the image",
                where=", ".join(template.file for template in self.layer.templates),
                details=tuple(
                    f"environments.{environment}.services.{service.key}.container: "
                    f"{service.container}"
                    for service in lacking
                ),
                remedy="name a container of the template's ContainerDefinitions",
            )

    def _repositories(self) -> dict[str, str]:
        """Each repository's name by its template parameter; one that no template makes is made."""
        return {
            f"Repository{camel(key)}": self._repository(f"Repository{camel(key)}", name)
            for key, name in self.layer.repositories.items()
        }

    def _repository(self, parameter: str, otherwise: str) -> str:
        named = self.layer.lookups[parameter]
        name = self._looked_up(named, otherwise=otherwise)
        name = name.rpartition(".amazonaws.com/")[2]
        ecr = self.admin("ecr")
        try:
            ecr.describe_repositories(repositoryNames=[name])
        except ecr.exceptions.RepositoryNotFoundException:
            ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
        if named.startswith("ssm:"):
            self._publish_if_missing(named.removeprefix("ssm:"), name)
        return name

    def _publish_if_missing(self, parameter: str, value: str) -> None:
        ssm = self.admin("ssm")
        if not ssm.get_parameters(Names=[parameter])["Parameters"]:
            self._put(parameter, value)

    def _looked_up(self, text: str, *, otherwise: str = "") -> str:
        """What delivery.toml says or refers to.

        Raises:
            SandboxError: Nothing publishes it.
        """
        scheme, _, name = text.partition(":")
        value: str | None = text
        if scheme == "ssm":
            found = self.admin("ssm").get_parameters(Names=[name], WithDecryption=True)
            value = next((parameter["Value"] for parameter in found["Parameters"]), None)
        elif scheme == "cfn":
            stack, _, output = name.partition(".")
            value = self._outputs(stack).get(output)
        if value or otherwise:
            return str(value or otherwise)
        raise SandboxError(
            f"no template publishes {text}, which ci/delivery.toml refers to",
            where=", ".join(template.file for template in self.layer.templates),
            remedy="make it an AWS::SSM::Parameter or an output of the template, or write the name",
        )

    def _outputs(self, stack: str) -> dict[str, str]:
        if stack not in {template.stack for template in self.layer.templates}:
            return {}
        described = self.admin("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {
            output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())
        }

    def _images(self, repository: str, seeds: Mapping[str, Record]) -> Iterator[tuple[str, str]]:
        """Container → its stand-in, put into the repository."""
        first, host = "", compute.registry_of(self.state, self.layer)
        # One with a port comes first: a parameter holds one image for all that read it.
        for container, seed in sorted(seeds.items(), key=lambda item: not item[1]["port"]):
            image = compute.seed_image(self.busybox, **seed)
            tag = f"{compute.BOOTSTRAP_TAG}-{container}"
            reference = compute.put_image(self.state, repository, image, tag, host=host)
            first = first or reference
            yield container, reference
        waiter = compute.seed_image(self.busybox, port=0)
        tag = f"{compute.BOOTSTRAP_TAG}-{_WAITER}"
        yield _WAITER, compute.put_image(self.state, repository, waiter, tag, host=host)
        for name in self.layer.image_parameters:
            self._put(name, first)

    def _access(self, repositories: Mapping[str, str]) -> dict[str, str]:
        """What the deploy role's template asks for, read from what runs."""
        values = {**self.layer.access_parameters, **repositories}
        if "Cluster" not in self.layer.lookups:
            return values
        values["Cluster"] = self._looked_up(self.layer.lookups["Cluster"]).rpartition("/")[2]
        ecs, roles = self.admin("ecs"), dict[str, None]()
        for service in self.layer.services:
            suffix = camel(service.key)
            name = self._looked_up(self.layer.lookups[f"Service{suffix}"]).rpartition("/")[2]
            listed = ecs.describe_services(cluster=values["Cluster"], services=[name])["services"]
            if not listed:
                raise SandboxError(
                    f"no template makes the service {name} in the cluster {values['Cluster']}",
                    where=f"environments.{self.layer.environment}.services.{service.key}.service",
                    remedy="name the service that the template makes, or refer to its parameter",
                )
            arn = listed[0]["taskDefinition"]
            live = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            values[f"Service{suffix}"] = name
            values[f"Family{suffix}"] = live["family"]
            values[f"LogGroup{suffix}"] = _log_group(live, service.container)
            roles |= dict.fromkeys(_roles(live))
        for job in self.layer.jobs:
            suffix = camel(job.key)
            family = self._looked_up(self.layer.lookups[f"JobFamily{suffix}"])
            live = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
            values[f"JobFamily{suffix}"] = live["family"]
            values[f"JobLogGroup{suffix}"] = _log_group(live, job.container)
            roles |= dict.fromkeys(_roles(live))
        if "RuleClusters" in values:
            here = f"{self.layer.region}:{self.layer.account}"
            values["RuleClusters"] = f"arn:aws:ecs:{here}:cluster/{values['Cluster']}"
        nobody = f"arn:aws:iam::{self.layer.account}:role/none"
        return {**values, "TaskRoles": ",".join(roles) or nobody}

    def _put(self, name: str, value: str) -> None:
        self.admin("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def stack_parameters(template: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """Stack parameters that the template has; one that reads SSM keeps the name that it reads."""
    declared = json.loads(template).get("Parameters") or {}
    return [
        {"ParameterKey": name, "ParameterValue": value}
        for name, value in values.items()
        if name in declared
        and not str(declared[name].get("Type", "")).startswith("AWS::SSM::Parameter::Value<")
    ]


def _reasons(cloudformation: Any, stack: str) -> tuple[str, ...]:
    """Which resources failed, and why, in the order in which they did."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return tuple(
        f"Resources.{event['LogicalResourceId']} ({event['ResourceType']}): "
        f"{event.get('ResourceStatusReason') or event['ResourceStatus']}"
        for event in reversed(events)
        if str(event["ResourceStatus"]).endswith("_FAILED")
        and "cancelled" not in str(event.get("ResourceStatusReason", ""))
    )[:5]


def _roles(live: Mapping[str, Any]) -> list[str]:
    return [live[role] for role in ("executionRoleArn", "taskRoleArn") if live.get(role)]


def _log_group(live: Mapping[str, Any], container: str) -> str:
    """The log group of a container; one that logs elsewhere has none."""
    for definition in live["containerDefinitions"]:
        if definition["name"] == container:
            options = (definition.get("logConfiguration") or {}).get("options") or {}
            return str(options.get("awslogs-group") or "none")
    return "none"
