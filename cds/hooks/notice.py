"""The card that says which data could not be had, where that kept advice back (cds-hooks.md P9; security.md F1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2

from cds import fhir
from cds.apply.tree import AppliedAction, Outcome
from cds.chart import Chart
from cds.hooks.discovery import Service

_TOPIC = {
    "system": f"{fhir.CANONICAL_BASE}/CodeSystem/notice",
    "code": "data-missing",
    "display": "Data that could not be read",
}


def notices(service: Service, chart: Chart, applied: Iterable[AppliedAction], identity: str) -> list[dict[str, Any]]:
    """One info card when data could not be read, or not all of it, and an action of the plan is undecided; else none.
    Data that the client did not offer at all is its choice, and not told at each call."""
    keys = [key for key, answer in chart.answers.items() if answer.completeness.unread]
    if not keys or not any(action.outcome is Outcome.UNKNOWN for root in applied for action in root.walk()):
        return []
    title = service.plan.definition.get("title") or service.plan.definition.get("name") or service.id
    return [
        {
            "uuid": fhir.derived_id(f"{identity}|{_TOPIC['code']}"),
            "summary": "Some data could not be read: advice that depends on it is not shown",
            "detail": f"Not read, or not completely: {', '.join(map(_words, keys))}.",
            "indicator": "info",
            "source": {"label": title, "topic": _TOPIC},
        }
    ]


def _words(key: str) -> str:
    """`medicationRequests` as people write it."""
    return str(re2.sub("([A-Z])", r" \1", key)).lower()
