"""A small repository from which a person may deliver to one service, for real processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[3]
INV: Final = str(Path(sys.executable).with_name("inv"))
# A name of its own for each service: deliveries to one environment keep out of each other's way.
_DELIVERY: Final = """
schema = 1
name = "{service}"
[image]
context = "."
dockerfile = "Dockerfile"
platforms = ["linux/amd64"]
[environments.sandbox]
account = "{account}"
region = "{region}"
repository = "tests"
cluster = "tests"
[environments.sandbox.services.web]
service = "{service}"
container = "web"
{more}
"""
_RELEASE: Final = """
schema = 1
[[allow]]
name = "by-hand"
event = "by-hand"
environments = ["sandbox"]
tasks = ["build", "publish", "deploy", "verify"]
[environments.sandbox]
by_hand_role = "*"
"""


def git(folder: Path, *words: str) -> None:
    """Run git there as somebody."""
    author = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid")
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


def plant(shop: Any, more: str = "") -> Path:
    """Make the repository; ``more`` stands at the end of its delivery.toml."""
    folder: Path = shop.grounds.folder / shop.name
    (folder / "ci").mkdir(parents=True)
    for name in ("tasks.py", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "ci/release.toml").write_text(_RELEASE)
    configure(shop, folder, more)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


def configure(shop: Any, folder: Path, more: str) -> None:
    """Write its delivery.toml."""
    region = shop.grounds.state["region"]
    text = _DELIVERY.format(
        account=shop.grounds.account, region=region, service=shop.name, more=more
    )
    (folder / "ci/delivery.toml").write_text(text)
