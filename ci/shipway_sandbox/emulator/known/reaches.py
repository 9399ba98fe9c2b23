"""Every private name of MiniStack that is used as it is, and why."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import Reach

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
            "eventbridge._rules",
            "iam._oidc_providers",
            "iam._roles",
            "logs._log_groups",
            "sts._sessions",
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
            "eventbridge._rule_key",
            "kms._resolve_key",
            "secretsmanager._resolve",
            "ssm._lookup_parameter",
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
            "sts._session_policies",
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
            "secretsmanager._put_resource_policy",
        ),
    ),
    Reach(
        because="a type whose drift is looked at is a pair in a map, where no function can stand",
        places=("drift._DRIFT_READERS",),
    ),
    Reach(
        because="which resource types there are is written nowhere else",
        places=("provisioners._RESOURCE_HANDLERS",),
    ),
    Reach(
        because="what a task's role may do is decided as for a request, and a task sends none",
        places=(
            "iam_evaluator._POLICY_REQUIRED",
            "iam_evaluator._gather_role_policies",
            "iam_evaluator._permissions_boundary",
            "iam_evaluator._resource_policy",
        ),
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
