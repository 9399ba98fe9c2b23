"""A template of the user's own, made ready to run here: what it lacks is named, or stood in for.

Its resources stay as they are written. Only what cannot be here is another: images that no
registry of ours holds, secrets that nobody may copy to a laptop, and waits of minutes.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ministack.services import ssm
from ministack.services.cloudformation import engine, provisioners

Record = dict[str, Any]

_SERVICE: Final = "AWS::ECS::Service"
_DEFINITION: Final = "AWS::ECS::TaskDefinition"
_GROUP: Final = "AWS::ElasticLoadBalancingV2::TargetGroup"
_READS: Final = "AWS::SSM::Parameter::Value<"
_BOOTSTRAP: Final = "/cdk-bootstrap/"
_BOOTSTRAP_VERSION: Final = "30"
"""What `cdk bootstrap` would have written: newer than any that a template asks for."""
_DRAIN: Final = "deregistration_delay.timeout_seconds"
_SHORT_SECONDS: Final = 5
_WAIT: Final = "trap 'exit 0' TERM; while :; do sleep 1; done"
_MACROS: Final = "a macro rewrites the template at AWS, and nothing does here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a template.

    Attributes:
        values: Its parameters.
        images: Container → the image that stands in for the template's; none before any is there.
        image_parameters: SSM parameters that name the delivered image.
        secrets: Container → variable → the SSM parameter that holds what stands in for a secret.
        waiter: The image of every other container.
        count: Whether tasks are to run yet.
        containers: The containers that take the delivered image.
    """

    values: Mapping[str, str]
    image_parameters: tuple[str, ...]
    secrets: Mapping[str, Mapping[str, str]]
    containers: tuple[str, ...]
    images: Mapping[str, str] = field(default_factory=dict)
    waiter: str = ""
    count: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """What a template became.

    Attributes:
        document: The template as it is run here.
        problems: What the sandbox cannot run, each with its place and what to do.
        puts: SSM parameters that must be there before → their values.
        makes: SSM parameters that the template itself makes.
        seeds: Container → what its stand-in must answer.
    """

    document: Record = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    puts: Mapping[str, str] = field(default_factory=dict)
    makes: tuple[str, ...] = ()
    seeds: Mapping[str, Record] = field(default_factory=dict)

    @property
    def written(self) -> Record:
        """As JSON holds it; the template is a text in it."""
        return {
            "template": json.dumps(self.document),
            "problems": list(self.problems),
            "puts": dict(self.puts),
            "makes": list(self.makes),
            "seeds": dict(self.seeds),
            "services": any(
                resource.get("Type") == _SERVICE
                for resource in self.document.get("Resources", {}).values()
            ),
        }


