"""What there is in an account: services with what they run, and what names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import boto3

from shipway.aws.session import Session, translated
from shipway.config.inventory import LiveService
from shipway.errors import ConfigurationError, CredentialsError
from shipway.redact import looks_secret, redact
from shipway.util.partitions import registry_home
from shipway.values import Identity

# A repository's name in an image reference (ECR User Guide, "Amazon ECR private registry").
_REPOSITORY: Final = re.compile(r"[^/]+/(?P<name>[^:@]+)")
_CLUSTERS: Final = 20
_PAGES: Final = 50  # of ten parameters or a hundred stacks each

Answer = Mapping[str, Any]


class AwsInventory:
    """Implements :class:`shipway.adoption.ports.Inventory`; it only reads.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def region(self) -> str:
        """The region that is looked at."""
        return self._session.region

    def identity(self) -> Identity:
        """Who AWS says we are."""
        return self._session.identity()

    def services(self) -> Sequence[tuple[str, str]]:
        """Every ECS service, as the names of its cluster and its own; of the first 20 clusters."""
        ecs = self._session.client("ecs")
        with translated("ecs:ListClusters"):
            pages = ecs.get_paginator("list_clusters").paginate()
            clusters = [arn for page in pages for arn in page["clusterArns"]][:_CLUSTERS]
        names: list[tuple[str, str]] = []
        for cluster in clusters:
            with translated("ecs:ListServices", cluster):
                pages = ecs.get_paginator("list_services").paginate(cluster=cluster)
                names += [
                    (_last(cluster), _last(arn)) for page in pages for arn in page["serviceArns"]
                ]
        return sorted(names)

    def service(self, cluster: str, service: str) -> LiveService:
        """One service with what it runs and who balances it.

        Raises:
            ConfigurationError: It is not there, or another controller than ECS rolls it out.
        """
        ecs, place = self._session.client("ecs"), f"{cluster}/{service}"
        with translated("ecs:DescribeServices", place):
            answer = ecs.describe_services(cluster=cluster, services=[service])
            services = [
                candidate for candidate in answer["services"] if candidate.get("status") == "ACTIVE"
            ]
        if not services:
            raise ConfigurationError(
                f"there is no service {service} in cluster {cluster}",
                where=f"{place} in {self.region}",
                remedy="aws ecs list-services --cluster CLUSTER lists them",
            )
        document = services[0]
        controller = (document.get("deploymentController") or {}).get("type", "ECS")
        if controller != "ECS":
            raise ConfigurationError(
                f"its deployments are controlled by {controller}, and shipway watches those of ECS",
                where=place,
                remedy="make the service one with the deployment controller ECS",
            )
        with translated("ecs:DescribeTaskDefinition", document["taskDefinition"]):
            described = ecs.describe_task_definition(taskDefinition=document["taskDefinition"])
            definition = described["taskDefinition"]
            containers = definition["containerDefinitions"]
        balanced: Answer = next(iter(document.get("loadBalancers", ())), {})
        container = _container(containers, balanced.get("containerName", ""))
        ports = [port["containerPort"] for port in container.get("portMappings", ())]
        repository = _repository(container.get("image", ""))
        pairs = [(item["name"], item.get("value", "")) for item in container.get("environment", ())]
        health, url = self._balancer(balanced.get("targetGroupArn", ""))
        breaker = (document.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker")
        return LiveService(
            cluster=_last(document["clusterArn"]),
            service=document["serviceName"],
            container=container["name"],
            port=int(balanced.get("containerPort") or next(iter(ports), 0)),
            repository=repository,
            health_path=health,
            url=url,
            circuit_breaker=bool((breaker or {}).get("enable")),
            cpu=int(definition.get("cpu") or container.get("cpu") or 0),
            memory=int(definition.get("memory") or container.get("memory") or 0),
            environment=tuple((name, value) for name, value in pairs if _is_plain(name, value)),
            secrets=tuple(
                dict.fromkeys(
                    [name for name, value in pairs if not _is_plain(name, value)]
                    + [secret["name"] for secret in container.get("secrets", ())]
                )
            ),
        )

    def _balancer(self, target_group: str) -> tuple[str, str]:
        """What a load balancer asks for, and its own address; both empty without one."""
        if not target_group:
            return "", ""
        elb = self._session.client("elbv2")
        with translated("elasticloadbalancing:DescribeTargetGroups", target_group):
            group = elb.describe_target_groups(TargetGroupArns=[target_group])["TargetGroups"][0]
        balancers = group.get("LoadBalancerArns", ())
        if not balancers:
            return group.get("HealthCheckPath", ""), ""
        with translated("elasticloadbalancing:DescribeLoadBalancers", balancers[0]):
            answer = elb.describe_load_balancers(LoadBalancerArns=balancers[:1])
            address = answer["LoadBalancers"][0]["DNSName"]
        with translated("elasticloadbalancing:DescribeListeners", balancers[0]):
            listeners = elb.describe_listeners(LoadBalancerArn=balancers[0])["Listeners"]
            secure = any(listener.get("Protocol") == "HTTPS" for listener in listeners)
        scheme = "https" if secure else "http"
        return group.get("HealthCheckPath", ""), f"{scheme}://{address}"

    def published(self) -> Mapping[str, str]:
        """Values by the reference that delivery.toml would hold; secrets are not looked at."""
        return {**dict(self._parameters()), **dict(self._outputs())}

    def _parameters(self) -> Iterator[tuple[str, str]]:
        more: dict[str, str] = {}
        for _ in range(_PAGES):
            with translated("ssm:GetParametersByPath", "/"):
                answer = self._session.client("ssm").get_parameters_by_path(
                    Path="/",
                    Recursive=True,
                    ParameterFilters=[{"Key": "Type", "Option": "Equals", "Values": ["String"]}],
                    **more,
                )
                values = [
                    (f"ssm:{parameter['Name']}", _plain(parameter["Value"]))
                    for parameter in answer["Parameters"]
                    if parameter["Type"] == "String"
                ]
            yield from values
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}

    def _outputs(self) -> Iterator[tuple[str, str]]:
        more: dict[str, str] = {}
        for _ in range(_PAGES):
            with translated("cloudformation:DescribeStacks"):
                answer = self._session.client("cloudformation").describe_stacks(**more)
                values = [
                    (
                        f"cfn:{stack['StackName']}.{output['OutputKey']}",
                        _plain(output["OutputValue"]),
                    )
                    for stack in answer["Stacks"]
                    for output in stack.get("Outputs", ())
                ]
            yield from values
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}


