from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipway.errors import BuildError, DigestError
from shipway.image import build as building
from shipway.image.build import BuildRequest, BuiltImage, Stop
from shipway.image.content_key import ContentKey
from shipway.image.publish import (
    PublishedImage,
    Pushed,
    StoredImage,
    publish,
    remember,
    reuse,
    standing,
)
from shipway.observer import Event, Output
from shipway.values import Commit, Digest, ImageReference

if TYPE_CHECKING:
    from tests.conftest import MakeLayout

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
COMMIT = Commit(
    sha=SHA,
    time=datetime(2026, 11, 22, 23, 40, 58, tzinfo=UTC),
    clean=True,
    subject="Sell more",
    remote="https://github.com/octo/shop",
)
ONE, TWO, THREE = (Digest(f"sha256:{digit * 64}") for digit in "123")
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop"


@dataclass
class Buildkit:
    """Writes a made-up layout and says what it is told to say."""

    make: Callable[[Path], Digest]
    lines: tuple[str, ...] = ()

    def build(
        self,
        request: BuildRequest,
        tell: Callable[[str], None],
        stop: Stop | None = None,  # noqa: ARG002  # the port has it
    ) -> Digest:
        for line in self.lines:
            tell(line)
        return self.make(request.destination)

    def resolve(self, reference: str, builder: str, logins: Mapping[str, str]) -> str:
        raise AssertionError(reference, builder, logins)


def request(folder: Path) -> BuildRequest:
    return BuildRequest(
        context=folder,
        dockerfile=folder / "Dockerfile",
        platforms=("linux/amd64",),
        destination=folder / "out",
        epoch=0,
    )


LINES = (
    "#1 [internal] load build definition from Dockerfile",
    "#1 DONE 0.0s",
    "#5 [base 1/2] FROM docker.io/library/python:3.13-slim@sha256:1234",
    "#5 CACHED",
    "#6 [base 2/2] RUN pip install",
    "#6 CACHED",
    "#7 [linux/arm64 stage-1 1/2] COPY . /app",
    "#7 DONE 0.2s",
    "#8 [2/2] RUN echo '#9 CACHED'",
    "#8 0.123 #6 CACHED",
    "#8 DONE 0.2s",
    "#9 [internal] load build context",
    "#9 CACHED",
    "#10 exporting to oci image format",
)


def test_steps_of_the_dockerfile_are_counted_and_those_from_the_cache(
    tmp_path: Path, make_layout: MakeLayout
) -> None:
    told: list[Event] = []
    builder = Buildkit(lambda folder: make_layout(folder).root, LINES)
    built = building.build(builder, request(tmp_path), COMMIT, told.append)
    assert built.steps == (4, 2)
    assert told == [Output(stage="build", line=line) for line in LINES]


def test_what_was_built_is_what_lies_on_the_disk(tmp_path: Path, make_layout: MakeLayout) -> None:
    builder = Buildkit(lambda folder: make_layout(folder).root)
    built = building.build(builder, request(tmp_path), COMMIT, lambda _: None)
    made = make_layout(tmp_path / "again")
    assert built == BuiltImage(
        digest=made.root,
        platforms=made.platforms,
        folder=tmp_path / "out",
        tag=SHA,
        steps=(0, 0),
        size=built.size,
    )
    assert built.size > 0


def test_another_digest_than_buildkit_says(tmp_path: Path, make_layout: MakeLayout) -> None:
    def lie(folder: Path) -> Digest:
        make_layout(folder)
        return ONE

    with pytest.raises(BuildError) as caught:
        building.build(Buildkit(lie), request(tmp_path), COMMIT, lambda _: None)
    exported = make_layout(tmp_path / "again").root
    assert caught.value.what == f"BuildKit said it made {ONE} but exported {exported}"
    assert caught.value.where == str(tmp_path / "out")
    assert caught.value.remedy == (
        "see that no other build writes to the same folder, then build again"
    )


