"""What a platform team owns of one environment: everything but the image that runs.

Two stacks, because a repository must be there before an image, and an image before a service:

1. ``NAME-ENVIRONMENT-foundation``: the repository, and the parameter that says which image runs.
2. ``NAME-ENVIRONMENT``: network, cluster, a service behind a load balancer, a worker, and the names
   by which shipway finds them.

``cdk synth -c name=shop -c environment=production`` makes the same for another environment.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct
from delivered_service import Delivered, DeliveredService

FIRST_TAG = "first"
"""The image that runs until the first delivery: pushed by hand, once."""


class Foundation(cdk.Stack):
    """What must be there before any image is.

    Args:
        scope: The app.
        construct_id: The stack's name.
        names: The folder in the Parameter Store that shipway looks in: ``/shop/staging``.
        repository_name: What the image repository is called.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, names: str, repository_name: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=repository_name,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )
        ssm.StringParameter(
            self,
            "RepositoryName",
            parameter_name=f"{names}/repository",
            string_value=self.repository.repository_name,
        )
        # From the first delivery on the value is shipway's. CloudFormation writes a parameter again
        # only when its own template changes: leave this line as it is.
        ssm.StringParameter(
            self,
            "Image",
            parameter_name=f"{names}/image",
            string_value=self.repository.repository_uri_for_tag(FIRST_TAG),
            description="The image that runs, written by shipway after each verified release",
        )


class Compute(cdk.Stack):
    """The services, and what they need to run.

    Args:
        scope: The app.
        construct_id: The stack's name.
        names: The folder in the Parameter Store that shipway looks in.
        repository_name: The repository of the foundation.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, names: str, repository_name: str
    ) -> None:
        super().__init__(scope, construct_id)
        # Public subnets and no NAT gateway: it costs nothing while nothing runs.
        vpc = ec2.Vpc(
            self,
            "Network",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC)
            ],
        )
        cluster = ecs.Cluster(self, "Cluster", vpc=vpc)
        delivered = Delivered(
            cluster=cluster,
            repository=ecr.Repository.from_repository_name(self, "Repository", repository_name),
            # A template parameter of type AWS::SSM::Parameter::Value<String>: CloudFormation reads
            # it at each update, and so finds the image that was delivered last.
            image=ssm.StringParameter.value_for_string_parameter(self, f"{names}/image"),
            names=names,
        )
        session = secretsmanager.Secret(
            self,
            "SessionKey",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=40),
        )
        secrets = {"SESSION_KEY": ecs.Secret.from_secrets_manager(session)}
        web = DeliveredService(
            self,
            "Web",
            delivered,
            key="web",
            port=8080,
            health_path="/health",
            environment={"GREETING": "Ahoy"},
            secrets=secrets,
        )
        DeliveredService(self, "Worker", delivered, key="worker", secrets=secrets)
        ssm.StringParameter(
            self,
            "ClusterName",
            parameter_name=f"{names}/cluster",
            string_value=cluster.cluster_name,
        )
        cdk.CfnOutput(self, "Url", value=web.url)


def main() -> None:
    """Synthesise both stacks of the environment that the context names."""
    app = cdk.App()
    name = app.node.get_context("name")
    environment = app.node.get_context("environment")
    shared = {"names": f"/{name}/{environment}", "repository_name": f"{name}-{environment}"}
    foundation = Foundation(app, f"{name}-{environment}-foundation", **shared)
    compute = Compute(app, f"{name}-{environment}", **shared)
    compute.add_stack_dependency(foundation)
    app.synth()


if __name__ == "__main__":
    main()
