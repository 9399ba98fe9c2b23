"""Calls that no AWS has: seed an image, set a scan's outcome, show what is running.

All under ``/_shipway/`` with the secret of ``sandbox.json`` as a bearer token; bodies are JSON
unless they say otherwise.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecr, ecs, secretsmanager

from shipway_sandbox.emulator import registry, state, templates
from shipway_sandbox.emulator.known_differences import DIFFERENCES

Reply = tuple[int, dict[str, Any], bytes]


def _reply(status: int, value: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def serve(method: str, path: str, query: dict[str, str], body: bytes) -> Reply:
    """Answer one admin call: 404 for one that is not known, 422 for a body that does not fit."""
    call = _CALLS.get((method, path))
    if call is None:
        return _reply(404, {"message": f"no admin call {method} /_shipway{path}"})
    try:
        return call(query, json.loads(body) if body else {})
    except (KeyError, ValueError, TypeError) as error:
        return _reply(422, {"message": f"the body is not what this call takes: {error!r}"})


def _health(_query: dict[str, str], _data: dict[str, Any]) -> Reply:
    engine = state.engine()
    return _reply(200, {"run": engine.run, "network": engine.network})


def _corrections(_query: dict[str, str], _data: dict[str, Any]) -> Reply:
    listed = [
        {
            "name": difference.name,
            "because": difference.because,
            "replaces": list(difference.places),
        }
        for difference in DIFFERENCES
    ]
    return _reply(200, listed)


def _repository(data: dict[str, Any]) -> registry.Repository | None:
    """The repository that a call names, in the registry that it names."""
    name, host = str(data["repository"]), str(data.get("registry", ""))
    owned = registry.owner(name, host)
    return registry.Repository(account=owned[0], region=owned[1], name=name) if owned else None


def _seed_image(_query: dict[str, str], data: dict[str, Any]) -> Reply:
    """Put an image straight into a repository: blobs and manifest, without docker."""
    name = data["repository"]
    repository = _repository(data)
    if repository is None:
        return _reply(404, {"message": f"no repository is called {name}"})
    with repository.scope():
        blobs = ecr._layer_blobs.setdefault(name, {})
        for encoded in data["blobs"]:
            blob = base64.b64decode(encoded)
            blobs[ecr._content_digest(blob)] = blob
        manifest = base64.b64decode(data["manifest"])
        status, headers, answer = ecr._v2_put_manifest(
            name, data["tag"], {"content-type": data["media_type"]}, manifest
        )
    if status != 201:  # noqa: PLR2004  # Created, as the registry protocol says
        return status, {"Content-Type": "application/json"}, answer
    digest = headers["Docker-Content-Digest"]
    return _reply(201, {"digest": digest, "image": f"{repository.reachable}@{digest}"})


def _set_scan(_query: dict[str, str], data: dict[str, Any]) -> Reply:
    """Say what the scan of a digest answers from now on."""
    state.emulator().scans[data["digest"]] = {
        "outcome": data["outcome"],
        "findings": data.get("findings") or [],
        "polls": int(data.get("polls") or 0),
    }
    return _reply(200, {})


def _lose_layer(_query: dict[str, str], data: dict[str, Any]) -> Reply:
    """Have a repository lose a layer that its manifests still name."""
    repository = _repository(data)
    lost = None
    if repository is not None:
        with repository.scope():
            lost = ecr._layer_blobs.get(repository.name, {}).pop(data["lose"], None)
    return _reply(200, {"lost": lost is not None})


def _nobodys_secret(_query: dict[str, str], data: dict[str, Any]) -> Reply:
    """Make a secret whose own policy lets nobody read it, and give its ARN; it may be there."""
    deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue"}
    policy = {"Version": "2012-10-17", "Statement": [{**deny, "Resource": "*"}]}
    with request_scope(data["account"], data["region"]):
        if secretsmanager._resolve(data["name"])[1] is None:
            secretsmanager.create_secret_in_process(data["name"], "unread")
        secret = secretsmanager._resolve(data["name"])[1]
        body = {"SecretId": secret["ARN"], "ResourcePolicy": json.dumps(policy)}
        secretsmanager._put_resource_policy(body)
    return _reply(200, {"arn": secret["ARN"]})


def _share_layers(_query: dict[str, str], data: dict[str, Any]) -> Reply:
    """Give a repository the layers of another, as an earlier release would have left them there."""
    source, target = _repository(data["source"]), _repository(data["target"])
    if source is None or target is None:
        return _reply(404, {"message": "no such repository"})
    with source.scope():
        layers = dict(ecr._layer_blobs.get(source.name, {}))
    with target.scope():
        ecr._layer_blobs.setdefault(target.name, {}).update(layers)
    return _reply(200, {"layers": len(layers)})


def _template(_query: dict[str, str], data: dict[str, Any]) -> Reply:
    """Make a template of the user's own ready, or say what of it cannot run here."""
    wanted = templates.Wanted(**{**data["wanted"], **_tuples(data["wanted"])})
    with request_scope(data["account"], data["region"]):
        return _reply(200, templates.adapt(data["text"], wanted).written)


def _tuples(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(wanted[name]) for name in ("image_parameters", "containers")}


def _tasks(_query: dict[str, str], _data: dict[str, Any]) -> Reply:
    listed = [ecs._sanitize(task) for task in ecs._tasks.all_values()]
    return _reply(200, listed)


_CALLS: dict[tuple[str, str], Callable[[dict[str, str], dict[str, Any]], Reply]] = {
    ("GET", "/health"): _health,
    ("GET", "/corrections"): _corrections,
    ("GET", "/tasks"): _tasks,
    ("POST", "/images"): _seed_image,
    ("POST", "/layers"): _lose_layer,
    ("POST", "/layers/shared"): _share_layers,
    ("POST", "/scans"): _set_scan,
    ("POST", "/secrets"): _nobodys_secret,
    ("POST", "/templates"): _template,
}
