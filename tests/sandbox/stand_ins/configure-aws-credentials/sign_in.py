"""Stand-in for aws-actions/configure-aws-credentials 6.2.3: a token, a role, variables, outputs.

What it does in which order, and what it says, is what the action was seen to do: region first, a
token, the role in as many attempts as were asked for, the variables, then the caller's identity,
whose account must be among the allowed. "OpenID Connect reference" (GitHub Docs),
"AssumeRoleWithWebIdentity" and "GetCallerIdentity" (STS API Reference).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_SECONDS = 20
_BASE_SECONDS = 0.05
Answer = TypeVar("Answer")


class ActionError(Exception):
    """The action fails, and says so."""


def given(name: str) -> str:
    """An input, as a JavaScript action gets it or as a composite one hands it on."""
    of_runner = f"INPUT_{name.upper()}"
    return os.environ.get(of_runner) or os.environ.get(name.upper().replace("-", "_"), "")


def say(text: str) -> None:
    """A line of the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def append(file: str, values: Mapping[str, str]) -> None:
    """Hand values on through a file of the runner's: ``GITHUB_ENV`` or ``GITHUB_OUTPUT``."""
    with Path(os.environ[file]).open("a", encoding="utf-8") as lines:
        lines.writelines(f"{name}={value}\n" for name, value in values.items())


def retried(work: Callable[[], Answer], label: str) -> Answer:
    """Do something in as many attempts as were asked for, 50 ms and more between them."""
    most = max(1, int(given("retry-max-attempts") or 12))
    for attempt in range(1, most + 1):
        try:
            return work()
        except ActionError as error:
            pause = random.random() * 2 ** (attempt - 1) * _BASE_SECONDS  # noqa: S311  # no secret
            say(
                f"Retry {label}: attempt {attempt} of {most} failed: {error}. "
                f"Retrying after {int(pause * 1000)}ms."
            )
            time.sleep(pause)
            if attempt == most:
                say(f"Retry {label}: reached max retries ({most}); giving up.")
                raise
    raise AssertionError


def read(request: urllib.request.Request) -> bytes:
    """An answer; one that is an error has STS's own message.

    Raises:
        ActionError: It is an error.
    """
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # loopback
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        told = error.read().decode(errors="replace")
        try:
            message = ET.fromstring(told).findtext(f".//{_STS}Message")  # noqa: S314  # STS's
        except ET.ParseError:
            message = None
        raise ActionError(message or told or str(error)) from error
    except OSError as error:
        raise ActionError(str(error)) from error


def token() -> str:
    """The job's token for STS."""
    request = urllib.request.Request(  # noqa: S310  # the sandbox's own address
        f"{os.environ['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=sts.amazonaws.com",
        headers={"Authorization": f"bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
    )
    return str(json.loads(read(request))["value"])


def assume(web_identity: str) -> ET.Element:
    """Trade the token for a session of the role."""
    say("Assuming role with OIDC")
    query = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": given("role-to-assume"),
        "RoleSessionName": "GitHubActions",
        "WebIdentityToken": web_identity,
        "DurationSeconds": given("role-duration-seconds"),
    }
    body = urllib.parse.urlencode(query).encode()
    try:
        answer = read(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], data=body))  # noqa: S310
    except ActionError as error:
        raise ActionError(f"Could not assume role with OIDC: {error}") from error
    return ET.fromstring(answer)  # noqa: S314  # the sandbox's answer


def identity(keys: Mapping[str, str], region: str) -> ET.Element:
    """Who the session is, as STS says; signed as "Signature Version 4" has it."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{moment[:8]}/{region}/sts/aws4_request"
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "host": urllib.parse.urlsplit(endpoint).netloc,
        "x-amz-date": moment,
        "x-amz-security-token": keys["SessionToken"],
    }
    names = ";".join(headers)
    listed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{listed}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{keys['SecretAccessKey']}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}, "
        f"SignedHeaders={names}, Signature={key.hex()}"
    )
    request = urllib.request.Request(  # noqa: S310  # the sandbox's own address
        endpoint, data=body, headers={**headers, "Authorization": authorization}
    )
    try:
        return ET.fromstring(read(request))  # noqa: S314  # the sandbox's answer
    except ActionError as error:
        raise ActionError(
            f"Credentials could not be loaded, please check your action inputs: {error}"
        ) from error


def main() -> None:
    """Sign in.

    Raises:
        ActionError: Something was refused; what was set until then stays set.
    """
    region = given("aws-region")
    say("stand-in for aws-actions/configure-aws-credentials")
    append("GITHUB_ENV", {"AWS_DEFAULT_REGION": region, "AWS_REGION": region})
    web_identity = retried(token, "getIDToken")
    session = retried(lambda: assume(web_identity), "AssumeRole")
    say(f"Authenticated as assumedRoleId {session.findtext(f'.//{_STS}AssumedRoleId')}")
    found = session.find(f".//{_STS}Credentials")
    keys = {child.tag.removeprefix(_STS): child.text or "" for child in found or ()}
    names = {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
    for secret in names.values():
        say(f"::add-mask::{secret}")
    append("GITHUB_ENV", names)
    caller = retried(lambda: identity(keys, region), "validateCredentials")
    account = caller.findtext(f".//{_STS}Account") or ""
    allowed = [each.strip() for each in given("allowed-account-ids").split(",")]
    if account not in allowed:
        raise ActionError(
            f"The account ID of the provided credentials ({account}) does not match any of the "
            f"expected account IDs: {', '.join(allowed)}"
        )
    arn = caller.findtext(f".//{_STS}Arn") or ""
    append("GITHUB_OUTPUT", {"aws-account-id": account, "authenticated-arn": arn})


try:
    main()
except ActionError as error:
    say(f"::error::{error}")
    sys.exit(1)
