"""What the embedded ECS does otherwise than AWS's, corrected, and how it reads parameters."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, SHAPES, STRATEGIES, TASKS, KnownDifference

DIFFERENCES: Final = (
    KnownDifference(
        name="ecs.answers-are-whole",
        aws="services and task definitions are told with placement, platform, bake time, circuit "
        "breaker, empty lists and required attributes, whoever made them",
        page="AWS CLI Command Reference, ecs create-service, Examples",
        source="https://docs.aws.amazon.com/cli/latest/reference/ecs/create-service.html",
        ministack="tells what it was given",
        test=SHAPES + "test_without_the_correction_answers_do_not_fit",
    ),
    KnownDifference(
        name="ecs.breaker-judges-first-deployment",
        aws="the circuit breaker also judges a first deployment, which has nothing to go back to",
        page="Amazon ECS deployment circuit breaker",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "deployment-circuit-breaker.html",
        ministack="has it COMPLETED from the start",
        test=TASKS + "test_without_it_a_bad_first_deployment_is_not_judged",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.container-health",
        aws="healthCheck of a task definition is run, and a task is as healthy as its essential "
        "containers",
        page="Determine Amazon ECS task health",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
        ministack="leaves it UNKNOWN for ever",
        test=TASKS + "test_container_health_is_told",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.container-settings",
        aws="entryPoint, user, workingDirectory, cpu, memory, ulimits, initProcessEnabled and "
        "readonlyRootFilesystem are honoured",
        page="Amazon ECS task definition parameters",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "task_definition_parameters.html",
        ministack="leaves them out",
        test=TASKS + "test_without_settings_a_container_runs_as_its_image_says",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.current-service-deployment",
        aws="DescribeServices names currentServiceDeployment",
        page="API Reference, Service",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html",
        ministack="knows no service deployments",
        test=API,
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.drains-before-stop",
        aws="ECS deregisters a task and waits for it to drain before it sends SIGTERM",
        page="Graceful shutdowns with ECS",
        source="https://aws.amazon.com/blogs/containers/graceful-shutdowns-with-ecs/",
        ministack="kills the container while it still gets requests",
        test=TASKS + "test_request_under_way_survives_the_stop",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.failed-deployments-leave",
        aws="a deployment without tasks leaves deployments[] also when it FAILED, so that "
        "services_stable is true again",
        page="API Reference, Service",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html",
        ministack="keeps it for ever",
        test=TASKS + "test_without_it_a_failed_deployment_stays",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.healthy-task-resets-breaker",
        aws="resetOnHealthyTask is true unless configured",
        page="API Reference, DeploymentCircuitBreaker",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/"
        "API_DeploymentCircuitBreaker.html",
        ministack="does so too, in the scheduler that ecs.scheduler replaces",
        test=STRATEGIES + "test_healthy_task_resets_the_breaker_unless_configured",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.millisecond-times",
        aws="ECS reports times with milliseconds",
        page="Smithy, timestampFormat epoch-seconds",
        source="https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait",
        ministack="cuts them to seconds",
        test=API,
        replaces=("ecs._ts_to_epoch",),
    ),
    KnownDifference(
        name="ecs.no-cached-image",
        aws="an image that the registry does not have fails the task with CannotPullContainerError",
        page="Amazon ECS stopped tasks error messages",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "stopped-task-error-codes.html",
        ministack="runs a local copy instead",
        test=TASKS + "test_image_that_left_the_registry_is_not_run",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.out-of-memory-reason",
        aws="a container that the kernel killed for memory says OutOfMemoryError",
        page="Amazon ECS stopped tasks error messages",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "stopped-task-error-codes.html",
        ministack="gives only the exit code",
        test=TASKS + "test_without_it_memory_gives_no_reason",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.records-are-read-whole",
        aws="a Describe call answers while tasks and services change",
        page="API Reference, DescribeTasks",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html",
        ministack="reads a record while another thread adds to it, and answers 500 (dictionary "
        "changed size)",
        test=STRATEGIES + "test_a_record_is_read_while_it_grows",
        replaces=("ecs._sanitize",),
    ),
    KnownDifference(
        name="ecs.rollout-waits-for-container-health",
        aws="a task with a health check is healthy once that passed",
        page="Determine Amazon ECS task health",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
        ministack="completes as soon as containers run",
        test=TASKS + "test_without_target_health_a_deaf_release_succeeds",
        needs=("ecs.scheduler", "ecs.container-health"),
    ),
    KnownDifference(
        name="ecs.rollout-waits-for-targets",
        aws="a task of a service behind a load balancer is healthy once its targets are",
        page="Determine Amazon ECS task health",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
        ministack="completes as soon as containers run",
        test=TASKS + "test_without_target_health_a_deaf_release_succeeds",
        needs=("ecs.scheduler", "alb.target-health"),
    ),
    KnownDifference(
        name="ecs.run-task-idempotent",
        aws="RunTask with a clientToken that was given before answers with the task of then",
        page="Ensuring idempotency (ECS API Reference)",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html",
        ministack="starts another task",
        test=TASKS + "test_a_token_that_was_given_before_starts_no_other_task",
        needs=("iam.pass-role",),
    ),
    KnownDifference(
        name="ecs.scheduler",
        aws="a deployment is IN_PROGRESS until its tasks run and are healthy, the first one too",
        page="API Reference, Deployment, rolloutState",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html",
        ministack="says COMPLETED when it is made",
        test=TASKS + "test_without_the_whole_of_it_nothing_is_evaluated",
        replaces=(
            "ecs._ACTION_MAP[CreateService]",
            "ecs._ACTION_MAP[DeleteService]",
            "ecs._ACTION_MAP[DescribeServices]",
            "ecs._ACTION_MAP[UpdateService]",
            "ecs._create_service",
            "ecs._delete_service",
            "ecs._make_deployment",
            "ecs._reconcile_service_tasks",
            "ecs._refresh_service_state",
            "ecs._update_service",
        ),
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.service-deployments",
        aws="ECS keeps the history of a service's deployments",
        page="View service history using Amazon ECS service deployments",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "service-deployment.html",
        ministack="answers with empty lists and cannot stop one",
        test=API,
        replaces=(
            "ecs._ACTION_MAP[DescribeServiceDeployments]",
            "ecs._ACTION_MAP[DescribeServiceRevisions]",
            "ecs._ACTION_MAP[ListServiceDeployments]",
        ),
        adds=(
            "ecs._ACTION_MAP[ContinueServiceDeployment]",
            "ecs._ACTION_MAP[StopServiceDeployment]",
        ),
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.task-runtime",
        aws="the agent pulls, starts and watches containers and reports digest, exit code and "
        "reason",
        page="Amazon ECS container agent",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ECS_agent.html",
        ministack="ignores entryPoint, user, cpu and memory and falls back to a local image where "
        "a pull fails",
        test=TASKS + "test_without_the_whole_of_it_nothing_is_evaluated",
        replaces=(
            "ecs._ACTION_MAP[StopTask]",
            "ecs._maybe_mark_stopped",
            "ecs._run_task_worker",
        ),
    ),
    KnownDifference(
        name="ecs.tasks-are-told-whole",
        aws="a task is told with its network interface (subnet, interface, MAC, name, address), "
        "the same at each container, its processor and its overrides, and no instance on Fargate",
        page="AWS CLI Command Reference, ecs describe-tasks, Examples",
        source="https://docs.aws.amazon.com/cli/latest/reference/ecs/describe-tasks.html",
        ministack="tells an address",
        test=SHAPES + "test_without_the_correction_answers_do_not_fit",
        needs=("ecs.records-are-read-whole",),
    ),
    KnownDifference(
        name="ssm.secure-strings-reach-containers",
        aws="ECS asks for parameters WithDecryption",
        page="Pass Systems Manager parameters through environment variables",
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
        "secrets-envvar-ssm-paramstore.html",
        ministack="hands the cipher text to the container",
        test=TASKS + "test_secure_string_reaches_the_container",
        replaces=("ecs._resolve_container_secrets",),
    ),
)
