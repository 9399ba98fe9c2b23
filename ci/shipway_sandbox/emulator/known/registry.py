"""What the embedded ECR and its registry do otherwise than AWS's, corrected."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, SHAPES, KnownDifference

DIFFERENCES: Final = (
    KnownDifference(
        name="ecr.image-calls",
        aws="PutImage checks digest, tag and layers, DescribeImages names an unknown image, "
        "BatchCheckLayerAvailability knows the layers",
        page="ECR API Reference",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html",
        ministack="does not",
        test=API,
        replaces=(
            "ecr._batch_check_layer_availability",
            "ecr._batch_get_image",
            "ecr._describe_images",
            "ecr._list_images",
            "ecr._put_image",
            "ecr._v2_put_manifest",
        ),
    ),
    KnownDifference(
        name="ecr.local-host",
        aws="docker can push to the repositoryUri of every answer, so that its host, the one "
        "difference to AWS that is wanted, is this machine's",
        page="Pushing a Docker image to an Amazon ECR private repository",
        source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html",
        ministack="names Amazon's host, where nothing of ours listens",
        test=API,
        replaces=("ecr._repo_uri",),
    ),
    KnownDifference(
        name="ecr.refuses-incomplete-manifests",
        aws="a manifest whose layers are missing is refused",
        page="ECR PutImage, LayersNotFound",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html",
        ministack="takes it and every pull fails later",
        test=API,
    ),
    KnownDifference(
        name="ecr.registry-account",
        aws="a repository belongs to the account that made it",
        page="Amazon ECR private registry",
        source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html",
        ministack="looks in one account only",
        test=API,
        replaces=("ecr._select_registry_request_scope",),
    ),
    KnownDifference(
        name="ecr.registry-checks-token",
        aws="the registry takes only a password from GetAuthorizationToken, for 12 hours, and what "
        "its principal may do",
        page="Private registry authentication in Amazon ECR",
        source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html",
        ministack="takes any",
        test=API,
    ),
    KnownDifference(
        name="ecr.repositories-come-in-pages",
        aws="DescribeRepositories gives as many as were asked for, and a token for the rest",
        page="ECR API Reference, DescribeRepositories",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/"
        "API_DescribeRepositories.html",
        ministack="cuts the list and says nothing",
        test=SHAPES + "test_without_the_correction_lists_have_no_pages",
        replaces=("ecr._describe_repositories",),
        needs=("aws.lists-come-in-pages",),
    ),
    KnownDifference(
        name="ecr.scan-calls",
        aws="DescribeImageScanFindings, StartImageScan and ListImageReferrers exist",
        page="ECR API Reference",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/"
        "API_DescribeImageScanFindings.html",
        ministack="answers that the action is unknown",
        test=API,
        replaces=("ecr.handle_request",),
    ),
    KnownDifference(
        name="ecr.shares-across-accounts",
        aws="registryId names another account's registry, and its repository policy says who may "
        "read there",
        page="Amazon ECR User Guide, Private repository policies",
        source="https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html",
        ministack="looks in the caller's account only",
        test=API,
    ),
    KnownDifference(
        name="ecr.token-of-principal",
        aws="the password is the caller's own and lasts 12 hours",
        page="GetAuthorizationToken",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/"
        "API_GetAuthorizationToken.html",
        ministack="gives everyone the same",
        test=API,
        replaces=("ecr._get_authorization_token",),
    ),
)
