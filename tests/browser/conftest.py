"""Chromium, spoken to over a pipe of its DevTools protocol: no driver, no port, no network."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from select import select
from typing import Any, Self

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
INSTALL_SECONDS = 180
ANSWER_SECONDS = 30.0


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Chromium's path: the machine's own, or Debian's package where we may install it."""
    # apt refuses a second one of itself, and the files of this folder begin in two workers at once.
    with (tmp_path_factory.getbasetemp().parent / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = shutil.which("chromium") or shutil.which("google-chrome")
        if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
            _install()
            found = shutil.which("chromium")
    assert found, "install Chromium: apt-get install chromium"
    return found


def _install() -> None:
    words = ("apt-get", "-qq", "-y", "--no-install-recommends")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ((*words, "update"), (*words, "install", "chromium")):
        subprocess.run(
            command, check=True, timeout=INSTALL_SECONDS, env=quiet, stdout=subprocess.DEVNULL
        )


class Browser:
    """One headless Chromium with one page; ended, with all its children, when it is left."""

    def __init__(self, path: str, profile: Path) -> None:
        self._heard: list[dict[str, Any]] = []
        self._left = b""
        self._number = 0
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        command = [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        script = f'exec 3<&{read} 4>&{write}; exec "$@"'  # the protocol is spoken on 3 and 4
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, "chromium", *command],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(read)
        os.close(write)
        self._session = ""

    def __enter__(self) -> Self:
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.ask(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; events are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        limit = time.monotonic() + ANSWER_SECONDS
        while True:
            for answer in self._hear(limit):
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return dict(answer["result"])
                self._heard.append(answer)

    def _hear(self, limit: float) -> list[dict[str, Any]]:
        ready, _, _ = select([self._read], [], [], max(limit - time.monotonic(), 0))
        assert ready, "Chromium does not answer"
        data = os.read(self._read, 1 << 20)
        assert data, "Chromium ended"
        *whole, self._left = (self._left + data).split(b"\0")
        return [json.loads(part) for part in whole]

    def events(self, method: str) -> list[dict[str, Any]]:
        """What it told of its own accord."""
        return [one["params"] for one in self._heard if one.get("method") == method]

    def size(self, width: int, height: int = 900) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, name: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": name}
        self.ask("Emulation.setEmulatedMedia", features=[feature])

    def open(self, path: Path) -> None:
        self._heard.clear()
        self.ask("Page.navigate", url=path.as_uri())
        limit = time.monotonic() + ANSWER_SECONDS
        while self.run("`${location.href} ${document.readyState}`") != f"{path.as_uri()} complete":
            assert time.monotonic() < limit, "the page does not load"
            time.sleep(0.02)

    def run(self, expression: str) -> Any:
        """What JavaScript makes of an expression, asked from outside the page's policy."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def light(self, selector: str, name: str) -> float:
        """How light a colour is, from 0 to 1 (WCAG 2, relative luminance)."""
        style = f"getComputedStyle(document.querySelector('{selector}')).{name}"
        numbers = [int(part) / 255 for part in self.run(f"{style}.match(/\\d+/g)")[:3]]
        linear = [n / 12.92 if n <= 0.04045 else ((n + 0.055) / 1.055) ** 2.4 for n in numbers]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def asked_only(self, page: Path) -> None:
        """The page came, nothing else was asked for, and no policy was broken."""
        asked = {one["request"]["url"] for one in self.events("Network.requestWillBeSent")}
        assert {url for url in asked if not url.startswith("data:")} == {page.as_uri()}
        assert self.events("Log.entryAdded") == []
        assert self.events("Runtime.exceptionThrown") == []

    def picture(self, path: Path) -> bytes:
        answer = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        content = base64.b64decode(answer["data"])
        path.write_bytes(content)
        return content


@pytest.fixture(scope="session")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(chromium, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def shown(browser: Browser, page: Path) -> Iterator[Browser]:
    """The browser with a module's own ``page`` open, wide and light."""
    browser.size(1200)
    browser.scheme("light")
    browser.open(page)
    yield browser
    browser.ask("Emulation.setScriptExecutionDisabled", value=False)
