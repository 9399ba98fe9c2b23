from __future__ import annotations

from shipway_sandbox.emulator.answers.empty import without_empty, without_empty_elements


def test_null_goes_everywhere_and_empty_text_where_aws_has_none() -> None:
    told = {
        "taskRoleArn": "",
        "runtimePlatform": None,
        "containerDefinitions": [{"environment": [{"name": "A", "value": ""}], "group": ""}],
        "command": [""],
    }
    assert without_empty("ecs", told) == {
        "containerDefinitions": [{"environment": [{"name": "A", "value": ""}]}],
        "command": [""],
    }


def test_what_another_service_may_say_empty_stays() -> None:
    assert without_empty("kms", {"Description": ""}) == {"Description": ""}


def test_an_empty_element_goes_and_a_full_one_stays() -> None:
    told = "<a><Description></Description><Description/><Description>x</Description><b/></a>"
    kept = "<a><Description>x</Description><b/></a>"
    assert without_empty_elements("cloudformation", "cloudformation:DescribeStacks", told) == kept


def test_what_no_answer_of_the_operation_has_goes() -> None:
    told = "<r><ChangeSetType>UPDATE</ChangeSetType><Status>CREATE_COMPLETE</Status></r>"
    operation = "cloudformation:DescribeChangeSet"
    kept = "<r><Status>CREATE_COMPLETE</Status></r>"
    assert without_empty_elements("cloudformation", operation, told) == kept
    other = "cloudformation:DescribeStacks"
    assert without_empty_elements("cloudformation", other, told) == told
