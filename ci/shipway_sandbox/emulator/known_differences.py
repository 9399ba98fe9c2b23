"""Every known difference between MiniStack and AWS, and every private name that we depend on.

One list, so that who moves to another version of MiniStack sees all that can break. At the start
:mod:`.corrections` looks for each place in the pinned version, and for a function of ours for each
one that is replaced.
"""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import KnownDifference, Reach

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
        name="alb.answers-at-its-name",
        aws="a load balancer answers at its DNS name; here, and this difference is wanted, the "
        "name is an address of this machine",
        page="Elastic Load Balancing API Reference, LoadBalancer",
        ministack="gives a name of Amazon's, where nothing of ours listens",
        replaces=(
            "alb._ACTION_MAP[CreateLoadBalancer]",
            f"{_HANDLERS}[AWS::ElasticLoadBalancingV2::LoadBalancer][create]",
        ),
    ),
    KnownDifference(
        name="alb.answers-in-its-region",
        aws="a load balancer's address leads to its region, whoever asks: no request is signed",
        page="Elastic Load Balancing, How Elastic Load Balancing works",
        ministack="looks for the load balancer in the default region",
        replaces=("app.extract_region",),
    ),
    KnownDifference(
        name="alb.forwards-to-healthy",
        aws="requests go to healthy targets only, to all where none is healthy, and a target that "
        "drains finishes what it has",
        page="Elastic Load Balancing, Deregistration delay",
        ministack="chooses among all that are registered",
        replaces=("alb._forward_to_tg",),
        needs=("alb.target-health",),
    ),
    KnownDifference(
        name="alb.target-health",
        aws="a target is healthy once its health check passed, and says why it is not",
        page="Elastic Load Balancing, Health checks for your target groups",
        ministack="says healthy always",
        replaces=(
            "alb._ACTION_MAP[DeregisterTargets]",
            "alb._ACTION_MAP[DescribeTargetHealth]",
            "alb._ACTION_MAP[RegisterTargets]",
        ),
    ),
    KnownDifference(
        name="cloudformation.handlers-may-wait",
        aws="a resource is complete once it is stable, however long that takes",
        page="CloudFormation User Guide, How CloudFormation works",
        ministack="gives a thread of its own to some types only",
        replaces=("stacks._runs_on_worker_thread",),
    ),
    KnownDifference(
        name="cloudformation.oidc-provider",
        aws="a template can make an OpenID Connect provider",
        page="AWS::IAM::OIDCProvider",
        ministack="refuses the type",
        adds=(f"{_PROVIDER}[create]", f"{_PROVIDER}[delete]"),
    ),
    KnownDifference(
        name="cloudformation.parameter-names",
        aws="a parameter without a name gets one that begins with CFN- and has no slash",
        page="AWS::SSM::Parameter, Return values",
        ministack="makes a path of the stack's name",
        replaces=(f"{_HANDLERS}[AWS::SSM::Parameter][create]",),
    ),
    KnownDifference(
        name="cloudformation.role-boundary",
        aws="a role of a template is bounded by its PermissionsBoundary",
        page="AWS::IAM::Role",
        ministack="drops it",
        replaces=(f"{_ROLE}[create]", f"{_ROLE}[update]"),
    ),
    KnownDifference(
        name="cloudformation.secret-by-arn",
        aws="Ref of a secret gives its ARN",
        page="AWS::SecretsManager::Secret, Return values",
        ministack="gives its name",
        replaces=(f"{_SECRET}[create]", f"{_SECRET}[update]", f"{_SECRET}[delete]"),
    ),
    KnownDifference(
        name="cloudformation.service-sends-all",
        aws="an update of a service sends every property that the template holds, so that the "
        "template's task definition is put back whatever runs",
        page="aws-cloudformation/cloudformation-coverage-roadmap, issue 1529",
        ministack="sends what differs between two templates",
        needs=("cloudformation.service-whole",),
    ),
    KnownDifference(
        name="cloudformation.service-whole",
        aws="DesiredCount is a number and HealthCheckGracePeriodSeconds reaches ECS",
        page="AWS::ECS::Service",
        ministack="passes the text on and drops the grace period",
        replaces=(f"{_SERVICE}[create]", f"{_SERVICE}[update]"),
    ),
    KnownDifference(
        name="cloudformation.takes-network-and-scaling",
        aws="rules of security groups, elastic addresses, NAT gateways, scalable targets and "
        "policies, and a cluster's capacity providers are resources of a template",
        page="AWS resource and property types reference",
        ministack="refuses the types",
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
        ministack="leaves HealthCheck, Secrets and others in template spelling",
        replaces=("provisioners._normalize_container_defs",),
    ),
    KnownDifference(
        name="cloudformation.waits-for-services",
        aws="a stack waits until its services are steady, and rolls back when a deployment fails",
        page="aws/containers-roadmap, issue 1205",
        ministack="is complete as soon as the service is made",
        needs=("cloudformation.service-whole", "cloudformation.handlers-may-wait"),
    ),
    KnownDifference(
        name="ecr.image-calls",
        aws="PutImage checks digest, tag and layers, DescribeImages names an unknown image, "
        "BatchCheckLayerAvailability knows the layers",
        page="ECR API Reference",
        ministack="does not",
        replaces=(
            "ecr._batch_check_layer_availability",
            "ecr._batch_get_image",
            "ecr._describe_images",
            "ecr._list_images",
            "ecr._put_image",
            "ecr._v2_put_manifest",
        ),
    ),
    KnownDifference(
        name="ecr.local-host",
        aws="docker can push to the repositoryUri of every answer, so that its host, the one "
        "difference to AWS that is wanted, is this machine's",
        page="Pushing a Docker image to an Amazon ECR private repository",
        ministack="names Amazon's host, where nothing of ours listens",
        replaces=("ecr._repo_uri",),
    ),
    KnownDifference(
        name="ecr.refuses-incomplete-manifests",
        aws="a manifest whose layers are missing is refused",
        page="ECR PutImage, LayersNotFound",
        ministack="takes it and every pull fails later",
    ),
    KnownDifference(
        name="ecr.registry-account",
        aws="a repository belongs to the account that made it",
        page="Amazon ECR private registry",
        ministack="looks in one account only",
        replaces=("ecr._select_registry_request_scope",),
    ),
    KnownDifference(
        name="ecr.registry-checks-token",
        aws="the registry takes only a password from GetAuthorizationToken, for 12 hours, and what "
        "its principal may do",
        page="Private registry authentication in Amazon ECR",
        ministack="takes any",
    ),
    KnownDifference(
        name="ecr.scan-calls",
        aws="DescribeImageScanFindings, StartImageScan and ListImageReferrers exist",
        page="ECR API Reference",
        ministack="answers that the action is unknown",
        replaces=("ecr.handle_request",),
    ),
    KnownDifference(
        name="ecr.shares-across-accounts",
        aws="registryId names another account's registry, and its repository policy says who may "
        "read there",
        page="Amazon ECR User Guide, Private repository policies",
        ministack="looks in the caller's account only",
    ),
    KnownDifference(
        name="ecr.token-of-principal",
        aws="the password is the caller's own and lasts 12 hours",
        page="GetAuthorizationToken",
        ministack="gives everyone the same",
        replaces=("ecr._get_authorization_token",),
    ),
    KnownDifference(
        name="ecs.breaker-judges-first-deployment",
        aws="the circuit breaker also judges a first deployment, which has nothing to go back to",
        page="Amazon ECS deployment circuit breaker",
        ministack="has it COMPLETED from the start",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.container-health",
        aws="healthCheck of a task definition is run, and a task is as healthy as its essential "
        "containers",
        page="Determine Amazon ECS task health",
        ministack="leaves it UNKNOWN for ever",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.container-settings",
        aws="entryPoint, user, workingDirectory, cpu, memory, ulimits, initProcessEnabled and "
        "readonlyRootFilesystem are honoured",
        page="Amazon ECS task definition parameters",
        ministack="leaves them out",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.current-service-deployment",
        aws="DescribeServices names currentServiceDeployment",
        page="API Reference, Service",
        ministack="knows no service deployments",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.drains-before-stop",
        aws="ECS deregisters a task and waits for it to drain before it sends SIGTERM",
        page="Graceful shutdowns with ECS",
        ministack="kills the container while it still gets requests",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.failed-deployments-leave",
        aws="a deployment without tasks leaves deployments[] also when it FAILED, so that "
        "services_stable is true again",
        page="API Reference, Service",
        ministack="keeps it for ever",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.healthy-task-resets-breaker",
        aws="resetOnHealthyTask is true unless configured",
        page="API Reference, DeploymentCircuitBreaker",
        ministack="does so too, in the scheduler that ecs.scheduler replaces",
        needs=("ecs.scheduler",),
    ),
    KnownDifference(
        name="ecs.millisecond-times",
        aws="ECS reports times with milliseconds",
        page="Smithy, timestampFormat epoch-seconds",
        ministack="cuts them to seconds",
        replaces=("ecs._ts_to_epoch",),
    ),
    KnownDifference(
        name="ecs.no-cached-image",
        aws="an image that the registry does not have fails the task with CannotPullContainerError",
        page="Amazon ECS stopped tasks error messages",
        ministack="runs a local copy instead",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.out-of-memory-reason",
        aws="a container that the kernel killed for memory says OutOfMemoryError",
        page="Amazon ECS stopped tasks error messages",
        ministack="gives only the exit code",
        needs=("ecs.task-runtime",),
    ),
    KnownDifference(
        name="ecs.records-are-read-whole",
        aws="a Describe call answers while tasks and services change",
        page="API Reference, DescribeTasks",
        ministack="reads a record while another thread adds to it, and answers 500 (dictionary "
        "changed size)",
        replaces=("ecs._sanitize",),
    ),
    KnownDifference(
        name="ecs.rollout-waits-for-container-health",
        aws="a task with a health check is healthy once that passed",
        page="Determine Amazon ECS task health",
        ministack="completes as soon as containers run",
        needs=("ecs.scheduler", "ecs.container-health"),
    ),
    KnownDifference(
        name="ecs.rollout-waits-for-targets",
        aws="a task of a service behind a load balancer is healthy once its targets are",
        page="Determine Amazon ECS task health",
        ministack="completes as soon as containers run",
        needs=("ecs.scheduler", "alb.target-health"),
    ),
    KnownDifference(
        name="ecs.run-task-idempotent",
        aws="RunTask with a clientToken that was given before answers with the task of then",
        page="Ensuring idempotency (ECS API Reference)",
        ministack="starts another task",
        needs=("iam.pass-role",),
    ),
    KnownDifference(
        name="ecs.scheduler",
        aws="a deployment is IN_PROGRESS until its tasks run and are healthy, the first one too",
        page="API Reference, Deployment, rolloutState",
        ministack="says COMPLETED when it is made",
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
        ministack="answers with empty lists and cannot stop one",
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
        ministack="ignores entryPoint, user, cpu and memory and falls back to a local image where "
        "a pull fails",
        replaces=(
            "ecs._ACTION_MAP[StopTask]",
            "ecs._maybe_mark_stopped",
            "ecs._run_task_worker",
        ),
    ),
    KnownDifference(
        name="iam.denials-name-the-resource",
        aws="AWS says on which resource an action was denied",
        page="Troubleshoot access denied error messages, IAM User Guide",
        ministack="leaves the resource out",
        replaces=("iam_actions.access_denied_response",),
    ),
    KnownDifference(
        name="iam.ecs-resources",
        aws="ECS actions are authorised on the service, task, family or deployment with "
        "ecs:cluster as a condition",
        page="Service Authorization Reference",
        ministack="asks on the cluster",
        replaces=(
            "iam_actions.extract_resource_arn",
            "iam_actions.request_tag_context",
            "iam_evaluator.enforce",
        ),
    ),
    KnownDifference(
        name="iam.loopback-is-secure",
        aws="every request comes over TLS, so that a policy that denies without it denies nothing; "
        "here no request leaves the machine",
        page="AWS global condition context keys, aws:SecureTransport",
        ministack="says of HTTP on this machine what is true of HTTP on a network",
        replaces=("app.pin_request_origin",),
    ),
    KnownDifference(
        name="iam.pass-role",
        aws="handing a role to a task needs iam:PassRole on it, with iam:PassedToService",
        page="Grant a user permissions to pass a role to an AWS service",
        ministack="never asks",
        replaces=("ecs._ACTION_MAP[RegisterTaskDefinition]", "ecs._ACTION_MAP[RunTask]"),
        needs=("iam.ecs-resources",),
    ),
    KnownDifference(
        name="iam.principal-arn",
        aws="aws:PrincipalArn of a session is the ARN of its role, with the role's path",
        page="AWS global condition context keys",
        ministack="takes the session's own ARN, which no pattern of roles matches",
        replaces=("iam_evaluator._resolve_condition_key",),
    ),
    KnownDifference(
        name="iam.wildcards-whole",
        aws="a wildcard matches the whole value, line ends included",
        page="IAM JSON policy elements: Condition operators",
        ministack="has a pattern that leaves a line end at the end of a value out",
        replaces=("iam_evaluator._fnmatch_compile",),
    ),
    KnownDifference(
        name="ssm.secure-strings-reach-containers",
        aws="ECS asks for parameters WithDecryption",
        page="Pass Systems Manager parameters through environment variables",
        ministack="hands the cipher text to the container",
        replaces=("ecs._resolve_container_secrets",),
    ),
    KnownDifference(
        name="sts.verifies-web-identity",
        aws="STS checks signature, expiry, provider and audience of a token, and offers twelve of "
        "its claims as condition keys",
        page="IAM User Guide, OIDC federation",
        ministack="decodes it unread",
        replaces=("sts._web_identity_trust_denied", "sts.handle_request"),
    ),
)
"""What is corrected, in order of name."""

