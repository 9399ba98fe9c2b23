"""``[notify.NAME]`` in delivery.toml: read, looked up, and refused with file and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shipway.config import receivers
from shipway.config.load import Declared, load
from shipway.config.notify import EVENTS, Receiver
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.errors import AccessDeniedError, ConfigurationError
from shipway.policy.compile.resources import resources_of
from shipway.redact import HIDDEN, redact

KEY = "k" * 32
GOOD = """\
schema = 1
name = "tally"
[environments.blue]
account = "111122223333"
region = "eu-west-1"
repository = "tally"
cluster = "tally"
[environments.blue.services.api]
service = "api"
container = "api"
[environments.local]
sandbox = true
account = "111122223333"
region = "eu-west-1"
repository = "tally"
cluster = "tally"
[environments.local.services.api]
service = "api"
container = "api"
"""
HOOKS = """
[notify.ops]
url = "ssm:/tally/ops"
secret = "env:OPS_SECRET"
[notify.chat]
url = "env:CHAT"
format = "slack"
events = ["failed"]
environments = ["local"]
"""


@dataclass
class Published:
    """What AWS answers."""

    answers: dict[str, Resolution] = field(default_factory=dict)
    fails: AccessDeniedError | None = None
    asked: list[Reference] = field(default_factory=list)

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        self.asked += references
        if self.fails is not None:
            raise self.fails
        return {each: self.answers.get(str(each), Missing()) for each in references}


def declared(tmp_path: Path, text: str = HOOKS, name: str = "blue") -> Declared:
    file = tmp_path / "delivery.toml"
    file.write_text(GOOD + text, encoding="utf-8")
    return load(file).environment(name)


def test_what_an_environment_tells_is_looked_up(tmp_path: Path) -> None:
    published = Published({"ssm:/tally/ops": Found(text="https://ops.example/x", secret=True)})
    [ops] = receivers.receivers(declared(tmp_path), {"OPS_SECRET": f"{KEY}\n"}, published)
    assert ops == Receiver(name="ops", url="https://ops.example/x", secret=KEY, events=EVENTS)
    assert published.asked == [Reference("ssm", "/tally/ops")]


def test_the_sandbox_tells_only_who_names_it(tmp_path: Path) -> None:
    published = Published()
    [chat] = receivers.receivers(
        declared(tmp_path, name="local"), {"CHAT": "https://chat.example"}, published
    )
    assert (chat.name, chat.format, chat.events) == ("chat", "slack", ("failed",))
    assert published.asked == []


def test_what_is_missing_is_said_and_fails_nothing(tmp_path: Path) -> None:
    [ops] = receivers.receivers(declared(tmp_path), {}, Published())
    assert ops.trouble == "ssm:/tally/ops is not published; env:OPS_SECRET is not set"
    denied = AccessDeniedError("ssm:GetParameters is not allowed on /tally/ops")
    [ops] = receivers.receivers(declared(tmp_path), {"OPS_SECRET": KEY}, Published(fails=denied))
    assert ops.trouble == "ssm:/tally/ops: ssm:GetParameters is not allowed on /tally/ops"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("whsec_", "a key of 0 bytes, and 24 are the fewest"),
        ("hunter2", "a key of 7 bytes"),
        ("whsec_aHVudGVyMg==", "a key of 7 bytes"),
        ("whsec_not base64 at all, but long", "no base64 behind whsec_"),
    ],
)
def test_a_key_that_anybody_could_guess_signs_nothing(
    tmp_path: Path, secret: str, words: str
) -> None:
    published = Published({"ssm:/tally/ops": Found(text="https://ops.example/x", secret=True)})
    [ops] = receivers.receivers(declared(tmp_path), {"OPS_SECRET": secret}, published)
    assert words in ops.trouble
    assert "hunter2" not in ops.trouble
    assert "not base64 at all" not in ops.trouble


def test_what_lets_one_write_is_a_secret_by_itself() -> None:
    hook = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
    receiver = Receiver(name="ops", url=hook, secret=f"whsec_{KEY}")
    for text in (hook, hook.removeprefix("https://hooks.slack.com"), "X" * 24, KEY):
        assert redact(f"POST {text} failed", receiver.secrets) == f"POST {HIDDEN} failed"
    plain = Receiver(name="ops", url="https://hooks.example.com/api/v1/events")
    log = "GET /api/v1/events from hooks.example.com"
    assert redact(log, plain.secrets) == log


def test_the_deploy_role_may_read_what_is_told_with(tmp_path: Path) -> None:
    assert "/tally/ops" in resources_of(declared(tmp_path)).parameters
    assert resources_of(declared(tmp_path, "")).parameters == ()


def test_no_address_is_shown_by_chance() -> None:
    receiver = Receiver(name="ops", url="https://canary", secret="canary")  # noqa: S106
    assert "canary" not in repr(receiver)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('url = "https://hooks.slack.com/x"', "notify.x.url: should be a reference"),
        ('url = "env:X"\nsecret = "abc"', "notify.x.secret: should be a reference"),
        ("", "notify.x.url: is missing"),
        ('url = "env:X"\nformat = "teams"', "notify.x.format: should be"),
        ('url = "env:X"\nevents = ["begun"]', "notify.x.events[0]: should be"),
        ('url = "env:X"\nevents = []', "notify.x.events: should not be empty"),
        (
            'url = "env:X"\nenvironments = ["bleu"]',
            'no environment of this file; did you mean "blue"',
        ),
        ('url = "ssm:"', "notify.x.url: "),
        ('url = "env:X"\nurls = "env:X"', "notify.x.urls: unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        declared(tmp_path, f"[notify.x]\n{text}\n")
    assert caught.value.exit_code == 10
    assert any(problem in line for line in caught.value.details), caught.value.details
