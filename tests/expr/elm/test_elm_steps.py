"""The trace of CQL: each node with its place in the library, its name and its value, and what Message is given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from elm_libraries_support import HEADER, coded, compiled, evaluation

from cds.errors import CdsError, EvaluationError, LimitError
from cds.expr import Item, Step, Trace
from cds.expr.elm import compiler
from cds.expr.elm.library import Library
from cds.expr.libraries import Libraries

#: The line of the first definition.
FIRST = HEADER.count("\n") + 1


def steps(library: Library, define: str = "X", *resources: Any, **options: Any) -> list[Step]:
    """The steps of an evaluation."""
    found: list[Step] = []
    library.evaluate(evaluation(*resources, trace=Trace(step=found.append), **options), define)
    return found


def shown(told: list[Step]) -> list[tuple[str, str, Any]]:
    """Place, name and value of each step; places count from the first definition."""
    return [(f"{step.line - FIRST + 1}:{step.column}", step.name, step.items[0].value) for step in told]


def test_every_node_is_told_innermost_first() -> None:
    """With line and column; what the translator put in, such as the conversion to Decimal, is not told of. An
    expression is told where it is defined, once, and wherever it is asked for."""
    library = compiled("define X: One + 2.5 > 3 and\n  One = 1\ndefine One: 1")
    assert shown(steps(library)) == [
        ("3:13", "constant", 1),
        ("3:1", "One", 1),
        ("1:11", "One", 1),
        ("1:17", "constant", steps(library)[3].items[0].value),
        ("1:11", "+", steps(library)[4].items[0].value),
        ("1:23", "constant", 3),
        ("1:11", ">", True),
        ("2:3", "One", 1),
        ("2:9", "constant", 1),
        ("2:3", "=", True),
        ("1:11", "and", True),
        ("1:1", "X", True),
    ]


def test_what_is_skipped_is_told_of_by_nobody() -> None:
    """A branch that decides nothing is not evaluated, so it is not in the trace."""
    assert [step.name for step in steps(compiled("define X: false and 1 / 0 > 1"))] == ["constant", "and", "X"]


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("1 + 1", "+"),
        ("not true", "not"),
        ("1 in { 1 }", "in"),
        ("Interval[1, 2] during Interval[0, 3]", "included in"),
        ("start of Interval[1, 2]", "start"),
        ("Sum({ 1 })", "Sum"),
        ("Twice(1)", "Twice"),
        ("O.Home", "O.Home"),
        ("Tuple { a: 1 }.a", ".a"),
        ("Limit", "Limit"),
        ('"A"', "A"),
        ("[Condition]", "[Condition]"),
        ('[Condition: "VS"]', "[Condition: VS]"),
        ('[Condition: "A"]', "[Condition: A]"),
        ('[Condition: "AB"]', "[Condition: AB]"),
        ("[Condition] C return C.id", "query"),
        ("case when true then 1 else 2 end", "case"),
        ("Interval[1, 2]", "Interval"),
        ("null", "constant"),
    ],
)
def test_steps_have_the_names_of_the_text(expression: str, name: str) -> None:
    """Operators as CQL writes them, what has a name by its name, a retrieve with its terminology."""
    header = HEADER.replace("context", "include O\nparameter Limit Integer\ncontext")
    text = f"{header}define function Twice(n Integer): n * 2\ndefine X: {expression}"
    library = Libraries(lambda *_: "library O define Home: 1").compile(text)
    assert steps(library)[-2].name == name


def test_rows_are_told_one_by_one() -> None:
    """Each source by its alias, what stands inside once for each row, with the row's number."""
    library = compiled("define X: ({ 4, 5 }) N where N > 4 return N * 2")
    told = [(step.name, step.index, step.items[0].value) for step in steps(library)[3:]]
    assert told == [
        *[("N", 0, 4), ("N", 0, 4), ("constant", 0, 4), (">", 0, False)],
        *[("N", 1, 5), ("N", 1, 5), ("constant", 1, 4), (">", 1, True)],
        *[("N", 1, 5), ("constant", 1, 2), ("*", 1, 10)],
        *[("query", None, [10]), ("X", None, [10])],
    ]


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("from ({ 1, 2 }) A, ({ 3, 4 }) B return all 0", ["A0", "B0", "B1", "A1", "B0", "B1"]),
        ("({ 1, 2 }) A with ({ 3, 4 }) B such that false", ["A0", "B0", "B1", "A1", "B0", "B1"]),
        ("({ 1, 2 }) A let L: 1 where L > 2", ["A0", "A1"]),
        ("({ 1, 2 }) A aggregate T starting 0: T + 1", ["A0", "A1"]),
        ("({ 1, 2 }) A where exists (({ 3 }) B where false)", ["A0", "B0", "A1", "B0"]),
        ("(7) A return 0", ["A0"]),
    ],
)
def test_loops_in_loops_count_their_own_rows(expression: str, rows: list[str]) -> None:
    """The number is that of the innermost source."""
    told = steps(compiled(f"define X: {expression}"))
    assert [f"{step.name}{step.index}" for step in told if step.name in ("A", "B")] == rows


