"""What the answers of every embedded service have otherwise than AWS's, corrected."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, SHAPES, KnownDifference

DIFFERENCES: Final = (
    KnownDifference(
        name="aws.empty-is-left-out",
        aws="a member without a value is left out of an answer, and no answer has a member that "
        "its model lacks",
        page="Smithy 2.0, AWS JSON 1.1 protocol",
        source="https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html",
        ministack="sends empty text and null, and three members of its own",
        test=SHAPES + "test_without_the_correction_answers_do_not_fit",
    ),
    KnownDifference(
        name="aws.lists-come-in-pages",
        aws="a list has as many elements as were asked for, and a token where there are more; a "
        "call that names too many things is refused",
        page="ECS API Reference, ListServices; ECR, ListImages; IAM, ListRoles; and others",
        source="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServices.html",
        ministack="answers all at once, whatever is asked for",
        test=SHAPES + "test_without_the_correction_lists_have_no_pages",
    ),
    KnownDifference(
        name="aws.one-error-for-what-lacks",
        aws="every operation of an API is there",
        page="ECR API Reference, Actions",
        source="https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html",
        ministack="has another error in each service for what it lacks; here it is "
        "UnknownOperationException, which names the operation",
        test=SHAPES + "test_an_operation_that_is_not_there_is_named",
    ),
    KnownDifference(
        name="events.rules-must-be-there",
        aws="what a rule starts is asked of a rule that is there, or refused",
        page="EventBridge API Reference, ListTargetsByRule: Errors",
        source="https://docs.aws.amazon.com/eventbridge/latest/APIReference/"
        "API_ListTargetsByRule.html",
        ministack="says that any other rule starts nothing",
        test=API,
        replaces=("eventbridge._list_targets_by_rule",),
    ),
    KnownDifference(
        name="logs.filter-goes-on",
        aws="FilterLogEvents gives a token where it stopped, so that no event is lost",
        page="CloudWatch Logs API Reference, FilterLogEvents",
        source="https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/"
        "API_FilterLogEvents.html",
        ministack="cuts the list and says nothing",
        test=SHAPES + "test_without_the_correction_lists_have_no_pages",
        replaces=("logs._filter_log_events",),
    ),
)
