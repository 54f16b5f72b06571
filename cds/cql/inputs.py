"""Parameters of a FHIR Parameters resource as CQL values (Using CQL with FHIR 4.3, FHIR Type Mapping)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import re2

from cds import fhir
from cds.cql.datatypes import PERIODS
from cds.cql.results import ABSENT, CQL_TYPE, EMPTY_LIST, EMPTY_TUPLE
from cds.errors import EvaluationError, Issue, RequestError
from cds.expr import temporal
from cds.expr.elm import fhirhelpers
from cds.expr.elm.specifiers import (
    ANY,
    DATETIME,
    QUANTITY,
    ChoiceOf,
    IntervalOf,
    ListOf,
    Named,
    TupleOf,
    Type,
    fhir_name,
)
from cds.expr.elm.values import Interval, Tuple
from cds.expr.evaluation import Evaluation
from cds.expr.types import model

Parameter = Mapping[str, Any]

_LIMITS = {"Integer": 2**31, "Long": 2**63}
_LONG = re2.compile(r"[+-]?\d{1,19}")
_SIMPLE = re2.compile(r"(Interval<)?System\.([A-Za-z]+)(>?)")
_SAID = frozenset("Boolean Integer Long Decimal String Date DateTime Time Quantity Ratio Code Concept".split())
#: The System type of a value[x] that says no cqlType.
_NATURAL: dict[str, Type] = {
    "Integer64": Named("System.Long"),
    "Instant": DATETIME,
    "DateTime": DATETIME,
    "Coding": Named("System.Code"),
    "CodeableConcept": Named("System.Concept"),
    "Period": IntervalOf(DATETIME),
    "Range": IntervalOf(QUANTITY),
    **{
        name: Named(f"System.{name}") for name in ("Boolean", "Integer", "Decimal", "Date", "Time", "Quantity", "Ratio")
    },
    **dict.fromkeys(("PositiveInt", "UnsignedInt"), Named("System.Integer")),
    **dict.fromkeys("String Code Id Markdown Uri Url Canonical Oid Uuid Base64Binary".split(), Named("System.String")),
    **dict.fromkeys("Age Count Distance Duration Money".split(), QUANTITY),
}
#: Which System types each reads, and how.
_READERS: dict[str, Callable[[Evaluation, Any], Any]] = {
    "Boolean": fhirhelpers.to_boolean,
    "Decimal": fhirhelpers.to_decimal,
    "DateTime": fhirhelpers.to_datetime,
    "Time": fhirhelpers.to_time,
    "Quantity": fhirhelpers.to_quantity,
    "Ratio": fhirhelpers.to_ratio,
    "Code": fhirhelpers.to_code,
    "Concept": fhirhelpers.to_concept,
}


def natural(parameters: Sequence[Parameter]) -> Type:
    """The CQL type of an input: what cqf-cqlType says, else that of its value[x]; several are a list, parts a tuple."""
    kinds = list(dict.fromkeys(_natural(parameter) for parameter in parameters if not _is_null(parameter)))
    kind = kinds[0] if len(kinds) == 1 else ChoiceOf(tuple(kinds)) if kinds else ANY
    return kind if len(parameters) == 1 else ListOf(kind)


def _natural(parameter: Parameter) -> Type:
    said = _SIMPLE.fullmatch(str((fhir.extension(parameter, CQL_TYPE) or {}).get("valueString", "")))
    if said and bool(said[1]) is bool(said[3]) and said[2] in _SAID:
        kind = Named(f"System.{said[2]}")
        return IntervalOf(kind) if said[1] else kind
    if "part" in parameter:
        return TupleOf(tuple((name, natural(parts)) for name, parts in _parts(parameter).items()))
    if _marked(parameter, EMPTY_LIST):
        return ListOf(ANY)
    if isinstance(parameter.get("resource"), dict):
        resource = str(parameter["resource"].get("resourceType"))
        return Named(f"FHIR.{resource}" if resource in model().resources else "FHIR.Resource")
    name = (_key(parameter) or "value")[5:]
    known = _NATURAL.get(name)
    return known if known is not None else Named(f"FHIR.{name}") if name in model() else ANY


def of_fhir(name: str) -> Type:
    """The CQL type that stands for a FHIR type by its name, such as `integer`; FHIR's own where none does."""
    known = _NATURAL.get(name[:1].upper() + name[1:])
    return known if known is not None else Named(f"FHIR.{name}") if name in model() else ANY


def read(parameters: Sequence[Parameter], kind: Type, ev: Evaluation, pointer: str) -> Any:
    """The value of an input as the type `kind` wants it. Raises RequestError 400 at `pointer` when it is another."""
    try:
        if isinstance(kind, ListOf) and not (len(parameters) == 1 and _is_null(parameters[0])):
            if len(parameters) == 1 and _marked(parameters[0], EMPTY_LIST):
                return []
            return [_read(parameter, kind.element, ev) for parameter in parameters]
        if len(parameters) > 1:
            raise _MismatchError
        return _read(parameters[0], kind, ev)
    except (_MismatchError, EvaluationError):
        raise RequestError(400, Issue("value", f"The value is no {kind}", pointer)) from None


class _MismatchError(Exception):
    pass


