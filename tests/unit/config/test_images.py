"""Several images in delivery.toml: read, and refused with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from shipway.config.environment import Environment
from shipway.config.images import BuildSecret
from shipway.config.load import load
from shipway.config.resolve import resolve
from shipway.errors import ConfigurationError

HEAD = 'schema = 1\nname = "shop"\n'
IMAGES = """\
[images.api]
context = "api"
build_args = { LEVEL = "info", PLACE = "any" }
[images.worker]
target = "worker"
timeout = 60
"""
ENVIRONMENT = """\
[environments.staging]
account = "111122223333"
region = "eu-west-1"
cluster = "shop"
"""
PLACES = """\
[environments.staging.images.api]
repository = "shop-api"
build_args = { PLACE = "staging" }
[environments.staging.images.worker]
repository = "222233334444.dkr.ecr.eu-central-1.amazonaws.com/workers"
"""
SERVICES = """\
[environments.staging.services.web]
image = "api"
service = "web"
container = "web"
[environments.staging.services.queue]
image = "worker"
service = "queue"
container = "app"
"""
WHOLE = f"{HEAD}{IMAGES}{ENVIRONMENT}{PLACES}{SERVICES}"
AT = "environments.staging"


class Nothing:
    def resolve(self, references: object) -> dict[object, object]:
        raise AssertionError(references)


def environment(tmp_path: Path, text: str) -> Environment:
    file = tmp_path / "delivery.toml"
    file.write_text(text, encoding="utf-8")
    declared = load(file).environment("staging")
    return resolve(declared, variables={}, published=Nothing())  # type: ignore[arg-type]


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        environment(tmp_path, text)
    assert caught.value.exit_code == 10
    return [line.partition("  ")[2] for line in caught.value.details]


def test_each_image_has_its_name_its_place_and_its_arguments(tmp_path: Path) -> None:
    found = environment(tmp_path, WHOLE)
    assert found.keys == ("api", "worker")
    api, worker = (found.about(key) for key in found.keys)
    assert (api.image.name, worker.image.name) == ("shop-api", "shop-worker")
    assert dict(api.image.build_args) == {"LEVEL": "info", "PLACE": "staging"}
    assert api.repository_uri == "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop-api"
    assert worker.repository_uri == "222233334444.dkr.ecr.eu-central-1.amazonaws.com/workers"
    assert (worker.image.target, worker.image.timeout, api.image.timeout) == ("worker", 60, 3600)
    assert [service.image for service in found.services] == ["api", "worker"]


def test_what_is_built_is_called_by_its_key(tmp_path: Path) -> None:
    file = tmp_path / "delivery.toml"
    file.write_text(WHOLE, encoding="utf-8")
    assert load(file).image_names == ("shop-api", "shop-worker")
    one = ENVIRONMENT.replace("cluster", 'repository = "shop"\ncluster')
    service = f'[{AT}.services.web]\nservice = "web"\ncontainer = "web"\n'
    file.write_text(HEAD + one + service, encoding="utf-8")
    assert load(file).image_names == ("shop",)


def test_a_job_or_schedule_runs_the_image_of_its_service_or_names_one(tmp_path: Path) -> None:
    tables = f"""\
[{AT}.jobs.migrate]
when = "before"
service = "queue"
[{AT}.jobs.warm]
when = "after"
task_definition = "warm"
image = "worker"
[{AT}.schedules.nightly]
rule = "nightly"
service = "queue"
[{AT}.schedules.report]
rule = "report"
task_definition = "report"
image = "api"
"""
    found = environment(tmp_path, WHOLE + tables)
    assert [(job.key, job.image) for job in found.jobs] == [
        ("migrate", "worker"),
        ("warm", "worker"),
    ]
    assert [(each.key, each.image) for each in found.schedules] == [
        ("nightly", "worker"),
        ("report", "api"),
    ]


def test_what_nobody_runs_here_needs_no_place_here(tmp_path: Path) -> None:
    text = WHOLE.replace("[images.worker]", "[images.other]\n[images.worker]")
    assert environment(tmp_path, text).keys == ("api", "worker")


@pytest.mark.parametrize("cache", ["gha", "s3://kept/shop", "local:.cache"])
def test_images_may_share_a_place_for_their_caches(tmp_path: Path, cache: str) -> None:
    line = f'cache = "{cache}"\n'
    text = WHOLE.replace("[images.worker]\n", f"{line}[images.worker]\n{line}")
    assert environment(tmp_path, text).about("worker").image.cache == cache


def test_one_image_alone_needs_no_name(tmp_path: Path) -> None:
    one = HEAD + "[images.api]\n" + ENVIRONMENT
    one += f'[{AT}.images.api]\nrepository = "shop"\n'
    one += f'[{AT}.services.web]\nservice = "web"\ncontainer = "web"\n'
    found = environment(tmp_path, one)
    assert found.keys == ("api",)
    assert found.services[0].image == "api"


def test_secrets_come_from_a_file_a_variable_or_aws(tmp_path: Path) -> None:
    secrets = """\