def test_labels_say_what_where_from_and_when() -> None:
    assert building.labels("shop", COMMIT) == {
        "org.opencontainers.image.title": "shop",
        "org.opencontainers.image.created": "2026-11-22T23:40:58Z",
        "org.opencontainers.image.revision": SHA,
        "org.opencontainers.image.source": "https://github.com/octo/shop",
        "org.opencontainers.image.version": "3f9c2ab",
    }


def test_a_repository_without_a_remote_has_no_source() -> None:
    assert "org.opencontainers.image.source" not in building.labels(
        "shop", replace(COMMIT, remote="")
    )


def test_the_tag_is_the_commit() -> None:
    assert building.tag_of(COMMIT, (("linux/amd64", ONE),)) == SHA


def test_the_tag_of_a_dirty_tree_is_its_content_whatever_the_order() -> None:
    dirty = replace(COMMIT, clean=False)
    tag = f"{SHA}-dirty-111111111111"
    assert building.tag_of(dirty, (("linux/amd64", ONE), ("linux/arm64", TWO))) == tag
    assert building.tag_of(dirty, (("linux/arm64", TWO), ("linux/amd64", ONE))) == tag
    assert building.tag_of(dirty, (("linux/amd64", TWO),)) == f"{SHA}-dirty-222222222222"


class Ecr:
    """A repository: tags, and what a push does to them."""

    uri = URI

    def __init__(
        self,
        tags: dict[str, StoredImage] | None = None,
        *,
        after: StoredImage | None = None,
        answers: Digest = ONE,
        built_by: str = "",
        full: bool = False,
    ) -> None:
        self.images = tags or {}
        self.after = after
        self.answers = answers
        self.built_by = built_by
        self.full = full
        self.pushes: list[str] = []

    def find(self, reference: str) -> StoredImage | None:
        return self.images.get(reference)

    def platforms(self, digest: Digest) -> frozenset[Digest]:
        found = [image.platforms for image in self.images.values() if image.digest == digest]
        return found[0] if found else frozenset()

    def tag(self, digest: Digest, tag: str) -> Digest | None:
        if self.full:
            found = self.images.get(tag)
            return found.digest if found else None
        image = StoredImage(digest=digest, platforms=frozenset())
        return self.images.setdefault(tag, image).digest

    def labels(self, digest: Digest) -> Mapping[str, str]:
        return {"org.opencontainers.image.revision": self.built_by or f"built {digest}"}

    def tags(self, digest: Digest) -> tuple[str, ...]:
        return tuple(sorted(tag for tag, image in self.images.items() if image.digest == digest))

    def push(self, folder: Path, tag: str) -> Pushed:
        assert folder == Path("/built")
        self.pushes.append(tag)
        if self.after is not None:
            self.images[tag] = self.after
        return Pushed(digest=self.answers, blobs=2, bytes=300)


BUILT = BuiltImage(
    digest=ONE,
    platforms=(("linux/amd64", TWO),),
    folder=Path("/built"),
    tag=SHA,
    steps=(2, 0),
    size=300,
)
STORED = StoredImage(digest=ONE, platforms=frozenset({TWO}))


def test_what_is_lacking_is_pushed_and_proven() -> None:
    ecr = Ecr(after=STORED)
    assert publish(BUILT, ecr) == PublishedImage(
        reference=ImageReference(URI, ONE),
        tag=SHA,
        pushed=Pushed(digest=ONE, blobs=2, bytes=300),
        platforms=frozenset({TWO}),
    )
    assert ecr.pushes == [SHA]


def test_the_same_digest_is_not_pushed_again() -> None:
    ecr = Ecr({SHA: STORED})
    image = publish(BUILT, ecr)
    assert (image.pushed, ecr.pushes) == (None, [])
    assert image.reference == ImageReference(URI, ONE)


