"""Another user of this machine, who tries the sandbox's door; the standard library only.

It is run as a program: ``intruder.py ENDPOINT ACCOUNT REGION STATE-FILE PID``, and prints what each
try was answered with, as JSON: the attempt's name → status and body.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WHO = ("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", FORM)
PRIVILEGED = {
    "family": "intruder",
    "containerDefinitions": [{"name": "x", "image": "x", "privileged": True}],
}


def signed(  # noqa: PLR0917  # a request's parts
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
    host: str,
    region: str,
    service: str,
    key: str,
    secret: str,
) -> dict[str, str]:
    """The headers with a signature of version 4, after AWS's own description of it."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    whole = {**{name.lower(): value for name, value in headers.items()}}
    whole |= {"host": host, "x-amz-date": moment}
    names = ";".join(sorted(whole))
    lines = "".join(f"{name}:{whole[name]}\n" for name in sorted(whole))
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    signing = f"AWS4{secret}".encode()
    for part in (moment[:8], region, service, "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.new(signing, to_sign.encode(), "sha256").hexdigest()
    return whole | {
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    }


def claimed(key: str, service: str, region: str) -> dict[str, str]:
    """A key id and no signature at all, as MiniStack alone would believe it."""
    day = time.strftime("%Y%m%d", time.gmtime())
    scope = f"{key}/{day}/{region}/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    }


def answers(endpoint: str, account: str, region: str) -> dict[str, Any]:
    """Every try and what was said to it."""
    host = urlsplit(endpoint).netloc
    told: dict[str, Any] = {}

    def ask(name: str, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        connection = http.client.HTTPConnection(host, timeout=10)
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.putrequest(method, path, skip_host="host" in {key.lower() for key in given})
        for key, value in given.items():
            connection.putheader(key, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told[name] = {
            "status": answer.status,
            "headers": {key.lower(): value for key, value in answer.getheaders()},
            "body": answer.read().decode(errors="replace")[:400],
        }
        connection.close()

    method, path, body, form = WHO
    ask("nothing signed", method, path, body, **form)
    ask("the buckets, unsigned", "GET", "/")
    for key in ("test", "000000000000", account, "AKIAIOSFODNN7EXAMPLE", "", "shipway-1"):
        ask(f"key {key!r} without a signature", method, path, body,
            **form, **claimed(key, "sts", region))  # fmt: skip
        for secret in ("test", "", account):
            headers = signed(method, path, body, form, host, region, "sts", key, secret)
            ask(f"key {key!r} signed with {secret!r}", method, path, body, **headers)
    ask("a key in the query", "GET",
        f"/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential={account}/20260101/"
        f"{region}/sts/aws4_request")  # fmt: skip
    ask("an old key in the query", "GET", f"/bucket?AWSAccessKeyId={account}&Signature=x&Expires=9")
    ask("an old signature", "GET", "/bucket", Authorization=f"AWS {account}:x")
    ask("a function", "POST", "/2015-03-31/functions", b"{}", **claimed("test", "lambda", region))
    ask("a privileged task", "POST", "/", json.dumps(PRIVILEGED).encode(),
        X_Amz_Target="AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition",
        Content_Type="application/x-amz-json-1.1", **claimed(account, "ecs", region))  # fmt: skip
    ask("a load balancer that is none", "POST", "/_alb/none/", b"{}",
        X_Amz_Target="AmazonEC2ContainerServiceV20141113.ListClusters",
        **claimed(account, "ecs", region))  # fmt: skip
    ask("mail as a registry", "POST", "/v2/email/identities", b"{}",
        **claimed(account, "ses", region))  # fmt: skip
    ask("a page", method, path, body, **form, Origin="https://evil.example")
    ask("a page's preflight", "OPTIONS", "/", Origin="https://evil.example",
        Access_Control_Request_Method="POST")  # fmt: skip
    ask("a page without an origin", "GET", "/bucket/key", Sec_Fetch_Site="cross-site")
    ask("an opaque page", method, path, body, **form, Origin="null")
    ask("another host", method, path, body, **form, Host="evil.example")
    ask("another host with our port", "GET", "/_alb/x/", Host=f"evil.example:{host[-5:]}")
    for place in (
        "/_ministack/health", "/_ministack/reset", "/_ministack/config", "/_localstack/health",
        "/_localstack/init", "/health", "/_aws/sqs/messages", "/_ministack/lambda-code/x",
        "/latest/meta-data/iam/security-credentials/", "/_ministack/rds/iam-auth",
    ):  # fmt: skip
        ask(f"GET {place}", "GET", place)
        ask(f"POST {place}", "POST", place, b"{}")
    ask("the admin calls", "GET", "/_shipway/health")
    ask("the admin calls with a guess", "GET", "/_shipway/health", Authorization="Bearer test")
    ask("a job of GitHub's", "POST", "/_github/jobs", b"{}")
    ask("the registry", "GET", "/v2/")
    return told


def local(state: Path, pid: int) -> dict[str, str]:
    """What is to be had of the server without its port."""
    told = {}
    for name, place in {
        "the secrets": state,
        "the log": state.with_name("serve.log"),
        "its environment": Path(f"/proc/{pid}/environ"),
        "its memory": Path(f"/proc/{pid}/mem"),
    }.items():
        try:
            with place.open("rb") as file:
                file.read(1)
            told[name] = "read"
        except OSError as error:
            told[name] = type(error).__name__
    return told


def main() -> None:
    """Try everything."""
    endpoint, account, region, state, pid = sys.argv[1:]
    told = {
        "user": os.getuid(),
        "answers": answers(endpoint, account, region),
        "local": local(Path(state), int(pid)),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
