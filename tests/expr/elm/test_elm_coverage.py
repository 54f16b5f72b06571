"""collapse and expand (CQL 1.5, B.7)."""

from __future__ import annotations

import pytest
from elm_operators_support import call, i, v

from cds.errors import EvaluationError, LimitError
from cds.expr.elm.values import Interval, Partial


@pytest.mark.parametrize(
    ("intervals", "per", "expected"),
    [
        (["[5, 9]", "[1, 4]"], "null", ["[1, 9]"]),
        (["[1, 4]", "[6, 9]"], "null", ["[1, 4]", "[6, 9]"]),
        (["[1, 4]", "[6, 9]"], "2 '1'", ["[1, 9]"]),
        (["[1, 9]", "[2, 3]"], "null", ["[1, 9]"]),
        (["[1.0, 4.0)", "[4.0, 9.0]"], "null", ["[1.0, 9.0]"]),
        (["(null, null)", "[1, 2]"], "null", ["[1, 2]"]),
        (["[3, 9]", "(null, 5]"], "null", ["(null, 9]"]),
        (["[3, null)", "[1, 4]"], "null", ["[1, null)"]),
        (["[3, null)", "[7, 9]"], "null", ["[3, null)", "[7, 9]"]),
        (["[3, null)", "[3, 9]"], "null", ["[3, null)"]),
        (["[@2012-01-01, @2012-01-15]", "[@2012-01-17, @2012-01-25]"], "null", 2),
        (["[@2012-01-01, @2012-01-15]", "[@2012-01-17, @2012-01-25]"], "2 days", ["[@2012-01-01, @2012-01-25]"]),
        (["[@2012-01-01, @2012-01-15]", "[@2012-02-17, @2012-02-25]"], "1 month", ["[@2012-01-01, @2012-02-25]"]),
        (["[1 'g', 2 'g']", "[2.5 'g', 3 'g']"], "1 '1'", ["[1 'g', 3 'g']"]),
        ([], "null", []),
    ],
)
def test_collapse(intervals: list[str], per: str, expected: list[str] | int) -> None:
    """Intervals that overlap, meet, or are no further apart than `per` become one."""
    result = call("Collapse", [i(text) for text in intervals], v(per))
    assert len(result) == expected if isinstance(expected, int) else result == [i(text) for text in expected]


def test_collapse_leaves_nulls_out_and_stays_partial() -> None:
    """A null is no interval; of a list that may lack items the result may too."""
    result = call("Collapse", Partial([None, i("[1, 2]")]), None)
    assert result == [i("[1, 2]")]
    assert type(result) is Partial


@pytest.mark.parametrize(
    ("interval", "per", "expected"),
    [
        ("[1, 4]", "null", ["1", "2", "3", "4"]),
        ("[1, 4)", "2 '1'", ["1"]),
        ("[10.0, 12.5]", "1 '1'", ["10", "11", "12"]),
        ("[10, 10]", "0.5 '1'", ["10.0", "10.5"]),
        ("[1 'cm', 3 'cm']", "1 '1'", ["1 'cm'", "2 'cm'", "3 'cm'"]),
        ("[@2018-01-01, @2018-01-15]", "1 week", ["@2018-01-01", "@2018-01-08"]),
        ("[@2018-01-30, @2018-03-01]", "1 month", ["@2018-01", "@2018-02", "@2018-03"]),
        ("[@T22:00, @T23:59]", "1 hour", ["@T22", "@T23"]),
        ("[@T10, @T10]", "1 minute", []),
        ("[@9999-12-30, @9999-12-31]", "1 day", ["@9999-12-30", "@9999-12-31"]),
        ("[1, null)", "null", []),
    ],
)
def test_expand_an_interval_into_points(interval: str, per: str, expected: list[str]) -> None:
    """The start of every piece that ends within the interval."""
    assert call("Expand", i(interval), v(per)) == [v(text) for text in expected]


def test_expand_intervals_into_intervals() -> None:
    """Pieces of size `per`; the last one has to fit, and nulls fall away."""
    days = call("Expand", [i("[@2018-01-01, @2018-01-05]"), None], v("2 days"))
    assert days == [i("[@2018-01-01, @2018-01-02]"), i("[@2018-01-03, @2018-01-04]")]
    assert call("Expand", [i("[1, 5]")], v("2 '1'")) == [i("[1, 2]"), i("[3, 4]")]


def test_expand_is_bounded() -> None:
    """Too many pieces are an error, not an endless list."""
    with pytest.raises(LimitError):
        call("Expand", Interval(1, None, True, True, "System.Integer"), None)


@pytest.mark.parametrize(("interval", "per"), [("[@2018, @2019]", "1 'mg'"), ("[1, 2]", "0 '1'")])
def test_expand_needs_a_size(interval: str, per: str) -> None:
    """A size is a duration for dates, and more than nothing."""
    with pytest.raises(EvaluationError):
        call("Expand", i(interval), v(per))


def test_nulls() -> None:
    """Nothing comes of nothing."""
    assert call("Expand", None, None) is None
    assert call("Collapse", None, None) is None
