"""The words ECS stops tasks with, and the codes programs end with: tables only.

Sources: "Resolve Amazon ECS stopped task errors", "CannotPullContainer task errors in Amazon ECS",
"Stopped tasks error codes" and "Troubleshoot Amazon ECS ResourceInitializationError errors" (Amazon
ECS Developer Guide), and the ECS agent's own messages (aws/amazon-ecs-agent #4181). Texts are
matched by the words that carry the meaning, as the rest differs by platform version.
"""

from __future__ import annotations

from typing import Literal

Weight = Literal["certain", "repeated", "transient", "ignored"]
"""How much a stop proves: one is enough; several equal ones are; only time will tell; nothing."""

STOP_CODES = frozenset(
    {
        "TaskFailedToStart",
        "EssentialContainerExited",
        "UserInitiated",
        "ServiceSchedulerInitiated",
        "SpotInterruption",
        "TerminationNotice",
        "InfrastructureHealth",
    }
)
"""Every ``stopCode`` this module knows; a test compares it with botocore."""

BY_CODE: dict[str, tuple[str, str]] = {
    "UserInitiated": ("person", "somebody stopped the task"),
    "SpotInterruption": ("spot", "its Spot capacity was taken back"),
    "TerminationNotice": ("infrastructure", "its instance is being terminated"),
    "InfrastructureHealth": ("infrastructure", "its host became unhealthy"),
}

_NETWORK = (
    r"i/o timeout|context deadline|deadline exceeded|connection (?:refused|reset|issue)|"
    r"no such host|request canceled|context canceled|TLS handshake timeout|send request failed|"
    r"\bEOF\b|temporary failure|(?:unable|failed) to connect|timed out"
)

# In order: the first that matches is it. An unreachable registry may also say "not found" of a
# host, so the network comes before the missing image.
TEXTS: tuple[tuple[str, Weight, str, str], ...] = (
    (
        "scaling",
        "ignored",
        r"Scaling activity initiated by|AZ rebalanc|Deployment rollback|is draining",
        "ECS stopped it to scale or to replace it",
    ),
    (
        "target-health",
        "repeated",
        r"failed ELB health checks|failed (?:target|load balancer) health",
        "it failed the load balancer's health checks",
    ),
    (
        "container-health",
        "repeated",
        r"failed container health checks",
        "it failed its container health check",
    ),
    (
        "image-throttled",
        "transient",
        r"(?s)CannotPull.*(?:toomanyrequests|rate limit|Rate exceeded|\b429\b)",
        "the registry refused the pull for now: too many requests",
    ),
    (
        "image-unreachable",
        "transient",
        rf"(?s)CannotPull.*(?:{_NETWORK})",
        "the registry could not be reached to pull the image",
    ),
    (
        "image-platform",
        "certain",
        r"(?s)(?:CannotPull|descriptor).*(?:matching platform|no match(?:ing|es)? .*platform)",
        "the image has no variant for the platform of the task",
    ),
    (
        "image-denied",
        "repeated",
        r"(?s)CannotPull.*(?:AccessDenied|not authorized|no basic auth|\b40[13]\b|Unauthorized)",
        "the registry did not allow the pull",
    ),
    (
        "image-missing",
        "certain",
        (
            r"(?s)(?:CannotPull|manifest).*(?:manifest unknown|not found|does not exist|"
            r"name unknown|RepositoryNotFound|ImageNotFound)"
        ),
        "the image is not in the registry",
    ),
    ("image-pull", "repeated", r"CannotPull", "the image could not be pulled"),
    (
        "role",
        "certain",
        (
            r"unable to assume (?:the )?role|invalid role|"
            r"role .{0,200}(?:cannot be assumed|is not authorized to)"
        ),
        "ECS cannot assume the role of the task definition",
    ),
    (
        "log-group",
        "certain",
        r"(?s)log group.*(?:does not exist|not found)|(?:ResourceNotFound).*log (?:group|stream)",
        "the log group of the task definition does not exist",
    ),
    (
        "log-denied",
        "certain",
        r"(?s)(?:log (?:group|stream)|logger args).*(?:AccessDenied|not authorized)",
        "the execution role may not make its log stream",
    ),
    (
        "secret-unreachable",
        "transient",
        rf"(?s)(?:secret|\bssm\b|\basm\b|registry auth).*(?:{_NETWORK}|Throttl|Rate exceeded)",
        "the secrets could not be fetched for now",
    ),
    (
        "registry-denied",
        "certain",
        r"(?s)ecr registry auth.*(?:AccessDenied|not authorized)",
        "the execution role may not sign in to the registry",
    ),
    (
        "secret-denied",
        "certain",
        r"(?s)(?:secret|\bssm\b|\basm\b|parameter).*(?:AccessDenied|not authorized|access denied)",
        "the execution role may not read a secret",
    ),
    (
        "secret-missing",
        "certain",
        (
            r"(?s)(?:secret|\bssm\b|\basm\b|parameter).*(?:ResourceNotFound|can't find|cannot find|"
            r"invalid parameters?|ParameterNotFound|not found|does not exist|"
            r"did not contain json key|marked for deletion)"
        ),
        "a secret of the task definition does not exist",
    ),
    (
        "capacity",
        "transient",
        r"Capacity is unavailable|RESOURCE:(?:CPU|MEMORY|ENI|PORTS|GPU)|insufficient capacity",
        "there was no capacity for it",
    ),
    (
        "network",
        "transient",
        (
            r"Timeout waiting for (?:network|EphemeralStorage)|network interface provisioning|"
            r"InternalError|unexpected EC2 error"
        ),
        "the platform could not prepare it in time",
    ),
    (
        "memory",
        "repeated",
        r"OutOfMemory|killed due to memory|\bOOM",
        "it was killed for using more memory than it may",
    ),
    (
        "command",
        "certain",
        (
            r"executable file not found|exec format error|"
            r"no such file or directory.*(?:exec|start)|"
            r"exec: .*(?:permission denied|no such file)"
        ),
        "its command cannot be run",
    ),
    (
        "volume",
        "repeated",
        r"CannotCreateVolume|failed to invoke EFS|failed to mount",
        "a volume could not be mounted",
    ),
    ("resource", "repeated", r"ResourceInitializationError", "its resources could not be set up"),
    (
        "start",
        "repeated",
        r"Cannot(?:Start|Create|Inspect)\w*Error|TimeoutError|unable to start",
        "its container could not be started",
    ),
)
EXITS: dict[int, str] = {
    0: "ended by itself; a service's container must keep running",
    1: "the program failed; its log says why",
    2: "wrong usage of the program, or a shell error",
    125: "the container runtime itself failed",
    126: "the command was found but may not be executed",
    127: "the command was not found in the image",
    132: "illegal instruction: built for another processor?",
    134: "aborted itself (SIGABRT)",
    135: "bus error (SIGBUS)",
    136: "arithmetic error (SIGFPE)",
    137: "killed (SIGKILL): likely out of memory, or too slow to stop",
    139: "segmentation fault (SIGSEGV)",
    143: "asked to stop (SIGTERM)",
    255: "the program failed with -1, or its runtime lost it",
}
SIGNALS = range(129, 160)
