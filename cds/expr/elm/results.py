"""Result types of operators, for ELM that carries none: what later decides how elements are read."""

from __future__ import annotations

from collections.abc import Callable

from cds.expr.elm.code import Piece
from cds.expr.elm.specifiers import (
    BOOLEAN,
    CONCEPT,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    TIME,
    IntervalOf,
    ListOf,
    Named,
    Type,
    element_of,
    joined,
)


def _element(operands: list[Piece]) -> Type | None:
    return element_of(operands[0].type)


def _same(operands: list[Piece]) -> Type | None:
    return operands[0].type


def _joined(operands: list[Piece]) -> Type | None:
    return joined(operand.type for operand in operands)


def _joined_lists(operands: list[Piece]) -> Type | None:
    kinds = [operand.type for operand in operands]
    if all(isinstance(kind, ListOf) for kind in kinds):
        element = joined(element_of(kind) for kind in kinds)
        return None if element is None else ListOf(element)
    return _joined(operands)


def _flat(operands: list[Piece]) -> Type | None:
    inner = element_of(operands[0].type)
    return inner if isinstance(inner, ListOf) else None


def _point(operands: list[Piece]) -> Type | None:
    kind = operands[0].type
    return kind.point if isinstance(kind, IntervalOf) else None


def _wrapped(operands: list[Piece]) -> Type | None:
    kind = operands[0].type
    return None if kind is None else ListOf(kind)


_RULES: dict[str, Callable[[list[Piece]], Type | None]] = {
    **dict.fromkeys(("First", "Last", "SingletonFrom", "Indexer", "Min", "Max", "Mode", "Sum"), _element),
    **dict.fromkeys(("Distinct", "Slice", "Except", "Intersect", "Expand", "Collapse"), _same),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Modulo", "TruncatedDivide", "Negate", "Abs"), _same),
    **dict.fromkeys(("Successor", "Predecessor"), _same),
    **dict.fromkeys(("Start", "End", "PointFrom", "Width"), _point),
    "Union": _joined_lists,
    "Flatten": _flat,
    "ToList": _wrapped,
}


def _all(names: str, kind: Type) -> dict[str, Type]:
    return dict.fromkeys(names.split(), kind)


_FIXED: dict[str, Type] = {
    **_all("Equal Equivalent NotEqual Less LessOrEqual Greater GreaterOrEqual Exists AllTrue AnyTrue", BOOLEAN),
    **_all("In Contains ProperIn ProperContains Includes IncludedIn ProperIncludes ProperIncludedIn", BOOLEAN),
    **_all("Before After Meets MeetsBefore MeetsAfter Overlaps OverlapsBefore OverlapsAfter Starts Ends", BOOLEAN),
    **_all("SameAs SameOrBefore SameOrAfter StartsWith EndsWith Matches ToBoolean CanConvertQuantity", BOOLEAN),
    **_all("Count Length IndexOf PositionOf LastPositionOf DurationBetween DifferenceBetween", INTEGER),
    **_all("DateTimeComponentFrom CalculateAge CalculateAgeAt Ceiling Floor Truncate Precision ToInteger", INTEGER),
    **_all("Divide Avg Median Variance StdDev PopulationVariance PopulationStdDev GeometricMean", DECIMAL),
    **_all("Ln Exp Log Round ToDecimal TimezoneOffsetFrom", DECIMAL),
    **_all("Concatenate Combine Lower Upper Substring ReplaceMatches ToString", STRING),
    **_all("Date Today DateFrom ToDate", DATE),
    **_all("DateTime Now ToDateTime", DATETIME),
    **_all("Time TimeOfDay TimeFrom ToTime", TIME),
    **_all("ToQuantity ConvertQuantity", QUANTITY),
    "ToConcept": CONCEPT,
    "ToLong": LONG,
    "ToRatio": Named("System.Ratio"),
    **_all("Split SplitOnMatches ToChars", ListOf(STRING)),
}


def result_type(operator: str, operands: list[Piece]) -> Type | None:
    """The static result type of an operator over its operands, None when it is not known."""
    rule = _RULES.get(operator)
    if rule is not None:
        return rule(operands) if operands else None
    return _FIXED.get(operator)
