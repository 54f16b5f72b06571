"""The CQL type of a value, as far as its static type leaves it open, and how a type is written."""

from __future__ import annotations

from typing import Any

from cds.expr.elm.casts import type_test
from cds.expr.elm.specifiers import ANY, INTEGER, LONG, ChoiceOf, IntervalOf, ListOf, Named, TupleOf, Type
from cds.expr.elm.values import Interval, Tuple, Uncertainty
from cds.expr.types import model
from cds.expr.values import system_type

__all__ = ["LONG", "quoted", "specific", "type_name", "type_text"]


def type_name(kind: Type | None) -> str:
    """A type the way cqf-cqlType has it: `List<System.Integer>`, `Tuple{X:System.Integer}`."""
    match kind:
        case ListOf():
            return f"List<{type_name(kind.element)}>"
        case IntervalOf():
            return f"Interval<{type_name(kind.point)}>"
        case TupleOf():
            return "Tuple{" + ",".join(f"{name}:{type_name(inner)}" for name, inner in kind.elements) + "}"
        case ChoiceOf():
            return "Choice<" + ",".join(map(type_name, kind.choices)) + ">"
    return str(ANY if kind is None else kind)


def type_text(kind: Type) -> str:
    """A type the way CQL writes it; names of tuple elements, which a caller may choose, are quoted."""
    match kind:
        case ListOf():
            return f"List<{type_text(kind.element)}>"
        case IntervalOf():
            return f"Interval<{type_text(kind.point)}>"
        case TupleOf():
            return "Tuple{" + ", ".join(f"{quoted(name)} {type_text(inner)}" for name, inner in kind.elements) + "}"
        case ChoiceOf():
            return "Choice<" + ", ".join(map(type_text, kind.choices)) + ">"
    return str(kind)


def quoted(text: str, mark: str = '"') -> str:
    """A name in CQL, or with another mark a string."""
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark).replace("\n", "\\n").replace("\r", "\\r")
    return f"{mark}{escaped}{mark}"


def specific(kind: Type | None, value: Any) -> Type | None:
    """The static type `kind`, or the type of the value where that is open: not known, Any or a choice. A whole number
    that is uncertain is an interval of them."""
    if isinstance(value, Uncertainty):
        return IntervalOf(INTEGER)
    if isinstance(kind, ChoiceOf):
        if isinstance(value, list):
            return ListOf(kind)
        return next((choice for choice in kind.choices if type_test(model(), choice, kind)(value)), kind)
    if kind is None or kind == ANY:
        return _type_of(value)
    if kind == IntervalOf(ANY) and isinstance(value, Interval):
        return _type_of(value)
    return kind


def _type_of(value: Any) -> Type | None:
    """The type a value shows; None for null and for FHIR's elements."""
    match value:
        case list():
            kinds = {_type_of(item) for item in value if item is not None}
            return ListOf(kinds.pop() or ANY) if len(kinds) == 1 else ListOf(ANY)
        case Tuple():
            return TupleOf(tuple((name, _type_of(item) or ANY) for name, item in value.elements.items()))
        case Interval():
            point = value.point or next((name for end in (value.low, value.high) if (name := _name(end))), None)
            return IntervalOf(Named(point) if point else ANY)
        case dict():
            resource = value.get("resourceType")
            return Named(f"FHIR.{resource}") if isinstance(resource, str) else None
    name = _name(value)
    return Named(name) if name else None


def _name(value: Any) -> str | None:
    if value is None:
        return None
    known = system_type(value)
    if known == "Integer" and not -(2**31) <= value < 2**31:
        known = "Long"
    return f"System.{known or type(value).__name__}"
