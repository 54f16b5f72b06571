"""The table of operators: every class of ELM that is a function of its operands has a row that holds together."""

from __future__ import annotations

import inspect

import pytest

from cds.expr.elm.operator import Operator
from cds.expr.elm.operators import OPERATORS

#: The operator classes of the ELM 1.5 schema (UnaryExpression ... AggregateExpression and the operators with named
#: operands), without those that have scopes, types, data or terminology in them.
CLASSES = """
And Or Xor Not Implies IsNull IsTrue IsFalse Coalesce
Equal Equivalent NotEqual Less Greater LessOrEqual GreaterOrEqual
Add Subtract Multiply Divide TruncatedDivide Modulo Ceiling Floor Truncate Abs Negate Round Ln Exp Log Power
Successor Predecessor MinValue MaxValue Precision LowBoundary HighBoundary
Concatenate Combine Split SplitOnMatches Length Upper Lower Indexer PositionOf LastPositionOf Substring StartsWith
EndsWith Matches ReplaceMatches
DurationBetween DifferenceBetween DateFrom TimeFrom TimezoneFrom TimezoneOffsetFrom DateTimeComponentFrom TimeOfDay
Today Now DateTime Date Time SameAs SameOrBefore SameOrAfter
Width Size PointFrom Start End Contains ProperContains In ProperIn Includes IncludedIn ProperIncludes ProperIncludedIn
Before After Meets MeetsBefore MeetsAfter Overlaps OverlapsBefore OverlapsAfter Starts Ends Collapse Expand
Union Intersect Except Exists Times Distinct Flatten SingletonFrom First Last Slice IndexOf Children Descendents
Count Sum Product Min Max Avg GeometricMean Median Mode Variance PopulationVariance StdDev PopulationStdDev AllTrue
AnyTrue
ToBoolean ToChars ToConcept ToDate ToDateTime ToDecimal ToInteger ToList ToLong ToQuantity ToRatio ToString ToTime
ConvertsToBoolean ConvertsToDate ConvertsToDateTime ConvertsToDecimal ConvertsToInteger ConvertsToLong
ConvertsToQuantity ConvertsToRatio ConvertsToString ConvertsToTime CanConvertQuantity ConvertQuantity
CalculateAge CalculateAgeAt
""".split()


def test_every_class_has_a_row() -> None:
    """Neither a missing row nor one that ELM does not know."""
    assert set(OPERATORS) == set(CLASSES)


@pytest.mark.parametrize("row", OPERATORS.values(), ids=lambda row: row.name)
def test_a_row_fits_its_handlers(row: Operator) -> None:
    """The handlers take as many operands as the row says, and the keywords it promises."""
    count = 3 if row.arity < 0 else row.arity
    assert not row.operands or len(row.operands) == row.arity
    wanted = {"precision": row.needs_precision, "types": row.needs_types, "ev": row.needs_evaluation}
    keywords = {name: None for name, needed in wanted.items() if needed}
    if row.name != "Not":  # a built-in shows no signature
        inspect.signature(row.handler).bind(*[None] * count, **keywords)
    for types, handler in row.special.items():
        assert len(types) == row.arity
        if not inspect.isbuiltin(handler):
            inspect.signature(handler).bind(*[None] * count)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        (
            "And",
            {(True, True): True, (True, None): None, (False, None): False, (None, None): None, (True, False): False},
        ),
        ("Or", {(True, None): True, (False, None): None, (False, False): False, (None, None): None}),
        ("Implies", {(True, False): False, (True, None): None, (False, None): True, (None, True): True}),
        ("Xor", {(True, False): True, (True, True): False}),
    ],
)
def test_three_valued_logic(name: str, table: dict[tuple[bool | None, bool | None], bool | None]) -> None:
    """Null is unknown: it decides nothing, and hinders nothing that is decided."""
    for (left, right), expected in table.items():
        assert OPERATORS[name].handler(left, right) is expected
        if name != "Implies":
            assert OPERATORS[name].handler(right, left) is expected


def test_asking_about_null() -> None:
    """is null, is true, is false."""
    answers = {name: [OPERATORS[name].handler(value) for value in (None, True, False)] for name in CLASSES[5:8]}
    assert answers == {
        "IsNull": [True, False, False],
        "IsTrue": [False, True, False],
        "IsFalse": [False, False, True],
    }
