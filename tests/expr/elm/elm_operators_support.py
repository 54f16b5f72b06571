"""What the tests of CQL operators share: values written as text, and calls through the table like the compiler's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cds.expr import temporal
from cds.expr.elm import conversions, intervals
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.values import Interval
from cds.expr.evaluation import Evaluation
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Time

EV = Evaluation(now=datetime(2026, 3, 3, 12, 30, tzinfo=UTC))
_TYPES = {int: "Integer", Decimal: "Decimal", str: "String", bool: "Boolean", Quantity: "Quantity"} | {
    kind: kind.__name__ for kind in (Date, DateTime, Time)
}


def call(name: str, *operands: Any, precision: str | None = None, types: tuple[str, ...] = ()) -> Any:
    """An operator applied through its row: nulls propagated, precision, types and evaluation handed on."""
    row = OPERATORS[name]
    if row.nulls == "propagate" and any(operand is None for operand in operands):
        return None
    if types in row.special:
        return row.special[types](*operands)
    keywords: dict[str, Any] = {}
    if row.needs_precision:
        keywords["precision"] = precision
    if row.needs_types:
        keywords["types"] = types
    if row.needs_evaluation:
        keywords["ev"] = Evaluation(now=EV.now)
    return row.handler(*operands, **keywords)


def v(text: str) -> Any:
    """A value from text: `1`, `1.5`, `5 'mg'`, `@2012-01` (Date), `@2012-01T` (DateTime at Z), `@T10:30`, `null`."""
    if text == "null":
        return None
    if text.startswith("@T"):
        return conversions.to_time(text[1:])
    if text.startswith("@"):
        read = temporal.parse_datetime if "T" in text else temporal.parse_date
        return conversions.to_datetime(read(text[1:]), ev=EV) if "T" in text else read(text[1:])
    if " " in text:
        return conversions.to_quantity(text)
    return Decimal(text) if "." in text else int(text)


def i(text: str) -> Interval:
    """An interval from text such as `[1, 10)`; the type of its ends is that of its points."""
    low, high = (v(part.strip()) for part in text[1:-1].split(","))
    known = low if low is not None else high
    point = f"System.{_TYPES[type(known)]}" if known is not None else None
    return intervals.make(low, high, text[0] == "[", text[-1] == "]", point)
