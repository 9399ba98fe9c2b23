"""An answer on its way out, corrected: its members, its pages, the word for what is not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from shipway_sandbox.emulator.answers import empty, paging, whole
from shipway_sandbox.emulator.corrections import rule
from shipway_sandbox.emulator.door.operations import Operation, not_served

_SUCCESS: Final = range(200, 300)
_SERVICES: Final = frozenset(
    {service for service, _, _ in (name.partition(":") for name in paging.PAGED)}
    | {*empty.NEVER_EMPTY, "ec2", "ecr"}
)
"""Whose answers are looked at; those of S3 and of keys are passed on as they come."""
_NOT_THERE: Final = frozenset({"InvalidAction", "UnknownOperationException"})
_AT_MOST: Final = {"ecs:DescribeTasks": ("tasks", 100, "taskIds can have at most 100 items.")}
"""How many a call may name: "taskIds can have …" is ECS's own (sil-org/ecs-deploy, issue 266)."""

leaves_out_empty = rule("aws.empty-is-left-out")
gives_pages = rule("aws.lists-come-in-pages")
names_what_lacks = rule("aws.one-error-for-what-lacks")
tells_whole = rule("ecs.answers-are-whole")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP; ``kind`` is its content type."""

    status: int
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that says what is wrong, to be written in the protocol of the service."""

    code: str
    message: str


def is_looked_at(operation: Operation) -> bool:
    """Whether answers of this operation are corrected; the others need not be held."""
    return operation.service in _SERVICES


def refusal(operation: Operation, body: bytes) -> Failure | None:
    """Why a call is not passed on, though who sent it may send it; ``None`` where it is."""
    if not gives_pages():
        return None
    name = str(operation)
    if limit := _AT_MOST.get(name):
        member, most, message = limit
        if len(parameters(body).get(member) or []) > most:
            return Failure("InvalidParameterException", message)
    if paged := paging.PAGED.get(name):
        try:
            paging.window(name, paged, parameters(body))
        except paging.TokenError:
            return Failure("InvalidParameterException", f"Invalid token: {paged.token}")
    return None


def revised(operation: Operation, body: bytes, answer: Answer) -> Answer | Failure:
    """What AWS would have answered.

    Args:
        operation: What was asked for.
        body: What was sent with it.
        answer: What MiniStack answered.
    """
    if answer.status not in _SUCCESS:
        return _failed(operation, answer)
    if "json" in answer.kind:
        document = json.loads(answer.body or b"{}")
        corrected = _document(operation, parameters(body), document)
        return Answer(answer.status, answer.kind, json.dumps(corrected).encode())
    if "xml" in answer.kind:
        text = _elements(operation, parameters(body), answer.body.decode())
        return Answer(answer.status, answer.kind, text.encode())
    return answer


def parameters(body: bytes) -> Mapping[str, Any]:
    """What a request asks for, in JSON or as a form; nothing where it is neither."""
    if body.startswith(b"{"):
        try:
            document: Mapping[str, Any] = json.loads(body)
        except ValueError:
            return {}
        return document
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}


def _failed(operation: Operation, answer: Answer) -> Answer | Failure:
    told = answer.body.decode(errors="replace")
    if names_what_lacks() and any(code in told for code in _NOT_THERE):
        return Failure(*not_served(operation))
    return answer


_WHOLE: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "capacityProviders": whole.capacity_provider,
    "service": whole.service,
    "services": whole.service,
    "serviceDeployments": whole.configured,
    "settings": whole.account_setting,
    "taskDefinition": whole.definition,
    "taskDefinitions": whole.definition,
}


def _document(operation: Operation, asked: Mapping[str, Any], document: Any) -> Any:
    if operation.service == "ecs" and tells_whole():
        for member, complete in _WHOLE.items():
            inner = document.get(member)
            if isinstance(inner, dict):
                document[member] = complete(inner)
            elif isinstance(inner, list):
                document[member] = [complete(each) for each in inner]
    if leaves_out_empty():
        document = empty.without_empty(operation.service, document)
    name = str(operation)
    if gives_pages() and (paged := paging.PAGED.get(name)):
        document = paging.page(name, document, paging.window(name, paged, asked))
    return document


def _elements(operation: Operation, asked: Mapping[str, Any], text: str) -> str:
    name = str(operation)
    if leaves_out_empty():
        text = empty.without_empty_elements(operation.service, name, text)
    if gives_pages() and (paged := paging.PAGED.get(name)):
        text = paging.page_of_elements(name, text, paging.window(name, paged, asked))
    return text
