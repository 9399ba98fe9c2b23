"""A Fargate service whose image belongs to shipway: copy this file, and use it as ``app.py`` does.

What it settles, so that a delivery holds and a stack update does not undo it:

- the image comes from a parameter, never from the template;
- ECS rolls a failing deployment back by itself (circuit breaker), and so does an alarm;
- the service's name, and its address, are published where ``ci/delivery.toml`` looks them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as patterns
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from constructs import Construct


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What the services of one environment have in common.

    Attributes:
        cluster: Where they run.
        repository: Where shipway publishes their image.
        image: The reference of the image that was delivered last, read from a parameter.
        names: The folder in the Parameter Store that shipway looks in: ``/shop/staging``.
    """

    cluster: ecs.ICluster
    repository: ecr.IRepository
    image: str
    names: str


class DeliveredService(Construct):
    """A service on Fargate, behind a load balancer of its own where it has a port.

    Args:
        scope: The stack.
        construct_id: Its id there.
        delivered: What the environment's services have in common.
        key: Its name in ``ci/delivery.toml``, and of its container.
        port: What it listens on; 0 for a worker.
        health_path: What the target group asks.
        environment: Its environment variables.
        secrets: Environment variables whose values ECS reads from where they are kept.
        cpu: CPU units; 1024 are a core.
        memory: MiB.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        delivered: Delivered,
        *,
        key: str,
        port: int = 0,
        health_path: str = "/",
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, ecs.Secret] | None = None,
        cpu: int = 256,
        memory: int = 512,
    ) -> None:
        super().__init__(scope, construct_id)
        self.url = ""
        task = ecs.FargateTaskDefinition(self, "Task", cpu=cpu, memory_limit_mib=memory)
        task.add_container(
            key,
            image=ecs.ContainerImage.from_registry(delivered.image),
            environment=dict(environment or {}),
            secrets=dict(secrets or {}),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=key,
                log_group=logs.LogGroup(
                    self,
                    "Logs",
                    retention=logs.RetentionDays.ONE_MONTH,
                    removal_policy=cdk.RemovalPolicy.DESTROY,
                ),
            ),
            port_mappings=[ecs.PortMapping(container_port=port)] if port else None,
            stop_timeout=cdk.Duration.seconds(10),
        )
        # from_registry knows no repository, so the right to pull is given by hand.
        delivered.repository.grant_pull(task.obtain_execution_role())
        self.service = (
            self._balanced(delivered, task, health_path)
            if port
            else ecs.FargateService(
                self,
                "Service",
                cluster=delivered.cluster,
                task_definition=task,
                assign_public_ip=True,
                min_healthy_percent=100,
                circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            )
        )
        # shipway never sends a count, so the scaling's count holds through a delivery.
        self.service.auto_scale_task_count(min_capacity=1, max_capacity=4).scale_on_cpu_utilization(
            "Cpu", target_utilization_percent=60
        )
        ssm.StringParameter(
            self,
            "Name",
            parameter_name=f"{delivered.names}/{key}/service",
            string_value=self.service.service_name,
        )

    def _balanced(
        self, delivered: Delivered, task: ecs.FargateTaskDefinition, health_path: str
    ) -> ecs.FargateService:
        balanced = patterns.ApplicationLoadBalancedFargateService(
            self,
            "Balanced",
            cluster=delivered.cluster,
            task_definition=task,
            assign_public_ip=True,
            min_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            health_check_grace_period=cdk.Duration.seconds(10),
        )
        balanced.target_group.configure_health_check(
            path=health_path,
            healthy_http_codes="200",
            interval=cdk.Duration.seconds(10),
            timeout=cdk.Duration.seconds(5),
            healthy_threshold_count=2,
            unhealthy_threshold_count=3,
        )
        balanced.target_group.set_attribute("deregistration_delay.timeout_seconds", "15")
        # A name that is written out: one that only the stack knows would have the service wait for
        # the alarm, and the alarm for the service.
        alarm_name = f"{delivered.names.strip('/').replace('/', '-')}-errors"
        cloudwatch.Alarm(
            self,
            "Errors",
            alarm_name=alarm_name,
            metric=balanced.target_group.metrics.http_code_target(
                elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=cdk.Duration.minutes(1)
            ),
            threshold=10,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        balanced.service.enable_deployment_alarms(
            [alarm_name], behavior=ecs.AlarmBehavior.ROLLBACK_ON_ALARM
        )
        self.url = f"http://{balanced.load_balancer.load_balancer_dns_name}"
        ssm.StringParameter(
            self, "Url", parameter_name=f"{delivered.names}/url", string_value=self.url
        )
        return balanced.service
