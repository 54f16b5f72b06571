"""The value of a parameter in words for people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds.expr.elm.values import Code, Concept, Interval
from cds.expr.quantity import Quantity


def said(value: Any) -> str:
    """A value in words for people."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(said, value)) or "nothing"
        case Decimal():
            return f"{value:f}"
        case Quantity():
            return f"{value.value:f} {value.unit}".removesuffix(" 1")
        case Code() | Concept():
            codes = value.codes if isinstance(value, Concept) else [value]
            return value.display or ", ".join(str(code.display or code.code) for code in codes)
        case Interval():
            return f"{said(value.low)} to {said(value.high)}"
    return str(value)
