"""Which operation a request asks for, and whether the sandbox has it.

What reads is served in every service here; what changes something is listed. Everything else that
MiniStack knows, Lambda before all, whose code would run as the server's user, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from shipway_sandbox.emulator.door.visitors import Request

_READS: Final = re.compile(
    r"(?:Describe|Get|List|Head|Filter|Lookup|Test|Validate|Detect|Simulate|Estimate)[A-Z]\w*"
    r"|BatchGet\w+|BatchCheck\w+"
)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Not buckets to MiniStack: other services of its own begin with these.
_NO_BUCKETS: Final = frozenset({"iceberg", "v20180820"})
_CLOUDWATCH_RPC: Final = re.compile(r"/service/GraniteServiceVersion20100801/operation/(\w+)")
_FORM: Final = "application/x-www-form-urlencoded"

UNSIGNED: Final = ("sts", "AssumeRoleWithWebIdentity")
"""The one operation whose caller has no key yet; STS verifies the token that comes with it."""

_WRITES: Final = {
    "cloudformation": """
        CancelUpdateStack ContinueUpdateRollback CreateChangeSet CreateStack DeleteChangeSet
        DeleteStack ExecuteChangeSet RollbackStack SetStackPolicy UpdateStack
        UpdateTerminationProtection
    """,
    "ec2": """
        AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup CreateSubnet
        CreateTags CreateVpc DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc
        RevokeSecurityGroupEgress RevokeSecurityGroupIngress
    """,
    "ecr": """
        BatchDeleteImage CompleteLayerUpload CreateRepository DeleteLifecyclePolicy DeleteRepository
        DeleteRepositoryPolicy InitiateLayerUpload PutImage PutImageScanningConfiguration
        PutImageTagMutability PutLifecyclePolicy PutRegistryScanningConfiguration
        SetRepositoryPolicy StartImageScan TagResource UntagResource UploadLayerPart
    """,
    "ecs": """
        ContinueServiceDeployment CreateCluster CreateService DeleteCluster DeleteService
        DeleteTaskDefinitions DeregisterTaskDefinition ExecuteCommand PutAccountSetting
        PutAccountSettingDefault PutClusterCapacityProviders RegisterTaskDefinition RunTask
        StopServiceDeployment StopTask TagResource UntagResource UpdateCluster
        UpdateClusterSettings UpdateService
    """,
    "elasticloadbalancing": """
        AddTags CreateListener CreateLoadBalancer CreateRule CreateTargetGroup DeleteListener
        DeleteLoadBalancer DeleteRule DeleteTargetGroup DeregisterTargets ModifyListener
        ModifyLoadBalancerAttributes ModifyRule ModifyTargetGroup ModifyTargetGroupAttributes
        RegisterTargets RemoveTags SetRulePriorities SetSecurityGroups
    """,
    "events": "PutTargets",
    "iam": """
        AddRoleToInstanceProfile AddUserToGroup AttachRolePolicy AttachUserPolicy CreateAccessKey
        CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion CreateRole
        CreateServiceLinkedRole CreateUser DeleteAccessKey DeleteOpenIDConnectProvider DeletePolicy
        DeletePolicyVersion DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DeleteUser
        DeleteUserPolicy DetachRolePolicy DetachUserPolicy PutRolePermissionsBoundary PutRolePolicy
        PutUserPolicy TagPolicy TagRole UntagPolicy UntagRole UpdateAssumeRolePolicy UpdateRole
        UpdateAccessKey UpdateOpenIDConnectProviderThumbprint
    """,
    "kms": """
        CreateAlias CreateKey Decrypt DeleteAlias DisableKey EnableKey Encrypt GenerateDataKey
        PutKeyPolicy ReEncrypt ScheduleKeyDeletion Sign TagResource UpdateAlias Verify
    """,
    "logs": """
        CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy
        PutLogEvents PutRetentionPolicy StartQuery StopQuery TagLogGroup TagResource UntagResource
    """,
    "monitoring": """
        DeleteAlarms DisableAlarmActions EnableAlarmActions PutCompositeAlarm PutMetricAlarm
        PutMetricData SetAlarmState TagResource UntagResource
    """,
    # As IAM names what a request of S3 does: its paths name no operation.
    "s3": """
        AbortMultipartUpload CreateBucket DeleteBucket DeleteBucketPolicy DeleteObject
        DeleteObjectTagging DeleteObjectVersion PutBucketObjectLockConfiguration
        PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging
        PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration PutObject
        PutObjectLegalHold PutObjectRetention PutObjectTagging
    """,
    "scheduler": "UpdateSchedule",
    "secretsmanager": """
        CreateSecret DeleteResourcePolicy DeleteSecret PutResourcePolicy PutSecretValue
        RestoreSecret TagResource UntagResource UpdateSecret
    """,
    "ssm": """
        AddTagsToResource DeleteParameter DeleteParameters LabelParameterVersion PutParameter
        RemoveTagsFromResource UnlabelParameterVersion
    """,
    # What gets a token is no read, whatever its name says.
    "sts": "AssumeRole AssumeRoleWithWebIdentity DecodeAuthorizationMessage GetCallerIdentity",
    "tagging": "TagResources UntagResources",
}
SERVICES: Final = frozenset(_WRITES)
"""By the names that requests are signed for."""
_CHANGES: Final = {service: frozenset(names.split()) for service, names in _WRITES.items()}

_TARGETS: Final = {
    "AWSEvents": "events",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AmazonSSM": "ssm",
    "GraniteServiceVersion20100801": "monitoring",
    "Logs_20140328": "logs",
    "ResourceGroupsTaggingAPI_20170126": "tagging",
    "TrentService": "kms",
    "secretsmanager": "secretsmanager",
}
"""What stands before the operation in ``X-Amz-Target``, as botocore's models give it."""
_FORMS: Final = frozenset(
    {"cloudformation", "ec2", "elasticloadbalancing", "iam", "monitoring", "sts"}
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for.

    Attributes:
        service: As requests are signed for it: ``elasticloadbalancing``.
        name: The operation's; for S3 the action that IAM has for it.
    """

    service: str
    name: str

    @property
    def is_served(self) -> bool:
        """Whether a delivery uses it."""
        changes = _CHANGES.get(self.service)
        if changes is None:
            return False
        if self.name in changes:
            return True
        return self.service != "sts" and bool(_READS.fullmatch(self.name))

    def __str__(self) -> str:
        """As IAM writes an action: ``lambda:CreateFunction``."""
        return f"{self.service}:{self.name}"


def not_served(operation: Operation) -> tuple[str, str]:
    """Code and message for an operation that the sandbox does not have."""
    return (
        "UnknownOperationException",
        f"{operation} is not served: the sandbox has only what a delivery uses",
    )


def of_protocol(request: Request, signed_for: str) -> Operation | None:
    """The operation of a request in one of AWS's RPC protocols; ``None`` for any other request.

    Args:
        request: As it was sent.
        signed_for: The service in its credential's scope; empty for one without credentials.
    """
    if target := request.headers.get("x-amz-target", ""):
        prefix, _, name = target.rpartition(".")
        return Operation(_TARGETS.get(prefix) or signed_for or prefix, name)
    rpc = _CLOUDWATCH_RPC.fullmatch(request.path)
    if rpc and request.method == "POST":
        return Operation("monitoring", rpc[1])
    if request.path == "/" and (signed_for in _FORMS or not signed_for):
        action = _action(request)
        return Operation(signed_for or UNSIGNED[0], action) if action else None
    return None


def _action(request: Request) -> str:
    """``Action`` of the Query protocol; empty where it is not said exactly once."""
    given = list(request.query.get("Action", []))
    if request.body:
        if not request.headers.get("content-type", "").startswith(_FORM):
            return ""
        form = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
        given += form.get("Action", [])
    return given[0] if len(given) == 1 else ""


def names_bucket(request: Request) -> bool:
    """Whether a request to S3 is about a bucket, or about all of them."""
    if not request.bucket and request.path == "/":
        return request.method == "GET"
    first = request.bucket or request.path.split("/")[1]
    return bool(_BUCKET.fullmatch(first)) and first not in _NO_BUCKETS
