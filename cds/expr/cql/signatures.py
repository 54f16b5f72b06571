"""The System operators and functions: which operand types they take and what they give (CQL 1.5.3, Appendix B).

One row for one or more names of the same shape. `T` stands for any type, or for each type that the row lists; `C` for a
class, `R` for a tuple, `H` for a choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cds.expr.cql.types import IntervalType, ListType, Parameter, Type, parse_type

_ORDERED = "Integer Long Decimal Quantity Date DateTime Time String"
_NUMBERS = "Integer Long Decimal Quantity"
_TEMPORAL = "Date DateTime Time"

# names | operands | result | types that T stands for ("" when T is generic)
_ROWS = (
    # logic and nulls
    ("And Or Xor Implies", "Boolean, Boolean", "Boolean", ""),
    ("Not IsTrue IsFalse", "Boolean", "Boolean", ""),
    ("IsNull", "Any", "Boolean", ""),
    ("Coalesce", "List<T>", "T", ""),
    ("Coalesce", "T, T", "T", ""),
    ("Coalesce", "T, T, T", "T", ""),
    ("Coalesce", "T, T, T, T", "T", ""),
    ("Coalesce", "T, T, T, T, T", "T", ""),
    # comparison
    ("Equal Equivalent", "T, T", "Boolean", f"Boolean {_ORDERED} Ratio Code Concept"),
    ("Equal Equivalent", "C, C", "Boolean", ""),
    ("Equal Equivalent", "R, R", "Boolean", ""),
    ("Equal Equivalent", "H, H", "Boolean", ""),
    ("Equal Equivalent", "Interval<T>, Interval<T>", "Boolean", ""),
    ("Equal Equivalent", "List<T>, List<T>", "Boolean", ""),
    ("Less LessOrEqual Greater GreaterOrEqual", "T, T", "Boolean", _ORDERED),
    # arithmetic
    ("Add Subtract Multiply", "T, T", "T", _NUMBERS),
    ("Divide", "T, T", "T", "Decimal Quantity"),
    ("TruncatedDivide Modulo", "T, T", "T", _NUMBERS),
    ("Power", "T, T", "T", "Integer Long Decimal"),
    ("Abs Negate", "T", "T", _NUMBERS),
    ("Predecessor Successor", "T", "T", f"{_NUMBERS} {_TEMPORAL}"),
    ("Ceiling Floor Truncate", "Decimal", "Integer", ""),
    ("Exp Ln Round", "Decimal", "Decimal", ""),
    ("Round", "Decimal, Integer", "Decimal", ""),
    ("Log", "Decimal, Decimal", "Decimal", ""),
    ("HighBoundary LowBoundary", "T, Integer", "T", f"Decimal {_TEMPORAL}"),
    ("Precision", "T", "Integer", f"Decimal {_TEMPORAL}"),
    # text
    ("Add Concatenate", "String, String", "String", ""),
    ("Combine", "List<String>", "String", ""),
    ("Combine", "List<String>, String", "String", ""),
    ("EndsWith Matches StartsWith", "String, String", "Boolean", ""),
    ("Indexer", "String, Integer", "String", ""),
    ("LastPositionOf PositionOf", "String, String", "Integer", ""),
    ("Length", "String", "Integer", ""),
    ("Lower Upper", "String", "String", ""),
    ("ReplaceMatches", "String, String, String", "String", ""),
    ("Split SplitOnMatches", "String, String", "List<String>", ""),
    ("Substring", "String, Integer", "String", ""),
    ("Substring", "String, Integer, Integer", "String", ""),
    # dates and times
    ("Add Subtract", "T, Quantity", "T", _TEMPORAL),
    ("After Before SameAs SameOrAfter SameOrBefore", "T, T", "Boolean", _TEMPORAL),
    ("DifferenceBetween DurationBetween", "T, T", "Integer", _TEMPORAL),
    ("DateTimeComponentFrom", "T", "Integer", _TEMPORAL),
    ("DateFrom", "DateTime", "Date", ""),
    ("TimeFrom", "DateTime", "Time", ""),
    ("TimezoneOffsetFrom", "DateTime", "Decimal", ""),
    ("Now now", "", "DateTime", ""),
    ("Today today", "", "Date", ""),
    ("TimeOfDay timeOfDay", "", "Time", ""),
    *(("DateTime", ", ".join(["Integer"] * count), "DateTime", "") for count in range(1, 8)),
    ("DateTime", "Integer, Integer, Integer, Integer, Integer, Integer, Integer, Decimal", "DateTime", ""),
    *(("Date", ", ".join(["Integer"] * count), "Date", "") for count in range(1, 4)),
    *(("Time", ", ".join(["Integer"] * count), "Time", "") for count in range(1, 5)),
    ("CalculateAge", "T", "Integer", "Date DateTime"),
    ("CalculateAgeAt", "T, T", "Integer", "Date DateTime"),
    # intervals
    (
        "After Before Ends Includes IncludedIn Meets MeetsAfter MeetsBefore Overlaps OverlapsAfter OverlapsBefore"
        " ProperIncludes ProperIncludedIn SameAs SameOrAfter SameOrBefore Starts",
        "Interval<T>, Interval<T>",
        "Boolean",
        "",
    ),
    ("Except Intersect Union", "Interval<T>, Interval<T>", "Interval<T>", ""),
    ("Contains ProperContains", "Interval<T>, T", "Boolean", ""),
    ("In ProperIn", "T, Interval<T>", "Boolean", ""),
    ("Start End PointFrom Size Width", "Interval<T>", "T", ""),
    ("Collapse Expand", "List<Interval<T>>, Quantity", "List<Interval<T>>", ""),
    ("Expand", "Interval<T>, Quantity", "List<T>", ""),
    # lists
    ("Includes IncludedIn ProperIncludes ProperIncludedIn", "List<T>, List<T>", "Boolean", ""),
    ("Except Intersect Union", "List<T>, List<T>", "List<T>", ""),
    ("Contains ProperContains", "List<T>, T", "Boolean", ""),
    ("In ProperIn", "T, List<T>", "Boolean", ""),
    ("Distinct Tail", "List<T>", "List<T>", ""),
    ("Exists", "List<T>", "Boolean", ""),
    ("Flatten", "List<List<T>>", "List<T>", ""),
    ("First Last SingletonFrom", "List<T>", "T", ""),
    ("Indexer", "List<T>, Integer", "T", ""),
    ("IndexOf", "List<T>, T", "Integer", ""),
    ("Length", "List<T>", "Integer", ""),
    ("Skip Take", "List<T>, Integer", "List<T>", ""),
    # aggregates
    ("AllTrue AnyTrue", "List<Boolean>", "Boolean", ""),
    ("Count", "List<T>", "Integer", ""),
    ("Mode", "List<T>", "T", ""),
    ("Max Min", "List<T>", "T", _ORDERED),
    ("Product Sum", "List<T>", "T", _NUMBERS),
    ("Avg Median PopulationStdDev PopulationVariance StdDev Variance", "List<T>", "T", "Decimal Quantity"),
    ("GeometricMean", "List<Decimal>", "Decimal", ""),
    # conversion
    ("ToString", "T", "String", "Boolean Integer Long Decimal Quantity Ratio Date DateTime Time"),
    ("ToBoolean", "T", "Boolean", "String Integer Long Decimal"),
    ("ToInteger", "T", "Integer", "String Boolean Long"),
    ("ToLong", "T", "Long", "String Boolean Integer"),
    ("ToDecimal", "T", "Decimal", "String Boolean Integer Long"),
    ("ToQuantity", "T", "Quantity", "String Integer Decimal Ratio"),
    ("ToRatio", "String", "Ratio", ""),
    ("ToDateTime", "T", "DateTime", "String Date"),
    ("ToDate", "T", "Date", "String DateTime"),
    ("ToTime", "String", "Time", ""),
    ("ToChars", "String", "List<String>", ""),
    ("ToConcept", "T", "Concept", "Code List<Code>"),
    (
        "ConvertsToBoolean ConvertsToDate ConvertsToDateTime ConvertsToDecimal ConvertsToInteger ConvertsToLong"
        " ConvertsToQuantity ConvertsToRatio ConvertsToString ConvertsToTime",
        "Any",
        "Boolean",
        "",
    ),
    ("CanConvertQuantity", "Quantity, String", "Boolean", ""),
    ("ConvertQuantity", "Quantity, String", "Quantity", ""),
    # terminology
    ("InValueSet", "T, ValueSet", "Boolean", "String Code Concept"),
    ("AnyInValueSet", "List<T>, ValueSet", "Boolean", "String Code Concept"),
    ("InCodeSystem", "T, CodeSystem", "Boolean", "String Code Concept"),
    ("AnyInCodeSystem", "List<T>, CodeSystem", "Boolean", "String Code Concept"),
    ("ExpandValueSet", "ValueSet", "List<Code>", ""),
    ("Subsumes SubsumedBy", "T, T", "Boolean", "Code Concept"),
    # errors
    ("Message", "T, Boolean, String, String, String", "T", ""),
)


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of an operator or function."""

    name: str
    operands: tuple[Type, ...]
    result: Type

    @property
    def is_generic(self) -> bool:
        return any(map(is_generic, self.operands))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.operands))})"


def is_generic(kind: Type) -> bool:
    """True when a type parameter occurs in `kind`."""
    while isinstance(kind, ListType | IntervalType):
        kind = kind.element if isinstance(kind, ListType) else kind.point
    return isinstance(kind, Parameter)


@lru_cache(maxsize=1)
def system_overloads() -> dict[str, tuple[Overload, ...]]:
    """Every System operator by name, made once per process."""
    table: dict[str, list[Overload]] = {}
    for names, operands, result, stands_for in _ROWS:
        for own in stands_for.split() or [""]:
            kinds = tuple(_filled(text, own) for text in operands.split(", ") if text)
            for name in names.split():
                table.setdefault(name, []).append(Overload(name, kinds, _filled(result, own)))
    return {name: tuple(overloads) for name, overloads in table.items()}


def _filled(text: str, own: str) -> Type:
    """The type a row means when its `T` stands for `own`."""
    if not own:
        return parse_type(text)
    return parse_type(own if text == "T" else text.replace("<T>", f"<{own}>"))