def _read(parameter: Parameter, kind: Type, ev: Evaluation) -> Any:
    """One value. Raises _MismatchError."""
    if _is_null(parameter):
        return None
    match kind:
        case ChoiceOf():
            return _choice(parameter, kind, ev)
        case TupleOf():
            return _tuple(parameter, kind, ev)
        case ListOf():
            parts = _parts(parameter).get("element", [])
            return [] if _marked(parameter, EMPTY_LIST) else [_read(part, kind.element, ev) for part in parts]
        case IntervalOf():
            return _interval(_value(parameter), kind.point, ev)
    if kind == ANY:
        inner = _natural(parameter)
        return _value(parameter) if inner == ANY else _read(parameter, inner, ev)
    name = fhir_name(kind)
    return _simple(parameter, kind.name[7:], ev) if name is None else _fhir(parameter, name)


def _choice(parameter: Parameter, kind: ChoiceOf, ev: Evaluation) -> Any:
    for choice in sorted(kind.choices, key=lambda choice: choice != _natural(parameter)):
        try:
            return _read(parameter, choice, ev)
        except (_MismatchError, EvaluationError):
            continue
    raise _MismatchError


def _tuple(parameter: Parameter, kind: TupleOf, ev: Evaluation) -> Tuple:
    parts = {} if _marked(parameter, EMPTY_TUPLE) else _parts(parameter)
    known = dict(kind.elements)
    if not known.keys() >= parts.keys():
        raise _MismatchError
    found = dict.fromkeys(known)
    for name, values in parts.items():
        inner = known[name]
        if isinstance(inner, ListOf):
            found[name] = [] if _marked(values[0], EMPTY_LIST) else [_read(part, inner.element, ev) for part in values]
        elif len(values) > 1:
            raise _MismatchError
        else:
            found[name] = _read(values[0], inner, ev)
    return Tuple(found)


def _fhir(parameter: Parameter, name: str) -> Any:
    """A resource or element as it is."""
    resource = parameter.get("resource")
    content = resource if resource is not None else _value(parameter)
    kind = content.get("resourceType", "") if resource is not None and isinstance(content, dict) else ""
    given = kind or (_key(parameter) or "value")[5:]
    given = given if given in model() else given[:1].lower() + given[1:]
    if given not in model() or not model().is_subtype(given, name):
        raise _MismatchError
    return content


def _simple(parameter: Parameter, name: str, ev: Evaluation) -> Any:
    content, given = _value(parameter), (_key(parameter) or "value")[5:]
    found: Any = None
    if name in _LIMITS:
        return _whole(content, given, _LIMITS[name], text=name == "Long")
    if name == "String":
        found = content if isinstance(content, str) and _NATURAL.get(given) == Named("System.String") else None
    elif name == "Date":
        found = temporal.parse_date(content) if isinstance(content, str) else None
    elif name == "Concept" and given == "Coding":
        found = fhirhelpers.to_concept(ev, {"coding": [content]})
    elif name in ("Quantity", "Ratio", "Code", "Concept") and _NATURAL.get(given) != Named(f"System.{name}"):
        found = None
    elif name in _READERS:
        found = _READERS[name](ev, content)
    if found is None:
        raise _MismatchError
    return found


def _whole(content: Any, given: str, limit: int, *, text: bool) -> int:
    if text and given == "String" and isinstance(content, str) and _LONG.fullmatch(content):
        content = int(content)
    if type(content) is not int or not -limit <= content < limit:
        raise _MismatchError
    return content


def _interval(content: Any, point: Type, ev: Evaluation) -> Interval:
    """A Period or a Range: closed, an end that is not there is that of the type."""
    name = point.name[7:] if isinstance(point, Named) else ""
    if not isinstance(content, dict) or content.keys().isdisjoint(("start", "end", "low", "high")):
        raise _MismatchError
    low, high = ("start", "end") if f"System.{name}" in PERIODS else ("low", "high")
    start, end = (None if content.get(key) is None else _end(content[key], name, ev) for key in (low, high))
    return Interval(start, end, point=f"System.{name}")


def _end(content: Any, name: str, ev: Evaluation) -> Any:
    if f"System.{name}" in PERIODS:
        text = str(content)
        day = text[text.index("T") + 1 :].rstrip("Z") if name == "Time" and "T" in text else text[:10]
        return _simple({"valueDateTime": content if name == "DateTime" else day}, name, ev)
    if name == "Quantity":
        return _simple({"valueQuantity": content}, name, ev)
    number = content.get("value") if isinstance(content, dict) else None
    return _simple({"valueString" if isinstance(number, str) else "valueDecimal": number}, name, ev)


def _key(parameter: Parameter) -> str | None:
    return next((key for key in parameter if key.startswith("value") and len(key) > 5), None)


def _value(parameter: Parameter) -> Any:
    key = _key(parameter)
    if key is None or parameter[key] is None:
        raise _MismatchError
    return parameter[key]


def _parts(parameter: Parameter) -> dict[str, list[Parameter]]:
    """The parts by their names, in order."""
    found: dict[str, list[Parameter]] = {}
    for part in fhir.as_list(parameter.get("part")):
        if isinstance(part, dict):
            found.setdefault(str(part.get("name", "")), []).append(part)
    return found


def _extensions(parameter: Parameter) -> list[Any]:
    found = [member for key, member in parameter.items() if key.startswith("_value") and isinstance(member, dict)]
    return [extension for member in found for extension in fhir.as_list(member.get("extension"))]


def _marked(parameter: Parameter, url: str) -> bool:
    return any(isinstance(extension, dict) and extension.get("url") == url for extension in _extensions(parameter))


def _is_null(parameter: Parameter) -> bool:
    """Whether it stands for null: it says that its value is absent, or has none at all."""
    if _key(parameter) is not None or "resource" in parameter or "part" in parameter:
        return False
    return _marked(parameter, ABSENT) or not _extensions(parameter)
