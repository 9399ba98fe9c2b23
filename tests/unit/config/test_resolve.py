from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shipway.config.environment import Environment, EnvironmentRef, LockSettings, Service
from shipway.config.images import ImageSettings
from shipway.config.load import Declared, load
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.config.resolve import SANDBOX_HOLD, find, references, resolve
from shipway.errors import ConfigurationError, UnresolvedReferenceError

FILE = """\
schema = 1
name = "shop"
[image]
build_args = { BASE = "env:BASE", MODE = "plain" }
[environments.staging]
account = "env:ACCOUNT"
region = "eu-west-1"
repository = "ssm:/shop/staging/repository"
cluster = "ssm:/shop/staging/cluster"
role = "cfn:shop-staging.Role"
timeout = "ssm:/shop/staging/timeout"
[environments.staging.services.web]
service = "ssm:/shop/staging/service"
container = "web"
url = "cfn:shop-staging.Url"
path = "/health"
interval = "env:INTERVAL"
require_circuit_breaker = "env:BREAKER"
on_failure = "env:ON_FAILURE"
[environments.staging.services.worker]
service = "worker"
container = "ssm:/shop/staging/container"
timeout = 60
[environments.broken]
account = "env:NOT_ASKED"
region = "env:NOT_ASKED"
repository = "ssm:/not/asked"
cluster = "ssm:/not/asked"
services = { web = { service = "ssm:/not/asked", container = "web" } }
"""

VARIABLES = {
    "ACCOUNT": "111122223333",
    "BASE": "ssm:/looks/like/one",
    "INTERVAL": "0.5",
    "BREAKER": "false",
    "ON_FAILURE": "leave",
}
PUBLISHED = {
    "ssm:/shop/staging/repository": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/shop",
    "ssm:/shop/staging/cluster": "arn:aws:ecs:eu-west-1:111122223333:cluster/shop-staging",
    "cfn:shop-staging.Role": "arn:aws:iam::111122223333:role/ci/shop-deploy-staging",
    "ssm:/shop/staging/timeout": "300",
    "ssm:/shop/staging/service": "arn:aws:ecs:eu-west-1:111122223333:service/shop-staging/shop-web",
    "cfn:shop-staging.Url": "https://staging.shop.example/",
    "ssm:/shop/staging/container": "worker",
}


@dataclass
class Infrastructure:
    """Publishes texts; remembers what it was asked."""

    published: Mapping[str, str | Resolution]
    requests: list[tuple[Reference, ...]] = field(default_factory=list)

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        self.requests.append(tuple(references))
        resolutions: dict[Reference, Resolution] = {}
        for reference in references:
            text = self.published.get(str(reference))
            if text is not None:
                resolutions[reference] = Found(text=text) if isinstance(text, str) else text
        return resolutions


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declared:
    (tmp_path / "ci").mkdir()
    monkeypatch.chdir(tmp_path)
    file = Path("ci/delivery.toml")
    file.write_text(FILE, encoding="utf-8")
    return load(file).environment("staging")


def test_references_are_collected_once_and_in_the_files_order(declared: Declared) -> None:
    assert [str(reference) for reference in references(declared)] == [
        "env:BASE",
        "env:ACCOUNT",
        "ssm:/shop/staging/repository",
        "ssm:/shop/staging/cluster",
        "cfn:shop-staging.Role",
        "ssm:/shop/staging/timeout",
        "ssm:/shop/staging/service",
        "cfn:shop-staging.Url",
        "env:INTERVAL",
        "env:BREAKER",
        "env:ON_FAILURE",
        "ssm:/shop/staging/container",
    ]


def test_everything_is_resolved_into_literals(declared: Declared) -> None:
    infrastructure = Infrastructure(PUBLISHED)
    environment = resolve(declared, variables=VARIABLES, published=infrastructure)
    assert environment == Environment(
        name="staging",
        account="111122223333",
        region="eu-west-1",
        registry="111122223333.dkr.ecr.eu-west-1.amazonaws.com",
        repository="team/shop",
        cluster="shop-staging",
        role="shop-deploy-staging",
        image=ImageSettings(
            name="shop",
            context=".",
            dockerfile="Dockerfile",
            platforms=("linux/amd64",),
            build_args={"BASE": "ssm:/looks/like/one", "MODE": "plain"},
            region="eu-west-1",
        ),
        services=(
            Service(
                key="web",
                service="shop-web",
                container="web",
                url="https://staging.shop.example/health",
                interval=0.5,
                timeout=300,
                on_failure="leave",
                require_circuit_breaker=False,
            ),
            Service(key="worker", service="worker", container="worker", timeout=60),
        ),
        lock=LockSettings(parameter="/shipway/shop/staging/lock"),
    )
    assert environment.repository_uri == ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/shop")
    assert environment.place == EnvironmentRef(
        name="staging", account="111122223333", region="eu-west-1"
    )
    texts = (environment.image.build_args["BASE"], environment.account)
    assert [type(text) for text in texts] == [str, str]