secrets.npm = { env = "NPM_PASS" }
secrets.key = { file = "keys/deploy" }
secrets.licence = { from = "/shop/licence" }
"""
    text = WHOLE.replace('context = "api"\n', f'context = "api"\n{secrets}')
    assert environment(tmp_path, text).about("api").image.secrets == (
        BuildSecret(id="npm", kind="variable", source="NPM_PASS"),
        BuildSecret(id="key", kind="file", source="keys/deploy"),
        BuildSecret(id="licence", kind="reference", source="/shop/licence"),
    )


REPORT = f'[{AT}.schedules.report]\nrule = "report"\ntask_definition = "report"\n'
CACHE = 'cache = "registry.example/cache:main"\n'
WARM = f'[{AT}.jobs.warm]\nwhen = "after"\ntask_definition = "warm"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            WHOLE.replace(IMAGES, f"[image]\n{IMAGES}"),
            "image: is for one image, and [images] names several: move it to [images.NAME]",
        ),
        (
            WHOLE.replace('cluster = "shop"\n', 'cluster = "shop"\nrepository = "shop"\n'),
            f"{AT}.repository: is about one image, and [images] names several: say it in",
        ),
        (
            WHOLE.replace('image = "api"\n', ""),
            f'{AT}.services.web.image: is missing; it should be one of "api", "worker"',
        ),
        (
            WHOLE.replace('image = "api"\n', 'image = "apo"\n'),
            f'{AT}.services.web.image: names no image of [images]; did you mean "api"?',
        ),
        (
            WHOLE.replace("staging.images.worker", "staging.images.workers"),
            f"{AT}.images.workers: names no image of [images]",
        ),
        (
            WHOLE.replace(
                '"222233334444.dkr.ecr.eu-central-1.amazonaws.com/workers"', '"shop-api"'
            ),
            f'{AT}.images.worker.repository: is that of the image "api", too',
        ),
        (
            WHOLE.replace(
                'container = "app"\n', 'container = "app"\nimage_parameter = "/x"\n'
            ).replace('cluster = "shop"\n', 'cluster = "shop"\nimage_parameter = "/y"\n'),
            f"{AT}.image_parameter: takes one image, and [images] names several",
        ),
        (
            WHOLE.replace(
                "[images.worker]\n", 'cache = "gha:a"\n[images.worker]\ncache = "gha:a"\n'
            ),
            'images.worker.cache: is that of the image "api", too: that place holds one',
        ),
        (
            WHOLE.replace("[images.worker]\n", f"{CACHE}[images.worker]\n{CACHE}"),
            'images.worker.cache: is that of the image "api", too: that place holds one',
        ),
        (WHOLE + WARM, f"{AT}.jobs.warm.image: is missing; it should be one of"),
        (WHOLE + REPORT, f"{AT}.schedules.report.image: is missing; it should be one of"),
        (
            WHOLE + f'[{AT}.schedules.a]\nrule = "a"\nservice = "web"\nimage = "api"\n',
            f"{AT}.schedules.a.image: is one of `task_definition`, which is missing",
        ),
        (
            WHOLE.replace("timeout = 60\n", "secrets.npm = {}\n"),
            "images.worker.secrets.npm: says not where it comes from: say one of file, env, from",
        ),
        (
            WHOLE.replace("timeout = 60\n", 'secrets.npm = { env = "A", file = "b" }\n'),
            "images.worker.secrets.npm: has file and env: say one of file, env, from",
        ),
        (
            WHOLE.replace("timeout = 60\n", 'secrets.npm = { enf = "A" }\n'),
            "images.worker.secrets.npm.enf: unknown key; did you mean",
        ),
        (
            WHOLE.replace("timeout = 60\n", "timeout = 0\n"),
            "images.worker.timeout: should be a number of seconds from 1 to 86400",
        ),
        (
            WHOLE.replace("timeout = 60\n", 'cache = "somewhere"\n'),
            "images.worker.cache: should be a cache: HOST/NAME:TAG",
        ),
        (
            WHOLE.replace('target = "worker"', 'target = "no stage"'),
            "images.worker.target: should be the name of a stage",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    problems = refused(tmp_path, text)
    assert any(problem.startswith(told) for problem in problems), problems
    assert len(problems) <= 2, problems


def test_an_image_that_is_run_lies_somewhere(tmp_path: Path) -> None:
    [problem] = refused(
        tmp_path, WHOLE.partition("[environments.staging.images.worker]")[0] + SERVICES
    )
    assert problem == (
        f"{AT}.images.worker: is missing: {AT}.services.queue.image runs it, "
        "and nothing says where it lies (`repository`)"
    )


def test_names_without_images_are_told(tmp_path: Path) -> None:
    text = HEAD + ENVIRONMENT.replace("cluster", 'repository = "shop"\ncluster') + SERVICES
    problems = refused(tmp_path, text)
    assert [problem.partition(":")[0] for problem in problems] == [
        f"{AT}.services.web.image",
        f"{AT}.services.queue.image",
    ]
