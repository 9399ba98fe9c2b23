from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from shipway.config.load import load
from shipway.config.problems import closest
from shipway.errors import ConfigurationError

ROOT = Path(__file__).parents[3]

GOOD = """\
schema = 1
name = "shop"

[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "ssm:/shop/staging/cluster"

[environments.staging.services.web]
service = "web"
container = "web"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ci").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("ci/delivery.toml")


@pytest.mark.parametrize("folder", [False, True])
def test_a_link_out_of_the_repository_is_refused_and_one_inside_is_followed(
    file: Path, tmp_path_factory: pytest.TempPathFactory, *, folder: bool
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "delivery.toml").write_text(GOOD)
    if folder:
        file.parent.rmdir()
        file.parent.symlink_to(elsewhere)
    else:
        file.symlink_to(elsewhere / "delivery.toml")
    with pytest.raises(ConfigurationError, match=r"ci/delivery\.toml leads out of the repository"):
        load(file)
    (Path.cwd() / "platform").mkdir()
    (Path.cwd() / "platform" / "delivery.toml").write_text(GOOD)
    (file.parent if folder else file).unlink()
    if folder:
        file.parent.symlink_to("platform")
    else:
        file.symlink_to("../platform/delivery.toml")
    assert load(file).names == ("staging",)


def test_what_is_no_file_is_refused_at_once(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(ConfigurationError, match="cannot be read: it is no regular file"):
        load(file)


def refusal(file: Path, content: str | bytes) -> ConfigurationError:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return caught.value


def test_the_shipped_file_holds_the_four_environments() -> None:
    delivery = load(ROOT / "ci" / "delivery.toml")
    assert delivery.name == "shop"
    assert delivery.names == ("local", "sandbox", "staging", "production")


def test_a_good_file_is_read(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    assert load(file).names == ("staging",)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(file: Path) -> None:
    text = GOOD.replace("container", "containr").replace("\n", "\r\n")
    error = refusal(file, b"\xef\xbb\xbf" + text.encode())
    assert error.details[0].startswith("ci/delivery.toml:12  ")


EDITS = [
    (
        'container = "web"',
        'containr = "web"',
        '12  environments.staging.services.web.containr: unknown key; did you mean "container"?',
    ),
    (
        'container = "web"\n',
        "",
        (
            "10  environments.staging.services.web.container: is missing; it should be the name of "
            "a container in the task definition"
        ),
    ),
    ("schema = 1", "schema = 2", "1  schema: should be 1, the only version there is, not 2"),
    ("schema = 1\n", "", "1  schema: is missing; it should be 1, the only version there is"),
    (
        '"shop"\n\n',
        '"Shop"\n\n',
        '2  name: should be a name of small letters and digits, not "Shop"',
    ),
    (
        'name = "shop"',
        'name = "env:NAME"',
        '2  name: should be written out, not referred to as "env:NAME"',
    ),
    (
        'account = "111122223333"',
        "account = 111122223333",
        "5  environments.staging.account: should be 12 digits in quotes, not 111122223333",
    ),
    (
        "111122223333",
        "１１１１２２２２３３３３",  # noqa: RUF001  # full-width digits are what is tested
        (
            "5  environments.staging.account: should be 12 digits in quotes, not "
            f'"{"".join(f"{chr(92)}uff1{digit}" for digit in "111122223333")}"'
        ),
    ),
    (
        "111122223333",
        "111122223333\\n",
        r'5  environments.staging.account: should be 12 digits in quotes, not "111122223333\n"',
    ),
    (
        "111122223333",
        "ssm:/account",
        (
            "5  environments.staging.account: should be written out or be env:NAME of an "
            'environment variable, not "ssm:/account": it is needed before AWS can be asked'
        ),
    ),
    (
        "eu-west-1",
        "cfn:Stack.Region",
        (
            "6  environments.staging.region: should be written out or be env:NAME of an "
            'environment variable, not "cfn:Stack.Region": it is needed before AWS can be asked'
        ),
    ),
    (
        "eu-west-1",
        "Ireland",
        '6  environments.staging.region: should be a region such as "eu-west-1", not "Ireland"',
    ),
    (
        'repository = "shop"',
        'repository = "shop:latest"',
        (
            "7  environments.staging.repository: should be an ECR repository's name or URI, "
            'not "shop:latest"'
        ),
    ),
    (
        "ssm:/shop/staging/cluster",
        "ssm:shop cluster",
        (
            '8  environments.staging.cluster: "ssm:shop cluster" is malformed; it should be '
            "ssm:/path of a parameter"
        ),
    ),
    (
        "ssm:/shop/staging/cluster",
        "cfn:shop-staging",
        (
            '8  environments.staging.cluster: "cfn:shop-staging" is malformed; it should be '
            "cfn:Stack.Output"
        ),
    ),
    (
        "ssm:/shop/staging/cluster",
        "env:1A",
        (
            '8  environments.staging.cluster: "env:1A" is malformed; it should be '
            "env:NAME of an environment variable"
        ),
    ),
    (
        "ssm:/shop/staging/cluster",
        "a cluster",
        (
            "8  environments.staging.cluster: should be the name or ARN of an ECS cluster, "
            'not "a cluster"'
        ),
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\nrole = 'a role'\n",
        '5  environments.staging.role: should be the name or ARN of an IAM role, not "a role"',
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\nsandbox = 'env:X'\n",
        '5  environments.staging.sandbox: should be written out, not referred to as "env:X"',
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\ntimeout = 0\n",
        "5  environments.staging.timeout: should be a number of seconds from 1 to 86400, not 0",
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\ntemplate = 'infra/compute.yaml'\n",
        (
            "5  environments.staging.template: is what the sandbox runs, and this environment is "
            "none: sandbox = true is missing"
        ),
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\nsandbox = true\ntemplate_parameters = { A = 'b' }\n",
        "6  environments.staging.template_parameters: are those of `template`, which is missing",
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\nimage_parameter = 'ssm:/shop/image'\n",
        (
            "5  environments.staging.image_parameter: should be written out, not referred to as "
            '"ssm:/shop/image"'
        ),
    ),
    (
        "[environments.staging]\n",
        "[environments.staging]\nimage_parameter = '/shop/image:3'\n",
        (
            "5  environments.staging.image_parameter: should be the name of a parameter such as "
            '"/acme/staging/image", not "/shop/image:3"'
        ),
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), EDITS)
def test_one_problem_is_told_in_one_line(file: Path, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    error = refusal(file, GOOD.replace(old, new, 1))
    assert error.details == (f"ci/delivery.toml:{problem}",)
    assert str(error) == "1 problem in ci/delivery.toml"
    assert error.remedy == "every key and what it may be: docs/configuration.md of shipway"
    assert error.exit_code == 10


SERVICE = [
    ("timeout = 0", "timeout: should be a number of seconds from 1 to 86400, not 0"),
    ("timeout = true", "timeout: should be a number of seconds from 1 to 86400, not true"),
    ("timeout = 1.5", "timeout: should be a number of seconds from 1 to 86400, not 1.5"),
    ('timeout = "9"', 'timeout: should be a number of seconds from 1 to 86400, not "9"'),
    ("interval = nan", "interval: should be a number of seconds from 0.1 to 60, not nan"),
    ("interval = inf", "interval: should be a number of seconds from 0.1 to 60, not inf"),
    ("interval = 0", "interval: should be a number of seconds from 0.1 to 60, not 0"),
    ("consecutive = 101", "consecutive: should be a number of answers from 1 to 100, not 101"),
    ("expected_status = 99", "expected_status: should be a number from 100 to 599, not 99"),
    ("fail_fast_tasks = 4", "fail_fast_tasks: should be a number of waves from 2 to 3, not 4"),
    (
        "fail_fast_tasks = [2]",
        "fail_fast_tasks: should be a number of waves from 2 to 3, not a list",
    ),
    ('on_failure = "panic"', 'on_failure: should be "rollback" or "leave", not "panic"'),
    ("on_failure = {}", 'on_failure: should be "rollback" or "leave", not a table'),
    ('on_pause = "rollback"', 'on_pause: should be "wait" or "leave", not "rollback"'),
    (
        'require_circuit_breaker = "yes"',
        'require_circuit_breaker: should be true or false, not "yes"',
    ),
    ('url = "ftp://x"', 'url: should be an http:// or https:// address, not "ftp://x"'),
    (
        'url = "https://user:word@x/"',
        'url: should be an http:// or https:// address, not "https://user:word@x/"',
    ),
    (
        "interval = 15\nverify_timeout = 59",
        (
            "verify_timeout: can never be met: 5 answers, one every 15 s, take 60 s, and "
            "verify_timeout is 59 s"
        ),
    ),
    ('path = "/health"', "path: is added to url, which is missing"),
    ('urls = "x"', 'urls: unknown key; did you mean "url"?'),
    ("zebra = 1", "zebra: unknown key"),
    (
        "timeout = 1979-05-27",
        "timeout: should be a number of seconds from 1 to 86400, not 1979-05-27",
    ),
]


@pytest.mark.parametrize(("row", "problem"), SERVICE)
def test_a_services_values_are_checked(file: Path, row: str, problem: str) -> None:
    error = refusal(file, f"{GOOD}{row}\n")
    line = 13 + row.count("\n")
    where = f"ci/delivery.toml:{line}  environments.staging.services.web"
    assert error.details == (f"{where}.{problem}",)


def test_a_very_long_value_is_cut(file: Path) -> None:
    error = refusal(file, GOOD.replace('"eu-west-1"', f'"{"x" * 5000}"'))
    assert error.details == (
        (
            "ci/delivery.toml:6  environments.staging.region: should be a region such as "
            f'"eu-west-1", not "{"x" * 80}..."'
        ),
    )


def test_every_problem_is_told_at_once_in_the_order_of_the_lines(file: Path) -> None:
    error = refusal(
        file,
        """\
