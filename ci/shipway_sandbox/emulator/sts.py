"""STS AssumeRoleWithWebIdentity, corrected: the token is verified before the role is given.

"Create an OpenID Connect (OIDC) identity provider in IAM" and "Available keys for AWS OIDC
federation" (IAM User Guide) give the checks and the condition keys.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import parse_qs

import jwt
from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy
from ministack.core.responses import error_response_json, get_region
from ministack.services import iam, sts

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import corrects, original, rule

GITHUB = "token.actions.githubusercontent.com"
"""The provider that our issuer stands for: its tokens are GitHub's here."""

KEYS = (
    "actor",
    "actor_id",
    "aud",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "repository_owner_id",
    "sub",
    "workflow",
)
"""The claims that become condition keys for GitHub; no other claim does."""

_FIRST_CLAIM = "sub"
_KEY = re.compile(rb"AccessKeyId\W+?([A-Z0-9]{16,})")

keeps_session_policies = rule("sts.web-identity-session-policies")


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@corrects("sts.verifies-web-identity", "sts._web_identity_trust_denied")
def trust_denied(role_arn: str, params: dict[str, Any], use_json: bool) -> Any:  # noqa: FBT001  # MiniStack calls it so
    """``None`` where the role may be assumed with this token, else STS's error."""
    try:
        _check(role_arn, params)
    except _RefusedError as refused:
        if use_json:
            return error_response_json(refused.code, refused.message, refused.status)
        return sts._error(refused.status, refused.code, refused.message, ns="sts")
    return None


def _check(role_arn: str, params: dict[str, Any]) -> None:
    account = role_arn.split(":")[4]
    claims = _verified(sts._p(params, "WebIdentityToken"))
    provider = f"arn:aws:iam::{account}:oidc-provider/{GITHUB}"
    known = iam._oidc_providers.get_scoped(account, None, provider)
    if known is None:
        raise _RefusedError(
            400,
            "InvalidIdentityToken",
            f"No OpenIDConnect provider found in your account for https://{GITHUB}",
        )
    if claims.get("aud") not in known["ClientIDList"]:
        raise _RefusedError(400, "InvalidIdentityToken", "Incorrect token audience")
    role = iam._roles.get_scoped(account, None, role_arn.rsplit("/", 1)[-1])
    context = EvalContext(
        principal_arn=provider,
        principal_type="WebIdentityUser",
        principal_account=account,
        action="sts:AssumeRoleWithWebIdentity",
        resource_arn=role_arn,
        region=get_region(),
        service_context=condition_keys(claims),
    )
    allowed = role is not None and evaluate_trust_policy(
        role.get("AssumeRolePolicyDocument", "{}"), provider, context
    )
    if not allowed:
        raise _RefusedError(
            403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        )
    longest = int(role.get("MaxSessionDuration") or 3600)
    if int(sts._p(params, "DurationSeconds") or 3600) > longest:
        raise _RefusedError(
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def condition_keys(claims: dict[str, Any]) -> dict[str, str]:
    """The condition keys that a token of GitHub's gives; a claim that is not listed gives none."""
    return {f"{GITHUB}:{key}": str(claims[key]) for key in KEYS if claims.get(key) is not None}


def _verified(token: str) -> dict[str, Any]:
    verify = state.emulator().verify_token
    if verify is None:
        raise _RefusedError(400, "InvalidIdentityToken", "No identity provider is configured")
    try:
        return verify(token)
    except jwt.ExpiredSignatureError as error:
        claims = jwt.decode(token, options={"verify_signature": False})
        raise _RefusedError(
            400,
            "ExpiredTokenException",
            f"Token expired: current date/time {int(time.time())} must be before the expiration "
            f"date/time {claims.get('exp')}",
        ) from error
    except jwt.PyJWTError as error:
        raise _RefusedError(
            400,
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, please reference "
            f"AssumeRoleWithWebIdentity documentation for requirements ({type(error).__name__})",
        ) from error


@corrects("sts.verifies-web-identity", "sts.handle_request")
async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Any:
    """As MiniStack, but the answer names the token's real subject, audience and provider.

    A session's own policies are kept with it: what it may do is what role and they allow.
    """
    params = _web_identity(body) if keeps_session_policies() else {}
    policies, wrong = sts._session_policies(params, _role_account(params))
    if wrong:
        return wrong
    status, answer_headers, answer = await original("sts.handle_request")(
        method, path, headers, body, query
    )
    key = _KEY.search(answer)
    if key and any(policies.values()):
        sts._sessions[key[1].decode()]["SessionPolicies"] = policies
    if b"test-subject" in answer:
        token = (parse_qs(body.decode()).get("WebIdentityToken") or [""])[0]
        if not token and body[:1] == b"{":
            token = str(json.loads(body).get("WebIdentityToken", ""))
        subject = str(_verified(token).get(_FIRST_CLAIM, ""))
        provider = f"arn:aws:iam::{_account_of(answer)}:oidc-provider/{GITHUB}"
        answer = answer.replace(b"test-subject", subject.encode())
        for before, after in (
            (b"<Provider>sts.amazonaws.com</Provider>", f"<Provider>{provider}</Provider>"),
            (b'"Provider": "sts.amazonaws.com"', f'"Provider": "{provider}"'),
        ):
            answer = answer.replace(before, after.encode())
    return status, answer_headers, answer


def _web_identity(body: bytes) -> dict[str, Any]:
    """The parameters of AssumeRoleWithWebIdentity, in either protocol; none of another call."""
    if body[:1] == b"{":
        params: dict[str, Any] = json.loads(body)
        return params if "WebIdentityToken" in params else {}
    form: dict[str, Any] = parse_qs(body.decode())
    return form if form.get("Action") == ["AssumeRoleWithWebIdentity"] else {}


def _role_account(params: dict[str, Any]) -> str:
    return str(sts._p(params, "RoleArn") or "").rpartition(":role/")[0].rpartition(":")[2]


def _account_of(answer: bytes) -> str:
    return answer.partition(b"arn:aws:sts::")[2][:12].decode(errors="replace")
