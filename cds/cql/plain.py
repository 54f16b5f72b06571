"""Values as YAML and JSON write them, as parameters of the type that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import re2

from cds.cql.results import EMPTY_LIST
from cds.errors import EvaluationError
from cds.expr.elm.specifiers import ANY, IntervalOf, ListOf, Named, Type
from cds.expr.values import decimal

Parameter = dict[str, Any]

_QUANTITY = re2.compile(r"(-?\d+(?:\.\d+)?)(?: +(.+))?")

#: What each System type is written as.
_WRITTEN = {
    "Boolean": "true or false",
    "Integer": "a whole number such as 14",
    "Long": "a whole number such as 14",
    "Decimal": "a number such as 0.5",
    "String": "a text; put it in quotes if it looks like a number",
    "Date": "a date such as 2026-01-31",
    "DateTime": "a moment such as 2026-01-31T09:30:00Z",
    "Time": 'a time in quotes such as "09:30:00"',
    "Quantity": "a number with its unit such as 30 mg, or {value: 30, unit: mg}",
    "Ratio": "{numerator: {value: 1, unit: mg}, denominator: {value: 2, unit: mL}}",
    "Code": "{system: ..., code: ..., display: ...}",
    "Concept": "{coding: [{system: ..., code: ...}], text: ...}",
}
#: What a value is where the type is open.
_NATURAL = {bool: "Boolean", int: "Integer", float: "Decimal", str: "String"}
_ENDS = ("low", "high"), ("start", "end")


def as_parameters(value: Any, kind: Type) -> list[Parameter]:
    """The value of a YAML or JSON text as the parameters that `inputs.read` takes for this type. Raises EvaluationError
    when it is written in no way that the type has."""
    if isinstance(kind, ListOf):
        if not isinstance(value, list):
            raise EvaluationError("this is no list", hint=hint(kind))
        empty = {"_valueBoolean": {"extension": [{"url": EMPTY_LIST, "valueBoolean": True}]}}
        return [_parameter(item, kind.element) for item in value] or [empty]
    return [_parameter(value, kind)]


def hint(kind: Type) -> str:
    """How a value of the type is written."""
    if isinstance(kind, ListOf):
        return f"write a list: each item {_form(kind.element)}"
    return f"write {_form(kind)}"


def _form(kind: Type) -> str:
    if isinstance(kind, IntervalOf):
        return "{low: ..., high: ...}, or of dates {start: ..., end: ...}"
    name = _name(kind)
    return _WRITTEN.get(name, f"a {name or kind} as FHIR has it")


def _name(kind: Type) -> str:
    """The name of a type of CQL itself, else nothing."""
    return kind.name.removeprefix("System.") if isinstance(kind, Named) and kind.name.startswith("System.") else ""


def _parameter(value: Any, kind: Type) -> Parameter:
    if isinstance(kind, IntervalOf):
        return {"valueRange": _interval(value, kind.point)}
    name = _name(kind) if kind != ANY else _NATURAL.get(type(value), "")
    if name in _FORMS:
        return _FORMS[name](value)
    if kind == Named("FHIR.Quantity"):
        return _quantity(value)
    if isinstance(kind, Named) and kind.name.startswith("FHIR."):
        own = kind.name.removeprefix("FHIR.")
        return {f"value{own[:1].upper()}{own[1:]}": value}
    raise EvaluationError(f"a value of type {kind} cannot be written here")


def _interval(value: Any, point: Type) -> Mapping[str, Any]:
    """A Period or Range; ends that are numbers are Quantities in a Range."""
    if not isinstance(value, dict) or not any(value.keys() and value.keys() <= set(ends) for ends in _ENDS):
        raise EvaluationError("this is no interval", hint=hint(IntervalOf(point)))
    if _name(point) in ("Date", "DateTime", "Time"):
        return {"start": value.get("start", value.get("low")), "end": value.get("end", value.get("high"))}
    quantity = _name(point) == "Quantity"
    return {name: _quantity(end)["valueQuantity"] if quantity else {"value": end} for name, end in value.items()}


def _quantity(value: Any) -> Parameter:
    """`30 mg`, `{value: 30, unit: mg}`, or a number alone."""
    if isinstance(value, str) and (found := _QUANTITY.fullmatch(value.strip())) is not None:
        value = {"value": Decimal(found[1]), "unit": (found[2] or "1").strip("'")}
    elif type(value) in (int, float):
        value = {"value": decimal(value), "unit": "1"}
    elif isinstance(value, dict) and type(value.get("value")) is float:
        value = {**value, "value": decimal(value["value"])}
    return {"valueQuantity": value}


_FORMS: dict[str, Callable[[Any], Parameter]] = {
    "Boolean": lambda value: {"valueBoolean": value},
    "Integer": lambda value: {"valueInteger": value},
    "Long": lambda value: {"valueInteger64": value},
    "Decimal": lambda value: {"valueDecimal": decimal(value) if type(value) in (int, float) else value},
    "String": lambda value: {"valueString": value},
    "Date": lambda value: {"valueDate": value},
    "DateTime": lambda value: {"valueDateTime": value},
    "Time": lambda value: {"valueTime": value},
    "Quantity": _quantity,
    "Ratio": lambda value: {"valueRatio": value},
    "Code": lambda value: {"valueCoding": value},
    "Concept": lambda value: {"valueCodeableConcept": value},
}
