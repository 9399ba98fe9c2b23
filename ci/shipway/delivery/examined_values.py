"""References of an environment that is examined, and the environment as far as they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from shipway.config import resolve
from shipway.config.environment import Environment
from shipway.config.load import Declared
from shipway.config.references import Found, Missing, Reference, References, Resolution
from shipway.doctor.finding import Looked, Unseen, looked

_STAND_IN: Final = "not-resolved-"

Resolutions = Mapping[Reference, Looked[Resolution]]


def resolutions(
    wanted: Sequence[Reference], variables: Mapping[str, str], published: References
) -> Resolutions:
    """What becomes of each reference; one that may not be read hides none of the others.

    Args:
        wanted: The references.
        variables: The process's environment variables, for ``env:`` references.
        published: Answers all others.
    """
    found: dict[Reference, Looked[Resolution]] = {}
    for reference in wanted:
        if reference.scheme == "env":
            text = variables.get(reference.name, "")
            found[reference] = Found(text=text) if text else Missing()
    at_aws = tuple(reference for reference in wanted if reference.scheme != "env")
    together = looked(partial(published.resolve, at_aws)) if at_aws else {}
    for reference in at_aws:
        answer = (
            looked(partial(published.resolve, (reference,)))
            if isinstance(together, Unseen)
            else together
        )
        found[reference] = (
            answer if isinstance(answer, Unseen) else answer.get(reference, Missing())
        )
    return found


def secrets(found: Resolutions) -> set[str]:
    """Values that nothing may show."""
    return {
        resolution.text
        for resolution in found.values()
        if isinstance(resolution, Found) and resolution.secret
    }


def environment(
    declared: Declared, variables: Mapping[str, str], found: Resolutions
) -> Environment:
    """The environment, with a name that nothing has for each reference that is not resolved.

    Raises:
        ConfigurationError: A value is not what its key needs.
    """
    unset = {
        reference.name: f"{_STAND_IN}{reference.name.lower()}"
        for reference, resolution in found.items()
        if reference.scheme == "env" and not isinstance(resolution, Found)
    }
    return resolve.resolve(
        declared, variables={**variables, **unset}, published=_StandIns(declared, found)
    )


def is_unresolved(value: str) -> bool:
    """Whether a value stands in for one that is not published."""
    return _STAND_IN in value


@dataclass(frozen=True, slots=True)
class _StandIns:
    """What is published, and for all else a name that nothing has: so that the rest is seen."""

    declared: Declared
    found: Resolutions

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        addresses = {text for path, text in self.declared.leaves() if path[-1] == "url"}
        answers: dict[Reference, Resolution] = {}
        for number, reference in enumerate(references):
            resolution = self.found[reference]
            stand_in = f"{_STAND_IN}{number}"
            if str(reference) in addresses:
                stand_in = f"https://{stand_in}.invalid"
            answers[reference] = (
                resolution if isinstance(resolution, Found) else Found(text=stand_in)
            )
        return answers
