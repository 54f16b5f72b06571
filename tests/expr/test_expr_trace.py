"""The trace: every node with its place in the text, its items with type and place, and what trace() is given."""

from __future__ import annotations

from typing import Any

import pytest
from expr_support import NOW, Run, Values

from cds import expr
from cds.errors import EvaluationError
from cds.expr import compiler

Shown = list[tuple[str, Any]]


def shown(items: list[expr.Item]) -> Shown:
    """Each item as its type and its path, or its value where it has no path."""
    return [(item.type, item.path or item.value) for item in items]


def steps(text: str, resource: Any, **options: Any) -> list[expr.Step]:
    """The steps of a traced evaluation."""
    found: list[expr.Step] = []
    trace = expr.Trace(resource, step=found.append)
    expr.compile(text).traced(expr.Evaluation(now=NOW, context=resource, trace=trace, **options))
    return found


def traced(text: str, resource: Any, **options: Any) -> list[expr.Item]:
    """The items of a traced evaluation."""
    return expr.compile(text).traced(expr.Evaluation(now=NOW, context=resource, trace=expr.Trace(resource), **options))


def test_every_node_is_told_innermost_first(patient: dict[str, Any]) -> None:
    """Position, length, name and items of each step; what only stands for the focus is none."""
    told = [
        (step.position, step.length, step.name, shown(step.items)) for step in steps("name.family\n = 'Cole'", patient)
    ]
    assert told == [
        (0, 4, "name", [("HumanName", "Patient.name[0]"), ("HumanName", "Patient.name[1]")]),
        (5, 6, "family", [("string", "Patient.name[0].family")]),
        (15, 6, "constant", [("System.String", "Cole")]),
        (13, 1, "=", [("System.Boolean", True)]),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("`name`", (0, 6, "name")),
        ("4 'mg'", (0, 6, "constant")),
        ("@2020-01-01", (0, 11, "constant")),
        ("{ }", (0, 3, "constant")),
        ("%`a`", (0, 4, "%`a`")),
        ("name[0]", (4, 1, "[]")),
        ("  today( )", (2, 5, "today")),
        ("active is boolean", (7, 2, "is")),
        ("-(1)", (0, 1, "-")),
        ("$this", (0, 5, "$this")),
        ("1 + 2 + 3", (6, 1, "+")),
        ("true and /* and */ true", (5, 3, "and")),
    ],
)
def test_a_step_says_where_its_name_stands(patient: dict[str, Any], text: str, place: tuple[int, int, str]) -> None:
    """The last step is the whole expression's: its place is that of the outermost name, literal or operator."""
    last = steps(text, patient, variables=Values({"a": [1]}))[-1]
    assert (last.position, last.length, last.name) == place


def test_an_operator_of_many_operands_is_told_pair_by_pair(patient: dict[str, Any]) -> None:
    """`a | b | c` is read as two operators, each with what it has so far."""
    told = [(step.position, len(step.items)) for step in steps("1 | 2 | 3", patient) if step.name == "|"]
    assert told == [(2, 2), (6, 3)]


def test_a_lambda_is_told_once_for_each_iteration(patient: dict[str, Any]) -> None:
    """Inside, $this is the item and the index counts; what does not depend on the item is told each time too."""
    inside = [step for step in steps("name.select(use & 'x')", patient) if step.index is not None]
    assert [(step.name, step.index, shown(step.this)) for step in inside if step.name == "constant"] == [
        ("constant", 0, [("HumanName", "Patient.name[0]")]),
        ("constant", 1, [("HumanName", "Patient.name[1]")]),
    ]
    assert [step.name for step in inside] == ["use", "constant", "&"] * 2


def test_a_step_knows_what_it_was_called_on(patient: dict[str, Any]) -> None:
    """The focus is the input of a path or function, and $this of what stands alone."""
    told = {step.name: shown(step.focus) for step in steps("name.first().given.count() + 1", patient)}
    assert told["first"] == [("HumanName", "Patient.name[0]"), ("HumanName", "Patient.name[1]")]
    assert told["count"] == [("string", "Patient.name[0].given[0]"), ("string", "Patient.name[0].given[1]")]
    assert told["constant"] == told["+"] == [("Patient", "Patient")]