def test_another_index_of_the_same_platforms_is_the_image_that_is_there() -> None:
    ecr = Ecr({SHA: StoredImage(digest=THREE, platforms=frozenset({TWO}))})
    image = publish(BUILT, ecr)
    assert ecr.pushes == []
    assert image.reference == ImageReference(URI, THREE), "what is there is what is rolled out"


@pytest.mark.parametrize("platforms", [{THREE}, {TWO, THREE}, set()])
def test_a_tag_with_other_content_is_never_overwritten(platforms: set[Digest]) -> None:
    ecr = Ecr({SHA: StoredImage(digest=THREE, platforms=frozenset(platforms))})
    with pytest.raises(DigestError) as caught:
        publish(BUILT, ecr)
    assert ecr.pushes == []
    assert caught.value.what == f"tag {SHA} is already in the repository with other content"
    assert caught.value.details == (f"there:  {THREE}", f"built:  {ONE}")
    assert caught.value.remedy == (
        "nothing was overwritten; find out which build is wrong (a base image that moved, "
        "a Dockerfile that is not reproducible), then deliver the one that is there with --image, "
        "or make a new commit"
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (StoredImage(digest=THREE, platforms=frozenset({TWO})), str(THREE)),
        (None, "nothing"),
    ],
)
def test_a_tag_that_answers_otherwise_after_the_push(after: StoredImage | None, said: str) -> None:
    with pytest.raises(DigestError) as caught:
        publish(BUILT, Ecr(after=after))
    assert caught.value.what == f"built {ONE}, but tag {SHA} answers {said} after the push"
    assert caught.value.where == URI
    assert caught.value.remedy == "somebody else may push to this tag; nothing was rolled out"


def test_a_registry_that_took_another_digest() -> None:
    with pytest.raises(DigestError) as caught:
        publish(BUILT, Ecr(after=STORED, answers=THREE))
    assert caught.value.what == f"built {ONE}, but the registry took it as {THREE}"
    assert caught.value.remedy == (
        "nothing was rolled out; a proxy between here and the registry may rewrite manifests"
    )


KEY = ContentKey("ab" * 32)


def test_trouble_of_the_cache_is_kept_and_fails_nothing(
    tmp_path: Path, make_layout: MakeLayout
) -> None:
    lines = (
        "#4 importing cache manifest from registry/cache:main",
        "#4 ERROR: registry/cache:main: not found",
        "#9 [1/1] RUN x",
        "#9 ERROR: not the cache's",
        "#12 exporting cache to registry",
        "#12 ERROR: denied",
    )
    builder = Buildkit(lambda folder: make_layout(folder).root, lines)
    built = building.build(builder, request(tmp_path), COMMIT, lambda _event: None)
    assert built.cache_troubles == ("registry/cache:main: not found", "denied")


def test_an_image_of_the_same_source_gets_the_commits_tag() -> None:
    there = StoredImage(digest=ONE, platforms=frozenset({TWO}))
    repository = Ecr({KEY.tag: there})
    found = reuse(repository, KEY, COMMIT)
    assert found is not None
    assert found.reference == ImageReference(URI, ONE)
    assert found.built_by == f"built {ONE}"
    assert found.tag == SHA
    assert repository.images[SHA].digest == ONE
    assert repository.pushes == []


def test_no_image_of_the_same_source() -> None:
    assert reuse(Ecr(), KEY, COMMIT) is None


def test_a_clean_commit_never_takes_what_a_work_tree_left() -> None:
    there = StoredImage(digest=ONE, platforms=frozenset({TWO}))
    left = {f"{KEY.tag}-dirty": there}
    assert reuse(Ecr(left), KEY, COMMIT) is None
    found = reuse(Ecr(left), KEY, replace(COMMIT, clean=False))
    assert found is not None
    assert found.tag == f"{KEY.tag}-dirty"


