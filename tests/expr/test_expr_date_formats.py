"""toDate() and toDateTime() with a format (FHIRPath 3.0, "Date/DateTime String Format Codes")."""

from __future__ import annotations

import pytest
from expr_support import Run

from cds.errors import EvaluationError

READ = [
    ("'150124'.toDate('ddMMyy')", ["2024-01-15"]),
    ("'15-01-2024'.toDate('dd-MM-yyyy')", ["2024-01-15"]),
    ("'12-27'.toDate('MM-yy')", ["2027-12"]),
    ("'5.1.1950'.toDate('d.M.yyyy')", ["1950-01-05"]),
    ("'50'.toDate('yy') | '49'.toDate('yy')", ["1950", "2049"]),
    ("'2024-01-15, 9'.toDateTime('yyyy-MM-dd, H')", ["2024-01-15T09"]),
    ("'15/01/2024 09:30'.toDateTime('dd/MM/yyyy HH:mm')", ["2024-01-15T09:30"]),
    ("'15/01/2024 09:30'.toDate('dd/MM/yyyy HH:mm')", ["2024-01-15"]),
    ("'01/15/2024 12:05 am'.toDateTime('MM/dd/yyyy hh:mm a')", ["2024-01-15T00:05"]),
    ("'01/15/2024 12:05 PM'.toDateTime('MM/dd/yyyy hh:mm a')", ["2024-01-15T12:05"]),
    ("'1/15/2024 7:05P'.toDateTime('M/d/yyyy h:ma')", ["2024-01-15T19:05"]),
    ("'20240115093005.250+0200'.toDateTime('yyyyMMddHHmmss.SSSZ')", ["2024-01-15T09:30:05.250+02:00"]),
    ("'20240115T0930Z'.toDateTime('yyyyMMddTHHmmZ')", ["2024-01-15T09:30Z"]),
    ("'31.02.2024'.toDate('dd.MM.yyyy')", []),
    ("'13:00 PM 2024-01-15'.toDateTime('hh:mm a yyyy-MM-dd')", []),
    ("'2024-01-15'.toDate('dd.MM.yyyy')", []),
    ("@2024-01-15.toDate('dd.MM.yyyy')", ["2024-01-15"]),
    ("'15.01.2024'.convertsToDate('dd.MM.yyyy')", ["True"]),
    ("'15.01.2024'.convertsToDate()", ["False"]),
    ("'15.01.24'.convertsToDateTime('dd.MM.yyyy')", ["False"]),
    ("'15.01.2024'.toDate({})", []),
    ("{}.toDate('dd.MM.yyyy')", []),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_text_is_read_by_its_format(run: Run, text: str, expected: list[str]) -> None:
    """What is no such text, or no such day, is empty; a date is itself whatever the format."""
    assert [str(item) for item in run(text)] == expected


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("dd MMM yyyy", "'MMM' is no code of a format"),
        ("yyyy-MM-dd z", "'z' is no code of a format"),
        ("yyyyy", "'yyyyy' is no code of a format"),
        ("dd.MM", "the format 'dd.MM' has no year"),
        ("dd yyyy", "the format 'dd yyyy' has no month"),
        ("", "the format '' has no year"),
        ("yyyy yy", "the format 'yyyy yy' has the year twice"),
        ("yyyy-MM-dd hh", "needs hh and a together"),
        ("yyyy-MM-dd HH a", "needs hh and a together"),
        ("yyyy-MM-ddZ", "the format 'yyyy-MM-ddZ' has no hour"),
        ("x" * 101, "a format has at most 100 characters"),
    ],
)
def test_what_is_no_format_is_an_error(run: Run, form: str, told: str) -> None:
    """It is the author's slip and no property of the data; the hint says which codes there are."""
    with pytest.raises(EvaluationError, match=told):
        run(f"'15.01.2024'.toDate('{form}')")


def test_a_quantity_converts_to_a_unit_or_not(run: Run) -> None:
    """convertsToQuantity(unit) says whether toQuantity(unit) gives a value."""
    assert run("5 'm'.convertsToQuantity('kg')") == [False]
    assert run("2 '[in_i]'.convertsToQuantity('cm')") == [True]
