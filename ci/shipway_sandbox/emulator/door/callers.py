"""Key ids and what belongs to them: roots, users and sessions of the emulator's accounts."""

# ruff: noqa: SLF001  # one pinned MiniStack keeps its keys under private names

from __future__ import annotations

import re
from typing import Any, Final

from ministack.core import iam_evaluator, responses

from shipway_sandbox.emulator.door.signatures import Secret, UnknownSenderError

_ACCOUNT: Final = re.compile(r"[0-9]{12}")


def secret_of(key: str) -> Secret:
    """The secret of a key id; that of an account's root is this run's.

    MiniStack's other names for root (``test``, none at all) are nobody here.

    Raises:
        UnknownSenderError: There is no such key, or its session is over.
    """
    account: Any
    if _ACCOUNT.fullmatch(key):
        account = key
    elif iam_evaluator.is_root_access_key(key):
        raise _unknown()
    else:
        try:
            account = responses._account_from_sts_session(
                key
            ) or iam_evaluator.find_iam_access_key_account(key)
        except iam_evaluator.AmbiguousAccessKeyError as error:
            raise _unknown() from error
    if not account:
        raise _unknown()
    credential = iam_evaluator.resolve_credential(key, account)
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        raise UnknownSenderError(credential.code, credential.message)
    return Secret(credential.secret_access_key, credential.session_token or "")


def _unknown() -> UnknownSenderError:
    return UnknownSenderError(
        "UnrecognizedClientException", "The security token included in the request is invalid."
    )
