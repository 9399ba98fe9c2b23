from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipway.errors import BuildError
from shipway.image import layout
from shipway.values import Digest

if TYPE_CHECKING:
    from tests.conftest import MakeLayout

REMEDY = "delete that folder and build again; see that the disk is not full"


def broken(folder: Path) -> str:
    """What reading says, without the words that are the same every time."""
    with pytest.raises(BuildError) as caught:
        layout.read(folder)
    assert caught.value.where == str(folder)
    assert caught.value.remedy == REMEDY
    start = "the image that BuildKit exported is not whole: "
    assert caught.value.what.startswith(start)
    return caught.value.what.removeprefix(start)


def test_an_index_with_attestations_is_read_whole(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path, platforms=("linux/amd64", "linux/arm64/v8"))
    image = layout.read(tmp_path)
    assert image.root.digest == built.root
    assert image.root.media_type == "application/vnd.oci.image.index.v1+json"
    assert image.platforms == built.platforms
    assert [name for name, _ in image.platforms] == ["linux/amd64", "linux/arm64/v8"]
    # Two platforms and two attestations; both attestations are one and the same manifest here.
    assert len(image.children) == 4
    digests = [blob.digest for blob in image.blobs]
    assert len(digests) == len(set(digests)), "a blob that two manifests share is sent once"
    assert image.size == sum(blob.path.stat().st_size for blob in image.blobs)


def test_the_bytes_of_a_manifest_are_those_its_digest_is_of(
    tmp_path: Path, make_layout: MakeLayout
) -> None:
    built = make_layout(tmp_path)
    assert layout.read(tmp_path).root.content == built.blob(built.root).read_bytes()


def test_a_lone_manifest_is_its_own_platform(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path, single=True)
    image = layout.read(tmp_path)
    assert image.children == ()
    assert image.platforms == (("", built.root),)
    assert len(image.blobs) == 2, "its configuration and its layer"


def test_a_missing_layer(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path)
    built.blob(built.layers[0]).unlink()
    assert broken(tmp_path) == f"blob {built.layers[0]} is missing or cut off"


def test_a_layer_that_was_cut_off(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path, content=b"a whole layer")
    built.blob(built.layers[0]).write_bytes(b"a who")
    assert broken(tmp_path) == f"blob {built.layers[0]} is missing or cut off"


def test_a_missing_manifest(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path)
    built.blob(built.platforms[0][1]).unlink()
    assert broken(tmp_path) == f"manifest {built.platforms[0][1]} is missing"


@pytest.mark.parametrize("which", ["root", "child"])
def test_a_manifest_with_other_content(tmp_path: Path, make_layout: MakeLayout, which: str) -> None:
    built = make_layout(tmp_path)
    digest = built.root if which == "root" else built.platforms[0][1]
    built.blob(digest).write_bytes(b"{}")
    assert broken(tmp_path) == f"manifest {digest} has other content than its digest says"


def test_a_folder_that_is_empty(tmp_path: Path) -> None:
    assert broken(tmp_path) == (
        f"index.json cannot be read: [Errno 2] No such file or directory: "
        f"'{tmp_path / 'index.json'}'"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "index.json cannot be read: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "index.json cannot be read: list indices must be integers or slices, not str"),
        ("{}", "index.json cannot be read: 'manifests'"),
        ('{"manifests": []}', "index.json names 0 images where one is expected"),
        (
            '{"manifests": [1]}',
            "it cannot be read: TypeError(\"'int' object is not subscriptable\")",
        ),
        (
            '{"manifests": [{"digest": "sha256:short"}]}',
            "it cannot be read: UsageError(\"'sha256:short' is not a digest\")",
        ),
    ],
)
def test_an_index_json_that_is_no_index(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "index.json").write_text(text)
    assert broken(tmp_path) == complaint


def test_two_images_in_one_layout(tmp_path: Path, make_layout: MakeLayout) -> None:
    make_layout(tmp_path)
    file = tmp_path / "index.json"
    document = json.loads(file.read_text())
    document["manifests"] *= 2
    file.write_text(json.dumps(document))
    assert broken(tmp_path) == "index.json names 2 images where one is expected"


def test_something_else_than_an_image(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path)
    file = tmp_path / "index.json"
    file.write_text(file.read_text().replace("image.index.v1+json", "artifact.v1+json"))
    assert broken(tmp_path) == (
        f"{built.root} is a application/vnd.oci.artifact.v1+json, not an image"
    )


def test_an_index_of_nothing_but_attestations(tmp_path: Path, make_layout: MakeLayout) -> None:
    built = make_layout(tmp_path, platforms=())
    assert broken(tmp_path) == f"index {built.root} holds no image"


def test_platforms_leave_attestations_out() -> None:
    digest = f"sha256:{'a' * 64}"
    entries = [
        {"digest": digest, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        {"digest": digest, "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": digest, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ]
    index = json.dumps({"manifests": entries}).encode()
    assert list(layout.platforms_of(index)) == [("linux/arm/v7", Digest(digest))]
