"""ECR's image calls, corrected: manifests and layers that exist, and errors for those that do not.

The texts are those of the ECR API Reference and of its answers as seen through the AWS CLI.
"""

# ruff: noqa: SLF001  # corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import base64
import fnmatch
import json
import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import ecr

from shipway_sandbox.emulator import registry
from shipway_sandbox.emulator.corrections import corrects, original

Record = dict[str, Any]


def _unknown_repository(name: str) -> Any:
    return error_response_json(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id "
        f"'{get_account_id()}'",
        400,
    )


def unknown_image(name: str, wanted: Record) -> Any:
    """ImageNotFoundException, in ECR's words."""
    digest, tag = wanted.get("imageDigest") or "null", wanted.get("imageTag") or "null"
    return error_response_json(
        "ImageNotFoundException",
        f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist "
        f"within the repository with name '{name}' in the registry with id '{get_account_id()}'",
        400,
    )


def find(name: str, wanted: Record) -> Record | None:
    """The image with this digest and, where one is given, this tag."""
    digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
    for image in ecr._images.get(name, []):
        has_digest = not digest or image["imageDigest"] == digest
        if has_digest and (not tag or tag in image.get("imageTags", [])) and (digest or tag):
            matching: Record = image
            return matching
    return None


def size_of(name: str, image: Record) -> int:
    """Bytes of an image's layers and configuration, as ECR counts; an index has its children's."""
    manifest = json.loads(image.get("imageManifest") or "{}")
    children = [
        find(name, {"imageDigest": child["digest"]}) for child in manifest.get("manifests", [])
    ]
    inner = sum(size_of(name, child) for child in children if child is not None)
    layers = manifest.get("layers", [])
    config = manifest.get("config") or {}
    return inner + sum(int(layer.get("size", 0)) for layer in layers) + int(config.get("size", 0))


@corrects("ecr.token-of-principal", "ecr._get_authorization_token")
def get_authorization_token(_data: Record) -> Any:
    """GetAuthorizationToken for the caller, with the endpoint that docker can reach."""
    credential = iam_evaluator._verified_key.get() or get_account_id()
    password, expires = registry.issue(credential, get_account_id())
    token = base64.b64encode(f"AWS:{password}".encode()).decode()
    return json_response(
        {
            "authorizationData": [
                {
                    "authorizationToken": token,
                    "expiresAt": round(expires, 3),
                    "proxyEndpoint": f"http://{registry.host(get_account_id(), get_region())}",
                }
            ]
        }
    )


def _is_immutable(repository: Record, tag: str) -> bool:
    setting = repository.get("imageTagMutability", "MUTABLE")
    filters = repository.get("imageTagMutabilityExclusionFilters") or []
    excluded = any(fnmatch.fnmatchcase(tag, exclusion.get("filter", "")) for exclusion in filters)
    if setting == "IMMUTABLE_WITH_EXCLUSION":
        return not excluded
    if setting == "MUTABLE_WITH_EXCLUSION":
        return excluded
    return bool(setting == "IMMUTABLE")


@corrects("ecr.image-calls", "ecr._put_image")
def put_image(data: Record) -> Any:  # noqa: PLR0911  # each refusal leaves where it is found
    """PutImage: a tag that moves, a layer that is missing, a digest that differs are errors."""
    name, manifest = data.get("repositoryName", ""), data.get("imageManifest", "")
    if name not in ecr._repositories:
        return _unknown_repository(name)
    raw, tag = manifest.encode(), data.get("imageTag")
    digest = ecr._content_digest(raw)
    if data.get("imageDigest") not in {None, digest}:
        return error_response_json(
            "ImageDigestDoesNotMatchException",
            f"The calculated digest {digest} does not match the provided digest "
            f"{data['imageDigest']}",
            400,
        )
    if not registry.is_manifest(raw):
        return error_response_json(
            "InvalidParameterException",
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON "
            "syntax or no image manifest'",
            400,
        )
    repository = ecr._repositories[name]
    where = f"in the '{name}' repository"
    if tag and (tagged := find(name, {"imageTag": tag})) is not None:
        if _is_immutable(repository, tag):
            return error_response_json(
                "ImageTagAlreadyExistsException",
                f"The image tag '{tag}' already exists {where} and cannot be overwritten because "
                "the tag is immutable.",
                400,
            )
        if tagged["imageDigest"] == digest:
            return error_response_json(
                "ImageAlreadyExistsException",
                f"Image with digest '{digest}' and tag '{tag}' already exists {where} in registry "
                f"with id '{get_account_id()}'",
                400,
            )
    if missing := registry.missing_parts(name, raw):
        return error_response_json(
            "LayersNotFoundException",
            f"One or more of layers {missing} not found {where}",
            400,
        )
    return _store(name, raw, tag, digest, data)


def _store(name: str, raw: bytes, tag: str | None, digest: str, data: Record) -> Any:
    kind = data.get("imageManifestMediaType") or json.loads(raw).get("mediaType") or ""
    original("ecr._v2_put_manifest")(name, tag or digest, {"content-type": kind}, raw)
    identity = {"imageDigest": digest, **({"imageTag": tag} if tag else {})}
    return json_response(
        {
            "image": {
                "registryId": get_account_id(),
                "repositoryName": name,
                "imageId": identity,
                "imageManifest": raw.decode(),
                "imageManifestMediaType": kind,
            }
        }
    )