schema = 1
name = "shop"
image = { platforms = ["linux", 3], build_args = { "a b" = "x", A = 1 } }
[environments.Prod]
services = 3
[environments.staging]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "c"
services = {}
[environments.other]
account = "111122223333"
region = "eu-west-1"
repository = "shop"
cluster = "c"
[environments.other.services.web]
service = "ssm:/shop/other/service"
container = "web"
[environments.other.services.api]
service = "ssm:/shop/other/service"
container = "api"
""",
    )
    start = "ci/delivery.toml:"
    assert error.details == (
        f"{start}3  image.build_args.A: should be a text, not 1",
        f'{start}3  image.build_args."a b": should be the name of a build argument, not "a b"',
        f'{start}3  image.platforms[0]: should be a platform such as "linux/amd64", not "linux"',
        f'{start}3  image.platforms[1]: should be a platform such as "linux/amd64", not 3',
        (
            f'{start}4  environments.Prod: should be a name of small letters, digits and "-", '
            'not "Prod"'
        ),
        f"{start}4  environments.Prod.account: is missing; it should be 12 digits in quotes",
        (
            f"{start}4  environments.Prod.cluster: is missing; it should be the name or ARN of an "
            "ECS cluster"
        ),
        (
            f"{start}4  environments.Prod.region: is missing; it should be a region such as "
            '"eu-west-1"'
        ),
        (
            f"{start}4  environments.Prod.repository: is missing; it should be an ECR repository's "
            "name or URI"
        ),
        f"{start}5  environments.Prod.services: should be a table, not 3",
        f"{start}11  environments.staging.services: should not be empty",
        (
            f"{start}21  environments.other.services.api.service: is the same service as "
            "environments.other.services.web.service"
        ),
    )
    assert str(error) == "12 problems in ci/delivery.toml"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ("environments: is missing; it should be a table",)),
        ("environments = []\n", ("environments: should be a table, not a list",)),
        ("image = 1\n", ("image: should be a table, not 1",)),
        ("image = { platforms = [] }\n", ("image.platforms: should not be empty",)),
        (
            'image = { platforms = "linux/amd64" }\n',
            ('image.platforms: should be a list, not "linux/amd64"',),
        ),
    ],
)
def test_tables_and_lists_are_named_for_what_they_should_be(
    file: Path, content: str, message: tuple[str, ...]
) -> None:
    details = refusal(file, content).details
    for line in message:
        assert f"ci/delivery.toml:1  {line}" in details


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = 1\nb = \n", "ci/delivery.toml:2 is not TOML: invalid value, at column 5"),
        (
            'a = 1\n\nb = "x',
            "ci/delivery.toml:3 is not TOML: unterminated string, at the end of the file",
        ),
        (
            "[a.b]\n[a.b]\n",
            "ci/delivery.toml:2 is not TOML: cannot declare a.b twice, at column 5",
        ),
        ("[a]\n[a]\n", "ci/delivery.toml:2 is not TOML: cannot declare a twice, at column 3"),
        (
            "a = 1\na = 2\n",
            "ci/delivery.toml:2 is not TOML: cannot overwrite a value, at column 6",
        ),
        (b'a = 1\nb = "\xff"\n', "ci/delivery.toml:2 is not UTF-8: byte 0xFF"),
        ("a = " + "[" * 5000 + "]" * 5000, "ci/delivery.toml is nested too deeply"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(
    file: Path, content: str | bytes, message: str
) -> None:
    error = refusal(file, content)
    assert str(error) == message
    assert error.remedy


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a = web\n", 'a "text" in double quotes, a number, true, false or a [list]'),
        ("a 1\n", "key = value, a [table] or a # comment"),
        ("!a = 1\n", "key = value, a [table] or a # comment"),
        ("= 1\n", "key = value, a [table] or a # comment"),
        ('a = "x" "y"\n', "the end of the line; a text stands in one pair of double quotes"),
        ('a = "x\nb = 1\n', "the text's closing quote on the same line"),
        ("a = [1, 2\nb = 1\n", "the list's closing ]"),
        ("a = { b = 1\n", "the table's closing } on the same line"),
        ("a = 1\na = 2\n", "each key and each [table] only once in the file"),
        ("a = { b = 1, b = 2 }\n", "each key and each [table] only once in the file"),
        ('a = "C:\\d"\n', r"\\ for a backslash, or the text in single quotes"),
        ("a = 2026-02-30\n", "a date such as 2026-11-22"),
        ("[a\n", "texts in double quotes, tables in [brackets]"),
    ],
)
def test_what_is_no_toml_is_told_with_what_was_expected(
    file: Path, content: str, expected: str
) -> None:
    error = refusal(file, content)
    assert re.match(r"ci/delivery\.toml:[12] is not TOML: .*, at column [0-9]+$", str(error))
    assert error.remedy == f"correct that line; expected: {expected}"


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert str(caught.value) == "there is no file ci/delivery.toml"
    # Whoever comes here first has a repository that shipway has not looked at.
    assert caught.value.remedy.startswith("shipway init writes it")
    assert "docs/configuration.md of shipway" in caught.value.remedy


def test_a_folder_is_told(file: Path) -> None:
    file.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    assert str(caught.value) == "ci/delivery.toml cannot be read: Is a directory"


def test_an_unknown_environment_is_told_with_the_nearest_and_all(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file).environment("stagin\n")
    assert str(caught.value) == (
        r'ci/delivery.toml: there is no environment "stagin\n"; did you mean "staging"?'
    )
    assert caught.value.remedy == "name one of staging"


@pytest.mark.parametrize(
    ("word", "nearest"), [("prod", "production"), ("stag", ""), ("pr", ""), ("x", "")]
)
def test_the_beginning_of_one_word_only_is_taken_for_it(word: str, nearest: str) -> None:
    assert closest(word, ("staging-of-the-shop", "stages-of-the-shop", "production")) == nearest


def test_no_environment_is_called_as_the_folder_of_refused_triggers(file: Path) -> None:
    error = refusal(file, GOOD.replace("environments.staging", "environments.refused"))
    (line,) = error.details
    assert line.startswith("ci/delivery.toml:4  environments.refused: is where records")
    assert line.endswith("evidence/refused")


@pytest.mark.parametrize("name", ["/shipway/shop/staging/lock", "shipway/shop/staging/lock"])
@pytest.mark.parametrize("table", ["environments.staging", "environments.staging.services.web"])
def test_no_image_is_written_into_the_lock(file: Path, name: str, table: str) -> None:
    line = f'[{table}]\nimage_parameter = "{name}"\n'
    error = refusal(file, GOOD.replace(f"[{table}]\n", line))
    assert [each.partition("  ")[2] for each in error.details] == [
        f"{table}.image_parameter: is the parameter that holds an environment's lock"
    ]
