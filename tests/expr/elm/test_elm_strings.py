"""Operators of strings (CQL 1.5, B.3)."""

from __future__ import annotations

from typing import Any

import pytest
from elm_operators_support import call

from cds.errors import EvaluationError, LimitError


@pytest.mark.parametrize(
    ("name", "operands", "expected"),
    [
        ("Concatenate", ("a", "b", "c"), "abc"),
        ("Concatenate", ("a", None), None),
        ("Combine", (["a", None, "b"], "-"), "a-b"),
        ("Combine", (["a", "b"], None), "ab"),
        ("Combine", ([None], "-"), None),
        ("Combine", (None, None), None),
        ("Split", ("a,b,", ","), ["a", "b", ""]),
        ("Split", ("a,b", None), ["a,b"]),
        ("Split", (None, ","), None),
        ("SplitOnMatches", ("a1b22c", "[0-9]+"), ["a", "b", "c"]),
        ("SplitOnMatches", ("a1b", None), ["a1b"]),
        ("SplitOnMatches", (None, "x"), None),
        ("PositionOf", ("b", "abb"), 1),
        ("PositionOf", ("c", "abb"), -1),
        ("LastPositionOf", ("b", "abb"), 2),
        ("Substring", ("abc", 1, None), "bc"),
        ("Substring", ("abc", 1, 1), "b"),
        ("Substring", ("abc", 1, 9), "bc"),
        ("Substring", ("abc", 1, -1), ""),
        ("Substring", ("abc", 3, None), None),
        ("Substring", ("abc", -1, None), None),
        ("Substring", (None, 1, None), None),
        ("StartsWith", ("abc", "ab"), True),
        ("EndsWith", ("abc", "ab"), False),
        ("Matches", ("abc", "a.*"), True),
        ("Matches", ("abc", "b"), False),
        ("Matches", ("abc", None), None),
        ("ReplaceMatches", ("2012-03", r"(\d+)-(\d+)", "$2/$1"), "03/2012"),
        ("ReplaceMatches", ("a b", r"\s", r"\$1"), "a$1b"),
        ("ReplaceMatches", ("abc", "", "x"), "abc"),
        ("Upper", ("aé",), "AÉ"),
        ("Lower", ("AÉ",), "aé"),
        ("Indexer", ("abc", 2), "c"),
        ("Indexer", ("abc", 3), None),
        ("ToChars", ("abc",), ["a", "b", "c"]),
    ],
)
def test_strings(name: str, operands: tuple[Any, ...], expected: Any) -> None:
    """Each operator by example."""
    assert call(name, *operands) == expected


def test_regular_expressions_are_linear_and_bounded() -> None:
    """A pattern that backtracks elsewhere answers at once; an unreadable or huge one is refused (security E1)."""
    assert call("Matches", "a" * 5000 + "!", "(a+)+") is False
    with pytest.raises(EvaluationError):
        call("Matches", "a", r"(?=a)")
    with pytest.raises(LimitError):
        call("SplitOnMatches", "a", "a" * 2000)


def test_results_are_bounded() -> None:
    """A text does not grow without end (security E3)."""
    long = "a" * 60_000
    with pytest.raises(LimitError):
        call("Concatenate", long, long)
    with pytest.raises(LimitError):
        call("Combine", [long, long], None)
