"""Stand-in for aws-actions/configure-aws-credentials: a token, a role, three variables.

"OpenID Connect reference" (GitHub Docs) and "AssumeRoleWithWebIdentity" (STS API Reference).
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_SECONDS = 20


def _asked(request: urllib.request.Request | str) -> bytes:
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # loopback
        return bytes(answer.read())


def main() -> None:
    """Sign in, or end with what was refused."""
    env = os.environ
    sys.stdout.write("stand-in for aws-actions/configure-aws-credentials\n")
    role, account = env["ROLE"], env["ROLE"].split(":")[4]
    if account not in env["ACCOUNTS"].split(","):
        sys.exit(f"account {account} is not among the allowed: {env['ACCOUNTS']}")
    ask = urllib.request.Request(  # noqa: S310  # the sandbox's own address
        f"{env['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=sts.amazonaws.com",
        headers={"Authorization": f"bearer {env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
    )
    token = json.loads(_asked(ask))["value"]
    query = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": "GitHubActions",
        "WebIdentityToken": token,
        "DurationSeconds": env["SECONDS_OF_SESSION"],
    }
    try:
        answer = _asked(
            urllib.request.Request(  # noqa: S310  # the same
                env["AWS_ENDPOINT_URL"], data=urllib.parse.urlencode(query).encode()
            )
        )
    except urllib.error.HTTPError as error:
        sys.exit(f"could not assume {role}: {error.read(500).decode()}")
    found = ET.fromstring(answer).find(f".//{_STS}Credentials")  # noqa: S314  # the sandbox's answer
    values = {one.tag.removeprefix(_STS): one.text or "" for one in found or ()}
    names = {
        "AWS_ACCESS_KEY_ID": values["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": values["SecretAccessKey"],
        "AWS_SESSION_TOKEN": values["SessionToken"],
        "AWS_REGION": env["REGION"],
        "AWS_DEFAULT_REGION": env["REGION"],
    }
    for secret in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        sys.stdout.write(f"::add-mask::{names[secret]}\n")
    with Path(env["GITHUB_ENV"]).open("a", encoding="utf-8") as variables:
        variables.writelines(f"{name}={value}\n" for name, value in names.items())


main()
