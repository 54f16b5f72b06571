"""The table of operators: one row for each ELM operator class that is a function of its operands (ELM 1.5).

Operators that take intervals as well as lists, or points, choose by the values; a null on either side is what the row's
`nulls` says. What has names, scopes or data in it (queries, references, retrieves, terminology) is the compiler's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from cds.expr.elm import (
    aggregates,
    conversions,
    coverage,
    dates,
    equality,
    intervals,
    limits,
    lists,
    logic,
    numbers,
    ordering,
    strings,
    uncertainty,
)
from cds.expr.elm.operator import Handler, Operator, Types
from cds.expr.elm.values import Interval

_INTEGER, _LONG, _DECIMAL, _STRING = "System.Integer", "System.Long", "System.Decimal", "System.String"
_BOOLEAN = "System.Boolean"


def _by_type(integer: Handler, long: Handler, decimal: Handler) -> dict[Types, Handler]:
    """Handlers of a binary operator for two operands of one numeric type."""
    return {(_INTEGER,) * 2: integer, (_LONG,) * 2: long, (_DECIMAL,) * 2: decimal}


def _same_types(handler: Handler, *kinds: str) -> dict[Types, Handler]:
    return {(kind, kind): handler for kind in kinds}


def _either(of_intervals: Handler, of_lists: Handler) -> Handler:
    """One handler for the overloads of intervals and of lists."""

    def handler(left: Any, right: Any, *, precision: str | None = None) -> Any:
        return of_lists(left, right) if isinstance(left, list) else of_intervals(left, right, precision=precision)

    return handler


def _swapped(handler: Handler) -> Handler:
    def swapped(left: Any, right: Any, **keywords: Any) -> Any:
        return handler(right, left, **keywords)

    return swapped


def _contains(container: Any, item: Any, *, precision: str | None = None) -> bool | None:
    """In a null container there is nothing; whether an interval holds null is null (CQL B.7.3, B.8.1)."""
    if type(container) is Interval:
        return None if item is None else intervals.contains(container, item, precision=precision)
    return False if container is None else lists.contains(container, item)


def _proper_contains(container: Any, item: Any, *, precision: str | None = None) -> bool | None:
    if type(container) is Interval:
        return None if item is None else intervals.proper_contains(container, item, precision=precision)
    return False if container is None else lists.proper_contains(container, item)


def _in(item: Any, container: Any, *, precision: str | None = None) -> bool | None:
    return _contains(container, item, precision=precision)


def _set(of_intervals: Handler, of_lists: Handler) -> Handler:
    """Set operators: intervals propagate null, lists decide themselves."""

    def handler(left: Any, right: Any) -> Any:
        if type(left) is Interval or type(right) is Interval:
            return None if left is None or right is None else of_intervals(left, right)
        return of_lists(left, right)

    return handler


def _length(value: Any, *, types: Types) -> int | None:
    if type(value) is str:
        return len(value)
    return lists.length(value) if value is not None or types[0].startswith("List") else None


def _indexer(value: Any, index: int) -> Any:
    return strings.indexer(value, index) if type(value) is str else lists.indexer(value, index)


# --- rows --------------------------------------------------------------------------------------------------------


def _logical() -> Iterable[Operator]:
    yield Operator("And", 2, logic.and_, "custom")
    yield Operator("Or", 2, logic.or_, "custom")
    yield Operator("Xor", 2, logic.xor)
    yield Operator("Implies", 2, logic.implies, "custom")
    yield Operator("Not", 1, operator.not_)
    yield Operator("IsNull", 1, logic.is_null, "custom")
    yield Operator("IsTrue", 1, logic.is_true, "custom")
    yield Operator("IsFalse", 1, logic.is_false, "custom")
    yield Operator("Coalesce", -1, lists.coalesce, "custom")


def _arithmetic() -> Iterable[Operator]:
    adding = _by_type(numbers.add_integers, numbers.add_longs, numbers.add_decimals)
    subtracting = _by_type(numbers.subtract_integers, numbers.subtract_longs, numbers.subtract_decimals)
    multiplying = _by_type(numbers.multiply_integers, numbers.multiply_longs, numbers.multiply_decimals)
    yield Operator("Add", 2, numbers.add, special=adding)
    yield Operator("Subtract", 2, numbers.subtract, special=subtracting)
    yield Operator("Multiply", 2, numbers.multiply, special=multiplying)
    yield Operator("Divide", 2, numbers.divide, special={(_DECIMAL, _DECIMAL): numbers.divide_decimals})
    yield Operator("TruncatedDivide", 2, numbers.truncated_divide, special={(_LONG, _LONG): numbers.divide_longs})
    yield Operator("Modulo", 2, numbers.modulo)
    yield Operator("Power", 2, numbers.power, special={(_LONG, _LONG): numbers.power_longs})
    yield Operator("Log", 2, numbers.log)
    for name, handler in (
        ("Ceiling", numbers.ceiling),
        ("Floor", numbers.floor),
        ("Truncate", numbers.truncate),
        ("Ln", numbers.natural_log),
        ("Exp", numbers.exp),
        ("Precision", limits.precision),
    ):
        yield Operator(name, 1, handler)
    yield Operator("Abs", 1, numbers.absolute, special={(_LONG,): numbers.absolute_long})
    yield Operator("Negate", 1, numbers.negate, special={(_LONG,): numbers.negate_long})
    yield Operator("Successor", 1, limits.successor, special={(_LONG,): limits.long_successor})
    yield Operator("Predecessor", 1, limits.predecessor, special={(_LONG,): limits.long_predecessor})
    yield Operator("Round", 2, numbers.round_to, "custom", operands=("operand", "precision"))
    yield Operator("LowBoundary", 2, limits.low_boundary, "custom")
    yield Operator("HighBoundary", 2, limits.high_boundary, "custom")
    yield Operator("MinValue", 0, limits.minimum, needs_types=True)
    yield Operator("MaxValue", 0, limits.maximum, needs_types=True)


def _comparison() -> Iterable[Operator]:
    plain = (_INTEGER, _LONG, _DECIMAL, _STRING)
    yield Operator("Equal", 2, equality.equal, special=_same_types(operator.eq, *plain, _BOOLEAN))
    yield Operator("NotEqual", 2, equality.not_equal, special=_same_types(operator.ne, *plain, _BOOLEAN))
    texts: dict[Types, Handler] = {(_STRING, _STRING): equality.equivalent_texts}
    yield Operator("Equivalent", 2, equality.equivalent, "custom", special=texts)
    yield Operator("Less", 2, ordering.less, special=_same_types(operator.lt, *plain))
    yield Operator("LessOrEqual", 2, ordering.less_or_equal, special=_same_types(operator.le, *plain))
    yield Operator("Greater", 2, ordering.greater, special=_same_types(operator.gt, *plain))
    yield Operator("GreaterOrEqual", 2, ordering.greater_or_equal, special=_same_types(operator.ge, *plain))


def _text() -> Iterable[Operator]:
    yield Operator("Concatenate", -1, strings.concatenate)
    yield Operator("Combine", 2, strings.combine, "custom", operands=("source", "separator"))
    yield Operator("Split", 2, strings.split, "custom", operands=("stringToSplit", "separator"))
    pattern = ("stringToSplit", "separatorPattern")
    yield Operator("SplitOnMatches", 2, strings.split_on_matches, "custom", operands=pattern)
    yield Operator("PositionOf", 2, strings.position_of, operands=("pattern", "string"))
    yield Operator("LastPositionOf", 2, strings.last_position_of, operands=("pattern", "string"))
    yield Operator("Substring", 3, strings.substring, "custom", operands=("stringToSub", "startIndex", "length"))
    yield Operator("StartsWith", 2, strings.starts_with)
    yield Operator("EndsWith", 2, strings.ends_with)
    yield Operator("Matches", 2, strings.matches)
    yield Operator("ReplaceMatches", 3, strings.replace_matches)
    yield Operator("Upper", 1, strings.upper)
    yield Operator("Lower", 1, strings.lower)
    yield Operator("Length", 1, _length, "custom", needs_types=True)
    yield Operator("Indexer", 2, _indexer)


def _time() -> Iterable[Operator]:
    made = (*dates.PRECISIONS, "timezoneOffset")
    yield Operator("Date", 3, dates.make_date, "custom", operands=made[:3])
    yield Operator("DateTime", 8, dates.make_datetime, "custom", needs_evaluation=True, operands=made)
    yield Operator("Time", 4, dates.make_time, "custom", operands=made[3:7])
    yield Operator("DateFrom", 1, dates.date_from)
    yield Operator("TimeFrom", 1, dates.time_from, needs_evaluation=True)
    yield Operator("TimezoneFrom", 1, dates.offset_from)
    yield Operator("TimezoneOffsetFrom", 1, dates.offset_from)
    yield Operator("DateTimeComponentFrom", 1, dates.component, needs_precision=True)
    yield Operator("DurationBetween", 2, uncertainty.duration_between, needs_precision=True)
    yield Operator("DifferenceBetween", 2, uncertainty.difference_between, needs_precision=True)
    yield Operator("CalculateAge", 1, uncertainty.age, needs_precision=True, needs_evaluation=True)
    yield Operator("CalculateAgeAt", 2, uncertainty.age_at, needs_precision=True)
    yield Operator("Now", 0, dates.now, needs_evaluation=True)
    yield Operator("Today", 0, dates.today, needs_evaluation=True)
    yield Operator("TimeOfDay", 0, dates.time_of_day, needs_evaluation=True)


def _intervals() -> Iterable[Operator]:
    timing: dict[str, Handler] = {
        "SameAs": intervals.same_as,
        "SameOrBefore": intervals.same_or_before,
        "SameOrAfter": intervals.same_or_after,
        "Before": intervals.is_before,
        "After": intervals.is_after,
        "Meets": intervals.meets,
        "MeetsBefore": intervals.meets_before,
        "MeetsAfter": intervals.meets_after,
        "Overlaps": intervals.overlaps,
        "OverlapsBefore": intervals.overlaps_before,
        "OverlapsAfter": intervals.overlaps_after,
        "Starts": intervals.starts,
        "Ends": intervals.ends,
    }
    for name, handler in timing.items():
        yield Operator(name, 2, handler, needs_precision=True)
    for name, handler in (
        ("Start", intervals.start),
        ("End", intervals.end),
        ("Width", intervals.width),
        ("Size", intervals.size),
        ("PointFrom", intervals.point_from),
    ):
        yield Operator(name, 1, handler)
    yield Operator("Collapse", 2, coverage.collapse, "custom")
    yield Operator("Expand", 2, coverage.expand, "custom", needs_evaluation=True)


def _containers() -> Iterable[Operator]:
    includes = _either(intervals.includes, lists.includes)
    proper_includes = _either(intervals.proper_includes, lists.proper_includes)
    yield Operator("Contains", 2, _contains, "custom", needs_precision=True)
    yield Operator("In", 2, _in, "custom", needs_precision=True)
    yield Operator("ProperContains", 2, _proper_contains, "custom", needs_precision=True)
    yield Operator("ProperIn", 2, _swapped(_proper_contains), "custom", needs_precision=True)
    yield Operator("Includes", 2, includes, needs_precision=True)
    yield Operator("IncludedIn", 2, _swapped(includes), needs_precision=True)
    yield Operator("ProperIncludes", 2, proper_includes, needs_precision=True)
    yield Operator("ProperIncludedIn", 2, _swapped(proper_includes), needs_precision=True)
    yield Operator("Union", 2, _set(intervals.union, lists.union), "custom")
    yield Operator("Except", 2, _set(intervals.except_, lists.except_), "custom")
    yield Operator("Intersect", 2, _set(intervals.intersect, lists.intersect))


def _lists() -> Iterable[Operator]:
    yield Operator("Exists", 1, lists.exists, "custom")
    yield Operator("Distinct", 1, lists.distinct)
    yield Operator("Flatten", 1, lists.flatten)
    yield Operator("SingletonFrom", 1, lists.singleton_from)
    yield Operator("Times", 2, lists.times)
    yield Operator("ToList", 1, lists.to_list, "custom")
    yield Operator("First", 1, lists.first, operands=("source",))
    yield Operator("Last", 1, lists.last, operands=("source",))
    yield Operator("IndexOf", 2, lists.index_of, operands=("source", "element"))
    yield Operator("Slice", 3, lists.slice_, "custom", operands=("source", "startIndex", "endIndex"))
    yield Operator("Children", 1, lists.children, operands=("source",))
    yield Operator("Descendents", 1, lists.descendents, operands=("source",))


def _aggregates() -> Iterable[Operator]:
    longs: dict[str, Callable[..., Any]] = {"Sum": aggregates.sum_longs, "Product": aggregates.product_longs}
    for name, handler in (
        ("Count", aggregates.count),
        ("Sum", aggregates.sum_),
        ("Product", aggregates.product),
        ("Min", aggregates.minimum),
        ("Max", aggregates.maximum),
        ("Avg", aggregates.average),
        ("GeometricMean", aggregates.geometric_mean),
        ("Median", aggregates.median),
        ("Mode", aggregates.mode),
        ("Variance", aggregates.variance),
        ("StdDev", aggregates.standard_deviation),
        ("PopulationVariance", aggregates.population_variance),
        ("PopulationStdDev", aggregates.population_deviation),
        ("AllTrue", aggregates.all_true),
        ("AnyTrue", aggregates.any_true),
    ):
        special: dict[Types, Handler] = {(f"List<{_LONG}>",): longs[name]} if name in longs else {}
        yield Operator(name, 1, handler, "custom", operands=("source",), special=special)


def _conversions() -> Iterable[Operator]:
    timed = {"ToString": conversions.to_string, "ToDateTime": conversions.to_datetime}
    plain: dict[str, Handler] = {
        "ToBoolean": conversions.to_boolean,
        "ToInteger": conversions.to_integer,
        "ToLong": conversions.to_long,
        "ToDecimal": conversions.to_decimal,
        "ToDate": conversions.to_date,
        "ToTime": conversions.to_time,
        "ToQuantity": conversions.to_quantity,
        "ToRatio": conversions.to_ratio,
        "ToConcept": conversions.to_concept,
        "ToChars": strings.to_chars,
    }
    for name, handler in plain.items():
        yield Operator(name, 1, handler)
    for name, handler in timed.items():
        yield Operator(name, 1, handler, needs_evaluation=True)
        yield Operator(f"Converts{name}", 1, conversions.converts(handler), needs_evaluation=True)
    for name in ("Boolean", "Integer", "Long", "Decimal", "Date", "Time", "Quantity", "Ratio"):
        yield Operator(f"ConvertsTo{name}", 1, conversions.converts(plain[f"To{name}"]))
    yield Operator("ConvertQuantity", 2, conversions.convert_quantity)
    yield Operator("CanConvertQuantity", 2, conversions.can_convert_quantity)


_GROUPS = (
    _logical,
    _arithmetic,
    _comparison,
    _text,
    _time,
    _intervals,
    _containers,
    _lists,
    _aggregates,
    _conversions,
)
#: By ELM class name.
OPERATORS: dict[str, Operator] = {row.name: row for group in _GROUPS for row in group()}
