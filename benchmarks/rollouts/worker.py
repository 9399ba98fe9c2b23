"""One judge as one process: shipway, boto3's waiter, or the aws command line, a line at a time.

``python -m benchmarks.rollouts.worker JUDGE SERVICE IMAGE [AWS]``, with the path of the ``aws``
command for the judge of that name; where AWS is and who asks comes from the environment. Lines:
``announced TEXT``, then ``said good TEXT`` or ``said bad TEXT``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from benchmarks.rollouts.ground import CLUSTER
from benchmarks.rollouts.kinds import CONTAINER

from shipway.aws.account import AwsAccount
from shipway.aws.credentials import Credentials, client
from shipway.aws.task_definition import read, registration
from shipway.config.environment import Environment, Service
from shipway.config.images import ImageSettings
from shipway.observer import Event
from shipway.rollout.execute import roll
from shipway.rollout.images import ReleaseImages
from shipway.rollout.plan import plan
from shipway.rollout.watch import Watched
from shipway.util.clock import SystemClock
from shipway.values import ImageReference

Said = tuple[Literal["good", "bad"], str]


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _shipway(
    name: str, image: ImageReference, on_failure: Literal["rollback", "leave"] = "rollback"
) -> Said:
    account = AwsAccount(os.environ["AWS_REGION"])
    registry, _, repository = image.repository.partition("/")
    environment = Environment(
        name="benchmark",
        account=os.environ["AWS_ACCESS_KEY_ID"],
        region=os.environ["AWS_REGION"],
        registry=registry,
        repository=repository,
        cluster=CLUSTER,
        role="",
        image=ImageSettings(
            name=repository, context=".", dockerfile="Dockerfile", platforms=(), build_args={}
        ),
        services=(Service(key=name, service=name, container=CONTAINER, on_failure=on_failure),),
    )
    began: list[Watched] = []
    announced = False

    def observe(_event: Event) -> None:
        nonlocal announced
        state = began[0].state if began else None
        if state is not None and state.announced is not None and not announced:
            announced = True
            say(f"announced {state.cause.text if state.cause else ''}")

    images = ReleaseImages.alone(image, frozenset({image.digest}))
    rolled = roll(
        plan(account.ecs, environment, images),
        ecs=account.ecs,
        logs=account.logs,
        cluster=CLUSTER,
        clock=SystemClock(),
        observer=observe,
        began=began,
    )
    outcome = rolled[0].outcome
    return ("good" if outcome.verdict.good else "bad"), (f"{outcome.verdict.name}: {outcome.text}")


def _shipway_leave(name: str, image: ImageReference) -> Said:
    return _shipway(name, image, "leave")


def _waiter(name: str, image: ImageReference) -> Said:
    """What a script does: register, update, ``get_waiter("services_stable")`` as it comes."""
    ecs = client(
        "ecs",
        region=os.environ["AWS_REGION"],
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        credentials=Credentials(
            access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        ),
    )
    service = ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]
    live = read(ecs.describe_task_definition(taskDefinition=service["taskDefinition"]))
    request = registration(live.with_image(CONTAINER, image))
    made = ecs.register_task_definition(**request)["taskDefinition"]
    ecs.update_service(cluster=CLUSTER, service=name, taskDefinition=made["taskDefinitionArn"])
    try:
        ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[name])
    except Exception as error:  # noqa: BLE001  # whatever it raises is its verdict
        return "bad", str(error)
    return "good", "services_stable"


def _command_line(aws: str, name: str, image: ImageReference) -> Said:
    """What a script does with the command line: describe, register, update, wait."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (aws, "--output", "json", "ecs", *words), capture_output=True, text=True, check=False
        )

    def told(*words: str) -> Any:
        done = run(*words)
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout)

    here = ("--cluster", CLUSTER)
    services = told("describe-services", *here, "--services", name)["services"]
    live = read(
        told("describe-task-definition", "--task-definition", services[0]["taskDefinition"])
    )
    request = json.dumps(registration(live.with_image(CONTAINER, image)))
    made = told("register-task-definition", "--cli-input-json", request)["taskDefinition"]
    told("update-service", *here, "--service", name, "--task-definition", made["taskDefinitionArn"])
    waited = run("wait", "services-stable", *here, "--services", name)
    if waited.returncode:
        return "bad", waited.stderr.strip().replace("\n", " ")
    return "good", "aws ecs wait services-stable: 0"


JUDGES: Final[Mapping[str, Callable[[str, ImageReference], Said]]] = {
    "shipway": _shipway,
    "shipway-leave": _shipway_leave,
    "waiter": _waiter,
}


def main(argv: list[str]) -> int:
    """Be one judge of one rollout."""
    judge, name, text, *aws = argv
    image = ImageReference.parse(text)
    verdict, text = _command_line(aws[0], name, image) if aws else JUDGES[judge](name, image)
    say(f"said {verdict} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
