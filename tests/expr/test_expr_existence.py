"""Existence, filtering, projection, subsetting and combining (FHIRPath 5.1 to 5.4)."""

from __future__ import annotations

from typing import Any

import pytest
from expr_support import Run

from cds.errors import EvaluationError

CASES = [
    ("name.exists()", [True]),
    ("photo.exists()", [False]),
    ("photo.empty()", [True]),
    ("name.exists(use = 'usual')", [True]),
    ("name.all(given.exists())", [True]),
    ("photo.all(given.exists())", [True]),
    ("name.given.count()", [4]),
    ("name.select(use = 'usual').allTrue()", [False]),
    ("name.select(use = 'usual').anyTrue()", [True]),
    ("name.select(use = 'usual').allFalse()", [False]),
    ("name.select(use = 'usual').anyFalse()", [True]),
    ("name.given.distinct()", ["Ann", "Bea"]),
    ("name.given.isDistinct()", [False]),
    ("('Ann' | 'x').subsetOf(name.given)", [False]),
    ("name.given.supersetOf('Ann')", [True]),
    ("name.where(use = 'official').given", ["Ann", "Bea"]),
    ("name.where($index = 1).use", ["usual"]),
    ("name.select(use & '-' & family)", ["official-Cole", "usual-"]),
    ("name.given.first() | name.given.last()", ["Ann"]),
    ("name.given.tail()", ["Bea", "Ann"]),
    ("name.given.skip(1).take(1)", ["Bea"]),
    ("name.given.skip(-1).count()", [3]),
    ("name.given.take(0)", []),
    ("name.given.intersect('Ann' | 'Zoe')", ["Ann"]),
    ("name.given.exclude('Ann')", ["Bea"]),
    ("name.given.union('Zoe')", ["Ann", "Bea", "Zoe"]),
    ("name.given.combine('Ann').count()", [4]),
    ("(3 | 1 | 2).sort()", [1, 2, 3]),
    ("name.sort(-use).use", ["usual", "official"]),
    ("name.sort(family).use", ["usual", "official"]),
    ("(1 | 2 | 3).aggregate($this + $total, 10)", [16]),
    ("(1 | 2 | 3).aggregate(iif($total.empty(), $this, $total * $this))", [6]),
    ("coalesce(photo, name.family, 'x')", ["Cole"]),
    ("(1 | 2).repeat(iif($this < 5, $this + 2, {}))", [3, 4, 5, 6]),
]


@pytest.mark.parametrize(("text", "result"), CASES, ids=[text for text, _ in CASES])
def test_collections(text: str, result: list[Any], run: Run, patient: dict[str, Any]) -> None:
    """Each function gives what the specification says."""
    assert run(text, patient) == result


@pytest.mark.parametrize("text", ["name.single()", "(true | 'x').allTrue()", "name.take('x')", "name.use + 'x'"])
def test_wrong_input_is_an_error_with_its_place(text: str, run: Run, patient: dict[str, Any]) -> None:
    """More than one item, or another type, stops the evaluation and says where."""
    with pytest.raises(EvaluationError) as caught:
        run(text, patient)
    assert caught.value.line == 1


VALUELESS = [
    ("maritalStatus.text.exists()", [True]),
    ("maritalStatus.text.hasValue()", [False]),
    ("maritalStatus.text", []),
    ("name.given.select(hasValue())", [True, True, True, False]),
    ("name.given.where(extension('u').exists()).count()", [1]),
    ("name.given.extension('u').value", ["v"]),
    ("gender.extension.url", ["e"]),
    ("gender.id", ["g"]),
    ("children().extension.url", ["e"]),
    ("children().extension('e').value", ["x"]),
    ("descendants().where(id = 'g')", ["female"]),
    ("children().where(extension.exists()).count()", [1]),
    ("gender.getValue()", ["female"]),
    ("active.hasValue()", [True]),
    ("name.hasValue()", [False]),
]


@pytest.mark.parametrize(("text", "result"), VALUELESS, ids=[text for text, _ in VALUELESS])
def test_primitives_keep_their_extensions(text: str, result: list[Any], run: Run, patient: dict[str, Any]) -> None:
    """A primitive with extensions only exists and has no value; its siblings are found."""
    assert run(text, patient) == result
