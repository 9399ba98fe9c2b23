"""Every reference of an environment, and whether something is published there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shipway.config.load import Declared
from shipway.config.problems import dotted
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.doctor.finding import Finding, Looked, Unseen, needed, ok, wrong

_MOST_NAMED = 5


def judge(
    declared: Declared,
    references: Sequence[Reference],
    resolutions: Mapping[Reference, Looked[Resolution]],
) -> Iterator[Finding]:
    """Each reference in the file's order.

    Args:
        declared: The environment, for the keys that hold them.
        references: What it needs.
        resolutions: What became of each.
    """
    if not references:
        yield ok("references", "none: every value is written out")
    for reference in references:
        resolution = resolutions[reference]
        name = str(reference)
        if isinstance(resolution, Unseen):
            yield needed(name, resolution)
        elif isinstance(resolution, Found):
            yield ok(name, "there, and secret" if resolution.secret else resolution.text)
        else:
            yield _missing(declared, reference, resolution)


def _missing(declared: Declared, reference: Reference, missing: Missing) -> Finding:
    keys = ", ".join(keys_of(declared, reference))
    likely = reference.suggestion(missing.published)
    suggestion = f'; did you mean "{likely}"?' if likely else ""
    what = "is not set" if reference.scheme == "env" else "is not published"
    reason = f": {missing.reason}" if missing.reason else ""
    published = ", ".join(missing.published[:_MOST_NAMED])
    return wrong(
        str(reference),
        f"{what}{reason}{suggestion}",
        f"correct {keys} in ci/delivery.toml, or "
        + (f"export {reference.name}=…" if reference.scheme == "env" else "publish the value"),
        *((f"published there: {published}",) if published else ()),
        *missing.more,
    )


def keys_of(declared: Declared, reference: Reference) -> tuple[str, ...]:
    """The keys of delivery.toml that hold a reference, or name the parameter that it is."""
    spellings = {str(reference), reference.name}
    return tuple(dotted(path) for path, text in declared.leaves() if text in spellings)
