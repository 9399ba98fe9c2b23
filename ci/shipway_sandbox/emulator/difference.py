"""What a known difference between MiniStack and AWS is, and how a private name of it is written.

A place is ``module.name`` or ``module.map[key]``, with the short names of :data:`MODULES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MINISTACK_VERSION: Final = "1.5.33"
"""The one version whose private names are known here."""

MODULES: Final = {
    "alb": "ministack.services.alb",
    "app": "ministack.app",
    "drift": "ministack.services.cloudformation.drift",
    "ec2": "ministack.services.ec2",
    "ecr": "ministack.services.ecr",
    "ecs": "ministack.services.ecs",
    "eventbridge": "ministack.services.eventbridge",
    "iam": "ministack.services.iam",
    "iam_actions": "ministack.core.iam_actions",
    "iam_evaluator": "ministack.core.iam_evaluator",
    "kms": "ministack.services.kms",
    "logs": "ministack.services.cloudwatch_logs",
    "provisioners": "ministack.services.cloudformation.provisioners",
    "responses": "ministack.core.responses",
    "schedules": "ministack.services.scheduler",
    "secretsmanager": "ministack.services.secretsmanager",
    "ssm": "ministack.services.ssm",
    "stacks": "ministack.services.cloudformation.stacks",
    "sts": "ministack.services.sts",
}
"""The modules of MiniStack by the names that a place begins with."""

_ROOM: Final = "sandbox/corrections/"
API: Final = f"{_ROOM}test_corrections_matter.py::test_api_corrections_make_the_difference"
"""The test that takes the corrections of ``left_out.API`` away, all together."""
FRONT_DOOR: Final = f"{_ROOM}test_front_door.py::"
REFUSED: Final = f"{_ROOM}test_refused_input.py::test_ecs_refuses_it_and_without_the_rule_does_not"
"""The test that takes one rule after another away from an ECS in its own process."""
SHAPES: Final = f"{_ROOM}test_shapes.py::"
STARTS: Final = f"{_ROOM}test_task_starts.py::"
STRATEGIES: Final = f"{_ROOM}test_corrections_strategies.py::"
TASKS: Final = f"{_ROOM}test_tasks_without_corrections.py::"
"""Where tests stand that a difference names; what follows is the test's own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """Something that MiniStack does otherwise than AWS, put right by a correction of this name.

    Attributes:
        name: How the correction is called on the command line and in tests.
        aws: What AWS does.
        page: The title of the page that says so.
        source: The address of that page.
        ministack: What MiniStack does, as a predicate.
        test: The test that fails when the correction is taken away, as pytest names it, below
            ``tests/``.
        replaces: The places where a function of ours stands instead; none for a rule, which our
            own code asks about where MiniStack would have done otherwise.
        adds: The same for places where MiniStack has nothing.
        needs: Other corrections without which this one cannot work.
    """

    name: str
    aws: str
    page: str
    source: str
    ministack: str
    test: str
    replaces: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def because(self) -> str:
        """The reason in one line: what AWS does, where it says so, and what MiniStack does."""
        return f"{self.aws} ({self.page}); MiniStack {self.ministack}"

    @property
    def places(self) -> tuple[str, ...]:
        """Every place where a function of ours stands."""
        return self.replaces + self.adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """Something that AWS does and the sandbox does not, and is not corrected.

    Attributes:
        aws: What AWS does.
        page: The title of the page that says so.
        source: The address of that page.
        here: What the sandbox does instead.
        test: The test that shows it, as pytest names it, below ``tests/``.
    """

    aws: str
    page: str
    source: str
    here: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Private names of MiniStack that our code uses as they are, and why nothing public does."""

    because: str
    places: tuple[str, ...]
