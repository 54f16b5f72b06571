"""Which value of one type can stand where another type is expected (CQL 1.5.3, Author's Guide "Conversion",
Developer's Guide "Conversion Precedence").

A Conversion is a plan: translate_conversions.py turns it into ELM. Its score tells how far it is from an exact match.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cds.expr.cql.model import fhir_model
from cds.expr.cql.signatures import Overload
from cds.expr.cql.types import (
    ANY,
    STRING,
    VALUE_SET,
    ChoiceType,
    IntervalType,
    ListType,
    Named,
    Type,
    is_compatible,
    is_subtype,
    parse_type,
)

Kind = Literal[
    "operator", "cast", "narrow", "widen", "list", "interval", "demote list", "promote list", "demote interval",
    "promote interval",
]  # fmt: skip

#: What a step costs, beside what it wraps.
_CAST, _SIMPLE, _COMPLEX = 3, 4, 5
_STEPS: dict[Kind, int] = {
    "cast": _CAST,
    "narrow": _CAST,
    "widen": _CAST,
    "promote interval": 6,
    "demote list": 7,
    "demote interval": 8,
    "promote list": 9,
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A way from `source` to `target`. `inner` converts the item, point or option; `others` are the other options of a
    choice that convert too; `operator` is a System operator or, with `library`, a function of FHIRHelpers."""

    kind: Kind
    source: Type
    target: Type
    inner: Conversion | None = None
    others: tuple[Conversion, ...] = ()
    operator: str = ""
    library: str | None = None

    @property
    def score(self) -> int:
        """What the conversion costs when overloads are compared."""
        own = _STEPS.get(self.kind)
        if own is None:
            point = self.target
            if self.kind in ("list", "interval"):
                point = point.element if isinstance(point, ListType) else point
                point = point.point if isinstance(point, IntervalType) else point
            own = _SIMPLE if isinstance(point, Named) and not point.is_class else _COMPLEX
        return own + (self.inner.score if self.inner else 0)


# operator | from | to, implicit ones first
_IMPLICIT = (
    ("ToLong", "Integer", "Long"),
    ("ToDecimal", "Integer Long", "Decimal"),
    ("ToDateTime", "Date", "DateTime"),
    ("ToQuantity", "Integer Decimal", "Quantity"),
    ("ToConcept", "Code", "Concept"),
    ("ExpandValueSet", "ValueSet", "List<Code>"),
)
_EXPLICIT = (
    ("ToString", "Boolean Integer Long Decimal DateTime Date Time Quantity Ratio", "String"),
    ("ToBoolean", "String Integer Decimal Long", "Boolean"),
    ("ToChars", "String", "List<String>"),
    ("ToInteger", "String Long Boolean", "Integer"),
    ("ToLong", "String Boolean", "Long"),
    ("ToDecimal", "String Boolean", "Decimal"),
    ("ToDateTime", "String", "DateTime"),
    ("ToDate", "String DateTime", "Date"),
    ("ToTime", "String", "Time"),
    ("ToQuantity", "String Ratio", "Quantity"),
    ("ToRatio", "String", "Ratio"),
    ("ToConcept", "List<Code>", "Concept"),
)
#: FHIRHelpers 4.0.1, what is implicit: types not named here inherit the conversion of their base.
_FHIR = (
    ("ToString", "string uri base64Binary xhtml", "String"),
    ("ToBoolean", "boolean", "Boolean"),
    ("ToInteger", "integer", "Integer"),
    ("ToDecimal", "decimal", "Decimal"),
    ("ToDate", "date", "Date"),
    ("ToDateTime", "dateTime instant", "DateTime"),
    ("ToTime", "time", "Time"),
    ("ToQuantity", "Quantity", "Quantity"),
    ("ToRatio", "Ratio", "Ratio"),
    ("ToCode", "Coding", "Code"),
    ("ToConcept", "CodeableConcept", "Concept"),
    ("ToInterval", "Period", "Interval<DateTime>"),
    ("ToInterval", "Range", "Interval<Quantity>"),
)
#: FHIRHelpers 4.0.1, what a library has to call.
_FHIR_CALLED = (
    ("ToQuantityIgnoringComparator", "Quantity", "Quantity"),
    ("ToInterval", "Quantity", "Interval<Quantity>"),
)


