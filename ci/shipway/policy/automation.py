"""Whether a build service runs us: what is "by hand" is done by a person.

Pure. Each service's own page of predefined variables names them; they are gathered in
https://github.com/watson/ci-info (``vendors.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "GitHub Actions": (
        "GITHUB_ACTIONS",
        "GITHUB_RUN_ID",
        "GITHUB_WORKFLOW",
        "GITHUB_JOB",
        "GITHUB_EVENT_NAME",
        "RUNNER_ENVIRONMENT",
    ),
    "GitLab CI": ("GITLAB_CI", "CI_JOB_ID", "CI_PIPELINE_ID"),
    "Jenkins": ("JENKINS_URL", "HUDSON_URL", "JENKINS_HOME"),
    "Buildkite": ("BUILDKITE", "BUILDKITE_BUILD_ID"),
    "CircleCI": ("CIRCLECI", "CIRCLE_BUILD_NUM"),
    "Azure Pipelines": ("TF_BUILD", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"),
    "TeamCity": ("TEAMCITY_VERSION",),
    "Bitbucket Pipelines": ("BITBUCKET_BUILD_NUMBER", "BITBUCKET_COMMIT"),
    "Travis CI": ("TRAVIS", "TRAVIS_BUILD_ID"),
    "AWS CodeBuild": ("CODEBUILD_BUILD_ID", "CODEBUILD_BUILD_ARN"),
    "Drone": ("DRONE", "DRONE_BUILD_NUMBER"),
    "Woodpecker": ("CI_PIPELINE_NUMBER",),
    "Gitea Actions": ("GITEA_ACTIONS", "FORGEJO_ACTIONS"),
    "Google Cloud Build": ("BUILDER_OUTPUT",),
    "Bamboo": ("bamboo_planKey", "bamboo_buildNumber"),
    "GoCD": ("GO_PIPELINE_LABEL", "GO_PIPELINE_NAME"),
    "Semaphore": ("SEMAPHORE",),
    "AppVeyor": ("APPVEYOR",),
    "Cirrus CI": ("CIRRUS_CI",),
    "Codefresh": ("CF_BUILD_ID",),
    "Codemagic": ("CM_BUILD_ID",),
    "Bitrise": ("BITRISE_IO",),
    "Buddy": ("BUDDY_WORKSPACE_ID",),
    "Harness": ("HARNESS_BUILD_ID",),
    "Prow": ("PROW_JOB_ID",),
    "Screwdriver": ("SCREWDRIVER",),
    "Spacelift": ("TF_VAR_spacelift_run_id",),
    "TaskCluster": ("TASKCLUSTER_PROXY_URL",),
    "Vela": ("VELA",),
    "Zuul": ("ZUUL_PIPELINE",),
    # Most of them set one of these, and so do those that nobody here has heard of.
    "a build service": ("CI", "CONTINUOUS_INTEGRATION", "CI_NAME", "BUILD_NUMBER"),
}
_OFF: Final = frozenset({"", "0", "false", "no", "off"})


def build_service(variables: Mapping[str, str]) -> tuple[str, str] | None:
    """The build service that runs us and the variable that says so; ``None`` for a person."""
    for service, names in _SERVICES.items():
        for name in names:
            if variables.get(name, "").strip().lower() not in _OFF:
                return service, name
    return None
