"""CQL values as text for a terminal, the way CQL writes them, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from cds import fhir
from cds.cli.items import harmless, json_text
from cds.expr import to_json
from cds.expr.elm.values import Code, CodeSystem, Concept, Interval, Ratio, Tuple, Uncertainty, ValueSet
from cds.expr.quantity import Quantity
from cds.expr.temporal import DateTime, Temporal, Time

#: Elements that say what a resource is about.
_SUBJECTS = ("code", "medicationCodeableConcept", "vaccineCode", "type")


def lines(value: Any, width: int) -> list[str]:
    """The value on lines of `width` columns, where that can be: what does not fit on one line is opened up."""
    flat = text(value)
    if len(flat) <= width:
        return [flat]
    if isinstance(value, list):
        return _braced("{", [("", item) for item in value], width)
    if isinstance(value, Tuple):
        return _braced("Tuple {", [(f"{name}: ", item) for name, item in value.elements.items()], width)
    if type(value) is dict and "resourceType" not in value:
        return json_text(value, indent=True).split("\n")
    return [flat]


def _braced(start: str, members: list[tuple[str, Any]], width: int) -> list[str]:
    found = [start]
    for index, (label, item) in enumerate(members):
        first, *rest = lines(item, width - 3 - len(label))
        block = [f"  {label}{first}", *(f"  {line}" for line in rest)]
        block[-1] += "," if index + 1 < len(members) else ""
        found += block
    return [*found, "}"]


def text(value: Any) -> str:
    """The value on one line; a resource is told by its type, id and what it is about."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return f"{{ {_joined(map(text, value))} }}" if value else "{ }"
        case Tuple():
            members = [f"{name}: {text(item)}" for name, item in value.elements.items()]
            return f"Tuple {{ {_joined(members) or ':'} }}"
        case Interval():
            brackets = "(["[value.low_closed], ")]"[value.high_closed]
            return f"Interval{brackets[0]}{text(value.low)}, {text(value.high)}{brackets[1]}"
        case Uncertainty():
            return f"{value.low} to {value.high}"
        case dict():
            return _resource(value) if isinstance(value.get("resourceType"), str) else json_text(value)
    return _simple(value)


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _simple(value: Any) -> str:
    match value:
        case str():
            return harmless("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'")
        case Decimal():
            return f"{value:f}"
        case Time():
            return f"@T{value}"
        case Temporal():
            return f"@{value}{'T' if isinstance(value, DateTime) and len(value.parts) < 4 else ''}"
        case Code():
            version = f" version {_simple(value.version)}" if value.version else ""
            return (
                f"Code {_simple(value.code or '')} from {_simple(value.system or '')}{version}{_display(value.display)}"
            )
        case Concept():
            return f"Concept {{ {_joined(map(text, value.codes))} }}{_display(value.display)}"
        case CodeSystem():
            return f"{'valueset' if isinstance(value, ValueSet) else 'codesystem'} {_simple(value.canonical)}"
    return harmless(str(value))


def _display(display: str | None) -> str:
    return f" display {_simple(display)}" if display else ""


def _resource(resource: dict[str, Any]) -> str:
    name = f"{resource['resourceType']}/{resource.get('id', '?')}"
    about = next((found for key in _SUBJECTS if (found := _about(resource.get(key)))), "")
    return harmless(f"{name} ({about})" if about else name)


def _about(element: Any) -> str:
    """The text of a CodeableConcept, or the display or code of its first coding."""
    if not isinstance(element, dict):
        return ""
    codings = [coding for coding in fhir.as_list(element.get("coding")) if isinstance(coding, dict)]
    told = [element.get("text"), *(coding.get(key) for coding in codings[:1] for key in ("display", "code"))]
    return next((words for words in told if isinstance(words, str) and words), "")


def record(value: Any) -> Any:
    """The value as JSON: dates as their text, intervals, codes and tuples as objects; decimals keep their digits."""
    match value:
        case list():
            return list(map(record, value))
        case Tuple():
            return {name: record(item) for name, item in value.elements.items()}
        case Interval():
            ends = {"low": record(value.low), "high": record(value.high)}
            return {**ends, "lowClosed": value.low_closed, "highClosed": value.high_closed}
        case Uncertainty():
            return {"low": value.low, "high": value.high}
        case Quantity():
            return {"value": value.value, "unit": value.unit}
        case Ratio():
            return {"numerator": record(value.numerator), "denominator": record(value.denominator)}
        case Code():
            return {name: getattr(value, name) for name in ("code", "system", "version", "display")}
        case Concept():
            return {"codes": list(map(record, value.codes)), "display": value.display}
        case CodeSystem():
            return value.canonical
    return to_json(value, exact=True)
