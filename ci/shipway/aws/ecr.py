"""Amazon ECR: one repository, its images, and the push."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from botocore.exceptions import ClientError

from shipway.aws.registry import Registry
from shipway.aws.session import Session, code_of, translated
from shipway.errors import AccessDeniedError, AwsError, PublishError, UsageError
from shipway.image import layout
from shipway.image.publish import Pushed, StoredImage
from shipway.image.scan import NOT_AVAILABLE, Scan
from shipway.values import Digest

_ACCEPTED_TYPES = sorted(layout.INDEX_TYPES | layout.MANIFEST_TYPES)


class EcrRepository:
    """One repository; implements :class:`shipway.image.publish.Repository`.

    Args:
        session: Where the calls go.
        name: The repository's name.
        registry_id: The account that owns it (12 digits).
    """

    def __init__(self, session: Session, name: str, registry_id: str) -> None:
        self._session = session
        self._name = name
        self._registry_id = registry_id
        self._uri = ""

    @property
    def uri(self) -> str:
        """The repository's URI as ECR gives it (one call, then remembered).

        Raises:
            AwsError: The repository does not exist.
        """
        if not self._uri:
            with self._speaking("ecr:DescribeRepositories"):
                found = self._session.client("ecr").describe_repositories(
                    registryId=self._registry_id, repositoryNames=[self._name]
                )
                self._uri = str(found["repositories"][0]["repositoryUri"])
        return self._uri

    def find(self, reference: str) -> StoredImage | None:
        """The image under a tag or a ``sha256:`` digest; ``None`` where there is none."""
        key = "imageDigest" if reference.startswith("sha256:") else "imageTag"
        with self._speaking("ecr:BatchGetImage"):
            answer = self._session.client("ecr").batch_get_image(
                registryId=self._registry_id,
                repositoryName=self._name,
                imageIds=[{key: reference}],
                acceptedMediaTypes=_ACCEPTED_TYPES,
            )
            if not answer["images"]:
                return None
            image = answer["images"][0]
            digest = Digest(image["imageId"]["imageDigest"])
            manifest = image["imageManifest"].encode()
            if "manifests" not in json.loads(manifest):
                return StoredImage(digest=digest, platforms=frozenset({digest}))
            children = frozenset(child for _, child in layout.platforms_of(manifest))
            return StoredImage(digest=digest, platforms=children)

    def push(self, folder: Path, tag: str) -> Pushed:
        """Push an OCI image layout; see :class:`shipway.image.publish.Repository`."""
        image = layout.read(folder)
        with self._speaking("ecr:GetAuthorizationToken"):
            answer = self._session.client("ecr").get_authorization_token()
            token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        return Registry(self.uri, token).push(image, tag)

    def scan(self, digest: Digest) -> Scan:
        """What is known of a manifest's scan; see :class:`shipway.image.scan.Scans`."""
        try:
            with self._speaking("ecr:DescribeImageScanFindings"):
                answer = self._session.client("ecr").describe_image_scan_findings(
                    registryId=self._registry_id,
                    repositoryName=self._name,
                    imageId={"imageDigest": digest.value},
                )
        except (AwsError, AccessDeniedError, UsageError) as error:
            return Scan(digest=digest, status=NOT_AVAILABLE, findings={}, reason=error.what)
        return Scan(
            digest=digest,
            status=answer.get("imageScanStatus", {}).get("status", NOT_AVAILABLE),
            findings=answer.get("imageScanFindings", {}).get("findingSeverityCounts", {}),
            reason=answer.get("imageScanStatus", {}).get("description", ""),
        )

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        """Digests of an index's platform manifests; empty where it is not there."""
        found = self.find(digest.value)
        return found.platforms if found else frozenset()

    def _speaking(self, operation: str) -> AbstractContextManager[None]:
        return _speaking(operation, f"{self._name} in {self._registry_id}")


@contextmanager
def _speaking(operation: str, repository: str) -> Iterator[None]:
    """``translated``, with the one answer of ECR that deserves words of its own."""
    try:
        with translated(operation, repository):
            yield
    except AwsError as error:
        foreign = error.__cause__
        if isinstance(foreign, ClientError) and code_of(foreign) == "RepositoryNotFoundException":
            raise PublishError(
                f"ECR repository {repository} does not exist",
                where=repository,
                remedy="see `repository` of the environment in ci/delivery.toml; the "
                "infrastructure's stack makes it, shipway never does",
            ) from foreign
        raise
