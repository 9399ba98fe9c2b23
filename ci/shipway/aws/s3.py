"""Amazon S3: objects that are written once."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from botocore.exceptions import ClientError

from shipway.aws.session import Session, code_of, translated
from shipway.errors import EvidenceError

# Amazon S3 User Guide, "How to prevent object overwrites with conditional writes".
_THERE: Final = frozenset({"PreconditionFailed", "412"})
_BUSY: Final = frozenset({"ConditionalRequestConflict", "409"})
_TRIES: Final = 3


class S3Objects:
    """Buckets of one region; implements :class:`shipway.evidence.copies.S3Objects`.

    Every object is sent with its SHA-256, which S3 checks and keeps, and which a bucket with object
    lock asks for; the bucket's default retention holds for it from then on.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object that is not there; see :class:`shipway.evidence.copies.S3Objects`."""
        where = f"s3://{bucket}/{key}"
        checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
        kind = "application/json" if key.endswith("json") else "text/html"
        with translated("s3:PutObject", where):
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
                    self._require_same(bucket, key, content)
                return

    def _require_same(self, bucket: str, key: str, content: bytes) -> None:
        stored = self._session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        if stored != content:
            raise EvidenceError(
                "another object is there already; nothing was overwritten",
                where=f"s3://{bucket}/{key}",
                remedy="two evidence folders write below one prefix: give each its own",
            )
