"""The published CQL suite: its cases, how one is run on our engine, and when it counts.

A case counts when both of its sides evaluate, and their values are equal as CQL's `=` says; when null is expected it
has to be written as one. Where an error is expected, compiling or evaluating has to fail with one of ours.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cds.errors import CdsError
from cds.expr import Evaluation
from cds.expr.elm.library import Library
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.values import Interval, Uncertainty
from cds.expr.libraries import Libraries

SUITE = Path(__file__).resolve().parents[2].parent / "shared" / "conformance" / "cql"
NOW = datetime(2026, 3, 3, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One <test>. `output` is a CQL expression too; without one an error is expected."""

    name: str
    expression: str
    output: str | None


def cases() -> Iterator[Case]:
    """Every test of the suite; names that are used twice get their group before them."""
    for path in sorted(SUITE.glob("*.xml")):
        for group in ElementTree.parse(path).getroot().findall("{*}group"):  # noqa: S314 - our own test data
            for test in group.findall("{*}test"):
                expression, output = test.find("{*}expression"), test.find("{*}output")
                assert expression is not None
                invalid = expression.get("invalid") in ("true", "syntax", "semantic")
                text = None if invalid or output is None else (output.text or "").strip()
                name = f"{path.stem}.{group.get('name')}.{test.get('name')}"
                yield Case(name, (expression.text or "").strip(), text)


def library_of(text: str) -> Library:
    """The library whose `Case` is the expression."""
    return Libraries().compile(f"library Suite\ndefine Case:\n{text}\n")


def evaluated(text: str) -> Any:
    """The value of an expression."""
    return library_of(text).evaluate(Evaluation(now=NOW), "Case")


def failure(case: Case) -> str | None:
    """Why a case does not count, or None when it does."""
    try:
        found = evaluated(case.expression)
    except CdsError as error:
        return None if case.output is None else f"{error!r}"
    if case.output is None:
        return f"expected an error, found {found!r}"
    try:
        expected = evaluated(case.output)
    except CdsError as error:
        return f"the expected side fails: {error!r}"
    if expected is None and case.output != "null":
        return "the expected side is null by accident"
    return None if _equal(found, expected) else f"expected {expected!r}, found {found!r}"


def _equal(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is expected
    if type(found) is Uncertainty and type(expected) is Interval:  # how the suite writes an uncertain number
        return (found.low, found.high) == (expected.low, expected.high)
    if _holds_null(expected):  # `=` of values that hold nulls is null, so that only their form is left to compare
        return repr(found) == repr(expected)
    return OPERATORS["Equal"].handler(found, expected) is True


def _holds_null(value: Any) -> bool:
    if isinstance(value, list):
        return any(item is None or _holds_null(item) for item in value)
    return type(value) is Interval and (value.low is None or value.high is None)
