"""Libraries: named expressions, parameters, functions, includes, and errors with their place."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from elm_libraries_support import HEADER, compiled, evaluation, run

from cds.errors import DefinitionError, EvaluationError, ExpressionSemanticError, LimitError, NotFoundError
from cds.expr.elm.build import compile_library
from cds.expr.elm.library import Library
from cds.expr.libraries import Libraries

COMMON = """library Common version '2'
parameter P Integer default 1
define public D: P + 10
define function twice(n Integer): n * 2
"""


def test_a_named_expression_is_computed_once_and_only_when_asked() -> None:
    """Two references to an expression give one message; an expression nobody asks for gives none."""
    library = compiled(
        "define P: Message(1, true, 'a', 'Message', 'seen')\n"
        "define Other: Message(1, true, 'b', 'Error', 'never asked for')\n"
        "define X: P + P"
    )
    ev = evaluation()
    assert library.evaluate(ev, "X") == 2
    assert library.evaluate(ev, "P") == 1
    assert [(m.severity, m.code, m.text) for m in ev.messages] == [("Message", "a", "seen")]


FAILING = """define Bad: Message(1, true, 'b', 'Error', 'no')
define Asks: Bad + 1
define AsksToo: Asks + Bad
"""


def test_a_failure_is_computed_once_too() -> None:
    """Each who asks gets the same error at the same place, and nothing is done again."""
    library = compiled(FAILING)
    ev = evaluation()
    told = []
    for name in ("Asks", "AsksToo", "Bad", "Bad"):
        with pytest.raises(EvaluationError) as caught:
            library.evaluate(ev, name)
        told.append((str(caught.value), caught.value.line, caught.value.column))
    assert len(set(told)) == 1
    assert len(ev.messages) == 1


def test_other_parameters_are_another_chance() -> None:
    """What failed is forgotten with what was computed."""
    text = "library T\nparameter P Integer default 2\ndefine X: Message(1, P = 2, 'b', 'Error', 'no')"
    library = Libraries().compile(text)
    ev = evaluation()
    with pytest.raises(EvaluationError):
        library.evaluate(ev, "X")
    assert library.evaluate(ev, "X", {"P": 1}) == 1


def test_a_failure_that_is_kept_holds_no_frames() -> None:
    """Else the data of the call would stay until the collector of cycles comes by."""
    library = compiled(FAILING)
    ev = evaluation()
    for _ in range(2):
        with pytest.raises(EvaluationError):
            library.evaluate(ev, "AsksToo")
    assert ev.failures
    assert all(error.__traceback__ is error.__cause__ is error.__context__ is None for error in ev.failures.values())


def test_where_a_guard_stopped_is_not_kept() -> None:
    """It may be for how deep in others it was asked, or for what they left of the budget."""
    library = compiled("define X: ({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) N return N + 1")
    ev = evaluation(steps=3)
    with pytest.raises(LimitError):
        library.evaluate(ev, "X")
    assert ev.failures is None


def test_a_branch_not_taken_is_not_evaluated() -> None:
    """And, Or, Implies, If, Case and Coalesce stop when the answer is known."""
    fails = "Message(true, true, 'c', 'Error', 'evaluated')"
    for text in (
        f"false and {fails}",
        f"not (true or {fails})",
        f"not (false implies {fails})",
        f"if false then {fails} else false",
        f"case when true then false else {fails} end",
        f"Coalesce(false, {fails})",
    ):
        assert run(text) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("null and false", False),
        ("null and true", None),
        ("null or true", True),
        ("null or false", None),
        ("null implies true", True),
        ("null implies false", None),
        ("true xor null", None),
        ("(null as Boolean) is true", False),
        ("(null as Boolean) is not false", True),
        ("true and true and null and false", False),
    ],
)
def test_logic_has_three_values(text: str, expected: bool | None) -> None:
    """Null is unknown: it decides only where the other operand does not."""
    assert run(text) is expected


def test_parameters_come_by_library_and_name_before_the_default() -> None:
    """A value for `Library.name` goes before one for `name`; parameters of includes can be given too."""
    text = "include Common version '2'\nparameter P Integer default 5\ndefine X: P\ndefine Y: Common.D"
    library = compiled_in_front(text)
    assert library.evaluate(evaluation(), "X") == 5
    assert library.evaluate(evaluation(), "Y") == 11
    assert library.evaluate(evaluation(parameters={"P": 7}), "Y") == 17
    assert library.evaluate(evaluation(parameters={"P": 7, "Common.P": 8}), "Y") == 18
    assert library.evaluate(evaluation(parameters={"P": 7, "Common.P": 8}), "X") == 7


def compiled_in_front(text: str) -> Library:
    """As compiled(), for declarations that have to stand before the context."""
    libraries = Libraries(lambda name, _version: COMMON if name == "Common" else None)
    return libraries.compile(f"library T version '1'\n{text}")


def test_other_parameters_forget_what_was_computed() -> None:
    """Results remembered with the parameters of one call are not given out with those of the next."""
    library = compiled_in_front("parameter P Integer\ndefine X: P + 1")
    ev = evaluation()
    assert library.evaluate(ev, "X") is None
    assert library.evaluate(ev, "X", {"P": 1}) == 2
    assert library.evaluate(ev, "X", {"P": 2}) == 3


def test_functions_have_overloads_and_libraries() -> None:
    """The overload is chosen by the types of the operands; fluent and included functions are called alike."""
    library = compiled_in_front(
        "include Common\n"
        "define function f(a Integer): 'integer'\n"
        "define function f(a String): 'string'\n"
        "define function f(a List<Integer>): 'list'\n"
        "define fluent function plus(a Integer, b Integer): a + b\n"
        "define X: { f(1), f('x'), f({1}) }\n"
        "define Y: Common.twice(20).plus(2)"
    )
    assert library.evaluate(evaluation(), "X") == ["integer", "string", "list"]
    assert library.evaluate(evaluation(), "Y") == 42


def test_an_error_names_library_line_and_column() -> None:
    """The place of a failure is that of the operator that failed, also in an included library."""
    included = "library Common version '2'\ndefine D:\n  singleton from ({1, 2})\n"
    library = Libraries(lambda _name, _version: included).compile("library T\ninclude Common\ndefine X: Common.D")
    with pytest.raises(EvaluationError) as caught:
        library.evaluate(evaluation(), "X")
    assert (caught.value.library, caught.value.line, caught.value.column) == ("Common", 3, 3)
    assert str(caught.value).startswith("Common:3:3: ")


def test_message_with_severity_error_stops_the_evaluation() -> None:
    """Error raises with code and text, at the place of the Message; Warning goes on."""
    ev = evaluation()
    library = compiled(
        "define X:\n  Message(1, true, '42', 'Error', 'not so')\ndefine Y: Message(1, 2 > 1, 'w', 'Warning', 't')"
    )
    with pytest.raises(EvaluationError, match="42: not so") as caught:
        library.evaluate(ev, "X")
    assert caught.value.line == HEADER.count("\n") + 2
    assert library.evaluate(ev, "Y") == 1
    assert [m.severity for m in ev.messages] == ["Error", "Warning"]


def test_unknown_expressions_are_answered_with_the_nearest_name() -> None:
    """Asking for what is not there is a NotFoundError that helps."""
    with pytest.raises(NotFoundError, match="did you mean 'Pain'"):
        compiled("define Pain: 1").evaluate(evaluation(), "Pian")


def test_all_problems_of_an_elm_tree_come_at_once() -> None:
    """References to what does not exist, unknown classes and circles are problems when the ELM is compiled."""

    def made(name_: str, line: int, **expression: Any) -> dict[str, Any]:
        return {"name": name_, "locator": f"{line}:1-{line}:9", "expression": {"locator": f"{line}:5", **expression}}

    elm = {
        "library": {
            "identifier": {"id": "E"},
            "statements": {
                "def": [
                    made("Pain", 1, type="Null"),
                    made("B", 2, type="ExpressionRef", name="Pian"),
                    made("C", 3, type="Exsts", operand={"type": "Null"}),
                    made("D", 4, type="ExpressionRef", name="D"),
                    made("F", 5, type="FunctionRef", name="f", operand=[]),
                    made("V", 6, type="InValueSet", code={"type": "Null"}, valueset={"name": "VS"}),
                ]
            },
        }
    }
    with pytest.raises(DefinitionError) as caught:
        compile_library(elm)
    assert [(str(p.location), p.message, p.hint) for p in caught.value.problems] == [
        ("E:2:5", "unknown expression 'Pian'", "did you mean 'Pain'?"),
        ("E:3:5", "unknown ELM expression 'Exsts'", "did you mean 'Exists'?"),
        ("E:4:5", "'D' is defined by itself", None),
        ("E:5:5", "unknown function 'f'", None),
        ("E:6:5", "unknown value set 'VS'", None),
    ]


def test_external_functions_fail_only_when_called() -> None:
    """A library that declares one still loads; calling it says which is missing."""
    library = compiled_in_front("define function e(a Integer) returns Integer: external\ndefine X: e(1)\ndefine Y: 2")
    assert library.evaluate(evaluation(), "Y") == 2
    with pytest.raises(EvaluationError, match=r"external function e\(\)"):
        library.evaluate(evaluation(), "X")


def test_functions_that_never_return_are_stopped() -> None:
    """Recursion without an end is a LimitError, whatever the stack allows."""
    library = {
        "identifier": {"id": "R"},
        "statements": {
            "def": [
                {
                    "type": "FunctionDef",
                    "name": "f",
                    "operand": [{"name": "n", "operandType": "{urn:hl7-org:elm-types:r1}Integer"}],
                    "expression": {
                        "type": "FunctionRef",
                        "name": "f",
                        "operand": [{"type": "OperandRef", "name": "n"}],
                    },
                },
                {"name": "X", "expression": {"type": "FunctionRef", "name": "f", "operand": [{"type": "Null"}]}},
            ]
        },
    }
    with pytest.raises(LimitError):
        compile_library(library).evaluate(evaluation(), "X")


def test_the_step_budget_holds_for_queries() -> None:
    """Rows count as steps, so that nested queries cannot run away."""
    text = "define L: expand Interval[1, 2000]\ndefine X: Count(from L A, L B where A + B > 5000 return A)"
    library = compiled(text)
    with pytest.raises(LimitError, match="too many steps"):
        library.evaluate(evaluation(), "X")


def test_what_is_written_in_few_words_is_paid_for_when_it_is_asked_for() -> None:
    """A constant `expand` has no bound by its text: it is no work of the compiler, and each piece is a step or more."""
    expands = ", ".join(f"expand Interval[{start}, 90000]" for start in range(200))
    library = compiled(f"define X: Count(flatten {{ {expands} }})\ndefine Y: Count(expand Interval[1, 1000])")
    ev = evaluation()
    with pytest.raises(LimitError, match="too many steps"):
        library.evaluate(ev, "X")
    fresh = evaluation()
    budget = fresh.budget
    assert library.evaluate(fresh, "Y") == 1000
    assert budget - fresh.budget >= 1000


def test_one_library_serves_many_threads() -> None:
    """Evaluations at the same time do not see each other's rows."""
    library = compiled(
        "define X: Sum(from ({1, 2, 3, 4, 5}) A, ({1, 2, 3, 4, 5}) B let c: A * B where c > 4 return all c)"
    )
    expected = sum(a * b for a in range(1, 6) for b in range(1, 6) if a * b > 4)
    found: list[Any] = []
    threads = [
        Thread(target=lambda: found.extend(library.evaluate(evaluation(), "X") for _ in range(50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 200


@pytest.mark.parametrize(
    ("elm", "message"),
    [
        ({"statements": {"def": [{"expression": {"type": "Null"}}]}}, "the member 'name' is missing"),
        ({"statements": {"def": [{"name": "X", "expression": {"type": "Add"}}]}}, "Add takes 2 operands, not 0"),
        ({"statements": {"def": [{"name": "X", "expression": {"type": "If"}}]}}, "the member 'condition' is missing"),
        ({"statements": {"def": [{"name": "X", "expression": []}]}}, "a member has the wrong form"),
        ({"identifier": "E"}, "a member has the wrong form"),
        ({"codes": {"def": [{"name": "C", "id": "c", "codeSystem": {"name": "S"}}]}}, "unknown code system 'S'"),
    ],
)
def test_what_is_no_elm_is_refused(elm: dict[str, Any], message: str) -> None:
    """A tree of another form is content with a problem, not a crash."""
    with pytest.raises((DefinitionError, ExpressionSemanticError, NotFoundError), match=message):
        compile_library(elm).evaluate(evaluation(), "X")
