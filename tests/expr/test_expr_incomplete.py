"""Unknown is not false: answers that rest on data that was not obtained are empty (security E8)."""

from __future__ import annotations

from typing import Any

import pytest
from expr_support import NOW, Run, Values

from cds import expr

CASES = [
    ("%x.exists()", []),
    ("%x.empty()", []),
    ("%x.count()", []),
    ("%y.exists()", [True]),
    ("%y.empty()", [False]),
    ("%y.exists($this = 1)", [True]),
    ("%y.exists($this = 9)", []),
    ("%y.all($this > 1)", [False]),
    ("%y.all($this > 0)", []),
    ("%y.select($this > 0).allTrue()", []),
    ("%y.select($this > 1).allTrue()", [False]),
    ("%y.select($this > 9).anyTrue()", []),
    ("%y.select($this > 1).anyTrue()", [True]),
    ("%y.select($this < 9).anyFalse()", []),
    ("%y.select($this > 9).allFalse()", []),
    ("%y.isDistinct()", []),
    ("%y.combine(1).isDistinct()", [False]),
    ("1 in %y", [True]),
    ("9 in %y", []),
    ("%y contains 9", []),
    ("%z.subsetOf(%y)", []),
    ("%y.subsetOf(%z)", [False]),
    ("%y.supersetOf(%z)", []),
    ("%x.hasValue()", []),
    ("%z.exists($this = 9)", [False]),
    ("%z.count()", [2]),
    ("%x.exists() or true", [True]),
    ("%x.exists() and false", [False]),
    ("%x.exists().not()", []),
    ("%z.where(%x.exists()).exists()", []),
    ("%z.where($this in %y).exists()", []),
    ("%z.exists($this in %y)", []),
    ("(%z | %x).exists()", [True]),
    ("%z.where($this > 9).union(%x).exists()", []),
    ("iif(%x.exists(), 1, 2)", [2]),
    ("iif(%x.exists(), {}, {}).exists()", [False]),
    ("%x.where($this > 1).first().exists()", []),
]


@pytest.mark.parametrize(("text", "result"), CASES, ids=[text for text, _ in CASES])
def test_absence_decides_only_when_data_is_complete(text: str, result: list[Any], run: Run) -> None:
    """%x and %y are incomplete: what their known items do not decide is unknown; %z is complete."""
    assert run(text, missing={"x", "y"}, x=[], y=[1, 2], z=[3, 4]) == result


def test_a_criterion_that_is_undecided_leaves_its_choice_open() -> None:
    """A truth is never incomplete; when it is unknown for lack of data, what it passed over may be there (security
    E8)."""

    class Undecided(Values):
        def undecided(self, name: str) -> bool:
            return name == "flag"

    evaluation = expr.Evaluation(now=NOW, variables=Undecided({"flag": [], "z": [1]}))
    assert expr.compile("%z.where(%flag).exists()")(evaluation) == []
    assert expr.compile("%z.exists(%flag)")(evaluation) == []
    assert expr.compile("%z.exists($this = 1 or %flag)")(evaluation) == [True]
    assert expr.compile("%z.where(iif(%flag, true, false)).exists()")(evaluation) == [False]


def test_no_variable_no_doubt(run: Run) -> None:
    """Absence within a resource is a fact, whatever data is missing elsewhere."""
    assert run("name.exists() | photo.exists()", {"name": [{}]}, missing={"x"}) == [True, False]
