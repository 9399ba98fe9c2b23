"""The events of GitHub, and which of them a contract may name.

The list is that of GitHub Docs, "Events that trigger workflows". An event may be named where its
ref is a branch or tag of the repository itself that somebody with write access moved or chose.
"""

from __future__ import annotations

from collections.abc import Mapping

from shipway.policy.trigger import BY_HAND

RELEASABLE: tuple[str, ...] = (
    "push",
    BY_HAND,
    "release",
    "workflow_dispatch",
    "repository_dispatch",
    "schedule",
    "deployment",
)
"""What ``event`` in release.toml may be."""

_UNMERGED = "it runs on code that nobody has merged"
_ANYBODY = "anybody who can read the repository can cause it"
_NO_REF = "it is not about a branch or tag that was pushed"

NEVER: Mapping[str, str] = {
    "pull_request": _UNMERGED,
    "pull_request_target": _UNMERGED,
    "pull_request_review": _UNMERGED,
    "pull_request_review_comment": _UNMERGED,
    "merge_group": _UNMERGED,
    "workflow_run": _UNMERGED,
    "check_run": _UNMERGED,
    "check_suite": _UNMERGED,
    "status": _UNMERGED,
    "discussion": _ANYBODY,
    "discussion_comment": _ANYBODY,
    "fork": _ANYBODY,
    "issue_comment": _ANYBODY,
    "issues": _ANYBODY,
    "watch": _ANYBODY,
    "branch_protection_rule": _NO_REF,
    "create": "a push says the same of the same ref",
    "delete": "what it is about is gone",
    "deployment_status": _NO_REF,
    "gollum": _NO_REF,
    "image_version": _NO_REF,
    "label": _NO_REF,
    "milestone": _NO_REF,
    "page_build": _NO_REF,
    "public": _NO_REF,
    "registry_package": _NO_REF,
    "workflow_call": "it carries the event of its caller, and has none of its own",
}
"""GitHub's other events, each with the reason why it can release nothing."""
