"""What the last stage of a Dockerfile says of the program that will run."""

from __future__ import annotations

import pytest

from shipway.image.dockerfile_words import UnsureError
from shipway.image.final_stage import FinalStage, final_stage


def test_a_stage_has_what_the_one_that_it_starts_from_says() -> None:
    text = (
        "FROM golang:1.24 AS build\nEXPOSE 1\nUSER root\n"
        "FROM scratch AS base\nEXPOSE 7010\nUSER 10001\n"
        "FROM base\nEXPOSE 9090/tcp\nHEALTHCHECK CMD /check\n"
    )
    assert final_stage(text) == FinalStage(
        exposed=("7010", "9090/tcp"), health="CMD /check", user="10001"
    )


def test_expose_in_a_comment_or_a_heredoc_is_none() -> None:
    text = "FROM scratch\n# EXPOSE 1\nRUN <<EOF\nEXPOSE 2\nEOF\nexpose 3\n"
    assert final_stage(text).exposed == ("3",)


@pytest.mark.parametrize(
    ("exposed", "port"),
    [("8080", 8080), ("53/udp 80", 80), ("8000-8010", 8000), ("$PORT", 0), ("53/udp", 0)],
)
def test_the_first_tcp_port_is_the_services(exposed: str, port: int) -> None:
    assert final_stage(f"FROM scratch\nEXPOSE {exposed}\n").port == port


@pytest.mark.parametrize(
    ("exposed", "port", "serves"),
    [
        ("8080", 8080, True),
        ("8080", 8081, False),
        ("80 9090/tcp", 9090, True),
        ("8000-8010", 8010, True),
        ("8000-8010", 8011, False),
        ("53/udp", 53, True),  # of TCP it says nothing
        ("8080 $PORT", 9, True),  # a build argument decides
    ],
)
def test_a_port_is_refused_only_where_expose_is_sure(
    exposed: str, port: int, *, serves: bool
) -> None:
    assert final_stage(f"FROM scratch\nEXPOSE {exposed}\n").serves(port) is serves


def test_without_expose_every_port_will_do() -> None:
    assert FinalStage().serves(1)


def test_what_buildkit_would_refuse_is_not_guessed() -> None:
    with pytest.raises(UnsureError):
        final_stage("FROM scratch\nEXPSE 1\n")
