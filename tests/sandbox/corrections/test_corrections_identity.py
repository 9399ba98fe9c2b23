"""The compute layer, and what its deploy role lets a GitHub job do: signed tokens to the end."""

# ruff: noqa: S310  # every address here is the loopback endpoint of our own server

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError  # the tests ask as any client would
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.example import BLUEPRINT, REPOSITORY

from shipway.aws import renewal
from shipway.aws.account import AwsAccount
from shipway.config.environment import EnvironmentRef
from shipway.errors import AccessDeniedError, CredentialsError
from shipway.github.oidc import GithubTokens
from shipway.policy.requirements import GITHUB_ISSUER
from shipway_sandbox import compute, github

SHA = "3f9c2ab" + "0" * 33
STAGING, PRODUCTION = "111122223333", "444455556666"
MAIN, STABLE = "refs/heads/main", "refs/tags/v1.0.0-stable"
STAGING_ROLE = f"arn:aws:iam::{STAGING}:role/shop-deploy-staging"
WHO = f"arn:aws:sts::{STAGING}:assumed-role/shop-deploy-staging/GitHubActions"
AUDIENCE = "sts.amazonaws.com"
LAYERS = {
    STAGING: BLUEPRINT.layer("staging"),
    PRODUCTION: BLUEPRINT.layer("production"),
}


@pytest.fixture(scope="module")
def deployed(world: Any) -> Any:
    """Both compute layers, with healthy services."""
    steady = []
    for account, layer in LAYERS.items():
        admin = partial(lambda account, service: world.client(service, account), account)
        compute.create(admin, layer, world.state, world.busybox)
        steady.append((world.client("ecs", account), layer))
    compute.wait_until_steady(steady)
    return world


def job(world: Any, tmp_path: Path, ref: str, **settings: Any) -> github.GithubEvent:
    place = "production" if ref.endswith("-stable") else "staging"
    event = github.event(
        settings.pop("name", "push"), ref=ref, sha=SHA, folder=tmp_path, workspace=tmp_path,
        **{"repository": REPOSITORY, "run": github.Run(environment=place), **settings},
    )  # fmt: skip
    assert world.state["endpoint"]
    return event


