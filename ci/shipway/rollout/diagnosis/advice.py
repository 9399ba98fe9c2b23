"""The likeliest next step for each kind of failure, from the task definition and the log."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shipway.rollout.diagnosis.reasons import Reading
from shipway.rollout.snapshot import TargetHealth
from shipway.rollout.task_definition import ContainerDefinition, TaskDefinition

_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:[^\s'\",;)]+")
_INVALID_PARAMETERS = re.compile(r"invalid parameters?: ?(?P<names>[^\s;]+)", re.IGNORECASE)
_NOT_AUTHORIZED = re.compile(
    r"not authorized to perform: (?P<action>[\w:]+) on resource: (?P<resource>\S+)"
)
_KEY_REFUSED = re.compile(r"Access to KMS is not allowed|ciphertext refers to", re.IGNORECASE)
_NAME = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*"
_MISSING = (
    re.compile(rf"KeyError: ['\"](?P<name>{_NAME})['\"]"),
    re.compile(rf"(?:environment variable|env(?:ironment)?(?: var)?) ['\"`]?(?P<name>{_NAME})\b"),
    re.compile(
        rf"['\"`]?\b(?P<name>{_NAME})['\"`]? (?:is |was |must be |env\w* )*"
        r"(?:not (?:set|defined|found)|required|missing|undefined|unset|set\b)"
    ),
    re.compile(
        rf"(?:missing|required|undefined)\b[^\n]{{0,40}}?\b(?P<name>{_NAME})\b", re.IGNORECASE
    ),
)
_STATUS = re.compile(r"codes: \[(\d+)")
_NOT_OURS = "exec format error"
_UNREAD = "logs:GetLogEvents is not allowed"
_MEMORY_CODES = frozenset({137})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything one block's advice can draw on."""

    reading: Reading
    container: str
    now: TaskDefinition
    before: TaskDefinition | None
    now_label: str
    before_label: str
    image: str
    log: tuple[str, ...]
    targets: tuple[TargetHealth, ...]
    exposed: tuple[int, ...] = ()
    processors: tuple[str, ...] = ()

    @property
    def definition(self) -> ContainerDefinition:
        """What the task definition says of the container that failed."""
        return self.now.container(self.container)


def next_step(case: Case) -> str:
    """One sentence: what to do, likeliest first."""
    kind = case.reading.kind
    if kind in {"exit", "unknown", "start"}:
        return _of_exit(case)
    if kind == "memory":
        return _of_memory(case)
    if kind == "target-health":
        return _of_targets(case)
    if kind == "container-health":
        command = " ".join(case.definition.health_command)
        what = f"run its health check in the image ({command})" if command else "run it by hand"
        return f"{what}; the image may lack the command, or startPeriod is too short"
    if kind == "command":
        what = "check command and entryPoint against the image"
        return _of_processor(case) if _NOT_OURS in case.reading.ecs.lower() else what
    return _of_platform(case)


def _of_exit(case: Case) -> str:
    missing = missing_variable(case)
    if missing:
        return missing
    if any(_NOT_OURS in line.lower() for line in case.log):
        return _of_processor(case)
    code = case.reading.exit_code
    if code in _MEMORY_CODES:
        return _of_memory(case)
    if case.log and _UNREAD in case.log[0]:
        return "let the role read its log, as the log says above: nothing else tells why it ended"
    if case.log:
        return "read the last lines of its log; the same image runs with docker run to reproduce it"
    return _where_its_log_is(case)


def _where_its_log_is(case: Case) -> str:
    """What to do where nobody read its log here, though there may be one."""
    logs, driver = case.definition.logs, case.definition.log_driver
    if logs is not None and logs.region and case.now.region not in {"", logs.region}:
        stream = f"{logs.stream_prefix}/{case.container}/" if logs.stream_prefix else ""
        where = f"streams that begin with {stream}" if stream else "the newest streams"
        return f"read its log in {logs.region}: group {logs.group}, {where}"
    if logs is not None and not logs.stream_prefix:
        return (
            f"read its log in group {logs.group}: the task definition has no "
            "awslogs-stream-prefix, so nobody knows the stream of a task"
        )
    if logs is not None:
        return f"it wrote no log to {logs.group}: run the image by hand to see why it ends"
    if driver == "awsfirelens":
        return "its log goes through FireLens: read it where the outputs of the log router lead"
    if driver and driver != "awslogs":
        return f"its log goes through the driver {driver}: read it where that leads"
    return "it has no awslogs log group: give it one, so that it can say why it ended"


def _of_processor(case: Case) -> str:
    """A program of another processor's: what the service runs on, and what was built."""
    built = f"the image holds {', '.join(case.processors)}; " if case.processors else ""
    there = case.now.processor or "X86_64, for the task definition says nothing else"
    return (
        f"{built}the service runs on {there} (runtimePlatform.cpuArchitecture): build for it with "
        "`platforms` of [image], or mend the infrastructure; a script needs its #! line"
    )


def missing_variable(case: Case) -> str:
    """``the task definition has no X; web:41 had it from …``; empty where nothing is missing."""
    now = _sources(case.definition)
    before = _sources(case.before.container(case.container)) if case.before else {}
    for name in _asked_for(case.log):
        if name in now:
            continue
        if name in before:
            return (
                f"the task definition has no {name}; "
                f"{case.before_label or 'the earlier one'} had it from {before[name]}"
            )
        if case.before is not None:
            earlier = case.before_label or "the earlier one"
            return f"the task definition has no {name}, and {earlier} had none: add it"
        return f"the task definition has no {name}: add it"
    return ""