@corrects("ecr.image-calls", "ecr._v2_put_manifest")
def put_manifest(name: str, reference: str, headers: dict[str, str], body: bytes) -> Any:
    """The registry's PUT: an immutable tag that names another digest stays."""
    repository = ecr._repositories.get(name)
    if repository is not None and not reference.startswith("sha256:"):
        tagged = find(name, {"imageTag": reference})
        moved = tagged is not None and tagged["imageDigest"] != ecr._content_digest(body)
        if moved and _is_immutable(repository, reference):
            return ecr._registry_error(
                400,
                "TAG_INVALID",
                f"The image tag '{reference}' already exists in the '{name}' repository and cannot "
                "be overwritten because the tag is immutable.",
            )
    return registry.put_manifest(name, reference, headers, body)


@corrects("ecr.image-calls", "ecr._describe_images")
def describe_images(data: Record) -> Any:
    """DescribeImages: one unknown image makes the call fail; sizes are those of the layers."""
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return _unknown_repository(name)
    images = list(ecr._images.get(name, []))
    if wanted := data.get("imageIds"):
        images = []
        for identity in wanted:
            matching = find(name, identity)
            if matching is None:
                return unknown_image(name, identity)
            images.append(matching)
    status = (data.get("filter") or {}).get("tagStatus")
    details = []
    for image in images:
        tags = image.get("imageTags") or []
        if status in {"TAGGED", "UNTAGGED"} and bool(tags) != (status == "TAGGED"):
            continue
        kind = image.get("imageManifestMediaType", "")
        config = json.loads(image.get("imageManifest") or "{}").get("config") or {}
        details.append(
            {
                "registryId": get_account_id(),
                "repositoryName": name,
                "imageDigest": image["imageDigest"],
                **({"imageTags": tags} if tags else {}),
                "imageSizeInBytes": size_of(name, image),
                "imagePushedAt": image.get("imagePushedAt", int(time.time())),
                "imageManifestMediaType": kind,
                "artifactMediaType": config.get("mediaType") or kind,
            }
        )
    return json_response({"imageDetails": details})


@corrects("ecr.image-calls", "ecr._batch_get_image")
def batch_get_image(data: Record) -> Any:
    """BatchGetImage: manifests byte for byte, failures for the rest."""
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return _unknown_repository(name)
    images, failures = [], []
    for identity in data.get("imageIds", []):
        image = find(name, identity)
        if image is None:
            failures.append(
                {
                    "imageId": identity,
                    "failureCode": "ImageNotFound",
                    "failureReason": "Requested image not found",
                }
            )
            continue
        tag = identity.get("imageTag")
        images.append(
            {
                "registryId": get_account_id(),
                "repositoryName": name,
                "imageId": {
                    "imageDigest": image["imageDigest"],
                    **({"imageTag": tag} if tag else {}),
                },
                "imageManifest": image["imageManifest"],
                "imageManifestMediaType": image["imageManifestMediaType"],
            }
        )
    return json_response({"images": images, "failures": failures})


@corrects("ecr.image-calls", "ecr._batch_check_layer_availability")
def batch_check_layer_availability(data: Record) -> Any:
    """BatchCheckLayerAvailability: what is there, with its size."""
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return _unknown_repository(name)
    blobs = ecr._layer_blobs.get(name, {})
    layers, failures = [], []
    for digest in data.get("layerDigests", []):
        if not digest.startswith("sha256:"):
            failures.append(
                {
                    "layerDigest": digest,
                    "failureCode": "InvalidLayerDigest",
                    "failureReason": "Invalid layer digest",
                }
            )
            continue
        size = len(blobs[digest]) if digest in blobs else None
        layers.append(
            {
                "layerDigest": digest,
                "layerAvailability": "UNAVAILABLE" if size is None else "AVAILABLE",
                **({} if size is None else {"layerSize": size}),
            }
        )
    return json_response({"layers": layers, "failures": failures})


@corrects("ecr.image-calls", "ecr._list_images")
def list_images(data: Record) -> Any:
    """ListImages: one entry for each tag, one for each image without a tag."""
    name = data.get("repositoryName", "")
    if name not in ecr._repositories:
        return _unknown_repository(name)
    status = (data.get("filter") or {}).get("tagStatus", "ANY")
    listed: list[Record] = []
    for image in ecr._images.get(name, []):
        digest, tags = image["imageDigest"], image.get("imageTags") or []
        if tags and status != "UNTAGGED":
            listed += [{"imageDigest": digest, "imageTag": tag} for tag in tags]
        elif not tags and status != "TAGGED":
            listed.append({"imageDigest": digest})
    return json_response({"imageIds": listed})


@corrects("ecr.repositories-come-in-pages", "ecr._describe_repositories")
def describe_repositories(data: Record) -> Any:
    """DescribeRepositories: all of them; the pages are cut when the answer is sent."""
    whole = {name: value for name, value in data.items() if name != "maxResults"}
    return original("ecr._describe_repositories")(whole)
