"""What a Dockerfile says of the service."""

from __future__ import annotations

import pytest

from shipway.adoption.dockerfiles import choose, is_dockerfile, read
from shipway.adoption.facts import Dockerfile
from shipway.errors import ConfigurationError

WHOLE = """
FROM golang:1.24 AS build
EXPOSE 1
COPY go.mod go.sum ./
FROM gcr.io/distroless/static AS base
USER 10001:10001
EXPOSE 7010/tcp 9090
FROM base
COPY --from=build /bin/tally /tally
HEALTHCHECK --interval=5s CMD ["wget", "-q", "http://localhost:7010/ready", "-O", "-"]
"""


def test_the_last_stage_is_what_runs_with_what_it_starts_from() -> None:
    assert read("Dockerfile", WHOLE, lambda _: True) == Dockerfile(
        path="Dockerfile", port=7010, health_path="/ready", user="10001:10001"
    )


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("HEALTHCHECK CMD curl -f http://127.0.0.1:8080/health || exit 1", "/health"),
        ('HEALTHCHECK CMD node -e "fetch(\\"http://localhost:3000/up\\")"', "/up"),
        ("HEALTHCHECK CMD node -e 'fetch(`http://localhost:3000/up`)'", "/up"),
        ("HEALTHCHECK CMD wget -q http://localhost:3000/up&& true", "/up"),
        ("HEALTHCHECK CMD curl -f http://localhost/a/b?c=d; true", "/a/b?c=d"),
        ("HEALTHCHECK CMD curl -f http://localhost:${PORT}/up", "/up"),
        ("HEALTHCHECK CMD /bin/check", ""),
        ("HEALTHCHECK CMD curl http://localhost/up\nHEALTHCHECK NONE", ""),
        ("USER root", ""),
    ],
)
def test_the_health_check_names_a_path_or_none(line: str, path: str) -> None:
    seen = read("Dockerfile", f"FROM scratch\n{line}\n", lambda _: True)
    assert (seen.health_path, seen.user, seen.port) == (path, "", 0)


@pytest.mark.parametrize("ports", ["$PORT", "80/udp", ""])
def test_a_port_that_is_no_number_is_not_known(ports: str) -> None:
    assert read("Dockerfile", f"FROM scratch\nEXPOSE {ports}\n", lambda _: True).port == 0


@pytest.mark.parametrize(
    ("copied", "there", "context", "within"),
    [
        ("app.py", {"services/api/app.py"}, "services/api", "Dockerfile"),
        ("services/api/app.py", {"services/api/app.py"}, ".", "services/api/Dockerfile"),
        (".", set(), "services/api", "Dockerfile"),
        ("gone.py", set(), "services/api", "Dockerfile"),
        ("*.py", set(), "services/api", "Dockerfile"),
    ],
)
def test_the_context_is_the_folder_that_holds_what_is_copied(
    copied: str, there: set[str], context: str, within: str
) -> None:
    text = f"FROM scratch\nCOPY {copied} /app/\n"
    seen = read("services/api/Dockerfile", text, there.__contains__)
    assert (seen.context, seen.within_context) == (context, within)


def test_what_docker_would_refuse_is_told() -> None:
    with pytest.raises(ConfigurationError, match="not understood") as refused:
        read("Dockerfile", "FORM scratch\n", lambda _: True)
    assert refused.value.where == "Dockerfile"


def test_one_dockerfile_is_needed() -> None:
    assert choose(["Dockerfile"], "") == "Dockerfile"
    assert choose(["a/Dockerfile", "b/Dockerfile"], "./b/Dockerfile") == "b/Dockerfile"
    with pytest.raises(ConfigurationError, match="no Dockerfile"):
        choose([], "")
    with pytest.raises(ConfigurationError, match="2 Dockerfiles") as several:
        choose(["a/Dockerfile", "b/Dockerfile"], "")
    assert several.value.where == "a/Dockerfile, b/Dockerfile"
    assert "--dockerfile a/Dockerfile" in several.value.remedy


def test_what_is_called_like_a_dockerfile() -> None:
    names = ["Dockerfile", "api.Dockerfile", "Containerfile"]
    others = ["Dockerfile.dockerignore", "Dockerfile.md", "dockerfile.py"]
    assert [name for name in names + others if is_dockerfile(name)] == names
