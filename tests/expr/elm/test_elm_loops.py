"""ELM's own iteration, which no CQL text makes: ForEach, Filter, Repeat, Sort, Aggregate, Children, Descendents."""

from __future__ import annotations

from typing import Any

import pytest
from elm_libraries_support import evaluation

from cds.errors import LimitError
from cds.expr.elm.build import compile_library
from cds.expr.elm.values import Partial

CURRENT = {"type": "Current"}


def number(value: int) -> dict[str, Any]:
    return {"type": "Literal", "valueType": "{urn:hl7-org:elm-types:r1}Integer", "value": str(value)}


def numbers(*values: int) -> dict[str, Any]:
    return {"type": "List", "element": [number(value) for value in values]}


def add(left: Any, right: Any) -> dict[str, Any]:
    return {"type": "Add", "operand": [left, right]}


def value(expression: dict[str, Any], **parameters: Any) -> Any:
    """The value of an ELM expression; `parameters` are there by name."""
    elm = {
        "identifier": {"id": "E"},
        "parameters": {"def": [{"name": name} for name in parameters]},
        "statements": {"def": [{"name": "X", "expression": expression}]},
    }
    return compile_library(elm).evaluate(evaluation(parameters=parameters), "X")


def given(name: str) -> dict[str, Any]:
    return {"type": "ParameterRef", "name": name}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"type": "ForEach", "source": numbers(1, 2), "element": add(CURRENT, {"type": "Iteration"})}, [1, 3]),
        ({"type": "ForEach", "source": {"type": "Null"}, "element": CURRENT}, None),
        (
            {
                "type": "ForEach",
                "scope": "outer",
                "source": numbers(10, 20),
                "element": {
                    "type": "ForEach",
                    "source": numbers(1, 2),
                    "element": add({"type": "Current", "scope": "outer"}, CURRENT),
                },
            },
            [[11, 12], [21, 22]],
        ),
        (
            {
                "type": "Filter",
                "source": numbers(1, 2, 3),
                "condition": {"type": "Greater", "operand": [CURRENT, number(1)]},
            },
            [2, 3],
        ),
        (
            {
                "type": "Repeat",
                "source": numbers(1),
                "element": {
                    "type": "If",
                    "condition": {"type": "Less", "operand": [CURRENT, number(4)]},
                    "then": add(CURRENT, number(1)),
                    "else": {"type": "Null"},
                },
            },
            [2, 3, 4],
        ),
        (
            {
                "type": "Aggregate",
                "source": numbers(1, 2, 3),
                "initialValue": number(10),
                "iteration": add({"type": "Total"}, CURRENT),
            },
            16,
        ),
        ({"type": "Sort", "source": numbers(2, 3, 1), "by": [{"type": "ByDirection", "direction": "desc"}]}, [3, 2, 1]),
    ],
)
def test_iteration(expression: dict[str, Any], expected: Any) -> None:
    """The item, its index, the running value and named scopes are those of their loop."""
    assert value(expression) == expected


def test_children_and_descendents_go_in_order() -> None:
    """One level, or all of them, depth first; nulls are no children."""
    patient = {"resourceType": "Patient", "id": "p", "name": [{"given": ["A", "B"]}, {"family": "C"}]}
    children = value({"type": "Children", "source": given("p")}, p=patient)
    assert children == ["p", {"given": ["A", "B"]}, {"family": "C"}]
    below = value({"type": "Descendents", "source": given("p")}, p=patient)
    assert below == ["p", {"given": ["A", "B"]}, "A", "B", {"family": "C"}, "C"]


def test_a_repeat_without_end_is_stopped() -> None:
    """Each new item costs a step, and a collection has a size."""
    with pytest.raises(LimitError):
        value({"type": "Repeat", "source": numbers(1), "element": add(CURRENT, number(1))})


def test_the_mark_of_incomplete_lists_is_handed_on() -> None:
    """Loops over a list that may lack items give one; a running value over it is unknown."""
    some = Partial([2, 1])
    for expression in (
        {"type": "ForEach", "source": given("l"), "element": CURRENT},
        {"type": "Filter", "source": given("l"), "condition": {"type": "IsNull", "operand": {"type": "Null"}}},
        {"type": "Sort", "source": given("l"), "by": [{"type": "ByDirection", "direction": "asc"}]},
    ):
        assert type(value(expression, l=some)) is Partial
    total = {"type": "Aggregate", "source": given("l"), "initialValue": number(0), "iteration": {"type": "Total"}}
    assert value(total, l=some) is None
