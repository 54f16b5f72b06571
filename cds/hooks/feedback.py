"""What a client reports about cards (cds-hooks.md section E), read tolerantly: older shapes of a reason are taken, and
members that are null are absent. Everything else that is wrong is refused with JSON pointers, and then nothing is kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds.body import decode
from cds.errors import Issue, RequestError
from cds.hooks.envelope import feedback_problems

_MOST_ITEMS = 10_000
#: The longest text of a code or system that is kept; longer ones are none.
_LONGEST_CODE = 255
#: Stands for the system that clients of before 2.0 leave out.
_NO_SYSTEM = "-"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One item. `card` is None when its id cannot be one of ours, which are UUIDs; `at` is the moment the client gives.
    `suggestions` are ids of accepted ones, `reason` is (system or None, code)."""

    card: str | None
    outcome: str
    at: datetime
    suggestions: tuple[str, ...]
    reason: tuple[str | None, str] | None
    comment: str | None


def parse(body: bytes, *, max_depth: int = 64) -> list[Feedback]:
    """The items that `body` holds (E2-E6, E10). Raises RequestError: 400 for what is no feedback, 413 for more than
    10,000 items."""
    call = decode(body, max_depth=max_depth)
    sent = call.get("feedback") if isinstance(call, dict) else None
    if isinstance(sent, list):
        if len(sent) > _MOST_ITEMS:
            raise RequestError(413, Issue("too-long", f"The body holds more than {_MOST_ITEMS} items", "/feedback"))
        call = {**call, "feedback": [_put_right(item) for item in sent]}
    problems = feedback_problems(call)
    if problems:
        raise RequestError(400, problems)
    return [_item(item, index) for index, item in enumerate(call["feedback"])]


def _put_right(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    item = _without_nulls(item)
    reason = item.get("overrideReason")
    if isinstance(reason, dict):
        reason = _without_nulls(reason)
        if "reason" not in reason and "code" in reason:  # flat, as before 2.0 (E10)
            comment = {"userComment": reason["userComment"]} if "userComment" in reason else {}
            reason = {"reason": {name: reason[name] for name in ("system", "code") if name in reason}, **comment}
        if isinstance(reason.get("reason"), dict):
            reason["reason"] = {"system": _NO_SYSTEM, **_without_nulls(reason["reason"])}
        item["overrideReason"] = reason
    return item


def _without_nulls(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None and value != []}


def _item(item: Mapping[str, Any], index: int) -> Feedback:
    try:
        at = datetime.fromisoformat(item["outcomeTimestamp"].upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pointer = f"/feedback/{index}/outcomeTimestamp"
        raise RequestError(400, Issue("value", "There is no such moment", pointer)) from None
    override = item.get("overrideReason", {})
    return Feedback(
        _uuid(item["card"]),
        item["outcome"],
        at,
        tuple(one for said in item.get("acceptedSuggestions", ()) if (one := _uuid(said["id"])) is not None),
        _reason(override.get("reason")),
        override.get("userComment"),
    )


def _uuid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _reason(coding: Mapping[str, str] | None) -> tuple[str | None, str] | None:
    if coding is None or max(len(coding["system"]), len(coding["code"])) > _LONGEST_CODE:
        return None
    return None if coding["system"] == _NO_SYSTEM else coding["system"], coding["code"]