def helper_functions() -> Iterator[Overload]:
    """The functions of FHIRHelpers that are built in."""
    for operator, sources, target in (*_FHIR, *_FHIR_CALLED):
        for source in sources.split():
            yield Overload(operator, (_fhir(source),), parse_type(target))
    yield Overload("ToValueSet", (STRING,), VALUE_SET)
    yield Overload("ToCalendarUnit", (STRING,), STRING)


def _fhir(name: str) -> Named:
    return fhir_model().type(name) or ANY


@lru_cache(maxsize=1)
def _operators() -> dict[tuple[Type, bool], list[Conversion]]:
    """Conversions by operator: (source type, whether it is implicit) -> plans."""
    table: dict[tuple[Type, bool], list[Conversion]] = {}

    def add(source: Type, operator: str, target: str, implicit: bool, library: str | None) -> None:
        plan = Conversion("operator", source, parse_type(target), operator=operator, library=library)
        table.setdefault((source, implicit), []).append(plan)

    for rows, implicit in ((_IMPLICIT, True), (_EXPLICIT, False)):
        for operator, sources, target in rows:
            for source in sources.split():
                add(parse_type(source), operator, target, implicit, None)
    for operator, sources, target in _FHIR:
        for source in sources.split():
            add(_fhir(source), operator, target, True, "FHIRHelpers")
    return table


def conversions_from(kind: Type, *, implicit: bool = True) -> list[Conversion]:
    """The operator conversions of a type and of its bases, its own first."""
    table = _operators()
    found: list[Conversion] = []
    current: Type | None = kind
    while current is not None and current != ANY:
        found += table.get((current, True), [])
        if not implicit:
            found += table.get((current, False), [])
        current = current.base if isinstance(current, Named) else None
    return found


@lru_cache(maxsize=8192)
def find_conversion(source: Type, target: Type, *, implicit: bool = True, promote: bool = False) -> Conversion | None:
    """The plan that makes a `target` of a `source`, or None. With `promote` a list may become its single item, an
    interval its single point, and the other way round."""
    if is_compatible(source, target):
        return Conversion("cast", source, target)
    if plan := _by_operator(source, target, implicit):
        return plan
    if promote and (plan := _by_promotion(source, target)):
        return plan
    if isinstance(source, ListType) != isinstance(target, ListType) and promote:
        return None
    if isinstance(source, ChoiceType):
        plans = [plan for option in source.options if (plan := find_conversion(option, target, promote=promote))]
        return Conversion("narrow", source, target, plans[0], tuple(plans[1:])) if plans else None
    if isinstance(target, ChoiceType):
        for option in target.options:
            if inner := find_conversion(source, option, promote=promote):
                return Conversion("widen", source, target, inner)
    if isinstance(source, ListType) and isinstance(target, ListType):
        inner = find_conversion(source.element, target.element)
        return Conversion("list", source, target, inner) if inner else None
    if isinstance(source, IntervalType) and isinstance(target, IntervalType):
        inner = find_conversion(source.point, target.point)
        return Conversion("interval", source, target, inner) if inner else None
    return None


def _by_operator(source: Type, target: Type, implicit: bool) -> Conversion | None:
    return next((plan for plan in conversions_from(source, implicit=implicit) if plan.target == target), None)


def _by_promotion(source: Type, target: Type) -> Conversion | None:
    kind: Kind
    item, wanted = source, target
    if isinstance(source, ListType) and not isinstance(target, ListType):
        kind, item = "demote list", source.element
    elif isinstance(target, ListType) and not isinstance(source, ListType):
        kind, wanted = "promote list", target.element
    elif isinstance(source, IntervalType) and not isinstance(target, IntervalType):
        kind, item = "demote interval", source.point
    elif isinstance(target, IntervalType) and not isinstance(source, IntervalType):
        kind, wanted = "promote interval", target.point
    else:
        return None
    if is_subtype(item, wanted):
        return Conversion(kind, source, target)
    inner = find_conversion(item, wanted)
    return Conversion(kind, source, target, inner) if inner else None


def common_type(first: Type, second: Type) -> Type | None:
    """The one of two types that both can be, by cast or implicit conversion; None when neither fits."""
    if first == ANY:
        return second
    if second == ANY or is_subtype(second, first) or is_compatible(second, first):
        return first
    if is_subtype(first, second) or is_compatible(first, second):
        return second
    if isinstance(first, ChoiceType) or isinstance(second, ChoiceType):
        return None
    if find_conversion(second, first):
        return first
    return second if find_conversion(first, second) else None
