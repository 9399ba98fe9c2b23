"""Objects that are written once, against a bucket that answers like S3."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from shipway.aws.s3 import S3Objects
from shipway.aws.session import Session
from shipway.errors import AccessDeniedError, AwsError, EvidenceError


@dataclass
class Bucket:
    """Keeps what is put, and answers If-None-Match."""

    objects: dict[str, bytes] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: str) -> Bucket:
        assert service == "s3"
        return self

    def put_object(self, **request: Any) -> None:
        self.requests.append(request)
        if self.codes:
            code = self.codes.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": code}}, "PutObject")
        if request["IfNoneMatch"] == "*" and request["Key"] in self.objects:
            unmet = "PreconditionFailed"
            raise ClientError({"Error": {"Code": unmet, "Message": unmet}}, "PutObject")
        self.objects[request["Key"]] = request["Body"]

    def get_object(self, **request: Any) -> dict[str, Any]:
        assert request["Bucket"] == "b"
        return {"Body": io.BytesIO(self.objects[request["Key"]])}


def objects(bucket: Bucket) -> S3Objects:
    return S3Objects(cast("Session", bucket))


def test_an_object_is_sent_with_its_checksum_and_only_if_it_is_not_there() -> None:
    bucket = Bucket()
    objects(bucket).put("b", "x/record.json", b"{}")
    (request,) = bucket.requests
    assert request["IfNoneMatch"] == "*"
    assert base64.b64decode(request["ChecksumSHA256"]) == hashlib.sha256(b"{}").digest()
    assert bucket.objects == {"x/record.json": b"{}"}


def test_the_same_object_again_is_done() -> None:
    bucket = Bucket(objects={"k": b"same"})
    objects(bucket).put("b", "k", b"same")
    assert bucket.objects == {"k": b"same"}


def test_another_object_is_never_overwritten() -> None:
    bucket = Bucket(objects={"k": b"other"})
    with pytest.raises(EvidenceError) as caught:
        objects(bucket).put("b", "k", b"ours")
    assert caught.value.what == "another object is there already; nothing was overwritten"
    assert caught.value.where == "s3://b/k"
    assert bucket.objects == {"k": b"other"}


def test_a_conflict_is_tried_again() -> None:
    bucket = Bucket(codes=["ConditionalRequestConflict"])
    objects(bucket).put("b", "k", b"x")
    assert bucket.objects == {"k": b"x"}
    bucket = Bucket(codes=["ConditionalRequestConflict"] * 3)
    with pytest.raises(AwsError):
        objects(bucket).put("b", "k", b"x")
    assert len(bucket.requests) == 3


def test_a_refusal_names_the_action_and_the_object() -> None:
    with pytest.raises(AccessDeniedError) as caught:
        objects(Bucket(codes=["AccessDenied"])).put("b", "k", b"x")
    assert caught.value.where == "s3://b/k"
    assert "s3:PutObject" in caught.value.what