def token_for(world: Any, event: github.GithubEvent, audience: str = "sts.amazonaws.com") -> str:
    given = world.admin("/_github/jobs", dict(event.claims))
    request = urllib.request.Request(
        f"{given['request_url']}&audience={audience}",
        headers={"Authorization": f"bearer {given['request_token']}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["value"])


def assume(world: Any, token: str, account: str = STAGING) -> dict[str, Any]:
    layer = LAYERS[account]
    answer: dict[str, Any] = world.client("sts").assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{account}:role/shop-deploy-{layer.environment}",
        RoleSessionName="GitHubActions",
        WebIdentityToken=token,
    )
    return answer


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def client_of(world: Any, answer: dict[str, Any], service: str) -> Any:
    keys = answer["Credentials"]
    return world.client(
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_contract_is_published_and_the_service_answers(deployed: Any) -> None:
    ssm = deployed.client("ssm", STAGING)
    parameters = ssm.get_parameters_by_path(Path="/shop/staging")["Parameters"]
    values = {parameter["Name"].rpartition("/")[2]: parameter["Value"] for parameter in parameters}
    url = f"{deployed.state['endpoint']}/_alb/shop-staging"
    assert values == {"cluster": "shop-staging", "service": "web", "repository": "shop-staging"}
    stack = deployed.client("cloudformation", STAGING).describe_stacks(StackName="shop-staging")
    outputs = {
        output["OutputKey"]: output["OutputValue"] for output in stack["Stacks"][0]["Outputs"]
    }
    assert outputs == {"Url": url}
    with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
        assert answer.status == 200
    ecr = deployed.client("ecr", STAGING)
    image = ecr.describe_images(repositoryName="shop-staging")["imageDetails"][0]
    assert image["imageTags"] == [f"{compute.BOOTSTRAP_TAG}-web"]
    assert image["imageSizeInBytes"] > 100_000


def test_signed_token_of_main_is_the_role_of_staging(deployed: Any, tmp_path: Path) -> None:
    token = token_for(deployed, job(deployed, tmp_path, MAIN))
    answer = assume(deployed, token)
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert answer["SubjectFromWebIdentityToken"] == "repo:example/shop:environment:staging"
    who = client_of(deployed, answer, "sts").get_caller_identity()
    assert who["Account"] == STAGING
    arn = f"arn:aws:sts::{STAGING}:assumed-role/shop-deploy-staging/GitHubActions"
    assert who["Arn"] == arn
    code, _ = refusal(assume, deployed, token, PRODUCTION)
    assert code == "AccessDenied"


@pytest.mark.parametrize(
    ("ref", "settings"),
    [
        ("refs/heads/feature/x", {}),
        ("refs/heads/Main", {}),
        ("refs/tags/main", {}),
        ("refs/tags/v1.0.1", {}),
        ("refs/pull/7/merge", {"name": "pull_request", "head_ref": "feature/x"}),
        (MAIN, {"repository": replace(REPOSITORY, owner="stranger", id=1)}),
        (MAIN, {"repository": replace(REPOSITORY, id=1)}),
        (MAIN, {"repository": replace(REPOSITORY, owner_id=1)}),
        (MAIN, {"run": github.Run()}),
        (MAIN, {"run": github.Run(environment="production")}),
        (MAIN, {"run": github.Run(environment="staging", path=".github/workflows/other.yml")}),
    ],
    ids=[
        "branch", "other-case", "tag-like-a-branch", "tag", "pull-request", "stranger",
        "namesake", "namesake-owner", "no-environment", "other-environment", "other-workflow",
    ],
)  # fmt: skip
def test_other_jobs_are_denied(
    deployed: Any, tmp_path: Path, ref: str, settings: dict[str, Any]
) -> None:
    token = token_for(deployed, job(deployed, tmp_path, ref, **settings))
    message = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    assert refusal(assume, deployed, token) == ("AccessDenied", message)


@pytest.mark.parametrize("immutable", [False, True], ids=["classic", "immutable"])
def test_both_forms_of_the_subject_are_trusted(
    deployed: Any, tmp_path: Path, *, immutable: bool
) -> None:
    repository = replace(REPOSITORY, immutable_subject=immutable)
    event = job(deployed, tmp_path, STABLE, repository=repository)
    answer = assume(deployed, token_for(deployed, event), PRODUCTION)
    where = "example@4242/shop@424200" if immutable else "example/shop"
    assert answer["SubjectFromWebIdentityToken"] == f"repo:{where}:environment:production"


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/v1.0.0-stable",
        "refs/heads/refs/tags/v1.0.0-stable",
        "refs/tags/rel/v1.0.0-stable",
        "refs/tags/v1.0.0-STABLE-stable ",
        "refs/tags/v1.0.0-stable\n",
        MAIN,
    ],
    ids=["branch", "branch-with-a-tags-name", "nested", "blank", "newline", "main"],
)
def test_only_stable_tags_are_the_role_of_production(
    deployed: Any, tmp_path: Path, ref: str
) -> None:
    event = job(deployed, tmp_path, ref, run=github.Run(environment="production"))
    assert refusal(assume, deployed, token_for(deployed, event), PRODUCTION)[0] == "AccessDenied"


