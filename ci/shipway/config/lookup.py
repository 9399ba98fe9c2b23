"""What references stand for: the process's own variables, and messages for what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from shipway.config.load import Declared
from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, problem_lines
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.errors import UnresolvedReferenceError

_MOST_NAMED: Final = 5
ONLY_AWS: Final = Missing(reason="only AWS knows it, and a build asks no AWS")


def from_variables(
    references: Iterable[Reference], variables: Mapping[str, str]
) -> dict[Reference, Resolution]:
    """Answer ``env:`` references.

    An empty variable counts as not set: in a workflow, the expression for a variable that does not
    exist gives an empty text.
    """
    resolutions: dict[Reference, Resolution] = {}
    for ref in references:
        if ref.scheme == "env":
            text = variables.get(ref.name, "")
            similar = tuple(get_close_matches(ref.name, list(variables), n=3, cutoff=0.9))
            similar = tuple(name for name in similar if name != ref.name)
            resolutions[ref] = Found(text=text) if text else Missing(published=similar)
    return resolutions


def require_resolved(
    declared: Declared,
    referring: Mapping[KeyPath, Reference],
    resolutions: Mapping[Reference, Resolution],
    where: str,
) -> None:
    """See that every reference was answered.

    Args:
        declared: The environment, for messages.
        referring: What each key refers to.
        resolutions: The answers.
        where: Account and region that were asked; empty where none was.

    Raises:
        UnresolvedReferenceError: One was not; ``details`` names each.
    """
    problems = []
    for key, ref in referring.items():
        resolution = resolutions.get(ref)
        if isinstance(resolution, Missing):
            problems.append(_unresolved(key, ref, resolution, where))
    if problems:
        document = declared.document
        count = "1 reference" if len(problems) == 1 else f"{len(problems)} references"
        raise UnresolvedReferenceError(
            f"{count} of environment {declared.name} cannot be resolved",
            details=problem_lines(problems, path=document.path, lines=document.lines),
            remedy=_remedy([ref for ref in referring.values() if _is_missing(ref, resolutions)]),
        )


def _is_missing(ref: Reference, resolutions: Mapping[Reference, Resolution]) -> bool:
    return isinstance(resolutions.get(ref), Missing)


def _remedy(missing: Sequence[Reference]) -> str:
    """What to do: a variable is set by whoever starts this, all else by the infrastructure."""
    if any(ref.scheme != "env" for ref in missing):
        return "correct the name in the file, or publish the value"
    names = " ".join(f"{name}=…" for name in dict.fromkeys(ref.name for ref in missing))
    return (
        f"export {names} here, and make it a variable of the GitHub environment for CI; "
        "or write the value out in the file"
    )


def _unresolved(path: KeyPath, ref: Reference, missing: Missing, where: str) -> Problem:
    published = ", ".join(missing.published[:_MOST_NAMED])
    if len(missing.published) > _MOST_NAMED:
        published += f" and {len(missing.published) - _MOST_NAMED} more"
    likely = ref.suggestion(missing.published)
    suggestion = f'; did you mean "{likely}"?' if likely else ""
    if ref.scheme == "env":
        similar = (f"Set here: {published}",) if len(missing.published) > 1 else ()
        return Problem(path=path, text=f"{ref} is not set{suggestion}", more=similar)
    if missing is ONLY_AWS:
        return Problem(path=path, text=f"{ref}: {missing.reason}")
    if missing.there:
        return Problem(path=path, text=f"{ref} {missing.reason}", more=missing.more)
    reason = f": {missing.reason}" if missing.reason else ""
    return Problem(
        path=path,
        text=f"{ref} does not exist in {where}{reason}{suggestion}",
        more=(*((f"Published there: {published}",) if published else ()), *missing.more),
    )