def _sources(container: ContainerDefinition) -> dict[str, str]:
    """Names of the container's variables, each with where it comes from, in short."""
    sources = dict.fromkeys((name for name, _ in container.environment), "the task definition")
    return sources | {name: _short_source(source) for name, source in container.secrets}


def _short_source(value_from: str) -> str:
    """``ssm:/web/db`` or ``secretsmanager:web/db`` for an ARN; a bare name is a parameter's."""
    if not value_from.startswith("arn:"):
        return f"ssm:{value_from}"
    parts = value_from.split(":", 5)
    arn_parts = 6
    if len(parts) < arn_parts:
        return value_from
    service, resource = parts[2], parts[5]
    if service == "ssm":
        return f"ssm:{resource.removeprefix('parameter')}"
    return f"{service}:{resource.removeprefix('secret:')}"


def _asked_for(log: tuple[str, ...]) -> list[str]:
    """Variables that the log complains about, the last complaint first."""
    names: list[str] = []
    for line in reversed(log):
        for pattern in _MISSING:
            names += [m["name"] for m in pattern.finditer(line) if m["name"] not in names]
    return names


def _of_memory(case: Case) -> str:
    of_container, of_task = case.definition.memory, case.now.memory
    limit = f"{of_container} MiB (container)" if of_container else f"{of_task} MiB (task)"
    if not (of_container or of_task):
        return "give the container more memory, or find what uses it"
    return f"it may use {limit}: raise memory in the task definition, or find what uses it"


def _of_targets(case: Case) -> str:
    sick = sick_ones(case.targets)
    reason = sick[0].reason if sick else ""
    port = sick[0].port if sick else next(iter(case.definition.ports), 0)
    if reason == "Target.ResponseCodeMismatch":
        code = _STATUS.search(sick[0].description)
        answer = f"answers the health check with {code[1]}" if code else "answers something else"
        return f"it runs and {answer}: its log says why, or the check asks for the wrong path"
    if case.exposed and port and port not in case.exposed:
        exposed = ", ".join(str(p) for p in case.exposed)
        return f"the health check asks port {port}, but the image exposes {exposed}"
    at = f" on port {port}" if port else ""
    if reason == "Target.Timeout":
        return (
            f"no answer{at} in the time the health check waits: see what the program does "
            "meanwhile, and whether a security group drops the load balancer's packets"
        )
    return (
        f"nothing answers{at}: does the program listen there, on 0.0.0.0 and not on localhost, "
        "and may the load balancer reach it? If it starts slowly, raise the service's "
        "healthCheckGracePeriodSeconds in the infrastructure"
    )


def sick_ones(targets: tuple[TargetHealth, ...]) -> list[TargetHealth]:
    """Targets with a reason not to be healthy; if any is unhealthy, those alone."""
    reasoned = [t for t in targets if t.reason and t.state != "healthy"]
    unhealthy = [t for t in reasoned if t.state.startswith("unhealthy")]
    return unhealthy or [t for t in reasoned if t.state != "draining"]


def _of_platform(case: Case) -> str:
    ecs = case.reading.ecs
    arn = next(iter(_ARN.findall(ecs)), "").rstrip(".:")
    if case.reading.kind.endswith("-denied") and (denied := _right(ecs, arn)):
        return denied
    parameters = _INVALID_PARAMETERS.search(ecs)
    name = arn or (parameters["names"] if parameters else "")
    steps = {
        "image-missing": f"publish it, or check the name: {case.image}",
        "image-platform": "build it for the platform in runtimePlatform, or change that",
        "image-denied": "allow the execution role ecr:BatchGetImage and "
        "ecr:GetDownloadUrlForLayer on the repository",
        "image-unreachable": "check the way from its subnets to the registry: NAT, endpoints",
        "image-throttled": "wait, or pull from a registry of your own",
        "secret-missing": f"create it, or correct valueFrom: {name}"
        if name
        else "check valueFrom of each secret in the task definition",
        "secret-denied": f"allow the execution role to read {name or 'the secret'}",
        "secret-unreachable": "check the way from its subnets to Secrets Manager and SSM",
        "role": f"check the trust policy of {name or 'the role'}: "
        "it must trust ecs-tasks.amazonaws.com",
        "registry-denied": "allow the execution role ecr:GetAuthorizationToken on *",
        "log-denied": "allow the execution role logs:CreateLogStream on the log group",
        "log-group": "create the log group, or let the execution role create it",
        "container": "read its log: the task goes on without it, or with it started anew",
        "alarm": "see what the alarm measures, and the service's log of these seconds",
        "address": "see the service's log: it answered well at first",
        "capacity": "add capacity, or ask for less CPU and memory",
        "volume": "check the file system's mount targets and security groups",
    }
    return steps.get(case.reading.kind, "read ECS's own words above")


def _right(ecs: str, arn: str) -> str:
    """What the execution role lacks, where ECS says it; the first ARN may be the role's own."""
    if lacking := _NOT_AUTHORIZED.search(ecs):
        return f"allow the execution role {lacking['action']} on {lacking['resource']}"
    if _KEY_REFUSED.search(ecs):
        whose = f" of {arn}" if ":secret:" in arn else ""
        return f"allow the execution role kms:Decrypt on the key{whose}"
    return ""
