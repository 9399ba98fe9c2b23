"""What one ``[[allow]]`` says, beyond the kinds of its values: is it something that can be?"""

from __future__ import annotations

from collections.abc import Iterator

from shipway.config.positions import KeyPath
from shipway.config.problems import Problem, nearest
from shipway.config.rules import shown
from shipway.policy.contract import PRUNE, ROLLBACK, TASKS
from shipway.policy.events import NEVER, RELEASABLE
from shipway.policy.pattern import BRANCHES, TAGS, pattern_flaw, ref_flaw
from shipway.policy.tables import AllowTable
from shipway.policy.trigger import BY_HAND

_TASKS = ", ".join(TASKS)
_TAG_RULES = ("tag_kind", "signed_by", "tag_must_be_new")


def problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    """Every problem that one ``[[allow]]`` has without regard to the others."""
    yield from _event_problems(at, allow)
    yield from _environment_problems(at, allow)
    yield from _task_problems(at, allow)
    yield from _rule_problems(at, allow)


def environment_key(allow: AllowTable) -> str:
    """The key that names the environments: an event has one, by hand there may be more."""
    return "environments" if allow.environments else "environment"


def environments(allow: AllowTable) -> tuple[str, ...]:
    """The environments of the entry; one empty text where it names none."""
    return tuple(allow.environments) or (allow.environment,)


def _event_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    event, ref, fields_set = allow.event, allow.ref, allow.model_fields_set
    if event in NEVER:
        yield Problem(path=(*at, "event"), text=f"{event} can never release: {NEVER[event]}")
    elif event not in RELEASABLE:
        yield Problem(
            path=(*at, "event"), text=f"unknown event {shown(event)}{nearest(event, RELEASABLE)}"
        )
    if event == BY_HAND:
        if "ref" in fields_set:
            yield Problem(path=(*at, "ref"), text="is not asked for by hand; take it away")
    elif "ref" not in fields_set:
        text = 'is missing; it should be a full ref such as "refs/heads/main"'
        yield Problem(path=(*at, "ref"), text=text)
    elif flaw := pattern_flaw(ref):
        yield Problem(path=(*at, "ref"), text=flaw)


def _environment_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    fields_set = allow.model_fields_set
    if "environments" in fields_set and allow.event != BY_HAND:
        text = "is for by-hand only; an event leads to one environment"
        yield Problem(path=(*at, "environments"), text=text)
    elif "environments" in fields_set and "environment" in fields_set:
        text = "stands beside environments; only one of the two can hold"
        yield Problem(path=(*at, "environment"), text=text)
    elif "environments" in fields_set and not allow.environments:
        yield Problem(path=(*at, "environments"), text="should not be empty")
    elif "environments" not in fields_set and not allow.environment:
        text = "is missing; it should be the name of an environment"
        yield Problem(path=(*at, "environment"), text=text)
    for index, name in enumerate(allow.environments):
        if name in allow.environments[:index]:
            yield Problem(path=(*at, "environments", index), text=f"{shown(name)} stands twice")


def _task_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    tasks, path = allow.tasks, (*at, "tasks")
    if PRUNE in tasks:
        if allow.event != BY_HAND:
            yield Problem(path=path, text="prune is for by-hand only: nothing is pruned by itself")
        elif tasks[-1] != PRUNE or tasks.count(PRUNE) > 1:
            yield Problem(path=path, text="prune stands once, behind all others")
        tasks = [task for task in tasks if task != PRUNE]
        if not tasks:
            return
    if ROLLBACK in tasks:
        yield from _rollback_problems(path, allow)
        return
    unknown = [(index, task) for index, task in enumerate(tasks) if task not in TASKS]
    for index, task in unknown:
        yield Problem(
            path=(*path, index),
            text=f"unknown task {shown(task)}{nearest(task, (*TASKS, ROLLBACK, PRUNE))}",
        )
    if unknown or tuple(tasks) == TASKS[: len(tasks)] != ():
        return
    if not tasks:
        text = f"should not be empty; it should be a beginning of {_TASKS}"
    elif len(set(tasks)) < len(tasks):
        text = f"names a task twice; it should be a beginning of {_TASKS}"
    else:
        lacking = [
            (task, need)
            for number, task in enumerate(TASKS)
            for need in TASKS[max(number - 1, 0) : number]
            if task in tasks and need not in tasks
        ]
        text = (
            "; ".join(f"{task} needs {need} before it" for task, need in lacking)
            or f"should be in the order {_TASKS}"
        )
    yield Problem(path=path, text=text)


def _rollback_problems(path: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    if allow.event != BY_HAND:
        yield Problem(path=path, text="rollback is for by-hand only: an event delivers its commit")
    elif set(allow.tasks) - {ROLLBACK, PRUNE}:
        text = "rollback stands alone; whoever may deploy may go back as well"
        yield Problem(path=path, text=text)


def _rule_problems(at: KeyPath, allow: AllowTable) -> Iterator[Problem]:
    fields_set = allow.model_fields_set
    if "first_parent_of" in fields_set and (flaw := ref_flaw(f"{BRANCHES}{allow.first_parent_of}")):
        text = f"should be the name of a branch: {flaw}"
        yield Problem(path=(*at, "first_parent_of"), text=text)
    for key in _TAG_RULES:
        if key in fields_set and (allow.event == BY_HAND or allow.ref.startswith(BRANCHES)):
            text = f"is about tags, and {shown(allow.ref) if allow.ref else 'by hand'} is none"
            yield Problem(path=(*at, key), text=f"{text}; take it away")
    if "signed_by" in fields_set and not allow.signed_by:
        text = "should not be empty: no key at all could sign the tag"
        yield Problem(path=(*at, "signed_by"), text=text)
    if allow.tag_must_be_new and allow.event != "push" and allow.ref.startswith(TAGS):
        text = f"only a push says whether its tag is new, {shown(allow.event)} does not"
        yield Problem(path=(*at, "tag_must_be_new"), text=text)
    if allow.refuse_rerun_when_newer and allow.event == BY_HAND:
        text = "is about re-runs in GitHub Actions, and by hand there are none; take it away"
        yield Problem(path=(*at, "refuse_rerun_when_newer"), text=text)
    elif allow.refuse_rerun_when_newer and "deploy" not in allow.tasks:
        text = 'is about what is deployed, and "deploy" is not among the tasks; take it away'
        yield Problem(path=(*at, "refuse_rerun_when_newer"), text=text)
