"""Amazon S3: objects that are written once."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from botocore.exceptions import ClientError

from shipway.aws.client_errors import code_of
from shipway.aws.session import Session, translated
from shipway.errors import EvidenceError

# Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
_THERE: Final = frozenset({"PreconditionFailed", "412"})
_BUSY: Final = frozenset({"ConditionalRequestConflict", "409"})
_NOT_THERE: Final = frozenset({"NoSuchKey", "404"})
_TRIES: Final = 3


class S3Objects:
    """Buckets of one region; implements :class:`shipway.evidence.shared.ObjectStore`.

    Every object is sent with its SHA-256, which S3 checks and keeps, and which a bucket with object
    lock asks for; the bucket's default retention holds for it from then on.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object that is not there; see :class:`shipway.evidence.shared.ObjectStore`."""
        if not self.create(bucket, key, content) and self.get(bucket, key) != content:
            raise EvidenceError(
                "another object is there already; nothing was overwritten",
                where=f"s3://{bucket}/{key}",
                remedy="two evidence folders write below one prefix: give each its own",
            )

    def create(self, bucket: str, key: str, content: bytes) -> bool:
        """Put an object, unless one is there; see :class:`shipway.evidence.shared.ObjectStore`."""
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        kind = "application/json" if key.endswith("json") else "text/html"
        with translated("s3:PutObject", f"s3://{bucket}/{key}"):
            for tries_left in reversed(range(_TRIES)):
                try:
                    self._session.client("s3").put_object(
                        Bucket=bucket,
                        Key=key,
                        Body=content,
                        IfNoneMatch="*",
                        ChecksumSHA256=checksum,
                        ContentType=kind,
                    )
                except ClientError as error:
                    if code_of(error) in _BUSY and tries_left:
                        continue
                    if code_of(error) not in _THERE:
                        raise
                    return False
                return True
        return False

    def get(self, bucket: str, key: str) -> bytes | None:
        """An object's bytes; see :class:`shipway.evidence.shared.ObjectStore`."""
        with translated("s3:GetObject", f"s3://{bucket}/{key}"):
            try:
                stored = self._session.client("s3").get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if code_of(error) in _NOT_THERE:
                    return None
                raise
            content: bytes = stored["Body"].read()
            return content

    def keys(self, bucket: str, prefix: str) -> tuple[str, ...]:
        """Every key that begins so; see :class:`shipway.evidence.shared.ObjectStore`."""
        keys: list[str] = []
        more: dict[str, str] = {}
        with translated("s3:ListBucket", f"s3://{bucket}/{prefix}"):
            while True:
                page = self._session.client("s3").list_objects_v2(
                    Bucket=bucket, Prefix=prefix, **more
                )
                keys += [listed["Key"] for listed in page.get("Contents") or ()]
                token = page.get("NextContinuationToken", "")
                if not page.get("IsTruncated") or not token:
                    return tuple(sorted(keys))
                more = {"ContinuationToken": token}
