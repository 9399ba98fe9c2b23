"""Amazon ECR: one repository, its images, and the push."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

from botocore.exceptions import ClientError

from shipway.aws import attached, image_copy, scans
from shipway.aws.client_errors import code_of
from shipway.aws.registry import DistributionClient
from shipway.aws.session import Session, translated
from shipway.config.environment import Origin
from shipway.errors import (
    AwsError,
    ImageNotFoundError,
    PublishError,
    UsageError,
)
from shipway.image import layout
from shipway.image.layout import Manifest
from shipway.image.publish import Pushed, StoredImage
from shipway.image.referrers import AttachedDocument, Referrer
from shipway.image.scan import NOT_AVAILABLE, Scan
from shipway.util.partitions import registry_home
from shipway.values import Digest

_ACCEPTED_TYPES = sorted(layout.INDEX_TYPES | layout.MANIFEST_TYPES)


_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# ECR API Reference, PutImage: the tag exists, whether with this manifest or with another.
_TAKEN = frozenset({"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"})
# The same page, and "Amazon ECR service quotas": an image has 1,000 tags at most.
_TOO_MANY = "LimitExceededException"


class EcrRepository:
    """One repository; implements :class:`shipway.image.publish.ImageRepository`.

    Args:
        session: Where the calls go.
        name: The repository's name.
        registry_id: The account that owns it (12 digits).
        uri: Its URI where that is known; another account's repository is not asked for it.
    """

    def __init__(self, session: Session, name: str, registry_id: str, *, uri: str = "") -> None:
        self._session = session
        self._name = name
        self._registry_id = registry_id
        self._uri = uri

    @property
    def region(self) -> str:
        """Where it is: a registry of ECR's is one account's in one region."""
        return self._session.region

    @property
    def uri(self) -> str:
        """The repository's URI as ECR gives it (one call, then remembered).

        Raises:
            AwsError: The repository does not exist.
        """
        if not self._uri:
            with self._translated("ecr:DescribeRepositories"):
                response = self._session.client("ecr").describe_repositories(
                    registryId=self._registry_id, repositoryNames=[self._name]
                )
                self._uri = str(response["repositories"][0]["repositoryUri"])
        return self._uri

    def find(self, reference: str) -> StoredImage | None:
        """The image under a tag or a ``sha256:`` digest; ``None`` where there is none.

        Raises:
            ImageNotFoundError: What is there is no image.
        """
        manifest = self._get(reference)
        if manifest is None:
            return None
        if not layout.is_image(manifest.content):
            raise ImageNotFoundError(
                f"{reference} is no image: it is a manifest of something else",
                where=f"{self._name} in {self._registry_id}",
                remedy="see who pushed it there; nothing was overwritten or changed",
            )
        with self._translated("ecr:BatchGetImage"):
            if manifest.media_type not in layout.INDEX_TYPES:
                return StoredImage(digest=manifest.digest, platforms=frozenset({manifest.digest}))
            platforms = tuple(layout.platforms_of(manifest.content))
            children = frozenset(child for _, child in platforms)
            return StoredImage(digest=manifest.digest, platforms=children, named=platforms)

    def _get(self, reference: str) -> Manifest | None:
        key = "imageDigest" if reference.startswith("sha256:") else "imageTag"
        with self._translated("ecr:BatchGetImage"):
            response = self._session.client("ecr").batch_get_image(
                registryId=self._registry_id,
                repositoryName=self._name,
                imageIds=[{key: reference}],
                acceptedMediaTypes=_ACCEPTED_TYPES,
            )
            if not response["images"]:
                return None
            image = response["images"][0]
            content = image["imageManifest"].encode()
            index = "manifests" in json.loads(content)
            kind = image.get("imageManifestMediaType") or (_INDEX if index else _MANIFEST)
            return Manifest(
                digest=Digest(image["imageId"]["imageDigest"]), media_type=kind, content=content
            )

    def push(self, folder: Path, tag: str) -> Pushed:
        """Push an OCI image layout; see :class:`shipway.image.publish.ImageRepository`."""
        image = layout.read(folder)
        return self._open().push(image, tag)

    def tag(self, digest: Digest, tag: str) -> Digest | None:
        """A further tag by the manifest alone; see ``image.publish.ImageRepository``."""
        tagged = self._get(tag)
        if tagged is not None:
            return tagged.digest
        manifest = self._get(digest.value)
        if manifest is None:
            raise ImageNotFoundError(
                f"there is no image {digest} in {self._name}",
                where=self._registry_id,
                remedy="see the digest; nothing was changed",
            )
        try:
            with self._translated("ecr:PutImage"):
                self._session.client("ecr").put_image(
                    registryId=self._registry_id,
                    repositoryName=self._name,
                    imageManifest=manifest.content.decode(),
                    imageManifestMediaType=manifest.media_type,
                    imageTag=tag,
                )
        except AwsError as error:
            code = code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else ""
            if code == _TOO_MANY:
                return None
            # Somebody was faster. What the tag stands for is asked below, never assumed.
            if code not in _TAKEN:
                raise
        tagged = self._get(tag)
        return tagged.digest if tagged else digest

    def labels(self, digest: Digest) -> Mapping[str, str]:
        """An image's labels; see :class:`shipway.image.publish.ImageRepository`."""
        stored = self.find(digest.value)
        if stored is None:
            return {}
        hub = self._open()
        image = hub.manifest(min(stored.platforms).value)
        if image is None:
            return {}
        try:
            with hub.open(next(iter(layout.parts_of(image.content)))) as content:
                config = json.loads(content.read())
            return dict((config.get("config") or {}).get("Labels") or {})
        except (ValueError, LookupError, AttributeError):
            return {}

    def take(self, origin: Origin, digest: Digest, tag: str) -> Pushed:
        """Copy from another repository; see :class:`shipway.image.publish.PromotionTarget`."""
        own = (self._registry_id, self.region, self._name)
        if (origin.account, origin.region, origin.repository) == own:
            _tagged(self, digest, tag)
            return Pushed(digest=digest, blobs=0, bytes=0)
        source = origin_of(self._session, origin)
        hub = source._open()  # noqa: SLF001  # two of one class
        pushed = image_copy.copy(hub, self._open(), digest, source.referrers)
        _tagged(self, digest, tag)
        return pushed

    def referrers(self, digest: Digest) -> tuple[Referrer, ...]:
        """ListImageReferrers; see :class:`shipway.image.referrers.Attachments`."""
        referrers: list[Referrer] = []
        token = ""
        while True:
            with self._translated("ecr:ListImageReferrers"):
                response = self._session.client("ecr").list_image_referrers(
                    registryId=self._registry_id,
                    repositoryName=self._name,
                    subjectId={"imageDigest": digest.value},
                    **({"nextToken": token} if token else {}),
                )
                referrers += (
                    Referrer(
                        digest=Digest(entry["digest"]),
                        artifact_type=entry.get("artifactType", ""),
                        annotations=dict(entry.get("annotations") or {}),
                    )
                    for entry in response.get("referrers") or ()
                )
            token = str(response.get("nextToken") or "")
            if not token:
                return tuple(referrers)

    def newest(self, most: int) -> tuple[Digest, ...]:
        """Images that have a tag, the last one that was pushed first.

        Args:
            most: How many.

        Raises:
            AwsError: ECR does not say.
        """
        pushed: list[tuple[datetime, str]] = []
        token = ""
        while True:
            with self._translated("ecr:DescribeImages"):
                response = self._session.client("ecr").describe_images(
                    registryId=self._registry_id,
                    repositoryName=self._name,
                    filter={"tagStatus": "TAGGED"},
                    **({"nextToken": token} if token else {}),
                )
                pushed += (
                    (image["imagePushedAt"], image["imageDigest"])
                    for image in response["imageDetails"]
                )
            token = str(response.get("nextToken") or "")
            if not token:
                return tuple(Digest(digest) for _, digest in sorted(pushed, reverse=True)[:most])

    def contents(self, referrers: Sequence[Digest]) -> Iterator[bytes]:
        """What referrers hold, in order: the bytes of the only layer of each.

        Raises:
            PublishError: The registry has lost one, or refuses it.
            DigestError: It gave other bytes than the digest says, or more than a document has.
        """
        hub = self._open() if referrers else None
        for referrer in referrers:
            if hub is not None:
                yield attached.content(hub, referrer)

    def attach(
        self, subject: Digest, documents: Sequence[AttachedDocument]
    ) -> tuple[Referrer, ...]:
        """Put documents beside an image; see :class:`shipway.image.referrers.Attachments`."""
        hub = self._open()
        root = self._get(subject.value)
        if root is None:
            raise PublishError(
                f"there is no image {subject} to attach to",
                where=self._name,
                remedy="somebody may have deleted it; deliver it again",
            )
        return attached.attach(hub, root, documents)

    def login(self, host: str = "") -> str:
        """``AWS:PASSWORD`` for every registry that we may use, twelve hours valid; a secret.

        Args:
            host: Of a registry in another region, which gives tokens of its own; empty for ours.
        """
        _, region = registry_home(host) or ("", self._session.region)
        with self._translated("ecr:GetAuthorizationToken"):
            client = self._session.elsewhere(region).client("ecr")
            response = client.get_authorization_token()
            token = response["authorizationData"][0]["authorizationToken"]
            return base64.b64decode(token).decode()

    def _open(self) -> DistributionClient:
        return DistributionClient(self.uri, self.login(), self._session.authorities())

    def scan(self, digest: Digest) -> Scan:
        """What is known of a manifest's scan; see :class:`shipway.image.scan.Scans`."""

        def ask(token: str) -> scans.Page:
            with self._translated("ecr:DescribeImageScanFindings"):
                page: scans.Page = self._session.client("ecr").describe_image_scan_findings(
                    registryId=self._registry_id,
                    repositoryName=self._name,
                    imageId={"imageDigest": digest.value},
                    **({"nextToken": token} if token else {}),
                )
                return page

        try:
            with self._translated("ecr:DescribeImageScanFindings"):
                return scans.read(digest, ask)
        except (AwsError, UsageError) as error:
            return Scan(digest=digest, status=NOT_AVAILABLE, findings={}, reason=error.what)

    def tags(self, digest: Digest) -> tuple[str, ...]:
        """The tags of an image, sorted; none where it is not there."""
        with self._translated("ecr:DescribeImages"):
            try:
                response = self._session.client("ecr").describe_images(
                    registryId=self._registry_id,
                    repositoryName=self._name,
                    imageIds=[{"imageDigest": digest.value}],
                )
            except ClientError as error:
                if code_of(error) == "ImageNotFoundException":
                    return ()
                raise
            tags = (
                tag for image in response["imageDetails"] for tag in image.get("imageTags") or ()
            )
            return tuple(sorted(tags))

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        """Digests of an index's platform manifests; empty where it is not there."""
        image = self.find(digest.value)
        return image.platforms if image else frozenset()

    def _translated(self, operation: str) -> AbstractContextManager[None]:
        return _translated(operation, f"{self._name} in {self._registry_id}")


