"""The rows that actions rest on (documentation.label), and the near misses of them that cases are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cds import fhir
from cds.apply.tree import AppliedAction, Outcome
from cds.cases.model import Case, Difference


def labels(element: Mapping[str, Any]) -> Iterator[str]:
    """The rows that an action cites."""
    return (str(item["label"]) for item in fhir.as_list(element.get("documentation")) if "label" in item)


def near_misses(case: Case, applied: Sequence[AppliedAction]) -> Iterator[Difference]:
    """What contradicts that the case is a near miss of its rows: one of them is shown, or no action that cites it was
    asked in this call."""
    asked = [action for root in applied for action in root.walk()] if case.near_miss_of else []
    for row in sorted(case.near_miss_of):
        citing = [action for action in asked if row in labels(action.source.element if action.source else {})]
        shown = [action.id for action in asked if action.outcome is Outcome.FIRED and row in labels(action.element)]
        if shown:
            yield Difference(f"near miss of {row}", "no card that cites it", ", ".join(shown))
        elif not citing:
            yield Difference(f"near miss of {row}", f"an action that cites it, asked at {case.hook}", "none")
