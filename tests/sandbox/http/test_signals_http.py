"""A signal that arrives while AWS is being asked: botocore must not take it for a bad network."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from shipway.aws.logs import CloudWatchLogs
from shipway.cli.deliver import terminable
from shipway.errors import TerminatedError

if TYPE_CHECKING:
    from shipway.aws.ecs import AwsEcs
    from shipway.aws.session import Session


def kill(number: int) -> Any:
    """An answer that comes some time after the signal."""

    def answer(_: Any) -> dict[str, Any]:
        os.kill(os.getpid(), number)
        time.sleep(0.3)
        return {"services": [], "events": []}

    return answer


def test_sigterm_ends_a_look(ecs: AwsEcs, aws: Any) -> None:
    aws.says(DescribeServices=kill(signal.SIGTERM))
    with terminable(), pytest.raises(TerminatedError):
        ecs.services("tests", ["web"])


def test_sigterm_ends_a_call_that_would_be_tried_again(session: Session, aws: Any) -> None:
    aws.says(GetLogEvents=kill(signal.SIGTERM))
    with terminable(), pytest.raises(TerminatedError):
        CloudWatchLogs(session).tail("/tests", "web/web/1", 20)
    assert aws.count("GetLogEvents") == 1


def test_ctrl_c_ends_a_look(ecs: AwsEcs, aws: Any) -> None:
    aws.says(DescribeServices=kill(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        ecs.services("tests", ["web"])
