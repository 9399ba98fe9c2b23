from __future__ import annotations

import errno
from pathlib import Path

import pytest

from shipway.errors import SandboxError
from shipway.util.disk import writing


def test_what_the_disk_refuses_is_told_with_its_place() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/cache/x")
    with (
        pytest.raises(SandboxError) as caught,
        writing("the state", Path("/cache"), SandboxError, needs="about 1 GB"),
    ):
        raise full
    error = caught.value
    assert error.what == "the state cannot be written: No space left on device"
    assert (error.where, error.remedy) == (
        "/cache/x",
        "make room there (about 1 GB), then start it again",
    )


def test_without_a_file_the_folder_is_the_place() -> None:
    with (
        pytest.raises(SandboxError) as caught,
        writing("the state", Path("/cache"), SandboxError, needs="1 GB"),
    ):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    assert caught.value.where == "/cache"


def test_a_right_that_is_lacking_names_its_owner_as_the_one_to_ask() -> None:
    with (
        pytest.raises(SandboxError) as caught,
        writing("the state", Path("/cache"), SandboxError, needs="1 GB"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/cache/x")
    assert "who owns it" in caught.value.remedy


@pytest.mark.parametrize(
    "error", [OSError(errno.ECONNREFUSED, "refused"), PermissionError(errno.EPERM, "no socket")]
)
def test_what_is_not_the_disks_goes_through(error: OSError) -> None:
    with (
        pytest.raises(OSError, match=str(error.strerror)),
        writing("the state", Path("/cache"), SandboxError, needs="1 GB"),
    ):
        raise error