def test_items_that_are_skipped_are_told_of_by_nobody(patient: dict[str, Any]) -> None:
    """A branch that decides nothing any more is not evaluated, so it is not in the trace."""
    assert [step.name for step in steps("false and active", patient)] == ["constant", "and"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name.given[1]", [("string", "Patient.name[0].given[1]")]),
        ("deceased", [("boolean", "Patient.deceased")]),
        ("gender.extension.value", [("code", "Patient.gender.extension[0].value")]),
        ("%resource.name.family", [("string", "Patient.name[0].family")]),
        ("name.where($index = 1).given", [("string", "Patient.name[1].given[0]")]),
        ("descendants().where($this = 'Bea')", [("string", "Patient.name[0].given[1]")]),
        ("iif(active, name.last().use)", [("code", "Patient.name[1].use")]),
        ("name.family | 'x'", [("string", "Patient.name[0].family"), ("System.String", "x")]),
        ("name.family.upper()", [("System.String", "COLE")]),
    ],
)
def test_items_know_their_type_and_place(patient: dict[str, Any], text: str, expected: Shown) -> None:
    """Choices are named without their type, repeated elements have an index; what was made has no place."""
    assert shown(traced(text, patient)) == expected


def test_places_reach_into_what_the_resource_holds() -> None:
    """A resource within a Bundle keeps its place however it was found."""
    patient = {"resourceType": "Patient", "id": "p", "active": True}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Group"}}, {"resource": patient}]}
    expected = [("boolean", "Bundle.entry[1].resource.active")]
    assert shown(traced("entry.resource.ofType(Patient).active", bundle)) == expected
    assert shown(traced("'Patient/p'.resolve().active", bundle, resolve=lambda *_: patient)) == expected


def test_an_item_can_be_the_next_focus(patient: dict[str, Any]) -> None:
    """A context found by one expression is evaluated on by another, and keeps its place and extensions."""
    (gender,) = traced("gender", patient)
    evaluation = expr.Evaluation(now=NOW, context="female", resource=patient, trace=expr.Trace(patient))
    assert shown(expr.compile("extension.value | $this").traced(evaluation, gender)) == [
        ("code", "Patient.gender.extension[0].value"),
        ("code", "Patient.gender"),
    ]


def test_trace_output_goes_to_the_log(patient: dict[str, Any]) -> None:
    """trace() hands its input on and tells it by name, or its projection (FHIRPath 5.9)."""
    told: list[tuple[str, Shown]] = []
    trace = expr.Trace(patient, log=lambda name, items: told.append((name, shown(items))))
    evaluation = expr.Evaluation(now=NOW, context=patient, trace=trace)
    found = expr.compile("name.trace('n').given.trace('l', length()).first()")(evaluation)
    assert found == ["Ann"]
    assert told == [
        ("n", [("HumanName", "Patient.name[0]"), ("HumanName", "Patient.name[1]")]),
        ("l", [("System.Integer", 3)] * 3),
    ]


def test_a_failing_expression_tells_how_far_it_came(patient: dict[str, Any]) -> None:
    """The steps before the error are told."""
    found: list[expr.Step] = []
    evaluation = expr.Evaluation(now=NOW, context=patient, trace=expr.Trace(patient, step=found.append))
    with pytest.raises(EvaluationError, match="needs a string"):
        expr.compile("active.upper()").traced(evaluation)
    assert [step.name for step in found] == ["active"]


def test_nothing_is_prepared_for_a_trace_that_nobody_asked_for(
    run: Run, patient: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a trace no reporting closure is made, so it costs nothing."""
    monkeypatch.setattr(compiler, "Steps", None)
    assert run("name.given.trace('x').count() + 0", patient) == [3]
    with pytest.raises(TypeError):
        traced("name.given.trace('x').count() + 0", patient)
