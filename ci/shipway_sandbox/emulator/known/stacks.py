"""What the embedded CloudFormation does otherwise than AWS's, corrected."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, KnownDifference

_HANDLERS: Final = "provisioners._RESOURCE_HANDLERS"
_SERVICE: Final = f"{_HANDLERS}[AWS::ECS::Service]"
_ROLE: Final = f"{_HANDLERS}[AWS::IAM::Role]"
_PROVIDER: Final = f"{_HANDLERS}[AWS::IAM::OIDCProvider]"
_SECRET: Final = f"{_HANDLERS}[AWS::SecretsManager::Secret]"
_TAKEN: Final = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::EC2::EIP",
    "AWS::EC2::NatGateway",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::ECS::ClusterCapacityProviderAssociations",
)

DIFFERENCES: Final = (
    KnownDifference(
        name="cloudformation.drift-of-services",
        aws="drift detection tells a service that was changed beside its stack, by another task "
        "definition before all, and finds a secret by its ARN",
        page="aws-cloudformation/cloudformation-coverage-roadmap, issue 2234",
        source="https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2234",
        ministack="looks at no service",
        test=API,
        replaces=("drift.detect_resource_drift", "drift.supports_drift"),
    ),
    KnownDifference(
        name="cloudformation.handlers-may-wait",
        aws="a resource is complete once it is stable, however long that takes",
        page="CloudFormation User Guide, How CloudFormation works",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "cloudformation-overview.html",
        ministack="gives a thread of its own to some types only",
        test=API,
        replaces=("stacks._runs_on_worker_thread",),
    ),
    KnownDifference(
        name="cloudformation.names-are-made-up",
        aws="a cluster or log group without a name gets one of stack, logical id and random "
        "letters",
        page="CloudFormation resource custom naming",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "aws-properties-name.html",
        ministack="leaves the letters out and puts log groups below /aws/cloudformation",
        test=API,
        replaces=tuple(
            f"{_HANDLERS}[{kind}][{verb}]"
            for kind in ("AWS::ECS::Cluster", "AWS::Logs::LogGroup")
            for verb in ("create", "update")
        ),
    ),
    KnownDifference(
        name="cloudformation.oidc-provider",
        aws="a template can make an OpenID Connect provider",
        page="AWS::IAM::OIDCProvider",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-resource-iam-oidcprovider.html",
        ministack="refuses the type",
        test=API,
        adds=(f"{_PROVIDER}[create]", f"{_PROVIDER}[delete]"),
    ),
    KnownDifference(
        name="cloudformation.parameter-names",
        aws="a parameter without a name gets one that begins with CFN- and has no slash",
        page="AWS::SSM::Parameter, Return values",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-resource-ssm-parameter.html",
        ministack="makes a path of the stack's name",
        test=API,
        replaces=(f"{_HANDLERS}[AWS::SSM::Parameter][create]",),
    ),
    KnownDifference(
        name="cloudformation.role-boundary",
        aws="a role of a template is bounded by its PermissionsBoundary",
        page="AWS::IAM::Role",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-resource-iam-role.html",
        ministack="drops it",
        test=API,
        replaces=(f"{_ROLE}[create]", f"{_ROLE}[update]"),
    ),
    KnownDifference(
        name="cloudformation.secret-by-arn",
        aws="Ref of a secret gives its ARN; a name that CloudFormation makes up is the logical id "
        "and random letters",
        page="AWS::SecretsManager::Secret, Return values",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-resource-secretsmanager-secret.html",
        ministack="gives its name, which begins with the stack's",
        test=API,
        replaces=(f"{_SECRET}[create]", f"{_SECRET}[update]", f"{_SECRET}[delete]"),
    ),
    KnownDifference(
        name="cloudformation.service-sends-all",
        aws="an update of a service sends every property that the template holds, so that the "
        "template's task definition is put back whatever runs",
        page="aws-cloudformation/cloudformation-coverage-roadmap, issue 1529",
        source="https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1529",
        ministack="sends what differs between two templates",
        test=API,
        needs=("cloudformation.service-whole",),
    ),
    KnownDifference(
        name="cloudformation.service-whole",
        aws="DesiredCount is a number, HealthCheckGracePeriodSeconds reaches ECS, and a service "
        "without a name gets one that ends in random letters",
        page="AWS::ECS::Service",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-resource-ecs-service.html",
        ministack="passes the text on, drops the grace period and adds no letters",
        test=API,
        replaces=(f"{_SERVICE}[create]", f"{_SERVICE}[update]"),
    ),
    KnownDifference(
        name="cloudformation.takes-network-and-scaling",
        aws="rules of security groups, elastic addresses, NAT gateways, scalable targets and "
        "policies, and a cluster's capacity providers are resources of a template",
        page="AWS resource and property types reference",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-template-resource-type-ref.html",
        ministack="refuses the types",
        test=API,
        adds=tuple(
            f"{_HANDLERS}[{kind}][{verb}]"
            for kind in _TAKEN
            for verb in ("create", "update", "delete")
        ),
    ),
    KnownDifference(
        name="cloudformation.task-definitions-whole",
        aws="every property of a container definition reaches ECS",
        page="AWS::ECS::TaskDefinition ContainerDefinition",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/"
        "TemplateReference/aws-properties-ecs-taskdefinition-containerdefinition.html",
        ministack="leaves HealthCheck, Secrets and others in template spelling",
        test=API,
        replaces=("provisioners._normalize_container_defs",),
    ),
    KnownDifference(
        name="cloudformation.waits-for-services",
        aws="a stack waits until its services are steady, and rolls back when a deployment fails",
        page="aws/containers-roadmap, issue 1205",
        source="https://github.com/aws/containers-roadmap/issues/1205",
        ministack="is complete as soon as the service is made",
        test=API,
        needs=("cloudformation.service-whole", "cloudformation.handlers-may-wait"),
    ),
)