def test_the_commits_tag_that_stands_for_another_image_stays() -> None:
    same = StoredImage(digest=ONE, platforms=frozenset({TWO}))
    other = StoredImage(digest=THREE, platforms=frozenset({THREE}))
    repository = Ecr({KEY.tag: same, SHA: other})
    with pytest.raises(DigestError) as caught:
        reuse(repository, KEY, COMMIT)
    assert "nothing was overwritten" in caught.value.remedy
    assert repository.images[SHA] == other


def test_a_build_is_remembered_by_its_source_and_the_first_one_stays() -> None:
    repository = Ecr()
    for digest in (ONE, TWO):
        image = PublishedImage(
            reference=ImageReference(URI, digest), tag="", pushed=None, platforms=frozenset()
        )
        remember(repository, image, KEY, COMMIT)
    assert {name: one.digest for name, one in repository.images.items()} == {KEY.tag: ONE}


OTHER = StoredImage(digest=THREE, platforms=frozenset({THREE}), named=(("linux/amd64", THREE),))
"""What another build of the same commit gave."""


@pytest.mark.parametrize(
    "more", [{}, {KEY.tag: OTHER}], ids=["killed before the key's tag", "published whole"]
)
@pytest.mark.parametrize("content", [KEY, None])
def test_a_commit_that_was_published_before_is_taken(
    more: dict[str, StoredImage], content: ContentKey | None
) -> None:
    repository = Ecr({SHA: OTHER, **more}, built_by=SHA)
    taken = standing(BUILT, repository, COMMIT, content)
    assert taken is not None
    assert taken.reference == ImageReference(URI, THREE)
    assert (taken.tag, taken.pushed, taken.platforms) == (SHA, None, frozenset({THREE}))
    assert repository.pushes == []


@pytest.mark.parametrize(
    ("repository", "commit"),
    [
        (Ecr(built_by=SHA), COMMIT),  # nothing is there
        (Ecr({SHA: STORED}, built_by=SHA), COMMIT),  # it is what was built: publish() sees to it
        (Ecr({SHA: OTHER}), COMMIT),  # somebody else's image
        (Ecr({SHA: OTHER, "src-0": OTHER}, built_by=SHA), COMMIT),  # its bases were others
        (Ecr({SHA: replace(OTHER, named=(("linux/arm64", THREE),))}, built_by=SHA), COMMIT),
        (Ecr({SHA: OTHER}, built_by=SHA), replace(COMMIT, clean=False)),
    ],
)
def test_nothing_else_is_taken_for_the_commits_image(repository: Ecr, commit: Commit) -> None:
    assert standing(BUILT, repository, commit, KEY) is None


def test_a_base_that_moved_under_a_published_commit_is_never_silent() -> None:
    repository = Ecr({SHA: OTHER, "src-0": OTHER}, built_by=SHA)
    assert standing(BUILT, repository, COMMIT, KEY) is None
    with pytest.raises(DigestError):
        publish(BUILT, repository)


def test_the_commits_own_image_goes_before_another_build_of_its_source() -> None:
    """This one was killed before the key's tag, and somebody else's build got it."""
    repository = Ecr({SHA: OTHER, KEY.tag: STORED}, built_by=SHA)
    taken = reuse(repository, KEY, COMMIT)
    assert taken is not None
    assert (taken.reference.digest, taken.tag, taken.built_by) == (THREE, SHA, "")
    assert repository.images[KEY.tag] == STORED


def test_an_image_with_all_its_tags_goes_on_by_its_digest() -> None:
    repository = Ecr({KEY.tag: STORED}, full=True)
    taken = reuse(repository, KEY, COMMIT)
    assert taken is not None
    assert (taken.reference.digest, taken.tag) == (ONE, KEY.tag)
    image = PublishedImage(
        reference=ImageReference(URI, THREE), tag=SHA, pushed=None, platforms=frozenset()
    )
    remember(repository, image, KEY, COMMIT)
    assert list(repository.images) == [KEY.tag]
