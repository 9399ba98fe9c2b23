"""A call of an AWS service at the door: passed on, or answered with why not.

The answer is in the protocol of the service, so that every SDK can read it.
"""

# ruff: noqa: SLF001  # errors are written by one pinned MiniStack's private functions

from __future__ import annotations

import uuid
from typing import Any, Final

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.iam_evaluator import AuthError

from shipway_sandbox.emulator.door import callers, operations, signatures
from shipway_sandbox.emulator.door.operations import Operation
from shipway_sandbox.emulator.door.visitors import Request

Reply = tuple[int, dict[str, Any], bytes]
_BAD_REQUEST: Final = 400


def admitted(request: Request) -> Operation | Reply:
    """Which operation a call asks for, or the answer where it is not served."""
    operation = operations.of_protocol(request, "")
    if signatures.is_anonymous(request) and operation == Operation(*operations.UNSIGNED):
        return operation
    try:
        signed = signatures.verify(request, callers.secret_of)
    except signatures.UnknownSenderError as error:
        return _unknown_sender(request, error)
    operation = _operation(request, signed.service)
    if not operation.is_served or not _leads_there(request, signed.service, operation):
        return _not_served(request, operation)
    return operation


def _operation(request: Request, signed_for: str) -> Operation:
    """What is asked for; named as well as can be where it is nothing that is served."""
    operation = operations.of_protocol(request, signed_for)
    if operation is not None:
        return operation
    if signed_for == "s3":
        path = f"/{request.bucket}{request.path}" if request.bucket else request.path
        name = iam_actions._s3_action(request.method, path, dict(request.query))
        if name and operations.names_bucket(request):
            return Operation("s3", name)
        return Operation("s3", f"{request.method} {request.path}")
    action = iam_actions.extract_iam_action(
        signed_for,
        request.method,
        request.path,
        dict(request.headers),
        request.body,
        dict(request.query),
    )
    service, _, name = str(action or "").partition(":")
    return Operation(service or signed_for, name or f"{request.method} {request.path}")


def _leads_there(request: Request, signed_for: str, operation: Operation) -> bool:
    """Whether MiniStack, which looks at more than we do, takes the request for the same service."""
    return bool(_service_of(request) == operation.service == signed_for)


def _service_of(request: Request) -> str | None:
    """The service that MiniStack takes a request for."""
    headers = dict(request.headers)
    parameters = app._routing_params(
        request.method, request.path, headers, request.body, dict(request.query)
    )
    service: str | None = router.detect_service(request.method, request.path, headers, parameters)
    return service


def _unknown_sender(request: Request, error: signatures.UnknownSenderError) -> Reply:
    failure = AuthError(error.code, error.message)
    status, headers, body = app._credential_failure(
        _service_of(request), "", str(uuid.uuid4()), failure, dict(request.headers)
    )
    return status, headers, body


def _not_served(request: Request, operation: Operation) -> Reply:
    return failure(request, operation, *operations.not_served(operation))


def failure(request: Request, operation: Operation, code: str, message: str) -> Reply:
    """An answer that says what is wrong, in the protocol of the service."""
    _, headers, body = iam_actions.access_denied_response(
        operation.service,
        str(operation),
        "",
        str(uuid.uuid4()),
        error_code=code,
        message=message,
        headers=dict(request.headers),
    )
    return _BAD_REQUEST, headers, body
