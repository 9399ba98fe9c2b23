"""The registry that docker pushes to: whose repository it is, and who may do what with it.

The protocol itself is MiniStack's; who may speak it, and what it must refuse, is here.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecr

from shipway_sandbox.emulator import state
from shipway_sandbox.emulator.corrections import corrects, original, rule

Reply = tuple[int, dict[str, Any], bytes]
_TOKEN_SECONDS = 12 * 3600
_AMAZON = re.compile(r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_NOBODY = ("000000000000", "eu-west-1")
_SCHEMA_VERSION = 2

checks_password = rule("ecr.registry-checks-token")

shares_across_accounts = rule("ecr.shares-across-accounts")

_ACTIONS = {
    ("GET", "manifest"): "ecr:BatchGetImage",
    ("HEAD", "manifest"): "ecr:BatchGetImage",
    ("PUT", "manifest"): "ecr:PutImage",
    ("DELETE", "manifest"): "ecr:BatchDeleteImage",
    ("GET", "blob"): "ecr:GetDownloadUrlForLayer",
    ("HEAD", "blob"): "ecr:BatchCheckLayerAvailability",
    ("POST", "blob_uploads"): "ecr:InitiateLayerUpload",
    ("PATCH", "blob_upload_session"): "ecr:UploadLayerPart",
    ("PUT", "blob_upload_session"): "ecr:CompleteLayerUpload",
    ("GET", "tags_list"): "ecr:ListImages",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A registry password: whose it is and until when."""

    access_key: str
    account: str
    expires: float


_tokens: dict[str, Token] = {}
_task_password = secrets.token_urlsafe(32)


def issue(access_key: str, account: str) -> tuple[str, float]:
    """A new registry password for the caller, and when it runs out (seconds since the epoch)."""
    password = secrets.token_urlsafe(96)
    expires = time.time() + _TOKEN_SECONDS
    _tokens[password] = Token(access_key, account, expires)
    return password, expires


def task_credentials() -> dict[str, str]:
    """What the agent gives the engine to pull for a task."""
    return {"username": "AWS", "password": _task_password}


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository's place: in one account and one region, by its name."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """As IAM names it."""
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{self.name}"

    @property
    def reachable(self) -> str:
        """Where the engine on this machine finds it: ``HOST:PORT/NAME``."""
        return f"{host(self.account, self.region)}/{self.name}"

    def scope(self) -> Any:
        """MiniStack's request scope of its account and region."""
        return request_scope(self.account, self.region)


def host(account: str, region: str) -> str:
    """Host and port of an account's registry in a region, as docker names it."""
    emulator = state.emulator()
    for address, scope in emulator.registries.items():
        if scope == f"{account}/{region}":
            return f"{address}:{emulator.port}"
    return f"localhost:{emulator.port}"


def locate(repository: str) -> Repository | None:
    """The repository of an image reference, under its local or its Amazon host.

    ``None`` for a reference that leads elsewhere. A name that nobody has made stands in an account
    of nobody.
    """
    first, _, name = repository.partition("/")
    amazon = _AMAZON.fullmatch(first)
    if not name:
        return None
    if amazon:
        return Repository(account=amazon[1], region=amazon[2], name=name)
    address, _, port = first.partition(":")
    known = address in {"localhost", "127.0.0.1", *state.emulator().registries}
    if port != str(state.emulator().port) or not known:
        return None
    account, region = owner(name, first) or _NOBODY
    return Repository(account=account, region=region, name=name)


def owner(name: str, at: str = "") -> tuple[str, str] | None:
    """Account and region of the repository with this name.

    Args:
        name: The repository's.
        at: The host that was asked: one account's alone, or the one of all that have none.
    """
    registries = state.emulator().registries
    own = registries.get(at.partition(":")[0])
    for account, region, known in ecr._repositories._data:
        scope = f"{account}/{region}"
        if known == name and (scope == own if own else scope not in registries.values()):
            return account, region
    return None


@corrects("ecr.local-host", "ecr._repo_uri")
def repository_uri(name: str) -> str:
    """``localhost:PORT/name`` or its like, which docker on this machine can push to."""
    return f"{host(get_account_id(), get_region())}/{name}"


@corrects("ecr.registry-account", "ecr._select_registry_request_scope")
def select_scope(name: str, headers: dict[str, str], query: dict[str, Any]) -> None:
    """Answer as the account that owns the repository."""
    owned = owner(name, headers.get("host", ""))
    if owned is None:
        original("ecr._select_registry_request_scope")(name, headers, query)
        return
    ecr.set_request_account_id(owned[0])
    ecr.set_request_region(owned[1])


