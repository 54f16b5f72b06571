"""Simple CQL values as FHIR datatypes (Using CQL with FHIR 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cds.cql.kinds import LONG
from cds.expr import to_json
from cds.expr.elm import edges, intervals
from cds.expr.elm.specifiers import Type
from cds.expr.elm.values import Code, CodeSystem, Concept, Interval, Ratio, Uncertainty
from cds.expr.quantity import Quantity
from cds.expr.temporal import Date, DateTime, Temporal, Time

PRECISION = "http://hl7.org/fhir/StructureDefinition/quantity-precision"
TIME_PRECISION = "http://hl7.org/fhir/StructureDefinition/time-precision"
UCUM = "http://unitsofmeasure.org"

_LARGEST_INTEGER = 2**31
#: Where times of day are placed in a Period.
_FIRST_DAY = "0001-01-01T"

Element = dict[str, Any]


def value_of(value: Any, kind: Type | None) -> Element:
    """The value[x] member of a value that is neither null, list, tuple nor FHIR's: `{"valueInteger": 1}`, with the
    member that holds its extensions where it has some."""
    match value:
        case bool():
            return {"valueBoolean": value}
        case int():
            whole = kind != LONG and -_LARGEST_INTEGER <= value < _LARGEST_INTEGER
            return {"valueInteger": value} if whole else {"valueString": str(value)}
        case Decimal():
            return {"valueDecimal": value, **_extended("_valueDecimal", _places(value))}
        case str():
            return {"valueString": value}
        case Temporal():
            return _moment(value)
        case Uncertainty():
            return _interval(Interval(value.low, value.high, point="System.Integer"))
        case Interval():
            return _interval(value)
    return _coded(value)


def _coded(value: Any) -> Element:
    match value:
        case Quantity():
            return {"valueQuantity": to_json(value, exact=True)}
        case Ratio():
            ends = {name: to_json(getattr(value, name), exact=True) for name in ("numerator", "denominator")}
            return {"valueRatio": ends}
        case Code():
            return {"valueCoding": _coding(value)}
        case Concept():
            text = {} if value.display is None else {"text": value.display}
            return {"valueCodeableConcept": {"coding": list(map(_coding, value.codes)), **text}}
        case CodeSystem():
            return {"valueCanonical": value.canonical}
    return {"valueString": str(value)}


def _coding(code: Code) -> Element:
    members = {"system": code.system, "version": code.version, "code": code.code, "display": code.display}
    return {name: text for name, text in members.items() if text is not None}


def _moment(value: Temporal) -> Element:
    if isinstance(value, Date):
        return {"valueDate": str(value)}
    key = "valueTime" if isinstance(value, Time) else "valueDateTime"
    text, precision = _complete(value)
    return {key: text, **({f"_{key}": {"extension": [precision]}} if precision else {})}


def _complete(value: Temporal) -> tuple[str, Element | None]:
    """The text of a DateTime or Time with the minutes and seconds that FHIR wants, and the precision it really has.
    A fraction of a second has the three digits of CQL's milliseconds."""
    known = len(value.parts) - (0 if isinstance(value, Time) else 3)
    if known not in (1, 2):
        return str(type(value)(value.parts, value.offset, value.digits and max(value.digits, 3))), None
    whole = type(value)((*value.parts, *(0,) * (3 - known)), value.offset)
    return str(whole), {"url": TIME_PRECISION, "valueCode": "h" if known == 1 else "min"}


def _interval(interval: Interval) -> Element:
    """A Period or a Range. Both are closed, so an open end becomes the point next to it; an end that is not known, or
    that is the end of all time, is left out (4.3)."""
    ends = {
        "low": _closed(interval, edges.low, interval.low, interval.low_closed, 1),
        "high": _closed(interval, edges.high, interval.high, interval.high_closed, -1),
    }
    present = {name: end for name, end in ends.items() if end is not None}
    if interval.point in PERIODS or any(isinstance(end, Temporal) for end in present.values()):
        return {"valuePeriod": {_PERIOD[name]: _dated(end) for name, end in present.items()}}
    return {"valueRange": {name: _bound(end) for name, end in present.items()}}


def _closed(interval: Interval, edge: Callable[[Interval], Any], end: Any, closed: bool, step: int) -> Any:
    """The outermost point at an end. Next to the end of decimals is what differs in the last digit it has, unless that
    is beyond the other end."""
    if end is None:
        return None
    if not closed and isinstance(end, Decimal):
        near = end + step * Decimal((0, (1,), -_places(end)))
        if intervals.contains(interval, near):
            return near
    return edges.known(edge(interval))


#: The point types whose intervals are Periods.
PERIODS = frozenset({"System.Date", "System.DateTime", "System.Time"})
_PERIOD = {"low": "start", "high": "end"}


def _dated(end: Any) -> str:
    if isinstance(end, Time):
        return f"{_FIRST_DAY}{_complete(end)[0]}Z"
    return _complete(end)[0] if isinstance(end, DateTime) else str(end)


def _bound(end: Any) -> Element:
    """The Quantity at an end of a Range; numbers are of the unit 1."""
    if isinstance(end, Quantity):
        return dict(to_json(end, exact=True))
    number = {"value": end, "system": UCUM, "code": "1"}
    return {**number, **_extended("_value", _places(end))} if isinstance(end, Decimal) else number


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _extended(member: str, places: int) -> Element:
    """How many digits a decimal has, which a reader of JSON may lose."""
    return {member: {"extension": [{"url": PRECISION, "valueInteger": places}]}}