def test_the_infrastructure_is_asked_once_and_never_for_variables(declared: Declared) -> None:
    infrastructure = Infrastructure(PUBLISHED)
    resolve(declared, variables=VARIABLES, published=infrastructure)
    (references,) = infrastructure.requests
    assert {reference.scheme for reference in references} == {"ssm", "cfn"}
    assert len(references) == len(set(references)) == 7


@pytest.mark.parametrize(
    ("region", "repository", "registry", "name"),
    [
        ("eu-west-1", "shop", "111122223333.dkr.ecr.eu-west-1.amazonaws.com", "shop"),
        ("eu-west-1", "team/shop", "111122223333.dkr.ecr.eu-west-1.amazonaws.com", "team/shop"),
        ("cn-north-1", "shop", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "shop"),
        ("us-gov-west-1", "shop", "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com", "shop"),
        ("eusc-de-east-1", "shop", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", "shop"),
        ("eu-west-1", "localhost:4566/shop", "localhost:4566", "shop"),
        ("eu-west-1", "localhost/shop", "localhost", "shop"),
        (
            "eu-west-1",
            "localhostile/shop",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
            "localhostile/shop",
        ),
    ],
)
def test_a_repository_is_told_apart_from_its_registry(
    tmp_path: Path, region: str, repository: str, registry: str, name: str
) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(
        f"""
schema = 1
name = "shop"
[environments.e]
account = "111122223333"
region = "{region}"
repository = "{repository}"
cluster = "c"
services = {{ web = {{ service = "web", container = "web", url = "http://[::1]:80/x" }} }}
""",
        encoding="utf-8",
    )
    infrastructure = Infrastructure({})
    environment = resolve(load(file).environment("e"), variables={}, published=infrastructure)
    assert (environment.registry, environment.repository) == (registry, name)
    assert environment.services[0].url == "http://[::1]:80/x"
    assert infrastructure.requests == []


def test_account_and_region_are_found_without_the_rest(declared: Declared) -> None:
    destination = find(declared, {"ACCOUNT": "111122223333"})
    assert destination == EnvironmentRef(name="staging", account="111122223333", region="eu-west-1")


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_told_with_the_nearest(
    declared: Declared, value: str | None
) -> None:
    variables = {"ACOUNT": "secret", "HOME": "/"} | ({} if value is None else {"ACCOUNT": value})
    with pytest.raises(UnresolvedReferenceError) as caught:
        find(declared, variables)
    assert str(caught.value) == "1 reference of environment staging cannot be resolved"
    assert caught.value.details == (
        (
            "ci/delivery.toml:6  environments.staging.account: env:ACCOUNT is not set; "
            'did you mean "env:ACOUNT"?'
        ),
    )
    assert "export ACCOUNT=…" in caught.value.remedy
    assert "publish" not in caught.value.remedy
    assert caught.value.exit_code == 11


def test_a_variable_that_holds_no_account_is_told(declared: Declared) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(declared, {"ACCOUNT": "1"})
    assert caught.value.details == (
        (
            "ci/delivery.toml:6  environments.staging.account: should be 12 digits in quotes, "
            'not "1" (from env:ACCOUNT)'
        ),
    )


def test_every_reference_that_does_not_resolve_is_told_at_once(declared: Declared) -> None:
    published: dict[str, str | Resolution] = {
        **PUBLISHED,
        "ssm:/shop/staging/cluster": Missing(
            published=("/shop/staging/cluster-name", "/shop/staging/repository")
        ),
        "cfn:shop-staging.Url": Missing(
            reason="the stack does not exist", more=("To see the stacks: …",)
        ),
        "ssm:/shop/staging/timeout": Missing(published=tuple("abcdefg")),
    }
    del published["ssm:/shop/staging/container"]
    variables = {**VARIABLES, "BREAKER": ""}
    with pytest.raises(UnresolvedReferenceError) as caught:
        resolve(declared, variables=variables, published=Infrastructure(published))
    where, indent = "does not exist in 111122223333 eu-west-1", " " * 21
    start = "ci/delivery.toml:"
    assert caught.value.details == (
        (
            f"{start}9  environments.staging.cluster: ssm:/shop/staging/cluster {where}; "
            'did you mean "ssm:/shop/staging/cluster-name"?'
        ),
        f"{indent[1:]}Published there: /shop/staging/cluster-name, /shop/staging/repository",
        f"{start}11  environments.staging.timeout: ssm:/shop/staging/timeout {where}",
        f"{indent}Published there: a, b, c, d, e and 2 more",
        (
            f"{start}15  environments.staging.services.web.url: cfn:shop-staging.Url {where}: "
            "the stack does not exist"
        ),
        f"{indent}To see the stacks: …",
        (
            f"{start}18  environments.staging.services.web.require_circuit_breaker: "
            "env:BREAKER is not set"
        ),
        (
            f"{start}22  environments.staging.services.worker.container: "
            f"ssm:/shop/staging/container {where}"
        ),
    )
    assert str(caught.value) == "5 references of environment staging cannot be resolved"


WEB = "environments.staging.services.web"


@pytest.mark.parametrize(
    ("reference", "text", "problem"),
    [
        (
            "cfn:shop-staging.Url",
            "shop.example",
            (
                f"15  {WEB}.url: should be an http:// or https:// address, not "
                '"shop.example" (from cfn:shop-staging.Url)'
            ),
        ),
        (
            "cfn:shop-staging.Url",
            Found(text="https://user:word@x", secret=True),
            (
                f"15  {WEB}.url: should be an http:// or https:// address, "
                "which the secret in cfn:shop-staging.Url is not"
            ),
        ),
        (
            "ssm:/shop/staging/timeout",
            "five",
            (
                "11  environments.staging.timeout: should be a number of seconds from 1 to 86400, "
                'not "five" (from ssm:/shop/staging/timeout)'
            ),
        ),
        (
            "ssm:/shop/staging/timeout",
            "٣٠٠",
            (
                "11  environments.staging.timeout: should be a number of seconds from 1 to 86400, "
                r'not "\u0663\u0660\u0660" (from ssm:/shop/staging/timeout)'
            ),
        ),
        (
            "ssm:/shop/staging/timeout",
            "0",
            (
                "11  environments.staging.timeout: should be a number of seconds from 1 to 86400, "
                'not "0" (from ssm:/shop/staging/timeout)'
            ),
        ),
        (
            "ssm:/shop/staging/cluster",
            "",
            (
                "9  environments.staging.cluster: should be the name or ARN of an ECS cluster, "
                'not "" (from ssm:/shop/staging/cluster)'
            ),
        ),
        (
            "ssm:/shop/staging/cluster",
            "ssm:/another",
            (
                "9  environments.staging.cluster: should be the name or ARN of an ECS cluster, "
                'not "ssm:/another" (from ssm:/shop/staging/cluster)'
            ),
        ),
        (
            "ssm:/shop/staging/cluster",
            "arn:aws:ecs:us-east-1:111122223333:cluster/shop",
            (
                "9  environments.staging.cluster: names "
                "arn:aws:ecs:us-east-1:111122223333:cluster/shop, but the environment is in "
                "111122223333 eu-west-1"
            ),
        ),
        (
            "cfn:shop-staging.Role",
            "arn:aws:iam::444455556666:role/x",
            (
                "10  environments.staging.role: names arn:aws:iam::444455556666:role/x, "
                "but the environment is in 111122223333 eu-west-1"
            ),
        ),
        (
            "ssm:/shop/staging/service",
            "arn:aws:ecs:eu-west-1:111122223333:service/shop-staging/worker",
            (
                "21  environments.staging.services.worker.service: is the same service as "
                f"{WEB}.service"
            ),
        ),
    ],
)
def test_what_was_looked_up_is_checked_like_what_was_written(
    declared: Declared, reference: str, text: str | Resolution, problem: str
) -> None:
    published: dict[str, str | Resolution] = {**PUBLISHED, reference: text}
    with pytest.raises(ConfigurationError) as caught:
        resolve(declared, variables=VARIABLES, published=Infrastructure(published))
    assert caught.value.details == (f"ci/delivery.toml:{problem}",)


def test_a_text_for_a_switch_must_be_true_or_false(declared: Declared) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(
            declared,
            variables={**VARIABLES, "BREAKER": "1"},
            published=Infrastructure(PUBLISHED),
        )
    assert caught.value.details == (
        (
            f"ci/delivery.toml:18  {WEB}.require_circuit_breaker: should be true or false, "
            'not "1" (from env:BREAKER)'
        ),
    )


@pytest.mark.parametrize(
    ("environment", "service", "seconds"),
    [
        ("", "", 60),
        ("hold = 10", "", 10),
        ("hold = 10", "hold = 0", 0),
        ("sandbox = true", "", SANDBOX_HOLD),
        ("sandbox = true\nhold = 60", "", 60),
        ("sandbox = true", "hold = 5", 5),
    ],
)
def test_how_long_a_release_must_hold(
    tmp_path: Path, environment: str, service: str, seconds: int
) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(
        f"""schema = 1
name = "shop"
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "shop"
{environment}
[environments.staging.services.web]
service = "web"
container = "web"
{service}
""",
        encoding="utf-8",
    )
    declared = load(file).environment("staging")
    resolved = resolve(declared, variables={}, published=Infrastructure({}))
    assert [each.hold for each in resolved.services] == [seconds]
    assert resolved.together


@pytest.mark.parametrize(
    ("scan", "required"),
    [
        ("", False),
        ("max = { critical = 0 }", True),
        ("max = { critical = 0 }\nrequired = false", False),
        ("max = {}", False),
        ("required = true", True),
    ],
)
def test_the_scan_gate_is_closed_where_there_is_a_threshold(
    tmp_path: Path, scan: str, *, required: bool
) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(f"{FILE}[environments.staging.scan]\n{scan}\n", encoding="utf-8")
    infrastructure = Infrastructure(PUBLISHED)
    staging = load(file).environment("staging")
    environment = resolve(staging, variables=VARIABLES, published=infrastructure)
    assert environment.scan.required is required
