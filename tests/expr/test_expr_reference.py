"""docs/fhirpath.md: current, complete, and true about empty input."""

from __future__ import annotations

from pathlib import Path

import pytest
from expr_support import Run

from cds import expr
from cds.expr import focus
from cds.expr.fhirpath import PRECEDENCE
from cds.expr.functions import FUNCTIONS
from cds.expr.reference import OPERATORS, VARIABLES, chapter, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fhirpath.md"

#: Something to give for each argument; others are a string.
ARGUMENTS = {
    "criteria": "true",
    "criterion": "true",
    "projection": "$this",
    "aggregator": "$total",
    "init": "7",
    "key": "$this",
    "other": "(1 | 2)",
    "num": "1",
    "start": "0",
    "quantity": "1 'mg'",
    "base": "10",
    "exponent": "2",
    "type": "Patient",
    "structure": "'http://hl7.org/fhir/StructureDefinition/Patient'",
}
WANTED = {"{ }": [], "true": [True], "false": [False], "0": [0], "the other": [1, 2], "init": [7]}


def test_the_page_is_current() -> None:
    """docs/fhirpath.md is what `python -m cds.expr.reference` prints (habit 28)."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_has_every_function_and_operator() -> None:
    """Nothing that an expression can say is left out."""
    text = page()
    for row in FUNCTIONS.values():
        assert f"| `{row.signature}` |" in text
        assert chapter(row)
    listed = {symbol for symbols, *_ in OPERATORS for symbol in symbols.split()}
    assert listed >= set(PRECEDENCE)
    assert {f"%{name}" for name in focus.SURROUNDINGS} <= set(VARIABLES)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_the_page_is_right_about_empty_input(name: str, run: Run) -> None:
    """What a row says about an empty input is what the function gives for one."""
    row = FUNCTIONS[name]
    names = [argument for argument in row.arguments.replace("+", "").split() if argument[-1] not in "?*"]
    names += ["init"] if name == "aggregate" else []
    call = f"{name}({', '.join(ARGUMENTS.get(argument, repr(argument)) for argument in names)})"
    assert expr.compile(call)
    found = run(f"%nothing.{call}", nothing=[])
    if row.empty in WANTED:
        assert found == WANTED[row.empty]
    else:
        assert row.empty in ("no input", "the branch")
        assert found