@contextmanager
def _translated(operation: str, repository: str) -> Iterator[None]:
    """``translated``, with the one answer of ECR that deserves words of its own."""
    try:
        with translated(operation, repository):
            yield
    except AwsError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and code_of(cause) == "RepositoryNotFoundException":
            raise PublishError(
                f"ECR repository {repository} does not exist",
                where=repository,
                remedy="see `repository` of the environment in ci/delivery.toml; the "
                "infrastructure's stack makes it, shipway never does",
            ) from cause
        raise


def _tagged(repository: EcrRepository, digest: Digest, tag: str) -> None:
    """Tag an image that must be found by it later.

    Raises:
        PublishError: It has as many tags as ECR allows.
    """
    if repository.tag(digest, tag) is None:
        raise PublishError(
            f"image {digest} has as many tags as ECR allows, so it cannot be found by {tag}",
            where=repository.uri,
            remedy="take old commits' tags from it (aws ecr batch-delete-image with imageTag; the "
            "image stays as long as it has one), or give its digest with --image; nothing was "
            "changed",
        )


def origin_of(session: Session, origin: Origin) -> EcrRepository:
    """The repository that promoted images come from, asked in its own region.

    Its URI is known and never asked for.
    """
    there = session.elsewhere(origin.region)
    return EcrRepository(there, origin.repository, origin.account, uri=origin.uri)