REACHES: Final = (
    Reach(
        because="MiniStack's records are what its answers are made of: ours read and change the "
        "same ones, so that every call tells of one state",
        places=(
            "alb._lbs",
            "alb._listeners",
            "alb._rules",
            "alb._tg_attrs",
            "alb._tgs",
            "ec2._security_groups",
            "ecr._images",
            "ecr._layer_blobs",
            "ecr._manifest_blobs",
            "ecr._repo_policies",
            "ecr._repositories",
            "ecs._clusters",
            "ecs._services",
            "ecs._tags",
            "ecs._task_defs",
            "ecs._tasks",
            "iam._oidc_providers",
            "iam._roles",
        ),
    ),
    Reach(
        because="a registry request names a repository and no account: only the store's own keys "
        "tell whose it is",
        places=("ecr._repositories._data",),
    ),
    Reach(
        because="a name, an ARN or a revision is taken apart as MiniStack's other calls do it",
        places=(
            "ecr._parse_v2_path",
            "ecr._resolve_manifest",
            "ecs._cluster_name_from_arn",
            "ecs._resolve_cluster_name",
            "ecs._resolve_service_ref",
            "ecs._resolve_task",
            "ecs._resolve_td_key",
        ),
    ),
    Reach(
        because="parameters are read and answers written in the protocol of the call, as "
        "MiniStack does it",
        places=(
            "alb._error",
            "alb._p",
            "alb._parse_targets_param",
            "alb._xml",
            "ecr._content_digest",
            "ecr._registry_error",
            "sts._error",
            "sts._p",
        ),
    ),
    Reach(
        because="the corrected call ends in MiniStack's own work, which is right as it is",
        places=(
            "alb._proxy_http_target",
            "ecs._SecretResolutionError",
            "ecs._awslogs_config",
            "ecs._forward_awslogs",
            "ecs._register_task_definition",
            "ecs._run_task",
            "iam._create_oidc_provider",
        ),
    ),
    Reach(
        because="which resource types there are is written nowhere else",
        places=("provisioners._RESOURCE_HANDLERS",),
    ),
    Reach(
        because="whose key a request was signed with is kept nowhere else",
        places=("iam_evaluator._verified_key",),
    ),
    Reach(
        because="a browser's request through a load balancer carries no account: it gets that of "
        "the load balancer's owner",
        places=("responses._request_account_id",),
    ),
    Reach(
        because="MiniStack's own start, which would set it, also sweeps other people's containers",
        places=("app._MAIN_LOOP",),
    ),
    Reach(
        because="what no delivery uses is taken out of MiniStack: nothing public leaves a part out",
        places=(
            "app._handle_alb_request",
            "app._handle_ecr_registry_request",
            "app._handle_post_body_shortcuts",
            "app._handle_pre_body_request",
            "app._handle_s3_vhost_request",
            "app._handle_special_data_plane_request",
        ),
    ),
    Reach(
        because="the door asks what MiniStack will make of a request, whose key signed it, and "
        "refuses in the protocol of the service",
        places=(
            "app._credential_failure",
            "app._routing_params",
            "iam_actions._s3_action",
            "responses._account_from_sts_session",
        ),
    ),
)
"""What is reached into besides; a name that a correction replaces is not listed again."""
