"""What the embedded IAM and STS do otherwise than AWS's, corrected."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, KnownDifference

DIFFERENCES: Final = (
    KnownDifference(
        name="iam.conditional-writes",
        aws="a policy may ask that a write to S3 is conditional: s3:if-match, s3:if-none-match",
        page="Enforce conditional writes on Amazon S3 buckets",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
        "conditional-writes-enforce.html",
        ministack="has neither key, so that such a policy allows no write at all",
        test=API,
        replaces=("iam_actions.s3_service_context",),
    ),
    KnownDifference(
        name="iam.denials-name-the-resource",
        aws="AWS says on which resource an action was denied",
        page="Troubleshoot access denied error messages, IAM User Guide",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html",
        ministack="leaves the resource out",
        test=API,
        replaces=("iam_actions.access_denied_response",),
    ),
    KnownDifference(
        name="iam.ecs-resources",
        aws="ECS actions are authorised on the service, task, family or deployment with "
        "ecs:cluster as a condition, EventBridge's on the rule with events:TargetArn, the "
        "Scheduler's on the schedule",
        page="Service Authorization Reference",
        source="https://docs.aws.amazon.com/service-authorization/latest/reference/"
        "list_amazonelasticcontainerservice.html",
        ministack="asks on the cluster",
        test=API,
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
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "reference_policies_condition-keys.html",
        ministack="says of HTTP on this machine what is true of HTTP on a network",
        test=API,
        replaces=("app.pin_request_origin",),
    ),
    KnownDifference(
        name="iam.pass-role",
        aws="handing a role to a task, or to what starts tasks by the clock, needs iam:PassRole on "
        "it, with iam:PassedToService",
        page="Grant a user permissions to pass a role to an AWS service",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
        ministack="never asks",
        test=API,
        replaces=(
            "ecs._ACTION_MAP[RegisterTaskDefinition]",
            "ecs._ACTION_MAP[RunTask]",
            "eventbridge._put_targets",
            "schedules._update_schedule",
        ),
        needs=("iam.ecs-resources",),
    ),
    KnownDifference(
        name="iam.principal-arn",
        aws="aws:PrincipalArn of a session is the ARN of its role, with the role's path",
        page="AWS global condition context keys",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "reference_policies_condition-keys.html",
        ministack="takes the session's own ARN, which no pattern of roles matches",
        test=API,
        replaces=("iam_evaluator._resolve_condition_key",),
    ),
    KnownDifference(
        name="iam.wildcards-whole",
        aws="a wildcard matches the whole value, line ends included",
        page="IAM JSON policy elements: Condition operators",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "reference_policies_elements_condition_operators.html",
        ministack="has a pattern that leaves a line end at the end of a value out",
        test=API,
        replaces=("iam_evaluator._fnmatch_compile",),
    ),
    KnownDifference(
        name="sts.verifies-web-identity",
        aws="STS checks signature, expiry, provider and audience of a token, and offers twelve of "
        "its claims as condition keys",
        page="IAM User Guide, OIDC federation",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html",
        ministack="decodes it unread",
        test=API,
        replaces=("sts._web_identity_trust_denied", "sts.handle_request"),
    ),
    KnownDifference(
        name="sts.web-identity-session-policies",
        aws="a session of AssumeRoleWithWebIdentity may do what its role and its own policies both "
        "allow",
        page="IAM User Guide, Session policies",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html",
        ministack="drops its policies",
        test=API,
        needs=("sts.verifies-web-identity",),
    ),
)