def adapt(text: str, wanted: Wanted) -> Adapted:
    """Make a template ready, or say what of it cannot run here."""
    try:
        document = engine._parse_template(text)
    except (ValueError, engine.yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        return Adapted(problems=(f"it is no CloudFormation template: {first}",))
    resources = document.get("Resources")
    if not isinstance(resources, dict) or not resources:
        return Adapted(problems=("Resources: a template has at least one; name the right file",))
    problems = [*_unsupported(document, resources), *_unfilled(document, wanted)]
    if problems:
        return Adapted(problems=tuple(problems))
    adapted = copy.deepcopy(document)
    made = _Made(adapted, wanted)
    made.fit()
    return Adapted(
        document=adapted,
        puts=dict(_puts(document, wanted)),
        makes=tuple(_makes(resources)),
        seeds=made.seeds,
    )


def _unsupported(document: Record, resources: Record) -> Iterator[str]:
    if document.get("Transform"):
        yield f"Transform: {_MACROS}; name the template that it gives (sam build, cdk synth)"
    for name, resource in resources.items():
        kind = str(resource.get("Type", "")) if isinstance(resource, dict) else ""
        place = f"Resources.{name}"
        if not kind:
            yield f"{place}.Type: is missing; every resource has one"
        elif kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
            yield (
                f"{place} ({kind}): a function of yours makes it at AWS, and the sandbox runs "
                "none; leave it out where the context or a parameter says it is the sandbox"
            )
        elif kind == "AWS::CloudFormation::Stack":
            yield (
                f"{place} ({kind}): its template lies in a bucket that is not here; name both "
                "templates in `template`, in the order in which they are made"
            )
        elif kind not in provisioners._RESOURCE_HANDLERS:
            yield (
                f"{place} ({kind}): the sandbox has no such resource; move it to a stack that "
                "`template` does not name, or leave it out where a parameter says so"
            )
        else:
            yield from _unsupported_properties(place, kind, resource.get("Properties") or {})


def _unsupported_properties(place: str, kind: str, properties: Record) -> Iterator[str]:
    if kind == _SERVICE:
        controller = (properties.get("DeploymentController") or {}).get("Type", "ECS")
        if controller != "ECS":
            yield (
                f"{place}.Properties.DeploymentController.Type: is {controller}; shipway delivers "
                "to services that ECS itself deploys: make it ECS"
            )
        if properties.get("SchedulingStrategy") == "DAEMON":
            yield (
                f"{place}.Properties.SchedulingStrategy: is DAEMON, a task for each instance, "
                "and the sandbox has no instances: make it REPLICA"
            )
    if kind == _DEFINITION:
        for container in properties.get("ContainerDefinitions") or []:
            if isinstance(container, dict) and "Name" not in container:
                yield f"{place}.Properties.ContainerDefinitions: a container has no Name; give one"


def _unfilled(document: Record, wanted: Wanted) -> Iterator[str]:
    """Parameters that nobody gives a value."""
    for name, parameter in (document.get("Parameters") or {}).items():
        key = f"`{name}` in template_parameters"
        kind = str(parameter.get("Type", ""))
        if name in wanted.values:
            continue
        if "Default" not in parameter:
            yield f"Parameters.{name}: has no Default; say what it is here: {key}"
        elif kind.startswith(_READS) and not _is_there(str(parameter["Default"]), wanted):
            yield (
                f"Parameters.{name}: reads the SSM parameter {parameter['Default']}, which is "
                f"not here; say what it holds: {key}"
            )
    declared = document.get("Parameters") or {}
    for name in wanted.values:
        if name not in declared:
            yield f"Parameters: there is no {name}, which template_parameters gives a value"


def _is_there(name: str, wanted: Wanted) -> bool:
    return (
        name.startswith(_BOOTSTRAP)
        or _rooted(name) in wanted.image_parameters
        or ssm.resolve_parameter_value(name) is not None
    )


def _rooted(name: str) -> str:
    return f"/{name.lstrip('/')}" if "/" in name else name


def _puts(document: Record, wanted: Wanted) -> Iterator[tuple[str, str]]:
    """What must be in the Parameter Store before; the image's parameter gets its value later."""
    for name, parameter in (document.get("Parameters") or {}).items():
        if not str(parameter.get("Type", "")).startswith(_READS) or "Default" not in parameter:
            continue
        read = str(parameter["Default"])
        if name in wanted.values:
            yield read, wanted.values[name]
        elif ssm.resolve_parameter_value(read) is None:
            yield read, _BOOTSTRAP_VERSION if read.startswith(_BOOTSTRAP) else "no-release-yet"


def _makes(resources: Record) -> Iterator[str]:
    for resource in resources.values():
        name = (resource.get("Properties") or {}).get("Name")
        if resource.get("Type") == "AWS::SSM::Parameter" and isinstance(name, str):
            yield _rooted(name)


class _Made:
    """A template being fitted; changes its document.

    Attributes:
        seeds: Container → what its stand-in must answer.
    """

    def __init__(self, document: Record, wanted: Wanted) -> None:
        self._document = document
        self._wanted = wanted
        self.seeds: dict[str, Record] = {}
        self._ours: set[str] = set()

    def fit(self) -> None:
        """Definitions first: a service runs where one of its containers takes our image."""
        for name, properties in self._of(_DEFINITION):
            self._definition(name, properties)
        for _, properties in self._of(_SERVICE):
            self._service(properties)
        for _, properties in self._of(_GROUP):
            _hasten(properties)

    def _of(self, kind: str) -> Iterator[tuple[str, Record]]:
        for name, resource in self._document["Resources"].items():
            if resource["Type"] == kind:
                yield name, resource.setdefault("Properties", {})

    def _definition(self, name: str, properties: Record) -> None:
        for container in properties.get("ContainerDefinitions") or []:
            if container["Name"] in self._wanted.containers:
                self._ours.add(name)
                self._delivered(container)
            elif not self._is_delivered(container.get("Image")):
                _idle(container, self._wanted.waiter)

    def _delivered(self, container: Record) -> None:
        """The container that takes the image: a stand-in until the first delivery."""
        key = container["Name"]
        if not self._is_delivered(container.get("Image")):
            container["Image"] = self._wanted.images.get(key, "no-image-yet")
        stand_ins = self._wanted.secrets.get(key, {})
        for secret in container.get("Secrets") or []:
            if secret.get("Name") in stand_ins:
                secret["ValueFrom"] = stand_ins[secret["Name"]]
        seed = self.seeds.setdefault(key, {"port": 0, "path": "/", "status": 200})
        seed["starts"] = _program(container.get("EntryPoint"))
        seed["checks"] = _checker((container.get("HealthCheck") or {}).get("Command"))
        ports = [mapping.get("ContainerPort") for mapping in container.get("PortMappings") or []]
        seed["port"] = next((int(port) for port in ports if str(port).isdigit()), 0)

    def _is_delivered(self, image: Any) -> bool:
        """Whether the template takes this image from the parameter that shipway writes."""
        name = image.get("Ref") if isinstance(image, dict) else None
        parameter = (self._document.get("Parameters") or {}).get(name) or {}
        default = str(parameter.get("Default", ""))
        return _reads(parameter) and _rooted(default) in self._wanted.image_parameters

    def _service(self, properties: Record) -> None:
        definition = properties.get("TaskDefinition")
        named = definition.get("Ref") if isinstance(definition, dict) else None
        for balancer in properties.get("LoadBalancers") or []:
            self._checked(balancer)
        if self._wanted.count and named in self._ours:
            properties.setdefault("DesiredCount", 1)
        else:
            properties["DesiredCount"] = 0  # nobody has the images of another service here

    def _checked(self, balancer: Record) -> None:
        """What the target group asks of a stand-in."""
        seed = self.seeds.get(str(balancer.get("ContainerName")))
        group = balancer.get("TargetGroupArn")
        named = group.get("Ref") if isinstance(group, dict) else None
        checks = dict(self._of(_GROUP)).get(str(named))
        if seed is None or checks is None:
            return
        path, codes = checks.get("HealthCheckPath"), (checks.get("Matcher") or {}).get("HttpCode")
        seed["path"] = path if isinstance(path, str) else "/"
        first = str(codes)[:3]
        seed["status"] = int(first) if first.isdigit() else 200


def _reads(parameter: Record) -> bool:
    return str(parameter.get("Type", "")).startswith(_READS)


def _program(words: Any) -> str:
    """What a container would start that is not in its stand-in."""
    first = words[0] if isinstance(words, list) and words else ""
    return first if isinstance(first, str) else ""


def _checker(command: Any) -> str:
    """What a container's health check runs: a program, or the shell."""
    if not isinstance(command, list) or not command:
        return ""
    return "/bin/sh" if command[0] == "CMD-SHELL" else _program(command[1:])


def _idle(container: Record, image: str) -> None:
    """A container whose image is not here: it waits for the task's end, and is well."""
    container["Image"] = image or "no-image-yet"
    container["EntryPoint"] = ["/bin/busybox", "sh", "-c"]
    container["Command"] = [_WAIT]
    for name in ("HealthCheck", "User", "WorkingDirectory", "RepositoryCredentials"):
        container.pop(name, None)


def _hasten(properties: Record) -> None:
    """Waits of minutes are seconds here: a rehearsal learns nothing from them."""
    attributes = [
        attribute
        for attribute in properties.get("TargetGroupAttributes") or []
        if attribute.get("Key") != _DRAIN
    ]
    properties["TargetGroupAttributes"] = [*attributes, {"Key": _DRAIN, "Value": "5"}]
    if properties.get("TargetType") != "lambda":
        properties["HealthCheckIntervalSeconds"] = _SHORT_SECONDS
        properties["HealthCheckTimeoutSeconds"] = 2
