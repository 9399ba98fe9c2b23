"""What a running build is given, and what ends it: a child stands for buildx."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shipway.adapters.building import BuildWatchdog, children, given_secrets, private_file
from shipway.errors import BuildError
from shipway.image.build import BuildRequest, SecretMount

LINUX = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="there is no /proc")
SECONDS = 30


def request(timeout: int = 0) -> BuildRequest:
    here = Path("/repo")
    return BuildRequest(
        context=here,
        dockerfile=here / "Dockerfile",
        platforms=(),
        destination=here / "out",
        epoch=0,
        timeout=timeout,
    )


def test_no_value_is_among_the_words_and_none_stays(tmp_path: Path) -> None:
    secrets = (
        SecretMount(id="npm", variable="NPM_PASS"),
        SecretMount(id="key", file=tmp_path / "key"),
        SecretMount(id="licence", value=b"canary-of-aws"),
        SecretMount(id="other", value=b"canary-two"),
    )
    with given_secrets(secrets) as words:
        assert words[:2] == ["id=npm,env=NPM_PASS", f"id=key,src={tmp_path / 'key'}"]
        assert "canary" not in str(words)
        files = [Path(word.partition("src=")[2]) for word in words[2:]]
        assert [file.read_bytes() for file in files] == [b"canary-of-aws", b"canary-two"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(files[0].parent.stat().st_mode) & 0o077 == 0
    assert not any(file.exists() for file in files)


KILLED = """
import sys, time
from pathlib import Path
from shipway.adapters.building import given_secrets
from shipway.adapters.docker import Buildx
from shipway.image.build import SecretMount
secret = SecretMount(id="licence", value=b"canary-of-aws")
docker = Buildx(config=Path(sys.argv[1]))
logins = {"r.example": "AWS:canary-login"}
with given_secrets((secret,)) as words, docker._signed_in(logins) as client:
    file = Path(words[0].partition("src=")[2])
    config = Path(client.client_config.config) / "config.json"
    assert file.read_bytes() == b"canary-of-aws" and b"auth" in config.read_bytes()
    print(file, config, sep="\\n", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")
def test_nothing_is_left_of_a_secret_where_the_process_is_killed(tmp_path: Path) -> None:
    temporary, own = tmp_path / "tmp", tmp_path / "docker"
    temporary.mkdir()
    own.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(own)],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout is not None
        places = [Path(process.stdout.readline().decode().strip()) for _ in range(2)]
        assert all(place.name for place in places)
        left = [file for file in temporary.rglob("*") if file.is_file() and not file.is_symlink()]
        process.kill()
    assert left == [], "no file on the disk at any time"
    assert not any(place.exists() for place in places)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else"
)
def test_another_user_reads_no_secret() -> None:
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    with private_file(b"canary-of-aws") as file:
        done = subprocess.run([*nobody, "cat", str(file)], capture_output=True, check=False)
    assert done.returncode != 0
    assert b"canary" not in done.stdout


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


@LINUX
def test_a_build_whose_time_is_over_is_ended() -> None:
    watchdog = BuildWatchdog(request(timeout=1), None)
    before = children()
    with watchdog.watching(before):
        assert sleeper().wait(SECONDS) < 0
    with pytest.raises(BuildError, match="took longer than 1 s and was ended") as late:
        watchdog.raise_ended()
    assert "raise `timeout`" in late.value.remedy


@LINUX
def test_a_build_that_nobody_wants_is_ended_and_what_ran_before_goes_on() -> None:
    stop = threading.Event()
    older = sleeper()
    try:
        watchdog = BuildWatchdog(request(), stop)
        with watchdog.watching(children()):
            stop.set()
            assert sleeper().wait(SECONDS) < 0
        assert older.poll() is None
        with pytest.raises(BuildError, match="another image could not be made"):
            watchdog.raise_ended()
    finally:
        older.kill()
        older.wait()


@LINUX
def test_one_that_ends_by_itself_in_time_is_left_alone() -> None:
    watchdog = BuildWatchdog(request(timeout=SECONDS), threading.Event())
    with watchdog.watching(children()):
        done = subprocess.run([sys.executable, "-c", ""], check=True, timeout=SECONDS)
    assert done.returncode == 0
    watchdog.raise_ended()
