"""CloudWatch Logs, corrected: FilterLogEvents goes on where it stopped."""

# corrections reach into the private names of one pinned MiniStack

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from ministack.core.responses import error_response_json, json_response

from shipway_sandbox.emulator.corrections import corrects, original

Record = dict[str, Any]

_MOST: Final = 10_000
"""How many events one answer has at most, and without a limit (API Reference, FilterLogEvents)."""


@corrects("logs.filter-goes-on", "logs._filter_log_events")
def filter_log_events(data: Record) -> Any:
    """FilterLogEvents: as many as ``limit`` says, and a token where there are more.

    The token holds the time of the last event that was sent, and how many of that time were: those
    that came meanwhile are neither lost nor sent twice.
    """
    after, passed = 0, 0
    if token := data.get("nextToken"):
        try:
            after, passed = json.loads(base64.urlsafe_b64decode(str(token).encode()))
        except (binascii.Error, ValueError, TypeError):
            return error_response_json(
                "InvalidParameterException", "The specified nextToken is invalid.", 400
            )
    limit = min(int(data.get("limit") or _MOST), _MOST)
    wanted = {name: value for name, value in data.items() if name not in {"limit", "nextToken"}}
    if token:
        wanted["startTime"] = after
    status, headers, body = original("logs._filter_log_events")(wanted)
    answer = json.loads(body)
    if "events" not in answer:
        return status, headers, body
    left = answer["events"][passed:]
    sent = left[:limit]
    if sent and (len(left) > limit or len(answer["events"]) == _MOST):
        last = sent[-1]["timestamp"]
        times = sum(event["timestamp"] == last for event in sent)
        before = passed if last == after and token else 0
        place = json.dumps([last, times + before]).encode()
        answer["nextToken"] = base64.urlsafe_b64encode(place).decode()
    return json_response(answer | {"events": sent})