def test_loops_of_elm_count_too() -> None:
    """ForEach, Filter and the like have an index of their own."""
    number = {"valueType": "{urn:hl7-org:elm-types:r1}Integer", "type": "Literal"}
    current = {"type": "Current", "scope": "$this"}
    items = {"type": "List", "element": [{**number, "value": "7"}, {**number, "value": "8"}]}
    body = {"type": "ForEach", "source": items, "element": {"type": "Negate", "operand": current}}
    node = {"name": "X", "expression": body}
    library = Libraries().compile({"library": {"identifier": {"id": "E"}, "statements": {"def": [node]}}})
    told = [(step.name, step.index, step.items[0].value) for step in steps(library)]
    assert told[3:-2] == [("Current", 0, 7), ("-", 0, -7), ("Current", 1, 8), ("-", 1, -8)]
    assert {(step.library, step.line, step.column) for step in steps(library)} == {("E", 0, 0)}


def test_values_have_their_static_type() -> None:
    """So that an empty list or null says what it is of."""
    told = steps(compiled('define X: [Condition: "VS"] C return Tuple { code: First(C.category) }'))
    assert [step.items[0].type for step in told] == [
        "List<FHIR.Condition>",
        *["List<Tuple{code FHIR.CodeableConcept}>"] * 2,
    ]


def test_included_libraries_are_told_of() -> None:
    """Their nodes say which library they are in; a function is told of inside and out."""
    text = HEADER.replace("context", "include O\ncontext") + "define X: O.Next(2)"
    library = Libraries(lambda *_: "library O define function Next(n Integer): n + 1").compile(text)
    assert [(step.library, step.name) for step in steps(library)] == [
        *[("T", "constant"), ("O", "n"), ("O", "constant"), ("O", "+"), ("T", "O.Next"), ("T", "X")]
    ]


def test_functions_that_call_themselves_are_told_each_time() -> None:
    """Which only ELM can write: the form of a function that reports is one for all its calls."""
    text = "library E define function F(n Integer): if n > 0 then G(n - 1) else n define function G(n Integer): n"
    elm = json.dumps(Libraries(lambda *_: text + " define X: F(2)").elm("E"), default=str).replace(
        '"name": "G"', '"name": "F"'
    )
    told = steps(Libraries().compile(json.loads(elm)))
    assert [step.items[0].value for step in told if step.name == "if"] == [0, 0, 0]


def test_what_a_parameter_gives_is_told() -> None:
    """Its default once; a value that was given has no text of its own."""
    header = HEADER.replace("context", "parameter P Integer default 3\ncontext")
    library = Libraries().compile(f"{header}define X: P + P")
    assert [step.name for step in steps(library)] == ["constant", "P", "P", "P", "+", "X"]
    assert [step.name for step in steps(library, parameters={"P": 1})] == ["P", "P", "+", "X"]


def test_messages_go_to_the_log() -> None:
    """With what they are about, when their condition holds (CQL 1.5, Message); they are noted as ever."""
    told: list[tuple[str, list[Item]]] = []
    library = compiled("define X: Message(1, true, 'c', 'Warning', 't') + Message(2, false, 'd', 'Warning', 'u')")
    surroundings = evaluation(trace=Trace(log=lambda name, items: told.append((name, items))))
    assert library.evaluate(surroundings, "X") == 3
    assert [(name, [(item.type, item.value) for item in items]) for name, items in told] == [
        ("Warning c: t", [("System.Integer", 1)])
    ]
    assert len(surroundings.messages) == 1


def test_a_failing_expression_tells_how_far_it_came() -> None:
    """The steps before the error are told, and the error has its place."""
    found: list[Step] = []
    with pytest.raises(EvaluationError) as caught:
        compiled("define X: 1 + First({ 2 }) >\n  Ln(0)").evaluate(evaluation(trace=Trace(step=found.append)), "X")
    assert found[-1].name == "constant"
    assert caught.value.line == FIRST + 1


def test_limits_are_those_of_any_evaluation() -> None:
    """A trace takes no steps of the budget: what may run may be traced (security E2)."""
    library = compiled("define X: Count([Condition] C return all C.id)")

    def left(**options: Any) -> int:
        surroundings = evaluation(*[coded("Condition", "c")] * 20, **options)
        library.evaluate(surroundings, "X")
        return surroundings.budget

    assert left() == left(trace=Trace(step=lambda _: None)) < 1_000_000


def test_rows_of_definitions_that_compile_can_be_traced() -> None:
    """The form that reports is nested more deeply; where the stack ends there is an error of ours (security E4)."""
    rows = [f"define A{number}: A{number + 1} + 1" for number in range(2000)]
    longest = 0
    for count in (50, 100, 200, 400):
        try:
            library = compiled("\n".join([*rows[:count], f"define A{count}: 1"]))
        except CdsError:
            break
        longest = count
        try:
            assert len(steps(library, "A0")) >= 3 * count
        except LimitError:
            break
    assert longest >= 100


def test_nothing_is_prepared_for_a_trace_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a trace no form that reports is made, so it costs nothing."""
    for name in ("reported", "walk"):
        monkeypatch.setattr(compiler, name, None)
    text = "define function F(n Integer): n + 1\ndefine X: F(Count([Condition] C where C.id is not null)) + 1"
    library = compiled(text)
    assert library.evaluate(evaluation(coded("Condition", "c")), "X") == 3
    assert not library.reporting
    with pytest.raises(EvaluationError, match="TypeError"):
        steps(library)
