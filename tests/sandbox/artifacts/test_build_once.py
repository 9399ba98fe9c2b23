"""Built once, known by its digest everywhere: reproducible, reused, never overwritten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.artifacts.conftest import REGION, STAGING, commit, write_context

from shipway.adapters.docker import Buildx
from shipway.aws.account import AwsAccount
from shipway.cli import audit_registry
from shipway.config.environment import EnvironmentRef
from shipway.errors import DigestError, ImageNotFoundError
from shipway.evidence.canonical_json import canonical
from shipway.image import context as build_context
from shipway.image.build import BuildRequest
from shipway.image.referrers import IN_TOTO, AttachedDocument
from shipway.observer import Finished, Noticed
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.sandbox.artifacts.conftest import Dock, Told

    from shipway_sandbox.engine.engine import Engine

PUBLISH = ("build", "publish")


def words(told: Told) -> str:
    return "\n".join(one.text for one in told.events if isinstance(one, Finished))


def prune(engine: Engine) -> None:
    command = ("docker", "buildx", "prune", "--all", "--force")
    subprocess.run(
        command, check=True, capture_output=True, timeout=60, env={**os.environ, **engine.env}
    )


def test_two_clean_builds_of_one_commit_give_the_same_platform_digest(
    dock: Dock, docker_engine: Engine, busybox_program: bytes
) -> None:
    digests = []
    # A clone's files are younger than their commit: rewrite-timestamp takes later times back to
    # it, and leaves earlier ones (BuildKit, docs/build-repro.md).
    prune(docker_engine)
    for number, age in ((1, 1_900_000_000), (2, 1_950_000_000)):
        clone = write_context(dock.root / f"clone-{number}", busybox_program)
        for file in (*clone.iterdir(), clone):
            os.utime(file, (age, age))
        name = dock.aws.repository(STAGING)
        told = dock.deliver(
            dock.environment(STAGING, name, sbom="off"),
            commit=commit(),
            tasks=PUBLISH,
            folder=clone.name,
            cache=f"cache-{number}",
        )
        assert told.image is not None
        assert told.facts["build"]["reused"] is False
        digests.append((told.image.platforms, told.facts["build"]["contentKey"]))
        prune(docker_engine)
    assert digests[0] == digests[1]
    assert digests[0][1]


def test_a_second_delivery_of_the_same_source_builds_and_pushes_nothing(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    first = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    before = dock.aws.images(name, STAGING)
    again = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert first.image is not None
    assert again.image is not None
    assert again.image.reference == first.image.reference
    assert again.image.pushed is None
    assert again.facts["build"]["reused"]
    assert again.facts["build"]["builtBy"] == commit(1).sha
    assert again.facts["build"]["platforms"] == {
        name: digest.value for name, digest in first.image.named
    }
    assert "nothing built, nothing pushed: the same source was built by this commit" in words(again)
    assert dock.aws.images(name, STAGING) == before


def test_another_commit_of_the_same_source_takes_the_image_and_says_whose_it_is(
    dock: Dock,
) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    first = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    before = dock.aws.images(name, STAGING)
    second = dock.deliver(environment, commit=commit(2), tasks=PUBLISH)
    assert first.image is not None
    assert second.image is not None
    assert second.image.reference == first.image.reference
    assert second.image.built_by == commit(1).sha
    assert second.image.tag == commit(2).sha
    tags = {tag for one in dock.aws.images(name, STAGING) for tag in one.get("imageTags", ())}
    assert {commit(1).sha, commit(2).sha} < tags
    # Nothing was pushed but the tag: the images are those of the first delivery.
    after = dock.aws.images(name, STAGING)
    assert [one["imageDigest"] for one in after] == [one["imageDigest"] for one in before]


def test_any_change_of_the_source_is_built(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    (dock.root / "context" / "page").chmod(0o755)
    told = dock.deliver(environment, commit=commit(2), tasks=PUBLISH)
    assert told.facts["build"]["reused"] is False


@pytest.mark.parametrize("reuse", [False, True], ids=["no key", "killed before the key's tag"])
def test_a_commit_that_was_published_from_another_cache_is_taken(
    dock: Dock, docker_engine: Engine, *, reuse: bool
) -> None:
    name = dock.aws.repository(STAGING)
    dockerfile = dock.root / "context" / "Dockerfile"
    dockerfile.write_text(
        dockerfile.read_text().replace(
            '"touch", "/made"', '"cp", "/proc/sys/kernel/random/uuid", "/made"'
        )
    )
    environment = dock.environment(STAGING, name, sbom="off", image={"reuse": False})
    first = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert first.image is not None
    prune(docker_engine)
    environment = dock.environment(STAGING, name, sbom="off", image={"reuse": reuse})
    again = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert again.image is not None
    assert again.image.reference == first.image.reference
    assert again.image.pushed is None
    told = [one.text for one in again.events if isinstance(one, Noticed)]
    assert any("this commit was published before" in text for text in told)


def test_what_a_work_tree_left_is_never_taken_for_a_commits(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    dirty = commit(1, clean=False)
    dock.deliver(environment, commit=dirty, tasks=PUBLISH)
    assert dock.deliver(environment, commit=dirty, tasks=PUBLISH).facts["build"]["reused"]
    assert not dock.deliver(environment, commit=commit(1), tasks=PUBLISH).facts["build"]["reused"]


def test_reuse_can_be_switched_off(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off", image={"reuse": False})
    for _ in range(2):
        told = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
        assert told.facts["build"]["reused"] is False
        assert told.facts["build"]["contentKey"] == ""
    assert "nothing pushed: it is there" in words(told)


def test_a_tag_that_stands_for_another_digest_is_never_overwritten(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name, sbom="off")
    dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    before = dock.aws.images(name, STAGING)
    (dock.root / "context" / "page").write_text("something else\n")
    with pytest.raises(DigestError) as caught:
        dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert "already in the repository with other content" in caught.value.what
    assert dock.aws.images(name, STAGING) == before


def test_a_manifest_that_is_no_image_is_refused(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    environment = dock.environment(STAGING, name)
    told = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert told.image is not None
    (referrer, *_) = told.facts["papers"]["referrers"]
    reference = replace(told.image.reference, digest=Digest(referrer["digest"]))
    with pytest.raises(ImageNotFoundError) as caught:
        dock.deliver(environment, commit=commit(1), tasks=("deploy", "verify"), asked=reference)
    assert "is no image" in caught.value.what


def test_the_cache_in_a_registry_is_filled_and_used_and_never_fatal(
    dock: Dock, docker_engine: Engine
) -> None:
    cache = dock.aws.repository(STAGING, "MUTABLE")
    where = f"{dock.aws.state['registry']}/{cache}:main"
    name = dock.aws.repository(STAGING)
    image = {"cache": where, "reuse": False}
    environment = dock.environment(STAGING, name, sbom="off", image=image)
    dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert any("main" in one.get("imageTags", ()) for one in dock.aws.images(cache, STAGING))
    prune(docker_engine)
    told = dock.deliver(environment, commit=commit(1), tasks=PUBLISH)
    assert told.facts["build"]["cachedSteps"] >= 2
    nowhere = {"cache": "localhost:9/nowhere:main", "reuse": False}
    broken = dock.environment(STAGING, name, sbom="off", image=nowhere)
    told = dock.deliver(broken, commit=commit(1), tasks=PUBLISH)
    assert told.image is not None
    assert told.facts["build"]["cache"]["troubles"]
    texts = [one.text for one in told.events if isinstance(one, Noticed)]
    assert any(text.startswith("the cache at localhost:9/nowhere:main") for text in texts)


IGNORED = """\
# what no image needs
*.log
docs
!docs/kept.md
**/secret
a/*/c
/rooted
[ab].txt
"""
FILES = (
    "page",
    "x.log",
    "deep/x.log",
    "docs/one.md",
    "docs/kept.md",
    "secret",
    "deep/secret",
    "deep/secrets",
    "a/b/c",
    "a/b/d",
    "a/b/b/c",
    "rooted/file",
    "deep/rooted/file",
    "a.txt",
    "c.txt",
    "empty-named.txt",
)


def test_the_key_sees_the_files_that_buildkit_sees(
    dock: Dock, docker_engine: Engine, tmp_path: Path
) -> None:
    context = dock.root / "context"
    for name in FILES:
        file = context / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (context / "link").symlink_to("page")
    (context / ".dockerignore").write_text(IGNORED)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    out = tmp_path / "out"
    subprocess.run(
        ("docker", "buildx", "build", "--quiet", "--output", f"type=local,dest={out}", context),
        check=True,
        capture_output=True,
        timeout=60,
        env={**os.environ, **docker_engine.env},
    )
    theirs = {str(one.relative_to(out)) for one in out.rglob("*")}
    request = BuildRequest(
        context=context,
        dockerfile=context / "Dockerfile",
        platforms=("linux/amd64",),
        destination=tmp_path,
        epoch=0,
    )
    ours = {one.path for one in build_context.read(request)}
    assert ours == theirs
    shutil.rmtree(out)


@pytest.mark.usefixtures("dock")
def test_a_base_image_stands_for_its_digest(docker_engine: Engine) -> None:
    load = b"FROM scratch\nLABEL made=for-a-test\n"
    subprocess.run(
        ("docker", "buildx", "build", "--quiet", "--load", "--tag", "shipway-test/base:1", "-"),
        input=load,
        check=True,
        capture_output=True,
        timeout=60,
        env={**os.environ, **docker_engine.env},
    )
    try:
        digest = Buildx().resolve("shipway-test/base:1", "default", {})
        assert digest.startswith("sha256:")
        assert Buildx().resolve("shipway-test/absent:1", "default", {}) == ""
        assert Buildx().resolve(f"anything@{digest}", "default", {}) == digest
    finally:
        subprocess.run(
            ("docker", "image", "rm", "shipway-test/base:1"),
            check=True,
            capture_output=True,
            timeout=60,
            env={**os.environ, **docker_engine.env},
        )


def test_the_papers_say_what_is_in_it_and_who_built_it(dock: Dock) -> None:
    name = dock.aws.repository(STAGING)
    told = dock.deliver(dock.environment(STAGING, name), commit=commit(1), tasks=PUBLISH)
    assert told.image is not None
    (platform,) = told.image.platforms
    (sbom,) = told.facts["sbom"]
    assert sbom["digest"] == platform.value
    assert len(sbom["sha256"]) == 64
    (provenance,) = told.facts["provenance"]
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    listed = dock.aws.client("ecr", STAGING).list_image_referrers(
        repositoryName=name, subjectId={"imageDigest": told.image.reference.digest.value}
    )["referrers"]
    assert {one["artifactType"] for one in listed} == {
        "application/vnd.cyclonedx+json",
        "application/vnd.in-toto+json",
    }
    assert {one["digest"] for one in listed} == {sbom["referrer"], provenance["referrer"]}
    place = EnvironmentRef(name="staging", account=STAGING, region=REGION)
    store = AwsAccount(REGION).repository_at(place, name)
    assert store.newest(9) == (told.image.reference.digest,)
    record = canonical({"predicate": {"verdict": {"kind": "succeeded"}}})
    notes = {"dev.shipway.record": "staging/x/record.json"}
    document = AttachedDocument(artifact_type=IN_TOTO, content=record, annotations=notes)
    store.attach(told.image.reference.digest, (document,))
    beside = audit_registry.read(store, store.uri)
    assert beside.records == {"staging/x/record.json": record}
    assert beside.statements["staging/x/record.json"].predicate.verdict.kind == "succeeded"
    again = dock.deliver(dock.environment(STAGING, name), commit=commit(1), tasks=PUBLISH)
    assert len(again.facts["papers"]["referrers"]) == 3
    kept = json.loads((dock.root / "cache/sbom" / f"{platform.value[7:]}.cdx.json").read_text())
    assert kept["bomFormat"] == "CycloneDX"
