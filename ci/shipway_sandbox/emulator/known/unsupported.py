"""What AWS does and the sandbox does not: refused, or taken without effect, and left so."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, FRONT_DOOR, STARTS, Unsupported

_DEVELOPER: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
_TEMPLATES: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
_ADAPTED: Final = (
    "unit/sandbox/emulator/test_templates.py::test_what_cannot_run_is_named_with_what_to_do"
)

UNSUPPORTED: Final = (
    Unsupported(
        aws="functions, queues, builds and instances can be made",
        page="AWS documentation",
        source="https://docs.aws.amazon.com/",
        here="one error, UnknownOperationException, names the operation that is not served",
        test=FRONT_DOOR + "test_what_no_delivery_uses_is_refused_by_name_to_the_owner_too",
    ),
    Unsupported(
        aws="a stack can hold a resource of any type",
        page="AWS resource and property types reference",
        source=_TEMPLATES + "aws-template-resource-type-ref.html",
        here="a stack with a Lambda function fails and says so; `template` in delivery.toml "
        "refuses nested stacks, macros, custom resources and unknown types before it begins",
        test=_ADAPTED,
    ),
    Unsupported(
        aws="a service may be deployed by CodeDeploy or an external controller, or run on every "
        "instance (DAEMON)",
        page="AWS::ECS::Service",
        source=_TEMPLATES + "aws-resource-ecs-service.html",
        here="`template` in delivery.toml refuses it; services are REPLICA, deployed by ECS",
        test=_ADAPTED,
    ),
    Unsupported(
        aws="tasks on instances may be privileged and have the host's network, paths and devices",
        page="Amazon ECS task definition differences for Fargate",
        source=_DEVELOPER + "fargate-tasks-services.html",
        here="every task gets what Fargate gives, whatever its launch type",
        test=FRONT_DOOR + "test_a_task_definition_that_wants_the_machine_is_refused",
    ),
    Unsupported(
        aws="a task's execution role may read the secrets that its task definition names",
        page="Amazon ECS task execution IAM role",
        source=_DEVELOPER + "task_execution_IAM_role.html",
        here="what `compute.secrets` gives instead of a secret reaches the container whatever the "
        "role may; every other secret is asked for",
        test="sandbox/test_own_template.py::test_it_comes_up_with_what_is_not_here_stood_in_for",
    ),
    Unsupported(
        aws="tasks on instances get images and log streams with the instance's role",
        page="Amazon ECS container instance IAM role",
        source=_DEVELOPER + "instance_IAM_role.html",
        here="the execution role is asked wherever a task definition names one, and nobody where "
        "it names none",
        test=STARTS + "test_an_execution_role_without_the_right_stops_the_task",
    ),
    Unsupported(
        aws="volumes of EFS, FSx and Docker's drivers are mounted",
        page="Storage options for Amazon ECS tasks",
        source=_DEVELOPER + "using_data_volumes.html",
        here="the task definition is refused",
        test="unit/sandbox/emulator/door/test_isolation.py::"
        "test_what_it_does_not_is_refused_with_the_reason",
    ),
    Unsupported(
        aws="a task has a network interface of its own, and security groups and gateways decide "
        "who reaches what",
        page="Amazon ECS task networking options for Fargate",
        source=_DEVELOPER + "fargate-task-networking.html",
        here="all tasks share one network of the engine; groups, their rules, elastic addresses "
        "and NAT gateways are kept and filter nothing",
        test=API,
    ),
    Unsupported(
        aws="scaling policies change how many tasks a service has",
        page="Automatically scale your Amazon ECS service",
        source=_DEVELOPER + "service-auto-scaling.html",
        here="scalable targets and policies of a stack are kept and move nothing",
        test=API,
    ),
    Unsupported(
        aws="a load balancer has a name of Amazon's, and TLS where its listener says so",
        page="Elastic Load Balancing API Reference, LoadBalancer",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"
        "API_LoadBalancer.html",
        here="the name is `localhost:PORT/_alb/NAME`, and it is asked over HTTP",
        test=API,
    ),
)
"""What is left as it is, the widest first."""