def _password(headers: dict[str, str]) -> str | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if user == "AWS" else None


def shares(owned: tuple[str, str], name: str, account: str, action: str) -> bool:
    """Whether a repository's policy lets another account do this with it.

    It is found by the account and region that own it, and its name. The caller's own policy must
    allow it as well ("Repository policies vs. IAM policies", Amazon ECR User Guide).
    """
    if not shares_across_accounts():
        return False
    with request_scope(*owned):
        try:
            policy = json.loads(ecr._repo_policies.get(name) or "{}")
        except ValueError:
            return False
    principals = {"*", account, f"arn:aws:iam::{account}:root"}
    for statement in policy.get("Statement", []):
        principal = statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, dict) else principal
        actions = statement.get("Action", [])
        if (
            statement.get("Effect") == "Allow"
            and principals & set([named] if isinstance(named, str) else named or [])
            and action in ([actions] if isinstance(actions, str) else actions)
        ):
            return True
    return False


def refusal(  # noqa: PLR0911  # each refusal leaves where it is found
    method: str, path: str, headers: dict[str, str]
) -> Reply | None:
    """Why this registry request is not served; ``None`` where it is."""
    if not checks_password():
        return None
    password = _password(headers)
    parsed = ecr._parse_v2_path(path)
    verb, name, _ = parsed or ("", "", "")
    asked = headers.get("host", "")
    if password == _task_password:
        return None if method in {"GET", "HEAD"} else _unauthorized(asked)
    token = _tokens.get(password or "")
    if token is None:
        return _unauthorized(asked)
    if token.expires < time.time():
        return _error(
            403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."
        )
    action = _ACTIONS.get((method, verb))
    if action is None or not name:
        return None
    owned = owner(name, asked)
    account, region = owned or (token.account, "eu-west-1")
    resource = Repository(account=account, region=region, name=name).arn
    with request_scope(token.account, region):
        denied = iam_evaluator.enforce(
            token.access_key, action, "ecr", region, resource_arn=resource
        )
    ours = account == token.account
    if denied is None and (ours or shares((account, region), name, token.account, action)):
        return None
    who = getattr(denied, "principal_arn", "") or token.account
    return _error(
        403,
        "DENIED",
        f"User: {who} is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action",
    )


def _error(status: int, code: str, message: str, **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return (
        status,
        {
            "Content-Type": "application/json",
            "Docker-Distribution-Api-Version": "registry/2.0",
            **headers,
        },
        body,
    )


def _unauthorized(at: str) -> Reply:
    challenge = f'Basic realm="http://{at}/",service="ecr.amazonaws.com"'
    return _error(401, "UNAUTHORIZED", "Not Authorized", **{"WWW-Authenticate": challenge})


def is_manifest(content: bytes) -> bool:
    """Whether these bytes are an image manifest or an index (OCI image-spec)."""
    try:
        read = json.loads(content)
    except ValueError:
        return False
    versioned = isinstance(read, dict) and read.get("schemaVersion") == _SCHEMA_VERSION
    return versioned and ("manifests" in read or "config" in read)


def missing_parts(name: str, manifest: bytes) -> list[str]:
    """Digests that a manifest names and the repository does not hold."""
    try:
        read = json.loads(manifest)
    except ValueError:
        return []
    layers = [layer["digest"] for layer in read.get("layers", []) if not layer.get("urls")]
    if config := read.get("config"):
        layers.append(config["digest"])
    blobs = ecr._layer_blobs.get(name, {})
    manifests = ecr._manifest_blobs.get(name, {})
    children = [child["digest"] for child in read.get("manifests", [])]
    return [digest for digest in layers if digest not in blobs] + [
        digest for digest in children if digest not in manifests
    ]


refuses_incomplete = rule("ecr.refuses-incomplete-manifests")


def put_manifest(name: str, reference: str, headers: dict[str, str], body: bytes) -> Reply:
    """Take a manifest only with everything that it names."""
    if not is_manifest(body):
        return _error(400, "MANIFEST_INVALID", "Invalid manifest: it is no image and no index")
    missing = missing_parts(name, body) if name in ecr._repositories else []
    if missing and refuses_incomplete():
        return _error(
            400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {', '.join(missing)}"
        )
    reply: Reply = original("ecr._v2_put_manifest")(name, reference, headers, body)
    return reply