def open_inventory(region: str, endpoint: str = "") -> AwsInventory:
    """The account of the credentials that there are.

    Args:
        region: A region; empty for the one of the environment or the profile.
        endpoint: What every client is bound to; empty for AWS.

    Raises:
        CredentialsError: No region is known.
    """
    with translated("credentials"):
        known = region or boto3.Session().region_name
    if not known:
        raise CredentialsError(
            "no AWS region is known", remedy="say --region, set AWS_REGION or name a profile"
        )
    return AwsInventory(Session(known, endpoint=endpoint))


def _container(containers: Sequence[Answer], balanced: str) -> Answer:
    """The one behind the load balancer, else the first essential one, else the first."""
    named = [definition for definition in containers if definition["name"] == balanced]
    essential = [definition for definition in containers if definition.get("essential", True)]
    return (named or essential or list(containers))[0]


def _is_plain(name: str, value: str) -> bool:
    """Whether a variable holds no secret, as far as its name and its value tell."""
    return not looks_secret(name) and redact(value) == value


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _plain(value: str) -> str:
    """A published value as a live service would name it: an ARN's or a repository URI's name."""
    if value.startswith("arn:") and ":ecs:" in value:
        return _last(value)
    return _repository(value) or value.rstrip("/")


def _repository(image: str) -> str:
    """The repository's name of an image or a URI in ECR; empty for any other registry's."""
    match = _REPOSITORY.match(image) if registry_home(image) else None
    return match["name"] if match else ""