def test_forged_expired_and_misdirected_tokens_are_refused(deployed: Any, tmp_path: Path) -> None:
    event = job(deployed, tmp_path, MAIN)
    good = token_for(deployed, event)
    claims = jwt.decode(good, options={"verify_signature": False})
    headers = jwt.get_unverified_header(good)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode(claims, stranger, algorithm="RS256", headers=headers)
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": headers["kid"]})
    assert refusal(assume, deployed, forged)[0] == "InvalidIdentityToken"
    assert refusal(assume, deployed, unsigned)[0] == "InvalidIdentityToken"
    assert refusal(assume, deployed, "no.token.at-all")[0] == "InvalidIdentityToken"
    elsewhere = token_for(deployed, event, audience="vault.example")
    assert refusal(assume, deployed, elsewhere) == (
        "InvalidIdentityToken", "Incorrect token audience",
    )  # fmt: skip
    now = int(time.time())
    past = {"iat": now - 900, "nbf": now - 900, "exp": now - 600}
    given = deployed.admin("/_github/jobs", {**event.claims, **past})
    request = urllib.request.Request(
        f"{given['request_url']}&audience=sts.amazonaws.com",
        headers={"Authorization": f"bearer {given['request_token']}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        expired = json.load(answer)["value"]
    assert refusal(assume, deployed, expired)[0] == "ExpiredTokenException"


@dataclass
class LongJob:
    """A job of main whose step's keys end after some seconds; the account's are renewed."""

    world: Any
    variables: dict[str, str]
    monkeypatch: pytest.MonkeyPatch
    told: list[tuple[str, str]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    ends: list[datetime] = field(default_factory=list)

    def step(self, event: github.GithubEvent, seconds: int) -> None:
        """What the OIDC step leaves in the environment."""
        token = GithubTokens(self.variables).token(GITHUB_ISSUER, AUDIENCE)
        keys = self.world.client("sts").assume_role_with_web_identity(
            RoleArn=STAGING_ROLE,
            RoleSessionName="GitHubActions",
            WebIdentityToken=token,
            DurationSeconds=seconds,  # less than AWS gives, so that a test sees their end
        )["Credentials"]
        for name, value in {
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
            **event.environment,
        }.items():
            self.monkeypatch.setenv(name, value)

    def account(self) -> AwsAccount:
        return AwsAccount(self.world.state["region"], None, self.world.state["endpoint"])

    def renewed(self, role: str = STAGING_ROLE) -> AwsAccount:
        account = self.account()
        account.renew_by(
            partial(GithubTokens(self.variables).token, GITHUB_ISSUER, AUDIENCE),
            tell=lambda text, level: self.told.append((level, text)),
            hide=self.hidden.update,
            renewed=self.ends.append,
            role=role,
            arn=WHO,
        )
        return account

    def wait_until_told(self, lines: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.told) < lines:
            assert time.monotonic() < deadline, self.told
            time.sleep(0.05)


def test_keys_that_end_in_a_long_job_are_renewed_from_githubs_token(
    deployed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = job(deployed, tmp_path, MAIN)
    given = deployed.admin("/_github/jobs", dict(event.claims))
    long_job = LongJob(
        deployed,
        {
            "ACTIONS_ID_TOKEN_REQUEST_URL": given["request_url"],
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": given["request_token"],
            "SHIPWAY_TOKEN_ISSUER": deployed.state["issuer"],
            "AWS_ENDPOINT_URL": deployed.state["endpoint"],
        },
        monkeypatch,
    )
    monkeypatch.setattr(renewal, "FIRST", timedelta(0))
    long_job.step(event, seconds=4)
    ends = time.monotonic() + 4
    kept, renewed = long_job.account(), long_job.renewed()
    step = kept.access_key_id()
    assert renewed.identity().arn == kept.identity().arn == WHO
    long_job.wait_until_told(1)
    time.sleep(max(0.0, ends + 0.5 - time.monotonic()))
    with pytest.raises(CredentialsError, match="expired") as caught:
        kept.identity()
    assert caught.value.remedy.startswith("gh run rerun ")
    assert renewed.identity().arn == WHO
    assert renewed.access_key_id() != step
    staging = EnvironmentRef(name="staging", account=STAGING, region="eu-west-1")
    tag = f"{compute.BOOTSTRAP_TAG}-web"
    assert renewed.repository_at(staging, "shop-staging").find(tag)
    with pytest.raises(AccessDeniedError):
        renewed.repository_at(replace(staging, account=PRODUCTION), "shop-production").find(tag)
    # A role that does not trust the job gives nothing, and what was given before goes on.
    other = long_job.renewed(
        STAGING_ROLE.replace(STAGING, PRODUCTION).replace("staging", "production")
    )
    assert other._session.renew() is False
    (level, told) = long_job.told[-1]
    assert (level, "could not be renewed: sts:AssumeRoleWithWebIdentity is not" in told) == (
        "warning", True,
    )  # fmt: skip
    assert renewed.identity().arn == WHO
    assert {level for level, _ in long_job.told[:-1]} == {"info"}
    assert len(long_job.hidden) == 3 * (len(long_job.told) - 1)
    assert len(long_job.ends) == len(long_job.told) - 1
    assert "eyJ" not in str(long_job.told)


def test_public_keys_verify_a_token_and_strangers_get_none(deployed: Any, tmp_path: Path) -> None:
    issuer = deployed.state["issuer"]
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=5) as answer:
        document = json.load(answer)
    assert document["issuer"] == issuer
    key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(
        token := token_for(deployed, job(deployed, tmp_path, MAIN))
    )
    claims = jwt.decode(
        token, key.key, algorithms=["RS256"], audience="sts.amazonaws.com", issuer=issuer
    )
    assert claims["ref"] == MAIN
    request = urllib.request.Request(
        deployed.state["id_token_request_url"], headers={"Authorization": "bearer stranger"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    caught.value.close()
    assert caught.value.code == 401


def test_deploy_role_may_deliver_and_no_more(deployed: Any, tmp_path: Path) -> None:
    answer = assume(deployed, token_for(deployed, job(deployed, tmp_path, STABLE)), PRODUCTION)
    ecs, ecr = client_of(deployed, answer, "ecs"), client_of(deployed, answer, "ecr")
    live = ecs.describe_services(cluster="shop-production", services=["web"])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=live["taskDefinition"])[
        "taskDefinition"
    ]
    fields = ("family", "containerDefinitions", "executionRoleArn", "taskRoleArn", "cpu", "memory")
    same = {name: definition[name] for name in fields} | {"networkMode": "bridge"}
    made = ecs.register_task_definition(**same)["taskDefinition"]["taskDefinitionArn"]
    updated = ecs.update_service(cluster="shop-production", service="web", taskDefinition=made)
    arn = updated["service"]["currentServiceDeployment"]
    deadline = time.monotonic() + 20
    while True:
        seen = ecs.describe_service_deployments(serviceDeploymentArns=[arn])
        if seen["serviceDeployments"][0]["status"] == "SUCCESSFUL":
            break
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    tasks = ecs.list_tasks(cluster="shop-production", serviceName="web")["taskArns"]
    assert len(ecs.describe_tasks(cluster="shop-production", tasks=tasks)["tasks"]) == 2
    assert ecr.describe_repositories(repositoryNames=["shop-production"])["repositories"]
    elb = client_of(deployed, answer, "elbv2")
    group = live["loadBalancers"][0]["targetGroupArn"]
    assert elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    code, message = refusal(
        ecs.delete_service, cluster="shop-production", service="web", force=True
    )
    who = f"arn:aws:sts::{PRODUCTION}:assumed-role/shop-deploy-production/GitHubActions"
    resource = f"arn:aws:ecs:eu-west-1:{PRODUCTION}:service/shop-production/web"
    assert code == "AccessDeniedException"
    assert message == (
        f"User: {who} is not authorized to perform: ecs:DeleteService on resource: {resource} "
        "because no identity-based policy allows the ecs:DeleteService action"
    )
    stranger = same | {"family": "other"}
    assert "task-definition/other:*" in refusal(ecs.register_task_definition, **stranger)[1]
    borrowed = same | {"taskRoleArn": f"arn:aws:iam::{PRODUCTION}:role/shop-deploy-production"}
    assert "iam:PassRole on resource" in refusal(ecs.register_task_definition, **borrowed)[1]


def test_a_denial_names_the_one_parameter_that_was_denied(deployed: Any, tmp_path: Path) -> None:
    answer = assume(deployed, token_for(deployed, job(deployed, tmp_path, MAIN)))
    ssm = client_of(deployed, answer, "ssm")
    names = ["/shop/staging/repository", "/shop/staging/cluster"]
    assert len(ssm.get_parameters(Names=names)["Parameters"]) == 2
    who = f"arn:aws:sts::{STAGING}:assumed-role/shop-deploy-staging/GitHubActions"
    other = f"arn:aws:ssm:eu-west-1:{STAGING}:parameter/chandler/servce"
    denied = refusal(ssm.get_parameters, Names=[*names, "/chandler/servce"])
    why = "because no identity-based policy allows the ssm:GetParameters action"
    message = f"User: {who} is not authorized to perform: ssm:GetParameters on resource: {other}"
    assert denied == ("AccessDeniedException", f"{message} {why}")


def put_manifest(world: Any, repository: str, authorization: str) -> int:
    request = urllib.request.Request(
        f"{world.state['endpoint']}/v2/{repository}/manifests/latest",
        data=b"{}",
        method="PUT",
        headers={"Authorization": authorization, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return int(error.code)


def test_registry_takes_the_token_of_the_role_for_its_repository_only(
    deployed: Any, tmp_path: Path
) -> None:
    answer = assume(deployed, token_for(deployed, job(deployed, tmp_path, MAIN)))
    ecr = client_of(deployed, answer, "ecr")
    given = ecr.get_authorization_token()["authorizationData"][0]
    basic = f"Basic {given['authorizationToken']}"
    wrong = f"Basic {base64.b64encode(b'AWS:wrong').decode()}"
    assert put_manifest(deployed, "shop-staging", basic) == 400  # may, but {} is no image
    assert put_manifest(deployed, "shop-production", basic) == 403
    assert put_manifest(deployed, "shop-staging", wrong) == 401
    assert given["proxyEndpoint"].endswith(deployed.state["registry"])
